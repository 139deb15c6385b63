"""What ``hubtui-tutor --json`` answers, as the records that the screens know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from hubtui import typed
from hubtui.changes import SubjectLine
from hubtui.clock import parse
from hubtui.errors import CommandFailed
from hubtui.release.history import Past
from hubtui.release.ledger import Delivered, state_of
from hubtui.release.schedule import State
from hubtui.release.sheets import Sheet, SheetList, SheetState
from hubtui.release.status import Released, Row, Standing, Trouble
from hubtui.students import Missing
from hubtui.tui.coming import Coming, in_words

T = TypeVar("T")


def understood(answer: Mapping[str, Any], kind: type[T]) -> T:
    """The answer as a record. Raises CommandFailed for one of another hubtui."""
    try:
        return typed.convert(answer, kind)
    except msgspec.ValidationError as e:
        raise CommandFailed(f"hubtui-tutor is of another version than this hubtui: {e}.") from e


class Preview(msgspec.Struct):
    """``push --dry-run`` and ``withdraw --dry-run``."""

    kind: str
    title: str
    sheets: dict[str, int]
    """Sheet → version."""
    subjects: list[SubjectLine]


class History(msgspec.Struct):
    """``history``."""

    history: list[Past]


class _Sheet(msgspec.Struct):
    name: str
    state: SheetState
    version: int | None
    since: str | None
    files: int
    bytes: int
    changed_at: str | None
    new: tuple[str, ...]
    changed: tuple[str, ...]
    tried: int | None
    withdrawn: bool
    solution: bool
    findings: tuple[str, ...]


class Sheets(msgspec.Struct):
    """``list``."""

    at: str
    sheets: list[_Sheet]
    gone: tuple[str, ...]
    aside: tuple[str, ...]
    missing: tuple[Missing, ...]


class Deliveries(msgspec.Struct):
    """``status``."""

    at: str
    deliveries: list[Row]
    missing: tuple[Missing, ...]


class _Version(msgspec.Struct):
    sheet: str


class _Scheduled(msgspec.Struct):
    when: str
    zone: str
    sheets: list[_Version]
    state: State
    why: str
    changed: tuple[str, ...]


class Schedule(msgspec.Struct):
    """``schedule``."""

    schedule: list[_Scheduled]
    alive: bool
    """Whether something carries it out."""


# --- as the screens know it -----------------------------------------------------------------------


def subjects_of(found: Preview) -> tuple[dict[str, Any], ...]:
    """As of a plan of root's; a tutor sees names, not uids."""
    return tuple(
        {
            "key": line.key,
            "name": line.name,
            "uid": int(not line.key.startswith("sheet ")),
            "sheets": found.sheets,
        }
        for line in found.subjects
    )


def sheet_list(found: Sheets) -> SheetList:
    """What there is to release."""
    return SheetList(
        at=found.at,
        sheets=tuple(map(_sheet, found.sheets)),
        gone=found.gone,
        aside=found.aside,
        missing=found.missing,
    )


def standing_of(found: Deliveries, listed: SheetList) -> Standing:
    """Who has what."""
    known = {sheet.name: sheet for sheet in listed.sheets}
    versions: dict[str, int] = {}
    for row in found.deliveries:
        versions[row.sheet] = max(versions.get(row.sheet, 1), row.version or 1)
    sheets = []
    for name, version in sorted(versions.items()):
        one = known.get(name)
        out = one is not None and one.version is not None
        since = (one.since if one else None) or found.at
        number = one.version if one and one.version else version
        sheets.append(Released(name, number, since, out or one is None))
    sheets.sort(key=lambda sheet: sheet.since, reverse=True)
    return Standing(
        at=parse(found.at),
        sheets=sheets,
        students=dict(sorted((row.name, row.uid) for row in found.deliveries)),
        deliveries={(r.uid, r.sheet): _delivered(r) for r in found.deliveries if r.counts},
        missing=found.missing,
        troubles={(r.uid, r.sheet): _trouble(r) for r in found.deliveries if _broke_off(r)},
    )


def coming_of(found: Schedule) -> dict[str, Coming]:
    """What is scheduled, by sheet."""
    return {
        version.sheet: in_words(
            parse(entry.when),
            entry.zone,
            changed=version.sheet in entry.changed,
            why=entry.why if entry.state is State.ASK else "",
        )
        for entry in found.schedule
        if entry.state is not State.DONE
        for version in entry.sheets
    }


def _sheet(found: _Sheet) -> Sheet:
    return Sheet(
        name=found.name,
        files=found.files,
        bytes=found.bytes,
        newest=int(parse(found.changed_at).timestamp()) if found.changed_at else 0,
        state=found.state,
        version=found.version,
        since=found.since,
        new=found.new,
        changed=found.changed,
        tried=found.tried,
        withdrawn=found.withdrawn,
        solution=found.solution,
        findings=found.findings,
    )


def _delivered(row: Row) -> Delivered:
    return Delivered(
        uid=row.uid,
        sheet=row.sheet,
        version=row.version or 0,
        at=row.at or "",
        run="",
        counts=row.counts,
        listed=row.listed,
        why=row.why,
    )


def _broke_off(row: Row) -> bool:
    """Whether the state is none that the counts of its files lead to."""
    return row.state is not None and (not row.counts or state_of(row.counts) != row.state)


def _trouble(row: Row) -> Trouble:
    return Trouble(run=row.name, at=row.at or "", state=row.state or "", why=row.why)
