"""The files of one sheet, to choose those that are handed out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import DataTable

from hubtui.clock import ago
from hubtui.names import shown
from hubtui.release.sheets import Sheet
from hubtui.release.source import Entry
from hubtui.tui.access import Order
from hubtui.tui.bars import Key, Line, key_line
from hubtui.tui.colours import GOOD, QUIET, WARN
from hubtui.tui.columns import Column, Row
from hubtui.tui.dialogs import Page, help_page
from hubtui.tui.keyed_table import KeyedTable
from hubtui.tui.look import cell
from hubtui.tui.titles import count, title
from hubtui.tui.trying import ask_whom
from hubtui.units import megabytes

if TYPE_CHECKING:
    from hubtui.tui.app import HubtuiApp


class Files(Screen[None]):
    """Marked ones are released with what was released of the sheet before."""

    KEYS = (
        Key("space", "mark", "mark", "Mark the file, or take the mark away."),
        Key("plus", "mark_all", "all", "Mark all files, or none."),
        Key("asterisk", "mark_new", "new", "Mark those that are new or changed."),
        Key("p", "release", "release", "Preview and release the marked files, or the row's."),
        Key("t", "try", "try", "The same for some students first: asks for their names."),
        Key("enter", "details", "details", "The file's whole name, and why it stays here.", False),
        Key("question_mark", "help", "help", "What the keys do."),
        Key("escape", "back", "back", "Back to the sheets."),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("plus", "mark_all", show=False),
        Binding("asterisk", "mark_new", show=False),
        Binding("p", "release", show=False),
        Binding("t", "try", show=False),
        Binding("question_mark", "help", show=False),
        Binding("escape,q,f", "back", show=False),
    ]
    DEFAULT_CSS = "Files KeyedTable { background: $background; }"

    def __init__(self, sheet: Sheet, entries: Sequence[Entry], at: datetime) -> None:
        super().__init__()
        self._sheet, self._at = sheet, at
        self._entries = {entry.path: entry for entry in entries}

    @property
    def hubtui(self) -> HubtuiApp:
        """The app, by its own type."""
        return cast("HubtuiApp", self.app)

    def compose(self) -> ComposeResult:
        columns = (
            Column("file", "FILE", None),
            Column("state", "STATE", 16),
            Column("size", "SIZE", 6, align="right"),
            Column("changed", "CHANGED", 7, align="right"),
        )
        yield Line(f"Files of {title(self._sheet.name)}", id="top", classes="top")
        yield Line(" ", id="summary")
        yield KeyedTable(columns, empty_text="This sheet has no files.", id="table")
        yield Line(key_line(self.KEYS, self.app.size.width), classes="keys")

    @property
    def table(self) -> KeyedTable:
        """The files."""
        return self.query_one("#table", KeyedTable)

    def on_mount(self) -> None:
        """Those that cannot be handed out cannot be marked."""
        self.table.never_marked = frozenset(p for p, entry in self._entries.items() if entry.why)
        self.table.sync({path: self._row(entry) for path, entry in self._entries.items()})
        self.table.focus()
        self._say()

    def _row(self, entry: Entry) -> Row:
        state, style = self._state(entry)
        saved = datetime.fromtimestamp(max(0, min(entry.mtime, 1 << 33)), UTC)
        quiet = QUIET if entry.why else ""
        return (
            cell(shown(entry.path, limit=200), quiet),
            cell(state, style),
            cell(megabytes(entry.size), quiet),
            cell(ago(saved, self._at), quiet),
        )

    def _state(self, entry: Entry) -> tuple[str, str]:
        if entry.why:
            return "! stays here", WARN
        if entry.path in self._sheet.changed:
            return "changed", GOOD
        if self._sheet.version is None or entry.path in self._sheet.new:
            return "new", GOOD
        return "released", QUIET

    def _say(self) -> None:
        marked = self.table.marked
        line = Text.assemble((f"{len(marked)} marked", "bold" if marked else ""))
        if marked:
            line.append(f", {megabytes(sum(self._entries[path].size for path in marked))}")
        line.append(f"  ·  {count(len(self._entries), 'file')}", QUIET)
        if self._sheet.version is not None:
            line.append("  ·  others stay as released", QUIET)
        self.query_one("#summary", Line).say(line)

    def on_keyed_table_marked(self, _event: KeyedTable.Marked) -> None:
        """Other files are marked."""
        self._say()

    def on_data_table_row_selected(self, _event: DataTable.RowSelected) -> None:
        """Enter: the whole of the row."""
        entry = self._entries.get(self.table.cursor_key or "")
        if entry is not None:
            text = Text(shown(entry.path))
            text.append(f"\n\n{shown(entry.why) or self._state(entry)[0]}", WARN * bool(entry.why))
            self.app.push_screen(Page("File", text))

    # --- what the keys do -----------------------------------------------------------------------

    def action_mark(self) -> None:
        """Mark the file in focus."""
        self.table.action_mark_and_go_on()

    def action_mark_all(self) -> None:
        """Mark all; again: none."""
        before = self.table.marked
        self.table.mark(self._entries)
        if self.table.marked == before:
            self.table.clear_marks()

    def action_mark_new(self) -> None:
        """Mark those that students do not have as they are."""
        self.table.mark(p for p, e in self._entries.items() if self._state(e)[1] == GOOD)

    def action_release(self) -> None:
        """Preview, and release if somebody says yes."""
        if (order := self._chosen()) is not None:
            self.hubtui.carry(order, after=self._done)

    def action_try(self) -> None:
        """To some first."""
        if (order := self._chosen()) is not None:
            many = len(order.files or ()) != 1
            ask_whom(self.hubtui, order, "these files" if many else "this file", self._done)

    def _chosen(self) -> Order | None:
        files = sorted(self.table.marked) or [key for key in [self.table.cursor_key] if key]
        return Order(sheets=(self._sheet.name,), files=tuple(files)) if files else None

    def _done(self) -> None:
        self.dismiss()

    def action_help(self) -> None:
        """What the keys do here."""
        self.app.push_screen(help_page("Files", self.KEYS))

    def action_back(self) -> None:
        """Esc: the marks first, then back to the sheets."""
        if self.table.marked:
            self.table.clear_marks()
        else:
            self.dismiss()
