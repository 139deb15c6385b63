"""What the exam check finds, and what a probe of the whole way found."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from hubtui.findings import State, worst
from hubtui.pauses import Exam


class Answer(Struct, frozen=True, kw_only=True):
    """One question of the exam check."""

    key: str
    """``memory``, ``log-in``, ``space``, ``released``, ``watchdog`` …"""
    question: str
    """``Do 40 students fit?``"""
    state: State
    """Critical: no exam like this. Warning: it may do. Unknown: could not be looked at."""
    text: str
    """The answer in one sentence, safe to show."""
    remedies: tuple[tuple[str, str], ...] = ()
    """What helps, the best first, each with its command or its key; empty where nothing has to."""
    pane: str = ""
    row: str = ""


class Settings(Struct, frozen=True, kw_only=True):
    """What the hub's configuration says that matters when everybody comes at once."""

    concurrent_spawn_limit: int | None = None
    """None: not known, or JupyterHub's own default."""
    active_server_limit: int | None = None


class Readiness(Struct, frozen=True, kw_only=True):
    """The whole check."""

    format: int = 1
    at: datetime
    exam: Exam | None
    """That of course.yaml, or by hand, that it is about; None: any day."""
    students: int
    """How many shall work at once."""
    answers: tuple[Answer, ...]

    @property
    def state(self) -> State:
        """The worst answer."""
        return worst(answer.state for answer in self.answers)

    @property
    def go(self) -> bool:
        """Whether nothing speaks against it: a warning does not, what was not seen does."""
        return self.state in (State.FINE, State.WARNING)
