"""Putting files into a home, as the student: nothing that is there is ever written to.

rsync copies into a folder of our own among the exercises; from there each whole, verified copy is
renamed to its place: RENAME_NOREPLACE where nothing may be there, RENAME_EXCHANGE where a copy as
delivered is replaced. What came out is looked at: had the student saved meanwhile, it goes back.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import io
import itertools
import os
import re
import stat
import subprocess
from collections.abc import Iterable, Sequence
from hashlib import sha256

from hubtui.workers.compare import (
    Folders,
    Found,
    Sheet,
    State,
    beside_name,
    digest_of_open,
    is_cut_copy,
)
from hubtui.workers.drop import FILE, FOLDER, end_with_parent, libc, open_folder, walk

STAGING = ".hubtui-"
"""How the name of our own folders in a home begins; the rest is the sheet's, and the process."""
_NOREPLACE, _EXCHANGE = 1, 2
_BLOCK = 1 << 20
_TRIES = 5
_SAID = 1 << 16
"""Bytes that rsync can say; the student can make it try more."""
NO_SPACE = "no space left"
_CODES = {
    10: "interrupted in the account",
    11: NO_SPACE,
    12: "interrupted in the account",
    20: "cancelled",
    -9: "interrupted in the account",
    -15: "interrupted in the account",
}


def rename(source: int, name: str, target: int, new: str, flags: int) -> None:
    """renameat2(2). Raises OSError."""
    done = libc.renameat2(source, os.fsencode(name), target, os.fsencode(new), flags)
    if done != 0:
        number = ctypes.get_errno()
        if number == errno.EINVAL and flags == _NOREPLACE:  # NFS, for one, takes no flags
            os.link(name, new, src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)
            os.unlink(name, dir_fd=source)
            return
        raise OSError(number, os.strerror(number), new)


def make_folders(top: int, path: str) -> int:
    """A descriptor of the folder, made where it is missing. Raises OSError."""
    fd = os.dup(top)
    for name in filter(None, path.split("/")):
        try:
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, 0o755, dir_fd=fd)
            below = os.open(name, FOLDER, dir_fd=fd)
        finally:
            os.close(fd)
        fd = below
    return fd


def rsync_argv(rsync: str, source: int, staging: int) -> list[str]:
    """Copies what stdin names (NUL-separated) from one open folder into another.

    The version lies where the student cannot go; the descriptor alone lets rsync in. Not ``./``
    in it: rsync 3.5 looks at the way there.
    """
    options = ["-tO", "--from0", "--files-from=-", "--ignore-existing", "--whole-file"]
    return [rsync, *options, "--", f"/proc/self/fd/{source}/", f"/proc/self/fd/{staging}/"]


def copy(rsync: str, source: int, staging: int, paths: Sequence[str]) -> str:
    """Let rsync copy these files of a version into the staging folder; what went wrong, or ``""``.

    A return code proves nothing: what was copied is verified file by file afterwards.
    """
    with _in_memory() as names, _in_memory() as said:
        # A name that begins with # or ; would be a comment.
        names.write(b"".join(b"./" + os.fsencode(path) + b"\0" for path in paths))
        names.seek(0)
        # Not a pipe, which a program of the student's could fill or hold open.
        os.ftruncate(said.fileno(), _SAID)
        fcntl.fcntl(said.fileno(), fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW)
        done = subprocess.run(
            rsync_argv(rsync, source, staging),
            stdin=names,
            stdout=subprocess.DEVNULL,
            stderr=said,
            env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"},
            cwd="/",
            pass_fds=(source, staging),
            preexec_fn=end_with_parent,
            check=False,
        )
        text = os.pread(said.fileno(), _SAID, 0).rstrip(b"\0").decode(errors="replace")
    if done.returncode == 0:
        return ""
    if "No space left" in text or "quota exceeded" in text.lower():
        return NO_SPACE
    last = text[-200:].strip()
    return _CODES.get(done.returncode, f"rsync ended with {done.returncode}: {last}")


def _in_memory() -> io.BufferedRandom:
    return os.fdopen(os.memfd_create("rsync", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC), "w+b")


def place(folders: Folders, top: int, staging: int, sheet: Sheet, found: Iterable[Found]) -> None:
    """Rename what rsync brought to its place; each ``found`` gets the state it ended with."""
    staged = Folders(staging)
    try:
        for one in found:
            folder, _, name = one.file.path.rpartition("/")
            try:
                source = staged.get(folder)
                digest = _digest(source, name)
                if digest != one.file.sha256:
                    if digest is not None:  # of what rsync brought, not a save of the student's
                        os.unlink(name, dir_fd=source)
                    raise OSError(errno.EIO, "the copy is not whole")
                _put(folders, top, source, name, sheet, one)
            except OSError as e:
                one.state, one.why = failed(e), f"{e.strerror or e}"
    finally:
        staged.close()


