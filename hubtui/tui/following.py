"""A run as a dialog follows it: its events as they come, and a way to ask it to stop."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from hubtui.events import Event
from hubtui.plan import runs

_BEAT = 0.25
"""Seconds between two looks at the run's events: progress four times a second at most."""


class Following(Protocol):
    """Where the events of a run come from."""

    def events(self) -> Iterator[Event | None]:
        """As they come, None at each beat, ``done`` at last. Raises StateError, CommandFailed."""

    def cancel(self) -> None:
        """Ask the run to stop before its next step."""


class OwnRun:
    """A run whose files we can read: ours, or another hubtui's."""

    def __init__(
        self, state: Path, run: str, process: subprocess.Popen[bytes] | None = None
    ) -> None:
        """``process``: the run's own, where it is a child of ours."""
        self._state, self._run, self._process = state, run, process

    def events(self) -> Iterator[Event | None]:
        return runs.follow(self._state, self._run, self._process, beat=_BEAT)

    def cancel(self) -> None:
        runs.cancel(self._state, self._run)
