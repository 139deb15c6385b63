"""The release, screen by screen: sheets, plans, runs, and who has what."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input

from hubtui.plan.plans import Plan
from hubtui.server import Server
from hubtui.tui.app import HubtuiApp
from hubtui.tui.dialogs import AskDialog, PlanDialog, SureDialog
from hubtui.tui.files import Files
from hubtui.tui.matrix import Matrix
from hubtui.tui.run_dialog import RunDialog
from hubtui.tui.tutor import TutorLooker
from tests.snapshots import release_scenes as scenes
from tests.snapshots.scenes import confirmed
from tests.snapshots.showing import CONFIG, Before, Given, Same, calm, doing, following, until


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return scenes.server_with_release(tmp_path)


@pytest.fixture
def show(looks_the_same: Same, server: Server, tmp_path: Path) -> Callable[..., bool]:
    """Compare the pane with these sheets after these keys."""

    def compare(before: Before, *, found: Any = None, light: bool = False) -> bool:
        look = scenes.look(tmp_path, found or scenes.sheets(), scenes.COMING)
        app = HubtuiApp(server, CONFIG, pane="release", looker=Given(server, look), gather=calm)
        app.access = scenes.Fixed()
        if light:
            app.theme = "textual-light"
        return looks_the_same(app, before)

    return compare


Show = Callable[..., bool]


def reaching(kind: type[Screen[Any]], *keys: str, then: tuple[str, ...] = ()) -> Before:
    """Press keys until a screen comes that a thread has to fill first, then some more."""

    async def before(pilot: Pilot[Any]) -> None:
        await doing(*keys)(pilot)
        await until(pilot, lambda: isinstance(pilot.app.screen, kind))
        screen = pilot.app.screen
        if isinstance(screen, Matrix):
            await until(pilot, lambda: screen.standing is not None)
        await pilot.press(*then)
        await pilot.pause()

    return before


# --- the pane -------------------------------------------------------------------------------------


def test_the_first_line_is_in_focus(show: Show) -> None:
    assert show(doing())


def test_a_sheet_that_changed(show: Show) -> None:
    assert show(doing("s", *["down"] * 5))


def test_a_sheet_that_wants_to_do_harm(show: Show) -> None:
    assert show(doing("down"))


def test_marked_and_filtered(show: Show) -> None:
    assert show(doing("slash", *"week0", "enter", "asterisk"))


def test_a_scheduled_sheet_that_was_changed_since_on_a_light_screen(show: Show) -> None:
    assert show(doing("s", *["down"] * 8), light=True)


def test_an_empty_source(show: Show) -> None:
    assert show(doing(), found=scenes.empty())


def test_a_source_that_is_missing(show: Show) -> None:
    assert show(doing(), found=scenes.unreadable())


def test_the_keys(show: Show) -> None:
    assert show(doing("question_mark"))


def test_the_tutors_screen(looks_the_same: Same, server: Server) -> None:
    access = scenes.Fixed()
    app = HubtuiApp(server, CONFIG, looker=TutorLooker(server, access), access=access)
    assert looks_the_same(app, doing())


# --- what its keys bring --------------------------------------------------------------------------


def test_a_plan_with_kept_and_blocked_files(show: Show) -> None:
    assert show(reaching(PlanDialog, "enter"))


def test_a_plan_in_full_on_a_light_screen(show: Show) -> None:
    assert show(reaching(PlanDialog, "enter", then=("down", "down", "down", "enter")), light=True)


def test_chosen_files(show: Show) -> None:
    assert show(reaching(Files, "s", *["down"] * 5, "f", then=("asterisk",)))


def test_a_time_that_is_meant(show: Show) -> None:
    assert show(reaching(SureDialog, "h", *"08", "colon", *"00", "enter"))


def test_a_plan_that_replaces_what_is_open(show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hubtui.server.processes.serving", lambda: {20000, 20002})
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert show(reaching(PlanDialog, "P"))


def test_a_plan_for_chosen_files_of_a_scheduled_sheet(show: Show) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        await reaching(Files, "s", *["down"] * 8, "f", then=("space", "space", "p"))(pilot)
        await until(pilot, lambda: isinstance(pilot.app.screen, PlanDialog))

    assert show(before)


def test_a_time_that_is_none(show: Show) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        await reaching(AskDialog, "h", then=(*"never", "enter"))(pilot)
        await until(pilot, lambda: pilot.app.screen.has_class("wrong"))
        pilot.app.screen.query_one(Input).cursor_blink = False

    assert show(before)


def test_who_has_what_with_a_filter_that_lets_nobody_through(show: Show) -> None:
    assert show(reaching(Matrix, "v", then=("space", "slash", *"redg", "enter")))


def test_who_has_what(show: Show) -> None:
    assert show(reaching(Matrix, "v"))


def test_who_has_what_further_on(show: Show) -> None:
    assert show(reaching(Matrix, "v", then=(*["right"] * 8, "down", "down", "space")))


def test_who_has_what_on_a_light_screen(show: Show) -> None:
    assert show(reaching(Matrix, "v", then=("s", "right", "right", "down")), light=True)


def test_why_in_the_matrix(show: Show) -> None:
    assert show(reaching(Matrix, "v", then=(*["down"] * 4, "right", "enter")))


# --- runs -----------------------------------------------------------------------------------------


@pytest.fixture
def at_work(server: Server) -> Iterator[Plan]:
    """A run whose process lives, as far as one can see from outside."""
    plan = scenes.push_plan()
    held = os.open(confirmed(server, plan), os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    yield plan
    os.close(held)


def test_a_release_at_work(show: Show, server: Server, at_work: Plan) -> None:
    scenes.half_way(server, at_work)
    dialog = RunDialog(at_work, None)
    assert show(following(dialog, lambda: dialog.states["red-bee"] is not None))


def test_a_release_that_failed_in_part(show: Show, server: Server, at_work: Plan) -> None:
    scenes.to_the_end(server, at_work)
    dialog = RunDialog(at_work, None)
    assert show(following(dialog, lambda: dialog.outcome is not None))


def test_a_release_that_was_cancelled(show: Show, server: Server, at_work: Plan) -> None:
    scenes.cancelled(server, at_work)
    dialog = RunDialog(at_work, None)
    assert show(following(dialog, lambda: dialog.outcome is not None))


def test_a_release_at_work_on_a_light_screen(show: Show, server: Server, at_work: Plan) -> None:
    scenes.half_way(server, at_work)
    dialog = RunDialog(at_work, None)
    come = following(dialog, lambda: dialog.states["red-bee"] is not None)
    assert show(come, light=True)
