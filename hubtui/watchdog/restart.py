"""A restart, step by step: the old hub's end, its proxy's, a new start, and the wait for it.

The same steps whether the check does them by itself or a person asked for a plan. Only the hub and
its own proxy are ended, by KILL: a TERM makes a hub with default settings stop every student's
server first, and a proxy that writes errors about errors does not hear it.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from hubtui.clock import parse
from hubtui.errors import CommandFailed, HubDown
from hubtui.names import shown
from hubtui.plan.steps import Step
from hubtui.server import Server, hubprocess, listeners, systemd
from hubtui.server.hub import uid_of
from hubtui.server.hubprocess import HUB, PROXY
from hubtui.server.run import say
from hubtui.watchdog import byhand, hublog, probes
from hubtui.watchdog.records import Layer, Seen
from hubtui.watchdog.ways import Way, commands

_GONE = 10.0
"""Seconds until a killed process is gone; one that waits for a disk may take longer."""
_START = 120.0
"""Seconds that systemctl, or the command of course.yaml, may take."""
_LEAST = 30.0
"""Seconds that a hub may take to answer, whatever ``watchdog.grace`` says."""


class Target(Struct, frozen=True, kw_only=True):
    """What is restarted, as it was when it was decided; the subject of a plan."""

    key: str = "hub"
    name: str = "the hub"
    at: str
    """RFC 3339: a hub that began later is the new one."""
    way: Way | None
    """None: the proxy alone; the hub starts a new one by itself."""
    hub: int = 0
    hub_began: int = 0
    proxy: int = 0
    proxy_began: int = 0
    proxy_unit: str = ""
    """Where the proxy is a service of its own, which the hub does not start."""
    verdict: str = ""
    """Of the last check."""
    servers: int = 0
    """Students' servers that ran."""
    incident: str = ""
    """Where it is noted."""
    by: str = "watchdog"


def target(
    at: str, way: Way | None, hub: Seen | None, proxy: Seen | None, **more: str | int
) -> Target:
    """The target for what a look saw; a proxy that is not the hub's own is left alone."""
    own, unit = 0, ""
    if proxy is not None and hubprocess.is_program(proxy.pid, PROXY):
        its_own = proxy.unit and (hub is None or proxy.unit != hub.unit)
        unit = proxy.unit if its_own and (way is None or proxy.unit != way.unit) else ""
        own = proxy.pid
    found_hub = hubprocess.process(hub.pid) if hub is not None and _is_hub(hub, way) else None
    found_proxy = hubprocess.process(own) if own else None
    return Target(
        at=at,
        way=way,
        hub=found_hub.pid if found_hub else 0,
        hub_began=found_hub.began if found_hub else 0,
        proxy=found_proxy.pid if found_proxy else 0,
        proxy_began=found_proxy.began if found_proxy else 0,
        proxy_unit=unit,
        **more,  # type: ignore[arg-type]
    )


def _is_hub(hub: Seen, way: Way | None) -> bool:
    """Whether it is one: by a wrong hub.api anything may listen there, a container's door too."""
    by_unit = way is not None and bool(way.unit) and hub.unit == way.unit
    return by_unit or hubprocess.is_program(hub.pid, HUB)


def steps(server: Server, target: Target) -> list[Step]:
    """What is done, in order."""
    found: list[Step] = []
    if target.way is not None and target.way.kind != "command" and target.hub:
        found.append(End("hub", target.hub, target.hub_began))
    if target.proxy_unit:
        if target.way is None:  # a restart of the hub alone does not need it
            found.append(StartUnit(server, target, target.proxy_unit))
    elif target.proxy and (target.way is None or target.way.kind != "command"):
        found.append(End("proxy", target.proxy, target.proxy_began))
    if target.way is not None:
        found.append(StartHub(server, target, target.way))
    found.append(Answer(server, target))
    return found


@dataclass
class End(Step):
    """KILL for one process, and no other that has its number by then."""

    what: str
    pid: int
    began: int
    kind: str = field(init=False)

    def __post_init__(self) -> None:
        self.kind = f"end {self.what}"

    def say(self) -> str:
        """The command."""
        return f"kill -KILL {self.pid}  (the {self.what})"

    def done(self) -> bool:
        """Whether it is gone."""
        return not hubprocess.is_same(self.pid, self.began)

    def do(self) -> Iterator[str]:
        """Kill it, and wait until it is gone."""
        yield from ()
        with suppress(ProcessLookupError):
            handle = os.pidfd_open(self.pid)
            try:
                if self.done():  # the number was another's before it was opened
                    return
                signal.pidfd_send_signal(handle, signal.SIGKILL)
                select.select([handle], [], [], _GONE)
            finally:
                os.close(handle)

    def verify(self) -> None:
        """Raise CommandFailed where it is still there."""
        if not self.done():
            raise CommandFailed(f"The {self.what}'s process {self.pid} does not end.")


