"""A sheet becomes a version: read as the tutor, written by root, renamed into place when whole.

All students get the same, whatever the tutor edits meanwhile. A snapshot that was killed leaves a
``N.part``, or a version that no record names; the next one removes it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import time
from collections.abc import Collection, Iterator
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path

import msgspec

from hubtui import typed
from hubtui.clock import stamp
from hubtui.errors import CommandFailed, LockHeld, Refused, StateError
from hubtui.names import shown
from hubtui.plan import locks
from hubtui.plan.plans import operator
from hubtui.release import schedule, source, store
from hubtui.release.source import End, Failed, File, Reader, Stream
from hubtui.release.store import Manifest, SheetRecord, StoredFile, Version
from hubtui.server import Server
from hubtui.state import replace_file, sync_folder
from hubtui.units import megabytes
from hubtui.workers import drop
from hubtui.workers.tutor import unfit, unfit_sheet

MOST_FILES = 10_000
MOST_BYTES = 8 << 30
KEPT_FREE = 256 << 20
"""Bytes of the store's disk that a snapshot leaves: root could fill it to the last."""
KEPT_INODES = 10_000
_TRIES = 3
_PAUSE = 0.5
"""Seconds to let an editor finish its save."""
_LATEST = 1 << 33
"""Epoch seconds; a file from after the year 2242 is taken as made now."""


class _Edited(Exception):
    """Somebody wrote to the sheet: it is read again."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


def snapshot(server: Server, sheet: str, only: Collection[str] | None = None) -> Version:
    """The sheet as it is now, as a version of the store; one that is there already if it is equal.

    ``only``: the version that is out with these files (paths below the sheet) taken anew. What the
    source has but cannot be handed out (links, names that not every program can read) is named in
    ``Version.left_out``.

    Raises Refused: no such sheet, an empty one, a file that cannot be read or is being edited, no
    space; CommandFailed where the tutor's side fails; StateError, LockHeld.
    """
    by = source.reader(server)
    if store.record(server, sheet) is None:
        _is_sheet(by, sheet)  # else the reading itself says so: a look less each week
    folder = store.make_folder(server, sheet)
    with _alone(folder, sheet):
        record = store.record(server, sheet) or SheetRecord(sheet=sheet, versions=())
        _tidy(folder, record)
        before = store.latest(record)
        part = folder / "new.part"
        try:
            kept = _kept(folder, record, only) if only is not None else []
            files, left_out = _read(by, sheet, only, part, {f.path for f, _ in kept})
            files += _link(kept, part, {f.path for f in files})
            if not files:
                _is_sheet(by, sheet)
                why = f" ({left_out[0]})" if left_out else ""
                raise Refused(f"{_name(sheet)} has no file that can be handed out{why}.")
            files.sort(key=lambda file: file.path)
            digest = store.digest_of(files)
            if before is not None and before.digest == digest:
                return before
            number = _number_of_next(server, sheet)
            version = Version(
                number=number,
                made=stamp(server.clock()),
                by=operator(),
                files=len(files),
                bytes=sum(file.size for file in files),
                digest=digest,
                since=stamp(server.clock()),
                left_out=left_out,
            )
            _finish(part, Manifest(sheet=sheet, version=number, files=tuple(files)))
            with contextlib.suppress(FileNotFoundError):  # one that nobody was given
                (folder / str(number)).rename(folder / "old.part")
            part.rename(folder / str(number))
            sync_folder(folder)
            with store.changing(server, sheet) as now:
                after = msgspec.structs.replace(now, versions=(*now.versions, version))
                store.write(folder / "sheet.json", after)
        except OSError as e:
            raise _unwritable(folder, e) from e
        finally:
            for left in folder.glob("*.part"):
                shutil.rmtree(left, ignore_errors=True)
        return version


def _number_of_next(server: Server, sheet: str) -> int:
    """The number of a version that is about to be made.

    That of the one before, which goes, if that was only looked at: a preview uses up no number.
    Whoever still has that preview on the screen is told (chosen.changed_since).
    """
    with schedule.changing(server) as (planned, _), store.changing(server, sheet) as now:
        before = store.latest(now)
        if before is None:
            return 1
        scheduled = {entry.sheets.get(sheet) for entry in planned.entries if entry.open}
        if before.fate is not store.Fate.HELD or before.number in scheduled:
            return before.number + 1
        place = store.folder(server, sheet) / "sheet.json"
        store.write(place, msgspec.structs.replace(now, versions=now.versions[:-1]))
        return before.number


def _is_sheet(by: Reader, sheet: str) -> None:
    """Raises Refused for a name that is no sheet's, with the nearest one that is."""
    found = source.listing(by)
    names = [each.name for each in found.sheets]
    if sheet in names and not unfit_sheet(sheet):
        return
    if sheet == ".":
        raise Refused(f"There are no files directly in {shown(str(by.source))}, only sheets.")
    near = get_close_matches(sheet, names, n=1, cutoff=0.4)
    hint = f" Did you mean {shown(near[0], limit=60)}?" if near else ""
    raise Refused(f"There is no sheet {_name(sheet)} in {shown(str(by.source))}.{hint}")


