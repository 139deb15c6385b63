"""What the panes show: looked at by a thread every two seconds, as rows that are ready to paint.

The thread reads, judges and builds; the event loop only filters, sorts and syncs. A look at which
nothing has changed costs a few calls of stat().
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
from rich.text import Text

from hubtui import drift, signups
from hubtui.clock import parse
from hubtui.course_accounts import CourseAccount, Live, course_accounts, live
from hubtui.drift.records import Drift
from hubtui.errors import HubtuiError
from hubtui.plan import plans, runs
from hubtui.plan.plans import Plan
from hubtui.release.sheets import SheetList, sheets
from hubtui.server import Server, as_student, hub
from hubtui.server.accounts import Account
from hubtui.server.as_student import Contents
from hubtui.server.hubdb import SignUp
from hubtui.signups import Judgement, judge
from hubtui.students import Missing, Survey, survey
from hubtui.tui.at_work import AtWork
from hubtui.tui.columns import Row
from hubtui.tui.coming import Coming, coming
from hubtui.tui.watch_look import Watch, Watcher

_INSIDE = 60.0
"""Seconds for which a look into a home is good enough to show."""
_LIVE = 8.0
"""Seconds between two looks at processes and servers, while the accounts are shown."""
SHEETS = 10.0
"""Seconds between two looks at the tutor's sheets, while the release is shown."""
STALE = 30.0
"""Seconds after which ages (``5 min``) are written anew though nothing else has changed."""


