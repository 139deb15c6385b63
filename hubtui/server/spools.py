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
AT = tuple(Path("/var/spool", f) for f in ("cron/atjobs", "cron/atspool", "atjobs", "atspool"))
MAIL = Path("/var/mail")
LINGER = Path("/var/lib/systemd/linger")
QUEUES = Path("/dev/mqueue")
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


def find(uid: int) -> list[Spooled]:
    """The account's files, by their owner: the name may be forgotten. Raises OSError."""
    found = [*_called(CRONTABS, uid, "crontab"), *_called(MAIL, uid, "mail")]
    for folder in AT:
        jobs = _of(folder, uid)
        found += [Spooled(job, f"at/{folder.parent.name}-{folder.name}/{job.name}") for job in jobs]
    return found


def _called(folder: Path, uid: int, what: str) -> list[Spooled]:
    """There a file has its account's name: ``crontab``, and ``crontab-2`` where there are more."""
    files = _of(folder, uid)
    return [
        Spooled(path, what if number == 1 else f"{what}-{number}")
        for number, path in enumerate(files, start=1)
    ]


def lingers(name: str) -> Path | None:
    """The empty file of root's by which systemd keeps an account's services, where it is there."""
    if "/" in name or name in ("", ".", ".."):
        return None
    path = LINGER / name
    return path if os.path.lexists(path) else None


def queues(uid: int) -> list[Path]:
    """POSIX message queues of an account: to look at one is not to read it. Raises OSError."""
    return _of(QUEUES, uid)


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


def _of(folder: Path, uid: int) -> list[Path]:
    try:
        entries = sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    found = []
    for path in entries:
        with suppress(FileNotFoundError):
            status = path.lstat()
            if stat.S_ISREG(status.st_mode) and status.st_uid == uid:
                found.append(path)
    return found
