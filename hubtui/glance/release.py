"""The release: who has the last sheet, what comes next, what of it needs a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import NamedTuple

from hubtui.clock import moment, parse
from hubtui.findings import Finding, Severity
from hubtui.glance.gather import Ground
from hubtui.glance.records import Part, part
from hubtui.release import ledger, schedule, store
from hubtui.release.chosen import called
from hubtui.release.ledger import LACKING, Delivered
from hubtui.release.schedule import Entry, State
from hubtui.release.store import Version
from hubtui.server import Server
from hubtui.units import counted

PANE = "release"
_PLANNED = timedelta(days=1)
"""How long before a release somebody may have planned it."""


class Last(NamedTuple):
    """The sheet that was released last, and what became of it."""

    sheet: str
    version: Version
    students: int
    lacking: Sequence[int]
    """The uids of those who do not have all of it."""
    given: dict[tuple[int, str], Delivered]


def look(ground: Ground) -> Part:
    """Look at store, ledger and schedule. Raises HubtuiError."""
    server = ground.server
    if server.course.release is None:
        return part("release", "release", "no release in course.yaml", pane=PANE)
    coming = [entry for entry in schedule.entries(server) if entry.open]
    found = schedule.findings(server) if coming else []
    last = _last(ground)
    if last is not None:
        found += [*_incomplete(server, last), *_nobody_hands_out(server, found)]
    missing = tuple(each for each in ground.seen.missing if each.what in ("accounts", "roster"))
    text = _text(ground, last, coming)
    return part("release", "release", text, pane=PANE, findings=tuple(found), missing=missing)


def _last(ground: Ground) -> Last | None:
    records = store.records(ground.server)
    out = [(version, sheet) for sheet, one in records.items() if (version := store.released(one))]
    if not out:
        return None
    version, sheet = max(out, key=lambda pair: (pair[0].since, pair[1]))
    given = ledger.read(ground.server.state)
    uids = [account.uid for account in ground.seen.attending.values()]
    lacking = [uid for uid in uids if not _has(given.get((uid, sheet)), version)]
    return Last(sheet, version, len(uids), lacking, given)


def _has(given: Delivered | None, version: Version) -> bool:
    return given is not None and given.version >= version.number and given.state not in LACKING


def _text(ground: Ground, last: Last | None, coming: Sequence[Entry]) -> str:
    said = "nothing released yet"
    if last is not None:
        has = last.students - len(last.lacking)
        when = moment(parse(last.version.since), ground.at)
        said = f"{called(last.sheet)} to {has} of {last.students} ({when})"
    waiting = next((entry for entry in coming if entry.state is State.WAITING), None)
    if waiting is None:
        return said
    return f"{said}; next: {schedule.title(waiting)}, {moment(waiting.at, ground.at)}"


# --- findings -----------------------------------------------------------------------------------


def _incomplete(server: Server, last: Last) -> Iterator[Finding]:
    """Whom it did not reach; who comes late gets it within a minute, and is no finding."""
    if not last.lacking:
        return
    from hubtui.release import history, status  # the runs of days, which mostly nobody needs

    ran = history.ran(server.state, parse(last.version.since) - _PLANNED)[0]
    troubles = status.troubles(ran)
    left = status.cancelled(troubles, last.given)  # by a person's will
    bad: Counter[str] = Counter()
    for uid in last.lacking:
        key = (uid, last.sheet)
        given, trouble = last.given.get(key), troubles.get(key)
        if given is not None and given.state in LACKING:
            bad[given.state] += 1
        elif trouble is not None and key not in left:
            bad[trouble.state] += 1
    if bad:
        why = ", ".join(f"{n} {state.replace('_', ' ')}" for state, n in bad.most_common())
        yield Finding(
            id="release.incomplete",
            severity=Severity.WARNING,
            text=f"{called(last.sheet)} did not reach {counted(bad.total(), 'student')}: {why}.",
            do="See why: sudo hubtui release status",
            pane=PANE,
            row=last.sheet,
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
