"""What the glance is made of: lines, each from one source, and what needs a person."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from hubtui.findings import Finding, State, state_of, worst, worst_first
from hubtui.students import Missing


class Line(Struct, frozen=True, kw_only=True):
    """One line: of what, how it is, the number that matters."""

    key: str
    """``hub``, ``machine``, ``students`` …: see sources."""
    title: str
    state: State
    text: str
    """Safe to show; what matters most stands first, so that it is never cut off."""
    pane: str = ""
    """Where more of it is."""
    as_of: datetime | None = None
    """When it was looked at, where that could not be done now."""


class Part(Struct, frozen=True, kw_only=True):
    """What one source found."""

    line: Line
    findings: tuple[Finding, ...] = ()
    missing: tuple[Missing, ...] = ()
    """What was configured and could not be looked at."""


class PutOff(Struct, frozen=True, kw_only=True):
    """A finding that somebody put off; it comes back."""

    finding: Finding
    until: datetime


class ExamLine(Struct, frozen=True, kw_only=True):
    """The one line on top while an exam is near, or runs."""

    text: str
    """``Exam in 30 min: GO``; ``NOT YET: certificate: it ends on 2 Feb``."""
    go: bool | None
    """None: not looked at yet."""


class Glance(Struct, frozen=True, kw_only=True):
    """Everything, at one moment."""

    at: datetime
    lines: tuple[Line, ...]
    findings: tuple[Finding, ...]
    """Worst first, without those that are put off."""
    put_off: tuple[PutOff, ...] = ()
    missing: tuple[Missing, ...] = ()
    elsewhere: tuple[str, ...] = ()
    """What others look after."""
    exam: ExamLine | None = None

    @property
    def state(self) -> State:
        """The worst of it; *unknown* is never fine. What is put off does not count; an exam that is
        near and not ready is critical, whatever else is well."""
        exam = (State.CRITICAL,) if self.exam is not None and self.exam.go is False else ()
        lines = (line.state for line in self.lines if line.state is State.UNKNOWN)
        unseen = (State.UNKNOWN for _ in self.missing)
        return worst((state_of(self.findings), *exam, *lines, *unseen))


def part(
    key: str,
    title: str,
    text: str,
    *,
    pane: str = "",
    findings: tuple[Finding, ...] = (),
    missing: tuple[Missing, ...] = (),
    unknown: bool = False,
) -> Part:
    """A source's part: its line is as bad as its worst finding, or unknown."""
    states = [state_of(findings)]
    if unknown or missing:
        states.append(State.UNKNOWN)
    line = Line(key=key, title=title, state=worst(states), text=text, pane=pane)
    return Part(line=line, findings=tuple(worst_first(findings)), missing=missing)
