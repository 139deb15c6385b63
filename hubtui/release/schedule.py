"""What is to be released, and when: ``state_dir/schedule.json``. ``hubtui due`` carries it out.

The version is made when a release is scheduled, so what students get is what was looked at; with
``as_of_due`` it is made at the hour. A sheet stands in the schedule once at most.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

import msgspec

from hubtui.clock import parse, stamp
from hubtui.errors import HubtuiError, Refused, UsageError
from hubtui.findings import Finding, Severity
from hubtui.names import shown
from hubtui.plan.journal import Journal
from hubtui.plan.locks import is_held, lock
from hubtui.plan.plans import operator
from hubtui.release import chosen, source, store
from hubtui.server import Server
from hubtui.state import read_document, write_document
from hubtui.when import Moment, written

LATE = timedelta(hours=12)
"""What is later than this is asked about, not done."""
ALIVE = timedelta(minutes=3)
"""How long ago the minutely ``hubtui due`` may have run last."""
_KEPT = timedelta(days=30)
"""How long what is done stays in the list."""


class State(StrEnum):
    """How far an entry is."""

    WAITING = "waiting"
    BEGUN = "begun"
    """Its run was given an id, and perhaps started."""
    DONE = "done"
    ASK = "ask"
    """A person has to say what becomes of it: ``why``."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One release to come, or one that came."""

    id: str
    """``s1``."""
    sheets: dict[str, int | None]
    """Sheet → version; None: as the tutor has it at the hour."""
    when: str
    """RFC 3339, UTC."""
    zone: str
    """The time zone that it was said in."""
    by: str
    made: str
    """RFC 3339."""
    state: State = State.WAITING
    run: str = ""
    """The run that carries it out."""
    why: str = ""

    @property
    def at(self) -> datetime:
        """When it is due."""
        return parse(self.when)

    @property
    def open(self) -> bool:
        """Whether something is still to come of it."""
        return self.state is not State.DONE


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """``schedule.json``."""

    format: int = 1
    last: int = 0
    """The number of the newest entry: none is used twice."""
    entries: tuple[Entry, ...] = ()


class DueRecord(msgspec.Struct, frozen=True, kw_only=True):
    """``due.json``: what the minutely job remembers."""

    format: int = 1
    at: str = ""
    """When it last ran, RFC 3339."""
    catch_up: str = ""
    """The run that gives students what they lack, while it may be unfinished."""
    tried: dict[str, str] = {}
    """uid → when something could not be given: it is not tried again each minute."""
    often: dict[str, int] = {}
    """uid → how many times in a row: ever more rarely, once a day at last."""


# --- looking ------------------------------------------------------------------------------------


def path(server: Server) -> Path:
    """Where the schedule is kept."""
    return server.state / "schedule.json"


def due_path(server: Server) -> Path:
    """Where the minutely job keeps what it remembers."""
    return server.state / "due.json"


def read(server: Server) -> Schedule:
    """The schedule as it is. Raises StateError."""
    return read_document(path(server), Schedule) or Schedule()


def entries(server: Server) -> list[Entry]:
    """What is to come, the next one first; then what was done, the latest first."""
    found = read(server).entries
    done = [entry for entry in found if not entry.open]
    coming = sorted((e for e in found if e.open), key=lambda e: (e.when, e.id))
    return coming + sorted(done, key=lambda e: e.when, reverse=True)


def find(server: Server, word: str) -> Entry:
    """The open entry with this id, or with this sheet in it. Raises UsageError."""
    found = [e for e in entries(server) if e.open and (word == e.id or word in e.sheets)]
    if not found:
        raise UsageError(f"{shown(word, limit=60)} is not scheduled; see: hubtui release schedule")
    if len(found) > 1:
        ids = " and ".join(entry.id for entry in found)
        raise UsageError(f"{shown(word, limit=60)} may be {ids}: say the other name.")
    return found[0]


def scheduled(server: Server) -> set[str]:
    """The sheets for which something is still to come."""
    return {sheet for entry in entries(server) if entry.open for sheet in entry.sheets}


def title(entry: Entry) -> str:
    """``week05``, ``week05 (version 2), week06``, safe to show."""
    return ", ".join(chosen.title_of({sheet: n or 1}) for sheet, n in entry.sheets.items())


def not_released(entry: Entry) -> str:
    """``week05 was not released``."""
    return f"{title(entry)} {'were' if len(entry.sheets) > 1 else 'was'} not released"


def is_alive(server: Server) -> bool:
    """Whether something runs ``hubtui due`` each minute. Raises StateError."""
    if is_held(server.state / "locks" / "due"):
        return True  # at work on a long release
    found = read_document(due_path(server), DueRecord)
    if found is None or not found.at:
        return False
    return abs(server.clock() - parse(found.at)) <= ALIVE


