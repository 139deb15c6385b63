"""How a snapshot is taken: a class is given, keys are pressed, then nothing moves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input

from hubtui.glance.gather import Gatherer
from hubtui.plan.plans import Plan
from hubtui.server import Server
from hubtui.tui.app import HubtuiApp
from hubtui.tui.look import Look, Looker
from hubtui.tui.pane import Pane
from hubtui.tui.run_dialog import RunDialog

CONFIG = Path("/etc/hubtui/course.yaml")
SIZES = [(80, 24), (120, 40)]
Compare = Callable[..., bool]
Before = Callable[[Pilot[Any]], Awaitable[None]]
Same = Callable[[HubtuiApp, Before], bool]


class Given(Looker):
    """Sees one class, once."""

    def __init__(self, server: Server, look: Look) -> None:
        super().__init__(server)
        self._given: Look | None = look

    def look(self, *, fresh: bool = False) -> Look | None:
        given, self._given = self._given, None
        return given

    def unfinished(self) -> list[Plan]:
        return []


def calm(server: Server) -> Gatherer:
    """A glance without sources: nothing needs anybody, whatever the pane shows."""
    return Gatherer(server, (), lambda _ground: None, lambda _server, _at, _found: ([], []))


async def until(pilot: Pilot[Any], what: Callable[[], bool]) -> None:
    for _ in range(400):
        if what():
            await pilot.pause()
            return
        await pilot.pause(0.05)
    raise TimeoutError("it never came")


def doing(*keys: str, screen: Callable[[], Screen[Any]] | None = None) -> Before:
    """Wait for the first look, push a screen, press keys; then nothing blinks."""

    async def before(pilot: Pilot[Any]) -> None:
        app = pilot.app
        await until(pilot, lambda: isinstance(app.screen, Pane) and app.screen.look is not None)
        if screen is not None:
            await app.push_screen(screen())
            await pilot.pause()
        await pilot.press(*keys)
        await pilot.pause()
        for box in app.screen.query(Input):
            box.cursor_blink = False

    return before


def following(dialog: RunDialog, through: Callable[[], bool], *keys: str) -> Before:
    async def before(pilot: Pilot[Any]) -> None:
        await doing(screen=lambda: dialog)(pilot)
        await until(pilot, through)
        await pilot.press(*keys)
        await pilot.pause()

    return before
