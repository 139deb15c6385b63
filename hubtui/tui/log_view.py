"""The end of a log: lines that come, a place that stays where somebody reads, words to look for."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from hubtui.tui.colours import BAD, WARN

MOST = 5000
"""Lines that are kept."""
_ASIDE = 20
"""Cells by which ← and → move a long line."""
_LEVELS = {"[E": BAD, "[C": BAD, "[W": WARN}
"""How a line of the hub begins: ``[E 2026-11-25 09:22:07.123 JupyterHub app:1971]``."""


class LogView(ScrollView, can_focus=True):
    """Follows as long as its end is in sight; whoever scrolls up stays there."""

    DEFAULT_CSS = """
    LogView { height: 1fr; scrollbar-size-vertical: 1; overflow: hidden scroll; padding: 0 1; }
    LogView > .log-view--found { background: $accent; color: $text; text-style: bold underline; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"log-view--found"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "aside(-1)", show=False),
        Binding("right", "aside(1)", show=False),
        Binding("j", "scroll_down", show=False),
        Binding("k", "scroll_up", show=False),
    ]

    class Moved(Message):
        """Other lines than before are in sight, or there are more of them."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's own word
        super().__init__(id=id)
        self.set_reactive(Widget.auto_links, False)
        self._lines: deque[str] = deque(maxlen=MOST)
        self._aside = 0
        self._wanted = ""
        self.hits = 0
        """How many lines hold what is looked for."""
        self.found: int | None = None
        """The line that was found last."""

    @property
    def count(self) -> int:
        """How many lines are kept."""
        return len(self._lines)

    @property
    def follows(self) -> bool:
        """Whether the end is in sight."""
        return self.scroll_offset.y >= self.max_scroll_y

    @property
    def below(self) -> int:
        """How many lines are out of sight at the end."""
        return max(0, self.max_scroll_y - self.scroll_offset.y)

    def add(self, lines: Sequence[str]) -> None:
        """Append lines that are safe to show."""
        followed, before = self.follows, len(self._lines)
        self._lines.extend(lines)
        gone = before + len(lines) - len(self._lines)
        if gone and self.found is not None:
            self.found = self.found - gone if self.found >= gone else None
        self._count_hits()
        with self.app.batch_update():  # one repaint, not one for each of these
            self.virtual_size = Size(0, len(self._lines))
            if followed:
                self.action_scroll_end()
            elif gone:
                top = max(0, self.scroll_offset.y - gone)
                self.scroll_to(y=top, animate=False, immediate=True)
            self.refresh()
        self.post_message(self.Moved())

    # --- looking for words ----------------------------------------------------------------------

    def _count_hits(self) -> None:
        self.hits = sum(self._wanted in line.lower() for line in self._lines) if self._wanted else 0

    def look_for(self, text: str) -> None:
        """Mark this text wherever it stands; nothing for an empty one."""
        self._wanted, self.found = text.lower(), None
        self._count_hits()
        self.refresh()

    def go_to_next(self, way: int) -> bool:
        """Bring the next line that holds it into sight, upwards for -1; False where none does."""
        count = len(self._lines)
        if not self._wanted or not count:
            return False
        start = self.found
        if start is None:  # begin with what is in sight
            top = self.scroll_offset.y
            start = min(count, top + self.size.height) if way < 0 else top - 1
        for step in range(1, count + 1):
            place = (start + way * step) % count
            if self._wanted in self._lines[place].lower():
                self.found = place
                middle = max(0, place - self.size.height // 2)
                self.scroll_to(y=middle, animate=False, immediate=True)
                self.refresh()
                return True
        return False

    # --- painting -------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """One line; what is looked for stands out in it."""
        place, style = self.scroll_offset.y + y, self.rich_style
        width = self.scrollable_content_region.width
        if place >= len(self._lines):
            return Strip.blank(width, style)
        segments = list(self._text(place, width).render(self.app.console))
        return Strip(Segment.apply_style(segments, style)).adjust_cell_length(width, style)

    def _text(self, place: int, width: int) -> Text:
        line = self._lines[place]
        text = Text(line[self._aside :])
        text.stylize(_LEVELS.get(line[:2], ""))
        if self._wanted:
            found, low = self.get_component_rich_style("log-view--found"), text.plain.lower()
            at = low.find(self._wanted)
            while at >= 0:
                here = found + Style(reverse=place == self.found)
                text.stylize(here, at, at + len(self._wanted))
                at = low.find(self._wanted, at + len(self._wanted))
        text.truncate(width, overflow="ellipsis")
        return text

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Say that one is elsewhere."""
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self.post_message(self.Moved())

    def action_aside(self, way: int) -> None:
        """Long lines: on to the right, and back."""
        longest = max(map(len, self._lines), default=0)
        wanted = self._aside + way * _ASIDE
        self._aside = max(0, min(wanted, max(0, longest - self.content_size.width + _ASIDE)))
        self.refresh()

    def action_scroll_end(self) -> None:
        """To the end, at once, and follow it."""
        self.scroll_end(animate=False, immediate=True, force=True)

    def action_scroll_home(self) -> None:
        """To the oldest line that is kept."""
        self.scroll_home(animate=False, immediate=True)
