"""The state of the watchdog in sentences."""

from __future__ import annotations

from hubtui import pauses
from hubtui.course import Course
from hubtui.names import shown
from hubtui.units import counted
from hubtui.watchdog.records import State
from hubtui.watchdog.rules import CURED, IN_EXAM, Decision, Given
from hubtui.watchdog.verdict import Judged


def text(course: Course, judged: Judged, decision: Decision, given: Given) -> str:
    """What was found, and what the watchdog makes of it."""
    who = [f"That is {_user(judged.taken_by)}."] if judged.taken_by is not None else []
    return " ".join([judged.text, *who, *_also(course, judged, decision, given)])


def _user(uid: int) -> str:
    import pwd

    try:
        return shown(pwd.getpwuid(uid).pw_name, 40)
    except KeyError:
        return f"uid {uid}, which has no account"


def _also(course: Course, judged: Judged, decision: Decision, given: Given) -> list[str]:
    until = decision.until
    when = pauses.clock(course, until, given.at) if until is not None else ""
    times = counted(len(given.restarts), "time")
    if decision.state is State.PAUSED:
        return [f"The watchdog is paused{f' until {when}' if when else ''}: it restarts nothing."]
    if decision.state is State.BACKOFF:
        return [f"It was restarted {times} in vain; the next try is at {when}."]
    if decision.state is State.GAVE_UP:
        last = f" The hub is tried once more at {when}." if when else ""
        if given.hopeless:
            return [f"No restart cures that: a person is needed.{last}"]
        return [f"It was restarted {times} in vain: a person is needed.{last}"]
    if given.exam and judged.verdict in CURED - IN_EXAM:
        return [
            "An exam runs: it is not restarted by itself, who is in a notebook goes on working."
        ]
    return []


def advice(judged: Judged, decision: Decision, given: Given) -> str:
    """What a person can do."""
    if decision.state is State.PAUSED and judged.verdict in CURED:
        return "hubtui watchdog resume, or hubtui watchdog restart"
    if given.exam and judged.verdict in CURED - IN_EXAM:
        return "To restart it all the same: hubtui watchdog restart"
    if decision.state is State.GAVE_UP:
        return "See why: hubtui watchdog causes; then: hubtui watchdog restart"
    return judged.do
