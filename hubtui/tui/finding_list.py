"""A list of sentences, each with what to do about it on a line of its own below.

Cursor and scroll stay with the item's key; only lines that look other than before are painted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from rich.segment import Segment
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, clamp
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from hubtui.tui.colours import QUIET
from hubtui.tui.columns import Cell, Slot, paint_row
from hubtui.tui.row_store import nearest

_TEXT = 3
"""Cells before the sentence."""
_CAP = 5
"""Cells at the right that go there when they are clicked."""


class Item(NamedTuple):
    """One sentence."""

    key: str
    mark: str
    style: str
    """Of the mark."""
    text: str
    do: str
    """What stands below it."""
    cap: str = ""
    """Where it leads: ``5 ›``."""
    quiet: bool = False


class _Face(NamedTuple):
    """All that decides how a line looks."""

    item: Item | None = None
    below: bool = False
    cursor: bool = False
    more: str = ""


class FindingList(Widget, can_focus=True):
    """The height is the parent's to give: two lines an item, and one that counts the rest."""

    DEFAULT_CSS = """
    FindingList {
        width: 1fr;
        & > .finding-list--cursor { background: $block-cursor-blurred-background; }
        & > .finding-list--quiet { color: $text-muted; }
        &:focus > .finding-list--cursor {
            background: $block-cursor-background;
            color: $block-cursor-foreground;
            text-style: $block-cursor-text-style;
        }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"finding-list--cursor", "finding-list--quiet"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "move(-5)", show=False),
        Binding("pagedown", "move(5)", show=False),
        Binding("home", "move(-10000)", show=False),
        Binding("end", "move(10000)", show=False),
        Binding("enter", "choose", show=False),
    ]

    class Highlighted(Message):
        """Another item is in focus, or the one in focus says something else."""

    class Chosen(Message):
        """Enter, or a click on the item in focus; ``go``: on the key that leads there."""

        def __init__(self, *, go: bool) -> None:
            self.go = go
            super().__init__()

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's own word
        super().__init__(id=id)
        self.set_reactive(Widget.auto_links, False)
        self._items: Sequence[Item] = ()
        self._empty = Text("Looking …")
        self._cursor = self.top = 0
        """``top``: the place of the first item that can be seen."""
        self._touched = False
        """Whether a person has moved the cursor; until then it stays on the first: the worst."""
        self._painted: list[_Face] = []

    @property
    def items(self) -> Sequence[Item]:
        """What is listed."""
        return self._items

    @property
    def cursor_key(self) -> str | None:
        """The key of the item in focus; None where there is none."""
        return self._items[self._cursor].key if self._items else None

    @property
    def fitting(self) -> int:
        """How many items can be seen at once."""
        height = self.size.height
        return height // 2 if 2 * len(self._items) <= height else max((height - 1) // 2, 1)

    def show(self, items: Sequence[Item], empty: Text) -> None:
        """List these; ``empty`` is said where there are none."""
        if tuple(items) == tuple(self._items):
            if empty != self._empty:
                self._empty = empty
                self.refresh()
            return
        before = self._items[self._cursor] if self._items else None
        places = {item.key: place for place, item in enumerate(items)}
        order = [item.key for item in self._items]
        cursor = nearest(order, self._cursor, places) if self._touched else 0
        was_empty = not self._items
        self.top += cursor - self._cursor
        self._cursor, self._items, self._empty = cursor, tuple(items), empty
        if was_empty or not items:
            self.refresh()
        self._settle()
        if (self._items[cursor] if items else None) != before:
            self.post_message(self.Highlighted())

    def move_to(self, key: str) -> None:
        """Put the cursor on the item of that key."""
        for place, item in enumerate(self._items):
            if item.key == key:
                self._move(place)

    def _move(self, place: int) -> None:
        self._touched = True
        if self._items and place != self._cursor:
            self._cursor = place
            self._settle()
            self.post_message(self.Highlighted())

    def _settle(self) -> None:
        """Keep the cursor in view, and paint what is otherwise."""
        last = max(len(self._items) - self.fitting, 0)
        top = clamp(self.top, self._cursor - self.fitting + 1, self._cursor)
        self.top = clamp(top, 0, last)
        faces = self._faces()
        before, self._painted = self._painted, faces
        lines = [
            Region(0, y, self.size.width, 1)
            for y, face in enumerate(faces)
            if y >= len(before) or face != before[y]
        ]
        if lines:
            self.refresh(*lines)

    def _faces(self) -> list[_Face]:
        height, fitting = self.size.height, self.fitting
        faces = [
            _Face(item, below, place == self._cursor)
            for place, item in enumerate(self._items[self.top :][:fitting], self.top)
            for below in (False, True)
        ]
        above, rest = self.top, len(self._items) - self.top - fitting
        if above > 0 or rest > 0:
            said = [f"{above} above"] * (above > 0) + [f"{rest} more"] * (rest > 0)
            faces.append(_Face(more=f"and {', '.join(said)}"))
        return (faces + [_Face()] * height)[:height]

    def render_line(self, y: int) -> Strip:
        """One line: a sentence, what to do about it, or how many more there are."""
        width, style = self.size.width, self.rich_style
        if not self._items:
            text = self._empty if y == 0 else Text()
            row: tuple[Cell, ...] = ("", text, "")
            return self._strip(row, flat=False)
        faces = self._faces()
        face = faces[y] if y < len(faces) else _Face()
        if face.more:
            return self._strip(("", Text(face.more, QUIET), ""), flat=False)
        if face.item is None:
            return Strip([Segment(" " * width, style)])
        item = face.item
        if face.below:
            row = ("", item.do if face.cursor else Text(item.do, QUIET), "")
        else:
            text = Text(item.text, QUIET if item.quiet else "")
            row = (Text(item.mark, item.style), text, Text(item.cap, "bold"))
        return self._strip(row, flat=face.cursor)

    def _strip(self, row: tuple[Cell, ...], *, flat: bool) -> Strip:
        style = self.rich_style
        if flat:
            style += self.get_component_rich_style("finding-list--cursor")
        segments = paint_row(row, self._slots(), 0, style, self.app.console, flat=flat)
        return Strip(segments).simplify().adjust_cell_length(self.size.width, style)

    def _slots(self) -> list[Slot]:
        width = self.size.width
        text = max(width - _TEXT - _CAP, 1)
        cap = _TEXT + text + 1
        return [
            Slot(0, 1, 1, "left"),
            Slot(1, _TEXT, text, "left"),
            Slot(2, cap, width - cap - 1, "right"),
        ]

    def on_resize(self) -> None:
        """More of them, or fewer."""
        self._painted = []
        self._settle()

    def on_click(self, event: events.Click) -> None:
        """Move the cursor; on the item in focus as Enter does."""
        place = self.top + event.y // 2
        if event.y >= 2 * self.fitting or place >= len(self._items):
            return
        go = bool(self._items[place].cap) and event.x >= self.size.width - _CAP
        chosen = place == self._cursor or go
        self._move(place)
        if chosen:
            self.post_message(self.Chosen(go=go))

    def action_move(self, by: int) -> None:
        """Some items up or down."""
        self._move(clamp(self._cursor + by, 0, max(len(self._items) - 1, 0)))

    def action_choose(self) -> None:
        """Enter."""
        if self._items:
            self.post_message(self.Chosen(go=False))
