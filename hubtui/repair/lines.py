"""Mending lines: of the roster, of the account files that are nobody's; and locks left behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hubtui.account_steps import RosterLine
from hubtui.enrol import Creation, create_chain
from hubtui.errors import ChangedSinceShown, CommandFailed, Refused
from hubtui.names import shown
from hubtui.plan.steps import Step
from hubtui.repair.ground import Check, SameAccount
from hubtui.repair.records import Repair
from hubtui.server import Server, accountfiles, accounts, roster
from hubtui.server.run import say
from hubtui.students import Survey


def not_in_roster(server: Server, subject: Repair) -> list[Step]:
    """One line more."""
    return [SameAccount(server, subject), RosterLine(roster_of(server), subject.name)]


def roster_alone(server: Server, subject: Repair) -> list[Step]:
    """No line any more."""
    return [StillNoAccount(server, subject), DropLines(server, subject, keep=0)]


def made_ahead(server: Server, subject: Repair) -> list[Step]:
    """The account that the line waits for."""
    made = Creation(key=subject.key, name=subject.name, uid=subject.uid or 0)
    return [*create_chain(server, made).steps]


def roster_twice(server: Server, subject: Repair) -> list[Step]:
    """The first line stays."""
    return [DropLines(server, subject, keep=1)]


def orphan_lines(server: Server, subject: Repair) -> list[Step]:
    """Each line of this name that is no account's, and a group of this name that has nobody."""
    group = DropGroup(server, subject)
    steps: list[Step] = [group] if group.is_left() else []
    files = accountfiles.files_with(subject.name)
    return [*steps, *(DropOrphan(path, subject.name) for path in files)]


def stale_lock(server: Server, subject: Repair) -> list[Step]:
    """The lock file goes."""
    return [DropLock(Path(subject.place))]


def roster_of(server: Server) -> Path:
    """The course's roster. Raises Refused where it has none."""
    path = server.course.accounts.roster
    if path is None:
        raise Refused("This course has no roster (accounts.roster in course.yaml).")
    return path


class StillNoAccount(Check):
    """Nobody made an account of this name meanwhile."""

    def say(self) -> str:
        """For the plan."""
        return f"check that {self.who} is still no account"

    def look(self, seen: Survey) -> None:
        """Raise ChangedSinceShown where there is one."""
        if self.subject.name in seen.accounts.by_name or accounts.exists(self.subject.name):
            raise ChangedSinceShown(f"{self.who} is an account by now.")


class DropLines(Step):
    """Lines of one name taken out of the roster; all others stay byte for byte."""

    kind = "roster"

    def __init__(self, server: Server, subject: Repair, *, keep: int) -> None:
        self.path, self.name, self.keep = roster_of(server), subject.name, keep

    def say(self) -> str:
        """Which."""
        which = "every line after the first" if self.keep else "the line"
        return f"remove {which} of {shown(self.name, limit=60)} from {self.path}"

    def done(self) -> bool:
        """Whether there are no more than are to stay."""
        return len(roster.read_roster(self.path).lines.get(self.name, ())) <= self.keep

    def do(self) -> Iterator[str]:
        """Rewrite it, atomically."""
        roster.remove(self.path, self.name, keep=self.keep)
        yield from ()

    def verify(self) -> None:
        """Look. Raises CommandFailed."""
        if not self.done():
            raise CommandFailed(f"{self.path} still has lines of {shown(self.name, limit=60)}.")


class DropOrphan(Step):
    """The line of a gone account in one of /etc's files."""

    kind = "line"

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name

    def say(self) -> str:
        """Which, and where."""
        return f"remove the line of {shown(self.name, limit=60)} from {self.path}"

    def done(self) -> bool:
        """Whether it is gone."""
        return self.path not in accountfiles.files_with(self.name)

    def do(self) -> Iterator[str]:
        """Rewrite the file under the lock of all tools for accounts."""
        accountfiles.drop(self.path, self.name)
        yield from ()

    def verify(self) -> None:
        """Look. Raises CommandFailed."""
        if not self.done():
            raise CommandFailed(f"{self.path} still has a line of {shown(self.name, limit=60)}.")


class DropGroup(Step):
    """A group that an account left, with nobody in it."""

    kind = "groupdel"

    def __init__(self, server: Server, subject: Repair) -> None:
        self.server, self.name = server, subject.name

    def say(self) -> str:
        """The command."""
        return say(self._argv())

    def is_left(self) -> bool:
        """Whether it is there, has nobody, and is neither the system's, the course's, nor kept
        for an account of its name."""
        found = accounts.read_accounts()
        return (
            found.groups.get(self.name, 0) >= 1000
            and not found.in_group(self.name)
            and self.name not in found.by_name
            and self.name != self.server.course.accounts.group
        )

    def done(self) -> bool:
        """Whether it is gone."""
        return not accounts.group_exists(self.name)

    def do(self) -> Iterator[str]:
        """Run it. Raises ChangedSinceShown where somebody is in it by now."""
        if not self.is_left():
            raise ChangedSinceShown(f"The group {shown(self.name)} has somebody by now: it stays.")
        result = self.server.run(self._argv(), hold=self.server.lock)
        if not self.done():
            raise CommandFailed(f"The group {self.name} is still there ({result.why()}).")
        yield from ()

    def _argv(self) -> list[str]:
        return ["groupdel", "--", self.name]


class DropLock(Step):
    """A lock whose holder is gone keeps everybody from changing accounts."""

    kind = "lock"

    def __init__(self, path: Path) -> None:
        self.path = path

    def say(self) -> str:
        """The command."""
        return say(["rm", "--", str(self.path)])

    def done(self) -> bool:
        """Whether it is gone."""
        return not self.path.exists()

    def do(self) -> Iterator[str]:
        """Remove it while nobody changes accounts."""
        accountfiles.unlock(self.path)
        yield from ()

    def verify(self) -> None:
        """Look. Raises CommandFailed."""
        if not self.done():
            raise CommandFailed(f"{self.path} is still there.")
