"""The watchdog's screens, at both sizes; one of them on a light ground."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from hubtui.tui.log_view import LogView
from hubtui.tui.watch_causes import CausesPage
from hubtui.tui.watch_log import LogPage
from hubtui.tui.watchdog import WatchdogPane
from tests import watch_on_disk as disk
from tests.snapshots import watch_scenes as scenes
from tests.snapshots.showing import Same, doing, until


@pytest.mark.parametrize("scene", scenes.SCENES)
def test_the_watchdog(looks_the_same: Same, tmp_path: Path, scene: str) -> None:
    server = scenes.server(tmp_path)
    scenes.SCENES[scene](server)
    assert looks_the_same(scenes.app(server, tmp_path), doing())


def test_nobody_is_called(looks_the_same: Same, tmp_path: Path) -> None:
    server = scenes.server(tmp_path, called=False)
    scenes.healthy(server)
    assert looks_the_same(scenes.app(server, tmp_path), doing("down", "down"))


def test_who_may_only_look_is_offered_nothing_else(looks_the_same: Same, tmp_path: Path) -> None:
    server = scenes.server(tmp_path)
    scenes.healthy(server)
    assert looks_the_same(scenes.app(server, tmp_path, read_only=True), doing("R"))


def test_on_a_light_ground(looks_the_same: Same, tmp_path: Path) -> None:
    server = scenes.server(tmp_path)
    scenes.in_an_incident(server)
    app = scenes.app(server, tmp_path)

    async def before(pilot: Pilot[int]) -> None:
        app.theme = "textual-light"
        await doing()(pilot)

    assert looks_the_same(app, before)


def test_an_incident_in_full(looks_the_same: Same, tmp_path: Path) -> None:
    server = scenes.server(tmp_path)
    scenes.healthy(server)

    async def before(pilot: Pilot[int]) -> None:
        await doing("enter")(pilot)
        await until(pilot, lambda: not isinstance(pilot.app.screen, WatchdogPane))
        await pilot.pause()

    assert looks_the_same(scenes.app(server, tmp_path), before)


@pytest.mark.parametrize("scene", ["healthy", "without_history"])
def test_causes(looks_the_same: Same, tmp_path: Path, scene: str) -> None:
    server = scenes.server(tmp_path)
    scenes.SCENES[scene](server)

    async def before(pilot: Pilot[int]) -> None:
        await doing("c")(pilot)
        await until(pilot, lambda: isinstance(pilot.app.screen, CausesPage))
        page = pilot.app.screen
        assert isinstance(page, CausesPage)
        await until(pilot, lambda: page.found is not None)
        await pilot.press("down")
        await pilot.pause()

    assert looks_the_same(scenes.app(server, tmp_path), before)


@pytest.mark.parametrize("search", [False, True])
def test_the_log(looks_the_same: Same, tmp_path: Path, search: bool) -> None:
    server = scenes.server(tmp_path)
    scenes.healthy(server)
    log = server.course.hub.log
    assert log is not None
    disk.hub_log(log)

    async def before(pilot: Pilot[int]) -> None:
        await doing("l")(pilot)
        await until(pilot, lambda: isinstance(pilot.app.screen, LogPage))
        page = pilot.app.screen
        assert isinstance(page, LogPage)
        await until(pilot, lambda: page.query_one(LogView).count == 400)
        page.place = "/srv/jupyterhub/jupyterhub.log"  # not where this test happens to write
        await pilot.press(*(["slash", *"error", "enter", "n"] if search else ["up", "end"]))
        await pilot.pause()

    assert looks_the_same(scenes.app(server, tmp_path), before)
