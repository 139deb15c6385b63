"""From a hub by hand to its unit, and back: hub and proxy alone are exchanged, students' servers
go on.

Both are ended by KILL: a TERM makes a hub with default settings stop every student's server. Where
the new one does not answer in time the old one is started again as it was.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from hubtui import state
from hubtui.clock import stamp
from hubtui.errors import CommandFailed, HubDown, Refused
from hubtui.names import shown
from hubtui.server import Server, hubprocess, listeners, systemd
from hubtui.server import hub as hubs
from hubtui.setup.install import files, hub_unit
from hubtui.setup.install.files import UNITS, Installation
from hubtui.setup.install.hub_unit import BY_HAND, ENVIRONMENT, JOURNALD, UNIT, Here
from hubtui.setup.install.stages import Pause, Resume, Stage
from hubtui.watchdog import byhand
from hubtui.watchdog.known import Known
from hubtui.watchdog.restart import Answer, End, Target
from hubtui.watchdog.ways import Way

LATER = "hubtui-hub-unit"
WHY = "the hub gets a unit, or loses it"


def stages(server: Server, hub: Here, installation: Installation) -> list[Stage]:
    """What ``hubtui install hub-unit`` does, in order."""
    if hub.unit and installation.files[0].path.parent != UNITS:
        return [Written(server, installation), InForce(server, hub.unit)]
    pause = Pause(server, WHY)
    return [
        pause,
        Written(server, installation),
        ToUnit(server, hub),
        AtBoot(server),
        Resume(pause),
    ]


def stages_back(server: Server) -> list[Stage]:
    """What ``hubtui uninstall hub-unit`` does; nothing where nothing of it is there.

    Raises Refused: nothing would start the hub.
    """
    pause = Pause(server, WHY)
    found = UNITS.glob(f"*.service.d/{hub_unit.DROP_IN}")
    written = [path for path in found if hub_unit.is_ours(path)]
    if hub_unit.is_ours(UNITS / UNIT):
        before = hub_unit.by_hand(server)
        if before is None:
            raise Refused(
                "How the hub was started before it had its unit is not known any more, and without "
                "it nothing would start the hub: the unit stays."
            )
        written += [UNITS / UNIT, ENVIRONMENT]
        back = ToHand(server, before)
        return [pause, back, Removed(server, [*written, JOURNALD], boot=True), Resume(pause)]
    removed = Removed(server, [*written, JOURNALD], boot=False)
    return [removed] if removed.paths else []


def later(config: Path, at: datetime) -> list[str]:
    """The command by which systemd does it at that time: once, and not after a reboot."""
    argv = [sys.executable, "-I", "-m", "hubtui", "--config", str(config.absolute())]
    return [
        *("systemd-run", f"--unit={LATER}", f"--on-calendar={at:%Y-%m-%d %H:%M:%S} UTC"),
        *("--timer-property=AccuracySec=1s", "--property=KillMode=process", "--collect", "--"),
        *(*argv, "install", "hub-unit", "--yes"),
    ]


class Written(Stage):
    """The files, and systemd told of them."""

    kind = "unit written"

    def __init__(self, server: Server, installation: Installation) -> None:
        self.server, self.installation = server, installation
        self.new = [file.path for file in installation.files if not file.path.exists()]

    def say(self) -> str:
        """The files."""
        return f"write {', '.join(str(file.path) for file in self.installation.files)}"

    def do(self) -> Iterator[str]:
        """Write what is not as it should be."""
        yield from files.write(self.installation, self.server.run)

    def undo(self) -> str:
        """Remove those that were not there before."""
        there = [path for path in self.new if path.exists()]
        return _remove(self.server, there)


class InForce(Stage):
    """systemd holds the settings for the unit that runs."""

    kind = "settings in force"
    lasting = False

    def __init__(self, server: Server, unit: str) -> None:
        self.server, self.unit = server, unit

    def say(self) -> str:
        """What is looked for."""
        wanted = ", ".join(f"{name}={value}" for name, value in hub_unit.IN_FORCE.items())
        return f"see that {self.unit} has {wanted}"

    def do(self) -> Iterator[str]:
        """Nothing but to look."""
        yield from ()

    def verify(self) -> None:
        """Raise CommandFailed where another drop-in says otherwise."""
        found = systemd.show(self.server.run, self.unit, *hub_unit.IN_FORCE)
        for name, value in hub_unit.IN_FORCE.items():
            if found.get(name) != value:
                raise CommandFailed(
                    f"{self.unit} still has {name}={found.get(name, '')}: another drop-in says so. "
                    f"See: systemctl cat {self.unit}"
                )


class ToUnit(Stage):
    """The hub by hand ends, that of the unit begins."""

    kind = "hub to its unit"

    def __init__(self, server: Server, hub: Here) -> None:
        self.server, self.hub = server, hub

    def say(self) -> str:
        """The commands."""
        end = f"kill -KILL {self.hub.pid} (the hub by hand) and its proxy, " if self.hub.pid else ""
        return f"{end}systemctl start {UNIT}, wait for the log-in page"

    def done(self) -> bool:
        """Whether the hub that listens is the unit's."""
        return runs_by_unit(self.server)

    def do(self) -> Iterator[str]:
        """Remember how it ran; exchange it."""
        if self.hub.pid is not None:
            state.write_document(self.server.state / BY_HAND, self.hub.known)
        yield from to_unit(self.server)

    def verify(self) -> None:
        """Raise CommandFailed where another hub answers."""
        if not self.done():
            raise CommandFailed(f"A hub answers, but not that of {UNIT}.")

    def undo(self) -> str:
        """Start it again as before, unless it still runs so."""
        if hub_unit.listening(self.server) is not None and not self.done():
            return ""
        before = hub_unit.by_hand(self.server)
        if before is None:
            return ""
        for _ in to_hand(self.server, before):
            pass
        return "the hub is started again as it was, by hand"


