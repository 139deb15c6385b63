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
from hubtui.release.ledger import Delivered as Given
from hubtui.release.status import Released, Standing
from hubtui.tui.access import Order
from hubtui.tui.bars import Detail, Key, Line, key_line
from hubtui.tui.cell_table import CellTable
from hubtui.tui.colours import BAD, GOOD, QUIET, WARN
from hubtui.tui.columns import GAP, Column, Row
from hubtui.tui.dialogs import Page, help_page
from hubtui.tui.keyed_table import MARK_WIDTH
from hubtui.tui.look import cell
from hubtui.tui.titles import title

if TYPE_CHECKING:
    from hubtui.tui.app import HubtuiApp

_BEAT = 5.0
"""Seconds between two looks."""
_WIDTH, _NAME = 9, 20
_MOST = 14
"""Columns, on the widest of screens."""
SIGNS = {
    "delivered": ("✓", GOOD, "delivered"),
    "same": ("=", GOOD, "was there already"),
    "kept": ("●", WARN, "the student's own kept"),
    "beside": ("⇉", WARN, "new one beside the student's own"),
    "blocked": ("✗", BAD, "blocked"),
    "no_space": ("✗", BAD, "no space"),
    "failed": ("✗", BAD, "failed"),
    "interrupted": ("✗", BAD, "interrupted"),
    "": ("◌", WARN, "not given yet"),
}
_LEGEND = "✓ delivered  = was there  ● own kept  ⇉ beside  ✗ failed  ◌ not given  ↑ older"
_WORDS = {
    "new": "new",
    "replace": "replaced",
    "same": "as it should be",
    "kept": "kept as the student has it",
    "beside": "beside the student's own",
    "deleted": "deleted by the student",
    "blocked": "blocked",
    "no_space": "without space",
    "failed": "failed",
}


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
        self.standing: Standing | None = None
        self._at = self._first = 0
        """Which sheet is meant, and which one is the first on the screen."""
        self._columns = _MOST
        """How many of the columns are shown."""
        self._trouble_first = False
        self._troubled: frozenset[str] = frozenset()
        self._wanted = ""
        self._looking = False

    @property
    def hubtui(self) -> HubtuiApp:
        """The app, by its own type."""
        return cast("HubtuiApp", self.app)

    def compose(self) -> ComposeResult:
        columns = [Column("name", "WHO", _NAME)]
        for place in range(_MOST):
            columns.append(Column(str(place), "", _WIDTH, _wide_enough(place + 1)))
        yield Line("Who has which sheet", id="top", classes="top")
        yield Line(id="notice", classes="notice empty")
        yield Line(" ", id="summary")
        yield CellTable(columns, empty_text="Looking …", id="table")
        yield Detail(id="detail")
        yield Line(_LEGEND, id="legend")
        yield Input(id="filter", placeholder="text to look for; Enter keeps it, Esc shows all")
        yield Line(key_line(self.KEYS), classes="keys")

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

        def look() -> tuple[Standing, frozenset[str]] | None:
            found, before = self.hubtui.access.standing(), self.standing
            if before is not None and replace(found, at=before.at) == before:
                return None
            return found, frozenset(name for name in found.students if _is_troubled(found, name))

        def take(seen: tuple[Standing, frozenset[str]] | None) -> None:
            done()
            if self.is_mounted and seen is not None:
                self._take(*seen)

        self.hubtui.in_thread(look, take, failed=done)

    def _take(self, standing: Standing, troubled: frozenset[str]) -> None:
        self._troubled = troubled
        meant = self.sheet.name if self.sheet is not None else self._wanted_sheet
        self.standing = standing
        names = [sheet.name for sheet in standing.sheets]
        self._at = names.index(meant) if meant in names else 0
        self.table.empty_text = (
            "Nothing was released yet." if not names else "There are no course accounts yet."
        )
        notice = self.query_one("#notice", Line)
        notice.set_class(not standing.missing, "empty")
        notice.say(" · ".join(f"{m.what}: {shown(m.why)}" for m in standing.missing))
        self._show()

    # --- what is shown --------------------------------------------------------------------------

    @property
    def sheet(self) -> Released | None:
        """The sheet that is meant."""
        found = self.standing.sheets if self.standing else ()
        return found[self._at] if found else None

    def _room(self) -> int:
        width = self.table.scrollable_content_region.width
        return max(1, sum(_wide_enough(number) <= width for number in range(1, _MOST + 1)))

    def _show(self) -> None:
        standing = self.standing
        if standing is None:
            return
        room = self._room()
        self._first = min(max(self._first, self._at - room + 1), self._at)
        window = standing.sheets[self._first : self._first + room]
        for place in range(_MOST):
            if (place < len(window)) != (place < self._columns):
                self.table.show_column(str(place), place < len(window))
            if place < len(window):
                self.table.relabel(str(place), title(window[place].name))
        self._columns = len(window)
        self.table.point_at(str(self._at - self._first) if window else None)
        empty = (cell(""),) * (_MOST - len(window))
        rows: dict[str, Row] = {}
        for name in self._order():
            cells = (cell(*_sign(standing, name, sheet)[:2]) for sheet in window)
            rows[name] = (cell(shown(name, limit=40)), *cells, *empty)
        self.table.sync(rows if window else {})
        self._say()

    def _order(self) -> list[str]:
        assert self.standing is not None
        names = [name for name in self.standing.students if self._wanted in name.lower()]
        if self._trouble_first:
            names.sort(key=lambda name: (name not in self._troubled, name))
        return names

    def _say(self) -> None:
        standing, sheet = self.standing, self.sheet
        line = Text()
        if standing is not None and sheet is not None:
            have = sum(_has(sheet, standing.given(n, sheet.name)) for n in standing.students)
            line.append(title(sheet.name), "bold")
            line.append(f" version {sheet.version}" if sheet.version > 1 else "")
            line.append(f"  ·  {have} of {len(standing.students)} have it")
            what = "released" if sheet.released else "tried out"
            line.append(f"  ·  {what} {moment(parse(sheet.since), standing.at)}", QUIET)
            line.append(f"  ·  sheet {self._at + 1} of {len(standing.sheets)}", QUIET)
        self.query_one("#summary", Line).say(line)
        self.query_one("#detail", Detail).update(self._detail(6))

    def _detail(self, files: int) -> Text:
        name, sheet, standing = self.table.cursor_key, self.sheet, self.standing
        if name is None or sheet is None or standing is None:
            return Text()
        given = standing.given(name, sheet.name)
        sign, style, word = _sign(standing, name, sheet)
        text = Text.assemble((shown(name, limit=40), "bold"), "  ", title(sheet.name))
        if trouble := standing.trouble(name, sheet.name):
            text.append(f"\n{sign} {word}", style)
            text.append(f"  {moment(parse(trouble.at), standing.at)}\n", QUIET)
            return text.append(shown(trouble.why, limit=300))
        if given is None:
            text.append(f"\n{sign} {word}\n", style)
            if sheet.released:
                text.append("hubtui due gives it by itself, or g now.", QUIET)
            return text
        text.append(f"\n{sign} {word}", style)
        text.append(f"  version {given.version}, {moment(parse(given.at), standing.at)}\n", QUIET)
        if sum(given.counts.values()) > 1:  # else the sign has said it
            counts = [f"{n} {_WORDS.get(state, state)}" for state, n in given.counts.items()]
            text.append(", ".join(counts))
        if given.why:
            text.append(f"\n{shown(given.why, limit=200)}", WARN)
        for path, state, why in given.listed[:files]:
            said = _WORDS.get(state, state) + (f": {shown(why, limit=200)}" if why else "")
            text.append(f"\n{shown(path, limit=100)}  ")
            text.append(said, SIGNS.get(state, ("", QUIET, ""))[1])
        if more := len(given.listed[files:]):
            text.append(f"\nand {more} more", QUIET)
        return text

    # --- what the keys do -----------------------------------------------------------------------

    def on_data_table_row_highlighted(self, _event: DataTable.RowHighlighted) -> None:
        """Another student is in focus."""
        self.query_one("#detail", Detail).update(self._detail(6))

    def on_data_table_row_selected(self, _event: DataTable.RowSelected) -> None:
        """Enter, or a click on the row in focus."""
        self.action_why()

    def on_cell_table_pointed(self, event: CellTable.Pointed) -> None:
        """A click on a cell means its sheet, too."""
        if event.column.isdecimal():
            self._go_to(self._first + int(event.column))

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


def _is_troubled(standing: Standing, name: str) -> bool:
    return any(_sign(standing, name, sheet)[1] in (WARN, BAD) for sheet in standing.sheets)


def _has(sheet: Released, given: Given | None) -> bool:
    return given is not None and given.version >= sheet.version and not given.lacking


def _sign(standing: Standing, name: str, sheet: Released) -> tuple[str, str, str]:
    """Sign, style, words."""
    given, trouble = standing.given(name, sheet.name), standing.trouble(name, sheet.name)
    if trouble is not None:
        return SIGNS.get(trouble.state, SIGNS["failed"])
    if given is None:
        return SIGNS[""] if sheet.released else (" ", QUIET, "not tried out here")
    sign, style, word = SIGNS.get(given.state, SIGNS["failed"])
    if given.version < sheet.version:
        return f"{sign} v{given.version} ↑", WARN, f"{word}, an older version"
    return sign, style, word
