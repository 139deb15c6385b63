"""Taking out of /etc what no tool takes out: lines that are nobody's, and locks left behind.

What there is, ``server.lines`` says. The tools of Debian's ``passwd`` work on whole accounts; a
line of shadow or subuid whose account is gone is nobody's business for them, and a lock file
without a pid stops them all for ever. All of them first take the lock of ``lckpwdf(3)``, so whoever
holds that is alone (measured with passwd 4.13: useradd, usermod wait 15 s for it).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from hubtui.errors import ChangedSinceShown, LockHeld, StateError
from hubtui.server import accounts, lines
from hubtui.server.lines import ETC
from hubtui.state import replace_file

_BY_ACCOUNT, _BY_GROUP = ("shadow", "subuid", "subgid"), ("gshadow",)
"""Files whose lines begin with the name of an account, or of a group."""
_ALL = ETC / ".pwd.lock"
_PATIENCE = 15.0
"""Seconds, as lckpwdf(3) waits."""


def files_with(name: str) -> list[Path]:
    """Where lines of this name stand that belong to no account and no group. Raises StateError."""
    found: list[Path] = []
    if not _is_account(name):
        found += [ETC / file for file in _BY_ACCOUNT if _stands(ETC / file, name)]
    if not accounts.group_exists(name):
        found += [ETC / file for file in _BY_GROUP if _stands(ETC / file, name)]
    return found


def drop(path: Path, name: str) -> None:
    """Take the lines of this name out of one of these files, which else stays byte for byte.

    Raises ChangedSinceShown where the name is an account's or a group's by now, LockHeld where
    another program changes accounts, StateError.
    """
    with locked():
        if path not in files_with(name):
            return
        before = path.lstat()
        if not stat.S_ISREG(before.st_mode):
            raise ChangedSinceShown(f"{path} is not a file of its own: look at it by hand.")
        left = b"".join(line for line in _lines(path) if not _begins(line, name))
        try:
            owner = (before.st_uid, before.st_gid)
            replace_file(path, left, mode=stat.S_IMODE(before.st_mode), owner=owner)
        except OSError as e:
            raise StateError(f"{path} cannot be written: {e.strerror}.") from e


def unlock(lock: Path) -> None:
    """Remove a lock file whose holder is gone. Raises ChangedSinceShown, LockHeld, StateError."""
    with locked():
        if not os.path.lexists(lock):
            return
        pid = lines.pid_in(lock)
        if pid is not None and lines.runs(pid):
            raise ChangedSinceShown(f"{lock} is held by the process {pid}: wait for it.")
        try:
            lock.unlink()
        except OSError as e:
            raise StateError(f"{lock} cannot be removed: {e.strerror}.") from e


@contextlib.contextmanager
def locked() -> Iterator[None]:
    """Hold what every tool takes before it changes accounts. Raises LockHeld, StateError."""
    try:
        fd = os.open(_ALL, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as e:
        raise StateError(f"{_ALL} cannot be opened: {e.strerror}.") from e
    try:
        until = time.monotonic() + _PATIENCE
        while not _taken(fd):
            if time.monotonic() > until:
                raise LockHeld(f"Another program changes accounts now ({_ALL}): try again later.")
            time.sleep(0.1)
        yield
    finally:
        os.close(fd)


def _taken(fd: int) -> bool:
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_account(name: str) -> bool:
    """By its name or, as subuid(5) allows, by its uid."""
    if accounts.exists(name):
        return True
    try:
        pwd.getpwuid(int(name))
    except (ValueError, KeyError, OverflowError):
        return False
    return True


def _stands(path: Path, name: str) -> bool:
    return any(_begins(line, name) for line in _lines(path))


def _begins(line: bytes, name: str) -> bool:
    return line.startswith(name.encode("utf-8", "surrogateescape") + b":")


def _lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().splitlines(keepends=True)
    except FileNotFoundError:
        return []
    except OSError as e:
        raise StateError(f"{path} cannot be read: {e.strerror}.") from e
