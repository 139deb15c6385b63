"""The list of every pane: rows with a key, kept as they are while the data below them changes.

Textual's DataTable knows rows by their place and paints cell by cell, and each change repaints the
whole widget (some 6 KB over ssh). Here only the cursor, its keys and its messages are the stock
ones. Rows come in through `KeyedTable.sync` alone, all are one line high, the columns' widths are
given, and so a line is painted in one go, and only if something on it changed.
"""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import ClassVar

import msgspec
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual._two_way_dict import TwoWayDict  # what DataTable keeps its order of rows in
from textual.binding import Binding, BindingType
from textual.coordinate import Coordinate
from textual.geometry import Region, Size, clamp
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import DataTable
from textual.widgets.data_table import Column as StockColumn
from textual.widgets.data_table import ColumnKey, RowKey

from hubtui.tui.columns import Cell, Column, Row, Slot, clean, lay_out, look_the_same, paint_row
from hubtui.tui.row_store import Cells, Face, nearest, new_row

__all__ = ["Cell", "Column", "KeyedTable", "Row"]

MARK_WIDTH = 2  # the mark and a blank


class KeyedTable(DataTable[Cell]):
    """A table that follows a mapping of rows; cursor, scroll and marks stay with the row's key.

    The size is the parent's to give (`height: 1fr`); `height: auto` works too but costs a layout
    with each change in the number of rows. Of DataTable's ways to change rows or columns none may
    be used. A click on a column's head posts the stock `HeaderSelected`, one on the mark's column
    toggles the mark.
    """

    DEFAULT_CSS = """
    KeyedTable {
        width: 1fr;
        height: 1fr;
        overflow-x: hidden;
        scrollbar-size-vertical: 1;
        & > .keyed-table--mark { color: $text-accent; text-style: bold; }
        & > .keyed-table--empty { color: $text-muted; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"keyed-table--mark", "keyed-table--empty"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "mark_and_go_on", "Mark"),
        Binding("home", "scroll_top", "First row", show=False),
        Binding("end", "scroll_bottom", "Last row", show=False),
        Binding("j", "cursor_down", "Down", show=False),
        Binding("k", "cursor_up", "Up", show=False),
    ]

    class Marked(Message):
        """Other rows than before are marked."""

        def __init__(self, table: KeyedTable) -> None:
            self.table = table
            self.marked = table.marked
            super().__init__()

        @property
        def control(self) -> KeyedTable:
            return self.table

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        empty_text: str = "",
        marks: bool = True,
        name: str | None = None,
        id: str | None = None,  # noqa: A002 - Textual's own word
        classes: str | None = None,
    ) -> None:
        """`marks=False`: a list in which nothing can be marked; it has no column for it."""
        super().__init__(cursor_type="row", name=name, id=id, classes=classes)
        # Otherwise each mouse move over the table repaints all of it.
        self.set_reactive(Widget.auto_links, False)
        self._specs = list(columns)
        self._hidden: set[str] = set()
        self._empty_text = empty_text
        self._marks = marks
        self._marked: frozenset[str] = frozenset()
        self.never_marked: frozenset[str] = frozenset()  # rows that stand for other ones
        self._shown: dict[str, Row] = {}
        self._order: list[str] = []
        self._row_keys: dict[str, RowKey] = {}
        self._slots: tuple[int, list[Slot]] | None = None
        # Where get_row() and get_cell() look.
        self._data = Cells(lambda: self._shown, self.columns)  # type: ignore[assignment]
        for place, spec in enumerate(columns):
            # Not add_column(): it reads markup in labels and measures with a running app's console.
            column = StockColumn(ColumnKey(spec.key), Text(spec.label), spec.width or 0)
            self.columns[column.key] = column
            self._column_locations[column.key] = place  # where ordered_columns looks

    @property
    def keys(self) -> Sequence[str]:
        """The keys of the rows, in the order shown."""
        return tuple(self._order)

    @property
    def cursor_key(self) -> str | None:
        """The key of the row under the cursor; None in an empty table."""
        return self._order[self.cursor_row] if self._order else None

    @property
    def marked(self) -> frozenset[str]:
        """The keys of the marked rows, those among them that are hidden by a filter included."""
        return self._marked

    @property
    def marks(self) -> str:
        """``3 marked (2 hidden)``; empty where there are none."""
        hidden = len(self._marked - self._shown.keys())
        said = f"{len(self._marked)} marked" if self._marked else ""
        return f"{said} ({hidden} hidden)" if hidden else said

    @property
    def empty_text(self) -> str:
        """The sentence that an empty table shows, as it is."""
        return self._empty_text

    @empty_text.setter
    def empty_text(self, sentence: str) -> None:
        if sentence != self._empty_text:
            self._empty_text = sentence
            if not self._order:
                self.refresh()

    def move_to(self, key: str) -> bool:
        """Put the cursor on the row of that key; False when there is none."""
        if key not in self._shown:
            return False
        self.move_cursor(row=self._order.index(key))
        return True

    def shows(self, place: int) -> bool:
        """Whether the row at this place is on the screen."""
        return 0 <= place - self.scroll_offset.y < self._page

    def turn_to(self, place: int) -> None:
        """Put the cursor on the row at this place, and the row at the top."""
        self.move_cursor(row=place, scroll=False)
        self.scroll_to(y=place, animate=False, immediate=True)

    def relabel(self, key: str, label: str) -> None:
        """Change the head of a column, such as an arrow for the order."""
        place = self._place(key)
        if self._specs[place].label == label:
            return
        self._specs[place] = msgspec.structs.replace(self._specs[place], label=label)
        self.columns[ColumnKey(key)].label = Text(label)
        self.refresh(Region(0, 0, self._width, self.header_height))

    def show_column(self, key: str, shown: bool = True) -> None:
        """Show or hide a column; the rows keep its cells."""
        self._place(key)
        (self._hidden.discard if shown else self._hidden.add)(key)
        self._slots = None
        self.refresh()

    def _place(self, key: str) -> int:
        return [spec.key for spec in self._specs].index(key)

    def toggle_mark(self, key: str | None = None) -> None:
        """Mark the row, or take its mark away; without a key the row under the cursor."""
        key = self.cursor_key if key is None else key
        if key in self._shown:
            self._set_marks(self._marked ^ {key})

    def mark(self, keys: Iterable[str]) -> None:
        """Mark these rows as well; keys without a row are passed over."""
        self._set_marks(self._marked | (self._shown.keys() & set(keys)))

    def unmark(self, keys: Collection[str]) -> None:
        """Take the marks of these rows away."""
        self._set_marks(self._marked.difference(keys))

    def clear_marks(self) -> None:
        """Take all marks away."""
        self._set_marks(frozenset())

    def _set_marks(self, marked: frozenset[str]) -> None:
        marked -= self.never_marked
        if marked == self._marked or not self._marks:
            return
        before = self._faces()
        self._marked = marked
        self._repaint(before, width=MARK_WIDTH)
        self.post_message(self.Marked(self))

    def action_mark_and_go_on(self) -> None:
        """Toggle the mark under the cursor and go to the next row."""
        self.toggle_mark()
        self.action_cursor_down()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The footer offers marking only where something can be marked."""
        if action == "mark_and_go_on" and not self._marks:
            return False
        return super().check_action(action, parameters)

    def sync(self, rows: Mapping[str, Row], there: Collection[str] | None = None) -> None:
        """Show exactly these rows, in the order of the mapping.

        Cursor and scroll stay with their rows; when the cursor's row is gone it goes to the
        nearest that is left. Marks of rows that are gone are dropped; those that are only filtered
        away are `there`. Posts one `RowHighlighted` if another key is under the cursor, one
        `Marked` if marks were dropped. Raises ValueError for a row with not one cell per column.
        """
        old, new = self._shown, dict(rows)
        stale = [
            key for key, row in new.items() if key not in old or not look_the_same(old[key], row)
        ]
        order = list(new)
        kept = frozenset(filter((new if there is None else there).__contains__, self._marked))
        if not stale and order == self._order:
            self._set_marks(kept)
            return
        for key in stale:
            if len(new[key]) != len(self._specs):
                raise ValueError(f"row {key!r} has {len(new[key])} cells, not {len(self._specs)}")
        before, cursor_key = self._faces(), self.cursor_key
        self._shown = new
        for key in stale:  # where row_count and ordered_rows look
            if key not in self._row_keys:
                row = new_row(key)
                self._row_keys[key], self.rows[row.key] = row.key, row
        if order != self._order:
            for gone in old.keys() - new.keys():
                del self.rows[self._row_keys.pop(gone)]
            self._reorder(order)
        self._repaint(before)
        self._set_marks(kept)
        if self._order and self.cursor_key != cursor_key:
            row_key = self._row_keys[self._order[self.cursor_row]]
            self.post_message(self.RowHighlighted(self, self.cursor_row, row_key))

    def _reorder(self, order: list[str]) -> None:
        """Take over the new order; cursor and first line move along, unseen by their watchers.

        The watchers would scroll the cursor into view, repaint everything and tell of rows in
        between. Whoever calls this repaints what changed.
        """
        places = {key: place for place, key in enumerate(order)}
        top, page = self.scroll_offset.y, self._page
        cursor = self.cursor_row
        anchor = cursor if top <= cursor < top + page else top
        top += nearest(self._order, anchor, places) - anchor
        cursor = nearest(self._order, cursor, places)

        self._order = order
        self._row_locations = TwoWayDict({self._row_keys[key]: i for key, i in places.items()})
        self._update_count += 1  # the key of the cache of ordered_rows
        self.set_reactive(DataTable.cursor_coordinate, Coordinate(cursor, 0))

        # As wide as nothing: columns are cut at the edge, there is no scrolling sideways.
        size = Size(0, len(order) + self._head)
        if self.styles.auto_dimensions:
            self.virtual_size = size
            return
        self.set_reactive(Widget.virtual_size, size)
        top = clamp(top, 0, self.max_scroll_y)
        self.set_reactive(Widget.scroll_y, top)
        self.set_reactive(Widget.scroll_target_y, top)
        # Instead of the watcher of virtual_size, which repaints: the scrollbar, or its coming.
        self._scroll_update(size)
        if self.show_vertical_scrollbar:
            self.vertical_scrollbar.position = top

    @property
    def _head(self) -> int:
        return self.header_height if self.show_header else 0

    @property
    def _page(self) -> int:
        return max(self.size.height - self._head, 0)

    def _faces(self) -> list[Face]:
        """What each line below the head shows now."""
        top, page = self.scroll_offset.y, self._page
        faces = [
            Face(self._shown[key], place == self.cursor_row, key in self._marked)
            for place, key in enumerate(self._order[top : top + page], top)
        ]
        return faces + [Face(None, False, False)] * (page - len(faces))

    def _repaint(self, before: list[Face], width: int = 0) -> None:
        """Repaint the lines that look other than before, or only their first `width` cells."""
        now = self._faces()
        if [face.row is None for face in now[:1]] != [face.row is None for face in before[:1]]:
            self.refresh()  # the sentence of the empty table comes or goes
            return
        lines = [
            Region(0, line, width or self._width, 1)
            for line, (was, face) in enumerate(zip(before, now, strict=True), self._head)
            if was[1:] != face[1:] or not look_the_same(was.row, face.row)
        ]
        if lines:
            self.refresh(*lines)

    def render_line(self, y: int) -> Strip:
        """One line of the widget, its head or a row."""
        width, style = self.size.width, self.rich_style
        place = y - self._head + self.scroll_offset.y
        if y < self._head:
            style = self.get_component_rich_style("datatable--header")
            cells: Row = tuple(spec.label for spec in self._specs) if y == 0 else ()
            segments = self._paint(cells, style, flat=True)
        elif not self._order:
            style = self.get_component_rich_style("keyed-table--empty")
            wrapped = textwrap.wrap(clean(self._empty_text), max(self._width - self._start, 1))
            sentence = wrapped[place] if place < len(wrapped) else ""
            segments = [Segment(" " * self._start + sentence, style)]
        elif place < len(self._order):
            key = self._order[place]
            cursor = self.show_cursor and place == self.cursor_row
            if cursor:
                style += self.get_component_rich_style("datatable--cursor")
            # The cursor's row has one style from end to end: a key press repaints two rows.
            segments = self._paint(self._shown[key], style, cursor, marked=key in self._marked)
        else:
            segments = []
        return Strip(segments).simplify().adjust_cell_length(width, style)

    def _paint(self, row: Row, style: Style, flat: bool, marked: bool = False) -> list[Segment]:
        slots = self._laid_out() if row else []
        segments = paint_row(row, slots, self._start, style, self.app.console, flat=flat)
        if marked:
            own = style if flat else self.get_component_rich_style("keyed-table--mark")
            return [Segment("● ", own), *segments]
        return [Segment(" " * self._start, style), *segments]

    def _laid_out(self) -> list[Slot]:
        width = self._width
        if self._slots is None or self._slots[0] != width:
            self._slots = (width, lay_out(self._specs, self._hidden, self._start, width))
        return self._slots[1]

    @property
    def _start(self) -> int:
        return MARK_WIDTH if self._marks else 0

    @property
    def _width(self) -> int:
        return self.scrollable_content_region.width  # `size` reaches below the scrollbar

    def _get_row_region(self, row_index: int) -> Region:
        # The stock one adds up the heights of all rows above, with each move of the cursor.
        if not self.is_valid_row_index(row_index):
            return Region()
        return Region(0, row_index + self._head, self._width, 1)

    def _set_hover_cursor(self, active: bool) -> None:
        # The row under the mouse is not painted otherwise: no repaint with each mouse move.
        pass

    def on_resize(self) -> None:
        """Keep the cursor in view when the table gets lower."""
        self.move_cursor(row=self.cursor_row)

    def on_click(self, event: events.Click) -> None:
        """Move the cursor, toggle a mark, or post `HeaderSelected`.

        The stock handler reads row and column from the style of each cell; those would have to be
        styles of their own, at 40 bytes a cell. Widget's would run what a cell's `@click` says.
        """
        event.prevent_default()
        event.stop()
        offset = event.get_content_offset(self)
        if offset is None:
            return
        place = offset.y - self._head + self.scroll_offset.y
        if offset.y < self._head:
            for slot in self._laid_out():
                if slot.x <= offset.x < slot.x + slot.width:
                    column = self.ordered_columns[slot.place]
                    message = self.HeaderSelected(self, column.key, slot.place, column.label)
                    self.post_message(message)
        elif place < len(self._order):
            if self._marks and offset.x < MARK_WIDTH:
                self.toggle_mark(self._order[place])
            elif place == self.cursor_row:
                self.action_select_cursor()
            self.move_cursor(row=place)
