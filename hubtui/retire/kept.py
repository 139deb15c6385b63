"""What is kept of who is gone: ``retired/UID.json`` and the archives, until their date.

No name stands there: a record knows a uid, and an archive is called after it.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import msgspec

from hubtui.clock import parse, stamp
from hubtui.errors import HubtuiError, StateError
from hubtui.names import shown
from hubtui.plan.plans import Plan
from hubtui.retire.records import Archived, Retired
from hubtui.server import Server
from hubtui.state import read_document, sync_folder, write_document

_RECORD = re.compile(r"\d+\.json")
_ARCHIVE = re.compile(r"\d+-\d{8}-\d{6}(?:-\d+)?(?:\.rest)?\.tar\.zst")


@dataclass(frozen=True)
class Keeping:
    """How the archives of one plan are kept."""

    run: str
    by: str
    days: int
    folder: Path | None = None
    """Where they go, where somebody named a folder; else the course's."""


def keeping(plan: Plan) -> Keeping:
    """What a plan of kind retire says of it."""
    folder = plan.params["archive"]
    return Keeping(
        run=plan.id,
        by=plan.by,
        days=plan.params["keep_days"],
        folder=Path(folder) if folder else None,
    )


# --- the records ---------------------------------------------------------------------------------


def folder(state_dir: Path) -> Path:
    """Where the records are kept."""
    return state_dir / "retired"


def path(state_dir: Path, uid: int) -> Path:
    """Where the record of one uid is kept."""
    return folder(state_dir) / f"{uid}.json"


def read(state_dir: Path, uid: int) -> Retired | None:
    """What became of one uid; None where nothing did. Raises StateError."""
    return read_document(path(state_dir, uid), Retired)


def every(state_dir: Path) -> list[Retired]:
    """All records, by uid. Raises StateError."""
    try:
        uids = [int(f.stem) for f in folder(state_dir).iterdir() if _RECORD.fullmatch(f.name)]
    except FileNotFoundError:
        return []
    found = (read(state_dir, uid) for uid in sorted(uids))
    return [one for one in found if one is not None]


def of_run(server: Server, uid: int, run: str) -> Retired | None:
    """What this very run did so far; None where it did nothing yet. Raises StateError."""
    found = read(server.state, uid)
    return found if found is not None and found.run == run else None


def write(server: Server, record: Retired) -> None:
    """Replace the record of a uid; call it under the accounts' lock. Raises StateError."""
    write_document(path(server.state, record.uid), record)


def begin(server: Server, uid: int, how: Keeping) -> Retired:
    """The record of this run, begun where there is none; what earlier runs archived stays in it."""
    before = read(server.state, uid)
    if before is not None and before.run == how.run:
        return before
    record = Retired(
        uid=uid,
        run=how.run,
        by=how.by,
        begun=stamp(server.clock()),
        archives=before.archives if before is not None else (),
        files=before.files if before is not None else 0,
        bytes=before.bytes if before is not None else 0,
    )
    write(server, record)
    return record


def note(server: Server, uid: int, how: Keeping, kind: str, text: str) -> None:
    """One step is through; ``text`` names nobody. Once for each kind of step."""
    record = begin(server, uid, how)
    rest = tuple(step for step in record.steps if step[0] != kind)
    step = (kind, stamp(server.clock()), text)
    write(server, msgspec.structs.replace(record, steps=(*rest, step)))


def is_noted(server: Server, uid: int, how: Keeping, kind: str) -> bool:
    """Whether this run noted that step."""
    record = of_run(server, uid, how.run)
    return record is not None and any(step[0] == kind for step in record.steps)


def note_archive(server: Server, one: Archived, how: Keeping, **more: int) -> None:
    """A verified archive; one of this run that a kill kept from getting its name is left out."""
    record = begin(server, one.uid, how)
    rest = tuple(a for a in record.archives if a.run != how.run or is_whole(a))
    write(server, msgspec.structs.replace(record, archives=(*rest, one), **more))


def archive_of(server: Server, uid: int, how: Keeping, what: str) -> Archived | None:
    """The newest that this run made, where its file is there, in its full length."""
    record = of_run(server, uid, how.run)
    for one in reversed(record.archives if record is not None else ()):
        if (one.run, one.what, one.deleted) == (how.run, what, "") and is_whole(one):
            return one
    return None


def has_archive(server: Server, uid: int, how: Keeping, what: str) -> bool:
    """Whether this run made one, wherever it is by now."""
    record = of_run(server, uid, how.run)
    archives = record.archives if record is not None else ()
    return any((one.run, one.what) == (how.run, what) for one in archives)


def is_whole(one: Archived) -> bool:
    """Whether its file is there, and as long as it was."""
    try:
        found = Path(one.path).lstat()
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size == one.bytes


# --- their end -----------------------------------------------------------------------------------


def until(server: Server, how: Keeping) -> str:
    """The date of an archive that is made now."""
    return stamp(server.clock() + timedelta(days=how.days))


def expired(server: Server, settled: Collection[str]) -> list[str]:
    """Delete those of these paths whose date has come; a sentence for each that cannot be deleted.

    Call it under the accounts' lock. Raises StateError.
    """
    now, troubles = server.clock(), []
    for record in every(server.state):
        archives = list(record.archives)
        for at, one in enumerate(archives):
            if one.deleted or one.path not in settled or parse(one.until) > now:
                continue
            try:
                _delete(one)
            except HubtuiError as e:
                troubles.append(str(e))
            else:
                archives[at] = msgspec.structs.replace(one, deleted=stamp(now))
        if archives != list(record.archives):
            write(server, msgspec.structs.replace(record, archives=tuple(archives)))
    return troubles


def mount_of(place: Path) -> str:
    """Where the filesystem begins that holds ``place``."""
    place = Path(os.path.realpath(place))
    return next(str(p) for p in (place, *place.parents) if os.path.ismount(p) or p == p.parent)


def _delete(one: Archived) -> None:
    """Only what is called as hubtui calls its archives, and only where its disk is there."""
    file = Path(one.path)
    if not _ARCHIVE.fullmatch(file.name):
        raise StateError(f"{shown(one.path)} is no archive of hubtui's: delete it by hand.")
    due = f"The archive {shown(one.path)} was to be deleted on {one.until[:10]}"
    if one.mount and mount_of(file.parent) != one.mount:
        raise StateError(f"{due}, but its disk is not mounted: mount {shown(one.mount)}.")
    try:
        file.unlink()
        sync_folder(file.parent)
    except FileNotFoundError:
        return  # somebody was faster
    except OSError as e:
        raise StateError(f"{due} and cannot be: {e.strerror}.") from e


def listed(server: Server) -> Sequence[Archived]:
    """The archives that are still there, the first to go first. Raises StateError."""
    found = [a for record in every(server.state) for a in record.archives if not a.deleted]
    return sorted(found, key=lambda a: a.until)
