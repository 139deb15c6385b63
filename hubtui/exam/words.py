"""The exam check in one line: for the top of the glance."""

from __future__ import annotations

from datetime import datetime

from hubtui.exam.records import Answer, Readiness
from hubtui.findings import State
from hubtui.units import in_two_units


def one_line(readiness: Readiness, at: datetime) -> str:
    """``Exam in 30 min: GO``; ``Exam in 30 min: NOT YET: certificate: it ends on …``."""
    return f"{when(readiness, at)}: {verdict(readiness)}"


def when(readiness: Readiness, at: datetime) -> str:
    """``Exam in 30 min``, ``Exam, 1 h 20 min to go``, ``An exam now``."""
    exam = readiness.exam
    if exam is None:
        return f"An exam with {readiness.students} now"
    if at < exam.from_:
        return f"Exam in {in_two_units((exam.from_ - at).total_seconds())}"
    return f"Exam, {in_two_units((exam.to - at).total_seconds())} to go"


def verdict(readiness: Readiness) -> str:
    """``GO``, or ``NOT YET`` with the worst answer."""
    if readiness.go:
        open_ = sum(answer.state is State.WARNING for answer in readiness.answers)
        return f"GO ({open_} to look at)" if open_ else "GO"
    worst = worst_of(readiness)
    return f"NOT YET: {worst.key}: {worst.text}"


def worst_of(readiness: Readiness) -> Answer:
    """The answer that speaks most against it; of equals the first."""
    order = list(State)
    return min(readiness.answers, key=lambda answer: order.index(answer.state))
