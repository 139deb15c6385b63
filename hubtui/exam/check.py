"""The exam check: every question that has to be answered before students sit down."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from hubtui import pauses
from hubtui.errors import HubtuiError
from hubtui.exam import cpu, guarded, logins, memory, place, released, upkeep
from hubtui.exam.records import Answer, Readiness
from hubtui.exam.subject import Subject, students_of
from hubtui.findings import State
from hubtui.names import shown
from hubtui.pauses import Exam
from hubtui.server import Server
from hubtui.students import Survey, survey

QUESTIONS: tuple[tuple[str, str, Callable[[Subject], Answer | None]], ...] = (
    ("memory", "Do they fit?", memory.fits),
    ("start", "How long until all are in?", cpu.start),
    ("log-in", "Can everybody log in?", logins.log_in),
    ("hub", "Does the hub answer?", guarded.answers),
    ("space", "Is there space on the disk?", place.space),
    ("released", "Has everybody the sheet?", released.to_all),
    ("watchdog", "Is the watchdog awake?", guarded.watchdog),
    ("certificate", "Is the certificate valid?", guarded.certificate),
    ("restart", "Will the server be left alone?", upkeep.restart),
    ("changes", "Is nothing else to come?", upkeep.changes),
    ("clock", "Is the clock right?", upkeep.time),
)
"""Each with its key and what it asks; one that does not concern this course answers None."""


def readiness(
    server: Server,
    students: int | None = None,
    *,
    quick: bool = False,
    seen: Survey | None = None,
) -> Readiness:
    """Look at everything for the exam that runs or comes next; without one, as if it were now.

    ``students``: how many will come; else as many as the exam says, else as many as there are
    course accounts. ``quick``: nothing is asked that takes long, for a screen that looks again and
    again; the rest is taken from the watchdog's last look. ``seen``: a survey that was just made.
    Raises nothing but StateError, where which exam it is cannot be read.
    """
    at = server.clock()
    exam = next_exam(server, at)
    seen = seen or survey(server)
    count = students or (exam.students if exam else None) or len(students_of(seen))
    subject = Subject(
        server=server,
        at=at,
        exam=exam,
        students=count,
        seen=seen,
        quick=quick,
    )
    found = (_answer(subject, *question) for question in QUESTIONS)
    return Readiness(
        at=at,
        exam=exam,
        students=count,
        answers=tuple(answer for answer in found if answer is not None),
    )


def next_exam(server: Server, at: datetime) -> Exam | None:
    """The exam that runs, else the next one. Raises StateError."""
    known = pauses.exams(server.course, server.state)
    return next((exam for exam in known if exam.to > at), None)


def _answer(
    subject: Subject, key: str, question: str, ask: Callable[[Subject], Answer | None]
) -> Answer | None:
    try:
        return ask(subject)
    except HubtuiError as e:
        why = str(e)
    except OSError as e:
        why = f"{e.filename}: {e.strerror}." if e.filename else f"{e.strerror or e}."
    return Answer(key=key, question=question, state=State.UNKNOWN, text=shown(why, 300))
