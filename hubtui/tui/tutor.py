"""The tutor's app: the release pane alone, which reads and changes through ``hubtui-tutor``."""

from __future__ import annotations

import os
import pwd
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from hubtui.clock import stamp
from hubtui.course import Course
from hubtui.course_accounts import Live
from hubtui.errors import HubtuiError, Refused
from hubtui.events import Event
from hubtui.plan.plans import Plan, operator
from hubtui.plan.runs import Life
from hubtui.release import source, through_sudo
from hubtui.release.sheets import SheetList
from hubtui.release.source import Entry
from hubtui.release.status import Standing
from hubtui.server import Server
from hubtui.server.accounts import Accounts
from hubtui.server.ledger import Ledger
from hubtui.server.roster import Roster
from hubtui.students import Missing, Survey
from hubtui.tui import answers
from hubtui.tui.access import Access, Order, Previewed
from hubtui.tui.coming import Coming
from hubtui.tui.following import Following
from hubtui.tui.look import SHEETS, STALE, Look, Looker
from hubtui.tui.titles import title
from hubtui.when import Moment, parse_when, zone_of


def is_tutor(course: Course) -> bool:
    """Whether we were started by somebody who may release, and is not root."""
    uid = os.geteuid()
    if uid == 0 or course.release is None:
        return False
    try:
        return pwd.getpwuid(uid).pw_name in course.release.tutors
    except KeyError:
        return False


class AsTutor:
    """Everything by sudo; see Access."""

    def __init__(self, server: Server, *, read_only: bool) -> None:
        self._server = server
        self.refusal = "This hubtui only looks (--read-only)." if read_only else ""
        self._begin: dict[str, Callable[[], Iterator[Event | None]]] = {}
        self._has_begun = False

    def plan(self, order: Order) -> Previewed:
        if order.withdraw:
            [sheet] = order.sheets
            answer = through_sudo.preview_withdrawal(sheet)
            begin = partial(through_sudo.withdraw, sheet)
        else:
            given: dict[str, Any] = {
                "to": order.to or (),
                "again": order.again,
                "replace_open": order.replace_open,
            }
            versions, files = dict(order.versions), order.files or ()
            if versions:
                files = ()  # they are in the version
            answer = through_sudo.preview(order.sheets, versions=versions, files=files, **given)
            begin = partial(through_sudo.push, answer.get("versions") or [], **given)
        found = answers.understood(answer, answers.Preview)
        if not found.subjects:
            raise Refused("Nothing is new: every sheet is as it was released.")
        plan = Plan(
            id=f"tutor-{len(self._begin)}",
            kind=found.kind,
            title=found.title,
            params={"replace_open": order.replace_open},
            subjects=answers.subjects_of(found),
            by=operator(),
            at=self._server.clock().isoformat(),
        )
        self._begin[plan.id] = begin
        return plan, found.subjects

    def start(self, plan: Plan) -> Following:
        self._has_begun = True
        return _ThroughSudo(self._begin[plan.id])

    def is_busy(self) -> bool:
        if not self._has_begun:
            return False
        found = answers.understood(through_sudo.history(), answers.History)
        return any(one.state == str(Life.RUNNING) for one in found.history)

    def sheets(self) -> SheetList:
        return answers.sheet_list(answers.understood(through_sudo.sheets(), answers.Sheets))

    def files(self, sheet: str) -> Sequence[Entry]:
        for listed in source.listing(source.reader(self._server)).sheets:
            if listed.name == sheet:
                return listed.entries
        raise Refused(f"There is no sheet {title(sheet)} any more.")

    def standing(self) -> Standing:
        found = answers.understood(through_sudo.status(), answers.Deliveries)
        return answers.standing_of(found, self.sheets())

    def coming(self) -> Mapping[str, Coming]:
        return answers.coming_of(answers.understood(through_sudo.scheduled(), answers.Schedule))

    def meant(self, text: str) -> Moment:
        if not answers.understood(through_sudo.scheduled(), answers.Schedule).alive:
            raise Refused(
                "Nothing on this server runs hubtui due each minute, so nothing would be released: "
                "ask its admin for: sudo hubtui install timers"
            )
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
        self._run = ""

    def events(self) -> Iterator[Event | None]:
        for event in self._begin():
            if event is not None:
                self._run = event.run
            yield event

    def cancel(self) -> None:
        if not self._run:
            raise Refused("It has not begun yet: try again in a moment.")
        through_sudo.cancel(self._run)


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
