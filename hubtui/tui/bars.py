"""The lines above and below a list: where one is, what was found, which keys do something here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.style import Style
from rich.text import Text
from textual.reactive import reactive
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
        return names.get(self.key, self.key.replace("escape", "Esc").replace("enter", "Enter"))


class Line(Widget):
    """One line of text; repaints itself alone, never the layout."""

    DEFAULT_CSS = """
    Line { height: 1; width: 1fr; padding: 0 1; }
    Line.top { background: $primary-background; color: $text; }
    Line.banner { background: $warning-muted; color: $text-warning; text-style: bold; }
    Line.keys { background: $panel; color: $text-muted; dock: bottom; }
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
        """The line, cut at the width."""
        text = self.text.copy()
        text.no_wrap = True
        text.overflow = "ellipsis"
        return text


def clickable(label: str, action: str, style: str = "") -> Text:
    """Text that does something when it is clicked."""
    text = Text(label, style=style)
    text.stylize(Style.from_meta({"@click": action}))
    return text


def key_line(keys: Sequence[Key]) -> Text:
    """The keys that matter here; each can be clicked, too."""
    line = Text()
    for key in keys:
        if key.bar:
            line.append_text(clickable(key.cap, f"screen.{key.action}", "bold"))
            line.append_text(clickable(f" {key.label}  ", f"screen.{key.action}"))
    return line
