"""One student: all sheets of one job, done as her, in her home. Runs in a child of deliver."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from hubtui.workers import compare, drop, place
from hubtui.workers.compare import Folders, Found, Sheet, State

_LISTED = 500
"""Files that an answer names one by one; all are counted."""
_LACKING = (State.BLOCKED, State.NO_SPACE, State.FAILED, State.REMOVE)
_BATCH = 64 << 20
"""Bytes that are copied before they are put in their place: what a kill makes to be done again."""
_CUT_OFF = "an earlier delivery was cut off here"


class Setting(NamedTuple):
    """What is the same for all students."""

    store: str
    folder: str
    """Below each home: ``exercises``."""
    rsync: str
    width: int = 8
    limit: float = 600.0
    """Seconds for one student, and more for what is large: see BYTES_A_SECOND."""


Told = Callable[[str, int, int], None]
"""Sheet, bytes that are in place, bytes in all."""


def serve(
    job: Mapping[str, Any], setting: Setting, sheets: list[Sheet], files: list[int], told: Told
) -> Any:
    """In the child, as the student: all sheets of one job; returns the answer."""
    home = os.open(job["home"], drop.FOLDER)
    if os.fstat(home).st_uid != job["uid"]:
        return {"error": "the home belongs to somebody else"}
    answers = []
    for sheet, version in zip(sheets, files, strict=True):
        found, why = one_sheet(home, setting, sheet, version, job["verb"], told)
        answers.append(_answer(sheet, found, why))
    return {"sheets": answers}


def one_sheet(
    home: int,
    setting: Setting,
    sheet: Sheet,
    version: int,
    verb: str,
    told: Told = lambda *_: None,
) -> tuple[list[Found], str]:
    """One sheet; what became of each file, and what stood in the way.

    The verbs: deliver, withdraw, and what they would do: look, look-withdraw.
    """
    only_look, withdraw = verb.startswith("look"), verb.endswith("withdraw")
    below = setting.folder if sheet.name == "." else f"{setting.folder}/{sheet.name}"
    try:
        top = _nearest(home, below)
        if top is None:  # nothing there yet: everything is new, if it can be made
            found = _all_new(home, sheet, below)
            if withdraw:
                return [Found(one.file, State.DELETED) for one in found], ""
            if verb != "deliver" or all(one.state is not State.NEW for one in found):
                return found, ""
            top = place.make_folders(home, below)
    except OSError as e:
        state = State.NO_SPACE if place.failed(e) is State.NO_SPACE else State.BLOCKED
        return [Found(f, state, compare.why(e, below)) for f in sheet.files.values()], ""
    folders = Folders(top)
    try:
        if not only_look:
            place.tidy(top, sheet, version)
        found = list(compare.compare(folders, sheet))
        if withdraw:
            found += compare.also_given(folders, sheet)
            _to_be_removed(folders, sheet, found)
        if closed := compare.not_writable(folders, ""):
            _not_begun(found, State.BLOCKED, closed)
        _check_space(top, found)
        if only_look:
            return found, _CUT_OFF if place.leftovers(top, sheet) else ""
        why = _act(top, setting, sheet, version, folders, found, verb, told)
        if withdraw:
            above = {f"{below}/{one.file.path}".rpartition("/")[0] for one in found}
            place.remove_empty(home, above, setting.folder)
        return found, why
    finally:
        folders.close()
        os.close(top)


def _act(
    top: int,
    setting: Setting,
    sheet: Sheet,
    version: int,
    folders: Folders,
    found: list[Found],
    verb: str,
    told: Told,
) -> str:
    todo = [one for one in found if one.state in _TODO[verb]]
    if not todo:
        return ""
    try:
        name, staging = place.open_staging(top, sheet)
    except OSError as e:
        for one in todo:
            one.state, one.why = place.failed(e), f"{e.strerror}"
        return ""
    try:
        if verb == "withdraw":
            place.remove(folders, staging, sheet, todo)
            return ""
        why, done, total = "", 0, sum(one.file.size for one in todo)
        for batch in _batches(todo):
            if total > _BATCH:
                told(sheet.name, done, total)
            paths = [one.file.path for one in batch]
            why = place.copy(setting.rsync, version, staging, paths) or why
            place.place(folders, top, staging, sheet, batch)
            done += sum(one.file.size for one in batch)
            for one in batch:
                if why and one.state is State.FAILED:  # rsync's own word on what did not arrive
                    one.state = State.NO_SPACE if why == place.NO_SPACE else State.FAILED
                    one.why = why
        return why
    finally:
        place.close_staging(top, name, staging, sheet, version)


def _batches(todo: list[Found]) -> Iterator[list[Found]]:
    """In the same order, so much at a time as may be copied in vain."""
    batch, size = list[Found](), 0
    for one in todo:
        if batch and size + one.file.size > _BATCH:
            yield batch
            batch, size = [], 0
        batch.append(one)
        size += one.file.size
    yield batch


_TODO = {
    "deliver": (State.NEW, State.REPLACE, State.BESIDE),
    "withdraw": (State.REMOVE,),
}


def _nearest(home: int, below: str) -> int | None:
    try:
        return drop.open_folder(home, below)
    except FileNotFoundError:
        return None


def _all_new(home: int, sheet: Sheet, below: str) -> list[Found]:
    """What a look finds where the sheet's folder is not there: it has to agree with a delivery."""
    folders, found = Folders(home), []
    try:
        blocked = compare.not_writable(folders, below)
    finally:
        folders.close()
    for file in sheet.files.values():
        if compare.was_given(sheet, file) and not sheet.again:
            found.append(Found(file, State.DELETED))
        else:
            found.append(Found(file, State.BLOCKED if blocked else State.NEW, blocked))
    _check_space(home, found)
    return found


