"""The join: one look at sign-ups, hub users, Unix accounts, homes, roster and uid ledger together.

Looking never locks. What cannot be looked at (a hub that is down, a locked database) is named in
``missing`` and everything else still works.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from hubtui.course import Course
from hubtui.errors import HubtuiError
from hubtui.expected import path as expected_path
from hubtui.expected import read_expected
from hubtui.formerly import Formerly, read_formerly
from hubtui.formerly import path as formerly_path
from hubtui.leaving import Leaving, read_leaving
from hubtui.leaving import path as leaving_path
from hubtui.names import TwinIndex
from hubtui.server import Server, accounts, homes, hubdb, ledger, lines, roster, strays
from hubtui.server.accounts import Account, Accounts
from hubtui.server.hubdb import SignUp, UserRow
from hubtui.server.ledger import Ledger
from hubtui.server.lines import Lines
from hubtui.server.roster import Roster

T = TypeVar("T")

_STALE = "stale"
"""The stamp of what could not be read again: read it as soon as that is possible."""

POWERFUL = frozenset({"root", "sudo", "adm", "admin", "wheel", "docker", "lxd", "disk", "shadow"})
"""Groups whose members can become root, or read everything."""


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """Something that could not be looked at."""

    what: str
    why: str
    as_of: datetime | None = None
    """When what is shown instead was read; None where there is nothing to show."""


class Part(NamedTuple):
    """One thing that was read."""

    stamp: object
    """Differs from the next one where it has to be read again."""
    found: Any
    at: datetime


@dataclass(frozen=True)
class Survey:
    """What there was at one moment."""

    at: datetime
    course: Course
    accounts: Accounts
    roster: Roster
    ledger: Ledger
    homes: Mapping[str, int]
    """Name and owner of everything directly below ``accounts.homes``."""
    sign_ups: tuple[SignUp, ...]
    users: Mapping[str, UserRow]
    expected: frozenset[str] | None
    """Names on the expected list; None where no list was given."""
    missing: tuple[Missing, ...]
    parts: Mapping[str, Part]
    """What was read: the next survey reads again only what has changed."""
    leaving: Mapping[str, Leaving] = field(default_factory=dict)
    """Who is switched off and goes at a date, by name."""
    formerly: Formerly = field(default_factory=Formerly)
    """Who was here before and is gone."""
    lines: Lines = field(default_factory=Lines)
    """Lines and locks of /etc that NSS does not show."""
    left: Callable[[], Iterable[int]] = tuple
    """Looks which uids have files outside of a home, jobs, processes: only where one is given."""

    @cached_property
    def unseen(self) -> frozenset[str]:
        """What could not be looked at, and was not before: nothing there is not nothing wrong."""
        return frozenset(each.what for each in self.missing if each.as_of is None)

    @cached_property
    def students(self) -> Mapping[str, Account]:
        """The course accounts by name; who that is, the design says."""
        return {a.name: a for a in self.accounts.by_name.values() if self.is_course_account(a)}

    @cached_property
    def attending(self) -> Mapping[str, Account]:
        """The course accounts that are not switched off: whom a release or an exam is for."""
        return {name: a for name, a in self.students.items() if not self.is_leaving(a)}

    def is_leaving(self, account: Account) -> bool:
        """Whether exactly this account is switched off, and goes at a date."""
        found = self.leaving.get(account.name)
        return found is not None and found.uid == account.uid

    def is_course_account(self, account: Account) -> bool:
        """In the roster or the course's group; uid ≥ 1000; home below ``homes``; not staff."""
        rules = self.course.accounts
        return (
            account.uid >= 1000
            and account.uid != accounts.NOBODY
            and account.home.parent == rules.homes
            and account.name not in rules.staff
            and (account.name in self.roster or account.name in self.group_members)
        )

    @cached_property
    def group_members(self) -> set[str]:
        """Names of the members of the course's group."""
        return self.accounts.in_group(self.course.accounts.group)

    @cached_property
    def sharers(self) -> Mapping[int, list[str]]:
        """Uids that more than one account has: whoever logs in as one is the other."""
        by_uid: dict[int, list[str]] = {}
        for account in self.accounts.by_name.values():
            by_uid.setdefault(account.uid, []).append(account.name)
        return {uid: names for uid, names in by_uid.items() if len(names) > 1}

    def power_of(self, account: Account) -> str | None:
        """A group of the account that could become root, if there is one."""
        powerful = POWERFUL.intersection(self.accounts.groups)
        for group in sorted(powerful):
            if account.name in self.accounts.members.get(group, ()):
                return group
            if account.gid == self.accounts.groups[group]:
                return group
        return None

    @cached_property
    def twins(self) -> TwinIndex:
        """Names that a sign-up could be mistaken for: accounts of people, and authorised ones."""
        people = (a.name for a in self.accounts.by_name.values() if a.uid >= 1000)
        return TwinIndex({*people, *(s.name for s in self.sign_ups)})

    def free_uids(self) -> Iterator[int]:
        """The uids for new accounts, in order: none that was ever somebody's, as far as anything
        is left of them. Raises Refused where they run out."""
        taken: Iterable[int] = (
            *self.ledger.by_uid,
            *(one.uid for one in self.leaving.values()),
            *(a.uid for a in self.accounts.by_name.values()),
            *self.homes.values(),
            *self.left(),
        )
        uids = self.course.accounts.uids
        return accounts.free_uids(uids.first, uids.last, taken)


