"""The pictures in screenshots/, taken from the app while the demo runs: bin/screenshots."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
from textual.pilot import Pilot
from textual.widgets import Input

from hubtui import course, pauses
from hubtui.course import Notify
from hubtui.demo import last_year
from hubtui.demo.form import log_in, sign_up
from hubtui.release import through_sudo
from hubtui.server import Server, hubprocess, listeners, server_of
from hubtui.tui.app import HubtuiApp
from hubtui.tui.dialogs import Page, PlanDialog
from hubtui.tui.exam_page import ExamPage
from hubtui.tui.glance_words import sign
from hubtui.tui.look import Entry
from hubtui.tui.pane import Pane
from hubtui.tui.repairing import RepairDialog
from hubtui.tui.retiring import RetireDialog
from hubtui.tui.run_dialog import RunDialog
from hubtui.tui.tutor import AsTutor, TutorLooker
from hubtui.tui.watch_causes import CausesPage
from hubtui.watchdog.records import State

CONFIG = Path("/etc/hubtui/course.yaml")
SIZES = ((120, 40), (80, 24))
CLASS = 28
_MORE_THAN_FIT = 400
_RELEASE = [sys.executable, "-I", "-m", "hubtui", "release"]
_PASSWORD = "correct horse battery"


async def _until(pilot: Pilot[int], what: Callable[[], bool], seconds: float = 90) -> None:
    until = time.monotonic() + seconds
    while not what():
        if time.monotonic() > until:
            raise TimeoutError("the picture never came")
        await pilot.pause(0.1)


def _pane(pilot: Pilot[int]) -> Pane | None:
    return pilot.app.screen if isinstance(pilot.app.screen, Pane) else None


async def _take(folder: Path, size: tuple[int, int]) -> None:
    app = HubtuiApp(server_of(course.load(CONFIG)), CONFIG, pane="signups")
    first = size == SIZES[0]

    async with app.run_test(size=size) as pilot:

        def save(name: str) -> None:
            app.save_screenshot(f"{name}-{size[0]}x{size[1]}.svg", str(folder))

        def rows() -> int:
            found = _pane(pilot)
            return len(found.entries) if found else 0

        await _until(pilot, lambda: rows() >= CLASS)
        save("signups")
        await pilot.press("asterisk", "a")
        await _until(pilot, lambda: isinstance(app.screen, PlanDialog))
        await pilot.press("enter")
        await pilot.pause(0.3)
        save("plan")
        if first:
            await pilot.press("tab", "enter")
            await _until(pilot, lambda: isinstance(app.screen, RunDialog))
            dialog = app.screen
            assert isinstance(dialog, RunDialog)
            await _until(pilot, lambda: dialog.outcome is not None)
            save("result")
        await pilot.press("escape")
        await pilot.press("3")
        await _until(pilot, lambda: _pane(pilot) is not None and rows() > 3)
        await pilot.press("m", "r")
        await _until(pilot, lambda: "running" in str([e.search for e in _entries(pilot)]))
        await pilot.pause(1.0)
        save("accounts")
        await pilot.press("2")
        pane = _pane(pilot)
        assert pane is not None
        key = next(k for k, e in pane.entries.items() if e.name == "old-walrus")
        pane.table.move_to(key)
        await pilot.press("w")
        await _until(pilot, lambda: _pane(pilot) is None)
        save("why")


async def _take_release(folder: Path, size: tuple[int, int], *, hand_out: bool) -> None:
    """The tutor's week: what is new, who gets what, the run, and who has what."""
    app = HubtuiApp(server_of(course.load(CONFIG)), CONFIG, pane="release")

    async with app.run_test(size=size) as pilot:

        def save(name: str) -> None:
            app.save_screenshot(f"{name}-{size[0]}x{size[1]}.svg", str(folder))

        await _until(pilot, lambda: len(_entries(pilot)) > 5)
        save("release")
        await pilot.press("home", "enter")
        await _until(pilot, lambda: isinstance(app.screen, PlanDialog))
        await pilot.pause(0.3)
        save("preview")
        if hand_out:
            await pilot.press("tab", "enter")
            await _until(pilot, lambda: isinstance(app.screen, RunDialog))
            dialog = app.screen
            assert isinstance(dialog, RunDialog)
            await _until(pilot, lambda: any(dialog.states.values()))
            save("progress")
            await _until(pilot, lambda: dialog.outcome is not None)
            save("handed-out")
        await pilot.press("escape")
        await _until(pilot, lambda: _pane(pilot) is not None)
        await pilot.press("v")
        await _until(pilot, lambda: _pane(pilot) is None)
        await pilot.pause(1.0)
        save("matrix")