class ToHand(Stage):
    """The hub of the unit ends, one by hand begins."""

    kind = "hub by hand"

    def __init__(self, server: Server, before: Known) -> None:
        self.server, self.before = server, before

    def say(self) -> str:
        """The command."""
        words = hub_unit.command_of(Here(None, self.before, ""))
        return f"systemctl stop {UNIT}, start by hand as before: {words}"

    def done(self) -> bool:
        """Whether a hub listens that is not the unit's."""
        return hub_unit.listening(self.server) is not None and not runs_by_unit(self.server)

    def do(self) -> Iterator[str]:
        """Exchange it."""
        yield from to_hand(self.server, self.before)

    def undo(self) -> str:
        """Start the unit again."""
        if runs_by_unit(self.server):
            return ""
        for _ in to_unit(self.server):
            pass
        return f"{UNIT} runs the hub again"


class AtBoot(Stage):
    """The unit starts with the machine."""

    kind = "unit enabled"

    def __init__(self, server: Server) -> None:
        self.server = server

    def say(self) -> str:
        """The command."""
        return f"systemctl enable {UNIT}"

    def done(self) -> bool:
        """Whether it is."""
        return self.server.run(["systemctl", "is-enabled", UNIT]).out.strip() == "enabled"

    def do(self) -> Iterator[str]:
        """Enable it."""
        yield from ()
        self.server.run(["systemctl", "enable", UNIT]).check()

    def undo(self) -> str:
        """Disable it."""
        if not self.done():
            return ""
        self.server.run(["systemctl", "disable", UNIT]).check()
        return f"{UNIT} does not start with the machine"


class Removed(Stage):
    """The files that hubtui wrote are gone."""

    kind = "unit removed"

    def __init__(self, server: Server, paths: list[Path], *, boot: bool) -> None:
        self.server, self.boot = server, boot
        self.paths = [path for path in paths if path.exists()]

    def say(self) -> str:
        """The files."""
        return f"remove {', '.join(map(str, self.paths))}"

    def do(self) -> Iterator[str]:
        """Remove them."""
        if self.boot:
            self.server.run(["systemctl", "disable", UNIT])  # perhaps it is already
        yield _remove(self.server, self.paths)
        (self.server.state / BY_HAND).unlink(missing_ok=True)


