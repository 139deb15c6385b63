"""Memory pressure that the kernel measures, made without taking memory from anybody else.

A few processes in a small group of their own read a file that is larger than their memory: each
page that they want was just thrown away. The machine's pressure (PSI) shows that as the wait for
memory that it is; what is *available* stays as it was, and no other process loses a page.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from hubtui.server import machine

ROOM = 24 << 20
READERS = 4
_V1, _V2 = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")


class NoPressure(Exception):
    """Why this machine shows none."""


@contextlib.contextmanager
def memory_pressure(folder: Path, percent: float, within: float = 60) -> Iterator[None]:
    """Have the machine's memory stall, for ``percent`` of the time at least as it begins.

    ``folder`` lies on a real disk. Raises NoPressure where this machine cannot.
    """
    group = _group()
    readers: list[int] = []
    try:
        readers += [_reader(group, folder / f"pages-{number}") for number in range(READERS)]
        until = time.monotonic() + within
        while (stalled := machine.numbers().stalled_memory or 0.0) < percent:
            if time.monotonic() > until:
                raise NoPressure(f"memory stalled for {stalled:.0f} % of the time at most")
            time.sleep(0.5)
        yield
    finally:
        for pid in readers:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        _remove(group)


def _group() -> Path:
    if machine.numbers().stalled_memory is None:
        raise NoPressure("this kernel does not tell it (no /proc/pressure)")
    parent, limit = (_V1, "memory.limit_in_bytes") if _V1.is_dir() else (_V2, "memory.max")
    group = parent / f"hubtui-pressure-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as e:
        raise NoPressure(f"no group can be made in {parent}: {e.strerror}") from e
    try:
        (group / limit).write_text(str(ROOM))
    except OSError as e:
        group.rmdir()
        raise NoPressure(f"memory cannot be limited in {parent}: {e.strerror}") from e
    return group


def _reader(group: Path, file: Path) -> int:
    """A process that goes on reading until it is killed."""
    pid = os.fork()
    if pid:
        return pid
    with contextlib.suppress(BaseException):
        (group / "cgroup.procs").write_text("0")
        # Written from in here, so that the pages count as this group's.
        with file.open("wb") as out:
            for _ in range(4 * ROOM >> 20):
                out.write(os.urandom(1 << 20))
            out.flush()
            os.fsync(out.fileno())
        with file.open("rb") as data, mmap.mmap(data.fileno(), 0, prot=mmap.PROT_READ) as pages:
            while True:
                pages[random.randrange(len(pages))]
    os._exit(1)


def _remove(group: Path) -> None:
    for _ in range(50):  # the dead are in it until they are collected for good
        with contextlib.suppress(OSError):
            group.rmdir()
            return
        time.sleep(0.1)


def killed_for_memory() -> None:
    """Have the kernel end one process of ours for want of memory: of its small group's.

    Raises NoPressure where this machine cannot.
    """
    group = _group()
    try:
        for name in ("memory.swap.max", "memory.swappiness"):
            with contextlib.suppress(OSError):
                (group / name).write_text("0")
        pid = os.fork()
        if pid == 0:
            with contextlib.suppress(BaseException):
                (group / "cgroup.procs").write_text("0")
                _ = b"x" * (8 * ROOM)
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
            raise NoPressure("a process may take more than its group has")
    finally:
        _remove(group)
