"""The machine's own numbers: memory, load, what waits, disks. From /proc and statvfs, in a ms."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from msgspec import Struct


class Numbers(Struct, frozen=True, kw_only=True):
    """One look at the machine; sizes in bytes."""

    available: int
    """Memory that a new program could have: MemAvailable."""
    total: int
    swap_free: int
    swap_total: int
    load: float
    """Of the last minute."""
    cpus: int
    stalled_memory: float | None
    """Percent of the last ten seconds in which something waited for memory; None without PSI."""
    stalled_cpu: float | None
    uptime: float
    """Seconds since boot."""
    oom_kills: int | None
    """Processes that the kernel ended for want of memory, since boot."""


class Filesystem(Struct, frozen=True, kw_only=True):
    """A filesystem; sizes in bytes."""

    path: str
    free: int
    """For root: what is kept back for it is counted in."""
    total: int
    inodes_free: int
    inodes_total: int
    """0 where the filesystem has no fixed number of them."""
    read_only: bool


def numbers() -> Numbers:
    """Look. Raises OSError where /proc is not there."""
    memory = _table("/proc/meminfo")
    return Numbers(
        available=memory.get("MemAvailable", 0) * 1024,
        total=memory.get("MemTotal", 0) * 1024,
        swap_free=memory.get("SwapFree", 0) * 1024,
        swap_total=memory.get("SwapTotal", 0) * 1024,
        load=os.getloadavg()[0],
        cpus=len(os.sched_getaffinity(0)),
        stalled_memory=_stalled("memory"),
        stalled_cpu=_stalled("cpu"),
        uptime=float(Path("/proc/uptime").read_text().split()[0]),
        oom_kills=_oom_kills(),
    )


def filesystem(path: Path) -> Filesystem:
    """The filesystem that holds ``path``. Raises OSError."""
    found = os.statvfs(path)
    return Filesystem(
        path=str(path),
        free=found.f_bfree * found.f_frsize,
        total=found.f_blocks * found.f_frsize,
        inodes_free=found.f_ffree,
        inodes_total=found.f_files,
        read_only=bool(found.f_flag & os.ST_RDONLY),
    )


def _table(path: str) -> dict[str, int]:
    found = {}
    for line in Path(path).read_text("ascii", "replace").splitlines():
        name, _, rest = line.partition(":")
        with suppress(ValueError, IndexError):
            found[name] = int(rest.split()[0])
    return found


def _stalled(what: str) -> float | None:
    """``some avg10=0.12 …``: kernels without PSI, or with it switched off, have no such file."""
    with suppress(OSError, ValueError, IndexError):
        line = Path("/proc/pressure", what).read_text("ascii", "replace").splitlines()[0]
        return float(line.split("avg10=")[1].split()[0])
    return None


def _oom_kills() -> int | None:
    with suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/vmstat").read_text("ascii", "replace").splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return None
