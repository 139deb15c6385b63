"""Forgetting 500 names beside forgetting one, in the records of the same year: one pass for all."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hubtui import course
from hubtui.clock import stamp
from hubtui.events import EventLog, Outcome, What
from hubtui.plan import plans, runs
from hubtui.plan.journal import Journal
from hubtui.plan.plans import new_plan
from hubtui.plan.runs import RunRecord
from hubtui.release.chosen import Subject
from hubtui.retire import forget
from hubtui.retire.gone import Gone, Names
from hubtui.server import Server, server_of
from hubtui.state import write_document
from tests.bench import course_of
from tests.bench.figure import Figure
from tests.course_on_disk import CONFIG

SIZE = 500
WEEKS = 15
BEGUN = datetime(2026, 10, 1, tzinfo=UTC)
GONE = stamp(BEGUN + timedelta(days=300))
STUDENTS = [(f"pupil-{number:04}", 20000 + number) for number in range(SIZE)]


def forgetting() -> Iterator[Figure]:
    """Seconds for all of them, and how often the time for one."""
    course_of.make(1)
    server = replace(server_of(course.load(CONFIG)), clock=lambda: BEGUN)
    _a_year(server)
    one, every = (_seconds(server, names) for names in (STUDENTS[:1], STUDENTS))
    yield Figure(f"forgetting {SIZE} names in a year of releases, s", every, None)
    yield Figure(f"forgetting {SIZE} names / one name", every / one, 3)


def _seconds(server: Server, gone: list[tuple[str, int]]) -> float:
    copy = server.state.with_name("state-to-forget")
    shutil.copytree(server.state, copy)
    names = Names(Gone(name, uid, GONE) for name, uid in gone)
    began = time.perf_counter()
    waits = forget.forget(replace(server, state=copy), names)
    took = time.perf_counter() - began
    left = forget.left(replace(server, state=copy), names)
    if waits or left:
        raise AssertionError(f"not forgotten: {waits} {left}")
    shutil.rmtree(copy)
    return took


def _a_year(server: Server) -> None:
    """A release a week to everybody, and who had no uid yet in the journal."""
    for week in range(WEEKS):
        at = BEGUN + timedelta(weeks=week)
        subjects = [
            Subject(key=name, name=name, uid=uid, sheets={"week": week}) for name, uid in STUDENTS
        ]
        plan = new_plan("push", f"Release week {week}", subjects, at)
        plans.save(server.state, plan)
        record = RunRecord(id=plan.id, by="root", at=plan.at)
        write_document(runs.record_path(server.state, plan.id), record)
        _carried_out(runs.events_path(server.state, plan.id), plan.id)
        log = Journal(server.state, lambda at=at: at, run=plan.id, kind="approve", by="root")  # type: ignore[misc]
        for name, _ in STUDENTS:
            log.write("end", subject=name, outcome="done", fsync=False)


def _carried_out(path: Path, run: str) -> None:
    log = EventLog(path, run)
    for name, _ in STUDENTS:
        log.emit(What.START, subject=name, step="deliver", text=f"deliver the week to {name}")
        log.emit(What.END, subject=name, outcome=Outcome.DONE, text=f"{name} has 12 files")
    log.emit(What.DONE, outcome=Outcome.DONE)
