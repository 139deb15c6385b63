"""The glance, looked at again and again by a thread of its own: one that hangs holds up nobody."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
from textual.worker import Worker, get_current_worker

from hubtui.glance.gather import Gatherer
from hubtui.glance.records import Glance
from hubtui.server import Server
from hubtui.tui.breath import uncollected

if TYPE_CHECKING:
    from hubtui.tui.app import HubtuiApp

Gather = Callable[[Server], Gatherer]

_PATIENCE = 0.2
"""Seconds to wait for an answer before what came so far is shown."""
_SETTLED = 4.0
"""Seconds after which answers are no longer waited for: what hangs is said at the next beat."""
_SHOWN, _BESIDE = 5.0, 30.0
"""Seconds between two looks, while the pane is on the screen and while it is not."""


class Glancing:
    """What is known of the glance, and the thread that keeps it true."""

    def __init__(self, app: HubtuiApp, gather: Gather) -> None:
        """``gather`` is called in the thread: it may import what the sources need."""
        self._app, self._gather = app, gather
        self._fresh = self._soon = False
        self.latest: Glance | None = None

    def again(self) -> None:
        """Look at everything now."""
        self._fresh = self._soon = True

    def soon(self) -> None:
        """Look at what is due now: the pane is shown."""
        self._soon = True

    def keep_looking(self) -> None:
        """Until the worker that this runs in is cancelled."""
        worker, gatherer = get_current_worker(), self._gather(self._app.server)
        self._take(gatherer.look(0.0))  # the lines have their names before they have answers
        while not worker.is_cancelled:
            fresh, self._fresh, self._soon = self._fresh, False, False
            if fresh or len(self._app.screen_stack) == 1:  # nothing moves below a dialog
                self._look(gatherer, fresh=fresh)
                settled = time.monotonic() + _SETTLED
                while gatherer.is_busy and not self._is_over(worker, settled):
                    self._look(gatherer)
            beat = _SHOWN if self._app.current_mode == "glance" else _BESIDE
            until = time.monotonic() + beat
            while not self._is_over(worker, until):
                time.sleep(0.1)

    def _look(self, gatherer: Gatherer, *, fresh: bool = False) -> None:
        with uncollected():
            glance = gatherer.look(_PATIENCE, fresh=fresh)
        self._take(glance)

    def _is_over(self, worker: Worker[None], until: float) -> bool:
        """Whether it is time, or somebody does not want to wait."""
        return self._soon or worker.is_cancelled or time.monotonic() >= until

    def _take(self, glance: Glance) -> None:
        before = self.latest
        if before is None or msgspec.structs.replace(glance, at=before.at) != before:
            self._app.call_from_thread(self._app.took_glance, glance)


def gatherer(server: Server) -> Gatherer:
    """With all sources of a course. They are imported here: not before something is painted."""
    from hubtui.glance import sources

    return sources.gatherer(server)
