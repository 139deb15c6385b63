"""The columns of a list: which there are at a width, where, and how a row is painted into them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal, NamedTuple, TypeAlias

import msgspec
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

Cell: TypeAlias = str | Text
"""A str is shown as it is, never as markup. A Text must not be changed once it was handed in."""
Row: TypeAlias = tuple[Cell, ...]
"""One cell per column, those dropped or hidden included."""

GAP = 2  # blanks between two columns
NARROWEST = 8  # what a flexible column keeps when the others need everything


class Column(msgspec.Struct, frozen=True):
    """One column; the width is in terminal cells, None takes what the others leave.

    It is left out while the table is narrower than `drop_below` cells.
    """

    key: str
    label: str
    width: int | None = None
    drop_below: int = 0
    align: Literal["left", "right"] = "left"


class Slot(NamedTuple):
    """Where a column stands at the present width."""

    place: int  # in the row
    x: int
    width: int
    align: Literal["left", "right"]


def lay_out(
    columns: Sequence[Column], hidden: Collection[str], start: int, width: int
) -> list[Slot]:
    """Place the columns from `start` on; flexible ones share what is left of `width`."""
    chosen = [
        (place, column)
        for place, column in enumerate(columns)
        if column.key not in hidden and width >= column.drop_below
    ]
    flexible = sum(column.width is None for _, column in chosen)
    taken = start + sum(column.width or 0 for _, column in chosen) + GAP * (len(chosen) - 1)
    share = max((width - taken) // max(flexible, 1), NARROWEST)
    slots: list[Slot] = []
    x = start
    for place, column in chosen:
        slots.append(Slot(place, x, share if column.width is None else column.width, column.align))
        x += slots[-1].width + GAP
    return slots


def look_the_same(old: Row | None, new: Row | None) -> bool:
    """Whether two rows do; Text's own == leaves out the style of the whole."""
    if old is new:
        return True
    if old is None or new is None or old != new:
        return False
    for was, now in zip(old, new, strict=True):
        if isinstance(was, Text) and isinstance(now, Text) and was.style != now.style:
            return False
    return True


def clean(text: str) -> str:
    """Every character that is no glyph (controls, line ends, marks of direction) made visible."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else "�" for char in text)


def _cut(text: str, width: int) -> str:
    """At most `width` cells of a text, with an ellipsis when it is longer."""
    return text if cell_len(text) <= width else set_cell_size(text, width - 1) + "…"


def paint_row(
    row: Row, slots: Sequence[Slot], x: int, style: Style, console: Console, *, flat: bool
) -> list[Segment]:
    """The cells of a row in their slots, from `x` on; flat: in `style` alone."""
    segments: list[Segment] = []
    for slot in slots:
        segments.append(Segment(" " * (slot.x - x), style))
        segments += _paint_cell(row[slot.place], slot, style, console, flat)
        x = slot.x + slot.width
    return _join_blanks(segments)


def _join_blanks(segments: list[Segment]) -> list[Segment]:
    """Give blanks the style of what stands before them where it can't be seen.

    A change of style is some 40 bytes on the wire, more than most cells hold.
    """
    joined: list[Segment] = []
    for segment in filter(None, segments):  # those without text are left out
        before = joined[-1].style if joined else None
        own = segment.style
        if before and own and before.bgcolor == own.bgcolor and segment.text.isspace():
            seen = before.underline or before.reverse or before.strike or before.meta or before.link
            own = own if seen else before
        joined.append(Segment(segment.text, own))
    return joined


def _paint_cell(
    cell: Cell, slot: Slot, style: Style, console: Console, flat: bool
) -> list[Segment]:
    if isinstance(cell, str) or flat:
        plain = _cut(clean(cell if isinstance(cell, str) else cell.plain), slot.width)
        segments = [Segment(plain, style)]
    else:
        text = cell.copy()
        text.plain = clean(text.plain)  # as long as before: the styles stay where they are
        text.truncate(slot.width, overflow="ellipsis")
        plain = text.plain
        whole = style + console.get_style(text.style, default=Style.null())
        segments = [Segment(part, whole + own) for part, own, _ in text.render(console)]
    blank = Segment(" " * (slot.width - cell_len(plain)), style)
    return [*segments, blank] if slot.align == "left" else [blank, *segments]
