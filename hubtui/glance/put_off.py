"""Findings that somebody put off until a time. They come back then, or as soon as they are worse.

``put-off.json`` in state_dir. It keeps the key of a finding, which may have a student's row in it,
and no longer than until its time.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from hubtui.errors import Refused, UsageError
from hubtui.findings import Finding, Severity
from hubtui.glance.records import PutOff
from hubtui.names import shown
from hubtui.server import Server
from hubtui.state import read_document, write_document

FILE = "put-off.json"
MOST = timedelta(days=400)
"""Longer is for good, and that is what ``limits`` and ``machine.elsewhere`` are for."""
At = Annotated[datetime, Meta(tz=True)]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One finding, by its key."""

    key: str
    severity: Severity
    """How bad it was then."""
    until: At
    by: str
    at: At


class PutOffs(msgspec.Struct, frozen=True, kw_only=True):
    """``put-off.json``."""

    format: int = 1
    entries: tuple[Entry, ...] = ()


def split(
    server: Server, at: datetime, findings: Sequence[Finding]
) -> tuple[list[Finding], list[PutOff]]:
    """Those that stand, and those that are put off at that time. Raises StateError."""
    known = {entry.key: entry for entry in _holding(_read(server.state), at)}
    stand, later = [], []
    for finding in findings:
        entry = known.get(finding.key)
        if entry is None or _is_worse(finding.severity, entry.severity):
            stand.append(finding)
        else:
            later.append(PutOff(finding=finding, until=entry.until))
    return stand, later


def put_off(server: Server, finding: Finding, until: datetime, by: str) -> None:
    """Put it off until then, in place of what was said of it before.

    Raises UsageError where that time is over or too far away, LockHeld, StateError.
    """
    at = server.clock()
    if not at < until <= at + MOST:
        raise UsageError("A finding is put off until a time to come, within the next 400 days.")
    new = Entry(key=finding.key, severity=finding.severity, until=until, by=by, at=at)
    with _changing(server.state, at, by) as (entries, write):
        write((*(entry for entry in entries if entry.key != new.key), new))
    _note(server, at, by, "put off", finding.id)


def take_back(server: Server, key: str, by: str) -> None:
    """Have it stand again. Raises Refused where it is not put off, LockHeld, StateError."""
    at = server.clock()
    with _changing(server.state, at, by) as (entries, write):
        rest = tuple(entry for entry in entries if entry.key != key)
        if len(rest) == len(entries):
            raise Refused(f"{shown(key, 80)} is not put off; see what is: hubtui status")
        write(rest)
    _note(server, at, by, "take back", key.partition(":")[0])


def _read(state_dir: Path) -> tuple[Entry, ...]:
    found = read_document(state_dir / FILE, PutOffs)
    return found.entries if found is not None else ()


def _holding(entries: Sequence[Entry], at: datetime) -> tuple[Entry, ...]:
    """Those whose time is to come. One that is further away than any was made by a wrong clock."""
    return tuple(entry for entry in entries if at < entry.until <= at + MOST)


def _is_worse(now: Severity, before: Severity) -> bool:
    order = list(Severity)
    return order.index(now) < order.index(before)


@contextlib.contextmanager
def _changing(
    state_dir: Path, at: datetime, by: str
) -> Iterator[tuple[tuple[Entry, ...], Callable[[tuple[Entry, ...]], None]]]:
    from hubtui.plan.locks import lock

    with lock(state_dir, "put-off", f"a finding is put off, by {by}", patience=5):
        yield (
            _holding(_read(state_dir), at),
            lambda entries: write_document(state_dir / FILE, PutOffs(entries=entries)),
        )


def _note(server: Server, at: datetime, by: str, kind: str, id_: str) -> None:
    """In the journal, which is kept for a year: without the row."""
    from hubtui.plan.journal import Journal

    log = Journal(server.state, lambda: at, run="", kind=kind, by=by)
    log.write("over", subject=id_, outcome="done")
