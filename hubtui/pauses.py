"""Pause and exam: when the watchdog keeps still, and when everything else does.

Both live in ``state_dir`` and survive a reboot. Exams come from ``exam.dates`` in course.yaml, and
from ``hubtui watchdog exam FROM-TO``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from hubtui.course import Course
from hubtui.errors import Refused, StateError, UsageError
from hubtui.names import shown
from hubtui.plan.journal import Journal
from hubtui.plan.locks import lock
from hubtui.state import read_document, write_document

FILE = "pauses.json"
FROM_COURSE = "course.yaml"
BY_HAND = "by hand"
_KEPT = timedelta(days=30)
"""How long an exam that is over stays in the file."""
At = Annotated[datetime, Meta(tz=True)]


class Pause(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The watchdog looks, and does nothing else."""

    at: At
    until: At | None = None
    """None: until somebody ends it."""
    by: str
    why: str = ""
    """Safe to show."""


class Exam(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename={"from_": "from"}):
    """One exam, in UTC: it runs from ``from_`` until before ``to``."""

    from_: At
    to: At
    students: int | None = None
    """How many will come."""
    sheet: str | None = None
    """The sheet that may be released while it runs."""
    source: str = BY_HAND
    """``course.yaml`` or ``by hand``."""
    id: str = ""
    """What ``exam --drop`` calls it; empty for one of course.yaml."""


class Pauses(msgspec.Struct, frozen=True, kw_only=True):
    """``pauses.json``."""

    format: int = 1
    pause: Pause | None = None
    exams: tuple[Exam, ...] = ()


class Look(NamedTuple):
    """What holds at one moment, as far as it can be known."""

    pause: Pause | None
    exam: Exam | None
    trouble: str = ""
    """Why the file could not be read; exams of course.yaml are known all the same."""


# --- looking ------------------------------------------------------------------------------------


def path(state_dir: Path) -> Path:
    """Where pause and exams by hand are kept."""
    return state_dir / FILE


def read(state_dir: Path) -> Pauses:
    """The file as it is. Raises StateError."""
    return read_document(path(state_dir), Pauses) or Pauses()


def paused(state_dir: Path, at: datetime) -> Pause | None:
    """The pause that holds; one whose time is over is none. Raises StateError."""
    return _holding(read(state_dir), at)


def exams(course: Course, state_dir: Path) -> list[Exam]:
    """Every exam of course.yaml and by hand, the earliest first. Raises StateError."""
    return _sorted(*_from_course(course), *read(state_dir).exams)


def exam_at(course: Course, state_dir: Path, at: datetime) -> Exam | None:
    """The exam that runs; of several the one that ends last. Raises StateError."""
    return _last(_running(exams(course, state_dir), at))


def look(course: Course, state_dir: Path, at: datetime) -> Look:
    """Pause and exam for the watchdog: a file that cannot be read is no pause, and is told."""
    try:
        known, trouble = read(state_dir), ""
    except StateError as e:
        known, trouble = Pauses(), str(e)
    every = _sorted(*_from_course(course), *known.exams)
    return Look(_holding(known, at), _last(_running(every, at)), trouble)


def held(course: Course, state_dir: Path, at: datetime, sheets: Collection[str] = ()) -> str:
    """Why releases, repairs and removals are held now, as a sentence; empty where they are not.

    ``sheets`` are those that would be released: an exam's own one is not held. Raises StateError.
    """
    running = _running(exams(course, state_dir), at)
    own = {exam.sheet for exam in running}
    last = _last(running)
    if last is None or (sheets and own.issuperset(sheets)):
        return ""
    until = clock(course, last.to, at)
    return f"An exam runs until {until}: releases, repairs and removals wait until it is over."


def last_end(course: Course, state_dir: Path, at: datetime) -> datetime:
    """When the last exam before ``at`` was over; the beginning of time where there was none.

    What an exam held is not late before that. Raises StateError.
    """
    ends = [exam.to for exam in exams(course, state_dir) if exam.to <= at]
    return max(ends, default=datetime.min.replace(tzinfo=UTC))


def clock(course: Course, then: datetime, at: datetime) -> str:
    """``11:00``, and with its day where that is another: on the course's own clocks."""
    from hubtui.when import zone_of

    zone = zone_of(course)
    here = then.astimezone(zone)
    same = here.date() == at.astimezone(zone).date()
    return f"{here:%H:%M}" if same else f"{here:%a %d %b, %H:%M}"


