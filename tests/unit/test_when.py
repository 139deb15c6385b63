"""``Mon 08:00``: the next such moment, whatever the clocks do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hubtui.course import Accounts, Course, Hub
from hubtui.errors import UsageError
from hubtui.when import is_day, parse_when, written, zone_of

BERLIN = ZoneInfo("Europe/Berlin")
TUESDAY = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)  # 05:00 in Berlin
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def at(text: str, now: datetime = TUESDAY) -> str:
    """The moment as the clocks in Berlin show it."""
    return f"{parse_when(text, BERLIN, now).at.astimezone(BERLIN):%a %Y-%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("Mon 08:00", "Mon 2026-11-30 08:00"),
        ("monday 8:00", "Mon 2026-11-30 08:00"),
        ("Tue 08:00", "Tue 2026-11-24 08:00"),
        ("Tue 05:00", "Tue 2026-12-01 05:00"),
        ("08:00", "Tue 2026-11-24 08:00"),
        ("04:59", "Wed 2026-11-25 04:59"),
        ("05:00", "Wed 2026-11-25 05:00"),
        ("tomorrow 08:00", "Wed 2026-11-25 08:00"),
        ("today 23:59", "Tue 2026-11-24 23:59"),
        ("2026-11-30 08:00", "Mon 2026-11-30 08:00"),
        ("  Mon   08:00 ", "Mon 2026-11-30 08:00"),
    ],
)
def test_what_is_meant(text: str, moment: str) -> None:
    assert at(text) == moment


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no time"),
        ("Mon", "no time"),
        ("8", "no time"),
        ("Mon 08:00 or so", "no time"),
        ("٠٨:٠٠", "no time"),
        ("25:00", "no time of the day"),
        ("08:60", "no time of the day"),
        ("Noday 08:00", "no day"),
        ("2026-02-30 08:00", "no day"),
        ("2026-11-23 08:00", "is over"),
        ("today 04:00", "is over"),
        ("2036-11-23 08:00", "more than a year"),
        ("\x1b[31m 08:00", "no day"),
    ],
)
def test_what_is_no_time(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why) as e:
        parse_when(text, BERLIN, TUESDAY)
    assert "\x1b" not in str(e.value)


# --- changed clocks: 2026-03-29 02:00 → 03:00, 2026-10-25 03:00 → 02:00 in Berlin -----------------


def test_a_time_that_the_clocks_skip_is_said() -> None:
    before = datetime(2026, 3, 28, 12, tzinfo=UTC)
    for text in ("Sun 02:30", "tomorrow 02:30", "2026-03-29 02:30"):
        with pytest.raises(UsageError, match=r"02:30 does not exist on Sun 29 Mar 2026.*03:30"):
            parse_when(text, BERLIN, before)
    assert at("02:30", datetime(2026, 3, 29, 2, tzinfo=UTC)) == "Mon 2026-03-30 02:30"


def test_a_time_that_comes_twice_is_taken_once_and_said() -> None:
    before = datetime(2026, 10, 24, 12, tzinfo=UTC)
    first = parse_when("Sun 02:30", BERLIN, before)
    assert first.at == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert "the first is taken (CEST)" in first.note
    between = datetime(2026, 10, 25, 0, 45, tzinfo=UTC)
    second = parse_when("02:30", BERLIN, between)
    assert second.at == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    assert "the second is taken (CET)" in second.note


def test_eight_in_the_morning_is_that_on_both_sides_of_the_change() -> None:
    before = datetime(2026, 10, 24, 12, tzinfo=UTC)
    assert parse_when("Sat 08:00", BERLIN, before - timedelta(days=1)).at.hour == 6
    assert parse_when("Mon 08:00", BERLIN, before).at.hour == 7


ZONES = ("Europe/Berlin", "UTC", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu")


@given(
    now=st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)),
    zone=st.sampled_from(ZONES).map(ZoneInfo),
    day=st.sampled_from(("", *DAYS)),
    hour=st.integers(0, 23),
    minute=st.integers(0, 59),
)
@example(datetime(2026, 4, 4, 15, 45, tzinfo=UTC), ZoneInfo("Australia/Lord_Howe"), "", 1, 45)
def test_it_is_the_next_moment_that_the_clocks_show(
    now: datetime, zone: ZoneInfo, day: str, hour: int, minute: int
) -> None:
    """No earlier moment after now shows the same day and time; every answer is in the future."""
    text = f"{day} {hour:02}:{minute:02}".strip()
    try:
        found = parse_when(text, zone, now)
    except UsageError as e:
        assert "does not exist" in str(e)  # noqa: PT017
        return
    assert now < found.at <= now + timedelta(days=8)
    wanted = f"{hour:02}:{minute:02}"

    def fits(moment: datetime) -> bool:
        here = moment.astimezone(zone)
        return f"{here:%H:%M}" == wanted and (not day or f"{here:%a}" == day)

    assert fits(found.at)
    for step in (timedelta(minutes=30), timedelta(hours=1), timedelta(days=1)):
        earlier = found.at - step
        while earlier > now:
            assert not fits(earlier)
            earlier -= step


@given(st.text(max_size=30))
def test_no_text_breaks_it(text: str) -> None:
    try:
        assert parse_when(text, BERLIN, TUESDAY).at > TUESDAY
    except UsageError as e:
        assert str(e).isprintable()  # noqa: PT017
    is_day(text)


def test_a_moment_is_written_with_its_zone() -> None:
    assert written(TUESDAY, "Europe/Berlin") == "Tue 24 Nov 2026, 05:00 (Europe/Berlin)"
    assert written(TUESDAY, "No/Where") == "Tue 24 Nov 2026, 04:00 (UTC)"


def test_the_courses_zone_comes_first() -> None:
    course = Course(
        course="C",
        hub=Hub(database="/db"),
        accounts=Accounts(group="all_user", homes=Path("/home")),
        timezone="Asia/Tokyo",
    )
    assert zone_of(course).key == "Asia/Tokyo"
    assert isinstance(zone_of(msgspec.structs.replace(course, timezone=None)), ZoneInfo)
