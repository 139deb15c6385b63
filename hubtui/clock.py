"""Times: one clock that can be passed in, and one way to write them (RFC 3339, UTC)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def now() -> datetime:
    """The time now, aware, in UTC."""
    return datetime.now(UTC)


def stamp(at: datetime) -> str:
    """RFC 3339 in UTC to the second: ``2026-11-22T23:52:14Z``."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse(text: str) -> datetime:
    """The inverse of stamp(). Raises ValueError."""
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def month_before(at: datetime, months: int) -> str:
    """The month so many before that of ``at``: ``2025-10``; as names of files they sort by time."""
    count = at.year * 12 + at.month - 1 - months
    return f"{count // 12:04}-{count % 12 + 1:02}"


def ago(then: datetime, at: datetime) -> str:
    """How long before ``at`` something was: ``now``, ``5 min``, ``3 h``, ``12 d``."""
    seconds = max(0, int((at - then).total_seconds()))
    if seconds < 60:
        return "now"
    if seconds < 3600:
        return f"{seconds // 60} min"
    if seconds < 2 * 86400:
        return f"{seconds // 3600} h"
    return f"{seconds // 86400} d"


def moment(then: datetime, now: datetime) -> str:
    """When something was: ``today 14:03``, ``Mon 23 Nov, 14:03``, ``23 Nov 2025, 14:03``."""
    here, today = then.astimezone(), now.astimezone()
    if here.date() == today.date():
        return f"today {here:%H:%M}"
    return f"{here:%a %d %b, %H:%M}" if here.year == today.year else f"{here:%d %b %Y, %H:%M}"
