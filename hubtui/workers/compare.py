"""How a student's copies stand to what was released. Runs as the student; only looks.

A copy *as delivered* is byte for byte that of some version: nobody's work. Everything else under a
released name is the student's, and stays.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

from hubtui.workers.drop import FILE, open_folder

_BLOCK = 1 << 20
SERVER_RUNS = "the student's server runs"
"""Why a copy as delivered is left alone for now."""


class State(StrEnum):
    """What will become, or has become, of one file of a sheet in one home."""

    NEW = "new"
    """Not there yet."""
    SAME = "same"
    """There, as it should be."""
    REPLACE = "replace"
    """A copy as delivered of an earlier version."""
    BESIDE = "beside"
    """Changed by the student, and by the tutor as well: the new one gets a name of its own."""
    KEPT = "kept"
    """Changed by the student, or the student's own file of that name."""
    DELETED = "deleted"
    """Was delivered; the student removed or renamed it."""
    REMOVE = "remove"
    """A copy as delivered of what is withdrawn."""
    BLOCKED = "blocked"
    NO_SPACE = "no_space"
    FAILED = "failed"


class File(NamedTuple):
    """One file of a version, as its manifest has it."""

    path: str
    size: int
    sha256: str
    mtime: int
    """Epoch seconds; a delivered copy has the same."""


class Sheet(NamedTuple):
    """What one student gets of one sheet, and what is known of the past."""

    name: str
    version: int
    files: Mapping[str, File]
    earlier: Mapping[str, File]
    """Those of the version that the student has; empty where there is none."""
    known: Mapping[str, frozenset[tuple[int, str]]]
    """Size and sha256 of each path in all versions so far, and of what was put beside a student's
    own: copies as delivered."""
    has: bool
    """Whether a version was delivered at all."""
    lacking: frozenset[str] = frozenset()
    """Paths of the version that the student has which could not be delivered then."""
    again: bool = False
    """Give what was deleted once more."""
    beside: bool = False
    """The student's server runs: nothing that may be open is replaced."""


class Found:
    """One file and what it is in for."""

    __slots__ = ("file", "staged", "state", "why")

    def __init__(self, file: File, state: State, why: str = "", staged: str = "") -> None:
        """``staged``: where the new copy is to go: the path, or its name beside."""
        self.file, self.state, self.why, self.staged = file, state, why, staged


class Folders:
    """The folders of a home, opened once each as long as they are not many. Close it after use.

    A descriptor is good until the next one is asked for.
    """

    MOST = 100
    """Open at a time: a sheet may have more folders than a process may have descriptors."""

    def __init__(self, top: int) -> None:
        self._top = top
        self._open: dict[str, int | OSError] = {}

    def get(self, path: str) -> int:
        """A descriptor of the folder. Raises OSError as ``open_folder`` does."""
        if path not in self._open:
            self._make_room()
            try:
                self._open[path] = open_folder(self._top, path)
            except OSError as e:
                self._open[path] = e
        found = self._open[path]
        if isinstance(found, OSError):
            raise found
        return found

    def _make_room(self) -> None:
        if len(self._open) >= self.MOST:
            oldest = next(iter(self._open))
            fd = self._open.pop(oldest)
            if isinstance(fd, int):
                os.close(fd)

    def forget(self, path: str) -> None:
        """A folder was made: what was said of it and of those below is no longer true."""
        for each in [p for p, fd in self._open.items() if isinstance(fd, OSError)]:
            if each == path or each.startswith(f"{path}/"):
                del self._open[each]

    def close(self) -> None:
        """Close all of them."""
        for fd in self._open.values():
            if isinstance(fd, int):
                os.close(fd)
        self._open.clear()


def compare(folders: Folders, sheet: Sheet) -> Iterator[Found]:
    """What each file of the sheet is in for, in the order of the manifest."""
    for path, file in sheet.files.items():
        folder, _, name = path.rpartition("/")
        try:
            there = os.stat(name, dir_fd=folders.get(folder), follow_symlinks=False)
        except FileNotFoundError:
            yield _missing(folders, sheet, file)
        except OSError as e:
            yield Found(file, State.BLOCKED, why(e, folder))
        else:
            yield _there(folders, sheet, file, there)


def also_given(folders: Folders, sheet: Sheet) -> Iterator[Found]:
    """What there is besides, under names of other versions, and beside a student's own."""
    for path in sorted(sheet.known.keys() - sheet.files.keys()):
        folder, _, name = path.rpartition("/")
        try:
            there = os.stat(name, dir_fd=folders.get(folder), follow_symlinks=False)
        except OSError:
            continue
        if stat.S_ISREG(there.st_mode):
            file = File(path, there.st_size, "", int(there.st_mtime))
            yield Found(file, State.SAME)


def _missing(folders: Folders, sheet: Sheet, file: File) -> Found:
    if was_given(sheet, file) and not sheet.again:
        return Found(file, State.DELETED)
    if blocked := not_writable(folders, file.path.rpartition("/")[0]):
        return Found(file, State.BLOCKED, blocked)
    return Found(file, State.NEW, staged=file.path)


