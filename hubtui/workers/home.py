"""Runs as the student, inside the student's home; answers with one JSON object on stdout.

    home UID GID HOME VERB

look    what the home holds beside the files of /etc/skel
fill    copy what is missing of /etc/skel; never touches a file that is whole, or another's
"""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
from collections.abc import Sequence
from pathlib import Path

from hubtui.workers.drop import FILE, become, open_folder, walk

SKEL = "/etc/skel"
LARGEST = 1 << 20
"""Files of /etc/skel above this size (bytes) are not compared, only looked for."""
MOST = 200_000
"""Entries of a home after which counting stops."""


def parent_of(top: int, path: str) -> tuple[int, str]:
    """An open descriptor of the folder that holds ``path``, one component at a time."""
    folder, _, name = path.rpartition("/")
    return open_folder(top, folder), name


def read(top: int, path: str) -> bytes:
    """A regular file's first LARGEST bytes."""
    folder, name = parent_of(top, path)
    try:
        fd = os.open(name, FILE, dir_fd=folder)
    finally:
        os.close(folder)
    with os.fdopen(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", path)
        return file.read(LARGEST)


def judge(skel: int, home: int, path: str, wanted: os.stat_result) -> str:
    """How the home's copy of a skel entry stands: same, missing, partial (a cut copy), other."""
    try:
        folder, name = parent_of(home, path)
    except OSError:
        return "missing"
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return "missing"
    finally:
        os.close(folder)
    if stat.S_IFMT(found.st_mode) != stat.S_IFMT(wanted.st_mode):
        return "other"
    if not stat.S_ISREG(wanted.st_mode):
        return "same"
    if found.st_uid == 0 and found.st_size in (0, wanted.st_size):
        return "partial"  # from a useradd that was killed before it gave its copy away
    if wanted.st_size > LARGEST:
        return "same" if found.st_size == wanted.st_size else "other"
    try:
        whole, copy = read(skel, path), read(home, path)
    except OSError:
        return "other"
    if copy == whole:
        return "same"
    return "partial" if len(copy) < len(whole) and whole.startswith(copy) else "other"


def look(skel: int, home: int) -> dict[str, object]:
    """What there is: skel entries by how they stand, all else counted."""
    states: dict[str, str] = {}
    for path, wanted in walk(skel):
        states[path] = judge(skel, home, path, wanted)
    files = size = own = 0
    newest = 0.0
    examples: list[str] = []
    for path, found in walk(home):
        files += 1
        size += found.st_blocks * 512
        newest = max(newest, found.st_mtime)
        if states.get(path) not in ("same", "partial"):
            own += 1
            if len(examples) < 5:
                examples.append(path)
        if files >= MOST:
            break
    return {
        "missing": [p for p, s in states.items() if s == "missing"],
        "partial": [p for p, s in states.items() if s == "partial"],
        "files": files,
        "bytes": size,
        "newest": newest,
        "own": own,
        "examples": examples,
    }


def fill(skel: int, home: int) -> dict[str, object]:
    """Make what is missing of the skel; append the rest to a copy that was cut short."""
    made = 0
    for path, wanted in walk(skel):
        state = judge(skel, home, path, wanted)
        if state not in ("missing", "partial"):
            continue
        folder, name = parent_of(home, path)
        try:
            mode = stat.S_IMODE(wanted.st_mode)
            if stat.S_ISDIR(wanted.st_mode):
                os.mkdir(name, mode, dir_fd=folder)
            elif stat.S_ISLNK(wanted.st_mode):
                os.symlink(Path(SKEL, path).readlink(), name, dir_fd=folder)
            elif stat.S_ISREG(wanted.st_mode):
                copy(skel, path, folder, name, mode, new=state == "missing")
            else:
                continue
            os.fsync(folder)
        finally:
            os.close(folder)
        made += 1
    return {"made": made}


def copy(skel: int, path: str, folder: int, name: str, mode: int, *, new: bool) -> None:
    """Write one file, or the rest of it, to its end."""
    if not new and os.stat(name, dir_fd=folder, follow_symlinks=False).st_uid != os.getuid():
        os.unlink(name, dir_fd=folder)  # root's, from a useradd killed before its chown
        new = True
    flags = os.O_WRONLY | FILE | (os.O_CREAT | os.O_EXCL if new else os.O_APPEND)
    fd = os.open(name, flags, mode, dir_fd=folder)
    with os.fdopen(fd, "ab") as file:
        whole = read(skel, path)
        file.write(whole[os.fstat(fd).st_size :])
        file.flush()
        os.fchmod(fd, mode)
        os.fsync(fd)


def main(arguments: Sequence[str]) -> int:
    """Become the student, do one thing, answer."""
    uid, gid, home_path, verb = int(arguments[0]), int(arguments[1]), arguments[2], arguments[3]
    become(uid, gid)
    try:
        home = os.open(home_path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        skel = os.open(SKEL, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        if os.fstat(home).st_uid != uid:
            raise OSError(errno.EPERM, "the home belongs to somebody else", home_path)
        answer = {"look": look, "fill": fill}[verb](skel, home)
    except OSError as e:
        answer = {"error": f"{e.strerror or e}", "path": str(e.filename or "")}
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0
