"""Withdrawing a sheet that was released by mistake: copies as delivered go, all else stays.

Nothing is removed while the student's server runs: an open notebook would be saved anew.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import msgspec

from hubtui.errors import ChangedSinceShown, CommandFailed, Refused
from hubtui.names import shown
from hubtui.plan.plans import Plan, new_plan
from hubtui.plan.steps import Chain, Step
from hubtui.release import ledger, store
from hubtui.release.chosen import Subject, called
from hubtui.release.desk import Answer, Outcome
from hubtui.release.handout import Handout, account_of, complaint, counts_of, in_words, is_open
from hubtui.release.store import Fate
from hubtui.server import Server
from hubtui.students import Survey, survey
from hubtui.units import counted


def withdraw_plan(server: Server, seen: Survey, sheet: str) -> Plan:
    """A plan that takes a sheet back from all who were given it.

    Raises Refused where it was never released.
    """
    record = store.record(server, sheet)
    given = ledger.read(server.state)
    once = [v for v in record.versions if v.fate is not Fate.HELD] if record else []
    out = [v for v in once if v.fate in _OUT]
    had = {uid for uid, name in given if name == sheet}
    accounts = sorted(seen.students.values(), key=lambda account: account.name)
    # Where a run was killed copies lie in homes that nobody noted: everybody is looked at.
    holders = [account for account in accounts if out or account.uid in had]
    if not once or (not out and not holders):
        raise Refused(f"{called(sheet)} was not released: there is nothing to withdraw.")
    newest = once[-1].number
    subjects = [
        Subject(key=f"sheet {sheet}", name=called(sheet), sheets={sheet: newest}),
        *(
            Subject(
                key=account.name,
                name=account.name,
                uid=account.uid,
                sheets={sheet: given[account.uid, sheet].version if account.uid in had else newest},
            )
            for account in holders
        ),
    ]
    title = f"Withdraw {called(sheet)} from {counted(len(holders), 'student')}"
    return new_plan("withdraw", title, subjects, server.clock())


_OUT = (Fate.RELEASED, Fate.TRIAL)


def withdraw_chains(server: Server, plan: Plan) -> list[Chain]:
    """The steps of all subjects; every home is looked at, eight at a time."""
    handout = Handout(server, plan.id)
    subjects = plan.subjects_as(Subject)
    for sheet in {sheet for subject in subjects for sheet in subject.sheets}:
        record = store.record(server, sheet)
        if record and any(v.fate in _OUT and v.since > plan.at for v in record.versions):
            raise ChangedSinceShown(f"{called(sheet)} was released anew since this was shown.")
    seen = survey(server)
    there = {
        s.key: (seen.students[s.name], s.sheets)
        for s in subjects
        if s.uid and s.name in seen.students and seen.students[s.name].uid == s.uid
    }
    looks = handout.look(there, withdraw=True) if server.lock is None else {}
    chains = []
    for subject in subjects:
        if subject.uid:
            step = Take(handout, subject, looks.get(subject.key), there=subject.key in there)
            chains.append(
                Chain(subject=subject.key, steps=[step], uid=subject.uid, notes=step.notes())
            )
        else:
            close = [Close(server, sheet) for sheet in subject.sheets]
            notes = _left_the_course(server, seen, subject.sheets)
            chains.append(Chain(subject=subject.key, steps=close, alone=True, notes=notes))
    return chains


def _left_the_course(server: Server, seen: Survey, sheets: Collection[str]) -> list[str]:
    """Who was given it and is no course account any more: those homes are not looked into."""
    here = {account.uid for account in seen.students.values()}
    gone = sorted(
        {uid for uid, sheet in ledger.read(server.state) if sheet in sheets and uid not in here}
    )
    accounts = seen.accounts.by_uid
    names = [shown(accounts[u].name, limit=40) if u in accounts else f"uid {u}" for u in gone]
    if not names:
        return []
    return [f"had it, and is no course account any more: {', '.join(names[:5])}"]


class Close(Step):
    """No version of the sheet is released any more: nobody gets it from now on."""

    kind = "withdraw"

    def __init__(self, server: Server, sheet: str) -> None:
        self.server, self.sheet = server, sheet

    def say(self) -> str:
        return f"note that {shown(self.sheet, limit=60)} is withdrawn: nobody gets it any more"

    def done(self) -> bool:
        return not self._out()

    def do(self) -> Iterator[str]:
        for number in self._out():
            store.set_fate(self.server, self.sheet, number, Fate.WITHDRAWN)
        yield from ()

    def verify(self) -> None:
        if self._out():
            raise CommandFailed(f"{called(self.sheet)} is still released in the store.")

    def _out(self) -> list[int]:
        record = store.record(self.server, self.sheet)
        return [v.number for v in record.versions if v.fate in _OUT] if record else []


def _without_missing(outcome: Outcome) -> Outcome:
    """What was not there is nothing to be told of, when something is taken away."""
    counts = {state: n for state, n in outcome.counts.items() if state != "deleted"}
    return msgspec.structs.replace(outcome, counts=counts)


class Take(Step):
    """The copies of one student that are byte for byte as delivered."""

    kind = "take back"
    urgent = False

    def __init__(
        self, handout: Handout, subject: Subject, look: Answer | None, *, there: bool
    ) -> None:
        """``look``: what would go; None: nobody looked yet. ``there``: so is the account."""
        self.handout, self.subject, self.look = handout, subject, look
        self._there = there
        self._taken: tuple[Outcome, ...] | None = None

    def say(self) -> str:
        if self.look is not None and self.look.error:
            return f"as {self.subject.name}: {self.look.error}"
        found = tuple(map(_without_missing, self.look.sheets)) if self.look else ()
        what = f"{in_words(found) or 'nothing there'}: " if found else ""
        return f"{what}copies as delivered, as {self.subject.name}"

    def notes(self) -> list[str]:
        """What stays, and why."""
        if not self._there:
            return ["there is no such account any more"]
        if self.look is None or self.look.error:
            return [self.look.error] if self.look else []
        kept = [
            f"{shown(path, limit=80)} stays{f': {why}' if why else ''}"
            for outcome in self.look.sheets
            for path, state, why in outcome.listed
            if state == "kept"
        ]
        return [*kept[:3], *([f"and {len(kept) - 3} more files stay"] if len(kept) > 3 else [])]

    def counts(self) -> Mapping[str, int]:
        if self.look is None or self.look.error:
            return {"not possible": 1}
        found = counts_of(self.look.sheets)
        return {state: n for state, n in found.items() if state != "deleted"}  # not there

    def done(self) -> bool:
        """Never: copies may lie in a home that nobody noted. To look again takes nothing away."""
        return False

    def do(self) -> Iterator[str]:
        subject = self.subject
        account = account_of(self.handout.server, subject.name, subject.uid)
        self._taken = self.handout.take_back(account, subject.sheets)
        self.told = in_words(tuple(map(_without_missing, self._taken))) or "had no copy of it"
        if any(map(is_open, self._taken)):
            self.told += ": the student's server runs, withdraw it once more when it does not"
        yield from ()

    def verify(self) -> None:
        if self._taken is None:
            raise CommandFailed("Nothing was looked at.")
        if why := complaint(self._taken):
            raise CommandFailed(why)
