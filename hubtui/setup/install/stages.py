"""A change of the machine in stages: each is verified, and where one fails all of them go back.

Stages look at the machine, never at what an earlier process noted: one that was killed is carried
on, or taken back, by running it again.
"""

from __future__ import annotations

import secrets
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta

from hubtui import pauses
from hubtui.errors import CommandFailed, HubtuiError
from hubtui.plan.journal import Journal
from hubtui.plan.locks import lock
from hubtui.plan.plans import operator
from hubtui.plan.steps import Step
from hubtui.server import Server

PAUSE = timedelta(minutes=15)
"""So long the watchdog keeps still at most, should hubtui be killed meanwhile."""


class Stage(Step):
    """A step that can be taken back."""

    def undo(self) -> str:
        """Take back what it, or an earlier process, did; what was done, empty for nothing."""
        return ""


def carry_out(
    server: Server, kind: str, stages: Sequence[Stage], tell: Callable[[str], None]
) -> None:
    """Do all stages in order; ``tell`` is given a line for each.

    Raises CommandFailed where one fails; by then those before it are taken back. A terminal that
    is closed meanwhile changes nothing.
    """
    at = server.clock()
    by, run = operator(), f"{at:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
    log = Journal(server.state, server.clock, run=run, kind=kind, by=by)
    with lock(server.state, "install", f"{kind}, by {by}"), _unaffected_by_the_terminal():
        log.write("begin", text=f"{len(stages)} stages")
        for number, stage in enumerate(stages, start=1):
            try:
                _one(stage, log, tell)
            except (HubtuiError, OSError) as e:
                _say(tell, f"✗ {stage.say()}: {e}")
                left = _back(stages[:number], log, tell)
                log.write("over", outcome="failed")
                raise CommandFailed(_sentence(str(e), left)) from e
        log.write("over", outcome="done")


def _one(stage: Stage, log: Journal, tell: Callable[[str], None]) -> None:
    if stage.done():
        _say(tell, f"✓ {stage.say()} (is so already)")
        return
    log.write("step", step=stage.kind)
    for text in stage.do():
        _say(tell, f"  {text}")
    stage.verify()
    _say(tell, f"✓ {stage.say()}")


def _back(stages: Sequence[Stage], log: Journal, tell: Callable[[str], None]) -> list[str]:
    """Take the stages back, last first; what could not be is returned in sentences."""
    left = []
    for stage in reversed(stages):
        try:
            log.write("step", step=f"back: {stage.kind}")
            if done := stage.undo():
                _say(tell, f"↩ {done}")
        except (HubtuiError, OSError) as e:
            left.append(str(e))
    return left


def _sentence(why: str, left: Sequence[str]) -> str:
    if not left:
        return f"{why} Everything is as it was before."
    return f"{why} Not all could be taken back: {' '.join(left)}"


def _say(tell: Callable[[str], None], text: str) -> None:
    with suppress(OSError):  # nobody reads any more
        tell(text)


@contextmanager
def _unaffected_by_the_terminal() -> Iterator[None]:
    numbers = (signal.SIGHUP, signal.SIGINT)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Pause(Stage):
    """The watchdog only looks meanwhile. A pause that somebody else made stays."""

    kind = "pause"

    def __init__(self, server: Server, why: str) -> None:
        self.server, self.why = server, why

    @property
    def is_ours(self) -> bool:
        """Whether the pause that holds is one of these stages."""
        held = pauses.paused(self.server.state, self.server.clock())
        return held is not None and held.why == self.why

    def say(self) -> str:
        """The pause."""
        return "hubtui's watchdog only looks"

    def done(self) -> bool:
        """Whether any pause holds."""
        return pauses.paused(self.server.state, self.server.clock()) is not None

    def do(self) -> Iterator[str]:
        """Begin it."""
        yield from ()
        at = self.server.clock()
        pauses.pause(self.server.state, at + PAUSE, operator(), self.why, at)

    def undo(self) -> str:
        """End it."""
        if not self.is_ours:
            return ""
        pauses.resume(self.server.state, operator(), self.server.clock())
        return "the pause is over"


class Resume(Stage):
    """The end of that pause."""

    kind = "resume"

    def __init__(self, pause: Pause) -> None:
        self.pause = pause

    def say(self) -> str:
        """The end."""
        return "hubtui's watchdog restarts the hub where that helps"

    def done(self) -> bool:
        """Whether there is nothing to end."""
        return not self.pause.is_ours

    def do(self) -> Iterator[str]:
        """End it."""
        yield from ()
        self.pause.undo()
