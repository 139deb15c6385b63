"""The machine: memory with what students use, swap, kills, load, filesystems, clock, reboot."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from hubtui import limits, usage
from hubtui.clock import moment
from hubtui.course import Course
from hubtui.errors import HubtuiError, StateError
from hubtui.findings import Finding, Severity
from hubtui.glance.gather import Ground
from hubtui.glance.records import Part, part
from hubtui.names import shown
from hubtui.server import Server, disks, machine, timekeeping, uses
from hubtui.server.disks import Disk
from hubtui.server.hub import database_file
from hubtui.server.machine import Numbers
from hubtui.students import Missing, enrolled
from hubtui.units import counted, megabytes

REBOOT = Path("/run/reboot-required")
_DAY = timedelta(days=1)
_STOP = "sudo hubtui accounts stop --idle 60"


def look(ground: Ground) -> Part:
    """Look at /proc, and at filesystems through df. Raises OSError, HubtuiError."""
    server = ground.server
    numbers = machine.numbers()
    load = os.getloadavg()[1] / max(1, numbers.cpus)
    seen = disks.look(_paths(server))
    uids = {account.uid for account in enrolled(server.course, ground.at).values()}
    students = sum(use.memory for use in uses.of(ground.uses, uids).values())
    missing: list[Missing] = []
    found = [
        *of_numbers(server.course, numbers, students, load, seen.disks),
        *_kills(ground, numbers, missing),
        *_clock(server.course),
        *_reboot(),
    ]
    missing += [_unseen(path, "it does not answer") for path in seen.silent]
    missing += [_unseen(path, why) for path, why in seen.odd]
    text = _text(numbers, students, load, seen.disks)
    return part("machine", "machine", text, findings=tuple(found), missing=tuple(missing))


def _paths(server: Server) -> list[Path]:
    """What has to have room."""
    found = [Path("/"), server.course.accounts.homes, server.state, Path("/tmp")]  # noqa: S108
    with suppress(HubtuiError):
        found.append(database_file(server.course.hub.database).parent)
    return found


def _unseen(path: Path, why: str) -> Missing:
    return Missing(what=f"filesystem of {shown(str(path), 80)}", why=shown(why, 120))


def _text(numbers: Numbers, students: int, load: float, seen: Sequence[Disk]) -> str:
    memory = f"{megabytes(numbers.available)} of {megabytes(numbers.total)} memory free"
    words = [f"{memory} (students use {megabytes(students)})" if students else memory]
    if swapped := round(_swapped(numbers)):
        words.append(f"swap {swapped} % used")
    words.append(f"load {load:.1f} per core")
    fullest = min(seen, key=lambda disk: _share(disk.free, disk.size), default=None)
    if fullest is not None:
        share = _share(fullest.free, fullest.size)
        words.append(f"{share:.0f} % of {shown(fullest.mount, 40)} free")
    return ", ".join(words)


def _share(share: float, whole: float) -> float:
    """In percent; of nothing all."""
    return 100 * share / whole if whole else 100.0


def _swapped(numbers: Numbers) -> float:
    """Percent of the swap in use; 0 without any."""
    return 100 - _share(numbers.swap_free, numbers.swap_total)


# --- findings -----------------------------------------------------------------------------------


def of_numbers(
    course: Course, numbers: Numbers, students: int, load: float, seen: Sequence[Disk]
) -> Iterator[Finding]:
    """What is over its limit. ``students``: bytes of theirs; ``load``: for each core."""
    yield from _memory(course, numbers, students)
    yield from _swap(course, numbers)
    yield from _load(course, load)
    for disk in seen:
        yield from _disk(course, disk)


def _finding(
    id_: str, severity: Severity | None, text: str, do: str, row: str = "", pane: str = ""
) -> Iterator[Finding]:
    if severity is not None:
        yield Finding(id=id_, severity=severity, text=text, do=do, pane=pane, row=row)


def _memory(course: Course, numbers: Numbers, students: int) -> Iterator[Finding]:
    free = _share(numbers.available, numbers.total)
    text = f"Only {megabytes(numbers.available)} of memory are free"
    text += f"; students' programs use {megabytes(students)}." if students else "."
    severity = limits.judge(course.limits, "memory_free", free)
    yield from _finding("machine.memory", severity, text, _STOP, pane="accounts")


def _swap(course: Course, numbers: Numbers) -> Iterator[Finding]:
    used = _swapped(numbers)
    text = f"{used:.0f} % of the swap is in use: whatever has to be read back is slow."
    severity = limits.judge(course.limits, "swap_used", used)
    yield from _finding("machine.swap", severity, text, _STOP, pane="accounts")


def _kills(ground: Ground, numbers: Numbers, missing: list[Missing]) -> Iterator[Finding]:
    """For a day: what the kernel ended last may have been the hub, or a student's work."""
    try:
        kills = usage.kills(ground.server, numbers, since=ground.at - _DAY)
    except StateError as e:
        missing.append(Missing(what="usage of the last weeks", why=str(e)))
        return
    if kills.number:
        last = f", the last one {moment(kills.last, ground.at)}" if kills.last else ""
        many = "1 process" if kills.number == 1 else f"{kills.number} processes"
        text = f"The kernel ended {many} for want of memory{last}."
        yield from _finding("machine.oom", Severity.WARNING, text, _STOP, pane="accounts")


def _load(course: Course, load: float) -> Iterator[Finding]:
    text = f"{load:.1f} processes want each core: everything is slow."
    severity = limits.judge(course.limits, "load", load)
    yield from _finding("machine.load", severity, text, "Find who computes: top", pane="accounts")


def _disk(course: Course, disk: Disk) -> Iterator[Finding]:
    """One finding for each filesystem: the worst of what is wrong with it."""
    where, quoted = shown(disk.mount, 80), shown(shlex.quote(disk.mount))
    if disk.read_only:
        text = f"{where} cannot be written: it is mounted read-only."
        yield from _finding(
            "machine.read_only", Severity.CRITICAL, text, "See why: dmesg | tail -n 30", where
        )
        return
    space = limits.judge(course.limits, "disk_free", _share(disk.free, disk.size))
    files = limits.judge(course.limits, "inodes_free", _share(disk.inodes_free, disk.inodes))
    order = list(Severity)
    if space and (files is None or order.index(space) <= order.index(files)):
        text = f"{where} has only {megabytes(disk.free)} of {megabytes(disk.size)} left."
        do = f"What takes it: sudo du -xhd1 {quoted} | sort -h | tail"
        yield from _finding("machine.disk", space, text, do, where)
    elif files:
        text = f"{where} has room for only {counted(disk.inodes_free, 'more file')}."
        do = f"Where they are: sudo du -xd1 --inodes {quoted} | sort -n | tail"
        yield from _finding("machine.inodes", files, text, do, where)


def _clock(course: Course) -> Iterator[Finding]:
    service = timekeeping.service()
    off = timekeeping.off_by() if service else None
    if off is not None:
        text = f"The clock may be {off:.0f} s off: {service} does not keep it."
        severity = limits.judge(course.limits, "clock_off", off)
        yield from _finding("machine.clock", severity, text, f"systemctl status {service}")


def _reboot() -> Iterator[Finding]:
    if REBOOT.exists():
        text = "An upgrade wants this server to be started anew."
        yield from _finding("machine.reboot", Severity.NOTE, text, "When nobody works: sudo reboot")
