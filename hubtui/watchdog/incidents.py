"""What was wrong and what was done: ``incidents/`` in state_dir, and restarts.log as it always was.

An incident's record is appended again whenever it changes, so that a kill at any point leaves the
last thing that was known. restarts.log gets one line a restart in the old script's own format,
``date -Im`` and a reason, for habits and tools that are older than hubtui.
"""

from __future__ import annotations

import contextlib
import os
from datetime import datetime, timedelta
from pathlib import Path

from hubtui import state
from hubtui.clock import month_before
from hubtui.errors import StateError
from hubtui.names import shown
from hubtui.watchdog.records import Evidence, Incident, Restart

FOLDER = "incidents"
OLD = "restarts.log"
KEEP_MONTHS = 13
KEEP_EVIDENCE = timedelta(days=30)
MOST_A_DAY = 48


def new_id(at: datetime) -> str:
    """An id that sorts by time."""
    return f"{at:%Y%m%dT%H%M%SZ}-{os.urandom(2).hex()}"


def record(state_dir: Path, incident: Incident) -> None:
    """Append what is known of it now. Raises StateError."""
    path = state_dir / FOLDER / f"{incident.at:%Y-%m}.jsonl"
    state.append(path, incident)


def read(state_dir: Path, since: datetime | None = None) -> list[Incident]:
    """Every incident that is kept, each as its last line says, oldest first. Raises StateError."""
    found: dict[str, Incident] = {}
    for path in sorted((state_dir / FOLDER).glob("????-??.jsonl")):
        if since is not None and path.stem < f"{since:%Y-%m}":
            continue
        for incident in state.read_log(path, Incident):
            found[incident.id] = incident
    return sorted(found.values(), key=lambda incident: incident.at)


def find(state_dir: Path, identity: str) -> Incident | None:
    """One incident. Raises StateError."""
    month = f"{identity[:4]}-{identity[4:6]}"
    found = None
    for incident in state.read_log(state_dir / FOLDER / f"{month}.jsonl", Incident):
        found = incident if incident.id == identity else found
    return found


def save_evidence(state_dir: Path, evidence: Evidence) -> None:
    """Write what was to be seen, of MOST_A_DAY at most. Raises StateError.

    Students can write lines into the hub's log that look like trouble; they fill no disk.
    """
    day = f"{evidence.at - timedelta(days=1):%Y%m%dT%H%M%SZ}"
    if sum(path.stem > day for path in (state_dir / FOLDER).glob("*Z-*.json")) >= MOST_A_DAY:
        return
    state.write_document(state_dir / FOLDER / f"{evidence.id}.json", evidence)


def evidence(state_dir: Path, identity: str) -> Evidence | None:
    """What was to be seen then; None where it was deleted, or never saved. Raises StateError."""
    return state.read_document(state_dir / FOLDER / f"{identity}.json", Evidence)


def prune(state_dir: Path, at: datetime) -> None:
    """Delete evidence older than KEEP_EVIDENCE, and months older than KEEP_MONTHS."""
    oldest_month = month_before(at, KEEP_MONTHS)
    oldest = f"{at - KEEP_EVIDENCE:%Y%m%dT%H%M%SZ}"
    for path in (state_dir / FOLDER).glob("*.json*"):
        old = path.stem < (oldest_month if path.suffix == ".jsonl" else oldest)
        if old:
            with contextlib.suppress(OSError):
                path.unlink()


def old_line(restart: Restart, reason: str) -> str:
    """``2026-11-25T09:22+01:00: Server down``: as ``date -Im`` writes it, in the zone of here."""
    return f"{restart.at.astimezone().isoformat(timespec='minutes')}: {shown(reason, 200)}\n"


def append_old(logs: Path, restart: Restart, reason: str) -> None:
    """Add the line to restarts.log in ``watchdog.logs``. Raises StateError."""
    path = logs / OLD
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        flags |= os.O_NONBLOCK  # of a FIFO that nobody reads
        fd = os.open(path, flags, 0o644)
        try:
            os.write(fd, old_line(restart, reason).encode())
        finally:
            os.close(fd)
    except OSError as e:
        raise StateError(f"{path} cannot be written: {e.strerror}.") from e
