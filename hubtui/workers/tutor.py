"""The tutor's side of a release: reads ``release.source``, as its owner, and never as root.

    tutor list SETTING            → one JSON object on stdout
    tutor pack SETTING            → what is in one sheet, as a stream
    tutor digests SETTING         → one JSON object, path → sha256

The stream: for each file a line (a JSON object, ``t``: file) and exactly ``size`` bytes after it;
at last a line with ``t``: end. Folders are entered by descriptor and no link is ever followed. A
file that is edited meanwhile is said at the end: then the whole is to be read again.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from hubtui.workers import drop
from hubtui.workers.compare import kind_of
from hubtui.workers.place import STAGING

MOST = 50_000
"""Entries that are looked at; beyond, the source is no folder of exercises."""
_ALWAYS = ".ipynb_checkpoints"
_BLOCK = 1 << 20
_PASS = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
"""Homes may often be passed through (0711), and not be listed."""
_LONGEST_NAME, _LONGEST_PATH, _DEEPEST = 200, 1000, 30
_CONTROLS = frozenset(map(chr, (*range(0x20), *range(0x7F, 0xA0))))


# --- names ---------------------------------------------------------------------------------------


def unfit(path: str) -> str:
    """Why a file of this path below its sheet cannot be handed out; empty where it can.

    Names leave room for rsync's temporary ones and for ``.v2``: 255 bytes is where Linux ends.
    """
    try:
        size = len(path.encode())
    except UnicodeEncodeError:
        return "its name is not UTF-8"
    names = path.split("/")
    if size > _LONGEST_PATH or len(names) > _DEEPEST:
        return "its path is too long"
    for name in names:
        if name in ("", ".", ".."):
            return "it leads out of its sheet"
        if not _CONTROLS.isdisjoint(name):
            return "its name has control characters"
        if len(name.encode()) > _LONGEST_NAME:
            return "its name is too long"
        if name.startswith(STAGING):
            return f"names that begin with {STAGING} are hubtui's own"
    return ""


def unfit_sheet(name: str) -> str:
    """Why a folder of this name is no sheet; empty where it is. ``.`` is the flat sheet."""
    if name == ".":
        return ""
    if "/" in name:
        return "a sheet is one folder"
    if why := unfit(name):
        return why
    if len(name.encode()) > _LONGEST_NAME // 3:  # each % becomes three in the store
        return "its name is too long" if "%" in name else ""
    return "folders whose name begins with a dot are hidden" if name.startswith(".") else ""


# --- looking -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a sheet that could be handed out, or why not."""

    path: str
    found: os.stat_result
    why: str = ""
    unreadable: bool = False
    """Whether ``why`` is what keeps its owner from reading it: nothing is released without it."""

    @property
    def name(self) -> str:
        """The path as text that every program can read."""
        return self.path.encode(errors="surrogateescape").decode(errors="backslashreplace")

    @property
    def same(self) -> tuple[int, ...]:
        """Differs as soon as somebody writes to the file, or puts another in its place."""
        found = self.found  # mtime can be set back, as cp -p and rsync do; ctime cannot
        return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