class StartUnit(Step):
    """A service of systemd, started anew."""

    kind = "start proxy"

    def __init__(self, server: Server, target: Target, unit: str) -> None:
        self.server, self.target, self.unit = server, target, unit

    def say(self) -> str:
        """The command."""
        return say(["systemctl", "restart", self.unit])

    def do(self) -> Iterator[str]:
        """Start it; what systemd counted against it is forgotten first."""
        yield from ()
        self.server.run(["systemctl", "reset-failed", self.unit], timeout=10)
        self.server.run(["systemctl", "restart", self.unit], timeout=_START).check()


class StartHub(Step):
    """The hub, started as it was."""

    kind = "start hub"

    def __init__(self, server: Server, target: Target, way: Way) -> None:
        self.server, self.target, self.way = server, target, way

    def say(self) -> str:
        """The command as it will be run, or as it was once typed."""
        how = "as it was started before: " if self.way.kind == "hand" else ""
        return how + ", ".join(commands(self.way))

    def done(self) -> bool:
        """Whether a hub is there that began after this was decided: systemd may be quicker."""
        return new_hub(self.server, self.target) is not None

    def do(self) -> Iterator[str]:
        """Start it. Raises CommandFailed, Refused."""
        yield from ()
        way, run = self.way, self.server.run
        if way.kind == "command":
            run(way.command, timeout=_START).check()
        elif way.kind == "unit":
            run(["systemctl", "reset-failed", way.unit], timeout=10)
            run(["systemctl", "restart", way.unit], timeout=_START).check()
        elif way.launch is not None:
            byhand.start(self.server, way.launch, self.server.clock())


class Answer(Step):
    """The wait for the log-in page."""

    kind = "wait"
    lasting = False

    def __init__(self, server: Server, target: Target) -> None:
        self.server, self.target = server, target
        self.limit = max(_LEAST, float(server.course.watchdog.grace))

    def say(self) -> str:
        """What is waited for, and how long."""
        return f"wait until the log-in page answers, {self.limit:.0f} s at most"

    def do(self) -> Iterator[str]:
        """Ask each second. Raises CommandFailed: not in time, or the new hub ended again."""
        began = time.monotonic()
        uid, seen = uid_of(self.server.course), False
        told = 0
        while not _answers(self.server, uid):
            waited = time.monotonic() - began
            alive = self.target.way is None or new_hub(self.server, self.target) is not None
            seen = seen or alive
            if waited > self.limit or (seen and not alive and waited > 5):
                raise CommandFailed(self._why(waited, ended=not alive))
            if int(waited) // 5 > told:
                told = int(waited) // 5
                yield f"{waited:.0f} s"
            time.sleep(0.5)
        self.told = f"up again after {time.monotonic() - began:.0f} s"

    def _why(self, waited: float, *, ended: bool) -> str:
        where = hublog.place(self.server.course, None, _unit(self.target))
        lines = [line for line in hublog.tail(where, 30) if line.strip()] if where else []
        last = f" Its last line: {shown(lines[-1].strip(), 160)}" if lines else ""
        if ended:
            return f"The new hub ended again after {waited:.0f} s.{last}"
        return f"The log-in page did not answer within {waited:.0f} s.{last}"


def new_hub(server: Server, target: Target) -> int | None:
    """The process of a hub that began after the target was seen; None: there is none (yet)."""
    place = listeners.place_of(server.course.hub.api, "hub.api", 0)
    candidates: list[int] = []
    with suppress(HubDown):
        candidates += hubprocess.listening(place.host, place.port)
    if target.way is not None and target.way.launch is not None:
        launch = target.way.launch
        config = hubprocess.config_of(launch.words, Path(launch.cwd))
        candidates += hubprocess.hubs(launch.uid, config)
    uid, since = uid_of(server.course), began_after(parse(target.at))
    for pid in candidates:
        found = hubprocess.process(pid)
        if (
            found is not None
            and (pid, found.began) != (target.hub, target.hub_began)
            and found.began >= since
            and found.state not in "ZX"
            and hubprocess.uids(pid) == {uid}
        ):
            return pid
    return None


def began_after(at: datetime) -> int:
    """The moment as /proc/PID/stat counts: clock ticks after boot, a second earlier."""
    past = time.time() - at.timestamp() + 1
    return int((time.clock_gettime(time.CLOCK_BOOTTIME) - past) * hubprocess.TICKS)


def _unit(target: Target) -> str:
    return target.way.unit if target.way is not None else ""


def _answers(server: Server, uid: int) -> bool:
    """Whether hub and log-in page do; the public address is Apache's affair."""
    found = probes.ask(server.course, uid, public=False)
    return found[Layer.HUB].ok and found[Layer.CHAIN].ok


def is_unit_starting(server: Server, unit: str) -> bool:
    """Whether systemd is about to start it, or does: ``Restart=`` is quicker than a check."""
    try:
        found = systemd.show(server.run, unit, "ActiveState")
    except CommandFailed:
        return False
    return found.get("ActiveState") in ("activating", "reloading", "deactivating")