async def _take_watchdog(folder: Path, size: tuple[int, int]) -> None:
    """A hub that is well, one that is gone, what it was each time, and what was saved of one."""
    server = server_of(course.load(CONFIG))
    app = HubtuiApp(server, CONFIG, pane="watchdog")

    async with app.run_test(size=size) as pilot:

        def save(name: str) -> None:
            app.save_screenshot(f"{name}-{size[0]}x{size[1]}.svg", str(folder))

        def state() -> State | None:
            found = _pane(pilot)
            now = found.look.watch.now if found and found.look else None
            return now.state if now is not None else None

        await _until(pilot, lambda: len(_entries(pilot)) > 5 and state() is State.UP, 180)
        await pilot.pause(1.0)
        save("watchdog")
        await pilot.press("enter")
        await _until(pilot, lambda: isinstance(app.screen, Page))
        await pilot.pause(0.3)
        save("evidence")
        await pilot.press("escape", "c")
        await _until(pilot, lambda: isinstance(app.screen, CausesPage))
        await pilot.pause(1.0)
        save("causes")
        await pilot.press("escape")
        os.kill(_hub(server), signal.SIGKILL)
        await pilot.press("n")
        # The second time it waits two minutes before it tries again.
        await _until(pilot, lambda: state() in (State.RESTARTING, State.BACKOFF))
        await pilot.pause(0.5)
        save("incident")
        await _until(pilot, lambda: state() is State.UP, 300)


def _hub(server: Server) -> int:
    """The process that listens on the hub's own port."""
    place = listeners.place_of(server.course.hub.api or "", "", 0)
    return hubprocess.listening(place.host, place.port)[0]


async def _take_glance(folder: Path, size: tuple[int, int]) -> None:
    """A day on which nothing needs anybody; the check before an exam; a day that is not well."""
    await asyncio.to_thread(_mend)
    known = course.load(CONFIG)
    busy = {"load": (100.0, 200.0), "latency": (20_000.0, 40_000.0)}  # what else runs here
    called = Notify(mail="eva@example.org")
    known = msgspec.structs.replace(known, limits={**known.limits, **busy}, notify=called)
    server = server_of(known)
    app = HubtuiApp(server, CONFIG)

    async with app.run_test(size=size) as pilot:

        def save(name: str) -> None:
            app.save_screenshot(f"{name}-{size[0]}x{size[1]}.svg", str(folder))

        def found(*wanted: str) -> bool:
            known = app.glancing.latest
            ids = {finding.id for finding in known.findings} if known else set()
            texts = [line.text for line in known.lines] if known else ["…"]
            return "…" not in texts and set(wanted) <= ids

        def well() -> bool:
            return found() and app.glancing.latest is not None and not sign(app.glancing.latest)

        await _until(pilot, well, 300)
        await pilot.pause(0.5)
        save("glance-well")
        with _exam(server):
            await pilot.press("e")
            page = app.screen
            assert isinstance(page, ExamPage)
            await _until(pilot, lambda: page.found is not None)
            await pilot.pause(0.5)
            save("exam-check")
            await pilot.press("escape")
            with _trouble(server):
                await pilot.press("r")
                await _until(pilot, lambda: found("hub.down", "watchdog.paused", "students.drift"))
                await pilot.pause(0.5)
                save("glance-unwell")
        await pilot.press("r")
        await _until(pilot, well, 300)


def _mend() -> None:
    """What is wrong with accounts in the demo from its first minute on."""
    from tests.course_on_disk import hubtui

    choices = [f"home-alone:{last_year.HOME_ONLY}=archive"]
    choices.append(f"roster-alone:{last_year.LINE_ONLY}=remove")
    hubtui("accounts", "repair", "--all-safe", "--yes")
    for choice in choices:
        hubtui("accounts", "repair", "--choose", choice, "--yes")


@contextlib.contextmanager
def _exam(server: Server) -> Iterator[None]:
    """Half an hour before more students come than fit."""
    at = server.clock()
    begin, end = at + timedelta(minutes=30), at + timedelta(minutes=120)
    exam = pauses.add_exam(server.state, begin, end, "eva", at, students=_MORE_THAN_FIT)
    try:
        yield
    finally:
        pauses.drop_exam(server.state, exam.id, "eva", server.clock())


@contextlib.contextmanager
def _trouble(server: Server) -> Iterator[None]:
    """The hub is gone while its watchdog is paused, a home is root's; then all is as before."""
    at = server.clock()
    home = server.course.accounts.homes / "busy-bee"
    owner = home.stat().st_uid
    pauses.pause(server.state, at + timedelta(hours=2), "eva", "the disk is exchanged", at)
    os.kill(_hub(server), signal.SIGKILL)
    os.chown(home, 0, -1)
    try:
        yield
    finally:
        os.chown(home, owner, -1)
        pauses.resume(server.state, "eva", server.clock())


