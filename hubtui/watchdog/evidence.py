"""What is saved before a restart takes it away.

Each collector has a thread of its own and all have the same few seconds: a disk that hangs, a name
service that is away or a command that waits cost their own part, and hold up no restart. Looking
changes nothing; above all it never opens the hub's database.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from hubtui.errors import HubtuiError, StateError
from hubtui.names import shown
from hubtui.server import Server
from hubtui.server.hubprocess import Launch
from hubtui.watchdog import collectors, hublog, known
from hubtui.watchdog.hublog import Place
from hubtui.watchdog.records import Evidence, Memory, Scene, Seen, Verdict
from hubtui.watchdog.scrub import scrub

WITHIN = 4.0
"""Seconds for all of it."""


def collect(
    server: Server,
    scene: Scene,
    identity: str,
    *,
    unit: str = "",
    verdict: Verdict = Verdict.UNKNOWN,
    before: Memory,
    lowest_available: int | None,
    within: float = WITHIN,
) -> Evidence:
    """Look at everything that may say why, for the incident ``identity``.

    ``unit``: the hub's, where the caller knows it; else the one that it ran in last. ``before``:
    what the looks before remember. ``lowest_available``: bytes of memory in the hour before. Takes
    at most ``within`` seconds, and a moment more; what failed or was late is in ``missing``.
    """
    launch = _launch(server)
    unit = unit or _unit(scene.hub, launch)
    place = _place(server, scene.hub, launch, unit)
    found, missing = gather(_tasks(server, scene, place, unit, within), within)
    if place is None:
        missing = (*missing, "log: nobody knows where it is; name it as hub.log in course.yaml.")
    names = found.get("names", frozenset())
    look = _Clean(names)
    numbers, at_unit = scene.machine, dict(found.get("unit", {}))
    disks = {disk.path: disk for key, disk in found.items() if key.startswith("disk ")}
    days = [probe.days_left for probe in scene.probes.values() if probe.days_left is not None]
    locked = found.get("database's locks")
    return Evidence(
        id=identity,
        at=scene.at,
        verdict=verdict,
        probes=tuple(replace(probe, text=look.line(probe.text)) for probe in scene.probes.values()),
        log_place=look.line(str(place or "")),
        log=scrub(found.get("log", ()), names),
        log_age=scene.log_age if scene.log_age is not None else found.get("log's age"),
        kernel=scrub(found.get("kernel", ()), names),
        oom_kills=numbers.oom_kills,
        oom_kills_before=before.oom_kills,
        available=numbers.available,
        total=numbers.total,
        lowest_available=lowest_available,
        swap_free=numbers.swap_free,
        swap_total=numbers.swap_total,
        load=numbers.load,
        cpus=numbers.cpus,
        stalled_memory=numbers.stalled_memory,
        stalled_cpu=numbers.stalled_cpu,
        disks=tuple(disks.values()),
        hub=look.process(scene.hub),
        proxy=look.process(scene.proxy),
        owners=tuple(
            replace(owner, program=look.line(owner.program)) for owner in found.get("ports", ())
        ),
        database_locked=bool(locked) if locked is not None else None,
        database_holders=tuple(look.line(holder) for holder in locked or ()),
        certificate_days=min(days, default=None),
        uptime=numbers.uptime,
        upgraded=found.get("upgrades", ()),
        memory_by_uid=found.get("memory by uid", ()),
        unit=unit,
        unit_result=at_unit.pop("Result", ""),
        unit_settings=at_unit,
        missing=missing,
    )


def gather(
    tasks: Mapping[str, Callable[[], Any]], within: float
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Do all tasks side by side; returns what came by name, and a sentence for each that failed.

    After ``within`` seconds those still at work are left alone: their threads end with the process.
    """
    found: dict[str, Any] = {}
    failed: dict[str, str] = {}

    def carry_out(key: str, task: Callable[[], Any]) -> None:
        try:
            found[key] = task()
        except HubtuiError as e:
            failed[key] = str(e).removesuffix(".")
        except OSError as e:
            failed[key] = f"{e.filename}: {e.strerror}" if e.filename else str(e)
        except Exception as e:  # one that fails in its own way must not take the others with it
            failed[key] = f"{type(e).__name__}: {e}"

    until = time.monotonic() + within
    threads = []
    for key, task in tasks.items():
        thread = threading.Thread(target=carry_out, args=(key, task), daemon=True)
        try:
            thread.start()
        except RuntimeError:  # no memory, or no process more, for a thread: as bad as it gets
            failed[key] = "no thread could be started"
        else:
            threads.append(thread)
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    came, late = dict(found), f"no answer within {within:g} s"
    missing = (f"{key}: {shown(failed.get(key, late), 200)}." for key in tasks if key not in came)
    return came, tuple(missing)


def _tasks(
    server: Server, scene: Scene, place: Place | None, unit: str, within: float
) -> dict[str, Callable[[], Any]]:
    course, run = server.course, server.run
    tasks: dict[str, Callable[[], Any]] = {
        "names": partial(collectors.names, course),
        "kernel": partial(collectors.kernel, run, scene.machine.uptime, within),
        "ports": partial(collectors.owners, course),
        "database's locks": partial(collectors.database_holders, course, scene.hub),
        "memory by uid": collectors.memory_by_uid,
        "upgrades": partial(collectors.upgraded, scene.at),
    }
    for folder in collectors.folders(course, place, scene.proxy):
        tasks[f"disk of {shown(str(folder), 80)}"] = partial(collectors.disk, folder)
    if place is not None:
        tasks["log"] = partial(collectors.log, place, run)
        tasks["log's age"] = partial(hublog.age, place, scene.at, run)
    if unit and collectors.SYSTEMD.is_dir():
        tasks["unit"] = partial(collectors.unit_state, run, unit, within)
    return tasks


def _launch(server: Server) -> Launch | None:
    """How the hub ran last."""
    try:
        before = known.read(server.state)
    except StateError:
        return None
    return before.launch if before is not None else None


def _unit(hub: Seen | None, launch: Launch | None) -> str:
    if hub is not None:
        return hub.unit
    return launch.unit if launch is not None else ""


def _place(server: Server, hub: Seen | None, launch: Launch | None, unit: str) -> Place | None:
    """Where the log is, also that of a hub that is gone."""
    if hub is None and server.course.hub.log is None and launch is not None:
        file = Path(launch.output.removeprefix("file "))
        if file.is_absolute() and file.is_file():
            return Place(file=file)
    return hublog.place(server.course, hub, unit)


class _Clean:
    """What other programs say, without names, addresses and secrets."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = names

    def line(self, text: str) -> str:
        return scrub([text], self._names)[0]

    def process(self, seen: Seen | None) -> Seen | None:
        if seen is None:
            return None
        return replace(seen, program=self.line(seen.program), output=self.line(seen.output))
