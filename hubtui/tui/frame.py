"""What is the same on every screen that has a number: the first line, the keys, help, the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from hubtui.tui.bars import Key, Line, key_line
from hubtui.tui.dialogs import help_page

if TYPE_CHECKING:
    from hubtui.tui.app import HubtuiApp

REFRESH = Key("r", "refresh", "refresh", "Look at everything again now.", False)
HELP = Key("question_mark", "help", "help", "What the keys do.")
QUIT = Key("q", "quit", "quit", "Leave. A change that is running goes on.")


class Frame(Screen[None]):
    """A screen of the app's first row: the glance, and the lists."""

    NOUN: ClassVar[str] = ""
    KEYS: ClassVar[tuple[Key, ...]] = ()
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "refresh", show=False),
        Binding("question_mark", "help", show=False),
        Binding("q", "quit", show=False),
    ]

    @property
    def hubtui(self) -> HubtuiApp:
        """The app, by its own type."""
        return cast("HubtuiApp", self.app)

    @property
    def keys(self) -> Sequence[Key]:
        """Those that do something here and now."""
        return (*self.KEYS, REFRESH, HELP, QUIT)

    def compose(self) -> ComposeResult:
        yield Line(id="top", classes="top")
        if self.hubtui.banner:
            yield Line(self.hubtui.banner, classes="banner")
        yield from self.inside()
        yield Line(key_line(self.keys), id="keys", classes="keys")

    def inside(self) -> ComposeResult:
        """What stands between the first line and the keys."""
        raise NotImplementedError

    def say_top(self) -> None:
        """The first line: program, panes, course."""
        self.query_one("#top", Line).say(self.hubtui.top_line(self))

    def say_keys(self) -> None:
        """The last line: more of them where there is room."""
        self.query_one("#keys", Line).say(key_line(self.keys, self.size.width))

    def action_refresh(self) -> None:
        """Look again now."""
        self.hubtui.look_again()

    def action_help(self) -> None:
        """What the keys do here."""
        panes = [key for key, _ in self.hubtui.panes.values()]
        self.app.push_screen(help_page(self.NOUN, self.keys, panes))

    def action_quit(self) -> None:
        """Leave."""
        self.hubtui.leave()
