"""Runs as the student: what she owns in a folder that everybody may write to, such as /tmp.

    strays UID GID VERB TOP…      one JSON object on stdout

find      what is hers below each TOP, whoever's folder it lies in; made readable to herself
compare   a tar on stdin with what is there
remove    what stdin lists as ``find`` did, where it is still the same; a folder only when empty

A path is told as the text of its bytes in Latin-1: any name passes, and JSON stays ASCII.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Sequence
from pathlib import Path

from hubtui.workers.drop import FOLDER, become
from hubtui.workers.tree import Sum, Visit, digest, identity, open_folder, walk
from hubtui.workers.verify import Different, compare

MOST = 500_000
"""Entries of hers beyond which it is for a person to look."""


def told(path: str) -> str:
    """A path for JSON."""
    return os.fsencode(path).decode("latin-1")


def meant(text: str) -> str:
    """The inverse of told()."""
    return os.fsdecode(text.encode("latin-1"))


def find(top: int, uid: int) -> dict[str, object]:
    """All that is hers, each with what a change would change, and the sum over it."""
    entries: list[tuple[str, str, bool]] = []
    every = Sum()
    for visit in walk(top, refused=lambda _path, _error: None):
        if visit.found.st_uid == uid:
            path, found = visit.path, _readable(visit)
            every.add(path, found)
            is_folder = stat.S_ISDIR(found.st_mode)
            entries.append((told(path), f"{digest(path, found):x}", is_folder))
            if len(entries) > MOST:
                raise OSError(0, f"more than {MOST} files", "")
    return {
        "entries": entries,
        "files": every.files,
        "bytes": every.bytes,
        "sum": every.text,
    }


def _readable(visit: Visit) -> os.stat_result:
    """What its owner closed to herself is opened again: else no archive could hold it."""
    found = visit.found
    need = {stat.S_IFDIR: 0o700, stat.S_IFREG: 0o400}.get(stat.S_IFMT(found.st_mode), 0)
    if found.st_mode & need == need:
        return found
    fd = os.open(visit.name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=visit.folder)
    try:
        if identity(os.fstat(fd)) == identity(found):
            Path(f"/proc/self/fd/{fd}").chmod(stat.S_IMODE(found.st_mode) | need)
        return os.fstat(fd)
    finally:
        os.close(fd)


def against(top: int) -> dict[str, object]:
    """The sum over what an archive holds, where all of it is as it is there."""
    try:
        return {"sum": compare(sys.stdin.buffer, top, lambda name: name).text}
    except Different as e:
        return {"error": e.why, "path": told(e.path)}


def remove(top: int, uid: int) -> dict[str, object]:
    """Remove what is listed, the deepest first; says what could not be, and stays."""
    removed, left = 0, []
    for text, known, is_folder in reversed(json.load(sys.stdin)):
        path = meant(text)
        above, _, name = path.rpartition("/")
        try:
            folder = open_folder(top, above)
        except OSError:
            left.append(text)
            continue
        try:
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if is_folder and stat.S_ISDIR(found.st_mode) and found.st_uid == uid:
                os.rmdir(name, dir_fd=folder)
            elif f"{digest(path, found):x}" == known:
                os.unlink(name, dir_fd=folder)
            else:
                left.append(text)
                continue
            removed += 1
        except FileNotFoundError:
            pass
        except OSError:
            left.append(text)
        finally:
            os.close(folder)
    return {"removed": removed, "left": left}


def main(arguments: Sequence[str]) -> int:
    """Become the student, do one thing, answer."""
    uid, gid, verb, *places = arguments
    become(int(uid), int(gid))
    try:
        tops = [os.open(place, FOLDER) for place in places]
        if verb == "find":
            answer: dict[str, object] = {"found": [find(top, int(uid)) for top in tops]}
        elif verb == "compare":
            answer = against(tops[0])
        else:
            answer = remove(tops[0], int(uid))
    except OSError as e:
        answer = {"error": f"{e.strerror or e}", "path": told(str(e.filename or ""))}
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0
