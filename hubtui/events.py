"""Events: what a run says while it works, one JSON line each in ``runs/ID.jsonl``.

The run's process alone writes them; TUI, CLI and ``--json`` follow the file, so every face, and a
second hubtui, sees the same.
"""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path

import msgspec

from hubtui import typed
from hubtui.state import append_now

_LAST = 65536
"""Bytes: longer than any event."""


class What(StrEnum):
    """What an event tells."""

    PLAN = "plan"
    """The run holds its lock and begins."""
    START = "start"
    """A step begins."""
    PROGRESS = "progress"
    END = "end"
    """A subject is through; ``outcome`` says how."""
    DONE = "done"
    """The run is over; ``outcome`` says how."""


class Outcome(StrEnum):
    """How a subject, or a whole run, ended."""

    DONE = "done"
    ALREADY = "already"
    """Nothing had to be done."""
    FAILED = "failed"
    CHANGED = "changed"
    """Changed since shown: nothing was done."""
    CANCELLED = "cancelled"
    HELD = "held"
    """Another change holds the lock, or an exam runs: nothing was done."""
    DROPPED = "dropped"
    """An unfinished run that a person gave up."""

    @property
    def good(self) -> bool:
        """True where the subject is now as the plan wanted it."""
        return self in (Outcome.DONE, Outcome.ALREADY)


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One line of ``runs/ID.jsonl``; words and numbers, nothing for the garbage collector."""

    format: int = 1
    run: str
    seq: int
    event: What
    step: str = ""
    subject: str = ""
    outcome: Outcome | None = None
    text: str = ""
    at: str = ""
    files: int = 0
    """How many files the subject was brought, with the bytes: for progress."""
    bytes: int = 0


class EventLog:
    """The writer's side: numbers the events and appends them."""

    def __init__(self, path: Path, run: str) -> None:
        self.path, self.run = path, run
        self._seq = sum(1 for _ in Follower(path).new())

    def emit(
        self,
        event: What,
        *,
        step: str = "",
        subject: str = "",
        outcome: Outcome | None = None,
        text: str = "",
        at: str = "",
        moved: tuple[int, int] = (0, 0),
    ) -> None:
        """Append one event; a full disk loses events, never the change itself.

        ``moved``: files and bytes.
        """
        self._seq += 1
        record = Event(
            run=self.run,
            seq=self._seq,
            event=event,
            step=step,
            subject=subject,
            outcome=outcome,
            text=text,
            at=at,
            files=moved[0],
            bytes=moved[1],
        )
        append_now(self.path, msgspec.json.encode(record))


def last(path: Path) -> Event | None:
    """The last complete line, without reading the rest; None where that is no event."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _LAST))
            lines = file.read().rpartition(b"\n")[0].split(b"\n")
        return typed.decode(lines[-1], Event)
    except (OSError, msgspec.DecodeError):
        return None


class Follower:
    """The reader's side: each call to new() gives the events that came since the last one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0

    def new(self) -> list[Event]:
        """The complete lines since the last call; never blocks, skips what cannot be read."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except OSError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        events = []
        for line in whole.splitlines():
            try:
                events.append(typed.decode(line, Event))
            except msgspec.DecodeError:
                continue
        return events
