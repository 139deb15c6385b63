"""Versions of sheets, as all students get them: folders of root, made once and never changed.

    STORE/SHEET/sheet.json            the versions, what became of each
    STORE/SHEET/N/manifest.json       paths, sizes, sha256
    STORE/SHEET/N/files/…             0644 and 0755, as students shall have them

``N`` is 0700, so no student reaches a file by its path, before its time or after: the process that
delivers opens ``files`` as root and hands on the descriptor.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterable, Iterator
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

import msgspec

from hubtui.clock import stamp
from hubtui.errors import Refused, StateError
from hubtui.names import shown
from hubtui.server import Server
from hubtui.state import make_dir, read_document, replace_file
from hubtui.workers.deliver import folder_of
from hubtui.workers.tutor import unfit_sheet


class Fate(StrEnum):
    """What became of a version."""

    HELD = "held"
    """Nobody has it yet."""
    TRIAL = "trial"
    """Some students have it: it was tried on them."""
    RELEASED = "released"
    WITHDRAWN = "withdrawn"


class StoredFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a version."""

    path: str
    """Below the sheet's folder."""
    size: int
    """Bytes."""
    sha256: str
    """Of what root wrote, in hex."""
    mtime: int
    """Epoch seconds, as in the source; a delivered copy has the same."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a version consists of."""

    format: int = 1
    sheet: str
    version: int
    files: tuple[StoredFile, ...]
    """In the order of their paths."""


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a sheet."""

    number: int
    """From 1 on."""
    made: str
    """RFC 3339."""
    by: str
    """Who asked for it."""
    files: int
    bytes: int
    digest: str
    """Of paths and contents: the same for versions that are the same to students."""
    fate: Fate = Fate.HELD
    since: str = ""
    """RFC 3339: when the fate became what it is."""
    left_out: tuple[str, ...] = ()
    """What of the source is not in it, and why: some sentences."""


class SheetRecord(msgspec.Struct, frozen=True, kw_only=True):
    """``sheet.json``: all versions of a sheet."""

    format: int = 1
    sheet: str
    versions: tuple[Version, ...]
    """The oldest first."""


# --- looking ------------------------------------------------------------------------------------


def root(server: Server) -> Path:
    """``release.store``, or ``releases`` below ``state_dir``."""
    release = server.course.release
    return release.store if release and release.store else server.state / "releases"


def folder(server: Server, sheet: str) -> Path:
    """Where the versions of a sheet lie. Raises Refused for what is no sheet's name."""
    if why := unfit_sheet(sheet):
        raise Refused(f"{shown(sheet, limit=60)} cannot be the name of a sheet: {why}.")
    return root(server) / folder_of(sheet)


