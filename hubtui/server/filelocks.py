"""Who holds locks on a file, as the kernel lists them: the file itself is not opened.

SQLite's locks are such locks on bytes of the database file. To ask SQLite instead would take a
lock of our own, and a read transaction of ours already stops the hub for seconds.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

_LOCKS = Path("/proc/locks")
# 1: POSIX  ADVISORY  WRITE 6952 fe:00:2189733 1073741825 1073741825; "-> " before who waits
_ROW = re.compile(
    r"\d+: (?:POSIX|OFDLCK|FLOCK)\s+\S+\s+(READ|WRITE)\s+(-?\d+)\s+"
    r"([0-9a-f]+):([0-9a-f]+):(\d+)\s",
    re.ASCII,
)


class Held(Struct, frozen=True):
    """A lock that somebody holds."""

    pid: int
    """-1 for a lock that belongs to an open file rather than to a process."""
    is_write: bool


def holders(path: Path) -> set[Held]:
    """The locks that are held on this file now; those who wait for one do not count.

    Raises OSError where the file or the kernel's list is not there.
    """
    found = path.stat()
    text = _LOCKS.read_text("ascii", "replace")
    return {held for held, device in parse(text, found.st_ino) if _is_on(held, device, found)}


def parse(text: str, inode: int) -> Iterator[tuple[Held, int]]:
    """The locks on files of this inode number in the text of /proc/locks, each with its device."""
    for line in text.splitlines():
        match = _ROW.match(line)
        if match is not None and int(match[5]) == inode:
            device = os.makedev(int(match[3], 16), int(match[4], 16))
            yield Held(pid=int(match[2]), is_write=match[1] == "WRITE"), device


def _is_on(held: Held, device: int, file: os.stat_result) -> bool:
    """btrfs and overlayfs show another device there than to stat(): then an open file tells."""
    if device == file.st_dev:
        return True
    with suppress(OSError):
        for entry in os.scandir(f"/proc/{held.pid}/fd"):
            with suppress(OSError):
                opened = entry.stat()
                if (opened.st_dev, opened.st_ino) == (file.st_dev, file.st_ino):
                    return True
    return False