def _holding(known: Pauses, at: datetime) -> Pause | None:
    pause = known.pause
    return pause if pause and (pause.until is None or at < pause.until) else None


def _from_course(course: Course) -> list[Exam]:
    if not course.exam.dates:
        return []
    from hubtui.when import on_the_wall, zone_of

    zone = zone_of(course)
    return [
        Exam(
            from_=on_the_wall(date.from_, zone),
            to=on_the_wall(date.to, zone, last=True),
            students=date.students,
            sheet=date.sheet,
            source=FROM_COURSE,
        )
        for date in course.exam.dates
    ]


def _sorted(*found: Exam) -> list[Exam]:
    return sorted(found, key=lambda exam: (exam.from_, exam.to, exam.id))


def _running(found: Collection[Exam], at: datetime) -> list[Exam]:
    return [exam for exam in found if exam.from_ <= at < exam.to]


def _last(running: Collection[Exam]) -> Exam | None:
    return max(running, key=lambda exam: exam.to, default=None)


# --- changing -----------------------------------------------------------------------------------


def pause(state_dir: Path, until: datetime | None, by: str, why: str, at: datetime) -> Pause:
    """Have the watchdog keep still, in place of a pause that is there.

    Raises UsageError where ``until`` is over, LockHeld, StateError.
    """
    if until is not None and until <= at:
        raise UsageError("A pause ends after it begins: this time is over.")
    new = Pause(at=at, until=until, by=by, why=shown(why, 200))
    with _changing(state_dir, by) as (now, write):
        write(msgspec.structs.replace(now, pause=new))
    _note(state_dir, at, by, "pause", new.why)
    return new


def resume(state_dir: Path, by: str, at: datetime) -> Pause | None:
    """End the pause; returns the one that held. Raises LockHeld, StateError."""
    with _changing(state_dir, by) as (now, write):
        if now.pause is not None:
            write(msgspec.structs.replace(now, pause=None))
    ended = _holding(now, at)
    if ended is not None:
        _note(state_dir, at, by, "resume")
    return ended


def add_exam(
    state_dir: Path,
    from_: datetime,
    to: datetime,
    by: str,
    at: datetime,
    *,
    students: int | None = None,
    sheet: str | None = None,
) -> Exam:
    """Enter an exam by hand. Raises UsageError where it has no length, LockHeld, StateError."""
    if to <= max(from_, at):
        raise UsageError("An exam ends after it begins, and not before now.")
    with _changing(state_dir, by) as (now, write):
        there = {exam.id for exam in now.exams}
        new = Exam(from_=from_, to=to, students=students, sheet=sheet, id=_new_id(there))
        kept = [exam for exam in now.exams if exam.to > at - _KEPT]
        write(msgspec.structs.replace(now, exams=tuple(_sorted(*kept, new))))
    _note(state_dir, at, by, "exam")
    return new


def drop_exam(state_dir: Path, id_: str, by: str, at: datetime) -> Exam:
    """Take back an exam that was entered by hand; it ends at once where it runs.

    Raises Refused where there is none of that id, LockHeld, StateError.
    """
    with _changing(state_dir, by) as (now, write):
        found = next((exam for exam in now.exams if exam.id == id_), None)
        if found is None:
            raise Refused(
                f"There is no exam {shown(id_, 40)} that was entered by hand; one of course.yaml "
                "is taken out there. See: hubtui watchdog exam --list"
            )
        rest = tuple(exam for exam in now.exams if exam.id != id_)
        write(msgspec.structs.replace(now, exams=rest))
    _note(state_dir, at, by, "drop exam")
    return found


@contextlib.contextmanager
def _changing(state_dir: Path, by: str) -> Iterator[tuple[Pauses, Callable[[Pauses], None]]]:
    with lock(state_dir, "pauses", f"pause or exam, by {by}", patience=5):
        yield read(state_dir), lambda after: write_document(path(state_dir), after)


def _note(state_dir: Path, at: datetime, by: str, kind: str, text: str = "") -> None:
    log = Journal(state_dir, lambda: at, run="", kind=kind, by=by)
    log.write("over", subject="watchdog", outcome="done", text=text)


def _new_id(there: Collection[str]) -> str:
    import secrets  # 5 ms that the minutely check need not wait for

    while (id_ := f"e{secrets.randbelow(900) + 100}") in there:
        pass
    return id_
