"""The watchdog: whether it looks, what it had to do lately, what keeps it from its work.

That the hub is down is told by the hub's own line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from hubtui import limits, notify, pauses
from hubtui.clock import ago, moment
from hubtui.findings import Finding, Severity
from hubtui.glance.gather import Ground
from hubtui.glance.hub import FRESH
from hubtui.glance.records import Part, part
from hubtui.names import shown
from hubtui.pauses import Pause
from hubtui.plan import runs
from hubtui.plan.locks import is_held
from hubtui.server import Server, machine, quick
from hubtui.students import Missing
from hubtui.units import counted, seconds
from hubtui.watchdog import check, live
from hubtui.watchdog.catalogue import CAUSES
from hubtui.watchdog.history import Line, history
from hubtui.watchdog.records import Now

PANE = "watchdog"
INSTALLED = (
    Path("/etc/systemd/system/hubtui-watchdog.timer"),
    Path("/etc/cron.d/hubtui-watchdog"),
)
"""What ``hubtui install watchdog`` writes, by systemd or by cron."""
WEEK = timedelta(days=7)
_LAST = 50_000
"""Bytes of what an old script left: 1,200 restarts, more than any week's."""
_OFTEN = 3
"""Restarts of one cause in a week: worth a cure."""


def look(ground: Ground) -> Part:
    """Look at its files. Raises HubtuiError, OSError."""
    server, at = ground.server, ground.at
    now, installed = live.read(server.live), any(path.exists() for path in INSTALLED)
    if now is None and _is_hidden(server.live):
        missing = (Missing(what="watchdog", why="root alone can see it: sudo hubtui status"),)
        return part("watchdog", "watchdog", "not seen", pane=PANE, missing=missing)
    paused = pauses.paused(server.state, at)
    found = history(replace(server, run=quick.run), at - WEEK, most=_LAST)
    restarts = [line for line in found.lines if line.restarted]
    findings = (
        *_silent(server, now, at, installed=installed),
        *_pause(ground, paused),
        *_restarts(ground, restarts),
        *_nobody(server),
        *_unfinished(server),
    )
    words = [
        _checked(now, at, installed=installed),
        f"{counted(len(restarts), 'restart')} in 7 days",
    ]
    if paused is not None:
        until = f" until {moment(paused.until, at)}" if paused.until else ""
        words.insert(0, f"paused{until}")
    return part("watchdog", "watchdog", ", ".join(words), pane=PANE, findings=findings)


def _is_hidden(folder: Path) -> bool:
    try:
        (folder / live.NOW).stat()
    except PermissionError:
        return True
    except OSError:
        return False
    return False


def _checked(now: Now | None, at: datetime, *, installed: bool) -> str:
    if now is None:
        return "no check yet" if installed else "not installed"
    return f"checked {seconds((at - now.at).total_seconds())} ago"


# --- findings -----------------------------------------------------------------------------------


def _finding(id_: str, severity: Severity, text: str, do: str, row: str = "") -> Finding:
    return Finding(id=id_, severity=severity, text=text, do=do, pane=PANE, row=row)


def _silent(server: Server, now: Now | None, at: datetime, *, installed: bool) -> Iterator[Finding]:
    if now is None and not installed:
        text = "Nothing restarts the hub when it fails: hubtui's watchdog is not installed."
        yield _finding("watchdog.none", Severity.NOTE, text, "sudo hubtui install watchdog")
        return
    if now is None and machine.numbers().uptime < 2 * FRESH.total_seconds():
        return
    if (now is not None and abs(at - now.at) < FRESH) or is_held(server.live / check.LOCK):
        return
    since = f" for {ago(now.at, at)}" if now is not None else " since this machine started"
    if now is not None and now.at > at:
        since = " since the clock was set back"
    text = f"The watchdog has not looked{since}: nobody would restart the hub."
    do = "See why: sudo hubtui doctor" if installed else "sudo hubtui install watchdog"
    yield _finding("watchdog.silent", Severity.WARNING, text, do)


def _pause(ground: Ground, paused: Pause | None) -> Iterator[Finding]:
    if paused is None:
        return
    at, course = ground.at, ground.server.course
    hours = (at - paused.at).total_seconds() / 3600
    severity = limits.judge(course.limits, "paused", hours) or Severity.NOTE
    until = f"until {moment(paused.until, at)}" if paused.until else "until somebody resumes"
    text = f"The watchdog is paused {until}, by {shown(paused.by, 30)}: it restarts nothing."
    yield _finding("watchdog.paused", severity, text, "sudo hubtui watchdog resume")


def _restarts(ground: Ground, restarts: Sequence[Line]) -> Iterator[Finding]:
    """That there were many; and, of few as well, what would end most of them for good."""
    severity = limits.judge(ground.server.course.limits, "restarts", len(restarts))
    causes = Counter(line.cause for line in restarts if line.cause in CAUSES)
    cause, times = next(iter(causes.most_common(1)), ("", 0))
    if severity is None and times < _OFTEN:
        return
    text = f"The hub was restarted {len(restarts)} times in 7 days"
    text += f", {times} of them for: {CAUSES[cause].title}." if cause else "."
    do = CAUSES[cause].do if cause else "See why: sudo hubtui watchdog causes"
    yield _finding("watchdog.restarts", severity or Severity.NOTE, text, do)


def _nobody(server: Server) -> Iterator[Finding]:
    if notify.nobody(server.course):
        text = "Nobody is called when the hub is down."
        do = "Set notify in course.yaml; then: sudo hubtui notify --test"
        yield _finding("notify.nobody", Severity.NOTE, text, do)


def _unfinished(server: Server) -> Iterator[Finding]:
    for plan in runs.unfinished(server.state):
        yield Finding(
            id="change.unfinished",
            severity=Severity.WARNING,
            text=f"A change was ended before it was through: {shown(plan.title, 80)}.",
            do=f"sudo hubtui journal resume {plan.id}",
            row=plan.id,
        )
