"""The view of a log: it follows, holds where somebody reads, forgets what is old, finds words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from textual.app import App, ComposeResult
from textual.pilot import Pilot

from hubtui.tui.colours import follow_theme
from hubtui.tui.log_view import MOST, LogView


class Alone(App[None]):
    """A view and nothing else."""

    def compose(self) -> ComposeResult:
        yield LogView(id="view")

    def on_mount(self) -> None:
        follow_theme(self)
        self.view.focus()

    @property
    def view(self) -> LogView:
        return self.query_one(LogView)

    def line(self, y: int) -> str:
        return self.view.render_line(y).text.rstrip()


@asynccontextmanager
async def shown(*lines: str) -> AsyncIterator[tuple[Alone, Pilot[None]]]:
    app = Alone()
    async with app.run_test(size=(40, 10)) as pilot:
        app.view.add(lines)
        await pilot.pause()
        yield app, pilot


def numbered(count: int, first: int = 0) -> list[str]:
    return [f"line {number}" for number in range(first, first + count)]


async def test_the_end_is_in_sight_and_stays_so() -> None:
    async with shown(*numbered(50)) as (app, pilot):
        assert app.line(9) == "line 49"
        app.view.add(["line 50"])
        await pilot.pause()
        assert app.line(9) == "line 50"
        assert app.view.follows


async def test_who_scrolls_up_stays_there_until_end() -> None:
    async with shown(*numbered(50)) as (app, pilot):
        await pilot.press("up", "up")
        app.view.add(numbered(5, 50))
        await pilot.pause()
        assert app.line(9) == "line 47"
        assert app.view.below == 7
        await pilot.press("end")
        assert app.line(9) == "line 54"


async def test_what_is_old_is_forgotten_below_whoever_reads() -> None:
    async with shown(*numbered(MOST)) as (app, pilot):
        await pilot.press("up")
        app.view.add(numbered(100, MOST))
        await pilot.pause()
        assert app.view.count == MOST
        assert app.line(9) == f"line {MOST - 2}"
        await pilot.press("home")
        assert app.line(0) == "line 100"


async def test_the_latest_is_found_first_then_older_ones_then_around() -> None:
    lines = numbered(50)
    lines[5] += " Error"
    lines[30] += " error"
    async with shown(*lines) as (app, pilot):
        app.view.look_for("ERROR")
        assert app.view.hits == 2
        places = []
        for _ in range(3):
            assert app.view.go_to_next(-1)
            await pilot.pause()
            places.append(app.view.found)
        assert places == [30, 5, 30]
        assert "line 30 error" in [app.line(y) for y in range(10)]
        app.view.look_for("nowhere")
        assert not app.view.go_to_next(1)


async def test_a_find_stays_on_its_line_while_lines_are_forgotten() -> None:
    lines = numbered(MOST)
    async with shown(*lines) as (app, _):
        app.view.look_for("line 4999")
        app.view.go_to_next(-1)
        app.view.add(numbered(10, MOST))
        assert app.view.found == MOST - 11


async def test_markup_is_text() -> None:
    async with shown("[red]boss[/] [@click=app.quit]x") as (app, _):
        assert app.line(0) == "[red]boss[/] [@click=app.quit]x"


async def test_long_lines_end_with_an_ellipsis_and_can_be_moved() -> None:
    async with shown("[E " + "x" * 60 + " end") as (app, pilot):
        assert app.line(0).endswith("…")
        assert app.line(0).startswith("[E ")
        await pilot.press("right", "right")
        assert app.line(0).endswith("end")
        await pilot.press("left", "left")
        assert app.line(0).startswith("[E ")
