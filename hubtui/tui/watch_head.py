"""Above the restart history: how it is now, the last hours, and what else holds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.css.scalar import Scalar

from hubtui.tui.bars import Detail, Line
from hubtui.tui.colours import QUIET
from hubtui.tui.watch_look import Watch
from hubtui.tui.watch_picture import LEGEND, asked, axis, column, picture
from hubtui.tui.watch_words import (
    answer,
    banners,
    certificate,
    checked,
    latencies,
    nobody_called,
    standing,
)
from hubtui.watchdog.records import Layer
from hubtui.watchdog.words import LAYERS

_NEVER = datetime.min.replace(tzinfo=UTC)
_NAME = 22
"""Cells before a picture that has its layer beside it."""
_TALL = 30
"""Rows of the screen from which on each layer has a picture of its own."""


class Prose(Detail):
    """A few sentences, as high as they are."""

    def update(self, text: Text) -> None:
        """Show them; the layout is made anew only where there are more lines, or fewer."""
        super().update(text)
        self._fit()

    def on_resize(self) -> None:
        """Wrap anew; Detail's own is called as well."""
        self._fit()

    def _fit(self) -> None:
        room = cast("Head", self.parent).content_size.width - 2  # hidden, it has no width itself
        lines = len(self._text.wrap(self.app.console, room)) if self._text and room > 0 else 0
        self.styles.display = "block" if lines else "none"
        if lines and self.styles.height != Scalar.from_number(lines):
            self.styles.height = lines


class Head(Vertical):
    """Repaints only what is otherwise; the age of the last check is a small line of its own."""

    DEFAULT_CSS = """
    Head { height: auto; }
    Head Prose { height: 1; max-height: 6; }
    Head #beat { height: 1; }
    Head #checked { width: 37; color: $text-muted; }
    Head #layers { height: 3; }
    Head.tall #layers { height: 7; }
    """

    def __init__(self) -> None:
        super().__init__(id="head")
        self._watch, self._at = Watch(), _NEVER
        self._drawn: Watch | None = None
        """What the picture on the screen was made of, and in what place."""
        self._place = (0, False, 0)

    def compose(self) -> ComposeResult:
        yield Prose(id="standing")
        with Horizontal(id="beat"):
            yield Line(id="checked")
            yield Line(id="called")
        yield Prose(id="banners")
        yield Detail(id="layers")

    def show(self, watch: Watch, at: datetime) -> None:
        """Take over what is known now."""
        self._watch, self._at = watch, at
        self.query_one("#standing", Prose).update(standing(watch, at))
        self.query_one("#banners", Prose).update(Text("\n").join(banners(watch, at)))
        self.query_one("#checked", Line).say(checked(watch, at))
        self.query_one("#called", Line).say(nobody_called(watch))
        self._draw()

    def on_resize(self) -> None:
        """One picture or four, as there is room."""
        self.set_class(self.app.size.height >= _TALL, "tall")
        self.call_after_refresh(self._draw)

    def _draw(self) -> None:
        layers, watch, tall = self.query_one("#layers", Detail), self._watch, self.has_class("tall")
        width = layers.content_size.width
        place = (width, tall, column(_end(watch, self._at)))
        if not width or self._at == _NEVER or (watch is self._drawn and place == self._place):
            return  # a picture takes 10 ms: not at each beat
        self._drawn, self._place = watch, place
        lines = self._tall(width) if tall else self._low(width)
        layers.update(Text("\n").join(lines))

    def _low(self, width: int) -> list[Text]:
        """What each answered, and the picture of the outermost."""
        watch, at = self._watch, self._at
        layers = asked(watch.samples)
        if not layers:
            return _unknown(watch)
        lines = [latencies(watch.now) if watch.now else Text(" ")]
        end = _end(watch, at)
        return [*lines, picture(watch.samples, layers[-1], end, width), _axis(end, 0, width)]

    def _tall(self, width: int) -> list[Text]:
        """A picture for each, what it answered last before it."""
        watch, end, columns = self._watch, _end(self._watch, self._at), width - _NAME
        layers = asked(watch.samples)
        if not layers:
            return _unknown(watch)
        lines = [self._labelled(layer, end, columns) for layer in reversed(layers)]
        lines.append(_axis(end, _NAME, columns))
        said = certificate(watch.now) if watch.now else ""
        lines.append(Text(f"{said:<{_NAME}}{LEGEND}", QUIET))
        return lines

    def _labelled(self, layer: Layer, end: datetime, columns: int) -> Text:
        probes = self._watch.now.probes if self._watch.now else ()
        line = Text(f"{LAYERS[layer]:<12}", QUIET)
        said = next((answer(probe) for probe in probes if probe.layer is layer), Text())
        said.truncate(_NAME - 13)
        line.append(" " * (_NAME - 13 - said.cell_len))
        line.append_text(said).append(" ")
        return line.append_text(picture(self._watch.samples, layer, end, columns))


def _end(watch: Watch, at: datetime) -> datetime:
    """Where the picture ends: a column that no check has reached yet is not begun."""
    return watch.samples[-1].at if watch.samples and not watch.is_silent(at) else at


def _axis(at: datetime, before: int, columns: int) -> Text:
    return Text(" " * before + axis(at, columns), QUIET)


def _unknown(watch: Watch) -> list[Text]:
    return [latencies(watch.now)] if watch.now else []