@dataclass(slots=True)
class Look:
    """One walk through a sheet."""

    exclude: Sequence[str]
    excluded: int = 0
    seen: int = 0
    hidden: list[str] = field(default_factory=list)

    def is_excluded(self, name: str) -> bool:
        """Whether one component of a path is not handed out; counts what ``exclude`` says.

        What Jupyter keeps for itself is in every folder, and nobody has to be told of it.
        """
        if name == _ALWAYS:
            return True
        if any(fnmatchcase(name, pattern) for pattern in self.exclude):
            self.excluded += 1
            return True
        return False

    def walk(self, folder: int, prefix: str = "", *, flat: bool = False) -> Iterator[Entry]:
        """All that is no folder, in order; what cannot be had says why in ``why``."""
        for name, found in self._names(folder):
            entry = Entry(prefix + name, found, unfit(prefix + name))
            if flat and stat.S_ISDIR(found.st_mode):
                continue
            if entry.why:
                yield entry
            elif stat.S_ISDIR(found.st_mode):
                yield from self._below(folder, name, entry)
            elif flat and name.startswith("."):
                self.hidden.append(name)
            elif not stat.S_ISREG(found.st_mode):
                yield Entry(entry.path, found, f"a {kind_of(found.st_mode)} is not handed out")
            elif not os.access(name, os.R_OK, dir_fd=folder, effective_ids=True):
                yield Entry(entry.path, found, "cannot be read: Permission denied", unreadable=True)
            else:
                yield entry

    def _below(self, folder: int, name: str, entry: Entry) -> Iterator[Entry]:
        try:
            below = enter(folder, name)
        except OSError as e:
            yield Entry(entry.path, entry.found, f"cannot be read: {e.strerror}", unreadable=True)
            return
        try:
            yield from self.walk(below, f"{entry.path}/")
        finally:
            os.close(below)

    def _names(self, folder: int) -> Iterator[tuple[str, os.stat_result]]:
        names = []
        with os.scandir(folder) as entries:
            for each in entries:
                self.seen += 1
                if self.seen > MOST:
                    raise OSError(0, f"more than {MOST} files", "")
                names.append(each.name)
        for name in sorted(names):
            if not self.is_excluded(name):
                with contextlib.suppress(FileNotFoundError):
                    yield name, os.stat(name, dir_fd=folder, follow_symlinks=False)


def enter(folder: int, name: str) -> int:
    """A folder whose entries can be both listed and looked at. Raises OSError."""
    below = os.open(name, drop.FOLDER, dir_fd=folder)
    if os.access(".", os.X_OK, dir_fd=below, effective_ids=True):
        return below
    os.close(below)
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), name)


def list_sheets(source: int, exclude: Sequence[str]) -> dict[str, Any]:
    """All sheets with what is in them, and names directly in the source that are none."""
    flat = Look(exclude)
    sheets = [_sheet(".", flat, source, flat=True)]
    total, aside = flat.seen, [*flat.hidden]
    tops = Look(exclude)
    for name, found in tops._names(source):
        if not stat.S_ISDIR(found.st_mode):
            continue
        if unfit_sheet(name):
            aside.append(Entry(name, found).name)
            continue
        look = Look(exclude, seen=total)
        try:
            folder = enter(source, name)
        except OSError as e:
            sheets.append({"name": name, "error": f"{e.strerror}", "entries": [], "excluded": 0})
            continue
        try:
            sheets.append(_sheet(name, look, folder))
        finally:
            os.close(folder)
        total = look.seen
    if not any(not entry[-1] for entry in sheets[0]["entries"]):
        aside += [entry[0] for entry in sheets.pop(0)["entries"]]
    return {"sheets": sheets, "aside": aside}


def _sheet(name: str, look: Look, folder: int, *, flat: bool = False) -> dict[str, Any]:
    entries = [
        [
            entry.name,
            entry.found.st_size,
            int(entry.found.st_mtime),
            stat.S_IMODE(entry.found.st_mode),
            entry.found.st_uid,
            entry.why,
        ]
        for entry in look.walk(folder, flat=flat)
    ]
    return {"name": name, "error": "", "entries": entries, "excluded": look.excluded}


# --- reading -------------------------------------------------------------------------------------


def open_file(folder: int, path: str) -> int:
    """A regular file, opened component by component. Raises OSError."""
    above, _, name = path.rpartition("/")
    within = drop.open_folder(folder, above)
    try:
        fd = os.open(name, drop.FILE, dir_fd=within)
    finally:
        os.close(within)
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return fd
    os.close(fd)
    raise OSError(0, "no regular file", path)


