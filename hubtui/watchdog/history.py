"""Every restart that is known: hubtui's own, those of old scripts, those of systemd.

A restart leaves its trace in several places: our incident, a line of restarts.log, a log with the
time in its name, systemd's message. What lies within SAME of each other is one restart, told by the
one that knows most; the others give what it does not know.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from hubtui.errors import StateError
from hubtui.server import Server
from hubtui.watchdog import datedlogs, hublog, incidents, known, live, logfile, oldlog, unitlog
from hubtui.watchdog.oldlog import Unreadable
from hubtui.watchdog.records import AWAY, Incident, Outcome

SAME = timedelta(minutes=2)
_MINUTE = timedelta(seconds=59)
NOT_RESTARTED = "not restarted"
MAIL = Path("/var/mail/root")
OURS = "hubtui"
JOURNAL = "journal"
_LARGEST = 8_000_000
"""Bytes that are read of restarts.log, and of the mailbox, at most: their ends."""
_MOST_LOGS = 200
"""Logs whose end is read for a cause: the newest."""


class Line(Struct, frozen=True, kw_only=True):
    """One restart, or an incident that needed none; texts are safe to show."""

    at: datetime
    reason: str = ""
    cause: str = ""
    """Of causes.CAUSES; empty: unknown."""
    seconds_away: float | None = None
    """From the first bad look, or from what systemd saw, until it was up."""
    by: str = ""
    """Who did it, as far as known."""
    source: str
    """``hubtui``, the name of a file, ``journal``."""
    verdict: str = ""
    outcome: str = ""
    """A records.Outcome, or NOT_RESTARTED; empty: not known."""
    incident: str = ""
    """The id of ours."""
    exam: bool = False

    @property
    def restarted(self) -> bool:
        return self.outcome != NOT_RESTARTED


class History(Struct, frozen=True):
    """What is known, the newest last."""

    lines: tuple[Line, ...]
    unreadable: tuple[Unreadable, ...] = ()


def history(
    server: Server,
    since: datetime | None = None,
    unit: str = "",
    mail: Path = MAIL,
    most: int = _LARGEST,
) -> History:
    """Collect it. ``unit`` is the hub's, where the caller knows it; ``most``: how many bytes are
    read of restarts.log, and of the mailbox.

    Nothing is raised: what cannot be read is named in ``unreadable``.
    """
    found, unreadable = _incidents(server, since)
    lines = [line for incident in found for line in of_incident(incident)]
    sources = [list(_of_unit(server, unit or _unit_of(server, found), since))]
    logs = server.course.watchdog.logs
    if logs is not None:
        old, bad = _old(logs, most)
        unreadable += bad
        sources = [old, *sources, list(_of_logs(logs, since))]
    sources.append(_mailed(mail, most))
    for more in sources:
        lines = merge(lines, more)
    return History(
        tuple(line for line in lines if since is None or line.at >= since), tuple(unreadable)
    )


def merge(told: Sequence[Line], more: Sequence[Line]) -> list[Line]:
    """Both, oldest first. One of ``more`` that lies within SAME of a restart that is told is that
    one, and adds to it what it lacks; each meets one at most. First those of the same minute."""
    lines = sorted((line for line in told if line.restarted), key=_at)
    left = sorted(more, key=_at)
    open_ = list(range(len(lines)))
    for within in (_MINUTE, SAME):
        left, open_ = _meet(lines, open_, left, within)
    others = [line for line in told if not line.restarted]
    return sorted([*lines, *left, *others], key=_at)


def _meet(
    lines: list[Line], open_: Sequence[int], more: Sequence[Line], within: timedelta
) -> tuple[list[Line], list[int]]:
    """Let each of ``more`` meet the first of ``lines`` that is open; both are in order.

    Returns those of ``more``, and the indices of ``lines``, that met nobody.
    """
    alone: list[Line] = []
    unmet: list[int] = []
    waiting = deque(open_)
    for line in more:
        while waiting and lines[waiting[0]].at < line.at - within:
            unmet.append(waiting.popleft())
        if waiting and lines[waiting[0]].at <= line.at + within:
            at = waiting.popleft()
            lines[at] = _together(lines[at], line)
        else:
            alone.append(line)
    return alone, [*unmet, *waiting]


def _together(line: Line, more: Line) -> Line:
    return replace(
        line,
        reason=line.reason or more.reason,
        cause=line.cause or more.cause,
        seconds_away=more.seconds_away if line.seconds_away is None else line.seconds_away,
        by=line.by or more.by,
        outcome=line.outcome or more.outcome,
    )


def _at(line: Line) -> datetime:
    return line.at


def availability(
    found: Sequence[Incident], at: datetime, days: float, began: datetime | None = None
) -> float:
    """The share of the last ``days``, but not before ``began``, in which students could get in.

    An incident that never ended lasts until the next one. Without a time to speak of: 1.0.
    """
    start = at - timedelta(days=days)
    start = max(start, began) if began is not None else start
    whole = (at - start).total_seconds()
    if whole <= 0:
        return 1.0
    ordered = sorted(found, key=lambda incident: incident.at)
    ends = [*(incident.at for incident in ordered[1:]), at]
    away = sum(
        max(0.0, (min(incident.over or after, after, at) - max(incident.at, start)).total_seconds())
        for incident, after in zip(ordered, ends, strict=False)
        if incident.verdict in AWAY
    )
    return max(0.0, 1.0 - away / whole)


def began(server: Server, found: Sequence[Incident]) -> datetime | None:
    """When the watchdog began to look, as far as is still known; None: it never did."""
    samples = live.samples(server.live)
    first = [sample.at for sample in samples[:1]] + [incident.at for incident in found]
    return min(first, default=None)


# --- where a restart leaves its trace ------------------------------------------------------------


def _incidents(server: Server, since: datetime | None) -> tuple[list[Incident], list[Unreadable]]:
    try:
        return incidents.read(server.state, since), []
    except StateError as e:
        return [], [Unreadable(incidents.FOLDER, 0, str(e))]


def _unit_of(server: Server, found: Sequence[Incident]) -> str:
    """The unit that was restarted last; else the one that the hub was last seen in; else the usual
    one."""
    ways = [restart.how for incident in found for restart in incident.restarts]
    units = [how.removeprefix("unit ") for how in ways if how.startswith("unit ")]
    if units:
        return units[-1]
    with suppress(StateError):
        seen = known.read(server.state)
        if seen is not None and seen.launch.unit:
            return seen.launch.unit
    return unitlog.USUAL


def of_incident(incident: Incident) -> Iterator[Line]:
    """A line for each of its restarts; one for an incident without."""
    begins = [restart.at for restart in incident.restarts[1:]]
    if not incident.restarts:
        yield _line(incident, incident.at, incident.seconds, by="", outcome=NOT_RESTARTED)
    for at, restart in enumerate(incident.restarts):
        # Together the lines of an incident are as long as it was.
        away = incident.verdict in AWAY and at == 0
        begin = incident.at if away else restart.at
        end = restart.up_at or (begins[at] if at < len(begins) else incident.over)
        seconds = (end - begin).total_seconds() if end is not None else None
        yield _line(incident, restart.at, seconds, by=restart.by, outcome=restart.outcome.value)


def _line(
    incident: Incident, at: datetime, seconds: float | None, *, by: str, outcome: str
) -> Line:
    return Line(
        at=at,
        reason=incident.text,
        cause=incident.cause,
        seconds_away=max(0.0, seconds) if seconds is not None else None,
        by=by,
        source=OURS,
        verdict=incident.verdict.value,
        outcome=outcome,
        incident=incident.id,
        exam=incident.exam,
    )


def _old(logs: Path, most: int) -> tuple[list[Line], list[Unreadable]]:
    data, begin = logfile.last_bytes(logs / incidents.OLD, most)
    found, unreadable = oldlog.read(data, incidents.OLD)
    if begin:
        said = "it is long: only its end is read, and lines are counted from there"
        unreadable.insert(0, Unreadable(incidents.OLD, 0, said))
    lines = [Line(at=old.at, reason=old.reason, source=incidents.OLD) for old in found]
    return lines, unreadable


def _mailed(mail: Path, most: int) -> list[Line]:
    data, _ = logfile.last_bytes(mail, most)
    source = f"mail of {mail.name}"
    return [Line(at=old.at, reason=old.reason, source=source) for old in oldlog.in_mail(data)]


def _of_logs(logs: Path, since: datetime | None) -> Iterator[Line]:
    """A log was begun by a restart, and the log before it says in its end what that was for."""
    from hubtui.watchdog import causes

    found = datedlogs.dated(logs)
    for at, log in enumerate(found):
        cause = ""
        if at and at >= len(found) - _MOST_LOGS and (since is None or log.start >= since):
            cause = causes.of_log(hublog.tail(hublog.Place(file=found[at - 1].path)))
        yield Line(at=log.start, cause=cause, source=log.path.name)


def _of_unit(server: Server, unit: str, since: datetime | None) -> Iterator[Line]:
    from hubtui.watchdog import causes

    for start in unitlog.starts(server.run, unit, since):
        away = (start.at - start.ended).total_seconds() if start.ended is not None else None
        yield Line(
            at=start.at,
            reason=start.reason,
            cause=start.cause or causes.of_log(start.messages),
            seconds_away=max(0.0, away) if away is not None and start.good else None,
            by="systemd" if start.automatic else "",
            source=JOURNAL,
            outcome="" if start.good else Outcome.FAILED.value,
        )
