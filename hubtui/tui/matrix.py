"""Who has which sheet, and why not: students down, sheets across, the newest first."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import DataTable, Input

from hubtui.clock import moment, parse
from hubtui.names import shown
from hubtui.release.status import Released, Standing
from hubtui.tui.access import Order
from hubtui.tui.bars import Detail, Key, Line, key_line
from hubtui.tui.breath import keep, uncollected
from hubtui.tui.cell_table import CellTable
from hubtui.tui.colours import QUIET
from hubtui.tui.columns import GAP, Column, Row
from hubtui.tui.dialogs import Page, help_page
from hubtui.tui.keyed_table import MARK_WIDTH
from hubtui.tui.matrix_rows import LEGEND, MOST, Seen, Window, detail, see
from hubtui.tui.titles import title

if TYPE_CHECKING:
    from hubtui.tui.app import HubtuiApp

_BEAT = 5.0
"""Seconds between two looks."""
_WIDTH, _NAME = 9, 20


class Matrix(Screen[None]):
    """A cell is one sheet in one home."""

    KEYS = (
        Key("left", "sheet(-1)", "", "Go to a newer sheet.", False),
        Key("right", "sheet(1)", "", "Go to an older sheet.", False),
        Key("enter", "why", "why", "What became of the sheet in this home, and why."),
        Key("g", "give", "give again", "Give it again, deleted files too; to the marked."),
        Key("space", "mark", "mark", "Mark the student, or take the mark away."),
        Key("s", "sort", "sort", "Those with something to look at first, or by name."),
        Key("slash", "filter", "filter", "Show only students with some text in their name."),
        Key("r", "refresh", "refresh", "Look again now.", False),
        Key("question_mark", "help", "help", "What the keys do."),
        Key("escape", "back", "back", "Back to the sheets."),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "sheet(-1)", show=False, priority=True),
        Binding("right", "sheet(1)", show=False, priority=True),
        Binding("g", "give", show=False),
        Binding("s", "sort", show=False),
        Binding("slash", "filter", show=False),
        Binding("r", "refresh", show=False),
        Binding("question_mark", "help", show=False),
        Binding("escape,q,v", "back", show=False),
    ]
    DEFAULT_CSS = """
    Matrix CellTable { height: 1fr; background: $background; }
    Matrix #detail { height: 6; border-top: solid $panel; padding: 0 1; }
    Matrix #filter { height: 1; border: none; display: none; padding: 0 1; background: $panel; }
    Matrix #filter.open { display: block; }
    Matrix #legend { color: $text-muted; }
    """

    def __init__(self, sheet: str = "") -> None:
        """``sheet``: the one that is meant first."""
        super().__init__()
        self._wanted_sheet = sheet
        self._seen: Seen | None = None
        self._at = 0
        """Which sheet is meant."""
        self._columns = MOST
        """How many of the columns are shown."""
        self._trouble_first = False
        self._wanted = ""
        self._looking = False

    @property
    def hubtui(self) -> HubtuiApp:
        """The app, by its own type."""
        return cast("HubtuiApp", self.app)

    def compose(self) -> ComposeResult:
        columns = [Column("name", "WHO", _NAME)]
        for place in range(MOST):
            columns.append(Column(str(place), "", _WIDTH, _wide_enough(place + 1)))
        yield Line("Who has which sheet", id="top", classes="top")
        yield Line(id="notice", classes="notice empty")
        yield Line(" ", id="summary")
        yield CellTable(columns, empty_text="Looking …", id="table")
        yield Detail(id="detail")
        yield Line(LEGEND, id="legend")
        yield Input(id="filter", placeholder="text to look for; Enter keeps it, Esc shows all")
        yield Line(key_line(self.KEYS, self.app.size.width), classes="keys")

    @property
    def table(self) -> CellTable:
        """The students."""
        return self.query_one("#table", CellTable)

    def on_mount(self) -> None:
        """Look at once, and again and again while nothing lies on top."""
        self.table.focus()
        self.set_interval(_BEAT, self._look)
        self._look()

    def on_screen_resume(self) -> None:
        """A dialog is gone: with what is true now."""
        if self.standing is not None:
            self._look()

    def on_resize(self) -> None:
        """More sheets, or fewer."""
        self.call_after_refresh(self._show)

    def _look(self) -> None:
        if self._looking or not self.is_current:
            return
        self._looking = True

        def done() -> None:
            self._looking = False

        before, wanted = self._seen, self._wanted_sheet
        window = Window(0, self._room()) if before is None else before.window

        def look() -> Seen | None:
            with uncollected():
                found = self.hubtui.access.standing()
                if before is not None and replace(found, at=before.standing.at) == before.standing:
                    return None
                names = [sheet.name for sheet in found.sheets]
                first = before is None and wanted in names
                seen = see(found, window.to_show(names.index(wanted)) if first else window)
                keep(len(found.students))
                return seen

        def take(seen: Seen | None) -> None:
            done()
            if self.is_mounted and seen is not None:
                self._take(seen)

        self.hubtui.in_thread(look, take, failed=done)

    def _take(self, seen: Seen) -> None:
        meant = self.sheet.name if self.sheet is not None else self._wanted_sheet
        self._seen = seen
        names = [sheet.name for sheet in seen.standing.sheets]
        self._at = names.index(meant) if meant in names else 0
        missing = seen.standing.missing
        notice = self.query_one("#notice", Line)
        notice.set_class(not missing, "empty")
        notice.say(" · ".join(f"{m.what}: {shown(m.why)}" for m in missing))
        self._show()

    # --- what is shown --------------------------------------------------------------------------

    @property
    def standing(self) -> Standing | None:
        """Who has what; None before the first look."""
        return self._seen.standing if self._seen is not None else None

    @property
    def sheet(self) -> Released | None:
        """The sheet that is meant."""
        found = self.standing.sheets if self.standing else ()
        return found[self._at] if found else None

    def _room(self) -> int:
        width = self.table.scrollable_content_region.width or self.app.size.width - 1
        return max(1, sum(_wide_enough(number) <= width for number in range(1, MOST + 1)))

    def _show(self) -> None:
        if self._seen is None:
            return
        window = Window(self._seen.window.first, self._room()).to_show(self._at)
        seen = self._seen = self._seen.moved(window)
        sheets = window.of(seen.standing.sheets)
        for place in range(MOST):
            if (place < len(sheets)) != (place < self._columns):
                self.table.show_column(str(place), place < len(sheets))
            if place < len(sheets):
                self.table.relabel(str(place), title(sheets[place].name))
        self._columns = len(sheets)
        self.table.point_at(str(self._at - window.first) if sheets else None)
        rows = {name: self._row(seen, name) for name in self._order(seen)}
        self.table.empty_text = self._empty(seen)
        self.table.sync(rows if sheets else {}, seen.standing.students)
        self._say()

    def _row(self, seen: Seen, name: str) -> Row:
        row = seen.rows[name]
        if self._trouble_first and name in seen.troubled:
            return (f"! {row[0]}", *row[1:])
        return row

    def _order(self, seen: Seen) -> list[str]:
        names = [name for name in seen.standing.students if self._wanted in name.lower()]
        if self._trouble_first:
            names.sort(key=lambda name: (name not in seen.troubled, name))
        return names

    def _empty(self, seen: Seen) -> str:
        if not seen.standing.sheets:
            return "Nothing was released yet."
        if self._wanted and seen.standing.students:
            return f"Nobody with “{shown(self._wanted)}”. Esc shows all."
        return "There are no course accounts yet."

    def _say(self) -> None:
        seen, sheet = self._seen, self.sheet
        line = Text()
        if marks := self.table.marks:  # what one chose oneself stands first: never cut off
            line.append(f"{marks} · ", "bold")
        if seen is not None and sheet is not None:
            every, standing = len(seen.standing.students), seen.standing
            if self._wanted:
                with_ = f"{len(self.table.keys)} of {every} with “{shown(self._wanted, limit=20)}”"
                line.append(f"{with_} · ", "bold")
            line.append(shown(title(sheet.name), limit=20), "bold")
            line.append(f" v{sheet.version}" if sheet.version > 1 else "")
            line.append(f" · {seen.have[sheet.name]} of {every} have it")
            line.append(f" · sheet {self._at + 1} of {len(standing.sheets)}", QUIET)
            tried = "" if sheet.released else "tried out "
            line.append(f" · {tried}{moment(parse(sheet.since), standing.at)}", QUIET)
        self.query_one("#summary", Line).say(line)
        self._say_detail()

    def _say_detail(self) -> None:
        self.query_one("#detail", Detail).update(self._detail(6))

    def _detail(self, files: int) -> Text:
        name, sheet, standing = self.table.cursor_key, self.sheet, self.standing
        if name is None or sheet is None or standing is None:
            return Text()
        return detail(standing, name, sheet, files)

    # --- what the keys do -----------------------------------------------------------------------

    def on_data_table_row_highlighted(self, _event: DataTable.RowHighlighted) -> None:
        """Another student is in focus."""
        self._say_detail()

    def on_keyed_table_marked(self, _event: CellTable.Marked) -> None:
        """Other students are marked."""
        self._say()

    def on_data_table_row_selected(self, _event: DataTable.RowSelected) -> None:
        """Enter, or a click on the row in focus."""
        self.action_why()

    def on_cell_table_pointed(self, event: CellTable.Pointed) -> None:
        """A click on a cell means its sheet, too."""
        if event.column.isdecimal():
            first = self._seen.window.first if self._seen else 0
            self._go_to(first + int(event.column))

    def action_sheet(self, way: int) -> None:
        """The sheet to the left or to the right; while one types, the cursor of the text."""
        if isinstance(self.focused, Input):
            (self.focused.action_cursor_left if way < 0 else self.focused.action_cursor_right)()
        else:
            self._go_to(self._at + way)

    def _go_to(self, place: int) -> None:
        if self.standing is not None and 0 <= place < len(self.standing.sheets):
            self._at = place
            self._show()

    def action_why(self) -> None:
        """All that is known of the cell."""
        if self.sheet is not None and self.table.cursor_key:
            self.app.push_screen(Page("Why", self._detail(500)))

    def action_give(self) -> None:
        """Give the sheet again to the student in focus, or to the marked."""
        sheet = self.sheet
        to = sorted(self.table.marked) or [key for key in [self.table.cursor_key] if key]
        if sheet is not None and to:
            versions = ((sheet.name, sheet.version),)
            self.hubtui.carry(
                Order(sheets=(sheet.name,), versions=versions, to=tuple(to), again=True)
            )

    def action_mark(self) -> None:
        """Mark the student in focus."""
        self.table.action_mark_and_go_on()

    def action_sort(self) -> None:
        """Trouble first, or by name."""
        self._trouble_first = not self._trouble_first
        self.table.relabel("name", "WHO  ! first" if self._trouble_first else "WHO")
        self._show()
        if self._trouble_first and self.table.keys:
            self.table.move_to(self.table.keys[0])

    def action_filter(self) -> None:
        """Open the filter."""
        box = self.query_one("#filter", Input)
        box.add_class("open")
        box.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter as one types."""
        self._wanted = event.value.lower()
        self._show()

    def on_input_submitted(self, _event: Input.Submitted) -> None:
        """Keep the filter."""
        self.query_one("#filter", Input).set_class(bool(self._wanted), "open")
        self.table.focus()

    def action_refresh(self) -> None:
        """Look again now."""
        self._look()

    def action_help(self) -> None:
        """What the keys do here."""
        self.app.push_screen(help_page("Who has which sheet", self.KEYS))

    def action_back(self) -> None:
        """Esc: the filter first, then the marks, then back to the sheets."""
        box = self.query_one("#filter", Input)
        if self._wanted or box.has_class("open"):
            box.value = ""
            box.remove_class("open")
            self.table.focus()
        elif self.table.marked:
            self.table.clear_marks()
        else:
            self.dismiss()


def _wide_enough(sheets: int) -> int:
    """The width from which on so many fit."""
    return MARK_WIDTH + _NAME + sheets * (_WIDTH + GAP)
