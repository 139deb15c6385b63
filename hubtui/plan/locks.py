"""One writer per thing: a lock is a flock on a file that says who holds it.

The descriptor is handed to the programs that a run starts (``hold`` in server.run): if hubtui is
killed, the lock stays until the last of them has ended, so nobody starts beside a useradd that is
still at work.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from hubtui.errors import LockHeld, StateError
from hubtui.state import make_dir


@contextlib.contextmanager
def lock(state_dir: Path, name: str, holder: str, *, patience: float = 2.0) -> Iterator[int]:
    """Hold the lock ``name``; yields its descriptor.

    Waits ``patience`` seconds at most, then raises LockHeld with what the holder wrote.
    """
    with opened(state_dir, name) as fd:
        _claim(fd, name, holder, patience)
        yield fd
        os.ftruncate(fd, 0)


@contextlib.contextmanager
def opened(state_dir: Path, name: str) -> Iterator[int]:
    """The file of the lock ``name``, for who holds it ``in_turns``; yields its descriptor."""
    path = make_dir(state_dir / "locks") / name
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as e:
        raise StateError(f"{path} cannot be opened: {e.strerror}.") from e
    try:
        yield fd
    finally:
        os.close(fd)


@contextlib.contextmanager
def in_turns(fd: int, name: str, holder: str, *, patience: float) -> Iterator[None]:
    """Hold the lock for a while, and let others have it in between. Raises LockHeld."""
    _claim(fd, name, holder, patience)
    try:
        yield
    finally:
        os.ftruncate(fd, 0)
        fcntl.flock(fd, fcntl.LOCK_UN)


def _claim(fd: int, name: str, holder: str, patience: float) -> None:
    if not take(fd, patience):
        who = os.pread(fd, 500, 0).decode(errors="replace") or "another hubtui"
        raise LockHeld(
            f"Another change to the {name} is running: {who}. Try again when it is through."
        )
    os.ftruncate(fd, 0)
    os.pwrite(fd, holder.encode()[:500], 0)


def take(fd: int, patience: float = 0.0) -> bool:
    """Take the flock on an open file; it is held until the last copy of ``fd`` is closed.

    False: somebody else has had it for all of ``patience`` seconds.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.05)
        else:
            return True


def is_held(path: Path) -> bool:
    """Whether somebody holds the flock on ``path``; False where there is no such file."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(fd)
