"""What a gone uid left goes into an archive, verified, by the same steps as when somebody retires.

Only of a uid that nobody has: then there is nobody to ask, and nobody who could be at work in it.
"""

from __future__ import annotations

from pathlib import Path

from hubtui.account_steps import MakeHome
from hubtui.errors import ChangedSinceShown, Refused
from hubtui.names import shown
from hubtui.plan.steps import Step
from hubtui.repair.ground import Check, SameAccount
from hubtui.repair.records import Repair, gone
from hubtui.retire.archive import Archive
from hubtui.retire.checks import Ground
from hubtui.retire.ending import RetireUid
from hubtui.retire.fence import Fence
from hubtui.retire.home import RemoveHome
from hubtui.retire.kept import Keeping
from hubtui.retire.records import KEEP_DAYS
from hubtui.retire.steps import EndAll
from hubtui.retire.strays import SweepStrays
from hubtui.server import Server, accounts, homes, strays
from hubtui.students import Survey

_BY_NAME = (Path("/var/spool/cron/crontabs"), Path("/var/mail"))


def home_alone(server: Server, subject: Repair) -> list[Step]:
    """The folder, as a home whose account is gone."""
    return [UidIsGone(server, subject), *_archived(server, subject)]


def home_owner(server: Server, subject: Repair) -> list[Step]:
    """The folder goes into an archive; then the account gets a new one."""
    steps: list[Step] = [SameAccount(server, subject)]
    if homes.look(Path(subject.place)).uid != subject.uid:  # else a run before got that far
        steps += [UidIsGone(server, subject), *_archived(server, subject)]
    return [*steps, MakeHome(server, subject.name, subject.uid or 0, Path(subject.place))]


def left_of_uid(server: Server, subject: Repair) -> list[Step]:
    """Processes, crontab, jobs, mail, files in folders that are everybody's."""
    whose = gone(subject)
    return [
        UidIsGone(server, subject),
        EndAll(server, whose),
        SweepStrays(server, whose, keeping(subject)),
        RetireUid(server, whose),
    ]


def refuse(server: Server, seen: Survey, subject: Repair) -> None:
    """Raise Refused where it is not a gone student's, or somebody else's would go along."""
    uid, owner = subject.owner, seen.accounts.by_uid.get(subject.owner)
    what = shown(subject.place) if subject.inode else f"uid {uid}"
    if uid < 1000 or uid == accounts.NOBODY:
        raise Refused(f"{what} is the system's (uid {uid}): look at it by hand.")
    if owner is not None:
        raise Refused(
            f"{what} belongs to {shown(owner.name, limit=60)} (uid {uid}), who is here: "
            "ask first, then move it by hand."
        )
    if subject.inode:
        for why in Ground(server, seen).of_others(Path(subject.place), subject.name):
            raise Refused(why)


def name_of(uid: int) -> str:
    """What a gone uid was called, where a crontab or a mailbox of it tells; else nothing."""
    left = strays.by_uid().get(uid, [])
    return next((path.name for path in left if path.parent in _BY_NAME), "")


def keeping(subject: Repair) -> Keeping:
    """How its archive is kept."""
    return Keeping(run=subject.run, by=subject.by, days=KEEP_DAYS)


def _archived(server: Server, subject: Repair) -> list[Step]:
    whose, how = gone(subject), keeping(subject)
    return [
        EndAll(server, whose),
        Fence(server, whose, how),
        Archive(server, whose, how),
        RemoveHome(server, whose, how),
        RetireUid(server, whose),
    ]


class UidIsGone(Check):
    """Nobody has the uid; nobody got it meanwhile."""

    def say(self) -> str:
        """For the plan."""
        return f"check that uid {self.subject.owner} is nobody's"

    def look(self, seen: Survey) -> None:
        """Raise ChangedSinceShown where somebody has it."""
        try:
            refuse(self.server, seen, self.subject)
        except Refused as e:
            raise ChangedSinceShown(str(e)) from e
