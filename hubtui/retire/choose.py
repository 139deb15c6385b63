"""Choosing who goes: by name, all but some, who was away since a day, who was made before one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from hubtui.clock import parse
from hubtui.course import Course
from hubtui.errors import UsageError
from hubtui.names import shown
from hubtui.server import processes
from hubtui.server.accounts import Account
from hubtui.server.shadow import read_shadow
from hubtui.students import Survey

_ENDS = '"14d", "2027-03-31" or "2027-03-31 18:00"'


@dataclass(frozen=True)
class Chosen:
    """Who was chosen, and why others were left out."""

    names: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    """Sentences; safe to show."""


def choose(
    seen: Survey,
    names: Sequence[str] = (),
    *,
    but: Collection[str] | None = None,
    inactive_since: datetime | None = None,
    made_before: datetime | None = None,
) -> Chosen:
    """The accounts that are meant; rules hold together, and ``but`` are left out of them.

    Whether they may go is not asked here. Raises UsageError for a name that is nobody's: by a slip
    of the finger whoever was meant to stay would go.
    """
    if names:
        if but is not None or inactive_since or made_before:
            raise UsageError("Say either names or a rule: --all-but, --inactive-since …")
        for name in names:
            if name not in seen.accounts.by_name and name not in seen.leaving:
                raise UsageError(f"{shown(name, limit=40)!r} is no account on this server.")
        return Chosen(tuple(dict.fromkeys(names)))
    if but is None and inactive_since is None and made_before is None:
        raise UsageError(
            "Name the accounts, or say --all-but NAME, --inactive-since DATE or --made-before DATE."
        )
    for name in but or ():
        if name not in seen.students and name not in seen.course.accounts.staff:
            raise UsageError(f"{shown(name, limit=40)} is not a course account: who is meant?")
    rules = _Rules(seen, inactive_since, made_before)
    found, left_out = list[str](), list[str]()
    for name, account in sorted(seen.students.items()):
        if name in (but or ()) or name == seen.course.exam.probe:
            continue
        match rules.applies(account):
            case True:
                found.append(name)
            case None:
                left_out.append(
                    f"{shown(name, limit=40)}: since when it has been here is not known"
                )
    return Chosen(tuple(found), tuple(left_out))


def day(text: str, course: Course) -> datetime:
    """The beginning of a day such as 2026-10-01, in the course's own zone. Raises UsageError."""
    from hubtui.when import on_the_wall, zone_of

    try:
        return on_the_wall(f"{date.fromisoformat(text)} 00:00", zone_of(course))
    except ValueError:
        raise UsageError(f"{shown(text, limit=40)!r} is no day: write it as 2026-10-01.") from None


def last_day(text: str, course: Course, now: datetime) -> datetime:
    """When they go, if not now: after so long, such as 14d, on a day, or at a time of it.

    Raises UsageError.
    """
    from hubtui.when import is_day, parse_until, zone_of

    said = text.strip()
    whole = f"{said} 00:00" if is_day(said) else said
    return parse_until(whole, zone_of(course), now, examples=_ENDS).at


class _Rules:
    """Whether somebody is meant by the rules; None where that cannot be known."""

    def __init__(
        self, seen: Survey, inactive_since: datetime | None, made_before: datetime | None
    ) -> None:
        self.seen, self.inactive_since, self.made_before = seen, inactive_since, made_before
        self.serving = processes.serving() if inactive_since else set()
        self.shadow = read_shadow() if inactive_since or made_before else {}

    def applies(self, account: Account) -> bool | None:
        answers = [self._inactive(account), self._made_before(account)]
        return None if None in answers and False not in answers else all(answers)

    def _inactive(self, account: Account) -> bool | None:
        if self.inactive_since is None:
            return True
        if account.uid in self.serving:
            return False
        user = self.seen.users.get(account.name)
        last = user.last_activity if user else None
        last = last or self._made(account)  # never at the hub: then since the account was made
        return None if last is None else last < self.inactive_since

    def _made_before(self, account: Account) -> bool | None:
        if self.made_before is None:
            return True
        made = self._made(account)
        return None if made is None else made < self.made_before

    def _made(self, account: Account) -> datetime | None:
        """When it was made, at the latest: by the ledger, else by when its password was set."""
        given = self.seen.ledger.by_uid.get(account.uid)
        if given is not None and given.name == account.name:
            return parse(given.made)
        line = self.shadow.get(account.name)
        if line is None or line.changed is None:
            return None
        return datetime.combine(line.changed, time.max, UTC)
