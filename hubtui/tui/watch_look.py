"""What the watchdog pane shows, read from the watchdog's files: the hub itself is never asked.

Files are looked at by stat() and read again only where they changed; where the pane is not shown,
only the state of now is.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from hubtui import pauses
from hubtui.errors import HubtuiError
from hubtui.pauses import Exam, Pause
from hubtui.server import Server
from hubtui.students import Missing
from hubtui.watchdog import incidents, live
from hubtui.watchdog.history import History, began, history
from hubtui.watchdog.records import Incident, Now, Sample, State

GRACE = timedelta(seconds=90)
"""How late a check may come until the watchdog counts as silent: with the minute itself 2.5 of
its intervals."""

Stamps = tuple[tuple[int, int, int] | None, ...]


@dataclass(frozen=True)
class Watch:
    """The watchdog at one moment."""

    now: Now | None = None
    hidden: bool = False
    """The live state is there for root alone, and we are not root."""
    samples: Sequence[Sample] = ()
    history: History | None = None
    """None until the pane was shown."""
    incidents: Mapping[str, Incident] = field(default_factory=dict)
    """By their ids."""
    began: datetime | None = None
    """Since when something would have been noticed."""
    pause: Pause | None = None
    exam: Exam | None = None
    called: bool = True
    """Whether somebody is called where the hub is down."""
    missing: Sequence[Missing] = ()

    def is_silent(self, at: datetime) -> bool:
        """Whether a check should have come since the last one."""
        return self.now is not None and at > self.now.next_at + GRACE

    def needs_you(self, at: datetime) -> bool:
        """Whether the pane's name gets a mark."""
        if self.hidden or (self.now is None and self.history is None):
            return False  # nobody can say, or nobody has installed it
        return self.now is None or self.is_silent(at) or self.now.state is not State.UP


class Watcher:
    """Looks again and again; returns the same Watch as long as nothing is otherwise."""

    def __init__(self, server: Server) -> None:
        self.server = server
        notify = server.course.notify
        self._last = Watch(called=any((notify.mail, notify.command, notify.webhook)))
        self._stamps: dict[str, Stamps] = {}

    def look(self, *, shown: bool, fresh: bool = False) -> Watch:
        """``shown``: the pane is; ``fresh``: read everything again."""
        if fresh:
            self._stamps.clear()
        self._look_at_now()
        if shown:
            self._look_at_samples()
            self._look_at_history()
            self._look_at_pauses()
        return self._last

    def _look_at_now(self) -> None:
        folder = self.server.live
        try:
            (folder / live.NOW).stat()
            hidden = False
        except OSError as e:
            hidden = isinstance(e, PermissionError)
        if self._changed("now", folder / live.NOW) or hidden != self._last.hidden:
            self._take(now=live.read(folder), hidden=hidden)

    def _look_at_samples(self) -> None:
        if self._changed("samples", self.server.live / live.SAMPLES):
            self._take(samples=tuple(live.samples(self.server.live)))

    def _look_at_history(self) -> None:
        folder, logs = self.server.state / incidents.FOLDER, self.server.course.watchdog.logs
        if _is_hidden(folder):
            if self._last.history is None:
                unseen = Missing(what="restarts", why="root alone can see them: sudo hubtui")
                self._take(history=History(()), missing=(unseen,))
            return
        written = sorted(folder.glob("????-??.jsonl"))
        old = () if logs is None else (logs, logs / incidents.OLD)
        if not self._changed("history", folder, *written, *old):
            return
        try:
            found = incidents.read(self.server.state)
        except HubtuiError as e:
            unseen = Missing(what="restarts", why=str(e))
            self._take(history=history(self.server), missing=(unseen,))
        else:
            self._take(
                history=history(self.server),
                incidents={incident.id: incident for incident in found},
                began=began(self.server, found),
                missing=(),
            )

    def _look_at_pauses(self) -> None:
        found = pauses.look(self.server.course, self.server.state, self.server.clock())
        if (found.pause, found.exam) != (self._last.pause, self._last.exam):
            self._take(pause=found.pause, exam=found.exam)

    def _changed(self, what: str, *paths: Path) -> bool:
        before, self._stamps[what] = self._stamps.get(what), tuple(map(_stamp, paths))
        return self._stamps[what] != before

    def _take(self, **what: object) -> None:
        self._last = replace(self._last, **what)  # type: ignore[arg-type]


def _stamp(path: Path) -> tuple[int, int, int] | None:
    with suppress(OSError):
        found = path.stat()
        return found.st_mtime_ns, found.st_size, found.st_ino
    return None


def _is_hidden(folder: Path) -> bool:
    """Whether there may be something in it that we cannot see."""
    try:
        folder.stat()
    except PermissionError:
        return True
    except OSError:
        return False
    return not os.access(folder, os.R_OK | os.X_OK)
