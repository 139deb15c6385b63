"""A log as a file, wherever it lies: only a regular one is read, never through a link, and a FIFO
holds up nobody.

Lines come as they are, cut at LONGEST characters; ``names.shown`` makes them safe.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

LONGEST = 1000
"""Characters of a line."""


def look(path: Path) -> os.stat_result | None:
    """What lies there, where it is a regular file."""
    try:
        found = path.lstat()
    except (OSError, ValueError):
        return None
    return found if stat.S_ISREG(found.st_mode) else None


def open_file(path: Path) -> int | None:
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
def opened(path: Path) -> Iterator[int | None]:
    """open_file(), closed at the end."""
    fd = open_file(path)
    try:
        yield fd
    finally:
        if fd is not None:
            os.close(fd)


def read_lines(fd: int, mark: int, most: int, *, to_the_end: bool = False) -> tuple[list[str], int]:
    """Whole lines from ``mark`` on, of the last ``most`` bytes, and where they end.

    A file that ends before ``mark`` was cut short, and is read from its start. ``to_the_end``: with
    the last line though no newline ends it yet.
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


def last_bytes(path: Path, most: int) -> tuple[bytes, int]:
    """The last ``most`` bytes of a file, and where they begin; none where it cannot be read."""
    with opened(path) as fd, contextlib.suppress(OSError):
        if fd is not None:
            begin = max(0, os.fstat(fd).st_size - most)
            return os.pread(fd, most, begin), begin
    return b"", 0


def split(data: bytes) -> list[str]:
    """The lines of ``data``, each cut; what is not UTF-8 as escapes."""
    lines = data.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    return [_text(line) for line in lines]


def last(lines: list[str], count: int) -> list[str]:
    """The last ``count`` of them."""
    return lines[max(0, len(lines) - count) :]


def _text(line: bytes) -> str:
    cut = line[: 4 * LONGEST].decode("utf-8", "backslashreplace").removesuffix("\r")
    return cut[:LONGEST]