def records(server: Server) -> dict[str, SheetRecord]:
    """All sheets that have a version, by name. Raises StateError."""
    try:
        with os.scandir(root(server)) as entries:
            folders = sorted(Path(e.path) for e in entries if e.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return {}
    except OSError as e:
        raise StateError(f"{root(server)} cannot be read: {e.strerror}.") from e
    found = (read_document(each / "sheet.json", SheetRecord) for each in folders)
    return {record.sheet: record for record in found if record is not None and record.versions}


def record(server: Server, sheet: str) -> SheetRecord | None:
    """The versions of a sheet; None where there is none. Raises Refused, StateError."""
    return read_document(folder(server, sheet) / "sheet.json", SheetRecord)


def manifest(server: Server, sheet: str, number: int) -> Manifest:
    """What a version consists of. Raises StateError, also where there is no such version."""
    path = folder(server, sheet) / str(number) / "manifest.json"
    found = read_document(path, Manifest)
    if found is None:
        name = shown(sheet, limit=60)
        raise StateError(f"{path} is missing: version {number} of {name} cannot be handed out.")
    return found


def latest(record: SheetRecord) -> Version | None:
    """The newest version, whatever became of it."""
    return record.versions[-1] if record.versions else None


def version(record: SheetRecord | None, number: int) -> Version | None:
    """The version of this number."""
    return next((v for v in record.versions if v.number == number), None) if record else None


def overtaken(record: SheetRecord, number: int) -> str:
    """Why a version must not be handed out: a later one was withdrawn, or released.

    Students would get back what was taken from them, or an older version. Empty where it may.
    """
    newer = {v.fate for v in record.versions if v.number > number}
    name = shown(record.sheet, limit=60)
    if Fate.WITHDRAWN in newer:
        return f"{name} was withdrawn"
    return f"a newer version of {name} was released" if Fate.RELEASED in newer else ""


def released(record: SheetRecord) -> Version | None:
    """What a student who comes today gets: the newest released version.

    None where there is none, or where it or a later one was withdrawn.
    """
    for version in reversed(record.versions):
        if version.fate is Fate.WITHDRAWN:
            return None
        if version.fate is Fate.RELEASED:
            return version
    return None


def digest_of(files: Iterable[StoredFile]) -> str:
    """sha256 of paths and contents; times do not count."""
    found = sha256()
    for file in sorted(files, key=lambda file: file.path):
        found.update(f"{file.path}\0{file.sha256}\n".encode())
    return found.hexdigest()


# --- changing -----------------------------------------------------------------------------------


@contextlib.contextmanager
def changing(server: Server, sheet: str) -> Iterator[SheetRecord]:
    """Alone with the record of a sheet, for as long as it takes to read it and ``write`` it.

    Nobody is ever waited for while it is held. Raises StateError, also for a sheet unknown.
    """
    path = folder(server, sheet) / "lock"
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except FileNotFoundError:
        raise StateError(f"There is no version of {shown(sheet, limit=60)} in the store.") from None
    except OSError as e:
        raise StateError(f"{path} cannot be opened: {e.strerror}.") from e
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield record(server, sheet) or SheetRecord(sheet=sheet, versions=())
    finally:
        os.close(fd)


def set_fate(server: Server, sheet: str, number: int, fate: Fate) -> Version:
    """Note what became of a version; the same fate again changes nothing.

    Raises StateError, also where there is no such version.
    """
    with changing(server, sheet) as before:
        found = version(before, number)
        if found is None:
            raise StateError(f"There is no version {number} of the sheet {shown(sheet, limit=60)}.")
        if found.fate is fate:
            return found
        after = msgspec.structs.replace(found, fate=fate, since=stamp(server.clock()))
        versions = tuple(after if v.number == number else v for v in before.versions)
        place = folder(server, sheet) / "sheet.json"
        write(place, msgspec.structs.replace(before, versions=versions))
        return after


def make_folder(server: Server, sheet: str) -> Path:
    """The sheet's folder, made where it is missing, where root alone can write.

    Raises Refused, StateError.
    """
    top, below = root(server), folder(server, sheet)
    for path in (*reversed(top.parents[:-1]), top, below):
        _judge(path)
        if path in (top, below):
            make_dir(path, 0o711)
    return below


def _judge(path: Path) -> None:
    """Whoever can exchange a folder on the way to a version chooses what root reads."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    except OSError as e:
        raise StateError(f"{path} cannot be looked at: {e.strerror}.") from e
    if stat.S_ISLNK(found.st_mode) and found.st_uid == 0:
        found = path.stat()
    others = found.st_mode & stat.S_IWOTH or (found.st_mode & stat.S_IWGRP and found.st_gid)
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid in (0, os.geteuid())
    if not ours or (others and not found.st_mode & stat.S_ISVTX):
        raise Refused(
            f"{path} (mode {stat.S_IMODE(found.st_mode):04o}, owner uid {found.st_uid}) is on the "
            "way to the store of releases, where root alone may write: see release.store."
        )


def write(path: Path, record: Manifest | SheetRecord) -> None:
    """Replace a document of the store. Raises StateError."""
    try:
        replace_file(path, msgspec.json.encode(record) + b"\n")
    except OSError as e:
        raise StateError(f"{path} cannot be written: {e.strerror}.") from e
