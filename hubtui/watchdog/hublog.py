"""The hub's own log: where it is, its end, what is new in it.

Lines come as they are, cut at LONGEST characters; ``names.shown`` makes them safe. A log may lie
where others than root can write: only a regular file is read, never a link to one, and a FIFO
holds up nobody.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import msgspec
from msgspec import Struct

from hubtui.course import Course
from hubtui.errors import CommandFailed
from hubtui.server.run import ENVIRONMENT, Run, run
from hubtui.watchdog.records import Seen

LONGEST = 1000
"""Characters of a line."""
_TAIL = 256_000
_FRESH = 128_000
_PATIENCE = 3.0
"""Seconds for the journal."""
_UNIT = re.compile(r"[A-Za-z0-9:_.@\\][A-Za-z0-9:_.@\\-]*")
# As `date -I`, -Ih, -Im, -Is and -Ins write it: the old script takes -Im.
_DATED = re.compile(
    r"jupyterhub-(\d{4}-\d\d-\d\d"
    r"(?:T\d\d(?::\d\d(?::\d\d(?:[.,]\d{1,9})?)?)?(?:[+-]\d\d:?\d\d|Z)?)?)\.log",
    re.ASCII,
)


class Place(Struct, frozen=True):
    """Where the hub's log is: a file, or else the journal of a unit."""

    file: Path | None = None
    unit: str = ""

    def __str__(self) -> str:
        return str(self.file) if self.file is not None else f"journal of {self.unit}"


class Dated(Struct, frozen=True):
    """A ``jupyterhub-<date>.log`` as the old script names it."""

    path: Path
    start: datetime
    """What its name says: when the hub was started."""
    end: datetime
    """When it was last written."""


def place(course: Course, seen: Seen | None, unit: str = "") -> Place | None:
    """Where the log of this hub is: what course.yaml says; the file or the journal that its output
    goes to; the newest dated log in ``watchdog.logs``, where ``tee`` of an old set-up writes; the
    unit's journal after all. ``unit`` is the hub's, also while no hub runs. None: nowhere."""
    if course.hub.log is not None:
        return Place(file=course.hub.log)
    output = seen.output if seen is not None else "journal"
    unit = unit or (seen.unit if seen is not None else "")
    of_unit = Place(unit=unit) if _UNIT.fullmatch(unit) else None
    if output.startswith("file "):
        file = Path(output.removeprefix("file "))
        if _look(file) is not None:  # else deleted, as the old script's find does to open logs
            return Place(file=file)
    if output == "journal" and of_unit is not None:
        return of_unit
    logs = course.watchdog.logs
    newest = max(dated(logs), key=_written, default=None) if logs is not None else None
    return Place(file=newest.path) if newest is not None else of_unit


def age(where: Place, at: datetime, run: Run = run) -> float | None:
    """Seconds since it was last written; None where that cannot be seen."""
    if where.file is not None:
        found = _look(where.file)
        written = found.st_mtime if found is not None else None
    else:
        written = _last_entry(where.unit, run)
    return max(0.0, at.timestamp() - written) if written is not None else None


def tail(where: Place, lines: int = 200, run: Run = run) -> list[str]:
    """Its last lines, of at most 256 kB; none where it cannot be read."""
    if where.file is None:
        return _journal(where.unit, lines, run)
    with _opened(where.file) as fd:
        return [] if fd is None else _last(_read(fd, 0, _TAIL, to_the_end=True)[0], lines)


def end(where: Place) -> int:
    """How long the file is, in bytes: the first mark for fresh(). 0 for a journal."""
    found = _look(where.file) if where.file is not None else None
    return found.st_size if found is not None else 0


def fresh(where: Place, mark: int) -> tuple[list[str], int]:
    """The lines that were written since ``mark``, and the next mark, both in bytes.

    At most the last 128 kB; of a file that shrank, from its start. The journal gives nothing.
    """
    if where.file is None:
        return [], mark
    with _opened(where.file) as fd:
        return ([], mark) if fd is None else _read(fd, mark, _FRESH)


def last_bytes(path: Path, most: int) -> tuple[bytes, int]:
    """The last ``most`` bytes of a file, and where they begin; none where it cannot be read."""
    with _opened(path) as fd, contextlib.suppress(OSError):
        if fd is not None:
            begin = max(0, os.fstat(fd).st_size - most)
            return os.pread(fd, most, begin), begin
    return b"", 0


def dated(logs: Path) -> list[Dated]:
    """The regular files ``jupyterhub-<date>.log`` directly in ``logs``, by their names' dates."""
    found = []
    with contextlib.suppress(OSError), os.scandir(logs) as entries:
        for entry in entries:
            start = started(entry.name)
            if start is not None and entry.is_file(follow_symlinks=False):
                end = _moment(entry.stat(follow_symlinks=False))
                found.append(Dated(path=logs / entry.name, start=start, end=end))
    return sorted(found, key=lambda log: (log.start, log.path.name))


