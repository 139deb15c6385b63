"""The release that is running, as a line above the list: whoever began it, and how far it is."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from hubtui.errors import HubtuiError
from hubtui.events import Follower, What
from hubtui.plan import plans, runs
from hubtui.plan.plans import Plan
from hubtui.release.chosen import versions_of
from hubtui.tui.plan_words import sheets_of
from hubtui.tui.titles import listed

_DOES = {"push": "being released", "withdraw": "being withdrawn"}


class AtWork:
    """Looks again and again; of the events it reads only those that are new."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._run: _Followed | None = None

    def sentence(self) -> str:
        """``week05 is being released: 13 of 20``; empty where nothing is."""
        with suppress(HubtuiError, OSError):  # only root can see it
            for run in runs.running(self._state):
                if self._run is None or self._run.plan.id != run:
                    self._run = _Followed(self._state, plans.load(self._state, run))
                if self._run.plan.kind in _DOES:
                    return self._run.sentence()
        self._run = None
        return ""


class _Followed:
    def __init__(self, state: Path, plan: Plan) -> None:
        self.plan = plan
        self._events = Follower(runs.events_path(state, plan.id))
        self._left = {str(subject.get("key")) for subject in plan.subjects} - sheets_of(plan)
        self._all = len(self._left)

    def sentence(self) -> str:
        for event in self._events.new():
            if event.event is What.END:
                self._left.discard(event.subject)
        sheets = list(versions_of(self.plan))
        are = "are" if len(sheets) > 1 else "is"
        far = f"{self._all - len(self._left)} of {self._all}"
        return f"{listed(sheets, 2)} {are} {_DOES[self.plan.kind]}: {far}"