@lru_cache(maxsize=8192)
def cell(text: str, style: str = "") -> Text:
    """A cell; equal ones are one object, or 5,000 students are 40,000 of them to collect."""
    return Text(text, style=style)


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of a pane."""

    name: str
    row: Row
    search: str
    """Lower case; what the filter looks in."""
    sort: tuple[object, ...]
    """One comparable value per order of the pane."""
    detail: Callable[[], Text]
    ready: bool = False
    """Whether ``*`` marks it."""
    odd: bool = False
    """Whether it is something to look at."""


class Shown(NamedTuple):
    """What one pane makes of a look; built in a thread."""

    entries: Mapping[str, Entry]
    summary: Text
    """What the list holds, in one line."""


@dataclass(frozen=True)
class Look:
    """Everything that the panes show, at one moment."""

    survey: Survey
    judged: Mapping[str, tuple[SignUp, Judgement]]
    """By the row's key: the sign-up's id. The same object as in the look before where nothing
    has changed."""
    since: Mapping[str, datetime]
    """By digest: when hubtui first saw the sign-up."""

    accounts: Sequence[CourseAccount]
    live: Live
    strange: Mapping[str, tuple[Drift, ...]] = field(default_factory=dict)
    """What drifted, by name; what needs a look at processes and files only once it was shown."""
    unseen: tuple[Missing, ...] = ()
    """What of that could not be looked at."""
    sheets: SheetList | None = None
    """What there is to release; None until the release was shown."""
    coming: Mapping[str, Coming] = field(default_factory=dict)
    """Sheets that are scheduled."""
    at_work: str = ""
    """The release that is running, and how far it is; empty where none is."""
    watch: Watch = Watch()  # noqa: RUF009 - frozen
    """What the watchdog says; its history only once the pane was shown."""

    @property
    def waiting(self) -> int:
        """How many sign-ups are pending."""
        return sum(not sign_up.authorised for sign_up, _ in self.judged.values())

    @property
    def hub_needs_you(self) -> bool:
        """Whether the hub is not up, or nobody watches it any more."""
        return self.watch.needs_you(self.survey.at)


class Looker:
    """Looks again and again; remembers what has not changed."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._last: Look | None = None
        self._at = 0.0
        self._inside: dict[int, tuple[float, Contents]] = {}
        self._live, self._live_at = Live(), 0.0
        self._drift, self._whole = drift.Found(), False
        self.accounts_shown = False
        """Whether processes and servers are looked at, too."""
        self._sheets: SheetList | None = None
        self._coming: Mapping[str, Coming] = {}
        self._sheets_at = float("-inf")
        self._at_work, self._working = AtWork(server.state), ""
        self.release_shown = False
        """Whether the tutor's sheets are listed, by a process that is the tutor."""
        self._watcher, self._watch = Watcher(server), Watch()
        self.watchdog_shown = False
        """Whether more than the watchdog's state of now is read."""

    def look(self, *, fresh: bool = False) -> Look | None:
        """A new Look, or None where nothing worth showing has changed."""
        last, now = self._last, time.monotonic()
        seen = survey(self.server, last.survey if last else None, anew=fresh)
        unchanged = (
            last is not None
            and not fresh
            and seen.parts == last.survey.parts
            and seen.missing == last.survey.missing
            and now - self._at < STALE
        )
        live_is_old = self.accounts_shown and now - self._live_at > _LIVE
        other_sheets = self.release_shown and self._look_at_sheets(seen, fresh=fresh)
        other_watch = self._look_at_watchdog(fresh=fresh)
        if unchanged and not live_is_old and not other_sheets and not other_watch:
            return None
        if self.accounts_shown and (fresh or live_is_old):
            with_token = self.server.course.hub.token_file is not None
            api = (lambda: hub.api(self.server.course)) if with_token else None
            self._live, self._live_at = live(self.server, seen, api), time.monotonic()
        if last is not None and unchanged and not live_is_old:
            self._last = replace(last, survey=seen, **self._beside())
            return self._last
        if not unchanged or self.accounts_shown > self._whole:
            self._look_for_drift(seen)
        found = course_accounts(seen, self._live, self._drift.drift)
        if last is not None and unchanged:
            self._last = replace(
                last,
                survey=seen,
                accounts=found,
                live=self._live,
                **self._strange(),
                **self._beside(),
            )
            return self._last
        since: dict[str, datetime] = {}
        with contextlib.suppress(HubtuiError):  # a plain user looks without writing
            since = {d: parse(at) for d, at in signups.first_seen(self.server, seen).items()}
        judged = {str(s.id): (s, judge(seen, s, self._look_inside)) for s in seen.sign_ups}
        self._last = Look(
            survey=seen,
            judged=judged,
            since=since,
            accounts=found,
            live=self._live,
            **self._strange(),
            **self._beside(),
        )
        self._at = now
        return self._last

    def _look_for_drift(self, seen: Survey) -> None:
        """All of it while the accounts are shown; else what the survey shows by itself."""
        self._whole = self.accounts_shown
        self._drift = drift.Found(drift=drift.quick(seen))
        if self._whole:
            try:
                self._drift = drift.look(self.server, seen)
            except (HubtuiError, OSError) as e:
                more = Missing(what="processes and files", why=str(e))
                self._drift = replace(self._drift, missing=(more,))

    def _strange(self) -> dict[str, Any]:
        """What drifted, as fields of a look."""
        by_name: dict[str, tuple[Drift, ...]] = {}
        for one in self._drift.drift:
            by_name[one.name] = (*by_name.get(one.name, ()), one)
        return {"strange": by_name, "unseen": self._drift.missing}

    def _beside(self) -> dict[str, Any]:
        """What the panes of release and watchdog show, as fields of a look."""
        return {
            "sheets": self._sheets,
            "coming": self._coming,
            "at_work": self._working,
            "watch": self._watch,
        }

    def _look_at_watchdog(self, *, fresh: bool) -> bool:
        before = self._watch
        self._watch = self._watcher.look(shown=self.watchdog_shown, fresh=fresh)
        return self._watch is not before

    def _look_at_sheets(self, seen: Survey, *, fresh: bool) -> bool:
        """List them where that was long ago; whether anything is otherwise than before."""
        was, self._working = self._working, self._at_work.sentence()
        return self._list_sheets(seen, fresh=fresh) or was != self._working

    def _list_sheets(self, seen: Survey, *, fresh: bool) -> bool:
        if not fresh and time.monotonic() - self._sheets_at < SHEETS:
            return False
        before, found = self._sheets, sheets(self.server, len(seen.attending))
        scheduled, self._sheets_at = self._coming, time.monotonic()
        with contextlib.suppress(HubtuiError):  # the glance says so
            self._coming = coming(self.server)
        if scheduled != self._coming:
            self._sheets = found
            return True
        if before is not None and msgspec.structs.replace(before, at=found.at) == found:
            return False
        self._sheets = found
        return True

    def unfinished(self) -> list[Plan]:
        """Changes that a kill or a reboot left."""
        try:
            return runs.unfinished(self.server.state)
        except (HubtuiError, OSError):
            return []

    def running(self) -> list[Plan]:
        """Changes at work now, whoever began them."""
        found = []
        with contextlib.suppress(OSError):
            for run in runs.running(self.server.state):
                with contextlib.suppress(HubtuiError):
                    found.append(plans.load(self.server.state, run))
        return found

    def _look_inside(self, account: Account) -> Contents:
        known = self._inside.get(account.uid)
        if known is None or time.monotonic() - known[0] > _INSIDE:
            known = (time.monotonic(), as_student.look(account))
            self._inside[account.uid] = known
        return known[1]
