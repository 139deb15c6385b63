"""The list of every pane, by keys on a screen: what stays where, and what is painted."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import pytest
from rich.cells import cell_len
from rich.style import Style
from rich.text import Text
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.strip import Strip
from textual.widgets import DataTable

from hubtui.tui.keyed_table import Column, KeyedTable, Row

COLUMNS = (
    Column("name", "Name", 12),
    Column("uid", "uid", 6, align="right"),
    Column("why", "Why"),
    Column("mode", "Mode", 5, drop_below=60),
)
EMPTY = "Nobody has signed up yet."
PRIVATE = (
    "_data",
    "_row_locations",
    "_column_locations",
    "_update_count",
    "_scroll_update",
    "_get_row_region",
    "_set_hover_cursor",
)


class Table(KeyedTable):
    """Keeps a list of the lines that it painted."""

    def __init__(self) -> None:
        super().__init__(COLUMNS, empty_text=EMPTY)
        self.painted: list[int] = []

    def render_line(self, y: int) -> Strip:
        self.painted.append(y)
        return super().render_line(y)


class Shown(App[None]):
    """The table alone; keeps what it posted. `injected` is what hostile markup would call."""

    def __init__(self) -> None:
        super().__init__()
        self.table = Table()
        self.highlighted: list[str | None] = []
        self.marked: list[set[str]] = []
        self.heads: list[str | None] = []
        self.injected = False

    def compose(self) -> ComposeResult:
        yield self.table

    def action_inject(self) -> None:
        self.injected = True

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        self.highlighted.append(event.row_key.value)

    def on_data_table_header_selected(self, event: DataTable.HeaderSelected) -> None:
        self.heads.append(event.column_key.value)

    def on_keyed_table_marked(self, event: KeyedTable.Marked) -> None:
        self.marked.append(set(event.marked))


def row(name: str, why: str = "fine") -> Row:
    return (name, "20001", why, "0700")


def students(numbers: Sequence[int]) -> dict[str, Row]:
    return {f"s{number}": row(f"student-{number}") for number in numbers}


@asynccontextmanager
async def showing(
    rows: Mapping[str, Row], size: tuple[int, int] = (80, 24)
) -> AsyncIterator[tuple[Shown, Table, Pilot[None]]]:
    app = Shown()
    async with app.run_test(size=size) as pilot:
        app.table.sync(rows)
        await pilot.pause()
        app.table.painted.clear()
        yield app, app.table, pilot


def lines(table: Table) -> list[str]:
    painted, region = list(table.painted), table.size.region
    texts = [strip.text for strip in table.render_lines(region)]
    table.painted[:] = painted
    return texts


def line_of(table: Table, text: str) -> int:
    return next(y for y, line in enumerate(lines(table)) if text in line)


async def test_the_cursor_stays_on_its_row_when_others_come_in_above_it() -> None:
    async with showing(students(range(5))) as (app, table, pilot):
        await pilot.press("down", "down")
        table.sync(students([7, 8, 9]) | students(range(5)))
        await pilot.pause()
        assert (table.cursor_key, table.cursor_row) == ("s2", 5)
        assert app.highlighted == ["s0", "s1", "s2"]


async def test_cursor_and_scroll_stay_with_their_row_in_another_order() -> None:
    async with showing(students(range(200))) as (_, table, pilot):
        table.move_to("s100")
        await pilot.pause()
        before = line_of(table, "student-100 ")
        table.sync(students(range(199, -1, -1)))
        await pilot.pause()
        assert table.cursor_key == "s100"
        assert line_of(table, "student-100 ") == before


async def test_rows_that_come_in_above_the_screen_move_nothing_on_it() -> None:
    async with showing(students(range(100))) as (_, table, pilot):
        await pilot.press("pagedown")
        before = lines(table)
        table.painted.clear()
        table.sync(students(range(900, 910)) | students(range(100)))
        await pilot.pause()
        assert lines(table) == before
        assert table.painted == []


async def test_who_scrolled_away_from_the_cursor_is_not_dragged_back() -> None:
    async with showing(students(range(200))) as (_, table, pilot):
        table.scroll_to(y=120, animate=False)
        await pilot.pause()
        before = lines(table)
        table.sync(students(range(50)) | students([999]) | students(range(50, 200)))
        await pilot.pause()
        assert lines(table) == before
        assert table.cursor_key == "s0"


@pytest.mark.parametrize(
    ("gone", "now"), [({2}, "s3"), ({4, 3}, "s2"), ({1, 2, 3}, "s4"), ({2, 3, 4}, "s1")]
)
async def test_when_the_cursors_row_is_gone_the_nearest_takes_over(
    gone: set[int], now: str
) -> None:
    start = 4 if 4 in gone and 2 not in gone else 2
    async with showing(students(range(5))) as (app, table, pilot):
        table.move_to(f"s{start}")
        await pilot.pause()
        app.highlighted.clear()
        table.sync(students([number for number in range(5) if number not in gone]))
        await pilot.pause()
        assert table.cursor_key == now
        assert app.highlighted == [now]


async def test_marks_stay_with_their_rows_and_go_with_them() -> None:
    async with showing(students(range(5))) as (app, table, pilot):
        await pilot.press("space", "space")
        table.sync(students([9, 1, 0]))
        await pilot.pause()
        assert table.marked == {"s0", "s1"}
        assert [line[:3] for line in lines(table)[1:4]] == ["  s", "● s", "● s"]
        table.sync(students([9, 1]))
        await pilot.pause()
        assert app.marked == [{"s0"}, {"s0", "s1"}, {"s1"}]


async def test_marks_of_rows_that_are_filtered_away_are_kept_and_counted() -> None:
    async with showing(students(range(5))) as (_, table, pilot):
        await pilot.press("space", "space", "space")
        everybody = students(range(5))
        table.sync(students([0]), everybody)
        assert table.marks == "3 marked (2 hidden)"
        assert table.marked == {"s0", "s1", "s2"}
        table.unmark({"s0"})
        assert table.marks == "2 marked (2 hidden)"
        table.sync(everybody, everybody)
        await pilot.pause()
        assert table.marks == "2 marked"
        assert [line[:3] for line in lines(table)[1:5]] == ["  s", "● s", "● s", "  s"]
        table.sync(students([1, 3]), students([1, 3]))
        assert table.marked == {"s1"}


async def test_marks_can_be_set_and_cleared_all_at_once() -> None:
    async with showing(students(range(5))) as (_, table, _pilot):
        table.mark(["s1", "s3", "nobody"])
        assert table.marked == {"s1", "s3"}
        table.toggle_mark("s1")
        assert table.marked == {"s3"}
        table.clear_marks()
        assert table.marked == frozenset()


async def test_home_and_end_go_to_the_first_and_last_row() -> None:
    async with showing(students(range(5000))) as (_, table, pilot):
        await pilot.press("end")
        assert table.cursor_key == "s4999"
        assert "student-4999" in lines(table)[-1]
        await pilot.press("home")
        assert table.cursor_key == "s0"


async def test_after_the_last_row_went_and_others_came_the_cursor_is_on_the_first() -> None:
    async with showing(students(range(50))) as (_, table, pilot):
        await pilot.press("end")
        table.sync({})
        await pilot.pause()
        assert EMPTY in lines(table)[1]
        assert list(table.keys) == []
        table.sync(students(range(3)))
        await pilot.pause()
        assert table.cursor_key == "s0"
        assert EMPTY not in "".join(lines(table))


async def test_a_row_with_a_cell_too_few_is_refused_and_nothing_changes() -> None:
    async with showing(students(range(3))) as (_, table, _pilot):
        with pytest.raises(ValueError, match="row 'x' has 1 cells, not 4"):
            table.sync(students(range(2)) | {"x": ("alone",)})
        assert list(table.keys) == ["s0", "s1", "s2"]


async def test_the_stock_ways_to_read_a_table_see_the_same_rows() -> None:
    async with showing(students([3, 1])) as (_, table, _pilot):
        table.sync(students([1]) | {"s3": row("renamed")})
        assert table.get_row("s3") == list(row("renamed"))
        assert table.get_row_index("s3") == 1
        assert [kept.key.value for kept in table.ordered_rows] == ["s1", "s3"]


async def test_a_click_moves_the_cursor_marks_or_names_the_column() -> None:
    async with showing(students(range(5))) as (app, table, pilot):
        await pilot.click(table, offset=(6, 3))
        assert table.cursor_key == "s2"
        await pilot.click(table, offset=(0, 2))
        assert table.marked == {"s1"}
        await pilot.click(table, offset=(16, 0))
        assert app.heads == ["uid"]


@pytest.mark.parametrize("name", ["[@click=app.inject]free[/]", "[red]mallory[/red]", "[b]x[/b]"])
async def test_markup_in_a_name_is_text(name: str) -> None:
    assert Text.from_markup(name).plain != name
    async with showing({"x": (name, "1", name, "")}, size=(120, 24)) as (app, table, pilot):
        table.relabel("why", name)
        await pilot.pause()
        assert name in lines(table)[0]
        assert name in lines(table)[1]
        await pilot.click(table, offset=(30, 1))
        await pilot.click(table, offset=(4, 1))
        assert not app.injected


async def test_even_a_cell_read_as_markup_runs_nothing() -> None:
    cell = Text.from_markup("[@click=app.inject]free[/]")
    async with showing({"x": ("n", "1", cell, ""), "y": row("last")}) as (app, table, pilot):
        await pilot.press("down")  # the cursor's row is flat anyway
        await pilot.click(table, offset=(2 + 12 + 2 + 6 + 2 + 1, 1))
        await pilot.pause()
        assert not app.injected


async def test_controls_in_a_name_never_reach_the_terminal() -> None:
    hostile = "a\x1b[2Jb\x9bc\rd\ne\u202ef\u200b"
    rows: dict[str, Row] = {"x": row("one"), "y": (hostile, "1", Text(hostile, style="red"), "")}
    async with showing(rows) as (_, table, _pilot):
        shown = lines(table)[2]
        assert shown.isprintable()
        assert "a�[2Jb�c�d�…" in shown
        assert "a�[2Jb�cd�e�f�" in shown  # rich takes the \r out of a Text


async def test_text_too_wide_is_cut_and_wide_characters_count_twice() -> None:
    rows: dict[str, Row] = {
        "a": row("abcdefghijklm"),
        "b": row("学生学生学生学生"),
        "c": ("学生学生学生学", "1234567", Text("学" * 50, style="red"), Text("öäü", style="bold")),
    }
    async with showing(rows) as (_, table, _pilot):
        assert "abcdefghijk… " in lines(table)[1]
        assert "学生学生学 … " in lines(table)[2]
        assert "12345…" in lines(table)[3]
        assert {cell_len(line) for line in lines(table)} == {80}


async def test_one_column_takes_what_is_left_and_another_gives_way() -> None:
    async with showing({"x": ("n", "1", "w" * 200, "0700")}, size=(80, 24)) as (_, table, pilot):
        assert lines(table)[1].count("w") == 80 - 2 - 12 - 6 - 5 - 3 * 2 - 1
        assert "0700" in lines(table)[1]
        await pilot.resize_terminal(59, 24)
        await pilot.pause()
        assert "0700" not in lines(table)[1]
        assert lines(table)[1].count("w") == 59 - 2 - 12 - 6 - 2 * 2 - 1
        table.show_column("uid", False)
        assert lines(table)[1].count("w") == 59 - 2 - 12 - 1 * 2 - 1


async def test_the_scrollbar_hides_no_cell() -> None:
    async with showing(students(range(3))) as (_, table, pilot):
        table.sync(students(range(100)))
        await pilot.pause()
        assert table.show_vertical_scrollbar
        assert lines(table)[1].rstrip().endswith("0700")
        assert cell_len(lines(table)[1].rstrip()) == 80 - 1 - 1  # the bar, a blank


async def test_the_same_rows_again_repaint_nothing() -> None:
    async with showing(students(range(100))) as (app, table, pilot):
        table.sync(students(range(100)))
        await pilot.pause()
        assert table.painted == []
        assert app.highlighted == ["s0"]


async def test_only_lines_that_changed_are_repainted() -> None:
    async with showing(students(range(100))) as (_, table, pilot):
        table.sync(students(range(100)) | {"s4": row("other"), "s90": row("below the screen")})
        await pilot.pause()
        assert table.painted == [5]
        assert "other" in lines(table)[5]


async def test_a_new_colour_alone_is_a_change() -> None:
    def told(colour: str) -> dict[str, Row]:
        return {"a": row("first"), "b": ("x", "1", Text("state", style=colour), "")}

    async with showing(told("red")) as (_, table, pilot):
        table.sync(told("green"))
        await pilot.pause()
        assert table.painted == [2]


async def test_a_cursor_key_repaints_two_lines_and_the_cursors_has_one_style() -> None:
    rows = {str(y): (f"n{y}", "1", Text("why", style="red"), "0700") for y in range(9)}
    async with showing(rows) as (_, table, pilot):
        await pilot.press("down")
        assert sorted(table.painted) == [1, 2]
        assert len({segment.style for segment in table.render_line(2)}) == 1
        assert len({segment.style for segment in table.render_line(3)}) == 2


async def test_the_mouse_moving_over_it_repaints_nothing() -> None:
    link = Text("a link", style=Style(link="https://example.org"))
    rows = {str(y): (link, "1", "why", "0700") for y in range(100)}
    async with showing(rows) as (_, table, pilot):
        for y in (2, 5, 9):
            await pilot.hover(table, offset=(4, y))
        await pilot.pause()
        assert table.painted == []


async def test_a_row_more_repaints_its_line_alone() -> None:
    async with showing(students(range(5))) as (_, table, pilot):
        table.sync(students(range(6)))
        await pilot.pause()
        assert table.painted == [6]


@pytest.mark.parametrize("name", PRIVATE)
def test_textual_still_has_the_private_name(name: str) -> None:
    stock: DataTable[str] = DataTable()
    assert hasattr(stock, name), (
        f"This Textual's DataTable has no {name}: hubtui/tui/keyed_table.py uses it. "
        "Read what took its place, change that file, then the version in pyproject.toml."
    )


async def test_five_thousand_rows_cost_little_of_what_the_stock_table_takes() -> None:
    class Stock(App[None]):
        def compose(self) -> ComposeResult:
            yield DataTable()

    rows = students(range(5000))
    app = Stock()
    async with app.run_test() as pilot:
        stock = app.query_one(DataTable)
        stock.add_columns("Name", "uid", "Why", "Mode")
        begun = time.perf_counter()
        for key, cells in rows.items():
            stock.add_row(*cells, key=key)
        await pilot.pause()
        stock_fill = time.perf_counter() - begun

    took: dict[str, float] = {}
    async with showing({}) as (_, table, pilot):
        changed = {
            k: row("new") if i % 25 == 0 else cells for i, (k, cells) in enumerate(rows.items())
        }
        for what, then in {
            "filled": rows,
            "unchanged": students(range(5000)),
            "200 changed": changed,
            "10 above": students(range(9000, 9010)) | changed,
            "reversed": dict(reversed(changed.items())),
            "emptied": {},
        }.items():
            begun = time.perf_counter()
            table.sync(then)
            took[what] = time.perf_counter() - begun
            await pilot.pause()
    print(f"\nstock filled {stock_fill * 1000:.0f} ms", end="")  # noqa: T201
    print("".join(f", {what} {seconds * 1000:.1f} ms" for what, seconds in took.items()))  # noqa: T201
    # On a quiet machine a tenth and a hundredth; here only what grows with the square is caught.
    assert took["filled"] < stock_fill
    assert max(seconds for what, seconds in took.items() if what != "filled") < stock_fill / 3