def _there(folders: Folders, sheet: Sheet, file: File, there: os.stat_result) -> Found:
    if not stat.S_ISREG(there.st_mode):
        return Found(file, State.BLOCKED, f"a {kind_of(there.st_mode)} has its name")
    known = sheet.known.get(file.path, frozenset())
    alike = sum(size == there.st_size for size, _ in known)
    if alike == 1 and (there.st_size, int(there.st_mtime)) == (file.size, file.mtime):
        return Found(file, State.SAME)
    digest = (digest_of(folders, file.path) or "") if alike else ""
    if digest == file.sha256:
        return Found(file, State.SAME)
    earlier = sheet.earlier.get(file.path)
    if (there.st_size, digest) in known or is_cut_copy(sheet, file.path, there):
        if sheet.beside:
            return _beside(folders, sheet, file, SERVER_RUNS)
        if blocked := not_writable(folders, file.path.rpartition("/")[0]):
            return Found(file, State.BLOCKED, blocked)
        return Found(file, State.REPLACE, staged=file.path)
    offered = earlier is not None and earlier.sha256 == file.sha256 and was_given(sheet, file)
    if not sheet.has or earlier is None or offered:
        return Found(file, State.KEPT)
    return _beside(folders, sheet, file, "the student changed it")


def is_cut_copy(sheet: Sheet, path: str, there: os.stat_result) -> bool:
    """Whether this is what a power cut leaves of a copy: no byte of it, and its very time.

    A student who empties a file leaves the time at which she did.
    """
    copies = [found for found in (sheet.files.get(path), sheet.earlier.get(path)) if found]
    times = [copy.mtime * 10**9 for copy in copies if copy.size]
    return there.st_size == 0 and there.st_mtime_ns in times


def _beside(folders: Folders, sheet: Sheet, file: File, reason: str) -> Found:
    path = beside_name(file.path, sheet.version)
    folder, _, name = path.rpartition("/")
    if path in sheet.files:
        return Found(file, State.KEPT, f"{name} is a file of the sheet itself")
    try:
        os.stat(name, dir_fd=folders.get(folder), follow_symlinks=False)
    except FileNotFoundError:
        if blocked := not_writable(folders, folder):
            return Found(file, State.BLOCKED, blocked)
        return Found(file, State.BESIDE, reason, staged=path)
    except OSError as e:
        return Found(file, State.BLOCKED, why(e, folder))
    return Found(file, State.KEPT, f"{name} is there already")


def beside_name(path: str, version: int) -> str:
    """``sheet.ipynb`` → ``sheet.v2.ipynb``."""
    stem, ending = os.path.splitext(path)  # noqa: PTH122 - of text, not of a file here
    return f"{stem}.v{version}{ending}"


def digest_of(folders: Folders, path: str) -> str | None:
    """sha256 of a regular file; None where it cannot be read, or is being written."""
    folder, _, name = path.rpartition("/")
    try:
        fd = os.open(name, FILE, dir_fd=folders.get(folder))
    except OSError:
        return None
    return digest_of_open(fd)


def digest_of_open(fd: int) -> str | None:
    """The same of an open file, which is closed; None for what is no regular file."""
    with os.fdopen(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode) or _is_being_written(fd):
            return None
        found = hashlib.sha256()
        try:
            while block := file.read(_BLOCK):
                found.update(block)
        except OSError:
            return None
        return found.hexdigest()


def _is_being_written(fd: int) -> bool:
    """Whether a program has the file open for writing: what it holds now is not the last word.

    The kernel gives a read lease only where nobody has. SIGIO, which tells of an open meanwhile,
    has to be ignored.
    """
    try:
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError:  # a filesystem without leases
        return False
    return False


def kind_of(mode: int) -> str:
    """What stands at a name, in a word."""
    kinds = {stat.S_IFLNK: "link", stat.S_IFDIR: "folder", stat.S_IFIFO: "pipe"}
    return kinds.get(stat.S_IFMT(mode), "device or socket")


def not_writable(folders: Folders, folder: str) -> str:
    """Empty, or why nothing can be put into a folder, or into the nearest one above that exists."""
    while True:
        try:
            fd = folders.get(folder)
        except FileNotFoundError:
            if not folder:
                return "the folder is gone"
            folder = folder.rpartition("/")[0]
            continue
        except OSError as e:
            return why(e, folder)
        if os.access(".", os.W_OK | os.X_OK, dir_fd=fd, effective_ids=True):
            return ""
        return f"no permission to write in {folder or 'the folder'}"


def was_given(sheet: Sheet, file: File) -> bool:
    """Whether the student had this file once: what is not there now was removed or renamed."""
    return sheet.has and file.path in sheet.earlier and file.path not in sheet.lacking


def why(e: OSError, folder: str) -> str:
    """A failed look or write, in the words of a person."""
    if e.errno in (errno.ENOTDIR, errno.ELOOP):
        return f"a link or a file stands in the way at {folder}"
    if e.errno in (errno.EACCES, errno.EPERM):
        return f"no permission in {folder or 'the folder'}"
    return f"{folder}: {e.strerror}"
