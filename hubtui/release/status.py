"""Who has which sheet, and why not: students × sheets, from survey, store, ledger and runs.

The ledger has what became of each delivery. One that came to no end (the student's side was ended,
somebody cancelled, the machine went down) is not in it: of that the run tells.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import msgspec

from hubtui.errors import HubtuiError
from hubtui.events import Outcome
from hubtui.names import shown
from hubtui.plan.runs import Life
from hubtui.release import ledger, store
from hubtui.release.history import Kind, Ran, ran
from hubtui.release.ledger import Delivered
from hubtui.release.store import Fate, SheetRecord
from hubtui.server import Server
from hubtui.students import Missing, survey

BAD = ("failed", "no_space", "blocked", "interrupted")
"""States of a delivery that has to be made up for."""


class Released(NamedTuple):
    """A sheet that students have, or shall have."""

    name: str
    version: int
    since: str
    released: bool
    """To all; else it was tried on some."""


class Trouble(NamedTuple):
    """The latest delivery of a sheet to somebody, where it did not come to its end."""

    run: str
    at: str
    state: str
    why: str
    cancelled: bool = False
    """A person stopped the run before the student's turn."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One sheet in one home, as ``release status --json`` has it."""

    name: str
    uid: int
    sheet: str
    version: int | None = None
    """What the student has; None where nothing was given."""
    state: str | None = None
    """As in ledger.state_of, or interrupted; None where nothing was given."""
    why: str = ""
    """Safe to show."""
    behind: bool = False
    """The student has an older version than the one that is released."""
    at: str | None = None
    """RFC 3339: when the state became so."""
    counts: dict[str, int] = {}
    """How many files ended in each state."""
    listed: tuple[tuple[str, str, str], ...] = ()
    """Path, state, why: of files that are neither new nor the same."""


Deliveries = Mapping[tuple[int, str], Delivered]
Troubles = Mapping[tuple[int, str], Trouble]


@dataclass(frozen=True)
class Standing:
    """Students, sheets, and what became of each sheet in each home."""

    at: datetime
    sheets: Sequence[Released]
    """The newest first."""
    students: Mapping[str, int]
    """Name → uid, in the order of their names."""
    deliveries: Deliveries
    missing: Sequence[Missing] = ()
    troubles: Troubles = field(default_factory=dict)

    def given(self, name: str, sheet: str) -> Delivered | None:
        """What became of the sheet in the student's home; None where it was never handed out."""
        return self.deliveries.get((self.students[name], sheet))

    def trouble(self, name: str, sheet: str) -> Trouble | None:
        """What kept the latest delivery from its end, where nothing came after it."""
        found = self.troubles.get((self.students[name], sheet))
        return None if found is None or _is_over(found, self.given(name, sheet)) else found


def standing(server: Server) -> Standing:
    """Look at everything; what cannot be read is in ``missing``."""
    seen = survey(server)
    missing = [each for each in seen.missing if each.what in ("accounts", "roster")]
    deliveries: Deliveries = {}
    records: Mapping[str, SheetRecord] = {}
    try:
        deliveries = ledger.read(server.state)
    except (HubtuiError, OSError) as e:
        missing.append(Missing(what="deliveries", why=str(e)))
    try:
        records = store.records(server)
    except HubtuiError as e:
        missing.append(Missing(what="released versions", why=str(e)))
    found, unread = ran(server.state)
    return Standing(
        at=server.clock(),
        sheets=released(records),
        students={name: seen.attending[name].uid for name in sorted(seen.attending)},
        deliveries=deliveries,
        missing=[*missing, *unread],
        troubles=troubles(found),
    )


def released(records: Mapping[str, SheetRecord]) -> list[Released]:
    """The sheets that are released, or tried on some; the newest first."""
    found = sorted(filter(None, map(_released, records.values())), key=lambda s: s.name)
    return sorted(found, key=lambda sheet: sheet.since, reverse=True)


def _released(record: SheetRecord) -> Released | None:
    version = store.released(record)
    if version is None:
        tried = [v for v in record.versions if v.fate is Fate.TRIAL]
        version = tried[-1] if tried else None
    if version is None:
        return None
    return Released(record.sheet, version.number, version.since, version.fate is Fate.RELEASED)


