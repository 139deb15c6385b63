"""What doctor mends by itself: modes, line ends, dead timers, the time service.

Harmless: nothing that a student uses is stopped or restarted, and each can be taken back by the
value that stands in its step.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from hubtui.errors import ChangedSinceShown, CommandFailed
from hubtui.names import shown
from hubtui.plan.plans import Plan, new_plan
from hubtui.plan.steps import Chain, Step
from hubtui.server import Server, roster, systemd
from hubtui.server.run import say
from hubtui.units import counted

Kind = Literal["home", "state", "token", "roster", "unit", "clock"]
MODES = {"home": 0o700, "state": 0o711, "token": 0o600}
_CLOCK = ("timedatectl", "set-ntp", "true")


class Fix(msgspec.Struct, frozen=True, kw_only=True):
    """One thing as it was when the plan opened."""

    key: str
    name: str
    """What a person calls it; safe to show."""
    kind: Kind
    mends: str
    """The id of the finding that goes with it."""
    place: str = ""
    """A path, or a unit of systemd."""
    uid: int = -1
    """Whose the place was; with ``inode`` and ``mode`` those of a home, a folder, a file."""
    inode: int = 0
    mode: int = 0
    digest: str = ""
    """Of the roster's text."""
    backup: str = ""


def fix_plan(server: Server, chosen: Sequence[Fix]) -> Plan:
    """A plan that mends them."""
    return new_plan("fix", f"Mend {counted(len(chosen), 'thing')}", chosen, server.clock())


def fix_chain(server: Server, subject: Fix) -> Chain:
    """The one step of each."""
    step: Step
    match subject.kind:
        case "roster":
            step = CleanRoster(subject)
        case "unit":
            step = StartUnit(server, subject)
        case "clock":
            step = KeepClock(server)
        case _:
            step = Close(subject)
    uid = subject.uid if subject.kind == "home" else None
    return Chain(subject=subject.key, steps=[step], uid=uid)


class Close(Step):
    """Take a folder or file from others by its mode: through a descriptor, never through a link."""

    kind = "close"

    def __init__(self, subject: Fix) -> None:
        self.subject, self.path = subject, Path(subject.place)
        self.mode = MODES[subject.kind]

    def say(self) -> str:
        """The command, and the mode that takes it back."""
        argv = ("chmod", f"{self.mode:04o}", "--", self.subject.place)
        return f"{say(argv)} (it is {self.subject.mode:04o})"

    def done(self) -> bool:
        """Whether nobody else has a right on it that is to go."""
        try:
            found = self.path.lstat()
        except OSError:
            return False
        return not stat.S_IMODE(found.st_mode) & ~self.mode & 0o777

    def do(self) -> Iterator[str]:
        """Do it. Raises ChangedSinceShown where another stands there."""
        yield from ()
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        flags |= 0 if self.subject.kind == "token" else os.O_DIRECTORY
        try:
            fd = os.open(self.path, flags)
        except OSError as e:
            raise ChangedSinceShown(f"{self._where} is another one now: {e.strerror}.") from e
        try:
            found = os.fstat(fd)
            if (found.st_uid, found.st_ino) != (self.subject.uid, self.subject.inode):
                raise ChangedSinceShown(f"{self._where} is another one now.")
            os.fchmod(fd, self.mode)
            os.fsync(fd)
        finally:
            os.close(fd)

    def verify(self) -> None:
        """Look. Raises CommandFailed."""
        if not self.done():
            raise CommandFailed(f"{self._where} is still open to others.")

    @property
    def _where(self) -> str:
        return shown(self.subject.place)


class CleanRoster(Step):
    """One name a line, as scripts read it too."""

    kind = "roster"

    def __init__(self, subject: Fix) -> None:
        self.subject, self.path = subject, Path(subject.place)

    def say(self) -> str:
        """What is changed, and where the old one is."""
        return (
            f"write {shown(self.subject.place)} with plain line ends, names unchanged; as it is "
            f"now, it is kept in {shown(self.subject.backup)}"
        )

    def done(self) -> bool:
        """Whether nothing is wrong with it."""
        return not roster.flaws(self.path)

    def do(self) -> Iterator[str]:
        """Do it."""
        yield from ()
        roster.clean(self.path, self.subject.digest, Path(self.subject.backup))

    def verify(self) -> None:
        """Look. Raises CommandFailed."""
        if not self.done():
            raise CommandFailed(f"{shown(self.subject.place)} is not what was written.")


class StartUnit(Step):
    """A timer of hubtui, or cron: from now on and after each boot."""

    kind = "unit"

    def __init__(self, server: Server, subject: Fix) -> None:
        self.server, self.unit = server, subject.place
        self.argv = ("systemctl", "enable", "--now", subject.place)

    def say(self) -> str:
        """The command."""
        return say(self.argv)

    def done(self) -> bool:
        """Whether it runs, and will after a boot."""
        found = systemd.show(self.server.run, self.unit, "ActiveState", "UnitFileState")
        return found == {"ActiveState": "active", "UnitFileState": "enabled"}

    def do(self) -> Iterator[str]:
        """Do it."""
        yield from ()
        self.server.run(self.argv, hold=self.server.lock).check()

    def verify(self) -> None:
        """Look. Raises CommandFailed."""
        if not self.done():
            raise CommandFailed(f"{self.unit} does not run: see systemctl status {self.unit}")


class KeepClock(Step):
    """The time service that is meant to run."""

    kind = "clock"

    def __init__(self, server: Server) -> None:
        self.run, self.lock = server.run, server.lock

    def say(self) -> str:
        """The command."""
        return say(_CLOCK)

    def done(self) -> bool:
        """Whether it is on."""
        result = self.run(("timedatectl", "show", "--property=NTP", "--value"))
        return result.out.strip() == "yes"

    def do(self) -> Iterator[str]:
        """Do it."""
        yield from ()
        self.run(_CLOCK, hold=self.lock).check()

    def verify(self) -> None:
        """Look. Raises CommandFailed."""
        if not self.done():
            raise CommandFailed("The time service does not start: see timedatectl status")
