"""The lines above and below a list: where one is, what was found, which keys do something here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.geometry import Region
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget


class Key(NamedTuple):
    """A key of a screen, for its bar and for help."""

    key: str
    """As it is bound: ``space``, ``slash``, ``a``."""
    action: str
    label: str
    """Two words at most, for the bar."""
    help: str
    """A sentence."""
    bar: bool = True

    @property
    def cap(self) -> str:
        """What is printed on the key."""
        names = {"plus": "+", "slash": "/", "asterisk": "*", "question_mark": "?"}
        names |= {"left": "←", "right": "→", "end": "End"}
        return names.get(self.key, self.key.replace("escape", "Esc").replace("enter", "Enter"))


class Line(Widget):
    """One line of text; repaints itself alone, never the layout."""

    DEFAULT_CSS = """
    Line {
        height: 1; width: 1fr; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis;
    }
    Line.top { background: $primary-background; color: $text; }
    Line.banner { background: $warning-muted; color: $text-warning; text-style: bold; }
    Line.keys { background: $panel; color: $text-muted; dock: bottom; padding: 0; }
    Line.notice { color: $text-error; }
    Line.empty { display: none; }
    """

    text: reactive[Text] = reactive(Text, layout=False)

    def __init__(
        self,
        text: Text | str = "",
        *,
        id: str | None = None,  # noqa: A002 - Textual's own word
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.set_reactive(Line.text, Text(text) if isinstance(text, str) else text)
        self.set_reactive(Widget.auto_links, False)

    def say(self, text: Text | str) -> None:
        """Show this, unless it is what is shown."""
        new = Text(text) if isinstance(text, str) else text
        if new.markup != self.text.markup:
            self.text = new

    def render(self) -> Text:
        """The line; what does not fit ends with an ellipsis."""
        return self.text


def clickable(label: str, action: str, style: str = "") -> Text:
    """Text that does something when it is clicked."""
    text = Text(label, style=style)
    text.stylize(Style.from_meta({"@click": action}))
    return text


def key_line(keys: Sequence[Key], width: int = 80) -> Text:
    """The keys that matter here, and others where there is room; each can be clicked, too."""
    left = width - sum(_cells(key) for key in keys if key.bar)
    line = Text()
    for key in keys:
        if not key.bar:
            if not key.label or _cells(key) > left:
                continue
            left -= _cells(key)
        line.append_text(clickable(key.cap, f"screen.{key.action}", "bold"))
        line.append_text(clickable(f" {key.label}  ", f"screen.{key.action}"))
    line.rstrip()  # those that matter fit into 80 columns
    return line


def _cells(key: Key) -> int:
    return len(key.cap) + len(key.label) + 3


class Detail(Widget):
    """The details of the row in focus: only the lines that differ from before are painted."""

    DEFAULT_CSS = "Detail { padding: 0 1; }"

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's own word
        super().__init__(id=id)
        self.set_reactive(Widget.auto_links, False)
        self._text = Text()
        self._lines: list[Text] = []

    def update(self, text: Text) -> None:
        """Show this text; what does not fit is cut (Enter shows all of it)."""
        self._text = text
        before, self._lines = self._lines, self._wrapped()
        for y in range(max(len(before), len(self._lines))):
            old = before[y] if y < len(before) else Text()
            new = self._lines[y] if y < len(self._lines) else Text()
            if (old.plain, old.spans) != (new.plain, new.spans):
                width = max(old.cell_len, new.cell_len)
                self.refresh(Region(0, y, width, 1))  # Textual adds padding and border

    def on_resize(self) -> None:
        """Wrap anew."""
        self._lines = self._wrapped()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One line of it."""
        line = self._lines[y] if y < len(self._lines) else Text()
        segments = list(line.render(self.app.console))
        style = self.rich_style
        strip = Strip(Segment.apply_style(segments, style))
        return strip.adjust_cell_length(self.content_size.width, style)

    def _wrapped(self) -> list[Text]:
        width = self.content_size.width
        return list(self._text.wrap(self.app.console, width)) if width else []
