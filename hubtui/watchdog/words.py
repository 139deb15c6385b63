"""The state of the watchdog in words and sentences, the same on the screen and in the terminal."""

from __future__ import annotations

from hubtui import pauses
from hubtui.course import Course
from hubtui.names import shown
from hubtui.units import counted
from hubtui.watchdog.catalogue import CAUSES
from hubtui.watchdog.judged import Judged
from hubtui.watchdog.records import AWAY, Layer, Now, Outcome, Restart, State
from hubtui.watchdog.rules import CURED, IN_EXAM, Decision, Given

LAYERS = {
    Layer.HUB: "hub",
    Layer.PROXY: "proxy",
    Layer.CHAIN: "log-in page",
    Layer.PUBLIC: "public",
}
"""In the order from the inside out."""
STATES = {
    State.UP: "UP",
    State.STARTING: "STARTING",
    State.SUSPECT: "NOT WELL, LOOKING AGAIN",
    State.DEGRADED: "NOT WELL",
    State.DOWN: "DOWN",
    State.RESTARTING: "RESTARTING",
    State.BACKOFF: "DOWN, WAITING TO TRY AGAIN",
    State.GAVE_UP: "GAVE UP: A PERSON IS NEEDED",
    State.PAUSED: "PAUSED",
}

_WHY = 200
"""Characters of why a restart failed: the pane has a few lines for all of it."""


def shown_state(now: Now) -> State:
    """The state as people mean it: where students cannot get in it is down, whatever cures it."""
    is_out = now.state is State.DEGRADED and now.verdict in AWAY
    return State.DOWN if is_out else now.state


def text(
    course: Course, judged: Judged, decision: Decision, given: Given, last: Restart | None = None
) -> str:
    """What was found, and what the watchdog makes of it; ``last``: the incident's last restart."""
    who = [f"That is {_user(judged.taken_by)}."] if judged.taken_by is not None else []
    return " ".join([judged.text, *who, *_also(course, judged, decision, given, last)])


def _user(uid: int) -> str:
    import pwd

    try:
        return shown(pwd.getpwuid(uid).pw_name, 40)
    except KeyError:
        return f"uid {uid}, which has no account"


def _also(
    course: Course, judged: Judged, decision: Decision, given: Given, last: Restart | None
) -> list[str]:
    until = decision.until
    when = pauses.clock(course, until, given.at) if until is not None else ""
    if decision.state is State.PAUSED:
        return [f"The watchdog is paused{f' until {when}' if when else ''}: it restarts nothing."]
    if decision.state is State.BACKOFF:
        return [_came(given, last), f"The next try is at {when}."]
    if decision.state is State.GAVE_UP:
        hopeless = ["No restart cures that: a person is needed."] if given.hopeless else []
        again = [f"It is tried once more at {when}."] if when else []
        return [_came(given, last), *hopeless, *again]
    if given.exam and judged.verdict in CURED - IN_EXAM:
        return [
            "An exam runs: it is not restarted by itself, who is in a notebook goes on working."
        ]
    return []


def _came(given: Given, last: Restart | None) -> str:
    """What came of the restarts so far: one that worked, and did not last, was not in vain."""
    times = counted(len(given.restarts), "restart")
    if last is None or last.outcome is not Outcome.FAILED:
        return f"{times} did not keep it up."
    which = f"The last of {times}" if len(given.restarts) > 1 else "A restart"
    why = shown(last.text, _WHY).rstrip(".")
    return f"{which} failed: {why}." if why else f"{which} failed."


def advice(judged: Judged, decision: Decision, given: Given) -> str:
    """What a person can do."""
    if decision.state is State.PAUSED and judged.verdict in CURED:
        return "hubtui watchdog resume, or hubtui watchdog restart"
    if given.exam and judged.verdict in CURED - IN_EXAM:
        return "To restart it all the same: hubtui watchdog restart"
    if decision.state is State.GAVE_UP:
        if given.hopeless in CAUSES:
            return CAUSES[given.hopeless].do
        return "See why: hubtui watchdog causes; then: hubtui watchdog restart"
    if judged.verdict not in CURED:
        return judged.do
    if decision.state is State.RESTARTING:
        return "Wait until it answers."
    if decision.state is State.BACKOFF:
        return "To try now: hubtui watchdog restart"
    if decision.state is State.SUSPECT:
        return "Wait: it looks again, and then restarts what a restart cures."
    return judged.do
