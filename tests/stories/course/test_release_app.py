"""A week of releases through the app, with pilot keys, on real homes."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from textual.widgets import Input

from hubtui import course
from hubtui.events import Outcome
from hubtui.release import through_sudo
from hubtui.release.sheets import SheetList, sheets
from hubtui.server import Server, server_of
from hubtui.tui.app import HubtuiApp
from hubtui.tui.bars import Line
from hubtui.tui.files import Files
from hubtui.tui.matrix import Matrix
from hubtui.tui.release import EVERYTHING, ReleasePane
from hubtui.tui.tutor import AsTutor, TutorLooker
from tests.course_on_disk import CONFIG
from tests.piloted import back, confirmed, eventually, pane, plan, shows, typed
from tests.release_on_disk import SOURCE, Teaching, teach, tree, write_as
from tests.sandboxed import Machine

HOMES = {name: Path("/home", name, "exercises") for name in ("anna", "bert", "cleo")}


@pytest.fixture
def week(machine: Machine) -> Teaching:
    """Three students, two sheets that nobody has yet."""
    made = teach(machine, *HOMES)
    made.sheet("week01", {"sheet.ipynb": "one", "data/table.csv": "1,2\n"})
    made.sheet("week02", {"sheet.ipynb": "two"})
    return made


def app() -> HubtuiApp:
    return HubtuiApp(server_of(course.load(CONFIG)), CONFIG, pane="release")


def who_has(files: Sequence[str]) -> list[str]:
    return [name for name, home in HOMES.items() if set(tree(home)) >= set(files)]


async def test_a_week(week: Teaching) -> None:
    async with app().run_test(size=(100, 30)) as pilot:
        await shows(pilot, "week01", "not released")
        first = pane(pilot).entries[EVERYTHING].detail().plain
        assert first.startswith("Everything new: 2 sheets, 3 files")

        # The first line previews everything; nothing is handed out before a yes.
        assert pane(pilot).table.cursor_key == EVERYTHING
        await pilot.press("enter")
        dialog = await plan(pilot)
        assert dialog.plan.title == "Release 2 sheets to 3 students"
        assert dialog.lines["anna"].steps[0].counts == {"new": 3}
        await back(pilot)
        await pilot.press("p")  # the same
        assert (await plan(pilot)).plan.title == "Release 2 sheets to 3 students"
        await back(pilot)
        assert not any(tree(home) for home in HOMES.values())

        # One account first.
        pane(pilot).table.move_to("week01")
        await pilot.press("t")
        await typed(pilot, "bert")
        run = await confirmed(pilot)
        assert run.outcome is Outcome.DONE
        assert run.states["bert"].text.startswith("2 new")  # type: ignore[union-attr]
        assert who_has(["week01/sheet.ipynb"]) == ["bert"]
        await back(pilot)
        await shows(pilot, "week01", "not released")

        # All of them: the marked sheets; Bert has the first one already.
        await pilot.press("asterisk")
        assert pane(pilot).table.marked == {"week01", "week02"}
        await pilot.press("p")
        assert (await plan(pilot)).lines["bert"].steps[0].counts == {"new": 1, "same": 2}
        assert (await confirmed(pilot)).outcome is Outcome.DONE
        assert who_has(["week01/sheet.ipynb", "week02/sheet.ipynb"]) == list(HOMES)
        await back(pilot)
        await shows(pilot, "week01", "released")

        # The tutor corrects a sheet; Anna has worked on hers, Cleo has thrown hers away.
        write_as("anna", HOMES["anna"] / "week01/sheet.ipynb", "my answer")
        (HOMES["cleo"] / "week01/sheet.ipynb").unlink()
        week.sheet("week01", {"sheet.ipynb": "one, corrected"})
        await shows(pilot, "week01", "1 changed")
        pane(pilot).table.move_to("week01")
        await pilot.press("p")
        lines = (await plan(pilot)).lines
        assert lines["anna"].steps[0].counts == {"beside": 1, "same": 1}
        assert lines["bert"].steps[0].counts == {"replace": 1, "same": 1}
        assert (await confirmed(pilot)).outcome is Outcome.DONE
        assert tree(HOMES["anna"])["week01/sheet.ipynb"] == b"my answer"
        assert tree(HOMES["anna"])["week01/sheet.v2.ipynb"] == b"one, corrected"
        assert tree(HOMES["bert"])["week01/sheet.ipynb"] == b"one, corrected"
        assert "week01/sheet.ipynb" not in tree(HOMES["cleo"])
        await back(pilot)

        # From the matrix: Cleo gets hers again.
        pane(pilot).table.move_to("week01")
        await pilot.press("v")
        await eventually(pilot, lambda: isinstance(pilot.app.screen, Matrix))
        matrix = pilot.app.screen
        assert isinstance(matrix, Matrix)
        await eventually(pilot, lambda: matrix.sheet is not None)
        assert matrix.sheet is not None
        assert matrix.sheet.name == "week01"
        matrix.table.move_to("cleo")
        await pilot.press("right", "left", "g")
        assert (await plan(pilot)).plan.title.startswith("Give again week01 (version 2) to cleo")
        assert (await confirmed(pilot)).outcome is Outcome.DONE
        assert tree(HOMES["cleo"])["week01/sheet.ipynb"] == b"one, corrected"
        await back(pilot, Matrix)
        await back(pilot)

        # The wrong sheet: it is taken back, and the default is not to.
        write_as("bert", HOMES["bert"] / "week02/sheet.ipynb", "worked on")
        await shows(pilot, "week02", "released")
        pane(pilot).table.move_to("week02")
        await pilot.press("x")
        dialog = await plan(pilot)
        assert str(dialog.plan.title) == "Withdraw week02 from 3 students"
        await pilot.press("tab", "enter")
        await eventually(pilot, lambda: isinstance(pilot.app.screen, ReleasePane))
        assert who_has(["week02/sheet.ipynb"]) == list(HOMES)
        await pilot.press("x")
        await confirmed(pilot, "tab", "tab", "enter")
        assert who_has(["week02/sheet.ipynb"]) == ["bert"]
        assert tree(HOMES["bert"])["week02/sheet.ipynb"] == b"worked on"
        await back(pilot)
        await shows(pilot, "week02", "withdrawn")


async def test_who_failed_is_tried_again_with_the_same_version(week: Teaching) -> None:
    HOMES["cleo"].symlink_to("/etc")
    async with app().run_test(size=(80, 24)) as pilot:
        await shows(pilot, "week01", "not released")
        pane(pilot).table.move_to("week01")
        await pilot.press("p")
        run = await confirmed(pilot)
        assert run.outcome is Outcome.FAILED
        assert run.query_one("#subjects").cursor_key == "cleo"  # type: ignore[attr-defined]
        week.sheet("week01", {"sheet.ipynb": "written meanwhile"})
        HOMES["cleo"].unlink()
        await pilot.press("r")
        lines = (await plan(pilot)).lines
        assert set(lines) == {"sheet week01", "cleo"}
        assert (await confirmed(pilot)).outcome is Outcome.DONE
    assert tree(HOMES["cleo"])["week01/sheet.ipynb"] == b"one"


async def test_chosen_files_of_a_sheet(week: Teaching) -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        await shows(pilot, "week01", "not released")
        pane(pilot).table.move_to("week01")
        await pilot.press("f")
        await eventually(pilot, lambda: isinstance(pilot.app.screen, Files))
        await pilot.press("down", "space", "p")
        dialog = await plan(pilot)
        assert dialog.lines["anna"].steps[0].counts == {"new": 1}
        assert list(dialog._words.about) == ["1 of 2 files of week01: sheet.ipynb"]
        await confirmed(pilot)
        await back(pilot)
    assert set(tree(HOMES["anna"])) == {"week01/sheet.ipynb"}


async def test_what_cannot_be_done_is_said_before_anything_is_asked(week: Teaching) -> None:
    async with app().run_test(size=(80, 24), notifications=True) as pilot:

        def said(words: str) -> bool:
            return any(words in str(note.message) for note in pilot.app._notifications)

        await shows(pilot, "week01", "not released")
        pane(pilot).table.move_to("week01")
        # A name that nobody has stays to be mended.
        await pilot.press("t")
        await typed(pilot, "berta")
        await eventually(pilot, lambda: pilot.app.screen.has_class("wrong"))
        assert pilot.app.screen.query_one(Input).value == "berta"
        await pilot.press("backspace", "enter")
        dialog = await plan(pilot)
        assert dialog.plan.title == "Try week01 on bert"
        assert [str(row[1]) for row in dialog._words.rows.values()] == [
            "2 new",
            "tried out: released for nobody else",
        ]
        await back(pilot)
        # Nothing runs hubtui due each minute: no time is asked for.
        await pilot.press("h")
        await eventually(pilot, lambda: said("runs hubtui due each minute"))
        assert pane(pilot).is_current
        # Who has all of it is given nothing again.
        await pilot.press("p")
        await confirmed(pilot)
        await back(pilot)
        await shows(pilot, "week01", "released")
        await pilot.press("v")
        await eventually(pilot, lambda: isinstance(pilot.app.screen, Matrix))
        matrix = pilot.app.screen
        assert isinstance(matrix, Matrix)
        await eventually(pilot, lambda: matrix.sheet is not None)
        matrix.table.move_to("anna")
        await pilot.press("g")
        await eventually(pilot, lambda: said("anna has all of it"))
        assert pilot.app.screen is matrix
        await back(pilot)
        # A sheet that is gone is nothing to release.
        (SOURCE / "week01").rename(SOURCE.parent / "away")
        await shows(pilot, "week01", "gone")
        pane(pilot).table.move_to("week01")
        await pilot.press("p")
        await eventually(pilot, lambda: said("is no longer in the tutor's folder"))
        assert pane(pilot).is_current


async def test_a_source_that_cannot_be_read_is_said(week: Teaching) -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        await shows(pilot, "week01", "not released")
        SOURCE.rename(SOURCE.with_name("moved"))
        await pilot.press("r")
        await eventually(pilot, lambda: not pane(pilot).query_one("#notice").has_class("empty"))
        assert "exercises" in pane(pilot).query_one("#notice", Line).text.plain
        SOURCE.with_name("moved").rename(SOURCE)
        await shows(pilot, "week02", "not released")


async def test_sheets_are_listed_only_while_they_are_shown(
    week: Teaching, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = list[float]()

    def counting(server: Server, students: int) -> SheetList:
        listed.append(time.monotonic())
        return sheets(server, students)

    monkeypatch.setattr("hubtui.tui.look.sheets", counting)
    async with app().run_test(size=(80, 24)) as pilot:
        await eventually(pilot, lambda: bool(listed))
        await pilot.press("3")
        await pilot.pause(2)
        before = len(listed)
        await pilot.pause(2)
        assert len(listed) == before


async def test_a_tutor_has_the_same_by_the_verbs_of_hubtui_tutor(
    week: Teaching, monkeypatch: pytest.MonkeyPatch
) -> None:
    def argv(verb: str, words: Sequence[str]) -> list[str]:
        return [sys.executable, "-I", "-m", "hubtui", "release", verb, *words]

    monkeypatch.setattr(through_sudo, "_argv", argv)
    server = server_of(course.load(CONFIG))
    access = AsTutor(server, read_only=False)
    tutors = HubtuiApp(server, CONFIG, looker=TutorLooker(server, access), access=access)
    async with tutors.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "week01", "not released")
        assert list(tutors.panes) == ["release"]
        HOMES["cleo"].symlink_to("/etc")
        pane(pilot).table.move_to("week01")
        await pilot.press("p")
        assert (await plan(pilot)).lines["anna"].steps[0].counts == {"new": 2}
        run = await confirmed(pilot)
        assert run.outcome is Outcome.FAILED
        assert who_has(["week01/sheet.ipynb"]) == ["anna", "bert"]
        await back(pilot)
        await pilot.press("v")
        await eventually(pilot, lambda: isinstance(pilot.app.screen, Matrix))
        matrix = pilot.app.screen
        assert isinstance(matrix, Matrix)
        await eventually(pilot, lambda: matrix.standing is not None)
        assert matrix.standing is not None
        states = {n: matrix.standing.given(n, "week01") for n in matrix.standing.students}
        assert {n: given and given.state for n, given in states.items()} == {
            "anna": "delivered",
            "bert": "delivered",
            "cleo": "blocked",
        }
        await back(pilot)
        pane(pilot).table.move_to("week01")
        await pilot.press("x")
        await confirmed(pilot, "tab", "tab", "enter")
        assert who_has(["week01/sheet.ipynb"]) == []
