"""The journal: what was done, by whom, when. JSON lines, append-only, one file a month.

It is written for people and never read to decide anything. A subject is named by its uid as soon
as there is one; a command by its kind, not by its arguments.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from hubtui.clock import Clock, month_before, stamp
from hubtui.state import append, read_log

KEEP_MONTHS = 13


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the journal."""

    at: str
    by: str
    run: str
    event: str
    """``begin``, ``step`` (about to be done), ``end`` (of a subject) or ``over`` (of the run)."""
    kind: str
    """The plan's kind."""
    subject: str = ""
    step: str = ""
    outcome: str = ""
    text: str = ""


class Journal:
    """The writer's side, for one run."""

    def __init__(self, state_dir: Path, clock: Clock, *, run: str, kind: str, by: str) -> None:
        self._folder, self._clock = state_dir / "journal", clock
        self._run, self._kind, self._by = run, kind, by

    def write(
        self,
        event: str,
        *,
        subject: str = "",
        step: str = "",
        outcome: str = "",
        text: str = "",
        fsync: bool = True,
    ) -> None:
        """Append one line. Raises StateError: what cannot be journalled is not done."""
        at = self._clock()
        entry = Entry(
            at=stamp(at),
            by=self._by,
            run=self._run,
            event=event,
            kind=self._kind,
            subject=subject,
            step=step,
            outcome=outcome,
            text=text,
        )
        append(self._folder / f"{at:%Y-%m}.jsonl", entry, fsync=fsync)


def read_journal(state_dir: Path) -> Iterator[Entry]:
    """All entries that are kept, oldest first."""
    for path in sorted((state_dir / "journal").glob("????-??.jsonl")):
        yield from read_log(path, Entry)


def prune(state_dir: Path, at: datetime) -> None:
    """Remove the months that are older than KEEP_MONTHS."""
    oldest = month_before(at, KEEP_MONTHS)
    for path in (state_dir / "journal").glob("????-??.jsonl"):
        if path.stem < oldest:
            with contextlib.suppress(OSError):
                path.unlink()
