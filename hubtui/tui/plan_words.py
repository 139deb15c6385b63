"""What a plan's dialog says: totals, what to know first, and a row for each subject.

Made in the thread that makes the plan: with 5,000 students it is too much for the event loop.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from hubtui.changes import FILES, SHORT, StepLine, SubjectLine, in_short, is_beside, totals
from hubtui.names import shown
from hubtui.plan.plans import Plan
from hubtui.server import Server
from hubtui.tui.columns import Row

_IDLE = ("kept", "deleted")
"""What becomes of files that nobody touches."""
_SHEET = {
    ("release", False): "released from now on",
    ("release", True): "tried out: released for nobody else",
    ("withdraw", False): "withdrawn: nobody gets it any more",
}
"""By the kind of a sheet's own step, and whether it is a trial."""
_BELONG = ("back", "off")
"""Take back, bring back, switch off: half of the word would be another."""


class Told(NamedTuple):
    """A plan in words."""

    title: str
    totals: str
    rows: dict[str, Row]
    """Who and what, those with something to read first."""
    about: Sequence[str] = ()
    """What it is about, more closely than the title."""
    warnings: Sequence[str] = ()

    @property
    def verb(self) -> str:
        """What the button says: ``Repair``, ``Switch off``."""
        first, second, *_ = *self.title.split(" "), ""
        return f"{first} {second}" if second in _BELONG else first


def sheets_of(plan: Plan) -> frozenset[str]:
    """The keys of the subjects that are nobody: sheets, or what closes a plan."""
    return frozenset(str(subject.get("key")) for subject in plan.subjects if is_beside(subject))


def told(
    plan: Plan,
    lines: Sequence[SubjectLine],
    *,
    about: Sequence[str] = (),
    warnings: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
    trial: bool = False,
) -> Told:
    """``labels``: what a sheet is, or how much somebody has, by the key; ``warnings``: those that
    stand before all others.
    """
    sheets, labels = sheets_of(plan), labels or {}
    people = [line for line in lines if line.key not in sheets]
    rows: dict[str, Row] = {}
    for line in sorted(lines, key=lambda line: _rank(line, sheets)):
        what = _of_sheet(line, trial=trial) if line.key in sheets else _gist(line)
        if label := labels.get(line.key):
            what = f"{what}, {label}" if line.key in sheets else f"{label}: {what}"
        rows[line.key] = (shown(line.name, limit=60), ("! " if line.notes else "") + what)
    return Told(
        title=shown(plan.title),
        totals=totals(people),  # the sheets are no sum worth reading
        rows=rows,
        about=about,
        warnings=(*warnings, *_notes(lines, sheets)),
    )


def told_of_change(server: Server, plan: Plan, lines: Sequence[SubjectLine]) -> Told:
    """A change of accounts or sign-ups; of a removal, how much goes and when, too."""
    if plan.kind != "retire":
        return told(plan, lines)
    from hubtui.retire import words

    labels = {one.key: words.amount(one) for one in words.leavers(plan)}
    said = told(plan, lines, about=words.about(server, plan), labels=labels)
    return said._replace(totals="")  # a dozen steps for each: who wants them presses Enter


def idle(plan: Plan, lines: Sequence[SubjectLine]) -> str:
    """A sentence where a release has nothing to do for anybody, not even to note; else empty."""
    if plan.kind != "push" or not all(step.done for line in lines for step in line.steps):
        return ""
    sheets = sheets_of(plan)
    people = [line for line in lines if line.key not in sheets]
    who = shown(people[0].name, limit=40) if len(people) == 1 else f"All {len(people)} students"
    said = f"{who} {'has' if len(people) == 1 else 'have'} all of it: there is nothing to do."
    if any(step.counts.get("deleted") for line in people for step in line.steps):
        said += " What was deleted stays so; g in the list (v) gives it again."
    return said


def _rank(line: SubjectLine, sheets: Collection[str]) -> int:
    """Trouble first, then what is not simply new, then the others, and the sheets at last."""
    if line.key in sheets:
        return 3
    if line.notes:
        return 0
    odd = ("beside", *_IDLE)
    return 1 if any(step.counts.get(state) for step in line.steps for state in odd) else 2


def _notes(lines: Sequence[SubjectLine], sheets: Collection[str]) -> list[str]:
    """The notes of all subjects, each with its name where there are several; sheets' first."""
    several = len(lines) > 1
    ordered = sorted(lines, key=lambda line: line.key not in sheets)
    return [
        f"{shown(line.name, limit=20)}: {note}" if several and line.name not in note else note
        for line in ordered
        for note in map(shown, line.notes)
    ]


def _of_sheet(line: SubjectLine, *, trial: bool) -> str:
    for step in line.steps:
        if not step.done:
            return _SHEET.get((step.kind, trial), step.kind)
    return "nothing to note"


def _gist(line: SubjectLine) -> str:
    """What is still to be done for one: ``useradd, home``, ``12 new · 1 kept``."""
    files = [s for s in line.steps if s.kind in FILES and s.counts.keys() <= SHORT.keys()]
    if files:
        return " · ".join(map(_files, files))
    todo = []
    for step in line.steps:
        if not step.done and step.kind != "check":
            amounts = {k: n for k, n in step.counts.items() if k != step.kind}
            todo += [f"{count} {what}" for what, count in amounts.items()] or [step.kind]
    return ", ".join(todo) or "nothing to do"


def _files(step: StepLine) -> str:
    """What becomes of files; those that are as they should be are not worth a word."""
    counts = {state: count for state, count in step.counts.items() if state != "same"}
    if counts.keys() - set(_IDLE) and not step.done:
        return in_short(counts)
    rest = in_short(counts)
    if rest:
        return f"nothing to do: {rest}"
    return "has all of it" if step.kind == "deliver" else "has no copy of it"
