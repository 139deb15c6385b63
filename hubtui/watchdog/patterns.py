"""What the restarts have in common: cause, hour, weekday, and what came before them.

A **case** is what a person would call a crash: restarts, and incidents that shut students out, that
follow each other within ONE_CASE. A sentence is said only where it holds for MOST of the cases that
could be judged, and for ENOUGH of them; how often it holds anyway nobody measured, so it is a hint.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, tzinfo

from msgspec import Struct

from hubtui.errors import StateError
from hubtui.server import Server
from hubtui.watchdog import incidents
from hubtui.watchdog.history import History, Line
from hubtui.watchdog.records import AWAY, Evidence

ONE_CASE = timedelta(minutes=30)
ENOUGH = 3
MOST = 0.5
LITTLE_MEMORY = 300_000_000
"""Bytes: what two students' servers need to start."""
_JUST_AFTER = 900.0
"""Seconds since boot."""
_START = timedelta(minutes=10)
_HOURS = 2
"""A span of the day that is looked for."""
_DAYS = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")
_SERVER_UP = re.compile(r"\[I (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\.\d.*seconds to start\b", re.ASCII)


class Patterns(Struct, frozen=True, kw_only=True):
    """Counts of cases, in the course's own time zone."""

    cases: int
    by_cause: tuple[tuple[str, int], ...]
    """The most frequent first; the cause is empty where it is not known."""
    by_hour: tuple[int, ...]
    by_weekday: tuple[int, ...]
    """Monday first."""
    grid: tuple[tuple[int, ...], ...]
    """By weekday and hour."""
    sentences: tuple[str, ...]
    """Coincidences, the most telling first: ``8 of 11 within an hour of memory below 300 MB``."""


class _Case(Struct, frozen=True, kw_only=True):
    at: datetime
    """In the course's zone."""
    cause: str
    evidence: Evidence | None


def patterns(server: Server, history: History) -> Patterns:
    """Group it. Evidence that was deleted, or cannot be read, counts as none."""
    zone = zone_of(server)
    found = [_case(server, lines, zone) for lines in cases(history.lines)]
    grid = [[0] * 24 for _ in range(7)]
    for case in found:
        grid[case.at.weekday()][case.at.hour] += 1
    causes = Counter(case.cause for case in found)
    return Patterns(
        cases=len(found),
        by_cause=tuple(sorted(causes.items(), key=lambda pair: (-pair[1], pair[0]))),
        by_hour=tuple(sum(day[hour] for day in grid) for hour in range(24)),
        by_weekday=tuple(sum(day) for day in grid),
        grid=tuple(tuple(day) for day in grid),
        sentences=(*_before(found), *_when(grid)),
    )


def cases(lines: Sequence[Line]) -> list[list[Line]]:
    """Lines, oldest first, put together to cases."""
    found: list[list[Line]] = []
    for line in lines:
        if not (line.restarted or line.verdict in AWAY):
            continue
        if found and line.at - found[-1][-1].at <= ONE_CASE:
            found[-1].append(line)
        else:
            found.append([line])
    return found


def zone_of(server: Server) -> tzinfo | None:
    """The course's time zone; None: the one of this server."""
    from zoneinfo import ZoneInfo

    name = server.course.timezone
    return ZoneInfo(name) if name is not None else None


def _case(server: Server, lines: Sequence[Line], zone: tzinfo | None) -> _Case:
    ids = dict.fromkeys(line.incident for line in lines if line.incident)
    evidence = (_evidence(server, id_) for id_ in ids)
    return _Case(
        at=lines[0].at.astimezone(zone),
        cause=next((line.cause for line in lines if line.cause), ""),
        evidence=next((found for found in evidence if found is not None), None),
    )


def _evidence(server: Server, id_: str) -> Evidence | None:
    try:
        return incidents.evidence(server.state, id_)
    except StateError:
        return None


# --- what came before ----------------------------------------------------------------------------


def _before(found: Sequence[_Case]) -> list[str]:
    """A question gives None where the case cannot tell."""
    asked: dict[str, Callable[[_Case], bool | None]] = {
        f"within an hour of memory below {LITTLE_MEMORY // 10**6} MB": _short_of_memory,
        "within 15 minutes of the machine's start": _after_boot,
        "within a day of an upgrade": _after_upgrade,
        "within 10 minutes of a student's server starting": _after_a_start,
    }
    sentences = []
    for what, question in asked.items():
        answers = [answer for case in found if (answer := question(case)) is not None]
        if _telling(sum(answers), len(answers)):
            sentences.append(f"{sum(answers)} of {len(answers)} {what}")
    return sentences


def _telling(holds: int, judged: int) -> bool:
    return holds >= ENOUGH and holds >= MOST * judged


def _short_of_memory(case: _Case) -> bool | None:
    if case.evidence is None or case.evidence.lowest_available is None:
        return None
    return case.evidence.lowest_available < LITTLE_MEMORY


def _after_boot(case: _Case) -> bool | None:
    if case.cause == "reboot":
        return True
    return case.evidence.uptime < _JUST_AFTER if case.evidence is not None else None


def _after_upgrade(case: _Case) -> bool | None:
    if case.cause == "upgrade":
        return True
    return bool(case.evidence.upgraded) if case.evidence is not None else None


def _after_a_start(case: _Case) -> bool | None:
    """The hub's log says when a server was up, in this server's own time."""
    if case.evidence is None or not case.evidence.log:
        return None
    at = case.evidence.at.astimezone().replace(tzinfo=None)
    for line in case.evidence.log:
        if match := _SERVER_UP.search(line):
            try:
                up = datetime.fromisoformat(match[1])
            except ValueError:
                continue
            if timedelta() <= at - up <= _START:
                return True
    return False


# --- when ----------------------------------------------------------------------------------------


def _when(grid: Sequence[Sequence[int]]) -> list[str]:
    """The narrowest of: hours of a weekday; else hours of the day, and a weekday."""
    total = sum(map(sum, grid))
    count, day, hour = max(
        (sum(grid[day][hour : hour + _HOURS]), -day, -hour)
        for day in range(7)
        for hour in range(25 - _HOURS)
    )
    if _telling(count, total):
        return [f"{count} of {total} between {_span(-hour)} on {_DAYS[-day]}"]
    sentences = []
    by_hour = [sum(day[hour] for day in grid) for hour in range(24)]
    count, hour = max((sum(by_hour[hour : hour + _HOURS]), -hour) for hour in range(25 - _HOURS))
    if _telling(count, total):
        sentences.append(f"{count} of {total} between {_span(-hour)}")
    count, day = max((sum(grid[day]), -day) for day in range(7))
    if _telling(count, total):
        sentences.append(f"{count} of {total} on {_DAYS[-day]}")
    return sentences


def _span(hour: int) -> str:
    return f"{hour} and {hour + _HOURS}"
