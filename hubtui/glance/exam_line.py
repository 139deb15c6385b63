"""One line on top while an exam is near, or runs: the exam check in a sentence."""

from __future__ import annotations

from datetime import timedelta

from hubtui import pauses
from hubtui.glance.gather import Ground
from hubtui.glance.records import ExamLine

NEAR = timedelta(hours=24)


def look(ground: Ground) -> ExamLine | None:
    """``Exam in 30 min: GO``; None where no exam runs or begins within NEAR. Raises StateError."""
    server, at = ground.server, ground.at
    known = pauses.exams(server.course, server.state)
    if not any(exam.from_ - NEAR <= at < exam.to for exam in known):
        return None
    from hubtui.exam import check, words  # on most days there is none

    found = check.readiness(server, quick=True, seen=ground.seen)
    return ExamLine(text=words.one_line(found, at), go=found.go)
