"""The restart history as rows: when, why, what was seen, how long students were away, who asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from rich.text import Text

from hubtui.clock import ago, moment
from hubtui.names import shown
from hubtui.tui.colours import BAD, QUIET, WARN
from hubtui.tui.columns import Column
from hubtui.tui.look import Entry, cell
from hubtui.tui.titles import count
from hubtui.tui.watch_look import Watch
from hubtui.tui.watch_words import in_two_units
from hubtui.watchdog.causes import CAUSES
from hubtui.watchdog.history import Line
from hubtui.watchdog.records import AWAY, Incident, Outcome, Restart

COLUMNS = (
    Column("at", "WHEN", 13),
    Column("cause", "CAUSE", None),
    Column("reason", "SEEN", None, drop_below=56),
    Column("away", "AWAY", 8, align="right"),
    Column("by", "BY", 9, drop_below=64),
    Column("source", "FROM", 12, drop_below=110),
)
ORDERS = ("at", "cause", "away")
UNKNOWN = "not known"
WEEK, MONTH = timedelta(days=7), timedelta(days=30)


def rows(watch: Watch, at: datetime) -> dict[str, Entry]:
    """The rows of the list, by their key; the latest first."""
    lines = watch.history.lines if watch.history is not None else ()
    return {key(line): _entry(line, at) for line in reversed(lines)}


def key(line: Line) -> str:
    """The same for the same restart at every look."""
    return f"{line.at.timestamp():.3f} {line.source} {line.incident.id if line.incident else ''}"


def title(cause: str) -> str:
    """What a cause is called; a cause of a newer hubtui by its id."""
    return CAUSES[cause].title if cause in CAUSES else shown(cause, limit=40)


def _entry(line: Line, at: datetime) -> Entry:
    cause, reason, by = title(line.cause), shown(line.reason, limit=200), shown(line.by, limit=30)
    restarted = line.restart is not None or line.incident is None
    away = line.seconds_away
    lasted = in_two_units(away) if away is not None else ("" if restarted else "")
    open_ = line.incident is not None and line.incident.over is None
    return Entry(
        name=short(line.at, at),
        row=(
            cell(short(line.at, at), QUIET),
            cell(cause) if cause else cell(UNKNOWN, QUIET),
            cell(reason, QUIET),
            cell("now" if open_ else lasted, BAD if open_ else ""),
            cell(by, QUIET) if restarted else cell("no restart", WARN),
            cell(shown(line.source, limit=40), QUIET),
        ),
        search=f"{cause} {reason} {by} {line.source} {short(line.at, at)}".lower(),
        sort=(
            -line.at.timestamp(),
            (not cause, cause.lower(), -line.at.timestamp()),
            (-(away or 0), -line.at.timestamp()),
        ),
        detail=lambda: detail(line, at),
    )


def short(then: datetime, at: datetime) -> str:
    """``Wed 25 09:22``, ``12 Oct 09:22``, ``03 Feb 2025``: fits into a column."""
    here, now = then.astimezone(), at.astimezone()
    if abs(now - here) < timedelta(days=6):
        return f"{here:%a %d, %H:%M}"
    return f"{here:%d %b, %H:%M}" if here.year == now.year else f"{here:%d %b %Y}"


# --- the line above the list ----------------------------------------------------------------------


def summary(watch: Watch, at: datetime) -> Text:
    """How much of the time students could get in, and how many restarts there were."""
    if watch.history is None:
        return Text(" ")
    lines = watch.history.lines
    text = Text()
    found = [line.incident for line in lines if line.incident is not None]
    watched = _watched_since(watch, found)
    if watched is not None:
        week, month = available(found, at, max(watched, at - WEEK)), None
        text.append(f"up {week:.2%}".replace("100.00", "100"), "bold")
        text.append(f" of {_length(at - max(watched, at - WEEK))}", QUIET)
        if at - watched > WEEK:
            month = available(found, at, max(watched, at - MONTH))
            text.append(f", {month:.2%}".replace("100.00", "100"), "bold")
            text.append(f" of {_length(at - max(watched, at - MONTH))}", QUIET)
        text.append(" · ")
    restarts = [line.at for line in lines if line.restart is not None or line.incident is None]
    lately = sum(then > at - WEEK for then in restarts)
    text.append(count(len(restarts), "restart"))
    if restarts:
        text.append(f", {lately} in 7 days, the last {ago(restarts[-1], at)} ago", QUIET)
    if unreadable := len(watch.history.unreadable):
        text.append(f" · {count(unreadable, 'line')} not readable", WARN)
    return text


def available(found: Iterable[Incident], at: datetime, since: datetime) -> float:
    """The share of the time since then at which students could get in, from 0 to 1."""
    whole = (at - since).total_seconds()
    away = sum(
        max(0.0, (min(one.over or at, at) - max(one.at, since)).total_seconds())
        for one in found
        if one.verdict in AWAY
    )
    return max(0.0, 1 - away / whole) if whole > 0 else 1.0


def _watched_since(watch: Watch, found: Sequence[Incident]) -> datetime | None:
    """Since when something would have been noticed, as far as that can be told."""
    first = [watch.samples[0].at] if watch.samples else []
    return min([*first, *(one.at for one in found)], default=None)


def _length(length: timedelta) -> str:
    days = round(length / timedelta(days=1))
    return count(days, "day") if days else in_two_units(length.total_seconds())


# --- the details of a row -------------------------------------------------------------------------


def detail(line: Line, at: datetime) -> Text:
    """Why, what was done, and what to do; the evidence stands on a page of its own."""
    incident, restart = line.incident, line.restart
    text = Text(title(line.cause) or "Cause not known", "bold")
    text.append(f"\n{moment(line.at, at)}", QUIET)
    if line.seconds_away is not None:
        text.append(f" · away for {in_two_units(line.seconds_away)}", QUIET)
    if line.reason:
        text.append(f"\n{shown(line.reason, limit=300)}")
    for why in incident.why if incident is not None else ():
        text.append(f"\n· {shown(why, limit=300)}")
    if line.cause in CAUSES:
        text.append("\n→ ", "bold").append(CAUSES[line.cause].do)
    for sentence in _course_of(incident, restart, at):
        text.append(f"\n{sentence}", QUIET)
    if line.source:
        text.append(f"\nfrom {shown(line.source, limit=60)}", QUIET)
    return text


def _course_of(incident: Incident | None, restart: Restart | None, at: datetime) -> Iterator[str]:
    if restart is not None:
        how = f", {shown(restart.how, limit=60)}" if restart.how else ""
        came = {
            Outcome.UP: "it came up",
            Outcome.FAILED: "it did not come up",
            Outcome.BEGUN: "at work, or broken off",
        }[restart.outcome]
        if restart.up_at is not None:
            came += f" after {in_two_units((restart.up_at - restart.at).total_seconds())}"
        yield f"restarted by {shown(restart.by, limit=30)}{how}: {came}"
        if restart.text:
            yield shown(restart.text, limit=300)
        if restart.servers_before is not None:
            after = restart.servers_after
            left = f", {after} after it" if after is not None else ""
            yield f"{count(restart.servers_before, 'server')} of students ran{left}"
    elif incident is not None:
        yield "not restarted"
    if incident is not None:
        if incident.over is not None:
            yield f"over {moment(incident.over, at)}"
        if incident.exam:
            yield "during an exam"