def need_due(server: Server) -> None:
    """Raise Refused where nothing would carry the schedule out."""
    if not is_alive(server):
        raise Refused(
            "Nothing on this server runs hubtui due each minute, so nothing would be released: "
            "sudo hubtui install timers, then try again in a minute"
        )


def changed_since(server: Server, entry: Entry) -> list[str]:
    """The sheets of the entry that the tutor changed after their version was made.

    Raises Refused, CommandFailed, StateError where source or store cannot be read.
    """
    made = {sheet: n for sheet, n in entry.sheets.items() if n is not None}
    if not made:
        return []
    by = source.reader(server)
    listed = {each.name: each for each in source.listing(by).sheets}
    doubtful: list[tuple[str, str, str]] = []
    changed: set[str] = set()
    for sheet, number in made.items():
        if sheet not in listed:
            continue  # the version that was made is released all the same
        was = {file.path: file for file in store.manifest(server, sheet, number).files}
        now = {e.path: e for e in listed[sheet].entries if not e.why}
        if was.keys() != now.keys():
            changed.add(sheet)
            continue
        for name, file in was.items():
            if file.size != now[name].size:
                changed.add(sheet)
            elif file.mtime != now[name].mtime:
                doubtful.append((sheet, name, file.sha256))
    read_ = source.digests(by, [(sheet, name) for sheet, name, _ in doubtful])
    for sheet, name, digest in doubtful:
        whole = name if sheet == "." else f"{sheet}/{name}"
        if read_.get(whole) != digest:
            changed.add(sheet)
    return [sheet for sheet in made if sheet in changed]


def findings(server: Server) -> list[Finding]:
    """What of the schedule needs a person; what cannot be looked at is a finding, too."""
    found: list[Finding] = []
    try:
        coming = [entry for entry in entries(server) if entry.open]
        if coming and not is_alive(server):
            found.append(
                _finding(
                    Severity.CRITICAL,
                    "release.due",
                    "hubtui due does not run each minute: nothing that is scheduled is released.",
                    "hubtui install timers",
                )
            )
    except HubtuiError as e:
        return [_finding(Severity.WARNING, "release.schedule", str(e))]
    for entry in coming:
        if entry.state is State.ASK:
            text = f"{not_released(entry)}: {entry.why}"
            do = f"hubtui release push {_words(entry)}, or: hubtui release unschedule {entry.id}"
            found.append(_finding(Severity.WARNING, "release.late", text, do, entry.id))
        elif entry.state is State.WAITING:
            try:
                for sheet in changed_since(server, entry):
                    name = shown(sheet, limit=60)
                    text = f"{name} was changed since it was scheduled: the older one is released."
                    do = f"hubtui release schedule --newer {entry.id}"
                    found.append(_finding(Severity.WARNING, "release.changed", text, do, entry.id))
            except HubtuiError as e:
                found.append(_finding(Severity.WARNING, "release.schedule", str(e), "", entry.id))
    return found


def _words(entry: Entry) -> str:
    import shlex

    quoted = {sheet: shown(shlex.quote(sheet), limit=60) for sheet in entry.sheets}
    if None in entry.sheets.values():
        return " ".join(quoted.values())
    return " ".join(f"--version {quoted[sheet]}={number}" for sheet, number in entry.sheets.items())


def _finding(severity: Severity, id_: str, text: str, do: str = "", row: str = "") -> Finding:
    return Finding(id=id_, severity=severity, text=text, do=do, pane="release", row=row)


# --- changing -----------------------------------------------------------------------------------


def add(server: Server, sheets: Collection[str], when: Moment, *, as_of_due: bool = False) -> Entry:
    """Schedule these sheets, in place of what was scheduled of them before.

    Raises Refused where nothing runs ``hubtui due`` or a sheet cannot be had, CommandFailed,
    StateError, LockHeld.
    """
    need_due(server)
    if not sheets:
        raise UsageError("Say which sheets; see: hubtui release list")
    versions: dict[str, int | None] = dict.fromkeys(sheets)
    made: dict[str, store.Version] = {}
    if as_of_due:
        _are_sheets(server, sheets)
    else:
        made = chosen.snapshots(server, sheets)
        versions |= {sheet: version.number for sheet, version in made.items()}
    with changing(server) as (now, write):
        _are_still(server, made)
        kept = _without(now.entries, sheets)
        number = now.last + 1
        entry = Entry(
            id=f"s{number}",
            sheets=versions,
            when=stamp(when.at),
            zone=when.zone,
            by=operator(),
            made=stamp(server.clock()),
        )
        write(msgspec.structs.replace(now, last=number, entries=(*kept, entry)))
    _note(server, "schedule", sheets)
    return entry


