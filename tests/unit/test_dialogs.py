"""Small promises of the dialogs: times for people, colours of the theme, a cursor left alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.color import Color
from textual.app import App, ComposeResult

from hubtui.clock import moment
from hubtui.events import Event, Outcome, What
from hubtui.plan.plans import Plan
from hubtui.tui.bars import Line
from hubtui.tui.colours import BAD, GOOD, QUIET, WARN, follow_theme
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
        assert dialog._progress().plain.strip("━ ") == "1 of 5 done, 4 not done"
