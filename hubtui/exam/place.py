"""Is there space for what they write: bytes and files, below homes and below the hub's database."""

from __future__ import annotations

from hubtui import limits
from hubtui.errors import HubForeign
from hubtui.exam.records import Answer
from hubtui.exam.subject import Subject
from hubtui.findings import Severity, State
from hubtui.names import shown
from hubtui.server import machine
from hubtui.server.hub import database_file
from hubtui.server.machine import Filesystem
from hubtui.units import megabytes

EACH = 20 * 10**6
"""Bytes that a student may write in an exam: notebooks with pictures, their checkpoints, caches."""
EACH_FILES = 500


def space(subject: Subject) -> Answer:
    """The question about the disk. Raises OSError."""
    course = subject.server.course
    homes = machine.filesystem(course.accounts.homes)
    looked = [(homes, _judged(subject, homes, subject.students))]
    try:
        database = database_file(course.hub.database).parent
        hub = machine.filesystem(database) if database.is_dir() else homes
    except HubForeign:
        hub = homes
    if hub.total != homes.total or hub.inodes_total != homes.inodes_total:
        looked.append((hub, _judged(subject, hub, 1)))
    order = list(State)
    where, (state, text) = min(looked, key=lambda one: order.index(one[1][0]))
    helps: tuple[tuple[str, str], ...] = ()
    if state is not State.FINE:
        place = shown(where.path)
        command = f"du -xh --max-depth=1 -- {place} | sort -h"
        if where.inodes_total and where.inodes_free < where.inodes_total * 0.15:
            command = f"du -x --inodes --max-depth=1 -- {place} | sort -n"
        helps = (("Look what takes the space", command),)
    return Answer(
        key="space", question="Is there space on the disk?", state=state, text=text, remedies=helps
    )


def _judged(subject: Subject, found: Filesystem, students: int) -> tuple[State, str]:
    place, known = shown(found.path), subject.server.course.limits
    if found.read_only:
        return State.CRITICAL, f"{place} is read-only."
    text = f"{megabytes(found.free)} free below {place}"
    if found.free < students * EACH:
        return State.CRITICAL, f"Only {text}: {students} may write {megabytes(students * EACH)}."
    if found.inodes_total and found.inodes_free < students * EACH_FILES:
        return State.CRITICAL, f"Only {found.inodes_free:,} more files fit below {place}."
    bad = [limits.judge(known, "disk_free", 100 * found.free / max(1, found.total))]
    if found.inodes_total:
        share = 100 * found.inodes_free / found.inodes_total
        bad.append(limits.judge(known, "inodes_free", share))
        text += f", and {found.inodes_free:,} files"
    if Severity.CRITICAL in bad:
        return State.CRITICAL, f"{text}: that is little."
    return (State.WARNING if Severity.WARNING in bad else State.FINE), f"{text}."
