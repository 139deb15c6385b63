"""``Mon 08:00``, ``2h``, ``09:00-11:00``: a time in the course's own zone, over changed clocks."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from hubtui.course import Course
from hubtui.errors import UsageError
from hubtui.names import shown

EXAMPLES = '"Mon 08:00", "08:00", "tomorrow 08:00" or "2026-11-30 08:00"'
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
PAUSES = '"30m", "2h", "2d", "18:00" or "Mon 08:00"'
EXAMS = '"09:00-11:00", "Mon 09:00-11:00" or "2027-02-01 09:00-11:00"'
_WHEN = re.compile(r"(?:(?P<day>\S+)\s+)?(?P<hour>\d{1,2}):(?P<minute>\d{2})", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_LENGTH = re.compile(
    r"(?:(?P<days>\d{1,3})\s*d)?\s*(?:(?P<hours>\d{1,4})\s*h)?\s*"
    r"(?:(?P<minutes>\d{1,5})\s*m(?:in)?)?",
    re.ASCII,
)
_SPAN = re.compile(r"(?P<from>[^–]*?\d{1,2}:\d{2})\s*[-–]\s*(?P<to>\S.*)", re.ASCII)
_FAR = timedelta(days=400)
"""What is to be in a later year is a slip of the finger."""


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """A time as somebody meant it."""

    at: datetime
    """In UTC."""
    zone: str
    note: str = ""
    """What to know about it: a time that this day has twice."""


def zone_of(course: Course) -> ZoneInfo:
    """The course's ``timezone``, else the machine's own, else UTC."""
    return zone_named(course.timezone)


def zone_named(name: str | None) -> ZoneInfo:
    """The zone of that name; None: the machine's own. UTC where there is none."""
    if name is None:
        _, found, rest = os.path.realpath("/etc/localtime").partition("/zoneinfo/")
        name = rest if found else _named_by(Path("/etc/timezone"))
    try:
        return ZoneInfo(name or "UTC")
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


def _named_by(file: Path) -> str:
    try:
        return file.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""


def is_day(word: str) -> bool:
    """Whether the word can stand before the hour: ``Mon``, ``today``, ``2026-11-30``."""
    name = word.casefold()
    return (
        name in ("today", "tomorrow") or _weekday(name) is not None or bool(_DATE.fullmatch(word))
    )


def parse_when(text: str, zone: ZoneInfo, now: datetime) -> Moment:
    """The next moment after ``now`` that ``text`` names.

    Of a time that exists twice, because the clocks go back, the next one is taken, and the note
    says so. Raises UsageError: what is no time, a time that is over, one that the clocks skip.
    """
    word, clock = _read(text, EXAMPLES)
    for day in _days(word, now.astimezone(zone).date()):
        moments = _moments(datetime.combine(day, clock), zone)
        if not moments:
            skipped = datetime.combine(day, clock, zone).astimezone(UTC)
            if skipped > now:
                raise UsageError(_skipped(skipped, clock, day, zone))
            continue
        for at in moments:
            if at > now:
                return Moment(at=at, zone=zone.key, note=_note(moments, at, clock, zone))
    raise UsageError(f"{shown(text, limit=40)} is over ({zone.key}).")


def parse_until(text: str, zone: ZoneInfo, now: datetime, *, examples: str = PAUSES) -> Moment:
    """When something ends: after ``30m``, ``1h30m``, ``2d``, or at ``18:00``, ``until Mon 08:00``.

    Raises UsageError, which names ``examples`` for what cannot be understood.
    """
    words = text.strip().removeprefix("until ").strip()
    found = _LENGTH.fullmatch(words)
    if not words or found is None:
        if not _WHEN.fullmatch(words):
            raise UsageError(f"{shown(text, limit=40)!r} is no time: say {examples}.")
        return parse_when(words, zone, now)
    length = timedelta(**{unit: int(number or 0) for unit, number in found.groupdict().items()})
    if not timedelta() < length <= _FAR:
        raise UsageError(f"{shown(words, limit=40)} is no length of time: say {examples}.")
    return Moment(at=now + length, zone=zone.key)


