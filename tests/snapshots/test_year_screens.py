"""The end of a year: what drifted, what is asked before it is mended, who leaves and how."""

from __future__ import annotations

from pathlib import Path

import pytest

from hubtui.server import Server
from hubtui.tui.app import HubtuiApp
from hubtui.tui.dialogs import PlanDialog
from hubtui.tui.plan_words import told_of_change
from tests.snapshots import year_scenes
from tests.snapshots.showing import CONFIG, Given, Same, calm, doing


@pytest.fixture
def server(server: Server) -> Server:
    return year_scenes.course_of(server)


def app_of(server: Server, tmp_path: Path) -> HubtuiApp:
    given = Given(server, year_scenes.look(server, tmp_path))
    return HubtuiApp(server, CONFIG, pane="accounts", looker=given, gather=calm)


def test_accounts_of_a_year(looks_the_same: Same, server: Server, tmp_path: Path) -> None:
    assert looks_the_same(app_of(server, tmp_path), doing("down"))


def test_only_what_is_to_be_looked_at(looks_the_same: Same, server: Server, tmp_path: Path) -> None:
    assert looks_the_same(app_of(server, tmp_path), doing("d", "asterisk", "end"))


def test_what_is_asked_before_it_is_mended(
    looks_the_same: Same, server: Server, tmp_path: Path
) -> None:
    assert looks_the_same(app_of(server, tmp_path), doing("d", "plus", "f", "1"))


def test_when_they_go(looks_the_same: Same, server: Server, tmp_path: Path) -> None:
    assert looks_the_same(app_of(server, tmp_path), doing("plus", "x"))


def test_the_plan_that_removes_them(looks_the_same: Same, server: Server, tmp_path: Path) -> None:
    plan = year_scenes.retire_plan(*year_scenes.STUDENTS)
    lines = year_scenes.lines(server, plan)
    words = told_of_change(server, plan, lines)
    typed = str(plan.params["course"])
    dialog = PlanDialog(plan, lines, loses=True, typed=typed, words=words)
    assert looks_the_same(app_of(server, tmp_path), doing(*typed[:9], screen=lambda: dialog))
