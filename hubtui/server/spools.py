"""What the system keeps for an account by its name or uid: crontab, at-jobs, mail, lingering, IPC.

All of it lies in folders of the system's own, so root looks at it; a file counts only where its
owner is the account, since a name may be somebody else's by now.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

CRONTABS = Path("/var/spool/cron/crontabs")
AT = (Path("/var/spool/cron/atjobs"), Path("/var/spool/cron/atspool"))
MAIL = Path("/var/mail")
LINGER = Path("/var/lib/systemd/linger")
_IPC = Path("/proc/sysvipc")
_KINDS = (
    ("shm", "shmid", "--shmem-id"),
    ("msg", "msqid", "--queue-id"),
    ("sem", "semid", "--semaphore-id"),
)


class Spooled(NamedTuple):
    """One file of an account's."""

    path: Path
    called: str
    """What it is, without the account's name."""


def find(name: str, uid: int) -> list[Spooled]:
    """The account's files. Raises OSError."""
    found = [Spooled(CRONTABS / name, "crontab"), Spooled(MAIL / name, "mail")]
    if "/" in name or name in ("", ".", ".."):
        found = []
    for folder in AT:
        with suppress(FileNotFoundError):
            found += [Spooled(job, f"at/{folder.name}/{job.name}") for job in folder.iterdir()]
    return [one for one in found if _is_of(one.path, uid)]


def lingers(name: str) -> Path | None:
    """The empty file of root's by which systemd keeps an account's services, where it is there."""
    if "/" in name or name in ("", ".", ".."):
        return None
    path = LINGER / name
    return path if os.path.lexists(path) else None


def ipc(uid: int) -> Iterator[tuple[list[str], str]]:
    """System V IPC of an account: the command that removes each, and its line in /proc.

    Raises OSError.
    """
    for kind, key, option in _KINDS:
        path = _IPC / kind
        if not path.exists():
            continue
        head, *lines = path.read_text().splitlines()
        columns = head.split()
        for line in lines:
            row = dict(zip(columns, line.split(), strict=False))
            if str(uid) in (row.get("uid"), row.get("cuid")):
                yield ["ipcrm", option, row[key]], f"{kind}: {_words(columns, row)}"


def _words(columns: Sequence[str], row: dict[str, str]) -> str:
    return " ".join(f"{column}={row.get(column, '')}" for column in columns)


def _is_of(path: Path, uid: int) -> bool:
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return stat.S_ISREG(found.st_mode) and found.st_uid == uid
