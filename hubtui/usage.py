"""What the course has needed in the last weeks: each day's peak, without names.

Written by the minutely ``hubtui due``; kept for KEPT days. From it follows how many students fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, NamedTuple

from msgspec import Meta, Struct
from msgspec.structs import replace

from hubtui.errors import HubtuiError
from hubtui.server import Server, machine, uses
from hubtui.server.machine import Numbers
from hubtui.server.uses import Use
from hubtui.state import read_document, write_document
from hubtui.students import enrolled

FILE = "usage.json"
KEPT = timedelta(days=60)
_BOOT = Path("/proc/sys/kernel/random/boot_id")


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
    kernels: int = 0
    """How many servers with a kernel the median of the last day is of."""
    oom_kills: int | None = None
    """The kernel's count at the last look, since ``boot``."""
    boot: str = ""
    oom_at: Annotated[datetime, Meta(tz=True)] | None = None
    """When it was last seen to have grown."""


class Kills(NamedTuple):
    """Processes that the kernel ended for want of memory."""

    number: int
    last: datetime | None = None
    """To the minute; None where nobody looked in time."""


def read(state_dir: Path) -> Usage:
    """What is known. Raises StateError."""
    return read_document(state_dir / FILE, Usage) or Usage()


def note(server: Server) -> None:
    """Look, and note what is more than today's peaks; for the minutely job.

    Raises nothing: a full disk and a broken file are told by the glance, not each minute.
    """
    with suppress(HubtuiError, OSError):
        _note(server)


def _note(server: Server) -> None:
    at = server.clock()
    before = read(server.state)
    uids = {account.uid for account in enrolled(server.course, at).values()}
    now = list(uses.of(uses.by_uid(), uids).values())
    after = noted(before, today(server, at), machine.numbers(), now, boot_id(), at)
    if after != before:
        write_document(server.state / FILE, after)


def today(server: Server, at: datetime) -> str:
    """The day that it is on the course's own clocks."""
    from hubtui.when import zone_of

    return f"{at.astimezone(zone_of(server.course)):%Y-%m-%d}"


def boot_id() -> str:
    """Another one after each start of the machine."""
    return _BOOT.read_text("ascii").strip()


def noted(
    before: Usage, day: str, numbers: Numbers, now: Sequence[Use], boot: str, at: datetime
) -> Usage:
    """The same with this look in it."""
    last = before.days[-1] if before.days and before.days[-1].day == day else Day(day=day)
    rest = before.days[:-1] if before.days and before.days[-1].day == day else before.days
    running = [use for use in now if use.server]
    kernels = [use.memory for use in running if use.kernels]
    most = before.kernels if last.typical else 0
    typical = last.typical
    if kernels and len(kernels) >= most:
        most, typical = len(kernels), sorted(kernels)[len(kernels) // 2]
    kills = killed(before, numbers.oom_kills, boot)
    oldest = f"{at - KEPT:%Y-%m-%d}"
    newest = Day(
        day=day,
        used=max(last.used, numbers.total - numbers.available),
        students=max(last.students, sum(use.memory for use in now)),
        servers=max(last.servers, len(running)),
        server=max([last.server, *(use.memory for use in running)]),
        typical=typical,
        swap_used=max(last.swap_used, numbers.swap_total - numbers.swap_free),
        oom_kills=last.oom_kills + kills,
    )
    return replace(
        before,
        days=(*(each for each in rest if each.day >= oldest), newest),
        kernels=most,
        oom_kills=numbers.oom_kills,
        boot=boot,
        oom_at=at if kills else before.oom_at,
    )


def killed(before: Usage, count: int | None, boot: str) -> int:
    """How many the kernel ended since the last look; of the first look nothing is known."""
    if count is None or before.oom_kills is None:
        return 0
    return max(0, count - before.oom_kills) if boot == before.boot else count


def kills(server: Server, numbers: Numbers, since: datetime) -> Kills:
    """What the kernel ended since then: as far as the minutely job saw it, and since it looked.

    Where that job never ran it is what the kernel counts since the machine started, if that was
    later than ``since``. Raises StateError.
    """
    at = server.clock()
    known = read(server.state)
    if known.oom_kills is None:
        young = at - timedelta(seconds=numbers.uptime) >= since
        return Kills(numbers.oom_kills or 0 if young else 0)
    fresh = killed(known, numbers.oom_kills, boot_id())
    if known.oom_at is None or known.oom_at < since:
        return Kills(fresh)
    days = {today(server, since), today(server, at)}
    return Kills(fresh + sum(day.oom_kills for day in known.days if day.day in days), known.oom_at)
