"""The steps that end an account and all that names it, once its home is gone.

Each is noted in ``retired/UID.json`` when it is through: what the receipt is made of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from hubtui import formerly, leaving
from hubtui.clock import stamp
from hubtui.errors import CommandFailed
from hubtui.plan.steps import Step
from hubtui.retire import kept
from hubtui.retire.fence import is_nowhere
from hubtui.retire.kept import Keeping
from hubtui.retire.records import Leaver
from hubtui.retire.steps import LeaverStep
from hubtui.server import Server, accountfiles, accounts, ledger, roster
from hubtui.server.ledger import Given
from hubtui.server.run import say
from hubtui.stop import end_all


class RemoveAccount(LeaverStep):
    """userdel without ``-r``: the home went before, by a way that cannot be raced.

    What a power cut in the middle of userdel leaves in the six files is taken out besides.
    """

    kind = "userdel"

    def say(self) -> str:
        return say(self._argv())

    def done(self) -> bool:
        gone = self.account() is None
        return self.is_anothers() or (gone and not accounts.traces(self.subject.name))

    def do(self) -> Iterator[str]:
        if not is_nowhere(self.server, self.subject):
            raise CommandFailed(f"The home of {self.name} is still there: so its account stays.")
        end_all(self.subject.uid)  # what cron began since; userdel refuses to go on beside it
        yield from ()
        if self.account() is not None:
            result = self.server.run(self._argv(), timeout=120, hold=self.server.lock)
            if self.account() is not None:
                raise CommandFailed(
                    f"{self.name} is still there: userdel ended with {result.why()}."
                )
        name = self.subject.name
        for group, members in accounts.read_accounts().members.items():
            if name in members:
                argv = ["gpasswd", "--delete", name, group]
                self.server.run(argv, timeout=120, hold=self.server.lock).check()
        for path in accountfiles.files_with(name):
            accountfiles.drop(path, name)

    def verify(self) -> None:
        if self.account() is not None:
            raise CommandFailed(f"userdel ended, but {self.name} is still an account.")
        if left := accounts.traces(self.subject.name):
            where = ", ".join(str(path) for path in left)
            raise CommandFailed(f"{self.name} still stands in {where}: take the line out by hand.")

    def _argv(self) -> list[str]:
        return ["userdel", "--", self.subject.name]


class RosterOut(LeaverStep):
    """No line of the name in the roster."""

    kind = "roster"

    def say(self) -> str:
        return f"take the line {self.name} out of {self.server.course.accounts.roster}"

    def done(self) -> bool:
        path = self.server.course.accounts.roster
        return self.is_anothers() or self.subject.name not in roster.read_roster(path)

    def do(self) -> Iterator[str]:
        if (path := self.server.course.accounts.roster) is not None:
            roster.remove(path, self.subject.name)
        yield from ()

    def verify(self) -> None:
        if not self.done():
            raise CommandFailed(f"{self.name} is still in {self.server.course.accounts.roster}.")


class RemoveGroup(LeaverStep):
    """The group of its own that adduser made, where userdel left it and nobody is in it."""

    kind = "groupdel"

    def say(self) -> str:
        return say(self._argv())

    def done(self) -> bool:
        name, gid = self.subject.name, self.subject.gid
        if name == self.server.course.accounts.group or not accounts.group_exists(name):
            return True
        found = accounts.read_accounts()
        is_its_own = found.groups.get(name) == gid and self.account() is None
        return not is_its_own or bool(found.in_group(name))

    def do(self) -> Iterator[str]:
        self.server.run(self._argv(), timeout=120, hold=self.server.lock).check()
        yield from ()

    def verify(self) -> None:
        if not self.done():
            raise CommandFailed(f"groupdel ended well, but the group {self.name} is still there.")

    def _argv(self) -> list[str]:
        return ["groupdel", "--", self.subject.name]


class RetireUid(LeaverStep):
    """The ledger says that this uid is never given again, also where it was not hubtui's."""

    kind = "retire uid"

    def say(self) -> str:
        return f"note in the uid ledger that uid {self.subject.uid} is never given again"

    def done(self) -> bool:
        return self.is_over()

    def do(self) -> Iterator[str]:
        now = stamp(self.server.clock())
        before = ledger.read_ledger(self.server.state).by_uid.get(self.subject.uid)
        made = before.made if before is not None else now
        ledger.give(self.server.state, Given(uid=self.subject.uid, name="", made=made, retired=now))
        yield from ()


class Farewell(LeaverStep):
    """That somebody of this name was here stays for a year, hidden; the list forgets the name."""

    kind = "note"

    def __init__(self, server: Server, subject: Leaver, how: Keeping) -> None:
        super().__init__(server, subject)
        self.how = how

    def say(self) -> str:
        return f"take {self.name} from the list of who leaves; for a year its HMAC is kept"

    def done(self) -> bool:
        found = leaving.read_leaving(self.server.state).get(self.subject.name)
        return self.is_over() and (found is None or found.uid != self.subject.uid)

    def do(self) -> Iterator[str]:
        state, now = self.server.state, self.server.clock()
        formerly.note(state, self.subject.name, self.subject.uid, now)
        record = kept.begin(self.server, self.subject.uid, self.how)
        kept.write(self.server, msgspec.structs.replace(record, ended=stamp(now)))
        leaving.take_out(state, self.subject.name, self.subject.uid)
        yield from ()


class Noted(Step):
    """A step that notes nothing itself: its result is kept in ``retired/UID.json``."""

    def __init__(self, server: Server, subject: Leaver, how: Keeping, step: Step) -> None:
        self.step, self.server, self.uid, self.how = step, server, subject.uid, how
        self.kind, self.lasting = step.kind, step.lasting
        self.urgent, self.always = step.urgent, step.always

    def say(self) -> str:
        return self.step.say()

    def counts(self) -> Mapping[str, int]:
        return self.step.counts()

    def details(self) -> Sequence[str]:
        return self.step.details()

    def done(self) -> bool:
        return self.step.done()

    def do(self) -> Iterator[str]:
        yield from self.step.do()

    def verify(self) -> None:
        self.step.verify()
        self.told, self.moved = self.step.told, self.step.moved
        kept.note(self.server, self.uid, self.how, self.kind, self.told or "done")
