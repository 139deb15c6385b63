"""Forgetting: wherever hubtui keeps a name of somebody who is gone, a uid stands instead.

What hubtui writes below ``state_dir``, and whether somebody may stand in it:

    plans/ runs/               title and subjects; each event's subject and text; what a run said
                               on stderr. The runs of removals go last: see ``forget``
    journal/                   who had no uid yet; sentences; who asked
    uids.jsonl                 the name that a uid was given to, and for which sign-up
    ledger/deliveries.sqlite   name, and what was given: the rows go as a whole, and the file is
                               written anew
    sizes.json expected.json   homes; names that are expected: theirs are taken out
    try.json                   the probe, while it is tried
    put-off.json               the row that a finding is about
    schedule.json pauses.json retire-due.json calls.json    sentences: why, told, text
    incidents/                 sentences and log lines, out of which names were taken as they came
    locks/                     who held it last, with the title of a plan, where a kill left that
    .NAME.xxxxxxxx             a file that a kill kept from getting its name
    leaving.json               who leaves; taken out as the last step of each removal
    formerly.json              an HMAC of the name, for a year
    first-seen.json            digests of sign-ups: those that are gone fall out by themselves
    due.json                   uids
    retired/ receipts/ archives/ usage.json reminders.json token.json hub.json    nobody
    releases/                  the tutor's own files, as they are
    logs/                      the hub's own log, where the watchdog had to start it by hand

A name is replaced as a word, and only in fields that may be about somebody: so a student called
``push`` takes no plan along, and old plans can still be read. What may still be carried on is left
as it is until it is over.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from hubtui import typed
from hubtui.errors import LockHeld, StateError
from hubtui.plan import plans, runs
from hubtui.plan.locks import lock, take
from hubtui.release import ledger as deliveries
from hubtui.retire.gone import Names
from hubtui.server import Server, ledger
from hubtui.state import replace_file, rewrite_log

_PLAN = frozenset("title key name home place backup archive note text why by".split())
_EVENT = frozenset({"subject", "text"})
_OWN_WORDS = frozenset(
    "at code event finish format id kind made outcome run severity state step until verdict".split()
)
"""Fields of hubtui's own words, which a student may be called like."""
_UNSEEN = frozenset({"archives", "logs", "releases"})
"""Folders that are not looked through: what is there is said in the receipt."""
_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{8}")
_SETTLED = 600.0
"""Seconds after which nobody is still writing a file, or about to begin a run."""


class _Place(NamedTuple):
    """Files of one kind, with the fields of theirs that may name somebody."""

    glob: str
    fields: frozenset[str]
    lock: str = ""
    """Under which they are changed."""


_PLACES = (
    _Place("journal/*.jsonl", frozenset({"subject", "text", "by"})),
    _Place("incidents/*.jsonl", frozenset({"text", "why", "by"})),
    _Place("incidents/*.json", frozenset("log kernel missing program output text".split())),
    _Place("put-off.json", frozenset({"key", "by"}), "put-off"),
    _Place("schedule.json", frozenset({"why", "by"}), "schedule"),
    _Place("pauses.json", frozenset({"why", "by"}), "pauses"),
    _Place("retire-due.json", frozenset({"told"}), "retire-due"),
    _Place("calls.json", frozenset({"subject", "text"})),
)


def forget(server: Server, names: Names) -> list[str]:
    """Replace these names everywhere, in one pass; returns what has to wait, as files and runs.

    The runs of removals, from which it is known who is to be forgotten, are only rewritten once
    nothing waits: whoever follows such a run reads it to its end. Call it under the accounts' lock.
    Raises StateError, OSError.
    """
    state = server.state
    if not names:
        return []
    ledger.forget(state, {one.uid for one in names.gone})
    deliveries.forget_uids(state, [(one.uid, one.name) for one in names.gone])
    _take_out(state, names)
    waiting = [path for place in _PLACES for path in _rewrite_place(state, place, names)]
    _empty_locks(state)
    _drop_temporary(state)
    removals = []
    for run in _runs(state):
        if not _stand_in_run(state, run, names):
            continue
        if not _is_over(state, run):
            waiting.append(run)
        elif _is_removal(state, run):
            removals.append(run)
        else:
            _rewrite_run(state, run, names)
    if not waiting:
        for run in removals:
            _rewrite_run(state, run, names)
    return waiting


