"""The release: who has the last sheet, what comes next, what of it needs a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta

from hubtui.clock import moment, parse
from hubtui.findings import Finding, Severity
from hubtui.glance.gather import Ground
from hubtui.glance.records import Part, part
from hubtui.release import history, ledger, schedule, status, store
from hubtui.release.chosen import called
from hubtui.release.schedule import Entry
from hubtui.release.status import Released, Standing
from hubtui.server import Server
from hubtui.students import Survey
from hubtui.units import counted

PANE = "release"
_PLANNED = timedelta(days=1)
"""How long before a release somebody may have planned it."""


def look(ground: Ground) -> Part:
    """Look at store, ledger and schedule. Raises HubtuiError."""
    server = ground.server
    if server.course.release is None:
        return part("release", "release", "no release in course.yaml", pane=PANE)
    coming = [entry for entry in schedule.entries(server) if entry.open]
    found = schedule.findings(server) if coming else []
    last = next((s for s in status.released(store.records(server)) if s.released), None)
    if last is None:
        text = _together("nothing released yet", coming, ground)
        return part("release", "release", text, pane=PANE, findings=tuple(found))
    standing = _standing(server, ground.seen, last)
    got = sum(_has(standing, name, last) for name in standing.students)
    when = moment(parse(last.since), ground.at)
    said = f"{called(last.name)} to {got} of {len(standing.students)} ({when})"
    found += [*_incomplete(standing, last), *_nobody_hands_out(server, found)]
    missing = tuple(each for each in ground.seen.missing if each.what in ("accounts", "roster"))
    return part(
        "release",
        "release",
        _together(said, coming, ground),
        pane=PANE,
        findings=tuple(found),
        missing=missing,
    )


def _together(said: str, coming: Sequence[Entry], ground: Ground) -> str:
    waiting = [entry for entry in coming if entry.state is schedule.State.WAITING]
    if not waiting:
        return said
    return f"{said}; next: {schedule.title(waiting[0])}, {moment(waiting[0].at, ground.at)}"


def _standing(server: Server, seen: Survey, last: Released) -> Standing:
    """Who has it. The runs are many, and are read only where somebody lacks it."""
    deliveries = ledger.read(server.state)
    found = Standing(
        at=seen.at,
        sheets=[last],
        students={name: account.uid for name, account in sorted(seen.students.items())},
        deliveries=deliveries,
    )
    if all(_has(found, name, last) for name in found.students):
        return found
    return Standing(
        at=found.at,
        sheets=found.sheets,
        students=found.students,
        deliveries=deliveries,
        troubles=status.troubles(history.ran(server.state, parse(last.since) - _PLANNED)[0]),
    )


def _has(standing: Standing, name: str, sheet: Released) -> bool:
    given = standing.given(name, sheet.name)
    whole = given is not None and given.version >= sheet.version and given.state not in status.BAD
    return whole and standing.trouble(name, sheet.name) is None


# --- findings -----------------------------------------------------------------------------------


def _incomplete(standing: Standing, sheet: Released) -> Iterator[Finding]:
    """Whom the last release did not reach, but by a person's will."""
    bad: Counter[str] = Counter()
    for name in standing.students:
        given, trouble = standing.given(name, sheet.name), standing.trouble(name, sheet.name)
        if trouble is not None and not trouble.cancelled:
            bad[trouble.state] += 1
        elif trouble is None and given is not None and given.state in status.BAD:
            bad[given.state] += 1
    if bad:
        why = ", ".join(f"{n} {state.replace('_', ' ')}" for state, n in bad.most_common())
        yield Finding(
            id="release.incomplete",
            severity=Severity.WARNING,
            text=f"{called(sheet.name)} did not reach {counted(bad.total(), 'student')}: {why}.",
            do="See why: sudo hubtui release status",
            pane=PANE,
            row=sheet.name,
        )


def _nobody_hands_out(server: Server, found: Sequence[Finding]) -> Iterator[Finding]:
    if any(finding.id == "release.due" for finding in found) or schedule.is_alive(server):
        return
    yield Finding(
        id="release.due",
        severity=Severity.WARNING,
        text="hubtui due does not run each minute: who joins late gets nothing by itself.",
        do="sudo hubtui install timers",
        pane=PANE,
    )