async def _take_year(folder: Path, size: tuple[int, int], *, remove: bool) -> None:
    """What drifted and how it is mended; who leaves, and how they go."""
    app = HubtuiApp(server_of(course.load(CONFIG)), CONFIG, pane="accounts")

    async with app.run_test(size=size) as pilot:

        def save(name: str) -> None:
            app.save_screenshot(f"{name}-{size[0]}x{size[1]}.svg", str(folder))

        def say(words: str) -> bool:
            return any(words in entry.search for entry in _entries(pilot))

        await _until(pilot, lambda: say("goes") and say("home without an account"))
        await pilot.press("m", "d")
        await pilot.pause(2.0)
        save("drift")
        await pilot.press("plus", "f")
        await _until(pilot, lambda: isinstance(app.screen, RepairDialog))
        await pilot.press("1")
        await pilot.pause(0.3)
        save("repair")
        await pilot.press("escape", "escape", "escape")
        await pilot.press("slash", *"goes", "enter", "plus", "x")
        await _until(pilot, lambda: isinstance(app.screen, RetireDialog))
        await pilot.pause(0.3)
        save("retire")
        await pilot.press("enter")
        await _until(pilot, lambda: bool(app.screen.query("#typed")))
        app.screen.query_one("#typed", Input).value = app.server.course.course
        await pilot.pause(0.3)
        save("retire-plan")
        if not remove:
            return
        await pilot.press("enter", "enter")
        await _until(pilot, lambda: isinstance(app.screen, RunDialog))
        dialog = app.screen
        assert isinstance(dialog, RunDialog)
        await _until(pilot, lambda: dialog.outcome is not None)
        save("retired")
        await pilot.press("escape")
        await _until(pilot, lambda: isinstance(app.screen, Page))
        save("receipt")


async def _take_tutor(folder: Path, size: tuple[int, int]) -> None:
    """The same as its tutor sees it. Root takes the pictures: nobody has to be let in by sudo."""
    server = server_of(course.load(CONFIG))
    access = AsTutor(server, read_only=False)
    through_sudo._argv = lambda verb, words: [*_RELEASE, verb, *words]
    app = HubtuiApp(server, CONFIG, looker=TutorLooker(server, access), access=access)

    async with app.run_test(size=size) as pilot:
        await _until(pilot, lambda: len(_entries(pilot)) > 5)
        await pilot.press("down", "down", "down")
        await pilot.pause(0.5)
        app.save_screenshot(f"tutor-{size[0]}x{size[1]}.svg", str(folder))


def _entries(pilot: Pilot[int]) -> list[Entry]:
    found = _pane(pilot)
    return list(found.entries.values()) if found else []


async def _work(url: str) -> None:
    """Somebody is at work: signed up, approved by the first pass of pictures, logged in."""
    from tests.course_on_disk import hubtui

    await asyncio.to_thread(sign_up, url, "busy-bee", _PASSWORD)
    await asyncio.to_thread(hubtui, "signups", "approve", "busy-bee", "--yes")
    session = await asyncio.to_thread(log_in, url, "busy-bee", _PASSWORD)
    await asyncio.to_thread(session.start_server)


async def _take_releases(folder: Path, size: tuple[int, int]) -> None:
    """The small ones first: the large ones hand out."""
    if size == SIZES[0]:
        for each in reversed(SIZES):
            await _take_release(folder, each, hand_out=each == size)


async def _take_years(folder: Path, size: tuple[int, int]) -> None:
    """The small ones first: the large ones remove."""
    if size == SIZES[0]:
        for each in reversed(SIZES):
            await _take_year(folder, each, remove=each == size)


PARTS = {
    "lists": _take,
    "year": _take_years,
    "glance": _take_glance,
    "watchdog": _take_watchdog,
    "tutor": _take_tutor,
    "release": _take_releases,
}


async def _all(folder: Path, *parts: str) -> None:
    """These parts; without any, all."""
    await _work(course.load(CONFIG).hub.url or "")
    for part in parts or PARTS:
        for size in SIZES:
            await PARTS[part](folder, size)
    _without_this_machine(folder)


def _without_this_machine(folder: Path) -> None:
    """The demo's hub runs from this checkout: no picture shows where that lies."""
    for picture in folder.glob("*.svg"):
        text = picture.read_text()
        if sys.prefix in text:
            picture.write_text(text.replace(sys.prefix, "/opt/jupyterhub"))


if __name__ == "__main__":
    asyncio.run(_all(Path(sys.argv[1]), *sys.argv[2:]))
