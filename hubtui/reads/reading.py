"""Reading other programs' files as root: only where no person could have put them.

The hub's configuration, its scripts and Apache's sites are read for what they say. A link or a
folder that a student controls could make root read, and show, any file; so everything on the way
has to belong to root, or to a system account that the caller names.
"""

from __future__ import annotations

import glob
import grp
import os
import pwd
import shlex
import stat
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hubtui.errors import Refused
from hubtui.names import shown
from hubtui.server.accounts import NOBODY

LARGEST = 1 << 20  # bytes
LARGEST_SCRIPT = 1 << 16  # bytes
_FIRST_PERSON = 1000
_MOST_LINKS = 40  # as many as the kernel follows


def read(path: Path, *, also: Iterable[int] = (), limit: int = LARGEST) -> bytes:
    """The regular file ``path``. ``also``: uids besides root's that may own it and its folders.

    Raises Refused with the reason, OSError where it cannot be opened. Without root nothing is
    judged: then the kernel decides what may be read.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
    real = path
    if os.geteuid() == 0:
        if found := flaw(path, also=also):
            raise Refused(f"{shown(str(path))} is not read as root: {found}.")
        # Nobody can exchange a name in the folders that were just judged.
        *_, (real, _) = _way(path)
        flags |= os.O_NOFOLLOW
    fd = os.open(real, flags)
    with os.fdopen(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise Refused(f"{shown(str(path))} is not a file.")
        data = file.read(limit + 1)
    if len(data) > limit:
        raise Refused(f"{shown(str(path))} is larger than {limit:,} bytes.")
    return data


def matching(folder: Path, pattern: str, *, limit: int) -> list[Path]:
    """The files that an ``include`` means: relative to ``folder``, in order, ``limit`` at most.

    ``**`` is no more than ``*``, as in the programs themselves.
    """
    if "\0" in pattern:
        return []
    found = sorted(glob.glob(str(folder / pattern)))  # noqa: PTH207, for ** would be any depth
    return [Path(name) for name in found[:limit]]


def files_of(places: Iterable[Path]) -> Iterator[Path]:
    """The places that are files, and what lies in those that are folders."""
    for place in places:
        with suppress(OSError):
            yield from sorted(place.iterdir()) if place.is_dir() else [place]


def text_of(path: Path) -> str:
    """A file of root's; empty where others could have written it, or where there is none."""
    try:
        return read(path, limit=LARGEST_SCRIPT).decode("utf-8", "replace")
    except (OSError, Refused):
        return ""


MOST_FILES = 300
"""Of one configuration, with all that it includes."""


class Included:
    """The texts of a configuration that includes others; ``unread`` takes what is not read."""

    def __init__(self, unread: list[Path], deepest: int) -> None:
        self.unread, self.deepest, self.files = unread, deepest, 0

    def text(self, path: Path, deep: int) -> str | None:
        """None: others could have written it, it cannot be opened, or there are too many."""
        self.files += 1
        if self.files <= MOST_FILES and deep <= self.deepest:
            with suppress(OSError, Refused):
                return read(path).decode("utf-8", "replace")
        self.unread.append(path)
        return None


@dataclass(frozen=True)
class Flaw:
    """A place on the way to a file that others could change."""

    place: Path
    why: str
    path: Path

    def __str__(self) -> str:
        return f"{shown(str(self.place))} {self.why}"

    def mend(self, name: str = "root", *, then: str) -> str:
        """The commands that make it ``name``'s own; ``then``: where its new place is to be named.

        A home stays its owner's and /tmp open to all: what lies there has to be moved.
        """
        quoted = shlex.quote(str(self.place))
        if self.place != self.path and (_is_sticky(self.place) or _is_in_a_home(self.place)):
            lying = shlex.quote(str(self.path))
            return f"move {shown(lying)} into a folder of root's, and name the new place {then}"
        if self.place.is_symlink():
            return f"chown --no-dereference {name} {shown(quoted)}"
        return f"chown {name} {shown(quoted)} && chmod go-w {shown(quoted)}"


