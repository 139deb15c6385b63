"""Trees that strangers filled: walked, summed up, removed; no link is followed, no mount entered.

Every name is resolved by openat2(2) from an open folder, with RESOLVE_NO_SYMLINKS and
RESOLVE_NO_XDEV: a bind mount of the same disk counts as a mount, too. A walk holds one descriptor,
however deep the tree is.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import NamedTuple

from hubtui.workers.drop import FOLDER, libc

_OPENAT2 = 437
"""The same number on every architecture."""
_NO_XDEV, _NO_MAGICLINKS, _NO_SYMLINKS = 1, 2, 4
_CHUNK = 2000
"""Bytes of a path that one call resolves, and one name more: less than PATH_MAX."""
LONGEST = 16 << 10
"""Characters of a path inside a tree: far beyond it tar runs out of stack and memory."""

Identity = tuple[int, int]
"""Device and inode."""


class _How(ctypes.Structure):
    _fields_ = (
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    )


def open_at(folder: int, path: str, flags: int) -> int:
    """A descriptor of something below an open folder. Raises OSError: EXDEV at a mount."""
    how = _How(flags | os.O_CLOEXEC, 0, _NO_XDEV | _NO_MAGICLINKS | _NO_SYMLINKS)
    fd: int = libc.syscall(
        ctypes.c_long(_OPENAT2),
        ctypes.c_long(folder),
        os.fsencode(path),
        ctypes.byref(how),
        ctypes.c_size_t(ctypes.sizeof(how)),
    )
    if fd < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)
    return fd


def open_folder(top: int, path: str) -> int:
    """A folder below ``top``, of any depth; ``""`` is top itself. Raises OSError."""
    fd, rest = os.dup(top), os.fsencode(path)
    while rest:
        cut = rest.find(b"/", _CHUNK)
        piece, rest = (rest[:cut], rest[cut + 1 :]) if cut >= 0 else (rest, b"")
        try:
            below = open_at(fd, os.fsdecode(piece), FOLDER)
        finally:
            os.close(fd)
        fd = below
    return fd


class Visit(NamedTuple):
    """One entry of a tree, while the folder that holds it is open."""

    folder: int
    name: str
    found: os.stat_result
    above: Sequence[str]
    """The folders on the way, from the top; as long as this entry is looked at."""

    @property
    def path(self) -> str:
        """Below the top."""
        return "/".join((*self.above, self.name))


def identity(found: os.stat_result) -> Identity:
    """Which file it is."""
    return found.st_dev, found.st_ino


class _Level:
    """A folder on the way down."""

    def __init__(self, fd: int) -> None:
        self.identity = identity(os.fstat(fd))
        self.todo: list[str] = []


def walk(
    top: int,
    *,
    leave: Callable[[int, str], None] | None = None,
    refused: Callable[[str, OSError], None] | None = None,
) -> Iterator[Visit]:
    """Everything below an open folder; of each folder first what is in it, then the folders there.

    ``leave`` is called with the open folder and a name when all below that name was seen.
    ``refused`` takes what cannot be looked at, or moves meanwhile, with its path; without it that
    is raised: OSError, ESTALE where somebody moves folders.
    """
    here = os.dup(top)
    levels, names = [_Level(here)], list[str]()
    try:
        yield from _entries(here, (), levels[-1], refused)
        while True:
            if levels[-1].todo:
                name = levels[-1].todo.pop()
                try:
                    below = open_at(here, name, FOLDER)
                except OSError as e:
                    if refused is None:
                        raise
                    refused("/".join((*names, name)), e)
                    continue
                os.close(here)
                here = below
                names.append(name)
                levels.append(_Level(here))
                yield from _entries(here, names, levels[-1], refused)
            elif names:
                levels.pop()
                name = names.pop()
                try:
                    above = _above(here, levels[-1])
                except OSError as e:
                    e.filename = "/".join((*names, name))
                    if refused is None:
                        raise
                    refused(e.filename, e)
                    above, name = _again(top, names, levels), ""  # not all below it was seen
                os.close(here)
                here = above
                if name and leave is not None:
                    leave(here, name)
            else:
                return
    finally:
        os.close(here)


def _above(folder: int, level: _Level) -> int:
    """The folder above, where it is the one that led here. Raises OSError: EACCES where a stranger
    let us list a folder and not walk through it, ESTALE where somebody moved it."""
    fd = open_at(folder, "..", FOLDER)
    if identity(os.fstat(fd)) == level.identity:
        return fd
    os.close(fd)
    raise OSError(errno.ESTALE, "moved meanwhile")


def _again(top: int, names: list[str], levels: list[_Level]) -> int:
    """The deepest folder of the way that is where it was; those below it are given up."""
    while True:
        with contextlib.suppress(OSError):
            fd = open_folder(top, "/".join(names))
            if identity(os.fstat(fd)) == levels[-1].identity:
                return fd
            os.close(fd)
        levels.pop()
        names.pop()


def _entries(
    folder: int,
    above: Sequence[str],
    level: _Level,
    refused: Callable[[str, OSError], None] | None,
) -> Iterator[Visit]:
    try:
        listed = os.listdir(folder)
    except OSError as e:  # it was removed since it was opened
        if refused is None:
            raise
        refused("/".join(above), e)
        return
    for name in listed:
        try:
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except OSError as e:
            if refused is None:
                raise
            refused("/".join((*above, name)), e)
            continue
        if stat.S_ISDIR(found.st_mode):
            level.todo.append(name)
        yield Visit(folder, name, found, above)


# --- the sum -------------------------------------------------------------------------------------


def digest(path: str, found: os.stat_result) -> int:
    """Of all that a change of the entry would change: ctime above all, which nobody can set."""
    what = (
        os.fsencode(path),
        *(found.st_dev, found.st_ino, found.st_mode, found.st_uid, found.st_gid),
        *(found.st_size, found.st_rdev, found.st_mtime_ns, found.st_ctime_ns),
    )
    return int.from_bytes(sha256(repr(what).encode()).digest(), "big")


class Sum:
    """The sum of the digests of all entries: the same in whatever order they are looked at.

    Sockets do not count: they hold nothing, and no archive can hold them.
    """

    def __init__(self) -> None:
        self.files = self.bytes = self._sum = 0
        self._linked: set[Identity] = set()

    def add(self, path: str, found: os.stat_result) -> None:
        """One entry. Raises OSError where its path is longer than LONGEST."""
        if stat.S_ISSOCK(found.st_mode):
            return
        if len(path) > LONGEST:
            raise OSError(errno.ENAMETOOLONG, f"a path of more than {LONGEST} characters", path)
        self.files += 1
        self._sum = (self._sum + digest(path, found)) % (1 << 256)
        if found.st_nlink > 1 and not stat.S_ISDIR(found.st_mode):
            if identity(found) in self._linked:
                return
            self._linked.add(identity(found))
        self.bytes += found.st_blocks * 512

    @property
    def text(self) -> str:
        """For a record."""
        return f"{self._sum:064x}"


def look(top: int) -> Sum:
    """What a tree holds, its top included. Raises OSError."""
    found = Sum()
    found.add("", os.fstat(top))
    for visit in walk(top):
        found.add(visit.path, visit.found)
    return found


# --- removing ------------------------------------------------------------------------------------


def remove(folder: int, name: str) -> Iterator[tuple[int, int]]:
    """Remove the tree ``name`` of an open folder; yields files and bytes removed so far.

    Raises OSError with the path below ``folder``; what is removed by then stays removed.
    """
    files = size = 0
    top = open_at(folder, name, FOLDER)
    try:
        for visit in walk(top, leave=_rmdir):
            files += 1
            if stat.S_ISDIR(visit.found.st_mode):
                continue  # when it is left
            try:
                os.unlink(visit.name, dir_fd=visit.folder)
            except OSError as e:
                e.filename = f"{name}/{visit.path}"
                raise
            size += visit.found.st_blocks * 512 if visit.found.st_nlink == 1 else 0
            yield files, size
    finally:
        os.close(top)
    os.rmdir(name, dir_fd=folder)
    yield files + 1, size


def _rmdir(folder: int, name: str) -> None:
    os.rmdir(name, dir_fd=folder)
