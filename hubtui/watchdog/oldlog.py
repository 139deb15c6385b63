"""restarts.log as it is found in the wild: lines of old scripts, of cron's mail, of hubtui itself.

``TIME: reason``, where TIME is what ``date`` wrote on that server: ISO in any precision and zone,
or a date in words. The script that hubtui replaces swallowed its own redirection, so a line may go
on with `` >> /root/logs/restarts.log``, and stand in cron's mail instead of the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

from msgspec import Struct

from hubtui.names import shown

_LONGEST = 200
"""Characters of a reason; of what could not be read 80."""
_MOST = 2000
"""Bytes of a line."""

_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?"
    r"(?: ?[+-]\d\d:?\d\d(?::\d\d)?|Z)?):(?:\s|\Z)",
    re.ASCII,
)
_CLOCK = (
    r"(?P<clock>\d\d?:\d\d:\d\d)(?: (?P<half>[AaPp][Mm]))? (?P<zone>[A-Z]{1,5}|[+-]\d\d(?:\d\d)?)"
)
# `date` in the C locale, in German and in American English, which has the year before the clock.
_WORDS = re.compile(
    r"[^\W\d]{2,3}\.?,? +(?:(?P<day>\d\d?)\.? (?P<month>[^\W\d]{3,4})\.?"
    r"|(?P<month2>[A-Za-z]{3}) +(?P<day2>\d\d?))"
    rf" (?:(?P<year>\d{{4}}),? )?{_CLOCK}(?: (?P<year2>\d{{4}}))?:(?:\s|\Z)"
)
_REDIRECTION = re.compile(r"\s*>>(?:\s+/\S*)?\Z")
_MONTHS = (
    ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
    ("jän", "", "mär", "", "mai", "juni", "juli", "", "sept", "okt", "", "dez"),
    ("", "", "mrz", "", "", "", "", "", "", "", "", ""),
)
_MONTH = {name: at for names in _MONTHS for at, name in enumerate(names, start=1) if name}
_HOURS = {
    "UTC": 0,
    "GMT": 0,
    "Z": 0,
    "WET": 0,
    "WEST": 1,
    "BST": 1,
    "CET": 1,
    "MEZ": 1,
    "CEST": 2,
    "MESZ": 2,
    "EET": 2,
    "EEST": 3,
    "EST": -5,
    "EDT": -4,
    "CST": -6,
    "CDT": -5,
    "PST": -8,
    "PDT": -7,
}
"""East of Greenwich. A zone that is not here is taken for the one of this server."""


class Old(Struct, frozen=True):
    """A line that could be read."""

    at: datetime
    reason: str
    """Safe to show; may be empty."""


class Unreadable(Struct, frozen=True):
    """A line that could not."""

    source: str
    """The name of its file."""
    line: int
    """From 1; 0: the whole of it."""
    text: str
    """Its beginning, safe to show."""


def read(data: bytes, source: str) -> tuple[list[Old], list[Unreadable]]:
    """The lines of a restarts.log. Never raises.

    Each line is one or the other; empty ones are neither.
    """
    found: list[Old] = []
    unreadable: list[Unreadable] = []
    for number, raw in enumerate(data.split(b"\n"), start=1):
        if not raw.strip():
            continue
        old = parse(raw)
        if old is not None:
            found.append(old)
        else:
            unreadable.append(Unreadable(source, number, shown(raw[:400], 80)))
    return found, unreadable


def in_mail(data: bytes) -> Iterator[Old]:
    """The restarts that stand in root's mailbox, in mails that root itself, so cron, has sent."""
    by_root = False
    for raw in data.split(b"\n"):
        if raw.startswith(b"From "):
            by_root = raw.startswith((b"From root@", b"From root "))
        elif by_root and (old := parse(raw)) is not None:
            yield old


def parse(raw: bytes) -> Old | None:
    """One line; None where it does not begin with a time and a colon, as those of the proxy."""
    # A power cut leaves NULs where the line should be; what was written later follows them.
    kept = raw.replace(b"\0", b"")[:_MOST]
    line = kept.decode("utf-8", "backslashreplace").strip()
    match = _ISO.match(line) or _WORDS.match(line)
    if match is None:
        return None
    try:
        at = _iso(match[1]) if match.re is _ISO else _in_words(match)
        at = at.astimezone(UTC)
    except (ValueError, OverflowError, KeyError):
        return None
    reason = _REDIRECTION.sub("", line[match.end() :]).strip()
    return Old(at, shown(reason, _LONGEST))


def _iso(text: str) -> datetime:
    return datetime.fromisoformat(text.replace(" +", "+").replace(" -", "-"))


def _in_words(match: re.Match[str]) -> datetime:
    """Raises ValueError, KeyError."""
    day, month = match["day"] or match["day2"], match["month"] or match["month2"]
    hour, minute, second = (int(part) for part in match["clock"].split(":"))
    if match["half"]:
        if not 1 <= hour <= 12:
            raise ValueError
        hour = hour % 12 + 12 * (match["half"].lower() == "pm")
    year = int(match["year"] or match["year2"] or 0)
    zone = _zone(match["zone"])
    return datetime(year, _MONTH[month.lower()], int(day), hour, minute, second, tzinfo=zone)


def _zone(name: str) -> timezone | None:
    """None: the one of here."""
    if name in _HOURS:
        return timezone(timedelta(hours=_HOURS[name]))
    if name[0] in "+-":
        minutes = int(name[1:3]) * 60 + int(name[3:] or 0)
        return timezone(timedelta(minutes=minutes if name[0] == "+" else -minutes))
    return None
