"""The watchdog's screens: each on files as a watchdog would have left them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import msgspec

from hubtui import pauses
from hubtui.course import Notify, Watchdog
from hubtui.server import Server
from hubtui.tui.app import HubtuiApp
from hubtui.tui.look import Look
from hubtui.tui.watch_look import Watcher
from hubtui.watchdog.records import State, Verdict
from tests import watch_on_disk as disk
from tests.snapshots import scenes
from tests.snapshots.showing import CONFIG, Given, calm


def server(tmp_path: Path, *, called: bool = True) -> Server:
    """A course whose watchdog's files lie below ``tmp_path``."""
    on_paper = scenes.server_on_paper(tmp_path)
    hub = msgspec.structs.replace(on_paper.course.hub, log=tmp_path / "jupyterhub.log")
    course = msgspec.structs.replace(
        on_paper.course,
        hub=hub,
        watchdog=Watchdog(logs=tmp_path / "logs"),
        notify=Notify(mail="admin@example.org") if called else Notify(),
    )
    return dataclasses.replace(on_paper, course=course, live=tmp_path / "live")


def app(server: Server, tmp_path: Path, *, read_only: bool = False) -> HubtuiApp:
    """With what the files say now."""
    seen: Look = scenes.class_on_a_bad_day(tmp_path)
    look = dataclasses.replace(seen, watch=Watcher(server).look(shown=True))
    return HubtuiApp(
        server,
        CONFIG,
        pane="watchdog",
        looker=Given(server, look),
        gather=calm,
        read_only=read_only,
    )


def healthy(server: Server) -> None:
    """A good day, after weeks that were not."""
    disk.now(server)
    disk.samples(server, [(one.at, one.over or one.at) for one in disk.history(server)])


def in_an_incident(server: Server) -> None:
    """The hub is gone, the second restart is waited for."""
    healthy(server)
    at = server.clock()
    disk.samples(server, [(at - timedelta(minutes=2), at)])
    disk.now(
        server,
        state=State.BACKOFF,
        verdict=Verdict.HUB_DEAD,
        since=at - timedelta(minutes=2),
        text="The hub is gone: no process, and nobody on its port. The last of 2 restarts failed: "
        "The log-in page did not answer within 120 s. The next try is at 12:03.",
        do="To try now: hubtui watchdog restart",
        probes=disk.GONE,
        until=at + timedelta(minutes=3),
    )


def gave_up(server: Server) -> None:
    """Too many restarts."""
    in_an_incident(server)
    at = server.clock()
    disk.samples(server, [(at - timedelta(minutes=65), at)])
    disk.now(
        server,
        state=State.GAVE_UP,
        verdict=Verdict.HUB_DEAD,
        since=at - timedelta(minutes=14),
        text="The hub is gone: no process, and nobody on its port. The last of 5 restarts failed: "
        "The new hub ended again after 3 s. Its last line: SyntaxError: '(' was never closed. "
        "No restart cures that: a person is needed. It is tried once more at 12:16.",
        do="See why: hubtui watchdog causes; then: hubtui watchdog restart",
        probes=disk.GONE,
    )


def paused_in_an_exam(server: Server) -> None:
    """Somebody works on the hub while an exam runs."""
    healthy(server)
    at = server.clock()
    pauses.pause(server.state, at + timedelta(hours=2), "eva", "upgrade of the disk", at)
    pauses.add_exam(server.state, at - timedelta(hours=1), at + timedelta(hours=1), "eva", at)
    disk.now(server, state=State.PAUSED, until=at + timedelta(hours=2), exam=True)


def silent(server: Server) -> None:
    """The timer was switched off."""
    healthy(server)
    at = server.clock()
    disk.now(server, at=at - timedelta(minutes=14), next_at=at - timedelta(minutes=13))


def not_installed(_server: Server) -> None:
    """Nothing of a watchdog is there."""


def without_history(server: Server) -> None:
    """It watches since this morning, and nothing has happened."""
    disk.now(server)
    disk.samples(server)


SCENES: dict[str, Callable[[Server], None]] = {
    scene.__name__: scene
    for scene in (
        healthy,
        in_an_incident,
        gave_up,
        paused_in_an_exam,
        silent,
        not_installed,
        without_history,
    )
}