def failed(e: OSError) -> State:
    """What a failed write makes of a file."""
    return State.NO_SPACE if e.errno in (errno.ENOSPC, errno.EDQUOT) else State.FAILED


def _put(folders: Folders, top: int, source: int, name: str, sheet: Sheet, one: Found) -> None:
    folder, _, new = one.staged.rpartition("/")
    os.close(make_folders(top, folder))
    folders.forget(folder)
    target = folders.get(folder)
    if one.state is not State.REPLACE:
        try:
            rename(source, name, target, new, _NOREPLACE)
        except FileExistsError:  # made since we looked, by the student or by another delivery
            same = one.state is State.NEW and _digest(target, new) == one.file.sha256
            one.state = State.SAME if same else State.KEPT
        return
    try:
        rename(source, name, target, new, _EXCHANGE)
    except FileNotFoundError:  # removed since we looked: stays removed
        one.state = State.DELETED
        return
    except OSError as e:
        if e.errno != errno.EINVAL:
            raise
        _put_beside(target, source, name, sheet, one, "nothing can be exchanged on this disk")
        return
    if is_as_delivered(source, name, sheet, one.file.path):
        os.unlink(name, dir_fd=source)
        return
    rename(source, name, target, new, _EXCHANGE)  # saved since we looked: it goes back
    if is_as_delivered(source, name, sheet, one.file.path):
        _put_beside(target, source, name, sheet, one, "the student saved it meanwhile")
        return
    rename(source, name, target, new, _EXCHANGE)  # and saved once more: the newer one stays
    _set_aside(target, source, name)
    one.state, one.why = State.KEPT, "the student saved it meanwhile"


def _put_beside(target: int, source: int, name: str, sheet: Sheet, one: Found, why: str) -> None:
    beside = beside_name(one.file.path, sheet.version).rpartition("/")[2]
    try:
        rename(source, name, target, beside, _NOREPLACE)
    except FileExistsError:
        one.state = State.KEPT
    else:
        one.state, one.why = State.BESIDE, why


def _set_aside(target: int, source: int, name: str) -> None:
    """A student's save whose place has a newer one: ``sheet.saved.ipynb``."""
    stem, ending = os.path.splitext(name)  # noqa: PTH122 - of text
    for number in itertools.count(1):
        aside = f"{stem}.saved{number if number > 1 else ''}{ending}"
        with contextlib.suppress(FileExistsError):
            rename(source, name, target, aside, _NOREPLACE)
            return


def is_as_delivered(folder: int, name: str, sheet: Sheet, path: str) -> bool:
    """Whether what stands there is a copy of some version, byte for byte."""
    try:
        there = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError:
        return False
    known = sheet.known.get(path, frozenset())
    if stat.S_ISREG(there.st_mode) and is_cut_copy(sheet, path, there):
        return True
    if not stat.S_ISREG(there.st_mode) or all(size != there.st_size for size, _ in known):
        return False
    return (there.st_size, _digest(folder, name)) in known


def _digest(folder: int, name: str) -> str | None:
    try:
        fd = os.open(name, FILE, dir_fd=folder)
    except OSError:
        return None
    return digest_of_open(fd)


def remove(folders: Folders, staging: int, sheet: Sheet, found: Iterable[Found]) -> None:
    """Take back copies as delivered: out of the way first, then looked at, then removed."""
    for one in found:
        folder, _, name = one.file.path.rpartition("/")
        try:
            source, out = folders.get(folder), make_folders(staging, folder)
            try:
                rename(source, name, out, name, _NOREPLACE)
                if is_as_delivered(out, name, sheet, one.file.path):
                    os.unlink(name, dir_fd=out)
                else:
                    one.state = State.KEPT
                    with contextlib.suppress(FileExistsError):  # saved anew: see close_staging
                        rename(out, name, source, name, _NOREPLACE)
            finally:
                os.close(out)
        except OSError as e:
            one.state, one.why = State.FAILED, f"{e.strerror or e}"


def remove_empty(home: int, folders: Iterable[str], keep: str) -> None:
    """Remove those folders (below the home), and the ones above, that hold nothing any more.

    ``keep`` is the first one above that stays.
    """
    for folder in sorted(folders, key=lambda path: -path.count("/")):
        parent, _, name = folder.rpartition("/")
        while name and f"{parent}/{name}".startswith(f"{keep}/"):
            with contextlib.suppress(OSError):
                above = open_folder(home, parent)
                try:
                    os.rmdir(name, dir_fd=above)
                finally:
                    os.close(above)
            parent, _, name = parent.rpartition("/")


# --- our own folder in a home --------------------------------------------------------------------