def complete(seen: Survey) -> None:
    """Nothing is planned or judged on a look with holes in it. Raises HubtuiError."""
    for missing in seen.missing:
        if missing.what != "expected names":
            raise HubtuiError(f"The {missing.what} cannot be read: {missing.why}")


def enrolled(course: Course, at: datetime) -> Mapping[str, Account]:
    """The course accounts by name, from accounts and roster alone: no home and no database.

    Raises StateError where the roster cannot be read.
    """
    seen = Survey(
        at=at,
        course=course,
        accounts=accounts.read_accounts(),
        roster=roster.read_roster(course.accounts.roster),
        ledger=Ledger(()),
        homes={},
        sign_ups=(),
        users={},
        expected=None,
        missing=(),
        parts={},
    )
    return seen.students


def survey(server: Server, before: Survey | None = None, *, anew: bool = False) -> Survey:
    """Look at everything; what has not changed since ``before`` is taken from there.

    What cannot be read now is taken from there as well and said in ``missing``. ``anew``: read
    even what seems not to have changed. A change is never planned on a survey with a ``before``.
    """
    course, missing, now = server.course, list[Missing](), server.clock()
    old = before.parts if before else {}
    parts: dict[str, Part] = {}

    def part(what: str, stamp: Callable[[], object], read: Callable[[], T], none: T) -> T:
        known = old.get(what)
        try:
            sign = stamp()
            if known is not None and known.stamp == sign and not anew:
                parts[what] = known
            else:
                parts[what] = Part(sign, read(), now)
        except (HubtuiError, OSError) as e:
            why = str(e)
            if isinstance(e, OSError):
                why = f"{e.filename or what}: {e.strerror or e}."
            missing.append(Missing(what=what, why=why, as_of=known.at if known else None))
            if known is None:
                return none
            parts[what] = known._replace(stamp=_STALE)
        found: T = parts[what].found
        return found

    database = course.hub.database
    sign_ups = part(
        "sign-ups",
        lambda: hubdb.stamp_of(database),
        lambda: tuple(hubdb.sign_ups(database)),
        tuple[SignUp, ...](),
    )
    users = part(
        "hub users",
        lambda: hubdb.stamp_of(database),
        lambda: {user.name: user for user in hubdb.hub_users(database)},
        dict[str, UserRow](),
    )
    found = part("accounts", accounts.stamp_of, accounts.read_accounts, Accounts({}, {}))
    listed = part(
        "roster",
        lambda: _stamp(course.accounts.roster),
        lambda: roster.read_roster(course.accounts.roster),
        Roster({}),
    )
    uids = part(
        "uid ledger",
        lambda: _stamp(ledger.path(server.state)),
        lambda: ledger.read_ledger(server.state),
        Ledger(()),
    )
    behind = part("account files", lines.stamp_of, lines.read_lines, Lines())
    expected: frozenset[str] | None = part(
        "expected names",
        lambda: _stamp(expected_path(server.state)),
        lambda: read_expected(server.state),
        None,
    )
    leaving = part(
        "who leaves",
        lambda: _stamp(leaving_path(server.state)),
        lambda: read_leaving(server.state),
        dict[str, Leaving](),
    )
    formerly = part(
        "who was here before",
        lambda: _stamp(formerly_path(server.state)),
        lambda: read_formerly(server.state),
        Formerly(),
    )
    owners = part(
        "homes",
        lambda: _stamp(course.accounts.homes),
        lambda: homes.owners(course.accounts.homes),
        dict[str, int](),
    )
    return Survey(
        at=now,
        course=course,
        accounts=found,
        roster=listed,
        ledger=uids,
        homes=owners,
        sign_ups=sign_ups,
        users=users,
        expected=expected,
        leaving=leaving,
        formerly=formerly,
        lines=behind,
        left=strays.uids,
        missing=tuple(missing),
        parts=parts,
    )


def _stamp(path: Path | None) -> tuple[int, ...]:
    if path is None:
        return ()
    try:
        found = path.stat()
    except FileNotFoundError:
        return (0,)
    return (found.st_mtime_ns, found.st_size, found.st_ino)
