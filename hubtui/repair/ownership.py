"""A home that belongs to another uid is given to its account, with all in it that is that uid's.

Root must not act inside a folder that somebody controls. So the folder itself becomes root's, 0700,
first: from then nobody can walk into it, and where somebody is in it already, it is given back at
once. What happens inside then is ``find`` and ``chown`` of the system, on one filesystem, no link
followed; at last the folder becomes the student's.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from hubtui.errors import ChangedSinceShown, CommandFailed, Refused, StateError
from hubtui.names import shown
from hubtui.plan.steps import Step
from hubtui.reads import reading
from hubtui.repair.ground import SameAccount, same_home
from hubtui.repair.records import Repair
from hubtui.server import Server, disks, homes, processes
from hubtui.server.run import say
from hubtui.students import Survey

_LONGEST = 3600.0
"""Seconds for one home: a million files take two minutes on a slow disk."""


def handed_over(server: Server, subject: Repair) -> list[Step]:
    """The steps."""
    return [
        Unused(server, subject),
        TakeTop(server, subject),
        GiveAll(server, subject),
        GiveTop(server, subject),
    ]


def refuse(seen: Survey, subject: Repair) -> None:
    """Raise Refused where the folder is another account's."""
    owner = seen.accounts.by_uid.get(subject.owner)
    if owner is not None and owner.uid != 0 and owner.name != subject.name:
        raise Refused(
            f"{shown(subject.place)} belongs to {shown(owner.name, limit=60)} (uid {owner.uid}): "
            "it is not given away. Archive it, or look at it by hand."
        )


class Unused(SameAccount):
    """The same account and folder; nobody else's, and nothing is mounted in it."""

    def say(self) -> str:
        """For the plan."""
        return (
            f"check that {self.where} is still the folder of uid {self.subject.owner}, that this "
            "uid is nobody's, and that nothing is mounted there"
        )

    def look(self, seen: Survey) -> None:
        """Raise ChangedSinceShown where it is not so."""
        super().look(seen)
        same_home(self.subject)
        try:
            refuse(seen, self.subject)
        except Refused as e:
            raise ChangedSinceShown(str(e)) from e
        place = Path(self.subject.place)
        if flaw := reading.flaw(place.parent):
            raise ChangedSinceShown(f"{shown(str(place.parent))} is not root's alone: {flaw}.")
        real = os.path.realpath(place)
        if inside := [each for each in _mounts() if each.is_relative_to(real)]:
            raise ChangedSinceShown(f"{shown(str(inside[0]))} is mounted: unmount it first.")


class TakeTop(Step):
    """The folder is root's alone."""

    kind = "take"

    def __init__(self, server: Server, subject: Repair) -> None:
        self.subject, self.path = subject, Path(subject.place)

    def say(self) -> str:
        """For the plan."""
        return (
            f"make {shown(self.subject.place)} root's, mode 0700: nobody walks into it meanwhile "
            f"(it is {self.subject.owner}'s, {self.subject.mode:04o})"
        )

    def done(self) -> bool:
        """Whether it is, or is the student's already."""
        found = homes.look(self.path)
        return found.uid == self.subject.uid or (found.uid, found.mode) == (0, 0o700)

    def do(self) -> Iterator[str]:
        """Through a descriptor. Raises ChangedSinceShown where another stands there."""
        subject, where = self.subject, shown(self.subject.place)
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as e:
            raise ChangedSinceShown(f"{where} is another one now: {e.strerror}.") from e
        try:
            found = os.fstat(fd)
            same = (found.st_dev, found.st_ino) == (subject.device, subject.inode)
            if not same or found.st_uid not in (subject.owner, 0):
                raise ChangedSinceShown(f"{where} is another one now.")
            os.fchown(fd, 0, 0)  # before its mode: its owner could change that back
            os.fchmod(fd, 0o700)
            if pids := processes.inside(self.path):
                os.fchown(fd, found.st_uid, found.st_gid)
                os.fchmod(fd, stat.S_IMODE(found.st_mode))
                raise ChangedSinceShown(
                    f"Processes are at work in {where}: {_listed(pids)}. End them first."
                )
            os.fsync(fd)
        finally:
            os.close(fd)
        yield from ()

    def verify(self) -> None:
        """Look. Raises CommandFailed."""
        if not self.done():
            raise CommandFailed(f"{shown(self.subject.place)} is not root's alone.")


class GiveAll(Step):
    """What is in it and belongs to the old uid becomes the account's."""

    kind = "chown"

    def __init__(self, server: Server, subject: Repair) -> None:
        self.server, self.subject, self.path = server, subject, Path(subject.place)

    def say(self) -> str:
        """The command."""
        return say(self._argv())

    def done(self) -> bool:
        """Whether the folder was given back already, which comes last."""
        return homes.look(self.path).uid == self.subject.uid

    def do(self) -> Iterator[str]:
        """Run it, in a folder of root's. Raises ChangedSinceShown where it is none any more."""
        found = self.path.lstat()
        same = (found.st_dev, found.st_ino) == (self.subject.device, self.subject.inode)
        if not same or found.st_uid or stat.S_IMODE(found.st_mode) != 0o700:
            raise ChangedSinceShown(f"{shown(self.subject.place)} is not root's alone any more.")
        yield "files change hands"
        self.server.run(self._argv(), timeout=_LONGEST, hold=self.server.lock).check()

    def _argv(self) -> list[str]:
        """Of root's own files those with a second name are left: they may be the system's."""
        subject = self.subject
        alone = [] if subject.owner else ["(", "-type", "d", "-o", "-links", "1", ")"]
        return [
            "find", subject.place, "-xdev", "-mindepth", "1", "-uid", str(subject.owner), *alone,
            "-execdir", "chown", "--no-dereference", "--", f"{subject.uid}:{subject.gid}", "{}",
            "+",
        ]  # fmt: skip


class GiveTop(Step):
    """The folder is the student's, mode 0700."""

    kind = "home"

    def __init__(self, server: Server, subject: Repair) -> None:
        self.subject, self.path = subject, Path(subject.place)

    def say(self) -> str:
        """For the plan."""
        return f"{shown(self.subject.place)}: owner {self.subject.uid}, mode 0700"

    def done(self) -> bool:
        """Whether it is."""
        found = homes.look(self.path)
        return (found.uid, found.mode) == (self.subject.uid, 0o700)

    def do(self) -> Iterator[str]:
        """Hand it over; it is root's until now."""
        homes.hand_over(self.path, self.subject.uid or 0, self.subject.gid)
        yield from ()

    def verify(self) -> None:
        """Look. Raises CommandFailed."""
        if not self.done():
            raise CommandFailed(f"{shown(self.subject.place)} is not {self.subject.name}'s.")


def _listed(pids: set[int]) -> str:
    return ", ".join(str(pid) for pid in sorted(pids)[:5])


def _mounts() -> list[Path]:
    try:
        return disks.mount_points()
    except OSError as e:
        raise StateError(f"What is mounted here cannot be read: {e.strerror}.") from e
