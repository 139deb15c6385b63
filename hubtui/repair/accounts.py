"""Mending an account: what useradd never finished, its groups, a lock that binds nobody."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from hubtui.account_steps import MakeAccount, MakeHome, RosterLine
from hubtui.errors import ChangedSinceShown, CommandFailed
from hubtui.names import shown
from hubtui.plan.steps import Step
from hubtui.repair.ground import Check, SameAccount
from hubtui.repair.records import Repair
from hubtui.server import Server, accounts, shadow
from hubtui.server.run import say
from hubtui.students import POWERFUL, Survey


def half_made(server: Server, subject: Repair) -> list[Step]:
    """shadow, then the home; only what is not there."""
    name, uid, home = subject.name, subject.uid or 0, Path(subject.place)
    steps: list[Step] = [SameAccount(server, subject)]
    if not accounts.has_shadow(name):
        steps.append(MakeAccount(server, name, uid, home))
    return [*steps, MakeHome(server, name, uid, home)]


def not_in_group(server: Server, subject: Repair) -> list[Step]:
    """Into the course's group, beside those that it is in."""
    return [SameAccount(server, subject), JoinGroup(server, subject)]


def join(server: Server, subject: Repair) -> list[Step]:
    """An account made by hand is the course's from now on: in its group, and in its roster."""
    steps: list[Step] = [StillForeign(server, subject), JoinGroup(server, subject)]
    roster = server.course.accounts.roster
    return [*steps, RosterLine(roster, subject.name)] if roster is not None else steps


def powerful(server: Server, subject: Repair) -> list[Step]:
    """Out of all groups whose members can become root."""
    groups = accounts.read_accounts().members
    of = sorted(group for group in POWERFUL if subject.name in groups.get(group, ()))
    return [SameAccount(server, subject), *(LeaveGroup(server, subject, each) for each in of)]


def locked(server: Server, subject: Repair) -> list[Step]:
    """As every other account: neither locked nor expired."""
    return [SameAccount(server, subject), Unlock(server, subject)]


class StillForeign(Check):
    """The account that was shown, of a person without power, with a home among the course's."""

    def say(self) -> str:
        """For the plan."""
        return f"check that {self.who} is still a person's account with uid {self.subject.uid}"

    def look(self, seen: Survey) -> None:
        """Raise ChangedSinceShown where it is not."""
        account = seen.accounts.by_name.get(self.subject.name)
        if (
            account is None
            or (account.uid, str(account.home)) != (self.subject.uid, self.subject.place)
            or not (1000 <= account.uid != accounts.NOBODY)
            or account.home.parent != seen.course.accounts.homes
            or account.uid in seen.sharers
            or seen.power_of(account)
        ):
            raise ChangedSinceShown(f"{self.who} is not the account that was shown.")


class _Command(Step):
    """One command of the system, judged by the state afterwards."""

    def __init__(self, server: Server, subject: Repair) -> None:
        self.server, self.subject = server, subject

    def argv(self) -> Sequence[str]:
        """The command."""
        raise NotImplementedError

    def say(self) -> str:
        """As it is run."""
        return say(self.argv())

    def do(self) -> Iterator[str]:
        """Run it."""
        result = self.server.run(self.argv(), timeout=120, hold=self.server.lock)
        if not self.done():
            raise CommandFailed(f"{self.argv()[0]} did not do it ({result.why()}).")
        yield from ()


class JoinGroup(_Command):
    """A member of the course's group besides."""

    kind = "usermod"

    def argv(self) -> Sequence[str]:
        """The command."""
        group = self.server.course.accounts.group
        return ["usermod", "--append", "--groups", group, "--", self.subject.name]

    def done(self) -> bool:
        """Whether it is in the group."""
        group = self.server.course.accounts.group
        return self.subject.name in accounts.read_accounts().in_group(group)


class LeaveGroup(_Command):
    """No member of this group any more. A session that is open keeps the group until it ends."""

    kind = "gpasswd"

    def __init__(self, server: Server, subject: Repair, group: str) -> None:
        super().__init__(server, subject)
        self.group = group

    def argv(self) -> Sequence[str]:
        """The command; gpasswd knows no ``--``, so no name may look like an option."""
        if self.subject.name.startswith("-"):
            raise ChangedSinceShown(f"{shown(self.subject.name)} is no name for gpasswd.")
        return ["gpasswd", "--delete", self.subject.name, self.group]

    def done(self) -> bool:
        """Whether it is out."""
        return self.subject.name not in accounts.read_accounts().members.get(self.group, ())


class Unlock(_Command):
    """No lock before the password, no day of expiry; the account gets no password by that."""

    kind = "usermod"

    def argv(self) -> Sequence[str]:
        """The command; ``--unlock`` refuses where nothing stands behind the lock."""
        line = shadow.read_shadow().get(self.subject.name)
        how = ["--unlock"] if line is not None and not line.empty else ["--password", "*"]
        return ["usermod", "--expiredate", "", *how, "--", self.subject.name]

    def done(self) -> bool:
        """Whether it is neither locked nor expired."""
        line = shadow.read_shadow().get(self.subject.name)
        return line is not None and not line.locked and not line.expires
