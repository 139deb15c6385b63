"""What one look sees: the answers, hub and proxy as processes, the hub's log, the machine."""

from __future__ import annotations

import contextlib
import re
import time
from datetime import datetime
from pathlib import Path

from msgspec.structs import replace

from hubtui.course import Course
from hubtui.errors import HubDown, StateError
from hubtui.server import hubprocess, listeners, machine
from hubtui.watchdog import causes, hublog, known, probes
from hubtui.watchdog.hublog import Place
from hubtui.watchdog.records import Got, Layer, Memory, Probe, Scene, Seen, Trace

# "[I 2026-11-25 08:51:00.123 JupyterHub log:192] 200 GET …", in a journal with more before it.
_HUB_LINE = re.compile(r"\[[A-Z] (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\.\d+ JupyterHub ")


def look(
    course: Course, state_dir: Path, uid: int, memory: Memory, at: datetime
) -> tuple[Scene, Memory]:
    """Look once; returns what was seen and what to remember of it for the next look.

    ``uid`` is the hub's. Takes as long as the slowest of the four answers.
    """
    asked = (course.hub.api, course.hub.proxy)
    if memory.asked != asked:  # in course.yaml they are others since
        memory = Memory(asked=asked)
    answers = probes.ask(course, uid)
    hub, hub_socket = _hub(course, state_dir, uid, memory)
    proxy, proxy_socket = _on_port(course.hub.proxy, memory.proxy)
    numbers = machine.numbers()
    clock = time.clock_gettime(time.CLOCK_BOOTTIME)
    seen_hub = _seen(hub, memory.hub, clock) if hub else None
    seen_proxy = _seen(proxy, memory.proxy, clock) if proxy else None
    place = hublog.place(course, seen_hub)
    lines, mark = _fresh(place, memory)
    silent = answers[Layer.HUB].got is Got.SILENT
    logged = _logged(place, lines, memory, at, silent=silent)
    scene = Scene(
        at=at,
        probes={layer: _named(course, uid, probe) for layer, probe in answers.items()},
        hub=seen_hub,
        proxy=seen_proxy,
        machine=numbers,
        log_place=str(place or ""),
        log_age=(at - logged).total_seconds() if logged is not None else None,
        signs=causes.signs(lines),
    )
    return scene, replace(
        memory,
        hub=_trace(hub, hub_socket, clock),
        proxy=_trace(proxy, proxy_socket, clock),
        log_place=str(place or ""),
        log_at=mark,
        logged=logged,
    )


def _fresh(place: Place | None, memory: Memory) -> tuple[list[str], int]:
    """What is new in the log, and how far it was read; one that is new to us from its end."""
    if place is None or place.file is None:
        return [], 0
    if str(place) == memory.log_place:
        return hublog.fresh(place, memory.log_at)
    with contextlib.suppress(OSError):
        return hublog.fresh(place, 0 if memory.log_place else place.file.stat().st_size)
    return [], 0


def _logged(
    place: Place | None, lines: list[str], memory: Memory, at: datetime, *, silent: bool
) -> datetime | None:
    """When the hub itself last wrote: proxy and students' servers write to the same log.

    A journal costs more to read than all else here: only while the hub does not answer.
    """
    if place is not None and place.file is None and silent:
        lines = hublog.tail(place, 100)
        times = [time for line in lines if (time := _time(line)) is not None]
        # A student can write such a line as well: one from the future would never grow old.
        return max((time for time in times if time <= at), default=memory.logged)
    return at if any(_HUB_LINE.search(line) for line in lines) else memory.logged


def _time(line: str) -> datetime | None:
    found = _HUB_LINE.search(line)
    with contextlib.suppress(ValueError, OverflowError):
        return datetime.fromisoformat(found[1]).astimezone() if found is not None else None
    return None


def _hub(course: Course, state_dir: Path, uid: int, memory: Memory) -> tuple[int | None, int]:
    """The hub's process: who has its port, else who has its configuration; with its socket."""
    pid, socket = _on_port(course.hub.api, memory.hub)
    if pid is not None and hubprocess.uids(pid) == {uid}:
        return pid, socket
    if memory.hub is not None and hubprocess.is_same(memory.hub.pid, memory.hub.began):
        return memory.hub.pid, 0
    before = None
    with contextlib.suppress(StateError):
        before = known.read(state_dir)
    if before is None:
        return None, 0  # never seen: any hub of this uid could be another course's
    if hubprocess.is_same(before.pid, before.began):
        return before.pid, 0
    return next(iter(hubprocess.hubs(uid, before.config)), None), 0


def _on_port(url: str, before: Trace | None) -> tuple[int | None, int]:
    """Who listens there, and with which socket."""
    if (
        before is not None
        and before.socket
        and hubprocess.is_same(before.pid, before.began)
        and hubprocess.holds(before.pid, before.socket)
    ):
        return before.pid, before.socket
    place = listeners.place_of(url, "", 0)
    with contextlib.suppress(HubDown):
        for row in listeners.listeners(place.host, place.port):
            for pid in hubprocess.holding(row.inode):
                return pid, row.inode
    return None, 0


def _trace(pid: int | None, socket: int, clock: float) -> Trace | None:
    found = hubprocess.process(pid) if pid is not None else None
    if found is None:
        return None
    return Trace(pid=found.pid, began=found.began, ticks=found.ticks, at=clock, socket=socket)


def _seen(pid: int, before: Trace | None, clock: float) -> Seen | None:
    found = hubprocess.process(pid)
    if found is None or found.state in "ZX":
        return None
    cpu = None
    if before is not None and (before.pid, before.began) == (pid, found.began):
        past = clock - before.at
        if past >= 1:  # of less the ticks are too coarse
            cpu = round((found.ticks - before.ticks) / hubprocess.TICKS / past, 2)
    uids = hubprocess.uids(pid)
    return Seen(
        pid=pid,
        uid=min(uids) if uids else -1,
        program=hubprocess.program(pid),
        state=found.state,
        age=round(clock - found.began / hubprocess.TICKS, 1),
        cpu=cpu,
        memory=found.memory,
        files=hubprocess.files(pid),
        files_limit=hubprocess.files_limit(pid),
        output=hubprocess.output(pid),
        room=hubprocess.room(pid),
        unit=hubprocess.unit(pid),
    )


def _named(course: Course, uid: int, probe: Probe) -> Probe:
    """Who the stranger on a port is: by uid and process, for incidents are kept for long."""
    if probe.got is not Got.STRANGER:
        return probe
    url = course.hub.api if probe.layer is Layer.HUB else course.hub.proxy
    place = listeners.place_of(url, "", 0)
    with contextlib.suppress(HubDown):
        strangers = [
            row.uid for row in listeners.listeners(place.host, place.port) if row.uid != uid
        ]
        if strangers:
            found = max(strangers)
            pids = hubprocess.listening(place.host, place.port)
            process = [f", process {pid}," for pid in pids if found in hubprocess.uids(pid)][:1]
            text = f"uid {found}{''.join(process)} listens on {place.name}"
            return replace(probe, uid=found, text=text)
    return probe