def started(name: str) -> datetime | None:
    """When a log of this name was begun; None for every other name. Without a zone: the one of
    here."""
    match = _DATED.fullmatch(name)
    if match is None:
        return None
    try:
        return datetime.fromisoformat(match[1]).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def prune(logs: Path, keep_days: int, at: datetime, writing: Path | None = None) -> list[Path]:
    """Delete dated logs that were last written more than ``keep_days`` before ``at``.

    Only regular files, directly in ``logs``, which is no link itself; never the one that is being
    written, nor the newest. What was exchanged since it was looked at stays. Returns what went.
    """
    found = dated(logs)
    newest = max(found, key=_written, default=None)
    spared = {writing, newest.path if newest is not None else None}
    oldest = at - timedelta(days=keep_days)
    gone: list[Path] = []
    with contextlib.suppress(OSError, ValueError):
        held = _look(writing) if writing is not None else None
        folder = os.open(logs, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            for log in found:
                if log.end < oldest and log.path not in spared and _delete(folder, log, held):
                    gone.append(log.path)
        finally:
            os.close(folder)
    return gone


def _delete(folder: int, log: Dated, held: os.stat_result | None) -> bool:
    """Delete it, if it still is what it was, and not ``held`` under another name."""
    with contextlib.suppress(OSError):
        there = os.stat(log.path.name, dir_fd=folder, follow_symlinks=False)
        same = stat.S_ISREG(there.st_mode) and _moment(there) == log.end
        if same and not (held is not None and os.path.samestat(there, held)):
            os.unlink(log.path.name, dir_fd=folder)
            return True
    return False


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


def _last(lines: list[str], count: int) -> list[str]:
    return lines[max(0, len(lines) - count) :]


class _FollowedFile:
    def __init__(self, path: Path, lines: int) -> None:
        self._path = path
        self._mark = 0
        self._fd = _open(path)
        self._before = _last(self._read(), lines)

    def poll(self) -> list[str]:
        found, self._before = self._before + self._read(), []
        if self._was_replaced():
            self.close()
            self._fd, self._mark = _open(self._path), 0
            found += self._read()
        return found

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _read(self) -> list[str]:
        if self._fd is None:
            return []
        found, self._mark = _read(self._fd, self._mark, _FRESH)
        return found

    def _was_replaced(self) -> bool:
        start = started(self._path.name)
        if start is not None:
            newest = max(dated(self._path.parent), key=_start, default=None)
            if newest is not None and newest.start > start:
                self._path = newest.path
                return True
        there = _look(self._path)
        if there is None or self._fd is None:
            return there is not None
        return not os.path.samestat(there, os.fstat(self._fd))


class _FollowedJournal:
    def __init__(self, unit: str, lines: int) -> None:
        import subprocess

        argv = ["journalctl", f"--unit={unit}", f"--lines={lines}", "--output=cat", "--follow"]
        self._rest = b""
        self._process: subprocess.Popen[bytes] | None = None
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


def _start(log: Dated) -> datetime:
    return log.start


def _written(log: Dated) -> datetime:
    return log.end


def _moment(found: os.stat_result) -> datetime:
    return datetime.fromtimestamp(found.st_mtime, UTC)


def _open(path: Path) -> int | None:
    """A descriptor of the regular file ``path``; None where it is something else, or not there."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        fd = os.open(path, flags)
    except (OSError, ValueError):
        return None
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return fd
    os.close(fd)
    return None


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int | None]:
    fd = _open(path)
    try:
        yield fd
    finally:
        if fd is not None:
            os.close(fd)


def _look(path: Path) -> os.stat_result | None:
    try:
        found = path.lstat()
    except (OSError, ValueError):
        return None
    return found if stat.S_ISREG(found.st_mode) else None


def _read(fd: int, mark: int, most: int, *, to_the_end: bool = False) -> tuple[list[str], int]:
    """Whole lines from ``mark`` on, of the last ``most`` bytes, and where they end.

    ``to_the_end``: with the last line though no newline ends it yet.
    """
    try:
        size = os.fstat(fd).st_size
        start = mark if 0 <= mark <= size else 0
        begin = max(start, size - most)
        data = os.pread(fd, size - begin, begin)
    except OSError:
        return [], mark
    if begin > start:  # in the middle of a line, which is left out
        cut = data.find(b"\n") + 1
        data, begin = data[cut:], begin + cut
    if not to_the_end and len(data) < most:  # a line of that length is taken as it is
        data = data[: data.rfind(b"\n") + 1]
    return split(data), begin + len(data)


def split(data: bytes) -> list[str]:
    """The lines of ``data``; what is not UTF-8 as escapes."""
    lines = data.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    return [text(line) for line in lines]


def text(line: bytes) -> str:
    """One line, cut."""
    cut = line[: 4 * LONGEST].decode("utf-8", "backslashreplace").removesuffix("\r")
    return cut[:LONGEST]


class _Entry(Struct):
    written: str = msgspec.field(name="__REALTIME_TIMESTAMP")
    """Microseconds since 1970."""


def _last_entry(unit: str, run: Run) -> float | None:
    """When the unit's last entry was written, in seconds since 1970."""
    with contextlib.suppress(CommandFailed, msgspec.DecodeError, ValueError):
        argv = ["journalctl", f"--unit={unit}", "--lines=1", "--output=json", "--no-pager"]
        said = run(argv, timeout=_PATIENCE).out
        return int(msgspec.json.decode(said, type=_Entry).written) / 1e6
    return None


def _journal(unit: str, lines: int, run: Run) -> list[str]:
    argv = ["journalctl", f"--unit={unit}", f"--lines={lines}", "--output=cat", "--no-pager"]
    try:
        said = run(argv, timeout=_PATIENCE).check().out
    except CommandFailed:
        return []
    return split(said.encode("utf-8", "backslashreplace")[-_TAIL:])
