"""What restarts have in common: it is said only where it holds, and for enough of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubtui.server import Server, server_of
from hubtui.watchdog import incidents
from hubtui.watchdog.history import NOT_RESTARTED, History, Line
from hubtui.watchdog.patterns import Patterns, cases, patterns
from hubtui.watchdog.records import Evidence, Verdict
from tests.unit.surveys import course as a_course

TUESDAY = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return server_of(msgspec.structs.replace(a_course(tmp_path), timezone="UTC"))


def line(at: datetime, cause: str = "", *, verdict: str = "", outcome: str = "") -> Line:
    return Line(at=at, cause=cause, source="x", verdict=verdict, outcome=outcome)


def of(server: Server, *lines: Line) -> Patterns:
    return patterns(server, History(tuple(sorted(lines, key=lambda each: each.at))))


def scattered(count: int, cause: str = "") -> list[Line]:
    """Restarts that have neither hour nor weekday in common."""
    return [line(TUESDAY + n * (DAY + 5 * HOUR), cause) for n in range(count)]


def seen(server: Server, found: Sequence[Line], **what: object) -> list[Line]:
    """The same lines, with evidence of each."""
    with_ids = []
    for each in found:
        id_ = incidents.new_id(each.at)
        plain = Evidence(id=id_, at=each.at, verdict=Verdict.HUB_DEAD, uptime=1e6)
        incidents.save_evidence(server.state, msgspec.structs.replace(plain, **what))
        with_ids.append(msgspec.structs.replace(each, incident=id_))
    return with_ids


def test_without_restarts_nothing_is_said(server: Server) -> None:
    found = of(server)
    assert (found.cases, found.by_cause, found.sentences) == (0, (), ())
    assert len(found.by_hour) == 24
    assert [len(day) for day in found.grid] == [24] * 7


def test_they_are_counted_by_cause_hour_and_weekday(server: Server) -> None:
    found = of(
        server,
        line(TUESDAY, "oom-kernel"),
        line(TUESDAY + WEEK, "oom-kernel"),
        line(TUESDAY + 3 * HOUR),
        line(TUESDAY + DAY, "killed"),
    )
    assert found.by_cause == (("oom-kernel", 2), ("", 1), ("killed", 1))
    assert (found.by_hour[10], found.by_hour[13]) == (3, 1)
    assert (found.by_weekday[1], found.by_weekday[2]) == (3, 1)
    assert (found.grid[1][10], found.grid[1][13], found.grid[2][10]) == (2, 1, 1)
    assert found.cases == sum(found.by_hour) == sum(found.by_weekday) == 4


def test_hours_are_those_of_the_course(server: Server) -> None:
    course = msgspec.structs.replace(server.course, timezone="Pacific/Auckland")
    found = of(server_of(course), line(TUESDAY + 2 * HOUR))
    assert found.grid[2][1] == 1  # 12:00 UTC on a Tuesday is 01:00 on Wednesday there


def test_restarts_in_a_row_are_one_case() -> None:
    """Back-off restarts a hub five times in an hour: that is one crash, not a pattern."""
    row = [line(TUESDAY + n * timedelta(minutes=25)) for n in range(5)]
    other = line(TUESDAY + 3 * HOUR)
    assert [len(case) for case in cases([*row, other])] == [5, 1]


def test_what_shut_nobody_out_is_no_case() -> None:
    quiet = line(TUESDAY, verdict=Verdict.SLOW, outcome=NOT_RESTARTED)
    loud = line(TUESDAY + HOUR, verdict=Verdict.WEB, outcome=NOT_RESTARTED)
    assert cases([quiet, loud]) == [[loud]]


def test_a_case_has_the_first_cause_that_is_known(server: Server) -> None:
    found = of(server, line(TUESDAY), line(TUESDAY + timedelta(minutes=5), "killed"))
    assert found.by_cause == (("killed", 1),)


def test_hours_of_a_weekday_are_said(server: Server) -> None:
    usual = [line(TUESDAY + n * WEEK + (n % 2) * HOUR) for n in range(6)]
    found = of(server, *usual, line(TUESDAY + DAY + 5 * HOUR), line(TUESDAY + 3 * DAY - 6 * HOUR))
    assert found.sentences == ("6 of 8 between 10 and 12 on Tuesdays",)


def test_hours_of_the_day_and_a_weekday_are_said_where_they_do_not_go_together(
    server: Server,
) -> None:
    every_day = of(server, *[line(TUESDAY + n * DAY) for n in range(7)])
    assert every_day.sentences == ("7 of 7 between 9 and 11",)
    tuesdays = of(server, *[line(TUESDAY + n * WEEK + (n * 4 - 10) * HOUR) for n in range(6)])
    assert tuesdays.sentences == ("6 of 6 on Tuesdays",)


def test_two_are_no_pattern_nor_is_less_than_half(server: Server) -> None:
    assert of(server, line(TUESDAY), line(TUESDAY + WEEK)).sentences == ()
    assert of(server, *scattered(7)).sentences == ()


def test_memory_that_was_short_is_said(server: Server) -> None:
    found = scattered(14)
    short = seen(server, found[:8], lowest_available=250_000_000)
    enough = seen(server, found[8:11], lowest_available=900_000_000)
    unknown = seen(server, found[11:12])
    assert of(server, *short, *enough, *unknown, *found[12:]).sentences == (
        "8 of 11 within an hour of memory below 300 MB",
    )


def test_a_boot_or_an_upgrade_before_is_said(server: Server) -> None:
    found = scattered(3)
    booted = seen(server, found[:2], uptime=100.0)
    sentences = of(server, *booted, msgspec.structs.replace(found[2], cause="reboot")).sentences
    assert sentences == ("3 of 3 within 15 minutes of the machine's start",)
    upgraded = seen(server, found, upgraded=("libc6",))
    assert of(server, *upgraded).sentences == ("3 of 3 within a day of an upgrade",)


def test_a_server_that_started_before_is_said(server: Server) -> None:
    def log(minutes_before: float, at: datetime) -> tuple[str, ...]:
        then = (at - timedelta(minutes=minutes_before)).astimezone()
        stamp = f"{then:%Y-%m-%d %H:%M:%S}.123"
        return (
            "[I 9999-99-99 99:99:99.123 JupyterHub base:1] User x took 1 seconds to start",
            f"[I {stamp} JupyterHub base:1156] User s1 took 3.946 seconds to start",
        )

    found = scattered(7)
    near = [each for at in found[:5] for each in seen(server, [at], log=log(9, at.at))]
    far = seen(server, found[5:6], log=log(11, found[5].at))
    far += seen(server, found[6:], log=log(-1, found[6].at))
    assert of(server, *near, *far).sentences == (
        "5 of 7 within 10 minutes of a student's server starting",
    )


def test_evidence_that_cannot_be_read_counts_as_none(server: Server) -> None:
    found = seen(server, scattered(3), lowest_available=1)
    (server.state / incidents.FOLDER / f"{found[0].incident}.json").write_bytes(b"broken")
    assert of(server, *found).sentences == ()


@given(
    minutes=st.lists(st.integers(0, 60_000), max_size=40),
    causes=st.lists(st.sampled_from(["", "killed", "reboot"]), max_size=40),
)
def test_counts_agree_with_each_other(
    tmp_path_factory: pytest.TempPathFactory, minutes: list[int], causes: list[str]
) -> None:
    server = server_of(a_course(tmp_path_factory.mktemp("course")))
    lines = [
        line(TUESDAY + timedelta(minutes=at), cause)
        for at, cause in zip(minutes, causes, strict=False)
    ]
    found = of(server, *lines)
    assert found.cases == sum(count for _, count in found.by_cause) == sum(found.by_hour)
    assert found.by_weekday == tuple(map(sum, found.grid))
    for sentence in found.sentences:
        holds, judged = (int(word) for word in sentence.split()[:3:2])
        assert 3 <= holds <= judged <= found.cases
        assert holds * 2 >= judged
