"""What every repair stands on: the account, the home, the sign-ups are still as they were shown."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from hubtui.errors import ChangedSinceShown
from hubtui.names import shown
from hubtui.plan.steps import Step
from hubtui.repair.records import Repair
from hubtui.server import Server
from hubtui.server.accounts import Account
from hubtui.students import Survey, complete, survey


class Check(Step):
    """Looks under the lock before anything is changed; subclasses say at what."""

    kind = "check"
    lasting = False

    def __init__(self, server: Server, subject: Repair) -> None:
        self.server, self.subject = server, subject
        self.who, self.where = shown(subject.name, limit=60), shown(subject.place)

    def do(self) -> Iterator[str]:
        """Look once more at everything."""
        seen = survey(self.server)
        complete(seen)
        self.look(seen)
        yield from ()

    def look(self, seen: Survey) -> None:
        """Raise ChangedSinceShown where it is not as it was shown."""
        raise NotImplementedError


class SameAccount(Check):
    """It still is the course account that was shown; nobody of staff, and nobody who leaves."""

    def say(self) -> str:
        """For the plan."""
        return f"check that {self.who} is still the course account with uid {self.subject.uid}"

    def look(self, seen: Survey) -> None:
        """Raise ChangedSinceShown where it is another."""
        account_of(seen, self.subject)
        if self.subject.name in seen.leaving:
            raise ChangedSinceShown(f"{self.who} is being retired: it stays as it is.")


class SameHome(Check):
    """The folder is still the one that was shown, and no mount."""

    def say(self) -> str:
        """For the plan."""
        return f"check that {self.where} is still the folder of uid {self.subject.owner}"

    def look(self, seen: Survey) -> None:
        """Raise ChangedSinceShown where it is another."""
        same_home(self.subject)


def account_of(seen: Survey, subject: Repair) -> Account:
    """The account of the subject. Raises ChangedSinceShown where it is another by now."""
    account = seen.students.get(subject.name)
    if account is None or (account.uid, str(account.home)) != (subject.uid, subject.place):
        raise ChangedSinceShown(
            f"{shown(subject.name, limit=60)} is no longer the account that was shown."
        )
    return account


def same_home(subject: Repair) -> None:
    """Raise ChangedSinceShown where another folder stands there, or none."""
    where = shown(subject.place)
    try:
        found = Path(subject.place).lstat()
    except OSError as e:
        raise ChangedSinceShown(f"{where} is gone: {e.strerror}.") from e
    before = (subject.device, subject.inode)
    if not stat.S_ISDIR(found.st_mode) or (found.st_dev, found.st_ino) != before:
        raise ChangedSinceShown(f"{where} is another one now.")