@contextlib.contextmanager
def _alone(folder: Path, sheet: str) -> Iterator[None]:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if not locks.take(fd):
            raise LockHeld(f"A snapshot of {_name(sheet)} is being made at this moment.")
        yield
    finally:
        os.close(fd)


def _tidy(folder: Path, record: SheetRecord) -> None:
    """Remove what a killed snapshot left. Raises StateError where the record itself is lost."""
    known = {version.number for version in record.versions}
    following = max(known, default=0) + 1
    for entry in list(folder.iterdir()):
        if entry.name.endswith(".part"):
            shutil.rmtree(entry)
        elif entry.name.startswith(".sheet.json."):
            entry.unlink(missing_ok=True)
        elif entry.name.isdecimal() and int(entry.name) not in known:
            if int(entry.name) != following:
                raise StateError(
                    f"{folder} has a version {entry.name} that sheet.json does not name: bring "
                    "back sheet.json from a backup, or move the folder away."
                )
            shutil.rmtree(entry)


# --- reading ------------------------------------------------------------------------------------


def _read(
    by: Reader, sheet: str, only: Collection[str] | None, part: Path, kept: Collection[str]
) -> tuple[list[StoredFile], tuple[str, ...]]:
    """What the tutor's side sends, written to ``part``; read again while somebody edits it."""
    edited = ""
    for attempt in range(_TRIES):
        if attempt:
            shutil.rmtree(part)
            time.sleep(_PAUSE)
        _make(part, 0o700)
        _make(part / "files", 0o755)
        try:
            return _receive(by, sheet, only, part, kept)
        except _Edited as e:
            edited = e.path
    raise Refused(f"{_name(sheet, edited)} is being edited: save and try again.")


def _receive(
    by: Reader, sheet: str, only: Collection[str] | None, part: Path, kept: Collection[str]
) -> tuple[list[StoredFile], tuple[str, ...]]:
    files: list[StoredFile] = []
    room = MOST_BYTES
    with Stream(by, "pack", None if only is None else sorted(only), sheet=sheet) as stream:
        while isinstance(said := _head(by, stream), File):
            if why := unfit(said.path):
                raise CommandFailed(f"As {by.name}: {_name(sheet, said.path)}: {why}.")
            if len(files) + len(kept) >= MOST_FILES:
                raise Refused(f"{_name(sheet)} has more than {MOST_FILES} files: too many.")
            room -= said.size
            if said.size < 0 or room < 0 or not _has_room(part, said.size):
                raise Refused(
                    f"{_name(sheet, said.path)} ({megabytes(said.size)}) makes the sheet larger "
                    f"than what the store {shown(str(part.parent.parent))} has room for."
                )
            files.append(_write(part / "files", said, _while_room(part, stream, said.size)))
    if isinstance(said, Failed):
        if said.gone:
            _is_sheet(by, sheet)  # says which one may be meant
        raise source.failure(by, said)
    for path, why in said.unreadable:
        raise Refused(f"{_name(sheet, path)} {shown(why, limit=120)} (as {by.name}).")
    for path in said.changed:
        raise _Edited(path)
    for path in said.missing:
        raise Refused(f"There is no file {_name(sheet, path)} to hand out.")
    left_out = tuple(f"{shown(path, limit=80)}: {shown(why)}" for path, why in said.left_out)
    if only is not None and left_out:
        raise Refused(f"{left_out[0]}.")
    return files, left_out[:20]


