"""What the minutely ``hubtui due`` does for the year's end: who is due goes, archives expire.

Who is due goes by one plan for all of a kind; a kill leaves its run unfinished, and the next minute
goes on with it. What failed is tried again, ever more rarely, and told once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from hubtui import formerly, pauses
from hubtui.clock import parse, stamp
from hubtui.errors import HubtuiError, LockHeld
from hubtui.events import Follower, Outcome, What
from hubtui.leaving import Leaving, read_leaving
from hubtui.names import shown
from hubtui.plan import plans, runs
from hubtui.plan.locks import lock
from hubtui.plan.plans import Plan
from hubtui.plan.runs import RunRecord
from hubtui.retire import closing, kept
from hubtui.retire.overdue import Tried, path, read
from hubtui.server import Server
from hubtui.state import write_document

if TYPE_CHECKING:
    from hubtui.students import Survey

CarryOut = Callable[[Server, str], Outcome]
"""Runs a confirmed plan to its end in this process."""
BY = "hubtui due"
_AGAIN = timedelta(hours=1)
"""How long what failed waits the first time; then twice as long each time, up to a day."""
_SETTLED = timedelta(hours=1)
"""How long the date of an archive has to have come before it goes: after a boot a clock may be
wrong by years, until the network sets it right."""


def due(server: Server, carry_out: CarryOut) -> list[str]:
    """Do what is due; returns a sentence for each thing that went wrong, once.

    Where another ``hubtui due`` is at it nothing is done. Raises StateError.
    """
    try:
        with lock(server.state, "retire-due", BY, patience=0):
            troubles = _Pass(server, carry_out).all() + _expire(server)
            formerly.prune(server.state, server.clock())
        closing.finish(server)  # it takes the lock of what failed as well
        return troubles
    except LockHeld:
        return []


def are_due(server: Server) -> list[Leaving]:
    """Who was given a date that has come. Who was to go at once, and failed, waits for a person."""
    now = server.clock()
    every = read_leaving(server.state).values()
    return [one for one in every if not one.at_once and one.goes <= now]


class _Pass:
    """One minute's work."""

    def __init__(self, server: Server, carry_out: CarryOut) -> None:
        self.server, self.carry_out = server, carry_out
        self.tried: dict[int, Tried] = {}
        self.untold: dict[str, list[str]] = defaultdict(list)
        """By what is wrong, with whom."""

    def all(self) -> list[str]:
        server = self.server
        waiting = are_due(server)
        if not waiting or pauses.held(server.course, server.state, server.clock()):
            return []
        record = read(server)
        self.tried = {one.uid: record.tried[one.uid] for one in waiting if one.uid in record.tried}
        for plan in runs.unfinished(server.state):
            if (plan.kind, plan.by) == ("retire", BY):
                self._run(plan, waiting)
        self._begin([one for one in are_due(server) if self._is_its_turn(one)])
        left = {one.uid for one in are_due(server)}
        still = {uid: tried for uid, tried in self.tried.items() if uid in left}
        if still != record.tried:
            write_document(path(server), msgspec.structs.replace(record, tried=still))
        return [
            f"{_who(names)} due and not removed: {shown(why, limit=300)}"
            for why, names in self.untold.items()
        ]

    def _is_its_turn(self, one: Leaving) -> bool:
        tried = self.tried.get(one.uid)
        if tried is None:
            return True
        wait = min(_AGAIN * (1 << min(tried.often - 1, 5)), timedelta(days=1))
        return abs(self.server.clock() - parse(tried.at)) >= wait

    def _begin(self, waiting: Sequence[Leaving]) -> None:
        """One plan for all whose archives are kept alike."""
        if not waiting:
            return
        from hubtui.retire.plan import refusals, retire_plan
        from hubtui.students import survey

        seen = survey(self.server)
        alike: dict[tuple[int, str], list[Leaving]] = defaultdict(list)
        try:
            refused = refusals(self.server, seen, [one.name for one in waiting])
            for one in waiting:
                why = _is_anothers(seen, one) or _let_in_again(seen, one)
                if why := why or refused.get(one.name, ""):
                    self._failed(one, why)
                else:
                    alike[one.keep_days, one.archive].append(one)
            for (keep_days, archive), group in alike.items():
                names = [one.name for one in group]
                folder = Path(archive) if archive else None
                plan = retire_plan(self.server, seen, names, keep_days=keep_days, archive=folder)
                self._start(msgspec.structs.replace(plan, by=BY), group)
        except HubtuiError as e:
            for one in waiting:
                self._failed(one, str(e))

    def _start(self, plan: Plan, group: Sequence[Leaving]) -> None:
        state = self.server.state
        plans.save(state, plan)
        record = RunRecord(id=plan.id, by=plan.by, at=stamp(self.server.clock()))
        write_document(runs.record_path(state, plan.id), record)
        self._run(plan, group)

    def _run(self, plan: Plan, waiting: Sequence[Leaving]) -> None:
        """Note what failed; who was only held up is tried again in the next minute."""
        try:
            self.carry_out(self.server, plan.id)
        except LockHeld:
            return  # another process is at this very run
        events = Follower(runs.events_path(self.server.state, plan.id)).new()
        ends = {event.subject: event for event in events if event.event is What.END}
        for one in waiting:
            end = ends.get(one.name)
            if end is not None and end.outcome in (Outcome.FAILED, Outcome.CHANGED):
                self._failed(one, end.text)

    def _failed(self, one: Leaving, why: str) -> None:
        before = self.tried.get(one.uid)
        if before is None or before.told != why:
            self.untold[why].append(one.name)
        often = before.often + 1 if before is not None else 1
        at = stamp(self.server.clock())
        self.tried[one.uid] = Tried(at=at, often=often, told=why)


def _expire(server: Server) -> list[str]:
    """Delete the archives whose date has come; what cannot be deleted is told once."""
    now, record = server.clock(), read(server)
    come = [one.path for one in kept.listed(server) if parse(one.until) <= now]
    since = {file: record.since.get(file, stamp(now)) for file in come}
    if since != record.since:
        record = msgspec.structs.replace(record, since=since)
        write_document(path(server), record)
    settled = {file for file, at in since.items() if now - parse(at) >= _SETTLED}
    if not settled:
        return []
    try:
        with lock(server.state, "accounts", BY, patience=0):
            troubles = kept.expired(server, settled)
    except LockHeld:
        return []  # the next minute is early enough
    if tuple(troubles) != record.archives:
        write_document(path(server), msgspec.structs.replace(record, archives=tuple(troubles)))
    return [trouble for trouble in troubles if trouble not in record.archives]


def _is_anothers(seen: Survey, one: Leaving) -> str:
    """The day was set for one account, and whoever got its name since has none."""
    account = seen.accounts.by_name.get(one.name)
    if account is None or account.uid == one.uid:
        return ""
    name = shown(one.name, limit=60)
    return (
        f"{name} is another account by now (uid {account.uid}, not {one.uid}), "
        "which stays; what is left of the other one is for you to look at"
    )


def _let_in_again(seen: Survey, one: Leaving) -> str:
    """Somebody who was authorised meanwhile is asked about, not removed."""
    if not any(row.authorised and row.name == one.name for row in seen.sign_ups):
        return ""
    name = shown(one.name, limit=60)
    return (
        f"{name} is authorised again: bring it back with hubtui accounts restore {name}, "
        f"or take it back with hubtui signups take-back {name}"
    )


def _who(names: Sequence[str]) -> str:
    if len(names) == 1:
        return f"{shown(names[0], limit=60)} is"
    return f"{len(names)} accounts are"
