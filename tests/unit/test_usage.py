"""The day's peaks: what a look adds to them, and what the kernel's count of kills means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hubtui import usage
from hubtui.clock import now
from hubtui.server import Server, machine, quick
from hubtui.server.machine import Numbers
from hubtui.server.uses import Use
from hubtui.state import write_document
from hubtui.usage import Day, Usage, noted
from tests.unit.surveys import course

MB = 1_000_000
AT = datetime(2026, 11, 25, 10, 0, tzinfo=UTC)
SMALL = Numbers(
    available=1500 * MB,
    total=4000 * MB,
    swap_free=1900 * MB,
    swap_total=2000 * MB,
    load=0.4,
    cpus=2,
    stalled_memory=0.0,
    stalled_cpu=0.0,
    uptime=900_000,
    oom_kills=3,
)
DAY = "2026-11-25"


def working(memory: int, kernels: int = 1) -> Use:
    return Use(memory=memory * MB, server=True, kernels=kernels)


def look(before: Usage, *now: Use, day: str = DAY, kills: int = 3, boot: str = "a") -> Usage:
    numbers = Numbers(
        **{**{f: getattr(SMALL, f) for f in SMALL.__struct_fields__}, "oom_kills": kills}
    )
    return noted(before, day, numbers, now, boot, AT)


def test_of_a_day_the_most_is_kept() -> None:
    many = look(
        Usage(),
        working(100),
        working(300),
        working(200),
        working(40, kernels=0),
        Use(memory=7 * MB),
    )
    few = look(many, working(500))
    (day,) = few.days
    assert day == Day(
        day=DAY,
        used=2500 * MB,
        students=647 * MB,
        servers=4,
        server=500 * MB,
        typical=200 * MB,
        swap_used=100 * MB,
    )


def test_the_typical_server_is_that_of_the_moment_with_most_of_them() -> None:
    more = look(look(Usage(), working(500)), working(100), working(120), working(90))
    assert more.days[-1].typical == 100 * MB
    assert look(more, working(900)).days[-1].typical == 100 * MB


def test_a_new_day_begins_anew_and_old_ones_go() -> None:
    old = Usage(days=(Day(day="2026-09-01", used=1), Day(day="2026-11-24", used=2)), kernels=9)
    after = look(old, working(100))
    assert [day.day for day in after.days] == ["2026-11-24", DAY]
    assert after.days[-1].typical == 100 * MB


@pytest.mark.parametrize(
    ("before", "kills", "boot", "added"),
    [
        (Usage(), 3, "a", 0),  # of the first look nothing is known
        (Usage(oom_kills=3, boot="a"), 3, "a", 0),
        (Usage(oom_kills=3, boot="a"), 5, "a", 2),
        (Usage(oom_kills=3, boot="a"), 1, "b", 1),  # the machine was started anew
    ],
)
def test_kills_are_counted_since_the_last_look(
    before: Usage, kills: int, boot: str, added: int
) -> None:
    after = look(before, kills=kills, boot=boot)
    assert after.days[-1].oom_kills == added
    assert after.oom_at == (AT if added else None)
    assert look(after, kills=kills, boot=boot).days[-1].oom_kills == added


def test_a_kill_counts_for_a_day(tmp_path: Path) -> None:
    server = Server(course=course(tmp_path), state=tmp_path, run=quick.run)
    boot, at = usage.boot_id(), now()
    today = usage.today(server, at)

    def since_yesterday(known: Usage, kernel: int) -> int:
        write_document(tmp_path / usage.FILE, known)
        numbers = Numbers(
            **{**{f: getattr(SMALL, f) for f in SMALL.__struct_fields__}, "oom_kills": kernel}
        )
        return usage.kills(server, numbers, at - timedelta(days=1)).number

    days = (Day(day=today, oom_kills=2),)
    known = Usage(days=days, oom_kills=3, boot=boot, oom_at=at - timedelta(hours=23))
    assert since_yesterday(known, 3) == 2
    assert since_yesterday(known, 4) == 3, "one since the last look"
    assert since_yesterday(Usage(oom_kills=3, boot=boot, oom_at=at - timedelta(hours=25)), 3) == 0
    assert since_yesterday(Usage(), 4) == 0, "nobody knows when: the machine is up for ten days"


def test_nothing_that_goes_wrong_with_it_stops_anybody(tmp_path: Path) -> None:
    server = Server(course=course(tmp_path), state=tmp_path, run=quick.run)
    (tmp_path / usage.FILE).write_text("{")
    usage.note(server)
    assert (tmp_path / usage.FILE).read_text() == "{", "it is named, never replaced"


def test_a_look_takes_no_time_to_speak_of(tmp_path: Path) -> None:
    server = Server(course=course(tmp_path), state=tmp_path, run=quick.run)
    usage.note(server)
    (day,) = usage.read(tmp_path).days
    assert 0 < day.used < machine.numbers().total
    assert b"name" not in (tmp_path / usage.FILE).read_bytes()
