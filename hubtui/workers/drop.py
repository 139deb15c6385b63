"""Giving up root for good, and looking at folders without following a link."""

from __future__ import annotations

import ctypes
import os
import signal
import stat
from collections.abc import Iterator, Sequence

_NO_NEW_PRIVS, _DUMPABLE, _PDEATHSIG = 38, 4, 1
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

libc = ctypes.CDLL(None, use_errno=True)
"""Loaded while we are root: later the interpreter's own files may be out of reach."""


def become(uid: int, gid: int, groups: Sequence[int] = ()) -> None:
    """Give up root for good; nothing of the account can give it back.

    Raises SystemExit for a uid of the system, and where it does not work.
    """
    if uid < 1000 or gid == 0 or 0 in groups:
        raise SystemExit(f"uid {uid}, gid {gid}: not a person")
    if os.getuid() == 0:
        os.setgroups(list(groups))
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    if set(os.getresuid()) != {uid} or 0 in os.getresgid():
        raise SystemExit(f"could not become uid {uid}")
    libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.prctl(_DUMPABLE, 0, 0, 0, 0)
    end_with_parent()
    os.umask(0o022)


def end_with_parent() -> None:
    """Be killed when the parent is gone; lost at the next change of rights."""
    libc.prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def open_folder(top: int, path: str) -> int:
    """A descriptor of a folder below ``top``, one component at a time; ``""`` is top itself.

    Raises OSError: NotADirectoryError or ELOOP where a component is no folder.
    """
    fd = os.dup(top)
    for name in filter(None, path.split("/")):
        try:
            below = os.open(name, FOLDER, dir_fd=fd)
        finally:
            os.close(fd)
        fd = below
    return fd


def walk(top: int, prefix: str = "") -> Iterator[tuple[str, os.stat_result]]:
    """Everything below an open folder, depth first, in order, without following a link."""
    with os.scandir(top) as entries:
        names = sorted(entry.name for entry in entries)
    for name in names:
        try:
            found = os.stat(name, dir_fd=top, follow_symlinks=False)
        except OSError:
            continue
        yield prefix + name, found
        if stat.S_ISDIR(found.st_mode):
            try:
                below = os.open(name, FOLDER, dir_fd=top)
            except OSError:
                continue
            try:
                yield from walk(below, f"{prefix}{name}/")
            finally:
                os.close(below)
