"""The first screen, at both sizes: on a good day, on a bad one, before an exam."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from hubtui.exam.records import Readiness
from hubtui.tui.app import HubtuiApp
from hubtui.tui.exam_page import ExamPage
from hubtui.tui.glance import GlancePane
from tests.snapshots import exam_scenes
from tests.snapshots import glance_scenes as glances
from tests.snapshots.showing import Before, Same, until


def seen(*keys: str, theme: str = "") -> Before:
    """Wait until every source has answered, press keys; then nothing moves."""

    async def before(pilot: Pilot[Any]) -> None:
        app = pilot.app
        assert isinstance(app, HubtuiApp)
        if theme:
            app.theme = theme
        await until(pilot, lambda: app.latest is not None and _arrived(app) == len(glances.TITLES))
        await pilot.press(*keys)
        await pilot.pause()

    return before


def _arrived(app: HubtuiApp) -> int:
    """How many lines have an answer."""
    glance = app.screen.glance if isinstance(app.screen, GlancePane) else None
    return sum(line.text != "…" for line in glance.lines) if glance is not None else 0


def checked(found: Readiness, *keys: str, theme: str = "") -> Before:
    """The same, with the exam check on top, which finds this."""

    async def before(pilot: Pilot[Any]) -> None:
        await seen(theme=theme)(pilot)
        page = ExamPage(lambda _server, _students: found)
        await pilot.app.push_screen(page)
        await until(pilot, lambda: page.found is not None)
        await pilot.press(*keys)
        await pilot.pause()
        for box in pilot.app.screen.query(Input):
            box.cursor_blink = False

    return before


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


@pytest.mark.parametrize("theme", ["textual-light", "ansi-dark", "ansi-light"])
def test_the_glance_in_other_colours(looks_the_same: Same, tmp_path: Path, theme: str) -> None:
    assert looks_the_same(DAYS["not yet"](tmp_path), seen("down", theme=theme))


def test_what_is_put_off_is_counted(looks_the_same: Same, tmp_path: Path) -> None:
    gather = glances.gathers(UNWELL, put_off=glances.LATER)
    assert looks_the_same(glances.app(tmp_path, gather), seen())


def test_what_is_put_off_can_be_seen(looks_the_same: Same, tmp_path: Path) -> None:
    gather = glances.gathers(UNWELL, put_off=glances.LATER)
    assert looks_the_same(glances.app(tmp_path, gather), seen("o", "end"))


def test_all_is_put_off(looks_the_same: Same, tmp_path: Path) -> None:
    found = glances.parts(glances.ILL, {"certificate": glances.FINDINGS["certificate"]})
    gather = glances.gathers(found, put_off=glances.LATER)
    assert looks_the_same(glances.app(tmp_path, gather), seen())


def test_more_findings_than_lines(looks_the_same: Same, tmp_path: Path) -> None:
    assert looks_the_same(DAYS["unwell"](tmp_path), seen(*["down"] * 6))


def test_a_source_that_does_not_answer(looks_the_same: Same, tmp_path: Path) -> None:
    found = glances.parts(glances.WELL, {})
    found["machine"] = threading.Event()

    async def before(pilot: Pilot[Any]) -> None:
        app = pilot.app
        assert isinstance(app, HubtuiApp)
        await until(pilot, lambda: app.latest is not None and _arrived(app) == len(found) - 1)

    assert looks_the_same(glances.app(tmp_path, glances.gathers(found, limit=60)), before)


def test_a_finding_that_wants_to_do_harm(looks_the_same: Same, tmp_path: Path) -> None:
    found = glances.parts(glances.ILL, {"students": glances.HOSTILE})
    assert looks_the_same(glances.app(tmp_path, glances.gathers(found)), seen("enter"))


def test_a_finding_in_full(looks_the_same: Same, tmp_path: Path) -> None:
    assert looks_the_same(DAYS["unwell"](tmp_path), seen("down", "enter"))


def test_the_keys_of_the_glance(looks_the_same: Same, tmp_path: Path) -> None:
    assert looks_the_same(DAYS["well"](tmp_path), seen("question_mark"))


def test_until_when_it_is_put_off(looks_the_same: Same, tmp_path: Path) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        await seen("down", "p")(pilot)
        for box in pilot.app.screen.query(Input):
            box.cursor_blink = False
        await pilot.pause()

    assert looks_the_same(DAYS["unwell"](tmp_path), before)


def test_who_may_only_look_changes_nothing(looks_the_same: Same, tmp_path: Path) -> None:
    app = glances.app(tmp_path, glances.gathers(UNWELL), read_only=True)
    assert looks_the_same(app, seen())


CHECKS = {"go": exam_scenes.GO, "any day": exam_scenes.ANY_DAY, "not yet": exam_scenes.NOT_YET}


@pytest.mark.parametrize("check", CHECKS)
def test_the_exam_check(looks_the_same: Same, tmp_path: Path, check: str) -> None:
    assert looks_the_same(DAYS["well"](tmp_path), checked(CHECKS[check]))


@pytest.mark.parametrize("theme", ["textual-light", "ansi-dark"])
def test_the_exam_check_in_other_colours(looks_the_same: Same, tmp_path: Path, theme: str) -> None:
    assert looks_the_same(DAYS["well"](tmp_path), checked(exam_scenes.NOT_YET, theme=theme))


def test_everything_that_helps(looks_the_same: Same, tmp_path: Path) -> None:
    assert looks_the_same(DAYS["well"](tmp_path), checked(exam_scenes.NOT_YET, "enter"))


def test_for_how_many_students(looks_the_same: Same, tmp_path: Path) -> None:
    assert looks_the_same(DAYS["well"](tmp_path), checked(exam_scenes.GO, "n"))
