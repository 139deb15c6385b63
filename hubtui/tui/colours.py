"""The colours of words, by what they mean; found while painting, so that they follow the theme.

Cells are built once, in a thread, and kept: they carry these names, the console knows the colours.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from rich.style import Style
from rich.theme import Theme, ThemeStackError
from textual.app import App
from textual.color import Color

GOOD, WARN, BAD, QUIET = "good", "warn", "bad", "quiet"

_THEIRS = {GOOD: "text-success", WARN: "text-warning", BAD: "text-error"}
_DARKER = {GOOD: 0.12, WARN: 0.12}
"""On a light ground, where the theme's own are too pale to read (3 : 1 rather than 4.5 : 1)."""
_QUIET = 0.65
"""How far quiet words stand out from the ground; ``dim`` is too pale on a light one."""


def follow_theme(app: App[Any]) -> None:
    """Teach the app's console the names, now and whenever the theme changes."""

    def learn() -> None:
        with suppress(ThemeStackError):  # the colours of the theme before
            app.console.pop_theme()
        styles = _styles(app.get_css_variables(), light=not app.current_theme.dark)
        app.console.push_theme(Theme(styles))

    app.watch(app, "theme", learn)


def _styles(variables: dict[str, str], *, light: bool) -> dict[str, Style]:
    colours = {name: Color.parse(variables[theirs]) for name, theirs in _THEIRS.items()}
    text, ground = (Color.parse(variables[name]) for name in ("foreground", "surface"))
    if text.ansi is not None:  # the terminal's own 16 colours cannot be mixed
        styles = {name: Style(color=colour.rich_color) for name, colour in colours.items()}
        return {**styles, QUIET: Style(dim=True)}
    if light:
        colours |= {name: colours[name].darken(much) for name, much in _DARKER.items()}
    colours[QUIET] = ground.blend(text, _QUIET)
    return {name: Style(color=colour.rich_color) for name, colour in colours.items()}
