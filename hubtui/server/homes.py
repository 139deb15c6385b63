"""Home folders as root may look at them: from outside, by lstat, never following a link.

What is *inside* a home is looked at and changed by a process that is the student (as_student).
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from hubtui.errors import Refused


class Kind(StrEnum):
    """What stands at the path of a home."""

    FOLDER = "folder"
    MISSING = "missing"
    LINK = "link"
    OTHER = "other"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Home:
    """A home's own inode."""

    path: Path
    kind: Kind
    uid: int = -1
    gid: int = -1
    mode: int = 0
    """Permission bits."""

    @property
    def open_to_others(self) -> bool:
        """Whether group or others have any right on it: a classmate could read a known path."""
        return self.kind is Kind.FOLDER and bool(self.mode & 0o077)


def look(path: Path) -> Home:
    """lstat a home."""
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return Home(path, Kind.MISSING)
    except OSError:
        return Home(path, Kind.UNREADABLE)
    kind = Kind.OTHER
    if stat.S_ISDIR(found.st_mode):
        kind = Kind.FOLDER
    elif stat.S_ISLNK(found.st_mode):
        kind = Kind.LINK
    return Home(path, kind, found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode))


def owners(homes: Path) -> dict[str, int]:
    """Name and owner of everything directly below ``homes`` that can be looked at: a filesystem of
    a student's own is closed to root, too."""
    found: dict[str, int] = {}
    with suppress(OSError), os.scandir(homes) as entries:
        for entry in entries:
            with suppress(OSError):
                found[entry.name] = entry.stat(follow_symlinks=False).st_uid
    return found


def hand_over(path: Path, uid: int, gid: int) -> None:
    """Give a home that is still root's to its student, mode 0700.

    Only for a folder that is root's own: so nobody else can have put anything into it.
    """
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        found = os.fstat(fd)
        if found.st_uid not in (0, uid):
            raise Refused(f"{path} belongs to uid {found.st_uid}: hubtui does not hand it over.")
        os.fchmod(fd, 0o700)
        os.fchown(fd, uid, gid)
        os.fsync(fd)
    except OSError as e:
        if e.errno != errno.EINVAL:
            raise
        raise Refused(
            f"{path} cannot be given to uid {uid}: in this user namespace there is one uid only."
        ) from e
    finally:
        os.close(fd)


def make(path: Path, uid: int, gid: int) -> None:
    """Make an empty home, 0700, as root and then handed over."""
    path.mkdir(mode=0o700)
    hand_over(path, uid, gid)
