"""What somebody has outside of the home: files in the folders that are everyone's, jobs, mail.

Only what lies directly in them is looked at, by lstat: an entry inside of another's folder is
that one's to show.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from hubtui.server import uses

PLACES = tuple(
    Path(place)
    for place in (
        "/tmp",  # noqa: S108 - it is only looked at
        "/var/tmp",  # noqa: S108
        "/dev/shm",  # noqa: S108
        "/var/spool/cron/crontabs",
        "/var/spool/cron/atjobs",
        "/var/spool/atjobs",
        "/var/mail",
        "/run/user",
    )
)
_FIRST_PERSON = 1000
_LAST_PERSON = 59999
"""Debian's UID_MAX: above are those of systemd, of containers, and nobody."""


def by_uid() -> Mapping[int, list[Path]]:
    """Entries of every uid of a person. What cannot be looked at is left out."""
    found: dict[int, list[Path]] = {}
    for place in PLACES:
        with suppress(OSError):
            for path, uid in _entries(place):
                if _FIRST_PERSON <= uid <= _LAST_PERSON:
                    found.setdefault(uid, []).append(path)
    return found


def uids() -> set[int]:
    """Who has anything there, or runs: whoever got such a uid would inherit it."""
    return {*by_uid(), *uses.by_uid()}


def _entries(place: Path) -> Iterator[tuple[Path, int]]:
    with os.scandir(place) as entries:
        for entry in entries:
            with suppress(OSError):
                yield Path(entry.path), entry.stat(follow_symlinks=False).st_uid
