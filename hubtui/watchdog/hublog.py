"""The hub's own log: where it is, its end, what is new in it, followed.

Lines come as logfile gives them: raw, cut.
"""

from __future__ import annotations

import contextlib
import os
import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

import msgspec
from msgspec import Struct

from hubtui import typed
from hubtui.course import Course
from hubtui.errors import CommandFailed, StateError
from hubtui.server.run import ENVIRONMENT, Run, run
from hubtui.watchdog import datedlogs, known
from hubtui.watchdog.logfile import last, look, open_file, opened, read_lines, split
from hubtui.watchdog.records import Seen

if TYPE_CHECKING:
    import subprocess

_TAIL = 256_000
_FRESH = 128_000
_PATIENCE = 3.0
"""Seconds for the journal."""
_UNIT = re.compile(r"[A-Za-z0-9:_.@\\][A-Za-z0-9:_.@\\-]*")


class Place(Struct, frozen=True):
    """Where the hub's log is: a file, or else the journal of a unit."""

    file: Path | None = None
    unit: str = ""

    def __str__(self) -> str:
        return str(self.file) if self.file is not None else f"journal of {self.unit}"


def place(course: Course, seen: Seen | None, unit: str = "") -> Place | None:
    """Where the log of this hub is: what course.yaml says; the file or the journal that its output
    goes to; the newest dated log in ``watchdog.logs``, where ``tee`` of an old set-up writes; the
    unit's journal after all. Of a hub that is gone (``seen`` is None) it is where its output went;
    ``unit`` is its unit, where the caller knows better. None: nowhere."""
    if course.hub.log is not None:
        return Place(file=course.hub.log)
    output, its_unit = (seen.output, seen.unit) if seen is not None else _remembered(course)
    unit = unit or its_unit
    of_unit = Place(unit=unit) if _UNIT.fullmatch(unit) else None
    if output.startswith("file "):
        file = Path(output.removeprefix("file "))
        if look(file) is not None:  # else deleted, as the old script's find does to open logs
            return Place(file=file)
    if output == "journal" and of_unit is not None:
        return of_unit
    logs = course.watchdog.logs
    newest = datedlogs.newest(logs) if logs is not None else None
    return Place(file=newest) if newest is not None else of_unit


def age(where: Place, at: datetime, run: Run = run) -> float | None:
    """Seconds since it was last written; None where that cannot be seen."""
    if where.file is not None:
        found = look(where.file)
        written = found.st_mtime if found is not None else None
    else:
        written = _last_entry(where.unit, run)
    return max(0.0, at.timestamp() - written) if written is not None else None


def tail(where: Place, lines: int = 200, run: Run = run) -> list[str]:
    """Its last lines, of at most 256 kB; none where it cannot be read."""
    if where.file is None:
        return _journal(where.unit, lines, run)
    with opened(where.file) as fd:
        return [] if fd is None else last(read_lines(fd, 0, _TAIL, to_the_end=True)[0], lines)


def end(where: Place) -> int:
    """How long the file is, in bytes: the first mark for fresh(). 0 for a journal."""
    found = look(where.file) if where.file is not None else None
    return found.st_size if found is not None else 0


def fresh(where: Place, mark: int) -> tuple[list[str], int]:
    """The lines that were written since ``mark``, and the next mark, both in bytes.

    At most the last 128 kB; of a file that shrank, from its start. The journal gives nothing.
    """
    if where.file is None:
        return [], mark
    with opened(where.file) as fd:
        return ([], mark) if fd is None else read_lines(fd, mark, _FRESH)


class Follower:
    """New lines as they come: poll() gives those since the last poll, the first one some before.

    A file that was cut short is read from its start. Of one that was renamed the rest is read, then
    what has its name; beside a dated log the next one, as the old script begins it. The journal
    comes through a journalctl that lives until close().
    """

    def __init__(self, where: Place, lines: int = 200) -> None:
        self._source = (
            _FollowedFile(where.file, lines)
            if where.file is not None
            else _FollowedJournal(where.unit, lines)
        )

    def poll(self) -> list[str]:
        """What is new, of a flood the end; never waits, never raises."""
        return self._source.poll()

    def close(self) -> None:
        """End it."""
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _FollowedFile:
    def __init__(self, path: Path, lines: int) -> None:
        self._path = path
        self._mark = 0
        self._fd = open_file(path)
        self._before = last(self._read(), lines)

    def poll(self) -> list[str]:
        found, self._before = self._before + self._read(), []
        if self._was_replaced():
            self.close()
            self._fd, self._mark = open_file(self._path), 0
            found += self._read()
        return found

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _read(self) -> list[str]:
        if self._fd is None:
            return []
        found, self._mark = read_lines(self._fd, self._mark, _FRESH)
        return found

    def _was_replaced(self) -> bool:
        start = datedlogs.started(self._path.name)
        if start is not None:
            logs = datedlogs.dated(self._path.parent)
            if logs and logs[-1].start > start:
                self._path = logs[-1].path
                return True
        there = look(self._path)
        if there is None or self._fd is None:
            return there is not None
        return not os.path.samestat(there, os.fstat(self._fd))


class _FollowedJournal:
    def __init__(self, unit: str, lines: int) -> None:
        import subprocess

        self._rest = b""
        self._process: subprocess.Popen[bytes] | None = None
        argv = ["journalctl", f"--unit={unit}", f"--lines={lines}", "--output=cat", "--follow"]
        with contextlib.suppress(OSError):  # not installed
            self._process = subprocess.Popen(
                [*argv, "--no-pager"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=ENVIRONMENT,
                cwd="/",
                start_new_session=True,
            )
            assert self._process.stdout is not None
            os.set_blocking(self._process.stdout.fileno(), False)

    def poll(self) -> list[str]:
        if self._process is None or self._process.stdout is None:
            return []
        data = self._rest
        with contextlib.suppress(BlockingIOError):
            while len(data) < _FRESH and (more := os.read(self._process.stdout.fileno(), 65536)):
                data += more
        cut = data.rfind(b"\n") + 1 if len(data) < _FRESH else len(data)
        self._rest = data[cut:]
        return split(data[:cut])

    def close(self) -> None:
        if self._process is None:
            return
        process, self._process = self._process, None
        process.kill()  # it only reads
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


class _Entry(Struct):
    written: str = msgspec.field(name="__REALTIME_TIMESTAMP")
    """Microseconds since 1970."""


def _remembered(course: Course) -> tuple[str, str]:
    """Where the output of the hub went when it was seen last, and its unit."""
    with contextlib.suppress(StateError):
        seen = known.read(course.state_dir)
        if seen is not None:
            return seen.launch.output, seen.launch.unit
    return "journal", ""


def _last_entry(unit: str, run: Run) -> float | None:
    """When the unit's last entry was written, in seconds since 1970."""
    with contextlib.suppress(CommandFailed, msgspec.DecodeError, ValueError):
        argv = ["journalctl", f"--unit={unit}", "--lines=1", "--output=json", "--no-pager"]
        said = run(argv, timeout=_PATIENCE).out
        return int(typed.decode(said, _Entry).written) / 1e6
    return None


def _journal(unit: str, lines: int, run: Run) -> list[str]:
    argv = ["journalctl", f"--unit={unit}", f"--lines={lines}", "--output=cat", "--no-pager"]
    try:
        said = run(argv, timeout=_PATIENCE).check().out
    except CommandFailed:
        return []
    return split(said.encode("utf-8", "backslashreplace")[-_TAIL:])