def waiting(server: Server, names: Names) -> list[str]:
    """The runs that name somebody and are not over: a cheap look, before all is rewritten."""
    state = server.state
    candidates = (run for run in _runs(state) if not _is_over(state, run))
    return [run for run in candidates if _stand_in_run(state, run, names)]


def left(server: Server, names: Names) -> list[str]:
    """The files below ``state_dir`` in which one of the names still stands as a word."""
    found = []
    for path in _files(server.state):
        with contextlib.suppress(OSError):
            if _stand_in(path, names):
                found.append(str(path.relative_to(server.state)))
    return found


def files_of(state: Path, run: str) -> list[str]:
    """The files of a run below ``state_dir``, as ``left`` names them."""
    return [str(path.relative_to(state)) for path in _paths(state, run)]


# --- runs ---------------------------------------------------------------------------------------


def _runs(state: Path) -> list[str]:
    folders = (state / "plans", state / "runs")
    return sorted({path.stem for folder in folders for path in folder.glob("[0-9]*.json")})


def _paths(state: Path, run: str) -> list[Path]:
    """What names somebody in a run, the plan last: from a removal's it is known who is gone."""
    events = runs.events_path(state, run)
    record = runs.record_path(state, run)
    return [events, events.with_suffix(".err"), record, plans.plan_path(state, run)]


def _begun(run: str) -> str | None:
    """When a run was planned, as its id says."""
    found = re.match(r"(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d)(\d\d)-", run)
    return "{}-{}-{}T{}:{}:{}Z".format(*found.groups()) if found is not None else None


def _stand_in_run(state: Path, run: str, names: Names) -> bool:
    return any(_stand_in(path, names) for path in _paths(state, run))


def _is_over(state: Path, run: str) -> bool:
    """Whether nobody can carry it on: it is through, or was never begun."""
    if runs.record_path(state, run).exists():
        return runs.life(state, run) is runs.Life.OVER
    with contextlib.suppress(FileNotFoundError):
        return time.time() - plans.plan_path(state, run).stat().st_mtime > _SETTLED
    return True


def _is_removal(state: Path, run: str) -> bool:
    with contextlib.suppress(StateError):
        return plans.load(state, run).kind == "retire"
    return False


def _rewrite_run(state: Path, run: str, names: Names) -> None:
    when = _begun(run)
    events, errors, record, plan = _paths(state, run)
    _replace(events, lambda data: _lines(data, names, _EVENT, when))
    _replace(errors, lambda data: _text(data, names, when))
    _replace(record, lambda data: _document(data, names, _PLAN, when))
    _replace(plan, lambda data: _document(data, names, _PLAN, when))


def _replace(path: Path, change: Callable[[bytes], bytes]) -> None:
    """As old as it was: the history of releases sorts by that."""
    try:
        before, found = path.read_bytes(), path.stat()
    except FileNotFoundError:
        return
    if (after := change(before)) != before:
        replace_file(path, after)
        os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


# --- other files --------------------------------------------------------------------------------


def _rewrite_place(state: Path, place: _Place, names: Names) -> Iterator[str]:
    """Rewrite what names somebody; yields what could not be had."""
    for path in sorted(state.glob(place.glob)):
        if not _mentions(path.read_bytes(), names):
            continue
        relative = str(path.relative_to(state))
        try:
            with contextlib.ExitStack() as held:
                if place.lock:
                    held.enter_context(lock(state, place.lock, "names are forgotten", patience=2))
                if path.suffix == ".jsonl":
                    rewrite_log(path, lambda data: _lines(data, names, place.fields, None))
                else:
                    data = path.read_bytes()
                    replace_file(path, _document(data, names, place.fields, None))
        except LockHeld:
            yield relative


