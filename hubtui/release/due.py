"""What the minutely ``hubtui due`` does: what is scheduled, what a kill left, who lacks something.

Exactly once: an entry gets the id of its run before that run exists, and the run asks each of its
steps whether it is done. So whatever a kill leaves, the next minute sees how far it came.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta

import msgspec

from hubtui import pauses
from hubtui.clock import parse, stamp
from hubtui.errors import HubtuiError, LockHeld
from hubtui.events import Event, Follower, Outcome, What
from hubtui.names import shown
from hubtui.plan import plans, runs
from hubtui.plan.locks import is_held, lock
from hubtui.plan.plans import Plan, new_plan
from hubtui.plan.runs import Life, RunRecord
from hubtui.release import chosen, late, ledger, push, schedule, status, store
from hubtui.release.chosen import Subject
from hubtui.release.desk import LIMIT
from hubtui.release.history import ran
from hubtui.release.schedule import LATE, DueRecord, Entry, State
from hubtui.release.store import Fate
from hubtui.server import Server
from hubtui.state import read_document, write_document
from hubtui.students import survey
from hubtui.units import counted

_SOON = timedelta(seconds=3 * LIMIT)
_PATIENCE = timedelta(minutes=5)
"""How late an entry may be because another change is at work, before that is said."""
CarryOut = Callable[[Server, str], Outcome]
"""Runs a confirmed plan to its end in this process."""


def due(server: Server, carry_out: CarryOut) -> list[str]:
    """Do what is due; returns a sentence for each thing that went wrong, once.

    Where another ``hubtui due`` is at work nothing is done. Raises StateError.
    """
    try:
        with lock(server.state, "due", "hubtui due", patience=0):
            return _Pass(server, carry_out).all()
    except LockHeld:
        return []


class _Pass:
    """One minute's work."""

    def __init__(self, server: Server, carry_out: CarryOut) -> None:
        self.server, self.carry_out = server, carry_out
        self.troubles: list[str] = []
        self.record = read_document(schedule.due_path(server), DueRecord) or DueRecord()

    def all(self) -> list[str]:
        self._remember(at=stamp(self.server.clock()))
        if self.server.course.release is None:
            return []
        for entry in reversed(schedule.entries(self.server)):  # what was begun before the rest
            if entry.state is State.BEGUN:
                self._guarded(entry, self._go_on)
        for entry in schedule.entries(self.server):
            if entry.state is State.ASK and _is_made_up_for(self.server, entry):
                self._set(entry, state=State.DONE, why="")
            if entry.state is State.WAITING and entry.at <= self.server.clock():
                self._guarded(entry, self._begin_or_wait)
        try:
            self._catch_up()
        except LockHeld:
            pass  # somebody releases something: the next minute is early enough
        except HubtuiError as e:
            self.troubles.append(str(e))
        return self.troubles

    def _guarded(self, entry: Entry, what: Callable[[Entry], None]) -> None:
        """One entry that fails stops no other; the same sentence is said once."""
        try:
            what(entry)
        except LockHeld as e:
            if self.server.clock() - entry.at > _PATIENCE:
                self._tell(entry, e)
        except HubtuiError as e:
            self._tell(entry, e)

    def _tell(self, entry: Entry, e: HubtuiError) -> None:
        if str(e) != entry.why:
            self.troubles.append(f"{schedule.title(entry)}: {e}")
            self._set(entry, why=str(e))

    # --- scheduled releases ---------------------------------------------------------------------

    def _begin_or_wait(self, entry: Entry) -> None:
        """During an exam all but its own sheet waits; the entry says so, and nobody is told."""
        why = self._held(entry.sheets)
        if not why:
            self._begin(entry)
        elif why != entry.why:
            self._set(entry, why=why)

    def _held(self, sheets: Collection[str]) -> str:
        server = self.server
        return pauses.held(server.course, server.state, server.clock(), sheets)

    def _begin(self, entry: Entry) -> None:
        """Start the run of an entry that is due."""
        server = self.server
        since = max(entry.at, pauses.last_end(server.course, server.state, server.clock()))
        if server.clock() - since > LATE:
            hours = int((server.clock() - entry.at).total_seconds() // 3600)
            self._ask(entry, f"it was due {hours} hours ago, and hubtui due did not run")
            return
        if self._is_busy("release"):
            return
        versions, asked, later = self._versions(entry)
        if not versions and asked:
            self._ask(entry, "; ".join(asked.values()))
            return
        if not versions:
            raise next(iter(later.values()))
        for wrong, state in ((asked, State.ASK), (later, State.WAITING)):
            if wrong:  # one sheet never keeps the others back
                self.troubles += [f"Not released: {why}" for why in wrong.values()]
                left = schedule.split(server, entry, {s: str(e) for s, e in wrong.items()}, state)
                if left is None:
                    return
                entry = left
        seen = survey(server)
        for missing in seen.missing:
            if missing.what in ("accounts", "roster"):  # those who are not known get it later
                self.troubles.append(f"{schedule.title(entry)}: {missing.what}: {missing.why}")
        plan = push.push_plan(server, seen, versions)
        plan = msgspec.structs.replace(plan, by=entry.by)
        sheets: dict[str, int | None] = {**versions}
        begun = self._set(entry, sheets=sheets, state=State.BEGUN, run=plan.id, why="")
        if begun is not None:
            self._run(plan)
            self._settle(begun)

    def _versions(
        self, entry: Entry
    ) -> tuple[dict[str, int], dict[str, str], dict[str, HubtuiError]]:
        """What is to be released; what a person has to be asked about; what cannot be had now."""
        versions, asked, later = dict[str, int](), dict[str, str](), dict[str, HubtuiError]()
        for sheet, number in entry.sheets.items():
            try:
                if why := _overtaken(self.server, entry, sheet):
                    asked[sheet] = why
                else:
                    versions |= {sheet: number} if number else chosen.prepare(self.server, [sheet])
            except LockHeld:
                raise
            except HubtuiError as e:
                later[sheet] = e
        return versions, asked, later

    def _go_on(self, entry: Entry) -> None:
        """See how far the run of an entry came; carry it on where it was killed."""
        state = self.server.state
        if not runs.record_path(state, entry.run).exists():
            plans.plan_path(state, entry.run).unlink(missing_ok=True)
            self._set(entry, state=State.WAITING, run="")  # it was never started
            return
        life = runs.life(state, entry.run)
        if life is Life.UNFINISHED and self._held(entry.sheets):
            return  # what a kill left goes on after the exam
        if life is Life.UNFINISHED:
            found = [_overtaken(self.server, entry, sheet) for sheet in entry.sheets]
            if why := "; ".join(filter(None, found)):
                runs.drop(state, entry.run, self.server.clock())
                self._ask(entry, why)
                return
            self.carry_out(self.server, entry.run)
        if life is not Life.RUNNING:
            self._settle(entry)

    def _settle(self, entry: Entry) -> None:
        """Note what came of a run that is over."""
        ends, last = _words_of(self.server, entry.run)
        if last is None:
            return
        if last.outcome is Outcome.HELD:
            self._set(entry, state=State.WAITING, run="")
            return
        failed = [e for e in ends if e.outcome in (Outcome.FAILED, Outcome.CHANGED)]
        if not all(_is_out(self.server, s, n) for s, n in entry.sheets.items()):
            said = failed[0].text if failed else f"its run was {last.outcome}"
            self._ask(entry, shown(said, limit=300).removesuffix("."))
            return
        self._set(entry, state=State.DONE, why="" if not failed else last.text)
        if failed:
            self.troubles.append(
                f"{schedule.title(entry)} was released: {shown(last.text, limit=200)}; "
                "see: hubtui release status"
            )

    def _ask(self, entry: Entry, why: str) -> None:
        if self._set(entry, state=State.ASK, run="", why=why) is not None:
            self.troubles.append(f"{schedule.not_released(entry)}: {why}.")

    def _set(self, entry: Entry, **changes: object) -> Entry | None:
        """Write the entry with these changes; None where somebody changed it meanwhile."""
        with schedule.changing(self.server) as (now, write):
            if entry not in now.entries:
                return None
            after = msgspec.structs.replace(entry, **changes)
            write(schedule.with_entry(now, after))
            return after

    # --- who lacks something --------------------------------------------------------------------

    def _catch_up(self) -> None:
        """Give each course account what it lacks of all that is released."""
        server, now = self.server, self.server.clock()
        # A student who stops the worker holds it up for LIMIT: never a release at its hour.
        if any(timedelta() <= at - now <= _SOON for at in self._coming()):
            return
        if self.record.catch_up and not self._over(self.record.catch_up):
            return
        # Who is being enrolled at this moment gets everything from that.
        if self._is_busy("release") or self._is_busy("accounts") or not late.released(server):
            return
        seen = survey(server)
        given = ledger.read(server.state)
        lacking = late.wanting(server, seen, given, now)
        if lacking:
            left = status.cancelled(status.troubles(ran(server.state)[0]), given)
            lacking = late.without(seen, lacking, left)
            lacking = self._not_held(lacking)
        subjects = [
            Subject(key=name, name=name, uid=seen.students[name].uid, sheets=sheets)
            for name, sheets in sorted(lacking.items())
            if not self._tried(seen.students[name].uid, now)
        ]
        if not subjects:
            return
        title = f"Catch up {counted(len(subjects), 'student')}"
        plan = new_plan("push", title, subjects, now, trial=False, again=False, replace_open=False)
        plan = msgspec.structs.replace(plan, by="hubtui due")
        self._remember(catch_up=plan.id)
        self._run(plan)
        self._over(plan.id)

    def _coming(self) -> list[datetime]:
        entries = schedule.entries(self.server)
        return [entry.at for entry in entries if entry.state is State.WAITING]

    def _over(self, run: str) -> bool:
        """Whether the run that catches up is over; carries it on where it was killed."""
        state, now = self.server.state, self.server.clock()
        if runs.record_path(state, run).exists():
            life, plan = runs.life(state, run), plans.load(state, run)
            if life is Life.UNFINISHED and chosen.changed_since(self.server, plan):
                runs.drop(state, run, now)  # who lacks what is looked up anew
            elif life is Life.UNFINISHED:
                if self._held({sheet for one in plan.subjects_as(Subject) for sheet in one.sheets}):
                    return False
                self.carry_out(self.server, run)
            elif life is Life.RUNNING:
                return False
            uids = {one.key: one.uid for one in plan.subjects_as(Subject)}
            ends, _ = _words_of(self.server, run)
            bad = [e.subject for e in ends if e.outcome in (Outcome.FAILED, Outcome.CHANGED)]
            there = {str(uid) for uid in uids.values()}
            tried = {u: at for u, at in self.record.tried.items() if self._tried(int(u), now)}
            often = {u: n for u, n in self.record.often.items() if u not in there}
            for uid in {str(uids[key]) for key in bad if key in uids}:
                tried[uid] = stamp(now)
                often[uid] = self.record.often.get(uid, 0) + 1
            self._remember(tried=tried, often=often)
        else:
            plans.plan_path(state, run).unlink(missing_ok=True)
        self._remember(catch_up="")
        return True

    def _not_held(self, lacking: Mapping[str, dict[str, int]]) -> dict[str, dict[str, int]]:
        """During an exam a late joiner gets its sheet, and all others afterwards."""
        held = {s for s in set().union(*lacking.values()) if self._held([s])}
        found = {n: {s: v for s, v in own.items() if s not in held} for n, own in lacking.items()}
        return {name: sheets for name, sheets in found.items() if sheets}

    def _tried(self, uid: int, now: datetime) -> bool:
        at = self.record.tried.get(str(uid))
        wait = late.AGAIN * min(24, 4 ** (self.record.often.get(str(uid), 1) - 1))
        return at is not None and abs(now - parse(at)) < wait

    # --- both -----------------------------------------------------------------------------------

    def _run(self, plan: Plan) -> None:
        state = self.server.state
        plans.save(state, plan)
        record = RunRecord(id=plan.id, by=plan.by, at=stamp(self.server.clock()))
        write_document(runs.record_path(state, plan.id), record)
        self.carry_out(self.server, plan.id)

    def _is_busy(self, name: str) -> bool:
        return is_held(self.server.state / "locks" / name)

    def _remember(self, **changes: object) -> None:
        self.record = msgspec.structs.replace(self.record, **changes)
        write_document(schedule.due_path(self.server), self.record)


def _words_of(server: Server, run: str) -> tuple[list[Event], Event | None]:
    """The last word on each subject of a run, and on the whole."""
    events = Follower(runs.events_path(server.state, run)).new()
    ends = {event.subject: event for event in events if event.event is What.END}
    done = [event for event in events if event.event is What.DONE]
    return list(ends.values()), done[-1] if done else None


def _is_out(server: Server, sheet: str, number: int | None) -> bool:
    found = store.version(store.record(server, sheet), number or 0)
    return found is not None and found.fate is Fate.RELEASED


def _is_made_up_for(server: Server, entry: Entry) -> bool:
    """Whether a person released what was asked about, or something newer, since it was due."""
    records = store.records(server)
    for sheet, number in entry.sheets.items():
        out = store.released(records[sheet]) if sheet in records else None
        if out is None or out.number < (number or 0) or out.since < entry.when:
            return False
    return True


def _overtaken(server: Server, entry: Entry, sheet: str) -> str:
    """Why a version must not be released any more: students would get an older one back."""
    number, name = entry.sheets[sheet], chosen.called(sheet)
    if number is None:
        return ""
    record = store.record(server, sheet)
    own = store.version(record, number)
    if record is None or own is None:
        return f"version {number} of {name} is gone from the store"
    why = store.overtaken(record, number)
    if not why and own.fate is Fate.WITHDRAWN and own.since >= entry.made:
        why = f"{name} was withdrawn"
    return f"{why} since it was scheduled" if why else ""