def flaw(path: Path, *, also: Iterable[int] = ()) -> Flaw | None:
    """The first place on the way to ``path`` that others than root and the uids ``also`` could
    change, ``path`` itself among them. Raises OSError where it does not exist."""
    trusted = {0, *also}
    for place, status in _way(path):
        if status.st_uid not in trusted:
            return Flaw(place, f"belongs to {owner(status.st_uid)}", path)
        if not stat.S_ISLNK(status.st_mode) and others_write(status, place):
            mode = stat.S_IMODE(status.st_mode)
            return Flaw(place, f"can be written by others (mode {mode:04o})", path)
    return None


def flaw_of_rest(path: Path) -> Flaw | None:
    """The same for what exists of a path that is still to be made."""
    path = Path.cwd() / path
    while not os.path.lexists(path) and path != path.parent:
        path = path.parent
    return flaw(path)


def open_to_people(path: Path) -> bool:
    """Whether a person without root can read the file: by its mode and that of its folders."""
    status = path.stat()
    if status.st_mode & stat.S_IRGRP and group_has_people(status.st_gid):
        return True
    folders = [folder.stat().st_mode for folder in path.resolve().parents]
    return bool(status.st_mode & stat.S_IROTH) and all(mode & stat.S_IXOTH for mode in folders)


def others_write(status: os.stat_result, place: Path) -> bool:
    """Whether everybody, or a group with people in it, may write there."""
    if status.st_mode & stat.S_IWOTH:
        return True
    if not status.st_mode & stat.S_IWGRP:
        return False
    # A crontab's folder is writable by the group crontab, which nobody is in.
    return _has_acl(place) or group_has_people(status.st_gid)


def group_has_people(gid: int) -> bool:
    """Whether an account of a person is in the group; Debian's ``users`` may hold a class."""
    if gid == 0:
        return False
    people = {
        entry.pw_name: entry.pw_gid
        for entry in pwd.getpwall()
        if entry.pw_uid >= _FIRST_PERSON and entry.pw_uid != NOBODY
    }
    try:
        members = set(grp.getgrgid(gid).gr_mem)
    except KeyError:
        members = set()
    return gid in people.values() or not members.isdisjoint(people)


def owner(uid: int) -> str:
    """The name of an account, or its number."""
    try:
        return shown(pwd.getpwuid(uid).pw_name)
    except (KeyError, OverflowError):
        return f"uid {uid}"


def _way(path: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Every folder and link that leads to ``path``, below /, and in the end itself."""
    todo = deque((Path.cwd() / path).parts[1:])
    here, links = Path("/"), 0
    while todo:
        part = todo.popleft()
        if part == "..":
            here = here.parent
            continue
        here /= part
        status = here.lstat()
        yield here, status
        if stat.S_ISLNK(status.st_mode):
            links += 1
            if links > _MOST_LINKS:
                raise Refused(f"{shown(str(path))} is a loop of links.")
            target = here.readlink()
            here = Path("/") if target.is_absolute() else here.parent
            todo.extendleft(reversed([part for part in target.parts if part != "/"]))


def _is_sticky(place: Path) -> bool:
    return bool(place.lstat().st_mode & stat.S_ISVTX)


def _is_in_a_home(place: Path) -> bool:
    """Whether it is the home of a person, or below one."""
    return any(
        place.is_relative_to(entry.pw_dir)
        for entry in pwd.getpwall()
        if entry.pw_uid >= _FIRST_PERSON and entry.pw_uid != NOBODY and entry.pw_dir != "/"
    )


def _has_acl(place: Path) -> bool:
    """With an ACL the group's bits stand for everybody whom it names."""
    try:
        return "system.posix_acl_access" in os.listxattr(place)
    except OSError:
        return False