def cancel(server: Server, word: str) -> Entry:
    """Take an entry (by id), or a sheet out of its entry; returns what was taken.

    Raises UsageError where there is none, Refused where its run has begun, StateError, LockHeld.
    """
    with changing(server) as (now, write):
        entry = find(server, word)
        sheets = [word] if word in entry.sheets else list(entry.sheets)
        write(msgspec.structs.replace(now, entries=_without(now.entries, sheets)))
    _note(server, "unschedule", sheets)
    return msgspec.structs.replace(entry, sheets={name: entry.sheets[name] for name in sheets})


def take_newer(server: Server, word: str) -> Entry:
    """Make new versions of an entry's sheets, as the tutor has them now.

    Raises UsageError, Refused, CommandFailed, StateError, LockHeld.
    """
    entry = find(server, word)
    if entry.state is not State.WAITING:
        raise Refused(f"{title(entry)} is {entry.state}, it is not waiting any more.")
    made = [sheet for sheet, number in entry.sheets.items() if number is not None]
    if not made:
        raise Refused(f"{title(entry)} is read at the hour: it is the newer one anyway.")
    versions = chosen.snapshots(server, made)
    numbers = {sheet: version.number for sheet, version in versions.items()}
    after = msgspec.structs.replace(entry, sheets={**entry.sheets, **numbers})
    with changing(server) as (now, write):
        _are_still(server, versions)
        if entry not in now.entries:
            raise Refused(f"{title(entry)} was changed meanwhile: look again.")
        write(with_entry(now, after))
    _note(server, "schedule", made)
    return after


@contextlib.contextmanager
def changing(server: Server) -> Iterator[tuple[Schedule, Callable[[Schedule], None]]]:
    """Alone with the schedule: as it is, and what writes it. Raises LockHeld, StateError."""
    with lock(server.state, "schedule", f"the schedule, by {operator()}", patience=10):

        def write(after: Schedule) -> None:
            oldest = stamp(server.clock() - _KEPT)
            kept = tuple(e for e in after.entries if e.open or e.when > oldest)
            write_document(path(server), msgspec.structs.replace(after, entries=kept))

        yield read(server), write


def with_entry(now: Schedule, entry: Entry) -> Schedule:
    """The schedule with this entry in the place of the one with its id."""
    replaced = tuple(entry if each.id == entry.id else each for each in now.entries)
    return msgspec.structs.replace(now, entries=replaced)


def _without(now: Sequence[Entry], sheets: Collection[str]) -> tuple[Entry, ...]:
    """The entries without these sheets. Raises Refused where one is being released already."""
    kept = []
    for entry in now:
        taken = [sheet for sheet in sheets if sheet in entry.sheets]
        if taken and entry.state is State.BEGUN:
            raise Refused(f"{shown(taken[0], limit=60)} is being released at this moment.")
        rest = {sheet: n for sheet, n in entry.sheets.items() if sheet not in taken}
        if not taken or not entry.open:
            kept.append(entry)
        elif rest:
            kept.append(msgspec.structs.replace(entry, sheets=rest))
    return tuple(kept)


def split(server: Server, entry: Entry, wrong: Mapping[str, str], state: State) -> Entry | None:
    """Set apart the sheets of an entry that cannot be released, each with why.

    Returns what is left of it; None where somebody changed it meanwhile.
    """
    with changing(server) as (now, write):
        if entry not in now.entries:
            return None
        good = {sheet: n for sheet, n in entry.sheets.items() if sheet not in wrong}
        after = msgspec.structs.replace(entry, sheets=good)
        apart = msgspec.structs.replace(
            entry,
            id=f"s{now.last + 1}",
            sheets={sheet: entry.sheets[sheet] for sheet in wrong},
            state=state,
            why="; ".join(wrong.values()),
        )
        kept = with_entry(now, after).entries
        write(msgspec.structs.replace(now, last=now.last + 1, entries=(*kept, apart)))
        return after


def _are_still(server: Server, made: Mapping[str, store.Version]) -> None:
    """Raise Refused where somebody read a sheet anew before its version stood in the schedule."""
    for sheet, version in made.items():
        found = store.version(store.record(server, sheet), version.number)
        if found is None or found.digest != version.digest:
            raise Refused(f"{chosen.called(sheet)} was read anew meanwhile: try again.")


def _are_sheets(server: Server, sheets: Collection[str]) -> None:
    names = {each.name for each in source.listing(source.reader(server)).sheets}
    for sheet in sheets:
        if sheet not in names:
            raise Refused(
                f"There is no sheet {shown(sheet, limit=60)} in release.source; "
                "see: hubtui release list"
            )


def _note(server: Server, kind: str, sheets: Collection[str]) -> None:
    log = Journal(server.state, server.clock, run="", kind=kind, by=operator())
    for sheet in sheets:
        log.write("over", subject=f"sheet {shown(sheet, limit=60)}", outcome="done")


def when_of(entry: Entry) -> str:
    """``Mon 30 Nov 2026, 08:00 (Europe/Berlin)``."""
    return written(entry.at, entry.zone)