def pack(folder: int, exclude: Sequence[str], only: Sequence[str] | None, *, flat: bool) -> None:
    """Write the stream of one sheet to stdout."""
    wanted = None if only is None else set(only)

    def entries(look: Look) -> Iterator[Entry]:
        found = look.walk(folder, flat=flat)
        return (e for e in found if wanted is None or e.name in wanted)

    look = Look(exclude)
    sent, changed = dict[str, tuple[int, ...]](), set[str]()
    left_out, unreadable = list[list[str]](), list[list[str]]()
    for entry in entries(look):
        if entry.why:
            (unreadable if entry.unreadable else left_out).append([entry.name, entry.why])
            continue
        try:
            fd = open_file(folder, entry.path)
        except FileNotFoundError:
            changed.add(entry.path)
            continue
        except OSError as e:
            unreadable.append([entry.name, f"cannot be read: {e.strerror}"])
            continue
        opened = Entry(entry.path, os.fstat(fd))
        sent[entry.path] = opened.same
        _send(fd, opened)
    now = {e.path: e.same for e in entries(Look(exclude)) if not e.why}
    refused = {name for name, _ in unreadable}
    changed |= {path for path in sent.keys() | now.keys() if sent.get(path) != now.get(path)}
    missing = [] if wanted is None else sorted(wanted - now.keys() - {n for n, _ in left_out})
    _say(
        t="end",
        changed=sorted(changed - refused)[:20],
        left_out=left_out[:200],
        unreadable=unreadable[:20],
        missing=missing[:20],
        excluded=look.excluded,
    )


def _send(fd: int, entry: Entry) -> None:
    """One file; what it shrinks by while it is read comes as zeros, and is found afterwards."""
    found = entry.found
    left = found.st_size
    executable = bool(found.st_mode & 0o100)
    _say(t="file", path=entry.path, size=left, mtime=int(found.st_mtime), executable=executable)
    with os.fdopen(fd, "rb", buffering=0) as file:
        while left:
            block = file.read(min(left, _BLOCK)) or bytes(min(left, _BLOCK))
            _write(block)
            left -= len(block)


def digests(source: int, paths: Sequence[Sequence[str]]) -> dict[str, str]:
    """sha256 of files, each (sheet, path); what cannot be read is not there."""
    found = {}
    for sheet, path in paths:
        whole = path if sheet == "." else f"{sheet}/{path}"
        with contextlib.suppress(OSError), os.fdopen(open_file(source, whole), "rb") as file:
            found[whole] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def _say(**words: object) -> None:
    _write(json.dumps(words).encode() + b"\n")


def _write(data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(1, rest) :]


def open_source(path: str, owner: int) -> int:
    """The source, one component at a time. Raises OSError where it is not ``owner``'s any more."""
    *above, name = path.strip("/").split("/")
    fd = os.open("/", _PASS)
    for each in above:
        try:
            below = os.open(each, _PASS, dir_fd=fd)
        finally:
            os.close(fd)
        fd = below
    try:
        source = enter(fd, name)
    finally:
        os.close(fd)
    if os.fstat(source).st_uid != owner:
        raise OSError(0, "it belongs to somebody else now", path)
    return source


def main(arguments: list[str]) -> int:
    """``tutor VERB SETTING``: a JSON object. What is chosen comes as JSON on stdin."""
    verb, given = arguments[0], json.loads(arguments[1])
    chosen = json.load(sys.stdin)
    drop.become(given["uid"], given["gid"], given["groups"])
    try:
        source = open_source(given["source"], given["owner"])
        exclude = given["exclude"]
        if verb == "list":
            _say(**list_sheets(source, exclude))
        elif verb == "digests":
            _say(digests=digests(source, chosen))
        else:
            flat = given["sheet"] == "."
            folder = source if flat else enter(source, given["sheet"])
            pack(folder, exclude, chosen, flat=flat)
    except OSError as e:
        _say(t="error", error=f"{e.strerror or e}", gone=isinstance(e, FileNotFoundError))
    return 0
