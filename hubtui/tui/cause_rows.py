"""Causes as rows, and the week as a picture of its hours."""

from __future__ import annotations

from datetime import datetime
from itertools import groupby
from operator import itemgetter

from rich.text import Text

from hubtui.clock import moment
from hubtui.names import shown
from hubtui.tui.colours import QUIET, WARN
from hubtui.tui.columns import Column, Row
from hubtui.tui.look import cell
from hubtui.tui.titles import count
from hubtui.tui.watch_rows import UNKNOWN, short, title
from hubtui.units import seconds
from hubtui.watchdog.causes import CAUSES
from hubtui.watchdog.history import History, Line
from hubtui.watchdog.patterns import Patterns

COLUMNS = (
    Column("times", "TIMES", 5, align="right"),
    Column("cause", "CAUSE", 24),
    Column("last", "LAST", 13),
    Column("do", "WHAT TO DO", None, drop_below=60),
)
NOBODY_KNOWS = (
    "Nothing that was saved says why. Old logs say it seldom; what hubtui saves before a restart "
    "does so more often."
)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_SHADES = "░▒▓█"


def headline(found: Patterns) -> Text:
    """How many there were, and of how many the cause is known."""
    unknown = dict(found.by_cause).get("", 0)
    line = Text(count(found.cases, "time"))
    line.append(" that students could not get in" if found.cases else "")
    line.append(f" · of {unknown} the cause is not known" if unknown else "", QUIET)
    return line


def cause_rows(found: Patterns, history: History, at: datetime) -> dict[str, Row]:
    """A row for each cause, the most frequent first; at last those of which it is not known."""
    rows: dict[str, Row] = {}
    for cause, times in sorted(found.by_cause, key=lambda pair: not pair[0]):
        last = max((line.at for line in history.lines if line.cause == cause), default=None)
        rows[cause] = (
            str(times),
            cell(title(cause)) if cause else cell(UNKNOWN, QUIET),
            cell(short(last, at) if last is not None else "", QUIET),
            cell(_do(cause), QUIET),
        )
    return rows


def cause_detail(cause: str, history: History, at: datetime, *, times: int) -> Text:
    """What it is and what cures it for good; the last ``times`` of it below."""
    text = Text.assemble((title(cause) or UNKNOWN, "bold"))
    known = CAUSES.get(cause)
    text.append(f"\n{known.sentence if known else NOBODY_KNOWS}")
    if known is not None:
        text.append("\n→ ", "bold").append(known.do)
        if known.switch_on:
            text.append(f"\nTo know more next time: {known.switch_on}", QUIET)
    found = [line for line in reversed(history.lines) if line.cause == cause][:times]
    for number, line in enumerate(found):
        text.append("\n\n" if number == 0 else "\n").append(_time(line, at), QUIET)
    return text


def _time(line: Line, at: datetime) -> str:
    away = f" · away for {seconds(line.seconds_away)}" if line.seconds_away is not None else ""
    return f"{moment(line.at, at)}{away} · {shown(line.reason or line.source, limit=120)}"


def _do(cause: str) -> str:
    known = CAUSES.get(cause)
    return known.do if known is not None else "see what is saved at the next one"


def by_hour(found: Patterns) -> Text:
    """Seven lines of 24 cells, each a shade and the number: no colour has to be seen."""
    text = Text("      0     3     6     9    12    15    18    21", QUIET)
    most = max((number for day in found.grid for number in day), default=0)
    for day, hours in zip(_DAYS, found.grid, strict=True):
        text.append(f"\n{day}  ", QUIET)
        for style, alike in groupby((_cell(number, most) for number in hours), itemgetter(1)):
            text.append("".join(sign for sign, _ in alike), style)
    return text


def _cell(number: int, most: int) -> tuple[str, str]:
    if not number:
        return " ·", QUIET
    shade = _SHADES[(number * len(_SHADES) - 1) // most if most else 0]
    return f"{shade}{number if number < 10 else '+'}", WARN
