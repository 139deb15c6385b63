"""What follows from a verdict: wait, look again, restart, or call a person. No clock, no disk.

Only what a restart can cure is restarted. Back-off 0, 2, 5, 10, 30 minutes; after five restarts
within an hour it gives up, which means that a person is called, and that a dead hub is still tried
every half hour. All is forgiven after half an hour of being up.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from hubtui.watchdog.judged import Judged
from hubtui.watchdog.patience import Patience
from hubtui.watchdog.records import Now, State, Verdict


class Act(StrEnum):
    """What is done about it."""

    NOTHING = "nothing"
    LOOK = "look again"
    HUB = "restart the hub"
    PROXY = "end the proxy"
    """The hub starts a new one by itself; it is restarted as well where its output is broken."""


class Decision(Struct, frozen=True, kw_only=True):
    """What follows."""

    act: Act
    state: State
    wait: float = 0.0
    """Seconds until the next look of this check."""
    until: datetime | None = None
    """Of back-off or pause."""


class Given(Struct, frozen=True, kw_only=True):
    """What a decision rests on, besides the verdict."""

    at: datetime
    looks: int
    """Looks in this check so far, this one counted."""
    restarts: tuple[datetime, ...] = ()
    """Those that count."""
    hopeless: str = ""
    """Why the last restart failed, where no restart cures it: a cause."""
    exam: bool = False
    paused: bool = False
    paused_until: datetime | None = None
    acted: bool = False
    """This check has restarted already."""


CURED = frozenset(
    {
        Verdict.HUB_DEAD,
        Verdict.HUB_STUCK,
        Verdict.HUB_HUNG,
        Verdict.PROXY_DEAD,
        Verdict.PROXY_HUNG,
        Verdict.PROXY_LOST,
    }
)
"""What a restart can cure."""
IN_EXAM = frozenset({Verdict.HUB_DEAD, Verdict.HUB_STUCK, Verdict.PROXY_DEAD, Verdict.PROXY_HUNG})
"""Restarted even during an exam. A hung hub is not: who is in a notebook goes on working."""
_CALM = {
    Verdict.UP: State.UP,
    Verdict.STARTING: State.STARTING,
    Verdict.SLOW: State.DEGRADED,
    Verdict.FAILING: State.DEGRADED,
    Verdict.WEB: State.DEGRADED,
    Verdict.PORT_TAKEN: State.DEGRADED,
    Verdict.UNKNOWN: State.DEGRADED,
}


def decide(judged: Judged, given: Given, patience: Patience) -> Decision:
    """What follows from a verdict."""
    if given.paused:
        return Decision(act=Act.NOTHING, state=State.PAUSED, until=given.paused_until)
    if judged.verdict not in CURED:
        state = _CALM[judged.verdict] if judged.sure else State.SUSPECT
        return Decision(act=Act.NOTHING, state=state)
    if given.acted:
        state, until = _next_turn(judged.verdict, given, patience)
        return Decision(act=Act.NOTHING, state=state, until=until)
    if (wait := _look_again(judged, given, patience)) is not None:
        return Decision(act=Act.LOOK, state=State.SUSPECT, wait=wait)
    if not judged.sure:
        return Decision(act=Act.NOTHING, state=State.SUSPECT)
    if given.exam and judged.verdict not in IN_EXAM:
        return Decision(act=Act.NOTHING, state=State.DOWN)
    state, until = _next_turn(judged.verdict, given, patience)
    never = state is State.GAVE_UP and until is None
    if never or (until is not None and given.at < until):
        return Decision(act=Act.NOTHING, state=state, until=until)
    act = Act.PROXY if judged.verdict is Verdict.PROXY_HUNG else Act.HUB
    return Decision(act=act, state=State.RESTARTING)


def _next_turn(verdict: Verdict, given: Given, patience: Patience) -> tuple[State, datetime | None]:
    """Until when it waits before it restarts again, as back-off or as given up.

    None: not at all; but where it gave up, for a person.
    """
    if not given.restarts:
        return State.DOWN, None
    last, steps = given.restarts[-1], patience.backoff
    pause = timedelta(seconds=steps[min(len(given.restarts), len(steps) - 1)])
    if given.exam:
        return State.BACKOFF, last + min(timedelta(seconds=patience.exam_backoff), pause)
    if given.hopeless or _are_too_many(given.restarts, patience.most):
        is_dead = verdict in (Verdict.HUB_DEAD, Verdict.HUB_STUCK)
        return State.GAVE_UP, last + timedelta(seconds=patience.last_resort) if is_dead else None
    return State.BACKOFF, last + pause


def _are_too_many(restarts: tuple[datetime, ...], most: int) -> bool:
    """Whether ever so many were within an hour; it stays so until all is forgiven."""
    rows = zip(restarts, restarts[most - 1 :], strict=False)
    return any(last - first < timedelta(hours=1) for first, last in rows)


def still_counted(now: Now, at: datetime, patience: Patience) -> tuple[datetime, ...]:
    """The restarts that count: none any more once it was up for long enough."""
    up = now.state is State.UP and (at - now.since).total_seconds() >= patience.forgiven
    return () if up else now.restarts


def _look_again(judged: Judged, given: Given, patience: Patience) -> float | None:
    """Seconds until this check looks again before it decides; None: it has seen enough."""
    if judged.verdict is Verdict.HUB_DEAD:
        return patience.second_look if given.looks < 2 else None
    if judged.sure or given.looks > len(patience.looks_again):
        return None
    return patience.looks_again[given.looks - 1]
