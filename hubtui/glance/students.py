"""The students: accounts, running servers, who uses most; what is wrong with accounts."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence

from hubtui import drift, limits
from hubtui.drift.records import Drift
from hubtui.errors import StateError
from hubtui.findings import Finding, Severity
from hubtui.glance.gather import Ground
from hubtui.glance.records import Part, part
from hubtui.names import shown
from hubtui.retire.overdue import Overdue, overdue
from hubtui.server import machine
from hubtui.server.uses import Use
from hubtui.students import Missing, Survey
from hubtui.units import counted, megabytes

PANE = "accounts"
_OURS = frozenset({"accounts", "roster", "homes", "uid ledger", "expected names", "account files"})
"""The parts of a survey that this line tells of."""
_LARGEST = 3
_FEW = 3
"""Alarms of a kind that are told one by one."""


def look(ground: Ground) -> Part:
    """Look at accounts, homes and processes. Raises OSError."""
    seen = ground.seen
    users = {
        name: ground.uses[account.uid]
        for name, account in seen.students.items()
        if account.uid in ground.uses
    }
    strange = drift.look(ground.server, seen, ground.uses)
    missing = [*(each for each in seen.missing if each.what in _OURS), *strange.missing]
    late: list[Overdue] = []
    try:
        late = overdue(ground.server, seen.leaving)
    except StateError as e:
        missing.append(Missing(what="who should be gone", why=str(e)))
    found = (*_greedy(ground, users), *_strange(strange.drift), *_late(late))
    text = _text(seen, users)
    return part("students", "students", text, pane=PANE, findings=found, missing=tuple(missing))


def _text(seen: Survey, users: dict[str, Use]) -> str:
    servers = sum(use.server for use in users.values())
    text = f"{counted(len(seen.students), 'account')}, {counted(servers, 'server')} running"
    largest = sorted(users.items(), key=lambda pair: (-pair[1].memory, pair[0]))[:_LARGEST]
    most = ", ".join(
        f"{shown(name, 20)} {megabytes(use.memory)}" for name, use in largest if use.memory
    )
    return f"{text}; most memory: {most}" if most else text


# --- findings -----------------------------------------------------------------------------------


def _greedy(ground: Ground, users: dict[str, Use]) -> Iterator[Finding]:
    total = machine.numbers().total
    for name, use in users.items():
        share = 100 * use.memory / total if total else 0.0
        severity = limits.judge(ground.server.course.limits, "student_memory", share)
        if severity is not None:
            who = shown(name, 40)
            yield Finding(
                id="students.memory",
                severity=severity,
                text=f"{who} uses {megabytes(use.memory)}, {share:.0f} % of all memory.",
                do=f"sudo hubtui accounts stop {shown(shlex.quote(name), 60)}",
                pane=PANE,
                row=name,
            )


def _late(found: Sequence[Overdue]) -> Iterator[Finding]:
    """Who should be gone and is still here, in one finding."""
    if not found:
        return
    first = found[0]
    who = shown(first.who.name, 40)
    text = f"{who} is to be gone by now and is still here: {shown(first.why, 300)}"
    do = f"sudo hubtui accounts retire {shown(shlex.quote(first.who.name), 60)}"
    if len(found) > 1:
        text = f"{len(found)} accounts are to be gone by now. {text}"
    yield Finding(
        id="students.overdue",
        severity=Severity.WARNING,
        text=text,
        do=do,
        pane=PANE,
        row=first.who.name,
    )


def _strange(found: Sequence[Drift]) -> Iterator[Finding]:
    """Each alarm by itself, unless there are many of a kind; all warnings are one finding, or a
    term that begins would fill the screen."""
    of_kind: dict[str, list[Drift]] = {}
    for one in found:
        if one.severity is Severity.CRITICAL:
            of_kind.setdefault(f"students.{one.code}", []).append(one)
        elif one.severity is Severity.WARNING:
            of_kind.setdefault("students.drift", []).append(one)
    for id_, same in of_kind.items():
        alone = id_ != "students.drift" and len(same) <= _FEW
        for each in [[one] for one in same] if alone else [same]:
            yield _finding(id_, each)


def _finding(id_: str, found: Sequence[Drift]) -> Finding:
    first = found[0]
    text, do = first.text, first.do
    if len(found) > 1:
        kinds = Counter(one.code for one in found).most_common()
        words = {one.code: one.short for one in reversed(found)}
        said = ", ".join(f"{n} × {shown(words[code], 60)}" for code, n in kinds[:_FEW])
        more = f" and {len(kinds) - _FEW} kinds more" if len(kinds) > _FEW else ""
        text = f"{len(found)} accounts, sign-ups or homes are not as they should be: {said}{more}."
        do = "See each: sudo hubtui accounts check"
    return Finding(id=id_, severity=first.severity, text=text, do=do, pane=PANE, row=first.name)