def rows(found: Standing, sheet: str | None = None) -> Iterator[Row]:
    """Every student with every sheet that is out, or with one."""
    for name, uid in found.students.items():
        for each in found.sheets:
            if sheet in (None, each.name):
                given, trouble = found.given(name, each.name), found.trouble(name, each.name)
                yield _row(Row(name=name, uid=uid, sheet=each.name), each, given, trouble)


def _row(row: Row, sheet: Released, given: Delivered | None, trouble: Trouble | None) -> Row:
    if given is not None:
        row = msgspec.structs.replace(
            row,
            version=given.version,
            state=given.state,
            why=why(given),
            behind=sheet.released and given.version < sheet.version,
            at=given.at,
            counts=given.counts,
            listed=given.listed,
        )
    if trouble is not None:
        row = msgspec.structs.replace(row, state=trouble.state, why=trouble.why, at=trouble.at)
    return row


def why(given: Delivered) -> str:
    """What stands behind the state, with the first file as an example; empty where all is well."""
    files = [(path, reason) for path, state, reason in given.listed if state == given.state]
    if not files:
        return shown(given.why, limit=300)
    from hubtui.release.handout import WORDS  # with all that hands out

    path, reason = files[0]
    more = f", and {len(files) - 1} more" if len(files) > 1 else ""
    return f"{shown(path, limit=120)}: {shown(reason, limit=200) or WORDS[given.state]}{more}"


def cancelled(troubles: Troubles, deliveries: Deliveries) -> set[tuple[int, str]]:
    """uid and sheet of those whose turn never came, because a person stopped the run."""
    return {
        key
        for key, trouble in troubles.items()
        if trouble.cancelled and not _is_over(trouble, deliveries.get(key))
    }


def _is_over(trouble: Trouble, given: Delivered | None) -> bool:
    """Whether the ledger has that delivery, file by file, or a later one."""
    return given is not None and (given.run == trouble.run or given.at > trouble.at)


# --- what did not come to its end ----------------------------------------------------------------


def troubles(found: Iterable[Ran]) -> dict[tuple[int, str], Trouble]:
    """By uid and sheet: what kept the latest run from its end. The runs come newest first."""
    told: dict[tuple[int, str], Trouble | None] = {}
    withdrawn: set[str] = set()
    for one in found:
        try:
            subjects, kind = one.subjects, one.kind
        except HubtuiError:
            continue
        if kind is Kind.WITHDRAWN:  # what went wrong before is no longer wanted
            withdrawn.update(sheet for subject in subjects for sheet in subject.sheets)
            continue
        for subject in subjects:
            if subject.uid and _was_tried(one, subject.key):
                trouble = _trouble(one, subject.key)
                for sheet in subject.sheets.keys() - withdrawn:
                    told.setdefault((subject.uid, sheet), trouble)
    return {key: trouble for key, trouble in told.items() if trouble is not None}


def _was_tried(one: Ran, key: str) -> bool:
    """False where the run did not begin with the student: another one held the lock."""
    end = one.ends.get(key)
    return end is None or end.outcome is not Outcome.HELD


def _trouble(one: Ran, key: str) -> Trouble | None:
    end = one.ends.get(key)
    run = one.plan.id
    if end is None:
        if one.last is not None and one.kind is not Kind.CAUGHT_UP:
            return Trouble(run, one.at, "interrupted", "the run was given up", cancelled=True)
        if one.life is Life.RUNNING:
            return None
        on = f": hubtui journal resume {run}" if one.life is Life.UNFINISHED else ""
        return Trouble(run, one.at, "interrupted", f"the run was broken off{on}")
    if end.outcome is Outcome.CANCELLED:
        return Trouble(run, one.at, "interrupted", "the run was cancelled", cancelled=True)
    if end.outcome in (Outcome.FAILED, Outcome.CHANGED):
        return Trouble(run, one.at, "failed", shown(end.text, limit=300))
    return None
