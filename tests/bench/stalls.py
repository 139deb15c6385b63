"""How long the event loop stands still: a beat of 5 ms in the app itself, and what comes late.

A key that is pressed meanwhile is answered only afterwards. The beat sees everything that holds
the loop: its own work, a thread that keeps the interpreter, the garbage collector.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from textual.pilot import Pilot

from hubtui import course
from hubtui.release import chosen, store
from hubtui.release.desk import Outcome
from hubtui.release.ledger import Ledger
from hubtui.server import server_of
from hubtui.tui.app import HubtuiApp
from hubtui.tui.cell_table import CellTable
from hubtui.tui.dialogs import PlanDialog
from hubtui.tui.matrix import Matrix
from hubtui.tui.pane import Pane
from hubtui.tui.run_dialog import RunDialog
from tests.bench import course_of
from tests.course_on_disk import CONFIG, TEXT
from tests.release_on_disk import RELEASE, Teaching
from tests.sandboxed import Machine

BEAT_S = 0.005
KEYS = {
    "sort": ["s"],
    "filter": ["slash", *"waiting"],
    "filter away": ["escape"],
    "cursor": ["down"] * 20,
    "accounts": ["3"],
    "sign-ups again": ["2"],
    "accounts again": ["3"],
    "sort accounts": ["s"],
}

MATRIX_KEYS = {
    "who has what: another sheet": ["right", "left"],
    "who has what: sort": ["s"],
    "who has what: filter": ["slash", *"0001", "enter"],
}
RELEASED = [f"week{number:02}" for number in range(1, 7)]


class Heart:
    """Beats; keeps for each scene the longest delay of a beat in milliseconds."""

    def __init__(self) -> None:
        self.scene = "first look"
        self.worst: dict[str, float] = defaultdict(float)

    async def beat(self) -> None:
        """Until it is cancelled."""
        while True:
            began = time.perf_counter()
            await asyncio.sleep(BEAT_S)
            late = (time.perf_counter() - began - BEAT_S) * 1000
            self.worst[self.scene] = max(self.worst[self.scene], late)


async def _until(pilot: Pilot[Any], what: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            raise TimeoutError("it never came")
        await pilot.pause(0.05)


def _rows(app: HubtuiApp) -> int:
    return len(app.screen.entries) if isinstance(app.screen, Pane) else 0


async def _scenes(size: int) -> dict[str, float]:
    app, heart = HubtuiApp(server_of(course.load(CONFIG)), CONFIG, pane="signups"), Heart()
    async with app.run_test(size=(120, 40)) as pilot:
        beating = asyncio.create_task(heart.beat())
        await _until(pilot, lambda: _rows(app) > size)
        await pilot.pause(1.0)
        heart.scene = "changes come"
        for time_ in ("one", "two"):
            before, count = _rows(app), max(2, size // 50)
            await asyncio.to_thread(course_of.change, count, time_)
            await _until(pilot, lambda b=before, c=count: _rows(app) >= b + c)  # type: ignore[misc]
            await pilot.pause(1.0)
        for heart.scene, keys in KEYS.items():
            await pilot.press(*keys)
            await pilot.pause(2.0)
        beating.cancel()
    return dict(heart.worst)


async def _release_scenes(size: int) -> dict[str, float]:
    """A week that nobody has yet beside weeks that all have, and who has what."""
    app, heart = HubtuiApp(server_of(course.load(CONFIG)), CONFIG, pane="release"), Heart()

    def top(kind: type) -> bool:
        return isinstance(app.screen, kind)

    async with app.run_test(size=(120, 40)) as pilot:
        beating = asyncio.create_task(heart.beat())
        await _until(pilot, lambda: top(Pane) and _rows(app) > len(RELEASED))
        await pilot.pause(1.0)
        heart.scene = "who has what"
        await pilot.press("v")
        await _until(pilot, lambda: top(Matrix) and len(app.screen.query_one(CellTable).keys) > 1)
        await pilot.pause(1.0)
        for heart.scene, keys in MATRIX_KEYS.items():
            await pilot.press(*keys)
            await pilot.pause(1.0)
        await pilot.press("escape", "escape")
        await _until(pilot, lambda: top(Pane))
        heart.scene = "preview"
        await pilot.press("home", "enter")
        await _until(pilot, lambda: top(PlanDialog), 600)
        await pilot.pause(1.0)
        heart.scene = "handing out"
        await pilot.press("tab", "enter")
        await _until(pilot, lambda: top(RunDialog))
        dialog = app.screen
        assert isinstance(dialog, RunDialog)
        await _until(pilot, lambda: dialog.outcome is not None, 900)
        await pilot.pause(1.0)
        beating.cancel()
    return dict(heart.worst)


def release_stalls(machine: Machine, size: int) -> dict[str, float]:
    """The same for the release's screens, once: it hands out a file to everybody."""
    machine.restore()
    course_of.make(size)
    machine.adduser("tutor", 1100)
    CONFIG.write_text(TEXT + RELEASE)
    teaching = Teaching(server_of(course.load(CONFIG)), machine)
    server = teaching.server
    for sheet in (*RELEASED, "week99"):
        teaching.sheet(sheet, {"sheet.ipynb": sheet, "data.csv": "1,2"})
    versions = chosen.prepare(server, RELEASED)
    book = Ledger(server.state)
    for sheet, number in versions.items():
        store.set_fate(server, sheet, number, store.Fate.RELEASED)
        given = Outcome(sheet=sheet, version=number, counts={"new": 2})
        for uid in range(course_of.FIRST_UID, course_of.FIRST_UID + size):
            book.note(uid, [given], "before", server.clock())
    book.close()
    return asyncio.run(_release_scenes(size))


def stalls(machine: Machine, size: int, runs: int) -> dict[str, float]:
    """For each scene of a course of that size the median of the longest stalls, in ms."""
    found = []
    for _ in range(runs):
        machine.restore()
        course_of.make(size)
        found.append(asyncio.run(_scenes(size)))
    return {scene: statistics.median(run[scene] for run in found) for scene in found[0]}
