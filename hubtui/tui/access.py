"""What the release screen asks of the course, and how: as root here, or through sudo as a tutor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from hubtui import changes
from hubtui.changes import SubjectLine
from hubtui.errors import Refused
from hubtui.plan import runs
from hubtui.plan.plans import Plan
from hubtui.release import chosen, push, schedule, source, withdraw
from hubtui.release.chosen import Subject
from hubtui.release.sheets import SheetList, sheets
from hubtui.release.source import Entry
from hubtui.release.status import Standing, standing
from hubtui.server import Server
from hubtui.students import survey
from hubtui.tui.coming import Coming, coming, meant
from hubtui.tui.following import Following, OwnRun
from hubtui.tui.titles import title
from hubtui.when import Moment

Previewed = tuple[Plan, list[SubjectLine]]


@dataclass(frozen=True, kw_only=True)
class Order:
    """What somebody wants done with some sheets; nothing is until its preview was confirmed."""

    sheets: tuple[str, ...]
    withdraw: bool = False
    files: tuple[str, ...] | None = None
    """Of the one sheet only these."""
    to: tuple[str, ...] | None = None
    """To these students only."""
    trial: bool = False
    """To be tried on them first, rather than given again to who is left of a release."""
    again: bool = False
    """What they deleted, too."""
    replace_open: bool = False
    """Even while their servers run."""
    versions: tuple[tuple[str, int], ...] = ()
    """Held in the store already; without them the sheets as the tutor has them now."""

    def rest(self, plan: Plan, keys: Sequence[str]) -> Order:
        """The same versions for those subjects of its plan that are not done."""
        subjects = {one.key: one for one in plan.subjects_as(Subject)}
        versions = chosen.versions_of(plan)
        names = tuple(subjects[key].name for key in keys if subjects[key].uid)
        whole = len(names) < len(keys)  # a sheet could not be noted as released
        to = self.to if whole else names
        return replace(self, versions=tuple(versions.items()), to=to)


class Access(Protocol):
    """How the screen reaches the course. Every call may block, and raise a HubtuiError."""

    @property
    def refusal(self) -> str:
        """Why nothing can be changed from here; empty where it can."""

    def plan(self, order: Order) -> Previewed:
        """What the order would do now, student by student."""

    def start(self, plan: Plan) -> Following:
        """Somebody has said yes."""

    def is_busy(self) -> bool:
        """Whether a change is at work that somebody here may want to see the end of."""

    def sheets(self) -> SheetList:
        """What there is to release."""

    def files(self, sheet: str) -> Sequence[Entry]:
        """The files of one sheet, as the tutor has them. Raises Refused for a sheet unknown."""

    def standing(self) -> Standing:
        """Who has what."""

    def coming(self) -> Mapping[str, Coming]:
        """What is scheduled, by sheet."""

    def meant(self, text: str) -> Moment:
        """The next moment that a text names."""

    def schedule(self, sheets: Sequence[str], when: Moment) -> None:
        """Release these then, as they are now."""

    def unschedule(self, sheet: str) -> None:
        """Do not release it then."""

    def newer(self, sheet: str) -> None:
        """Release it then as it is now."""


class AsRoot:
    """Everything is here."""

    def __init__(self, server: Server, config: Path, refusal: Callable[[], str]) -> None:
        self._server, self._config, self._refusal = server, config, refusal

    @property
    def refusal(self) -> str:
        return self._refusal()

    def plan(self, order: Order) -> Previewed:
        plan = changes.aware(self._server, self._plan(order))
        return plan, changes.preview(self._server, plan)

    def _plan(self, order: Order) -> Plan:
        server = self._server
        if order.withdraw:
            return withdraw.withdraw_plan(server, survey(server), *order.sheets)
        versions = dict(order.versions) or chosen.prepare(server, order.sheets, files=order.files)
        return push.push_plan(
            server,
            survey(server),
            versions,
            to=order.to,
            again=order.again,
            replace_open=order.replace_open,
            files=order.files or (),
        )

    def start(self, plan: Plan) -> Following:
        state = self._server.state
        process = runs.start(state, self._config, plan, self._server.clock())
        return OwnRun(state, plan.id, process)

    def is_busy(self) -> bool:
        with suppress(OSError):  # only root can see it
            return bool(runs.running(self._server.state))
        return False

    def sheets(self) -> SheetList:
        return sheets(self._server)

    def files(self, sheet: str) -> Sequence[Entry]:
        for listed in source.listing(source.reader(self._server)).sheets:
            if listed.name == sheet:
                return listed.entries
        raise Refused(f"There is no sheet {title(sheet)} any more.")

    def standing(self) -> Standing:
        return standing(self._server)

    def coming(self) -> Mapping[str, Coming]:
        return coming(self._server)

    def meant(self, text: str) -> Moment:
        return meant(self._server, text)

    def schedule(self, sheets: Sequence[str], when: Moment) -> None:
        schedule.add(self._server, sheets, when)

    def unschedule(self, sheet: str) -> None:
        schedule.cancel(self._server, sheet)

    def newer(self, sheet: str) -> None:
        schedule.take_newer(self._server, sheet)