def runs_by_unit(server: Server) -> bool:
    """Whether the hub that listens is the main process of the unit."""
    pid = hub_unit.listening(server)
    found = systemd.show(server.run, UNIT, "MainPID")
    return pid is not None and found.get("MainPID") == str(pid)


def to_unit(server: Server) -> Iterator[str]:
    """End hub and proxy that listen; start the unit and wait. Raises CommandFailed."""
    target = Target(at=stamp(server.clock()), way=Way(kind="unit", unit=UNIT))
    _end_listening(server)
    server.run(["systemctl", "reset-failed", UNIT])  # an error where there is nothing to forget
    server.run(["systemctl", "start", UNIT], timeout=120).check()
    for text in Answer(server, target).do():
        if systemd.show(server.run, UNIT, "NRestarts").get("NRestarts") != "0":
            raise CommandFailed(f"{UNIT} ended again. {_last_words(server)}")
        yield text


def _last_words(server: Server) -> str:
    """The last line of the hub itself: not what systemd says of its unit."""
    argv = ["journalctl", "--quiet", "--no-pager", "--output=cat", "--lines=20"]
    said = server.run([*argv, f"_SYSTEMD_UNIT={UNIT}"]).out.split("\n")
    last = next((line.strip() for line in reversed(said) if line.strip()), "")
    return f"Its last line: {shown(last, 200)}" if last else "It said nothing."


def to_hand(server: Server, before: Known) -> Iterator[str]:
    """End the unit's hub and the proxy; start by hand and wait. Raises CommandFailed, Refused."""
    launch = before.launch
    target = Target(at=stamp(server.clock()), way=Way(kind="hand", launch=launch))
    main = systemd.show(server.run, UNIT, "MainPID").get("MainPID", "0")
    # First the hub by KILL, then the unit, which has nothing left to send a TERM to.
    _end("hub", int(main))
    server.run(["systemctl", "stop", UNIT], timeout=120).check()
    _end_listening(server)
    byhand.start(server, launch, server.clock())
    yield from Answer(server, target).do()


def _end_listening(server: Server) -> None:
    """KILL for the hub and its proxy, wherever they run; a stranger on their ports stays."""
    hub = hub_unit.listening(server)
    if hub is not None:
        _end("hub", hub)
    place = listeners.place_of(server.course.hub.proxy, "hub.proxy", 0)
    uid = hubs.uid_of(server.course)
    try:
        found = hubprocess.listening(place.host, place.port)
    except HubDown:
        return
    for pid in found:
        own = hubprocess.uids(pid) == {uid} and hubprocess.is_program(pid, hubprocess.PROXY)
        if own and not _is_service(server, pid):
            _end("proxy", pid)


def _is_service(server: Server, pid: int) -> bool:
    """Whether it is a service of its own, which no hub starts or needs anew."""
    unit = hubprocess.unit(pid)
    found = systemd.show(server.run, unit, "MainPID") if unit else {}
    return found.get("MainPID") == str(pid)


def _end(what: str, pid: int) -> None:
    found = hubprocess.process(pid) if pid else None
    if found is not None:
        step = End(what, found.pid, found.began)
        for _ in step.do():
            pass
        step.verify()


def _remove(server: Server, paths: list[Path]) -> str:
    if not paths:
        return ""
    done = files.remove(paths, server.run)
    for folder in {path.parent for path in paths if path.name == hub_unit.DROP_IN}:
        with suppress(OSError):  # others have theirs in it
            folder.rmdir()
    server.run(["systemctl", "daemon-reload"]).check()
    if JOURNALD in paths:
        server.run(["systemctl", "restart", "systemd-journald.service"]).check()
    return " ".join(done)
