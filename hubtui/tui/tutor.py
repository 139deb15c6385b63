"""The tutor's app: the release pane alone, which reads and changes through ``hubtui-tutor``."""

from __future__ import annotations

import os
import pwd
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from hubtui.changes import SubjectLine
from hubtui.clock import parse, stamp
from hubtui.course import Course
from hubtui.course_accounts import Live
from hubtui.errors import CommandFailed, HubtuiError, Refused
from hubtui.events import Event
from hubtui.plan.plans import Plan, operator
from hubtui.release import source, through_sudo
from hubtui.release.ledger import Delivered, state_of
from hubtui.release.schedule import State
from hubtui.release.sheets import Sheet, SheetList, SheetState
from hubtui.release.source import Entry
from hubtui.release.status import Released, Row, Standing, Trouble
from hubtui.release.when import Moment, parse_when, zone_of
from hubtui.server import Server
from hubtui.server.accounts import Accounts
from hubtui.server.ledger import Ledger
from hubtui.server.roster import Roster
from hubtui.students import Missing, Survey
from hubtui.tui.access import Access, Order, Previewed
from hubtui.tui.coming import Coming, in_words
from hubtui.tui.following import Following
from hubtui.tui.look import SHEETS, STALE, Look, Looker
from hubtui.tui.titles import title

T = TypeVar("T")


def is_tutor(course: Course) -> bool:
    """Whether we were started by somebody who may release, and is not root."""
    uid = os.geteuid()
    if uid == 0 or course.release is None:
        return False
    try:
        return pwd.getpwuid(uid).pw_name in course.release.tutors
    except KeyError:
        return False


# --- what hubtui-tutor answers --------------------------------------------------------------------


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
    solution: bool
    findings: tuple[str, ...]


class _Sheets(msgspec.Struct):
    at: str
    sheets: list[_Sheet]
    gone: tuple[str, ...]
    aside: tuple[str, ...]
    missing: tuple[Missing, ...]


class _Deliveries(msgspec.Struct):
    at: str
    deliveries: list[Row]
    missing: tuple[Missing, ...]


class _Preview(msgspec.Struct):
    kind: str
    title: str
    subjects: list[SubjectLine]


class _Version(msgspec.Struct):
    sheet: str


class _Scheduled(msgspec.Struct):
    when: str
    zone: str
    sheets: list[_Version]
    state: State
    why: str
    changed: tuple[str, ...]


class _Schedule(msgspec.Struct):
    schedule: list[_Scheduled]


def _understood(answer: Mapping[str, Any], kind: type[T]) -> T:
    try:
        return msgspec.convert(answer, kind)
    except msgspec.ValidationError as e:
        raise CommandFailed(f"hubtui-tutor is of another version than this hubtui: {e}.") from e


class AsTutor:
    """Everything by sudo; see Access."""

    def __init__(self, server: Server, *, read_only: bool) -> None:
        self._server = server
        self.refusal = "This hubtui only looks (--read-only)." if read_only else ""
        self._begin: dict[str, Callable[[], Iterator[Event | None]]] = {}

    def plan(self, order: Order) -> Previewed:
        if order.withdraw:
            [sheet] = order.sheets
            answer = through_sudo.preview_withdrawal(sheet)
            begin = partial(through_sudo.withdraw, sheet)
        else:
            given: dict[str, Any] = {
                "files": order.files or (),
                "to": order.to or (),
                "again": order.again,
                "replace_open": order.replace_open,
            }
            answer = through_sudo.preview(order.sheets, **given)
            begin = partial(through_sudo.push, order.sheets, **given)
        found = _understood(answer, _Preview)
        plan = Plan(
            id=f"tutor-{len(self._begin)}",
            kind=found.kind,
            title=found.title,
            params={"replace_open": order.replace_open},
            subjects=tuple(map(_subject, found.subjects)),
            by=operator(),
            at=self._server.clock().isoformat(),
        )
        self._begin[plan.id] = begin
        return plan, found.subjects

    def start(self, plan: Plan) -> Following:
        return _ThroughSudo(self._begin[plan.id])

    def sheets(self) -> SheetList:
        found = _understood(through_sudo.sheets(), _Sheets)
        return SheetList(
            at=found.at,
            sheets=tuple(map(_sheet, found.sheets)),
            gone=found.gone,
            aside=found.aside,
            missing=found.missing,
        )

    def files(self, sheet: str) -> Sequence[Entry]:
        for listed in source.listing(source.reader(self._server)).sheets:
            if listed.name == sheet:
                return listed.entries
        raise Refused(f"There is no sheet {title(sheet)} any more.")

    def standing(self) -> Standing:
        found, listed = _understood(through_sudo.status(), _Deliveries), self.sheets()
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

    def coming(self) -> Mapping[str, Coming]:
        found = _understood(through_sudo.scheduled(), _Schedule)
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

    def meant(self, text: str) -> Moment:
        return parse_when(text, zone_of(self._server.course), self._server.clock())

    def schedule(self, sheets: Sequence[str], when: Moment) -> None:
        here = when.at.astimezone(ZoneInfo(when.zone))
        through_sudo.schedule(sheets, f"{here:%Y-%m-%d %H:%M}")

    def unschedule(self, sheet: str) -> None:
        through_sudo.unschedule(sheet)

    def newer(self, sheet: str) -> None:
        through_sudo.take_newer(sheet)


