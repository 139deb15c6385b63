"""Who should be gone by now and is still here: a date that went by, a removal that failed.

``retire-due.json``: what ``hubtui due`` met when it tried, so that it is told once.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec

from hubtui import pauses
from hubtui.clock import parse
from hubtui.leaving import Leaving
from hubtui.plan import runs
from hubtui.plan.runs import Life
from hubtui.server import Server
from hubtui.state import read_document

PATIENCE = timedelta(minutes=15)
"""How long a removal may take until it is asked why it has not ended."""


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong with one uid."""

    at: str
    often: int = 1
    told: str = ""


class TriedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """``retire-due.json``."""

    format: int = 1
    tried: dict[int, Tried] = {}
    archives: tuple[str, ...] = ()
    """Sentences of archives that could not be deleted, told already."""
    since: dict[str, str] = {}
    """Archives whose date has come, by path, with the minute in which that was seen first."""


class Overdue(NamedTuple):
    """One who is still here."""

    who: Leaving
    why: str
    """A sentence; not made safe to show."""


def path(server: Server) -> Path:
    """Where it is kept what went wrong."""
    return server.state / "retire-due.json"


def read(server: Server) -> TriedRecord:
    """What went wrong so far. Raises StateError."""
    return read_document(path(server), TriedRecord) or TriedRecord()


def overdue(server: Server, leaving: Mapping[str, Leaving]) -> list[Overdue]:
    """Of those who leave, who should be gone; nobody while an exam holds it. Raises StateError."""
    now = server.clock()
    if not leaving or pauses.held(server.course, server.state, now):
        return []
    began = pauses.last_end(server.course, server.state, now)
    tried = read(server).tried
    found = []
    for one in leaving.values():
        if max(one.goes, parse(one.since), began) + PATIENCE > now or _goes_on(server, one):
            continue
        why = tried[one.uid].told if one.uid in tried else ""
        if not why:
            why = "Its removal did not end." if one.at_once else "hubtui due did not run since."
        found.append(Overdue(one, why))
    return found


def _goes_on(server: Server, one: Leaving) -> bool:
    """Whether its run is at work, or unfinished: that is told of the run."""
    if not runs.record_path(server.state, one.run).exists():
        return False
    return runs.life(server.state, one.run) is not Life.OVER
