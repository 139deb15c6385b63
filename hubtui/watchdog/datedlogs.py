"""Logs with the time in their name: ``jupyterhub-2026-11-25T09:22+01:00.log``, as the old script
begins one at each restart. They tell when that was, and are deleted when they are old.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

from msgspec import Struct

from hubtui.watchdog.logfile import look

# As `date -I`, -Ih, -Im, -Is and -Ins write it: the old script takes -Im.
_DATED = re.compile(
    r"jupyterhub-(\d{4}-\d\d-\d\d"
    r"(?:T\d\d(?::\d\d(?::\d\d(?:[.,]\d{1,9})?)?)?(?:[+-]\d\d:?\d\d|Z)?)?)\.log",
    re.ASCII,
)
_LATEST = datetime(9999, 1, 1, tzinfo=UTC).timestamp()


class Dated(Struct, frozen=True):
    """A ``jupyterhub-<date>.log`` as the old script names it."""

    path: Path
    start: datetime
    """What its name says: when the hub was started."""
    end: datetime
    """When it was last written."""


def dated(logs: Path) -> list[Dated]:
    """The regular files ``jupyterhub-<date>.log`` directly in ``logs``, by their names' dates."""
    found = []
    with contextlib.suppress(OSError), os.scandir(logs) as entries:
        for entry in entries:
            start = started(entry.name)
            there = look(logs / entry.name) if start is not None else None
            if start is not None and there is not None:
                found.append(Dated(path=logs / entry.name, start=start, end=_moment(there)))
    return sorted(found, key=lambda log: (log.start, log.path.name))


def started(name: str) -> datetime | None:
    """When a log of this name was begun; None for every other name. Without a zone: the one of
    here."""
    match = _DATED.fullmatch(name)
    if match is None:
        return None
    try:
        return datetime.fromisoformat(match[1]).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def newest(logs: Path) -> Path | None:
    """The one that was written last."""
    found = max(dated(logs), key=_written, default=None)
    return found.path if found is not None else None


def prune(logs: Path, keep_days: int, at: datetime, writing: Path | None = None) -> list[Path]:
    """Delete dated logs that were last written more than ``keep_days`` before ``at``.

    Only regular files, directly in ``logs``, which is no link itself; never the one that is being
    written, nor the newest. What was exchanged since it was looked at stays. Returns what went.
    """
    found = dated(logs)
    spared = {writing, newest(logs)}
    oldest = at - timedelta(days=keep_days)
    gone: list[Path] = []
    with contextlib.suppress(OSError, ValueError):
        held = look(writing) if writing is not None else None
        folder = os.open(logs, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            for log in found:
                if log.end < oldest and log.path not in spared and _delete(folder, log, held):
                    gone.append(log.path)
        finally:
            os.close(folder)
    return gone


def _delete(folder: int, log: Dated, held: os.stat_result | None) -> bool:
    """Delete it, if it still is what it was, and not ``held`` under another name."""
    with contextlib.suppress(OSError):
        there = os.stat(log.path.name, dir_fd=folder, follow_symlinks=False)
        same = stat.S_ISREG(there.st_mode) and _moment(there) == log.end
        if same and not (held is not None and os.path.samestat(there, held)):
            os.unlink(log.path.name, dir_fd=folder)
            return True
    return False


def _written(log: Dated) -> datetime:
    return log.end


def _moment(found: os.stat_result) -> datetime:
    # A filesystem keeps times that datetime does not know.
    return datetime.fromtimestamp(min(max(found.st_mtime, 0.0), _LATEST), UTC)
