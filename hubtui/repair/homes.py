"""Mending homes: one that is missing, one that is open to others, one that has no account."""

from __future__ import annotations

from pathlib import Path

import msgspec

from hubtui import names
from hubtui.account_steps import MakeHome, account_steps
from hubtui.errors import ChangedSinceShown, Refused
from hubtui.fix import Close, Fix
from hubtui.names import shown
from hubtui.plan.steps import Step
from hubtui.repair.ground import Check, SameAccount, same_home
from hubtui.repair.records import Repair
from hubtui.server import Server, accounts, homes
from hubtui.students import Survey


def no_home(server: Server, subject: Repair) -> list[Step]:
    """A new one, as useradd makes it."""
    home = MakeHome(server, subject.name, subject.uid or 0, Path(subject.place))
    return [SameAccount(server, subject), home]


def home_open(server: Server, subject: Repair) -> list[Step]:
    """Mode 0700, on the folder that was shown."""
    return [SameAccount(server, subject), Close(closing(subject))]


def adopt(server: Server, subject: Repair) -> list[Step]:
    """An account of its name, with the uid that it belongs to; what is in it stays as it is."""
    steps = account_steps(server, subject.name, subject.uid or 0, subject.digest)
    return [StillAlone(server, subject), *steps]


def adopted(seen: Survey, subject: Repair) -> Repair:
    """With the uid of the account to be made. Raises Refused where that is not free."""
    name, uid = subject.name, subject.owner
    who, where = shown(name, limit=60), shown(subject.place)
    if why := names.impossible(name):
        raise Refused(f"{who} {why}")
    if names.is_reserved(name) or name in seen.course.accounts.staff:
        raise Refused(f"{who} is reserved, or staff: no account is made for that home.")
    if name in seen.accounts.groups or accounts.group_exists(name):
        raise Refused(f"{who} is already a group on this server.")
    if homes.look(Path(subject.place)).kind is not homes.Kind.FOLDER:
        raise Refused(f"{where} is not a folder: look at it by hand.")
    if uid < 1000 or uid == accounts.NOBODY or uid in seen.accounts.by_uid:
        raise Refused(f"{where} belongs to uid {uid}, which is no gone student's.")
    given = seen.ledger.by_uid.get(uid)
    if given is not None and (given.retired or given.name != name):
        raise Refused(f"{where} belongs to uid {uid}, which was somebody else's: archive it.")
    rows = [row for row in seen.sign_ups if row.name == name and row.authorised]
    digest = rows[0].digest if len(rows) == 1 else None
    return msgspec.structs.replace(subject, uid=uid, digest=given.for_ if given else digest)


class StillAlone(Check):
    """The folder is the one that was shown, and no account has its name or uid; or it is ours."""

    def say(self) -> str:
        """For the plan."""
        return f"check that {self.where} is still the folder of uid {self.subject.owner}, alone"

    def look(self, seen: Survey) -> None:
        """Raise ChangedSinceShown where it is not so."""
        subject = self.subject
        same_home(subject)
        account = seen.accounts.by_name.get(subject.name)
        if account is not None and account.uid == subject.uid:
            return  # begun, and not finished
        if account is not None or accounts.exists(subject.name):
            raise ChangedSinceShown(f"{self.who} is an account by now.")
        try:
            adopted(seen, subject)
        except Refused as e:
            raise ChangedSinceShown(str(e)) from e


def closing(subject: Repair) -> Fix:
    """The home as ``hubtui doctor --fix`` knows it."""
    return Fix(
        key=subject.key,
        name=subject.name,
        kind="home",
        mends="accounts.open",
        place=subject.place,
        uid=subject.owner,
        inode=subject.inode,
        mode=subject.mode,
    )