def _head(by: Reader, stream: Stream) -> File | End | Failed:
    line = stream.line()
    try:
        return typed.decode(line, File | End | Failed)
    except msgspec.DecodeError as e:
        raise CommandFailed(f"What the process of {by.name} says makes no sense: {e}.") from None


def _has_room(part: Path, size: int) -> bool:
    """Whether the disk has room for so many bytes more. The reserve of root is for the system."""
    found = os.statvfs(part)
    inodes = not found.f_files or found.f_favail > KEPT_INODES
    return inodes and found.f_bavail * found.f_frsize - KEPT_FREE >= size


def _while_room(part: Path, stream: Stream, size: int) -> Iterator[bytes]:
    """The bytes of a file, for as long as others, who write as well, leave room for them."""
    unseen = 0
    for block in stream.exactly(size):
        unseen += len(block)
        if unseen > KEPT_FREE // 8:
            unseen = 0
            if not _has_room(part, 0):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        yield block


# --- writing ------------------------------------------------------------------------------------


def _write(files: Path, head: File, content: Iterator[bytes]) -> StoredFile:
    """One file of a version. Its path was validated; nobody else can enter the folder."""
    place = files / head.path
    _make_above(files, place)
    digest = sha256()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        fd = os.open(place, flags, 0o600)
    except FileExistsError:
        raise CommandFailed(f"{shown(head.path, limit=120)} was sent twice: ended.") from None
    mtime = head.mtime if 0 <= head.mtime < _LATEST else int(time.time())
    with os.fdopen(fd, "wb") as file:
        for block in content:
            digest.update(block)
            file.write(block)
        file.flush()
        os.fchmod(fd, 0o755 if head.executable else 0o644)
        os.utime(fd, (mtime, mtime))
    return StoredFile(path=head.path, size=head.size, sha256=digest.hexdigest(), mtime=mtime)


def _make(folder: Path, mode: int) -> None:
    folder.mkdir()
    folder.chmod(mode)  # whatever the umask


def _make_above(files: Path, place: Path) -> None:
    for folder in reversed(place.relative_to(files).parents[:-1]):
        with contextlib.suppress(FileExistsError):
            _make(files / folder, 0o755)


def _kept(
    folder: Path, record: SheetRecord, only: Collection[str]
) -> list[tuple[StoredFile, Path]]:
    """The files of the version that students have which are not chosen, and where they lie.

    Never of one that is only held: somebody previewed what was not yet finished.
    """
    tried = [version for version in record.versions if version.fate is store.Fate.TRIAL]
    before = store.released(record) or (tried[-1] if tried else None)
    if before is None:
        return []
    place = folder / str(before.number)
    found = typed.decode((place / "manifest.json").read_bytes(), Manifest)
    return [(file, place / "files" / file.path) for file in found.files if file.path not in only]


def _link(
    kept: list[tuple[StoredFile, Path]], part: Path, new: Collection[str]
) -> list[StoredFile]:
    """Take over files of the previous version. Versions never change, so one inode is enough."""
    for file, place in kept:
        target = part / "files" / file.path
        _make_above(part / "files", target)
        try:
            os.link(place, target)
        except OSError as e:
            if e.errno not in (errno.EEXIST, errno.ENOTDIR, errno.EISDIR) or not new:
                raise
            raise Refused(
                f"{shown(file.path, limit=120)} of the previous version stands where a chosen file "
                "is to go: release the whole sheet."
            ) from None
    return [file for file, _ in kept]


def _finish(part: Path, manifest: Manifest) -> None:
    """All of it is on the disk before it gets its name."""
    replace_file(part / "manifest.json", msgspec.json.encode(manifest) + b"\n")
    fd = os.open(part, drop.FOLDER)
    try:
        if drop.libc.syncfs(fd) != 0:
            raise OSError(errno.EIO, "the disk reports an error")
    finally:
        os.close(fd)


def _unwritable(folder: Path, e: OSError) -> Refused:
    if e.errno in (errno.ENOSPC, errno.EDQUOT):
        return Refused(f"There is no space left for {shown(str(folder))}: nothing was kept.")
    if e.errno in (errno.ENOTDIR, errno.EISDIR):
        return Refused("The sheet changed while it was read: try again.")
    return Refused(f"{shown(str(folder))} cannot be written: {e.strerror}.")


def _name(sheet: str, path: str = "") -> str:
    whole = path if sheet == "." and path else "/".join(filter(None, (sheet, path)))
    return shown(whole, limit=120)
