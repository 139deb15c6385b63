"""Filesystems as ``df`` sees them: a mount that does not answer holds up a child process alone.

statvfs() of a dead network disk, or of a FUSE that hangs, cannot be broken off: a thread that waits
in it would keep even our own end waiting. So df is asked, once for each path, all at once; one that
does not answer is left behind, and not asked again before it has ended.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from hubtui.server.quick import Asked

_COLUMNS = "size,avail,itotal,iavail,target"
_stuck: dict[Path, Asked] = {}


class Disk(Struct, frozen=True, kw_only=True):
    """One filesystem; sizes in bytes."""

    mount: str
    """Where it begins: any text."""
    size: int
    free: int
    """For students: without what is kept back for root."""
    inodes: int
    """0 where the filesystem has no fixed number of them."""
    inodes_free: int
    read_only: bool


class Seen(Struct, frozen=True, kw_only=True):
    """What came of asking."""

    disks: tuple[Disk, ...]
    """Each filesystem once, in the order of the paths that were asked for."""
    silent: tuple[Path, ...] = ()
    """Paths for which df did not answer in time."""
    odd: tuple[tuple[Path, str], ...] = ()
    """Paths that df cannot say anything of, and its words."""


def look(paths: Iterable[Path], *, timeout: float = 2.0) -> Seen:
    """The filesystems that hold these paths; what does not exist is left out.

    Raises CommandFailed where there is no df.
    """
    until = time.monotonic() + timeout
    asked = {path: _ask(path) for path in dict.fromkeys(paths)}
    mounts = _mounts()
    disks: dict[object, Disk] = {}
    silent, odd = [], []
    for path, df in asked.items():
        said = df.answer(until - time.monotonic())
        if said is None:
            _stuck[path] = df
            silent.append(path)
        elif (found := _parsed(said.out)) is not None:
            mount = mounts.get(found.mount, _Mount(found.mount, False))
            # One filesystem may be mounted in several places, in some of them read-only.
            disks.setdefault(mount, replace(found, read_only=mount.read_only))
        elif "No such file" not in said.err:
            odd.append((path, said.why()))
    return Seen(disks=tuple(disks.values()), silent=tuple(silent), odd=tuple(odd))


def _ask(path: Path) -> Asked:
    before = _stuck.pop(path, None)
    if before is not None and not before.is_over:
        return before
    return Asked(["df", "--block-size=1", f"--output={_COLUMNS}", "--", str(path)])


def _parsed(out: str) -> Disk | None:
    with suppress(ValueError, IndexError):
        size, free, inodes, inodes_free, mount = out.split("\n")[1].split(None, 4)
        return Disk(
            mount=mount,
            size=int(size),
            free=int(free),
            inodes=_number(inodes),
            inodes_free=_number(inodes_free),
            read_only=False,
        )
    return None


def _number(text: str) -> int:
    return 0 if text == "-" else int(text)


class _Mount(NamedTuple):
    """What is mounted somewhere."""

    device: str
    """``98:0``."""
    read_only: bool
    """By the mount's own options, or by those of its filesystem."""


def _mounts() -> dict[str, _Mount]:
    """By where: ``36 35 98:0 /root /mount ro,noatime - ext4 /dev/sda1 rw,errors=…``, proc(5)."""
    found: dict[str, _Mount] = {}
    with suppress(OSError, IndexError):
        for line in Path("/proc/self/mountinfo").read_text("utf-8", "replace").splitlines():
            own, _, of_the_filesystem = line.partition(" - ")
            words = own.split()
            options = f"{words[5]},{of_the_filesystem.split()[-1]}".split(",")
            # What is mounted last lies on top.
            found[_unescaped(words[4])] = _Mount(words[2], "ro" in options)
    return found


def mount_points() -> list[Path]:
    """Where anything is mounted, as this process sees it. Raises OSError."""
    lines = Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape").splitlines()
    return [Path(_unescaped(line.split()[4])) for line in lines]


def _unescaped(path: str) -> str:
    """A blank is written as ``\\040`` there."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), path)
