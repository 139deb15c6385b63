"""The app with pilot keys: wait for what comes, the release pane, a plan, a yes, the way back."""

from __future__ import annotations

import time
from collections.abc import Callable

from textual.pilot import Pilot
from textual.widgets import Input

from hubtui.tui.dialogs import AskDialog, PlanDialog
from hubtui.tui.release import ReleasePane
from hubtui.tui.run_dialog import RunDialog


async def eventually(pilot: Pilot[int], what: Callable[[], bool], seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it never came"
        await pilot.pause(0.05)


def pane(pilot: Pilot[int]) -> ReleasePane:
    found = pilot.app.screen
    assert isinstance(found, ReleasePane)
    return found


async def shows(pilot: Pilot[int], sheet: str, words: str) -> None:
    """Wait until the pane says so of the sheet; the source is looked at again at once."""

    def said() -> bool:
        rows = pane(pilot).entries
        return sheet in rows and words in rows[sheet].search

    await eventually(pilot, lambda: isinstance(pilot.app.screen, ReleasePane))
    await pilot.press("r")
    await eventually(pilot, said)


async def plan(pilot: Pilot[int]) -> PlanDialog:
    await eventually(pilot, lambda: isinstance(pilot.app.screen, PlanDialog))
    found = pilot.app.screen
    assert isinstance(found, PlanDialog)
    return found


async def confirmed(pilot: Pilot[int], *buttons: str) -> RunDialog:
    """Say yes to the plan on the screen, wait for the end of its run, and leave it open."""
    await plan(pilot)
    await pilot.press(*(buttons or ("tab", "enter")))
    await eventually(pilot, lambda: isinstance(pilot.app.screen, RunDialog))
    dialog = pilot.app.screen
    assert isinstance(dialog, RunDialog)
    await eventually(pilot, lambda: dialog.outcome is not None)
    return dialog


async def back(pilot: Pilot[int], kind: type = ReleasePane) -> None:
    await pilot.press("escape")
    await eventually(pilot, lambda: isinstance(pilot.app.screen, kind))


async def typed(pilot: Pilot[int], words: str) -> None:
    await eventually(pilot, lambda: isinstance(pilot.app.screen, AskDialog))
    pilot.app.screen.query_one(Input).value = words
    await pilot.press("enter")
