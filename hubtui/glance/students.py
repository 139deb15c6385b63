"""The students: accounts, running servers, who uses most; what is wrong with accounts."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator

from hubtui import limits
from hubtui.drift.accounts import grave
from hubtui.findings import Finding, Severity
from hubtui.glance.gather import Ground
from hubtui.glance.records import Part, part
from hubtui.names import shown
from hubtui.server import homes, machine
from hubtui.server.uses import Use
from hubtui.students import Survey
from hubtui.units import counted, megabytes

PANE = "accounts"
_OURS = frozenset({"accounts", "roster", "homes", "uid ledger", "expected names"})
"""The parts of a survey that this line tells of."""
_LARGEST = 3


def look(ground: Ground) -> Part:
    """Look at accounts, homes and processes. Raises OSError."""
    seen = ground.seen
    users = {
        name: ground.uses[account.uid]
        for name, account in seen.students.items()
        if account.uid in ground.uses
    }
    found = (*_greedy(ground, users), *_strange(seen))
    missing = tuple(each for each in seen.missing if each.what in _OURS)
    return part(
        "students", "students", _text(seen, users), pane=PANE, findings=found, missing=missing
    )


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


def _strange(seen: Survey) -> Iterator[Finding]:
    """One finding for all, or a term that begins would fill the screen."""
    found = {
        name: words
        for name, account in sorted(seen.students.items())
        if (words := grave(seen, account, homes.look(account.home)))
    }
    if not found:
        return
    first = next(iter(found))
    risky = any(seen.power_of(seen.students[name]) for name in found)
    if len(found) == 1:
        text = f"{shown(first, 40)} is not as it should be: {shown(', '.join(found[first]), 120)}."
    else:
        counts = Counter(words[0] for words in found.values())
        kinds = ", ".join(f"{n} × {shown(word, 60)}" for word, n in counts.most_common(3))
        text = f"{len(found)} accounts are not as they should be: {kinds}."
    yield Finding(
        id="students.drift",
        severity=Severity.CRITICAL if risky else Severity.WARNING,
        text=text,
        do="See each: sudo hubtui accounts list",
        pane=PANE,
        row=first,
    )
