"""The restart history as rows: when, why, what was seen, how long students were away, who asked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from rich.text import Text

from hubtui.clock import ago, moment
from hubtui.names import shown
from hubtui.tui.colours import BAD, QUIET, WARN
from hubtui.tui.columns import Column
from hubtui.tui.look import Entry, cell
from hubtui.tui.titles import count
from hubtui.tui.watch_look import Watch
from hubtui.units import in_two_units, seconds
from hubtui.watchdog.causes import CAUSES
from hubtui.watchdog.history import Line, availability
from hubtui.watchdog.records import Incident, Outcome, Restart

COLUMNS = (
    Column("sign", "", 1),
    Column("at", "WHEN", 13),
    Column("cause", "CAUSE", 22),
    Column("reason", "SEEN", None, drop_below=56),
    Column("away", "AWAY", 6, align="right"),
    Column("by", "BY", 9, drop_below=64),
    Column("source", "FROM", 12, drop_below=110),
)
ORDERS = ("at", "cause", "away")
UNKNOWN = "not known"
_DAY = timedelta(days=1)
_CAME = {
    Outcome.UP: "it came up",
    Outcome.FAILED: "it did not come up",
    Outcome.BEGUN: "at work, or broken off",
}


def rows(watch: Watch, at: datetime) -> dict[str, Entry]:
    """The rows of the list, by their key; the latest first."""
    lines = watch.history.lines if watch.history is not None else ()
    return {key(line): _entry(line, watch.incidents.get(line.incident), at) for line in lines}


def key(line: Line) -> str:
    """The same for the same restart at every look."""
    return f"{line.at.timestamp():.3f} {line.incident or line.source}"


def title(cause: str) -> str:
    """What a cause is called; a cause of a newer hubtui by its id."""
    return CAUSES[cause].title if cause in CAUSES else shown(cause, limit=40)


def _entry(line: Line, incident: Incident | None, at: datetime) -> Entry:
    cause, when, by = title(line.cause), short(line.at, at), shown(line.by, limit=30)
    away = line.seconds_away
    lasts = away is None and incident is not None and incident.over is None
    return Entry(
        name=when,
        row=(
            cell(*_sign(line)),
            cell(when, QUIET),
            cell(cause) if cause else cell(UNKNOWN, QUIET),
            cell(shown(line.reason, limit=200), QUIET),
            cell("now", BAD) if lasts else cell(seconds(away) if away is not None else ""),
            cell(by if line.restarted else "nobody", QUIET),
            cell(shown(line.source, limit=40), QUIET),
        ),
        search=f"{cause} {line.reason} {by} {line.outcome} {line.source} {when}".lower(),
        sort=(
            -line.at.timestamp(),
            (not cause, cause.lower(), -line.at.timestamp()),
            (-(away or 0), -line.at.timestamp()),
        ),
        detail=lambda: detail(line, incident, at),
    )


def _sign(line: Line) -> tuple[str, str]:
    """``!`` where nothing was restarted, ``✗`` where that was in vain."""
    if not line.restarted:
        return "!", WARN
    return ("✗", BAD) if line.outcome == Outcome.FAILED else ("", "")


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
    text, found = Text(), [*watch.incidents.values()]
    if watch.began is not None:
        known = at - watch.began
        share = availability(found, at, 7, watch.began)
        text.append("up ", QUIET).append(_percent(share), "bold")
        text.append(f" of {_length(min(known, timedelta(days=7)))}", QUIET)
        if known > timedelta(days=8):
            share, days = availability(found, at, 30, watch.began), min(30, round(known / _DAY))
            text.append(", ", QUIET).append(_percent(share), "bold").append(f" of {days}", QUIET)
        text.append(" · ")
    restarts = [line.at for line in watch.history.lines if line.restarted]
    text.append(count(len(restarts), "restart"))
    if restarts:
        lately = sum(then > at - timedelta(days=7) for then in restarts)
        last = ago(restarts[-1], at)
        last = "last just now" if last == "now" else f"last {last} ago"
        text.append(f", {lately} in 7 days, {last}", QUIET)
    if unreadable := len(watch.history.unreadable):
        text.append(f" · {count(unreadable, 'line')} not readable", WARN)
    return text


def _percent(share: float) -> str:
    """``99.98%``; 100 only where it was up all the time."""
    return "100%" if share == 1 else f"{min(share, 0.9999):.2%}"


def _length(length: timedelta) -> str:
    days = round(length / _DAY)
    return count(days, "day") if days else in_two_units(length.total_seconds())


# --- the details of a row -------------------------------------------------------------------------


def detail(line: Line, incident: Incident | None, at: datetime) -> Text:
    """Why, what was done, and what to do; the evidence stands on a page of its own."""
    text = Text.assemble((title(line.cause) or "cause not known", "bold"))
    text.append(f"\n{moment(line.at, at)}", QUIET)
    if line.seconds_away is not None:
        text.append(f" · away for {in_two_units(line.seconds_away)}", QUIET)
    if line.reason:
        text.append(f"\n{shown(line.reason, limit=300)}")
    for why in incident.why if incident is not None else ():
        text.append(f"\n· {shown(why, limit=300)}")
    if line.cause in CAUSES:
        text.append("\n→ ", "bold").append(CAUSES[line.cause].do)
    for sentence in _done(line, incident, at):
        text.append(f"\n{sentence}", QUIET)
    return text


def _done(line: Line, incident: Incident | None, at: datetime) -> Iterator[str]:
    """What was done, in sentences that are safe to show."""
    restarts = incident.restarts if incident is not None else ()
    restart = next((each for each in restarts if each.at == line.at), None)
    if restart is not None:
        yield from _of_restart(restart)
    elif line.restarted:
        by = f"restarted by {shown(line.by, limit=30)}" if line.by else "restarted"
        yield f"{by}; known from {shown(line.source, limit=60)}"
    else:
        yield "nothing was restarted"
    if incident is not None and incident.over is not None:
        yield f"over {moment(incident.over, at)}"
    if line.exam:
        yield "during an exam"


def _of_restart(restart: Restart) -> Iterator[str]:
    how = f", {shown(restart.how, limit=60)}" if restart.how else ""
    came = _CAME[restart.outcome]
    if restart.up_at is not None:
        came += f" after {in_two_units((restart.up_at - restart.at).total_seconds())}"
    yield f"restarted by {shown(restart.by, limit=30)}{how}: {came}"
    if restart.text:
        yield shown(restart.text, limit=300)
    if restart.servers_before is not None:
        after = restart.servers_after
        left = f", {after} after it" if after is not None else ""
        yield f"{count(restart.servers_before, 'server')} of students ran{left}"
