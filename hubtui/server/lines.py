"""What the files of accounts in /etc say beside passwd and group: lines and locks that NSS hides.

A useradd that was killed, or an account that was taken out of passwd by hand, leaves them behind.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from hubtui.server.shadow import Shadow, read_shadow

ETC = Path("/etc")
FILES = ("passwd", "shadow", "gshadow", "subuid", "subgid")
"""In the order in which useradd writes them: what stands in an earlier one has to come later."""
_SECRET = ("shadow", "gshadow")
LOCKS = tuple(ETC / f"{name}.lock" for name in ("group", *FILES))


@dataclass(frozen=True)
class Lines:
    """The names that stand there at one moment."""

    shadow: Mapping[str, Shadow] | None = None
    """None where we may not read it: root alone may."""
    names: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By file (``subuid``): the first field of each line."""
    locks: Mapping[Path, int | None] = field(default_factory=dict)
    """Lock files that are there, with the pid in each; None where there is none in it."""

    @property
    def change(self) -> bool:
        """Whether somebody is changing accounts: one file may be ahead of the other."""
        return any(pid is not None and runs(pid) for pid in self.locks.values())


def stamp_of() -> tuple[object, ...]:
    """Changes whenever one of them did: cheap to ask often."""
    return tuple(_stamp(path) for path in (*(ETC / name for name in FILES), *LOCKS))


def read_lines() -> Lines:
    """Read them all. Raises StateError or OSError where root cannot."""
    may = os.geteuid() == 0
    files = [name for name in FILES if may or name not in _SECRET]
    names = {name: frozenset(_first_fields(ETC / name)) for name in files}
    locks = {path: pid_in(path) for path in LOCKS if os.path.lexists(path)}
    return Lines(shadow=read_shadow() if may else None, names=names, locks=locks)


def runs(pid: int) -> bool:
    """Whether there is such a process: the holder of a lock, as far as anybody can tell."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return pid > 0


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        found = path.lstat()
    except OSError:
        return ()
    return (found.st_mtime_ns, found.st_size, found.st_ino)


def _first_fields(path: Path) -> list[str]:
    try:
        text = path.read_text("utf-8", "surrogateescape")
    except FileNotFoundError:
        return []
    # "+" and "-" lines are NIS's, and "#" begins a comment: none of them is an account's.
    return [line.split(":")[0] for line in text.splitlines() if line[:1] not in ("", "+", "-", "#")]


def pid_in(lock: Path) -> int | None:
    """As the tools of ``passwd`` read it: a text that is no number holds for ever."""
    with suppress(OSError, ValueError):
        return int(lock.read_bytes()[:20].strip(b" \n\0")) or None
    return None
