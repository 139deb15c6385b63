"""The steps that make an account: group, uid, useradd, home, the roster's line.

Enrolling takes them for a new account, repairing for one that lost a part. Each finds out whether
its part is there, so a kill anywhere is mended by the same step.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hubtui.clock import stamp
from hubtui.errors import ChangedSinceShown, CommandFailed, Refused
from hubtui.plan.steps import Step
from hubtui.server import Server, accounts, as_student, homes, ledger, roster
from hubtui.server.accounts import Account
from hubtui.server.ledger import Given
from hubtui.server.run import say
from hubtui.students import Survey


def account_steps(
    server: Server, name: str, uid: int, digest: str | None, *, new: bool = True
) -> list[Step]:
    """All of an account: for the sign-up with this digest, or ahead (None).

    ``new``: no such account is there yet, and this uid was not given away before.
    """
    rules = server.course.accounts
    steps: list[Step] = []
    if new:
        if not accounts.group_exists(rules.group):
            steps.append(MakeGroup(server))
        steps += [
            ReserveUid(server, name, uid, digest),
            MakeAccount(server, name, uid),
        ]
    steps.append(MakeHome(server, name, uid))
    if rules.roster is not None:
        steps.append(RosterLine(rules.roster, name))
    if server.course.release is not None:
        from hubtui.release.late import HandOut  # a course without releases never needs it

        steps.append(HandOut(server, name, uid))
    return steps


def uid_is_free(seen: Survey, uid: int, name: str, digest: str | None) -> None:
    """The uid is still there for this account. Raises ChangedSinceShown."""
    given = seen.ledger.by_uid.get(uid)
    ours = given is not None and (given.name, given.for_) == (name, digest)
    owner = seen.accounts.by_uid.get(uid)
    taken = owner is not None or (given is not None and not ours) or uid in seen.homes.values()
    if taken or not (ours or uid >= next(seen.free_uids())):
        raise ChangedSinceShown(f"uid {uid}, shown for {name}, was given away meanwhile.")


class MakeGroup(Step):
    """The course's group, made where it is missing."""

    kind = "groupadd"

    def __init__(self, server: Server) -> None:
        self.server = server
        self.group = server.course.accounts.group

    def say(self) -> str:
        return say(self._argv())

    def done(self) -> bool:
        return accounts.group_exists(self.group)

    def do(self) -> Iterator[str]:
        self.server.run(self._argv(), hold=self.server.lock).check()
        yield from ()

    def verify(self) -> None:
        if not accounts.group_exists(self.group):
            raise CommandFailed(f"groupadd ended well, but there is no group {self.group}.")

    def _argv(self) -> list[str]:
        gids = set(accounts.read_accounts().groups.values())
        uids = self.server.course.accounts.uids
        return accounts.groupadd_argv(
            self.group, next(g for g in range(uids.first, uids.last + 1) if g not in gids)
        )


class ReserveUid(Step):
    """The uid is on the disk, with whom it is for, before useradd can run."""

    kind = "reserve uid"

    def __init__(self, server: Server, name: str, uid: int, digest: str | None) -> None:
        self.server = server
        self.line = Given(uid=uid, name=name, made=stamp(server.clock()), for_=digest)

    def say(self) -> str:
        return f"note uid {self.line.uid} for {self.line.name} in the uid ledger, for good"

    def done(self) -> bool:
        given = ledger.read_ledger(self.server.state).by_uid.get(self.line.uid)
        return given is not None and (given.name, given.for_) == (self.line.name, self.line.for_)

    def do(self) -> Iterator[str]:
        ledger.give(self.server.state, self.line)
        yield from ()


class MakeAccount(Step):
    """useradd; and what a killed useradd left is completed."""

    kind = "useradd"

    def __init__(self, server: Server, name: str, uid: int, home: Path | None = None) -> None:
        rules = server.course.accounts
        self.server, self.name, self.uid = server, name, uid
        self.home, self.group = home or rules.homes / name, rules.group

    def say(self) -> str:
        if self._account() is not None and not self.done():
            return say(self._usermod())
        return say(self._useradd())

    def done(self) -> bool:
        account = self._account()
        return account is not None and accounts.has_shadow(self.name)

    def do(self) -> Iterator[str]:
        argv = self._useradd() if self._account() is None else self._usermod()
        result = self.server.run(argv, timeout=120, hold=self.server.lock)
        if not self.done():
            raise CommandFailed(f"No account {self.name}: {argv[0]} ended with {result.why()}.")
        yield from ()

    def verify(self) -> None:
        if not self.done():
            raise CommandFailed(f"useradd ended, but {self.name} is not whole in passwd, shadow.")

    def _account(self) -> Account | None:
        """The account, proved to be the one that was planned. Raises ChangedSinceShown."""
        account = accounts.read_accounts().by_name.get(self.name)
        if account is None:
            return None
        if (account.uid, account.home) != (self.uid, self.home):
            raise ChangedSinceShown(
                f"{self.name} is now another account (uid {account.uid}, {account.home})."
            )
        return account

    def _useradd(self) -> list[str]:
        return accounts.useradd_argv(self.name, self.uid, self.group, self.home)

    def _usermod(self) -> list[str]:
        return ["usermod", "--password", "*", "--", self.name]


class MakeHome(Step):
    """The home is there: the student's own, mode 0700, with all of /etc/skel."""

    kind = "home"

    def __init__(self, server: Server, name: str, uid: int, home: Path | None = None) -> None:
        self.name, self.uid = name, uid
        self.path: Path = home or server.course.accounts.homes / name

    def say(self) -> str:
        return f"{self.path}: owner {self.uid}, mode 0700, /etc/skel complete (as {self.name})"

    def done(self) -> bool:
        found = homes.look(self.path)
        if (found.kind, found.uid, found.mode) != (homes.Kind.FOLDER, self.uid, 0o700):
            return False
        contents = as_student.look(self._account())
        return not contents.missing and not contents.partial

    def do(self) -> Iterator[str]:
        account = self._account()
        found = homes.look(self.path)
        if found.kind is homes.Kind.MISSING:
            homes.make(self.path, account.uid, account.gid)
        elif found.kind is not homes.Kind.FOLDER:
            raise Refused(f"{self.path} is not a folder ({found.kind}): look at it by hand.")
        else:
            homes.hand_over(self.path, account.uid, account.gid)
        as_student.fill(account)
        yield from ()

    def verify(self) -> None:
        if not self.done():
            raise CommandFailed(
                f"{self.path} is not whole: owner, mode or /etc/skel; is the disk full? (df -h)"
            )

    def _account(self) -> Account:
        account = accounts.read_accounts().by_name.get(self.name)
        if account is None or account.uid != self.uid or account.home != self.path:
            raise ChangedSinceShown(f"{self.name} is no longer the account with uid {self.uid}.")
        return account


class RosterLine(Step):
    """The name stands in the roster."""

    kind = "roster"

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name

    def say(self) -> str:
        return f"add the line {self.name} to {self.path}"

    def done(self) -> bool:
        return self.name in roster.read_roster(self.path)

    def do(self) -> Iterator[str]:
        roster.add(self.path, self.name)
        yield from ()

    def verify(self) -> None:
        if not self.done():
            raise CommandFailed(f"{self.name} is not in {self.path} after it was added.")
