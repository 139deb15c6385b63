"""When somebody is called about an incident, and what is said: never with a student's name.

What an incident saw may name one (whoever took the hub's port), so its own texts stay out of it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from hubtui import pauses
from hubtui.course import Course
from hubtui.notify import Kind, Message
from hubtui.units import counted
from hubtui.watchdog.records import AWAY, Incident, Outcome, State, Verdict

AWAY_FOR = timedelta(minutes=2)
"""How long students may be kept out before somebody is called; a restart that failed is enough."""
ODD_FOR = timedelta(minutes=10)
"""The same for what is not well and keeps nobody out."""
LOOK = "To see more: sudo hubtui watchdog status"

_WORDS = {
    Verdict.SLOW: "it is at work and answers late or not at all",
    Verdict.FAILING: "it answers, but its log says that something does not work",
    Verdict.WEB: "hub and proxy are well, but the public address is not: look at certificate, web "
    "server and DNS",
    Verdict.PROXY_DEAD: "the proxy is not running",
    Verdict.PROXY_HUNG: "the proxy is running and does not answer",
    Verdict.PROXY_LOST: "the proxy does not lead to the hub",
    Verdict.HUB_DEAD: "the hub is not running",
    Verdict.HUB_STUCK: "the hub is running, but its port is closed",
    Verdict.HUB_HUNG: "the hub is running and does not answer",
    Verdict.PORT_TAKEN: "a program that is neither hub nor proxy has taken its port",
    Verdict.UNKNOWN: "the watchdog could not look at it",
}


def of_incident(course: Course, incident: Incident, state: State, at: datetime) -> Message | None:
    """What is to be called about this incident now; None where there is nothing to say yet.

    ``notify.call`` says the same only once, so this may be asked after every check.
    """
    if incident.over is not None:
        return _over(course, incident)
    if state in (State.PAUSED, State.UP):
        return None  # whoever paused it knows; one good look more, and it is over
    if state is State.GAVE_UP:
        return _message(course, incident, at, Kind.GAVE_UP, "hubtui gave up restarting JupyterHub")
    failed = any(restart.outcome is Outcome.FAILED for restart in incident.restarts)
    if incident.verdict in AWAY:
        subject = "JupyterHub is down"
        wait = AWAY_FOR
    elif incident.verdict in _WORDS:
        subject = "JupyterHub is not well"
        wait = AWAY_FOR if incident.exam else ODD_FOR  # forty who log in at once call nobody
    else:
        return None
    if not failed and at - incident.at < wait:
        return None
    return _message(course, incident, at, Kind.DOWN, subject)


def _message(course: Course, incident: Incident, at: datetime, kind: Kind, subject: str) -> Message:
    since = pauses.clock(course, incident.at, at)
    lines = [f"Since {since}: {_WORDS.get(incident.verdict, incident.verdict)}."]
    if incident.exam:
        lines.append("An exam is running.")
    lines += [*_restarts(incident), *_cause(incident)]
    if kind is Kind.GAVE_UP:
        lines.append("It needs you: a dead hub is still tried every half hour, nothing else is.")
    return Message(kind=kind, subject=subject, text="\n".join([*lines, LOOK]), key=incident.id)


def _over(course: Course, incident: Incident) -> Message:
    over = incident.over or incident.at
    long = _length(over - incident.at)
    lines = [
        f"From {pauses.clock(course, incident.at, over)} to {pauses.clock(course, over, over)}, "
        f"{long}: {_WORDS.get(incident.verdict, incident.verdict)}.",
        *_restarts(incident),
        *_cause(incident),
        LOOK.replace("status", "history"),
    ]
    subject = f"JupyterHub is well again after {long}"
    return Message(kind=Kind.OVER, subject=subject, text="\n".join(lines), key=incident.id)


def _restarts(incident: Incident) -> list[str]:
    if not incident.restarts:
        return []
    failed = sum(restart.outcome is Outcome.FAILED for restart in incident.restarts)
    said = f"hubtui tried {counted(len(incident.restarts), 'restart')}"
    return [f"{said}, {failed} in vain." if failed else f"{said}."]


def _cause(incident: Incident) -> list[str]:
    """In the catalogue's words, which name nobody."""
    from hubtui.watchdog.catalogue import CAUSES

    cause = CAUSES.get(incident.cause)
    return [f"Most likely: {cause.sentence}", f"What helps: {cause.do}"] if cause else []


def _length(length: timedelta) -> str:
    seconds = max(0, int(length.total_seconds()))
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 2 * 3600:
        return f"{seconds // 60} min"
    return f"{seconds // 3600} h {seconds // 60 % 60} min"
