"""What the course has needed in the last weeks: each day's peak, without names.

Written by the minutely ``hubtui due``; kept for KEPT days. From it follows how many students fit.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from msgspec import Struct

from hubtui.state import read_document

FILE = "usage.json"
KEPT = timedelta(days=60)


class Day(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One day's peaks; sizes in bytes."""

    day: str
    """``2026-11-25``, on the course's own clocks."""
    used: int = 0
    """Most memory in use: MemTotal - MemAvailable."""
    students: int = 0
    """Most memory that the processes of students had for themselves."""
    servers: int = 0
    """Most students' servers at once."""
    server: int = 0
    """The largest server, all processes of its student together."""
    typical: int = 0
    """The median of the servers with a kernel, at the moment when most of them ran."""
    swap_used: int = 0
    oom_kills: int = 0
    """Processes that the kernel ended for want of memory on that day."""


class Usage(Struct, frozen=True, kw_only=True):
    """``usage.json``."""

    format: int = 1
    days: tuple[Day, ...] = ()
    """The oldest first."""
    oom_kills: int | None = None
    """The kernel's count at the last look, since ``boot``."""
    boot: str = ""


def read(state_dir: Path) -> Usage:
    """What is known. Raises StateError."""
    return read_document(state_dir / FILE, Usage) or Usage()
