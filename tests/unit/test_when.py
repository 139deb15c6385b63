"""``Mon 08:00``: the next such moment, whatever the clocks do."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hubtui.course import Accounts, Course, Hub
from hubtui.errors import UsageError
from hubtui.when import is_day, parse_span, parse_until, parse_when, written, zone_of

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
        ("0001-01-01 00:00", "is over"),
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


# --- how long, and from when to when ------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("30m", "Tue 2026-11-24 05:30"),
        ("30 min", "Tue 2026-11-24 05:30"),
        ("2h", "Tue 2026-11-24 07:00"),
        ("1h30m", "Tue 2026-11-24 06:30"),
        ("1h 30m", "Tue 2026-11-24 06:30"),
        ("2 d", "Thu 2026-11-26 05:00"),
        ("1d12h", "Wed 2026-11-25 17:00"),
        ("until 18:00", "Tue 2026-11-24 18:00"),
        ("18:00", "Tue 2026-11-24 18:00"),
        ("until Wed 04:00", "Wed 2026-11-25 04:00"),
        ("04:00", "Wed 2026-11-25 04:00"),
    ],
)
def test_until_when(text: str, moment: str) -> None:
    found = parse_until(text, BERLIN, TUESDAY).at.astimezone(BERLIN)
    assert f"{found:%a %Y-%m-%d %H:%M}" == moment


@pytest.mark.parametrize("text", ["", "until", "0m", "0h0m", "9999h", "-5m", "h", "5", "2 weeks"])
def test_no_length_of_time(text: str) -> None:
    with pytest.raises(UsageError):
        parse_until(text, BERLIN, TUESDAY)


def test_a_length_counts_what_passes_not_what_the_clocks_show() -> None:
    before = datetime(2027, 3, 28, 0, 30, tzinfo=UTC)  # 01:30, and at 02:00 it is 03:00
    found = parse_until("1h", BERLIN, before).at
    assert found - before == timedelta(hours=1)
    assert f"{found.astimezone(BERLIN):%H:%M}" == "03:30"


def span(text: str, now: datetime = TUESDAY) -> str:
    """An exam as the clocks in Berlin show it."""
    begin, end = (one.at.astimezone(BERLIN) for one in parse_span(text, BERLIN, now))
    return f"{begin:%a %Y-%m-%d %H:%M} {end:%a %Y-%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("09:00-11:00", "Tue 2026-11-24 09:00 Tue 2026-11-24 11:00"),
        ("9:00 – 11:00", "Tue 2026-11-24 09:00 Tue 2026-11-24 11:00"),
        ("04:00-06:00", "Tue 2026-11-24 04:00 Tue 2026-11-24 06:00"),  # it runs already
        ("03:00-05:00", "Wed 2026-11-25 03:00 Wed 2026-11-25 05:00"),  # it is over since now
        ("Mon 09:00-11:00", "Mon 2026-11-30 09:00 Mon 2026-11-30 11:00"),
        ("Tue 03:00-04:00", "Tue 2026-12-01 03:00 Tue 2026-12-01 04:00"),
        ("2027-02-01 09:00-11:00", "Mon 2027-02-01 09:00 Mon 2027-02-01 11:00"),
        ("2027-02-01 22:00 - 2027-02-02 02:00", "Mon 2027-02-01 22:00 Tue 2027-02-02 02:00"),
        ("Mon 22:00-Tue 02:00", "Mon 2026-11-30 22:00 Tue 2026-12-01 02:00"),
    ],
)
def test_from_when_to_when(text: str, said: str) -> None:
    assert span(text) == said


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no time of an exam"),
        ("09:00", "no time of an exam"),
        ("09:00-", "no time of an exam"),
        ("-11:00", "no time of an exam"),
        ("11:00-09:00", "not after"),
        ("09:00-09:00", "not after"),
        ("2026-11-23 09:00-11:00", "is over"),
        ("09:00-25:00", "no time of the day"),
        ("2027-03-28 02:30-04:00", "does not exist"),
        ("2027-02-01 09:00-11:00-12:00", "is no"),
    ],
)
def test_no_time_of_an_exam(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        span(text)


def test_an_exam_of_the_hour_that_comes_twice_has_both() -> None:
    begin, end = parse_span("2026-10-25 02:00-03:00", BERLIN, datetime(2026, 10, 20, tzinfo=UTC))
    assert end.at - begin.at == timedelta(hours=2)
    assert "twice" in begin.note


@given(st.text(max_size=40) | st.from_regex(r"[0-9hm: –A-Za-z-]{0,40}", fullmatch=True))
@example("0001-01-01 00:00-01:00")
@example("9999-12-31 23:00-23:59")
@example("99999m")
def test_what_is_typed_is_a_time_to_come_or_a_sentence(text: str) -> None:
    with suppress(UsageError):
        assert parse_until(text, BERLIN, TUESDAY).at > TUESDAY
    with suppress(UsageError):
        begin, end = parse_span(text, BERLIN, TUESDAY)
        assert begin.at < end.at
        assert end.at > TUESDAY


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2029, 1, 1), timezones=st.just(UTC)),
    st.integers(0, 23 * 60),
    st.integers(1, 59),
)
def test_an_exam_of_today_runs_or_is_the_next(now: datetime, begin: int, length: int) -> None:
    end = begin + length
    text = f"{begin // 60}:{begin % 60:02}-{end // 60}:{end % 60:02}"
    with suppress(UsageError):  # an hour that the clocks skip
        first, second = parse_span(text, BERLIN, now)
        assert now < second.at <= now + timedelta(hours=26)
        here = first.at.astimezone(BERLIN)
        assert here.hour * 60 + here.minute == begin