def _ours(sheet: Sheet) -> str:
    """How the names of our own folders for this sheet begin."""
    return f"{STAGING}{sha256(sheet.name.encode()).hexdigest()[:8]}-"


def open_staging(top: int, sheet: Sheet) -> tuple[str, int]:
    """A new folder of our own, held by a lock while we and our rsync live. Raises OSError."""
    for attempt in itertools.count(1):
        name = f"{_ours(sheet)}{os.getpid()}-{attempt}"
        try:
            os.mkdir(name, 0o700, dir_fd=top)
            fd = os.open(name, FOLDER, dir_fd=top)
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(fd).st_nlink:
                break
        except (FileExistsError, FileNotFoundError, BlockingIOError):
            if attempt == _TRIES:
                raise
        # Another delivery took it for what a killed one left, and tidied it away.
    return name, fd


def leftovers(top: int, sheet: Sheet) -> list[str]:
    """Folders of our own that another process uses, or that a killed one left."""
    with os.scandir(top) as entries:
        ours = [entry for entry in entries if entry.name.startswith(_ours(sheet))]
        return [entry.name for entry in ours if entry.is_dir(follow_symlinks=False)]


def tidy(top: int, sheet: Sheet, version: int) -> None:
    """Remove what killed processes left in folders of our own.

    Only copies, whole or cut short, are removed. A student's save that such a process had in its
    hands goes back to its place, or beside it; what we do not know stays. ``version`` is an open
    descriptor of the version's files.
    """
    for name in leftovers(top, sheet):
        with contextlib.suppress(OSError):
            folder = os.open(name, FOLDER, dir_fd=top)
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _give_back(top, folder, sheet, version)
                _remove_folders(folder)
            finally:
                os.close(folder)
            os.rmdir(name, dir_fd=top)


def _give_back(top: int, staging: int, sheet: Sheet, version: int) -> None:
    left = [path for path, found in walk(staging) if not stat.S_ISDIR(found.st_mode)]
    for path in left:
        folder, _, name = path.rpartition("/")
        with contextlib.suppress(OSError):
            source = open_folder(staging, folder)
            try:
                if is_as_delivered(source, name, sheet, path):
                    os.unlink(name, dir_fd=source)
                elif path in sheet.known:
                    _return(top, source, sheet, path)
                elif _is_cut(source, path, version):
                    os.unlink(name, dir_fd=source)
            finally:
                os.close(source)


def _return(top: int, source: int, sheet: Sheet, path: str) -> None:
    """A student's save goes back where it was taken from, in place of the copy that is there."""
    folder, _, name = path.rpartition("/")
    target = make_folders(top, folder)
    try:
        try:
            rename(source, name, target, name, _NOREPLACE)
        except FileExistsError:
            with contextlib.suppress(OSError):  # a disk that cannot exchange: it goes aside
                rename(source, name, target, name, _EXCHANGE)
                if is_as_delivered(source, name, sheet, path):
                    os.unlink(name, dir_fd=source)
                    return
                rename(source, name, target, name, _EXCHANGE)  # both are the student's
            _set_aside(target, source, name)
    finally:
        os.close(target)


def _is_cut(source: int, path: str, version: int) -> bool:
    """Whether a file is the beginning of what rsync was to copy there, under rsync's own name."""
    folder, _, name = path.rpartition("/")
    temporary = re.fullmatch(r"\.(.+)\.[A-Za-z0-9]{6}", name)
    return temporary is not None and _begins(source, name, version, folder, temporary[1])


def _begins(source: int, name: str, version: int, folder: str, original: str) -> bool:
    try:
        above = open_folder(version, folder)
        try:
            whole = os.fdopen(os.open(original, FILE, dir_fd=above), "rb")
        finally:
            os.close(above)
        with whole, os.fdopen(os.open(name, FILE, dir_fd=source), "rb") as part:
            while block := part.read(_BLOCK):
                if whole.read(len(block)) != block:
                    return False
    except OSError:
        return False
    return True


def _remove_folders(staging: int) -> None:
    folders = [path for path, found in walk(staging) if stat.S_ISDIR(found.st_mode)]
    for path in sorted(folders, key=lambda path: -path.count("/")):
        folder, _, name = path.rpartition("/")
        with contextlib.suppress(OSError):
            fd = open_folder(staging, folder)
            try:
                os.rmdir(name, dir_fd=fd)
            finally:
                os.close(fd)


def close_staging(top: int, name: str, staging: int, sheet: Sheet, version: int) -> None:
    """Leave nothing of our own behind: what was not placed are copies."""
    with contextlib.suppress(OSError):
        _give_back(top, staging, sheet, version)
        _remove_folders(staging)
    os.close(staging)
    with contextlib.suppress(OSError):
        os.rmdir(name, dir_fd=top)
