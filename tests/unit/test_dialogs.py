"""Small promises of the dialogs: times for people, colours of the theme, a cursor left alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from rich.color import Color
from rich.text import Text
from textual.app import App, ComposeResult
from textual.widgets import Input, Static

from hubtui.changes import SubjectLine
from hubtui.clock import moment
from hubtui.errors import UsageError
from hubtui.events import Event, Outcome, What
from hubtui.plan.plans import Plan
from hubtui.tui.bars import Line
from hubtui.tui.colours import BAD, GOOD, QUIET, WARN, follow_theme
from hubtui.tui.dialogs import AskDialog, Page, PlanDialog
from hubtui.tui.keyed_table import KeyedTable
from hubtui.tui.run_dialog import RunDialog

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("then", "text"),
    [
        (datetime(2026, 11, 24, 8, 3, tzinfo=UTC), "today 09:03"),
        (datetime(2026, 11, 23, 23, 30, tzinfo=UTC), "today 00:30"),
        (datetime(2026, 11, 23, 13, 3, tzinfo=UTC), "Mon 23 Nov, 14:03"),
        (datetime(2025, 11, 23, 13, 3, tzinfo=UTC), "23 Nov 2025, 14:03"),
    ],
)
def test_a_time_as_a_person_here_would_say_it(then: datetime, text: str) -> None:
    assert moment(then, NOON) == text


class Course(App[None]):
    """What a dialog needs of the app."""

    def compose(self) -> ComposeResult:
        yield Line("word " * 8)

    def on_mount(self) -> None:
        follow_theme(self)

    def look_again(self) -> None:
        return

    @property
    def server(self) -> Any:
        return SimpleNamespace(clock=lambda: NOON)


async def test_colours_follow_the_theme() -> None:
    app = Course()
    async with app.run_test():

        def colours() -> list[Color | None]:
            return [app.console.get_style(name).color for name in (GOOD, WARN, BAD, QUIET)]

        dark = colours()
        app.theme = "textual-light"
        light = colours()
        assert len({*dark, *light}) == 8
        app.theme = "ansi-light"
        assert None not in colours()[:3]
        app.theme = "textual-dark"
        assert colours() == dark


async def test_a_line_that_is_cut_says_so() -> None:
    app = Course()
    async with app.run_test(size=(20, 5)):
        strips = app.screen._compositor.render_strips()
        assert "".join(segment.text for segment in strips[0]).rstrip().endswith("…")


class Given(RunDialog):
    """Follows nothing: the events are given."""

    def _follow(self) -> None:  # type: ignore[override]
        return


class Asked(App[None]):
    """An app whose dialog asks for a number."""

    def __init__(self) -> None:
        super().__init__()
        self.got: list[object] = []

    def on_mount(self) -> None:
        def take(text: str) -> int:
            if not text.isdecimal():
                raise UsageError(f"{text} is no number.")
            return int(text)

        self.push_screen(AskDialog("How many?", take, hint="Enter counts"), self.got.append)


async def test_what_was_typed_wrong_stays_to_be_mended() -> None:
    app = Asked()
    async with app.run_test() as pilot:
        await pilot.press(*"1x", "enter")
        await app.workers.wait_for_complete()
        await pilot.pause()
        dialog = app.screen
        assert isinstance(dialog, AskDialog)
        assert dialog.query_one(Input).value == "1x"
        assert str(dialog.query_one("#wrong", Static).render()) == "! 1x is no number."
        await pilot.press("backspace", "2", "enter")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert app.got == [12]


def _event(subject: str, event: What, outcome: Outcome | None = None, **more: Any) -> Event:
    return Event(run="x", seq=1, event=event, subject=subject, outcome=outcome, **more)


async def test_the_cursor_follows_the_run_until_a_person_moves_it() -> None:
    subjects = tuple({"key": key, "name": key} for key in "abcde")
    plan = Plan(id="x", kind="approve", title="Approve", subjects=subjects, by="eva", at="")
    app = Course()
    async with app.run_test() as pilot:
        dialog = Given(plan, None)
        await app.push_screen(dialog)
        table = dialog.query_one(KeyedTable)
        dialog._take([_event("a", What.END, Outcome.DONE), _event("b", What.START)])
        await pilot.pause()
        assert table.cursor_key == "b"
        dialog._take([_event("c", What.START)])
        await pilot.pause()
        assert table.cursor_key == "c"
        await pilot.press("up")
        dialog._take([_event("d", What.START)])
        await pilot.pause()
        assert table.cursor_key == "b"
        dialog._take([Event(run="x", seq=9, event=What.DONE, text="killed")])
        assert dialog._progress().plain.strip("━ ") == "1 of 5 done · 3 broke off · 1 not begun"


def _release(students: int) -> Plan:
    people = [{"key": f"s{n:02}", "name": f"s{n:02}", "uid": 20000 + n} for n in range(students)]
    sheet = {"key": "sheet week05", "name": "week05", "sheets": {"week05": 1}}
    subjects = tuple({"sheets": {"week05": 1}, **each} for each in people)
    title = f"Release week05 to {students} students"
    return Plan(id="x", kind="push", title=title, subjects=(sheet, *subjects), by="eva", at="")


async def test_a_list_of_many_at_work_turns_a_page_and_never_jumps() -> None:
    app = Course()
    async with app.run_test(size=(80, 24)) as pilot:
        dialog = Given(_release(60), None)
        await app.push_screen(dialog)
        await pilot.pause()
        table = dialog.query_one(KeyedTable)
        tops = []
        for begun in range(60):
            events = [_event(f"s{begun:02}", What.START, step="deliver", text="rsync -tO …")]
            if begun >= 8:
                events.append(_event(f"s{begun - 8:02}", What.END, Outcome.DONE))
            dialog._take(events)
            await pilot.pause()
            tops.append(table.scroll_offset.y)
        assert tops == sorted(tops)
        assert 3 <= len(set(tops)) <= 20
        await pilot.press("home")
        dialog._take([_event("s59", What.PROGRESS, step="deliver", text="120 of 880 MB")])
        await pilot.pause()
        assert table.scroll_offset.y == 0  # who looks at something is left alone
        assert dialog._rows["s58"][1:] == ("· copying", Text(""))
        assert str(dialog._rows["s59"][2]) == "120 of 880 MB"


async def test_a_cancelled_release_says_who_gets_nothing() -> None:
    app = Course()
    async with app.run_test(size=(80, 24)) as pilot:
        dialog = Given(_release(20), None)
        await app.push_screen(dialog)
        dialog._take([_event("sheet week05", What.END, Outcome.DONE)])
        dialog._take([_event(f"s{n:02}", What.START, step="deliver") for n in range(14)])
        dialog._take([_event(f"s{n:02}", What.END, Outcome.DONE) for n in range(10)])
        assert dialog._stops() == (
            "Stops before the next student; the 4 in progress are finished first."
        )
        dialog._take([_event("s10", What.END, Outcome.FAILED, text="no space left")])
        dialog._take([_event("s11", What.END, Outcome.DONE)])
        dialog._take(
            [
                _event(f"s{n:02}", What.END, Outcome.CANCELLED, text="cancelled before: rsync")
                for n in range(14, 20)
            ]
        )
        bar = dialog._progress().plain.strip("━ ")
        assert bar == "18 of 20 through · 1 failed · 6 cancelled"
        dialog._take([_event(f"s{n:02}", What.END, Outcome.DONE) for n in (12, 13)])
        done = Event(
            run="x", seq=9, event=What.DONE, outcome=Outcome.FAILED, text="14 done, 1 failed"
        )
        dialog._take([done])
        await pilot.pause()
        assert dialog._progress().plain.strip("━ ") == "13 of 20 done · 1 failed · 6 cancelled"
        over = str(dialog.query_one("#over", Static).render())
        assert "nothing by itself: r gives it to the rest" in over
        row = dialog._rows["s19"]
        assert (str(row[1]), str(row[2])) == ("– not begun", "")
        await pilot.press("enter")
        assert isinstance(app.screen, Page)


async def test_how_long_it_takes_is_said_of_a_small_class_too() -> None:
    app = Course()
    async with app.run_test(size=(80, 24)):
        dialog = Given(_release(3), None)
        await app.push_screen(dialog)
        dialog._take([Event(run="x", seq=1, event=What.PLAN, at="2026-11-24T11:59:50Z")])
        dialog._take([_event("s00", What.START), _event("s01", What.START)])
        assert dialog._left() == ""
        dialog._take([_event("s00", What.END, Outcome.DONE)])
        assert dialog._left() == "about 10 s"


async def test_on_a_small_screen_the_buttons_of_a_plan_can_be_seen() -> None:
    app = Course()
    async with app.run_test(size=(60, 15)) as pilot:
        plan = _release(30)
        lines = [
            SubjectLine(key=key, name=key, steps=(), notes=("x" * 90,))
            for key in (str(subject["key"]) for subject in plan.subjects)
        ]
        await app.push_screen(PlanDialog(plan, lines, loses=False, typed=""))
        await pilot.pause()
        screen = app.screen.region
        for wanted in ("#yes", "#no", "#subjects"):
            assert screen.contains_region(app.screen.query_one(wanted).region)
        assert app.screen.query_one("#subjects").size.height >= 2
