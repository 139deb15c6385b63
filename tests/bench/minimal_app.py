"""The yardstick: as little Textual as can show a table on one of two screens.

What hubtui costs is compared with this in the same run, so a slow or busy machine tells nothing.
"""

from __future__ import annotations

from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.screen import Screen
from textual.widgets import DataTable, Footer, Static

ROWS, COLUMNS = 50, 6
MARK = r"row 1\b"
"""On the screen once the table is."""


class Table(Screen[None]):
    """A stock table."""

    def compose(self) -> ComposeResult:
        table: DataTable[str] = DataTable(cursor_type="row")
        table.add_columns(*(f"column {x}" for x in range(COLUMNS)))
        for y in range(ROWS):
            table.add_row(f"row {y}", *(f"cell {y}.{x}" for x in range(1, COLUMNS)))
        yield table
        yield Footer()


class Other(Screen[None]):
    """The second screen."""

    def compose(self) -> ComposeResult:
        yield Static("nothing here")
        yield Footer()


class MinimalApp(App[None]):
    """Two modes, one table."""

    ENABLE_COMMAND_PALETTE = False
    MODES: ClassVar = {"table": Table, "other": Other}
    DEFAULT_MODE = "table"
    BINDINGS: ClassVar[list[BindingType]] = [
        ("1", "app.switch_mode('table')", "Table"),
        ("2", "app.switch_mode('other')", "Other"),
        ("q", "quit", "Quit"),
    ]


if __name__ == "__main__":
    MinimalApp().run()