def _to_be_removed(folders: Folders, sheet: Sheet, found: list[Found]) -> None:
    """Withdrawing: a copy of any version goes, all else is listed."""
    for one in found:
        if one.state in (State.SAME, State.REPLACE):
            digest = compare.digest_of(folders, one.file.path)
            known = {each for _, each in sheet.known.get(one.file.path, ())}
            if digest not in known:
                one.state = State.KEPT
            elif sheet.beside:
                one.state, one.why = State.KEPT, compare.SERVER_RUNS
            elif closed := compare.not_writable(folders, one.file.path.rpartition("/")[0]):
                one.state, one.why = State.BLOCKED, closed
            else:
                one.state = State.REMOVE
        elif one.state in (State.NEW, State.DELETED):
            one.state = State.DELETED
        elif one.state is State.BESIDE:
            one.state = State.KEPT


def _check_space(top: int, found: list[Found]) -> None:
    """What does not fit is not begun."""
    room = os.fstatvfs(top)
    free = room.f_bavail * room.f_frsize
    need = sum(one.file.size for one in found if one.state in _TODO["deliver"])
    if need > free:
        _not_begun(found, State.NO_SPACE, place.NO_SPACE)


def _not_begun(found: list[Found], state: State, why: str) -> None:
    for one in found:
        if one.state in (*_TODO["deliver"], *_TODO["withdraw"]):
            one.state, one.why = state, why


def _answer(sheet: Sheet, found: list[Found], why: str) -> dict[str, Any]:
    """Counts of everything, and by name what is neither new nor the same.

    What could not be delivered comes first, and all of it: it is given as soon as that is possible.
    """
    names = [
        [one.file.path, one.state, one.why]
        for one in found
        if one.state not in (State.SAME, State.NEW, State.REPLACE)
    ]
    lacking = [each for each in names if each[1] in _LACKING]
    rest = [each for each in names if each[1] not in _LACKING]
    moved = (State.NEW, State.REPLACE, State.BESIDE)
    return {
        "sheet": sheet.name,
        "version": sheet.version,
        "counts": dict(Counter(one.state for one in found)),
        "bytes": sum(one.file.size for one in found if one.state in moved),
        "listed": lacking + rest[: max(0, _LISTED - len(lacking))],
        "why": why,
    }
