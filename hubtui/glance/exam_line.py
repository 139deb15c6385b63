"""One line on top while an exam is near, or runs."""

from __future__ import annotations

from datetime import datetime, timedelta

from hubtui import pauses
from hubtui.glance.gather import Ground
from hubtui.glance.records import ExamLine
from hubtui.pauses import Exam
from hubtui.units import in_two_units

NEAR = timedelta(hours=24)


def look(ground: Ground) -> ExamLine | None:
    """``Exam in 30 min``; None where none is near. Raises StateError."""
    exam = near(pauses.exams(ground.server.course, ground.server.state), ground.at)
    if exam is None:
        return None
    return ExamLine(text=when(ground, exam), go=None)


def near(exams: list[Exam], at: datetime) -> Exam | None:
    """The exam that runs, else the next one within NEAR."""
    return next((exam for exam in exams if exam.from_ - NEAR <= at < exam.to), None)


def when(ground: Ground, exam: Exam) -> str:
    """``Exam in 30 min``; ``Exam until 11:00``."""
    if exam.from_ <= ground.at:
        return f"Exam until {pauses.clock(ground.server.course, exam.to, ground.at)}"
    return f"Exam in {in_two_units((exam.from_ - ground.at).total_seconds())}"
