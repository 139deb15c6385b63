"""A list in which one column of the cursor's row is meant, too: a cell, as in a matrix."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from hubtui.tui.columns import Slot
from hubtui.tui.keyed_table import KeyedTable


class CellTable(KeyedTable):
    """A KeyedTable with one column that stands out in the head and in the cursor's row."""

    DEFAULT_CSS = """
    CellTable > .cell-table--focus { background: $accent; color: $text; text-style: bold; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"cell-table--focus"}

    class Pointed(Message):
        """A cell was clicked: the column that is there."""

        def __init__(self, column: str) -> None:
            self.column = column
            super().__init__()

    pointed_at: str | None = None
    """The key of the column; changed by point_at()."""

    def point_at(self, column: str | None) -> None:
        """Let this column stand out."""
        if column != self.pointed_at:
            self.pointed_at = column
            line = self._head + self.cursor_row - self.scroll_offset.y
            self.refresh(Region(0, 0, self._width, self._head), Region(0, line, self._width, 1))

    @property
    def columns_shown(self) -> list[str]:
        """The keys of the columns for which there is room at this width."""
        return [self._specs[slot.place].key for slot in self._laid_out()]

    def render_line(self, y: int) -> Strip:
        """One line; its cell in the column that is meant stands out."""
        strip = super().render_line(y)
        here = y < self._head or y - self._head + self.scroll_offset.y == self.cursor_row
        slot = self._slot() if here and self._order else None
        if slot is None:
            return strip
        style = self.get_component_rich_style("cell-table--focus")
        start, end = slot.x, slot.x + slot.width
        cell = Strip([Segment(segment.text, style) for segment in strip.crop(start, end)])
        return Strip.join([strip.crop(0, start), cell, strip.crop(end)])

    def _slot(self) -> Slot | None:
        for slot in self._laid_out():
            if self._specs[slot.place].key == self.pointed_at:
                return slot
        return None

    def on_click(self, event: events.Click) -> None:
        """Say which column was clicked; the row is the list's own to say."""
        offset = event.get_content_offset(self)
        for slot in self._laid_out() if offset is not None and offset.y >= self._head else ():
            if offset is not None and slot.x <= offset.x < slot.x + slot.width:
                self.post_message(self.Pointed(self._specs[slot.place].key))
