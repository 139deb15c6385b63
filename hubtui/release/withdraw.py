"""Withdrawing a sheet that was released by mistake: copies as delivered go, all else stays.

Nothing is removed while the student's server runs: an open notebook would be saved anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hubtui.errors import CommandFailed, Refused
from hubtui.names import shown
from hubtui.plan.plans import Plan, new_plan
from hubtui.plan.steps import Chain, Step
from hubtui.release import ledger, store
from hubtui.release.desk import Answer, Outcome
from hubtui.release.handout import Handout, account_of, complaint, counts_of, in_words, is_open
from hubtui.release.push import Subject, title_of
from hubtui.release.store import Fate
from hubtui.server import Server
from hubtui.students import Survey, survey


def withdraw_plan(server: Server, seen: Survey, sheet: str) -> Plan:
    """A plan that takes a sheet back from all who were given it.

    Raises Refused where it was never released.
    """
    record = store.record(server, sheet)
    given = ledger.read(server.state)
    versions = [v for v in record.versions if v.fate in _OUT] if record else []
    holders = [account for account in seen.students.values() if (account.uid, sheet) in given]
    if not versions and not holders:
        raise Refused(f"{shown(sheet, limit=60)} was not released: there is nothing to withdraw.")
    newest = max(v.number for v in record.versions) if record else 1
    subjects = [
        Subject(key=f"sheet {sheet}", name=title_of({sheet: 1}), sheets={sheet: newest}),
        *(
            Subject(
                key=account.name,
                name=account.name,
                uid=account.uid,
                sheets={sheet: given[account.uid, sheet].version},
            )
            for account in sorted(holders, key=lambda account: account.name)
        ),
    ]
    title = f"Withdraw {title_of({sheet: 1})} from {len(holders)} students"
    return new_plan("withdraw", title, subjects, server.clock())


_OUT = (Fate.RELEASED, Fate.TRIAL)


def withdraw_chains(server: Server, plan: Plan) -> list[Chain]:
    """The steps of all subjects; every home is looked at, eight at a time."""
    handout = Handout(server, plan.id)
    subjects = plan.subjects_as(Subject)
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
            chains.append(Chain(subject=subject.key, steps=close, alone=True))
    return chains


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
            raise CommandFailed(f"{title_of({self.sheet: 1})} is still released in the store.")

    def _out(self) -> list[int]:
        record = store.record(self.server, self.sheet)
        return [v.number for v in record.versions if v.fate in _OUT] if record else []


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
        what = f"{in_words(self.look.sheets)}: " if self.look else ""
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
        return counts_of(self.look.sheets) if self.look else {"not possible": 1}

    def done(self) -> bool:
        return all(not self.handout.had(self.subject.uid, s) for s in self.subject.sheets)

    def do(self) -> Iterator[str]:
        subject = self.subject
        account = account_of(self.handout.server, subject.name, subject.uid)
        self._taken = self.handout.take_back(account, subject.sheets)
        self.told = in_words(self._taken)
        if any(map(is_open, self._taken)):
            self.told += ": the student's server runs, withdraw it once more when it does not"
        yield from ()

    def verify(self) -> None:
        if self._taken is None:
            raise CommandFailed("Nothing was looked at.")
        if why := complaint(self._taken):
            raise CommandFailed(why)
