"""The first screen, at both sizes: on a good day, on a bad one, before an exam."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from hubtui.tui.app import HubtuiApp
from hubtui.tui.glance import GlancePane
from tests.snapshots import glance_scenes as glances
from tests.snapshots.showing import Before, Same, until


def seen(*keys: str, theme: str = "") -> Before:
    """Wait until every source has answered, press keys; then nothing moves."""

    async def before(pilot: Pilot[Any]) -> None:
        app = pilot.app
        assert isinstance(app, HubtuiApp)
        if theme:
            app.theme = theme
        await until(pilot, lambda: app.latest is not None and _complete(app))
        await pilot.press(*keys)
        await pilot.pause()

    return before


def _complete(app: HubtuiApp) -> bool:
    screen = app.screen
    glance = screen.glance if isinstance(screen, GlancePane) else None
    return glance is not None and all(line.text != "…" for line in glance.lines)


Make = Callable[[Path], HubtuiApp]
UNWELL = glances.parts(glances.ILL, glances.FINDINGS)
DAYS: dict[str, Make] = {
    "well": lambda path: glances.app(path, glances.calm(), elsewhere=("backup", "disk_mail")),
    "unwell": lambda path: glances.app(path, glances.gathers(UNWELL)),
    "unknown": lambda path: glances.app(
        path, glances.gathers(glances.unknown("students", "signups"))
    ),
    "go": lambda path: glances.app(
        path, glances.gathers(glances.parts(glances.WELL, {}), exam=glances.GO)
    ),
    "not yet": lambda path: glances.app(
        path,
        glances.gathers(UNWELL, exam=glances.NOT_YET),
        elsewhere=("backup", "disk_mail"),
    ),
    "exam runs": lambda path: glances.app(
        path, glances.gathers(glances.parts(glances.WELL, {}), exam=glances.RUNS)
    ),
}


@pytest.mark.parametrize("day", DAYS)
def test_the_glance(looks_the_same: Same, tmp_path: Path, day: str) -> None:
    assert looks_the_same(DAYS[day](tmp_path), seen())