def parse_span(text: str, zone: ZoneInfo, now: datetime) -> tuple[Moment, Moment]:
    """``Mon 09:00-11:00``: the next such time that is not over yet; it may have begun.

    An end without a day of its own is on the day of the beginning. Of times that exist twice the
    beginning is the first and the end the second. Raises UsageError.
    """
    found = _SPAN.fullmatch(text.strip())
    if not found:
        raise UsageError(f"{shown(text, limit=60)!r} is no time of an exam: say {EXAMS}.")
    word, begin = _read(found["from"], EXAMS)
    last_word, end = _read(found["to"], EXAMS)
    today = now.astimezone(zone).date()
    for day in _days(word, today):
        last = next(_days(last_word, day)) if last_word else day
        first, second = _on(day, begin, zone, 0), _on(last, end, zone, -1)
        if second.at <= first.at:
            raise UsageError(
                f"{end:%H:%M} is not after {begin:%H:%M}: for an end on another day "
                "say its date, too."
            )
        if second.at > now:
            return first, second
    raise UsageError(f"{shown(text, limit=60)} is over ({zone.key}).")


def on_the_wall(text: str, zone: ZoneInfo, *, last: bool = False) -> datetime:
    """``2027-02-01 09:00`` there, in UTC; of a time that exists twice the first, or the last.

    One that the clocks skip is as much later as they skip. Raises ValueError.
    """
    wall = datetime.fromisoformat(text)
    if not 1 < wall.year < 9999:
        return wall.replace(tzinfo=UTC)  # no zone can be counted in, and nobody can tell
    moments = _moments(wall, zone)
    return moments[-1 if last else 0] if moments else wall.replace(tzinfo=zone).astimezone(UTC)


def written(at: datetime, zone: str) -> str:
    """``Mon 30 Nov 2026, 08:00 (Europe/Berlin)``."""
    try:
        here = at.astimezone(ZoneInfo(zone))
    except (KeyError, ValueError, OSError):
        here, zone = at.astimezone(UTC), "UTC"
    return f"{here:%a %d %b %Y, %H:%M} ({zone})"


def _read(text: str, examples: str) -> tuple[str | None, time]:
    """The word for the day, if any, and the time of the day. Raises UsageError."""
    found = _WHEN.fullmatch(text.strip())
    if not found:
        raise UsageError(f"{shown(text, limit=40)!r} is no time: say {examples}.")
    try:
        return found["day"], time(int(found["hour"]), int(found["minute"]))
    except ValueError:
        raise UsageError(f"{found['hour']}:{found['minute']} is no time of the day.") from None


def _on(day: date, clock: time, zone: ZoneInfo, which: int) -> Moment:
    """A time on that day; of two the first (0) or the second (-1). Raises UsageError."""
    wall = datetime.combine(day, clock)
    moments = _moments(wall, zone)
    if not moments:
        skipped = wall.replace(tzinfo=zone).astimezone(UTC)
        raise UsageError(_skipped(skipped, clock, day, zone))
    at = moments[which]
    return Moment(at=at, zone=zone.key, note=_note(moments, at, clock, zone))


def _days(word: str | None, today: date) -> Iterator[date]:
    """The days that are meant, in their order. Raises UsageError."""
    name = (word or "").casefold()
    if not name:
        yield from (today, today + timedelta(days=1))
    elif name in ("today", "tomorrow"):
        yield today + timedelta(days=name == "tomorrow")
    elif (number := _weekday(name)) is not None:
        first = today + timedelta(days=(number - today.weekday()) % 7)
        yield from (first, first + timedelta(days=7))
    else:
        try:
            day = date.fromisoformat(name) if _DATE.fullmatch(name) else None
        except ValueError:
            day = None
        if day is None:
            raise UsageError(f"{shown(word or '', limit=40)!r} is no day: say {EXAMPLES}.")
        if today - day > _FAR:
            raise UsageError(f"{day} is over.")
        if day - today > _FAR:
            raise UsageError(f"{day} is more than a year away.")
        yield day


def _weekday(name: str) -> int | None:
    """0 for ``mon`` and ``monday``."""
    for number, day in enumerate(_DAYS):
        if name in (day, day[:3]):
            return number
    return None


def _moments(wall: datetime, zone: ZoneInfo) -> list[datetime]:
    """When the clocks on the wall show it: once, never, or twice."""
    found = {wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
    return sorted(at for at in found if at.astimezone(zone).replace(tzinfo=None) == wall)


def _note(moments: list[datetime], at: datetime, clock: time, zone: ZoneInfo) -> str:
    if len(moments) == 1:
        return ""
    which = "first" if at == moments[0] else "second"
    name = at.astimezone(zone).tzname()
    return f"The clocks go back and {clock:%H:%M} comes twice: the {which} is taken ({name})."


def _skipped(skipped: datetime, clock: time, day: date, zone: ZoneInfo) -> str:
    then = skipped.astimezone(zone)
    return (
        f"{clock:%H:%M} does not exist on {day:%a %d %b %Y} in {zone.key}: the clocks go forward. "
        f"Say {then:%H:%M}."
    )