def _take_out(state: Path, names: Names) -> None:
    """Lists of one entry for each of many people: theirs goes as a whole."""
    from hubtui import expected
    from hubtui.server import sizes

    if (measured := sizes.read_sizes(state)) is not None:
        rest = {n: size for n, size in measured.bytes.items() if names.uid(n, None) is None}
        if len(rest) != len(measured.bytes):
            _write(sizes.path(state), msgspec.structs.replace(measured, bytes=rest))
    if (known := expected.read_expected(state)) is not None:
        kept = [name for name in known if names.uid(name, None) is None]
        if len(kept) != len(known):
            expected.expect(state, kept)
    tried = state / "try.json"
    if _stand_in(tried, names):
        tried.unlink()


def _write(path: Path, record: msgspec.Struct) -> None:
    replace_file(path, msgspec.json.encode(record) + b"\n")


def _empty_locks(state: Path) -> None:
    """Who holds a lock is written into it; what a kill left there is about nobody any more."""
    for path in (state / "locks").glob("*"):
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            if take(fd):
                os.ftruncate(fd, 0)
        finally:
            os.close(fd)


def _drop_temporary(state: Path) -> None:
    for path in state.rglob(".*"):
        if not _TEMPORARY.fullmatch(path.name) or _is_unseen(state, path):
            continue
        with contextlib.suppress(FileNotFoundError):
            if path.is_file() and time.time() - path.lstat().st_mtime > _SETTLED:
                path.unlink()


# --- what is in a file --------------------------------------------------------------------------


def _files(state: Path) -> Iterator[Path]:
    for path in sorted(state.rglob("*")):
        if not _is_unseen(state, path) and path.is_file() and not path.is_symlink():
            yield path


def _is_unseen(state: Path, path: Path) -> bool:
    return path.relative_to(state).parts[0] in _UNSEEN


def _mentions(data: bytes, names: Names) -> bool:
    """Whether a name may stand there, of whatever time: quick, and never no where one does."""
    return names.odd or names.stand_in(data.decode("utf-8", "replace"), "")


def _stand_in(path: Path, names: Names) -> bool:
    """Whether a name stands there, in what is not hubtui's own words."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return False
    if not _mentions(data, names):
        return False
    when = _begun(path.stem) if path.parent.name in ("plans", "runs") else None
    found = False

    def look(text: str, when: str | None) -> str:
        nonlocal found
        found = found or names.stand_in(text, when)
        return text

    try:
        for line in data.splitlines() if path.suffix == ".jsonl" else [data]:
            _walk(typed.decode(line, Any), lambda f: f not in _OWN_WORDS, look, when)
    except (msgspec.DecodeError, UnicodeDecodeError):
        look(data.decode("utf-8", "replace"), when)
    return found


def _lines(data: bytes, names: Names, fields: frozenset[str], when: str | None) -> bytes:
    return b"".join(
        _document(line, names, fields, when) if line.endswith(b"\n") else line
        for line in data.splitlines(keepends=True)
    )


def _document(data: bytes, names: Names, fields: frozenset[str], when: str | None) -> bytes:
    """The same record without the names; one that cannot be read is left as it is."""
    if not _mentions(data, names):
        return data
    try:
        before = typed.decode(data, Any)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return data
    after = _walk(before, fields.__contains__, names.out, when)
    return msgspec.json.encode(after) + b"\n" if after != before else data


def _text(data: bytes, names: Names, when: str | None) -> bytes:
    text = names.out(data.decode("utf-8", "surrogateescape"), when)
    return text.encode("utf-8", "surrogateescape")


def _walk(
    value: Any,
    wanted: Callable[[str], bool],
    change: Callable[[str, str | None], str],
    when: str | None,
    field: str = "",
) -> Any:
    """The same value with the texts in wanted fields changed; a record's ``at`` is its time."""
    match value:
        case dict():
            at = value.get("at")
            when = when or (at if isinstance(at, str) else None)
            return {key: _walk(each, wanted, change, when, key) for key, each in value.items()}
        case list():
            return [_walk(each, wanted, change, when, field) for each in value]
        case str() if wanted(field):
            return change(value, when)
        case _:
            return value
