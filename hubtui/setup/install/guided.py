"""``hubtui install``: all its parts as one change, in order; and all of it taken back.

A part that cannot be is left out with the reason; one that is so already is said to be.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from hubtui.errors import HubtuiError, Refused
from hubtui.reads import crontab
from hubtui.server import Server
from hubtui.setup.install import (
    files,
    restarters,
    takeover,
    timers,
    token,
    token_off,
    tutors,
    watchdog_unit,
)
from hubtui.setup.install.files import File, Installation
from hubtui.setup.install.folders import Folders
from hubtui.setup.install.stages import Pause, Stage

PARTS = ("folders", "token", "timers", "watchdog", "tutors", "shell")
"""What --without takes, in the order in which they are installed."""


@dataclass(frozen=True)
class Part:
    """One part of the plan."""

    name: str
    title: str
    stages: tuple[Stage, ...] = ()
    lines: tuple[str, ...] = ()
    """All that is written, to be read."""
    left_out: str = ""
    """Why it is not in the plan: a sentence with what to do."""
    notes: tuple[str, ...] = ()
    """What to know once it is there."""

    @property
    def is_so(self) -> bool:
        """Whether nothing is to be done."""
        return not self.left_out and all(stage.done() for stage in self.stages)


def parts(
    server: Server, config: Path, shell: Installation, *, without: Collection[str], take_over: bool
) -> list[Part]:
    """All parts in order; those of ``without`` are not looked at."""
    makers: dict[str, tuple[str, Callable[[], Part]]] = {
        "folders": ("folders that root alone can write", lambda: _folders(server)),
        "token": ("a token, by which hubtui sees and stops servers", lambda: _token(server)),
        "timers": (
            "hubtui due each minute: releases, late joiners, calls",
            lambda: _files(server, "timers", timers.timers(server, config)),
        ),
        "watchdog": (
            "a look at the hub each minute, and a restart where one helps",
            lambda: _watchdog(server, config, take_over=take_over),
        ),
        "tutors": (
            "the tutors' way in, by sudo",
            lambda: _files(server, "tutors", tutors.tutors(server, config)),
        ),
        "shell": ("completion and man page", lambda: _files(server, "shell", shell)),
    }
    found = []
    for name, (title, make) in makers.items():
        if name in without or (name == "shell" and not shell.files):
            continue
        try:
            part = make()
        except HubtuiError as e:
            part = Part(name, title, left_out=str(e))
        found.append(Part(name, title, part.stages, part.lines, part.left_out, part.notes))
    return found


def stages_back(server: Server, shell: Installation, *, without: Collection[str]) -> list[Stage]:
    """What takes all of it back, in order; of what is not there nothing."""
    gone: dict[str, list[Stage]] = {
        "shell": [Gone(server, [file.path for file in shell.files])],
        "tutors": [Gone(server, [tutors.SUDOERS, tutors.LAUNCHER])],
        "watchdog": [Gone(server, list(watchdog_unit.CHECK.files)), OldOn()],
        "timers": [Gone(server, list(timers.DUE.files))],
        "token": token_off.stages_back(server) if "token" not in without else [],
    }
    found = [stage for name, each in gone.items() if name not in without for stage in each]
    return [stage for stage in found if not stage.done()]


def _folders(server: Server) -> Part:
    stage = Folders(server)
    return Part("folders", "", (stage,), (stage.say(),))


def _token(server: Server) -> Part:
    if token.is_taken(server):
        return Part("token", "")
    way = token.way(server)
    return Part("token", "", tuple(token.stages(server, way)), tuple(token.lines(way)))


def _files(server: Server, name: str, found: Installation) -> Part:
    return Part(name, "", (Written(server, found),), tuple(found.lines()), notes=found.notes)


def _watchdog(server: Server, config: Path, *, take_over: bool) -> Part:
    found = watchdog_unit.watchdog(server, config)
    others = restarters.find(server.run, ours=watchdog_unit.CHECK.files)
    unfinished = Pause(server, takeover.WHY).is_ours
    if not others and not unfinished:
        return _files(server, "watchdog", found)
    if not take_over:
        takeover.refuse_beside(others, "hubtui install --take-over")
    each = takeover.stages(server, config, found, others)
    return Part("watchdog", "", tuple(each), tuple(found.lines()), notes=found.notes)


class Written(Stage):
    """The files of an installation, and its commands."""

    kind = "files written"

    def __init__(self, server: Server, installation: Installation) -> None:
        self.server, self.installation = server, installation
        self.before: list[File] = []
        self.new: list[Path] = []

    def say(self) -> str:
        """The files."""
        return f"write {', '.join(str(file.path) for file in self.installation.files)}"

    def done(self) -> bool:
        """Whether all is there, and works."""
        found = self.installation
        if any(path.exists() for path in found.instead):
            return False
        return all(map(files.is_there, found.files)) and not any(
            self.server.run(argv).code for argv in found.verify
        )

    def do(self) -> Iterator[str]:
        """Install it; what is as it should be stays."""
        paths = [file.path for file in self.installation.files]
        self.before = [file for path in paths if (file := as_it_is(path)) is not None]
        self.new = [path for path in paths if not path.exists()]
        yield from files.write(self.installation, self.server.run)

    def undo(self) -> str:
        """As before: what is new goes, what was changed is put back."""
        gone = files.remove([path for path in self.new if path.exists()], self.server.run)
        back = files.write(Installation(tuple(self.before)), self.server.run)
        return " ".join([*gone, *(line for line in back if line.endswith("written."))])


class Gone(Stage):
    """Files that install wrote, removed."""

    kind = "files removed"

    def __init__(self, server: Server, paths: list[Path]) -> None:
        self.server = server
        self.paths = [path for path in paths if path.exists()]
        self.before: list[File] = []

    def say(self) -> str:
        """The files."""
        return f"remove {', '.join(map(str, self.paths))}"

    def done(self) -> bool:
        """Whether none is there."""
        return not any(path.exists() for path in self.paths)

    def do(self) -> Iterator[str]:
        """Remove them."""
        self.before = [file for path in self.paths if (file := as_it_is(path)) is not None]
        yield from files.remove(self.paths, self.server.run)

    def undo(self) -> str:
        """Write them again, and switch the timers on."""
        timers_ = [file.path.name for file in self.before if file.path.suffix == ".timer"]
        after = [("systemctl", "enable", "--now", name) for name in timers_]
        reload = [("systemctl", "daemon-reload")] if timers_ else []
        again = Installation(tuple(self.before), after=(*reload, *after))
        return " ".join(files.write(again, self.server.run)) if self.before else ""


class OldOn(Stage):
    """The old script's line in root's crontab, switched on again."""

    kind = "old script on"

    def __init__(self) -> None:
        self.lines = crontab.off(crontab.read())

    def say(self) -> str:
        """Which lines."""
        return "; ".join(f"switch on {crontab.NAME}, line {n}: {line}" for n, line in self.lines)

    def done(self) -> bool:
        """Whether none is off."""
        return not crontab.off(crontab.read())

    def do(self) -> Iterator[str]:
        """Switch them on."""
        yield from ()
        takeover.old_script_back()


def as_it_is(path: Path) -> File | None:
    """A file of root's as it is now; None: there is none."""
    try:
        return File(path, path.read_text(errors="replace"), stat.S_IMODE(path.stat().st_mode))
    except FileNotFoundError:
        return None


def names(text: str) -> tuple[str, ...]:
    """``token,tutors``. Raises Refused: there is no part of that name."""
    found = tuple(name.strip() for name in text.split(",") if name.strip())
    if unknown := [name for name in found if name not in PARTS]:
        raise Refused(f"There is no part {unknown[0]!r}; the parts are: {', '.join(PARTS)}.")
    return found
