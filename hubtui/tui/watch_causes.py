"""What it was each time: by cause, with what the cases have in common, and when they happen."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.screen import Screen
from textual.widgets import DataTable

from hubtui.tui.bars import Detail, Key, Line, key_line
from hubtui.tui.cause_rows import COLUMNS, by_hour, cause_detail, cause_rows, headline
from hubtui.tui.dialogs import Page, help_page
from hubtui.tui.keyed_table import KeyedTable
from hubtui.tui.watch_rows import UNKNOWN, title
from hubtui.watchdog.history import History
from hubtui.watchdog.patterns import Patterns, patterns

if TYPE_CHECKING:
    from hubtui.tui.app import HubtuiApp


class CausesPage(Screen[None]):
    """A line for each cause; below it the week, hour by hour, beside the cause in focus."""

    KEYS = (
        Key("enter", "details", "details", "What it is, what cures it, and each time."),
        Key("question_mark", "help", "help", "What the keys do."),
        Key("escape", "back", "back", "Back to the watchdog."),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark", "help", show=False),
        Binding("escape,q,c", "back", show=False),
    ]
    DEFAULT_CSS = """
    CausesPage #common { height: 3; }
    CausesPage KeyedTable { height: auto; max-height: 45%; background: $background; }
    CausesPage #below { height: 1fr; border-top: solid $panel; }
    CausesPage #week { width: 55; }
    CausesPage #detail { width: 1fr; }
    """

    def __init__(self, history: History, at: datetime) -> None:
        super().__init__()
        self._history, self._at = history, at
        self.found: Patterns | None = None
        """None while they are still looked for."""

    @property
    def hubtui(self) -> HubtuiApp:
        """The app, by its own type."""
        return cast("HubtuiApp", self.app)

    def compose(self) -> ComposeResult:
        yield Line("What it was each time", classes="top")
        yield Line("Looking …", id="summary")
        yield Detail(id="common")
        yield KeyedTable(COLUMNS, empty_text="Looking …", marks=False, id="table")
        with Horizontal(id="below"):
            yield Detail(id="week")
            yield Detail(id="detail")
        yield Line(key_line(self.KEYS, self.app.size.width), classes="keys")

    def on_mount(self) -> None:
        """Group them, in a thread: it reads what was saved of each."""
        self.query_one(KeyedTable).focus()
        server, history = self.hubtui.server, self._history
        self.hubtui.in_thread(lambda: patterns(server, history), self._show)

    def _show(self, found: Patterns) -> None:
        if not self.is_mounted:
            return
        self.found = found
        table = self.query_one(KeyedTable)
        table.empty_text = "No restart and no incident is known yet."
        table.sync(cause_rows(found, self._history, self._at))
        self.query_one("#summary", Line).say(headline(found))
        common = self.query_one("#common", Detail)
        common.styles.height = min(3, len(found.sentences)) or 1
        common.update(Text("\n").join(Text(f"· {said}", "bold") for said in found.sentences[:3]))
        self.query_one("#week", Detail).update(by_hour(found))
        self._say_detail()

    def _say_detail(self) -> None:
        cause = self.query_one(KeyedTable).cursor_key
        text = Text() if cause is None else cause_detail(cause, self._history, self._at, times=20)
        self.query_one("#detail", Detail).update(text)

    def on_data_table_row_highlighted(self, _event: DataTable.RowHighlighted) -> None:
        """Another cause is in focus."""
        self._say_detail()

    def on_data_table_row_selected(self, _event: DataTable.RowSelected) -> None:
        """Enter, or a click on the row in focus."""
        self.action_details()

    def action_details(self) -> None:
        """The cause in focus, with every time it was seen."""
        cause = self.query_one(KeyedTable).cursor_key
        if cause is not None:
            text = cause_detail(cause, self._history, self._at, times=200)
            self.app.push_screen(Page(title(cause) or UNKNOWN, text))

    def action_help(self) -> None:
        """What the keys do here."""
        self.app.push_screen(help_page("Causes", self.KEYS))

    def action_back(self) -> None:
        """Back to the watchdog."""
        self.dismiss()