class _ThroughSudo:
    """A run of root's that hubtui-tutor follows for us."""

    def __init__(self, begin: Callable[[], Iterator[Event | None]]) -> None:
        self._begin = begin

    def events(self) -> Iterator[Event | None]:
        return self._begin()

    def cancel(self) -> None:
        raise Refused("It goes on to its end; no file of a student is ever overwritten.")


def _subject(line: SubjectLine) -> dict[str, Any]:
    """As of a plan of root's; a tutor sees names, not uids."""
    person = not line.key.startswith("sheet ")
    return {"key": line.key, "name": line.name, "uid": int(person), "sheets": {}}


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
        listed=(),
        why=row.why,
    )


def _broke_off(row: Row) -> bool:
    """Whether the state is none that the counts of its files lead to."""
    return row.state is not None and (not row.counts or state_of(row.counts) != row.state)


def _trouble(row: Row) -> Trouble:
    return Trouble(run=row.name, at=row.at or "", state=row.state or "", why=row.why)


# --- looking --------------------------------------------------------------------------------------


class TutorLooker(Looker):
    """Sees the sheets and nothing else: no sign-ups, no accounts, no other changes."""

    def __init__(self, server: Server, access: Access) -> None:
        super().__init__(server)
        self._access = access
        self._listed_at = self._shown_at = float("-inf")

    def look(self, *, fresh: bool = False) -> Look | None:
        """The sheets where that was long ago, or anew where ages have to be."""
        now, before = time.monotonic(), self._sheets
        if fresh or now - self._listed_at > SHEETS:
            found, coming = self._ask()
            self._listed_at = time.monotonic()
            if before is None or msgspec.structs.replace(before, at=found.at) != found:
                self._sheets = found
            if coming != self._coming:
                self._coming, self._sheets = coming, found
        if self._sheets is before and now - self._shown_at < STALE:
            return None
        self._shown_at = now
        nothing = Survey(
            at=self.server.clock(),
            course=self.server.course,
            accounts=Accounts({}, {}),
            roster=Roster({}),
            ledger=Ledger(()),
            homes={},
            sign_ups=(),
            users={},
            expected=None,
            missing=(),
            parts={},
        )
        return Look(
            survey=nothing,
            judged={},
            since={},
            accounts=(),
            live=Live(),
            sheets=self._sheets,
            coming=self._coming,
        )

    def _ask(self) -> tuple[SheetList, Mapping[str, Coming]]:
        try:
            return self._access.sheets(), self._access.coming()
        except HubtuiError as e:
            missing = Missing(what="sheets", why=str(e))
            return SheetList(at=stamp(self.server.clock()), sheets=(), missing=(missing,)), {}

    def unfinished(self) -> list[Plan]:
        """Root's to go on with."""
        return []

    def running(self) -> list[Plan]:
        """A tutor's own is followed by the dialog that began it."""
        return []
