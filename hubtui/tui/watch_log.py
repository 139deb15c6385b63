"""The hub's log, followed live: searched, held by scrolling up, followed again at its end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Input
from textual.worker import get_current_worker

from hubtui.names import shown
from hubtui.tui.bars import Key, Line, key_line
from hubtui.tui.colours import QUIET
from hubtui.tui.dialogs import help_page
from hubtui.tui.log_view import LogView
from hubtui.tui.titles import count
from hubtui.watchdog import hublog
from hubtui.watchdog.hublog import Follower

if TYPE_CHECKING:
    from hubtui.tui.app import HubtuiApp

_BEAT = 1.0
"""Seconds between two looks at the log."""
_BEFORE = 1000
"""Lines that are shown of what was written before."""


class LogPage(Screen[None]):
    """What the hub writes."""

    KEYS = (
        Key("slash", "search", "search", "Look for some text; the latest line with it is shown."),
        Key("n", "next(-1)", "older", "The next older line with it."),
        Key("N", "next(1)", "newer", "The next newer line with it."),
        Key("end", "follow", "follow", "To the end, and follow it; scrolling up holds it."),
        Key("left", "aside(-1)", "", "The beginning of long lines.", False),
        Key("right", "aside(1)", "", "On to the right of long lines.", False),
        Key("question_mark", "help", "help", "What the keys do."),
        Key("escape", "back", "back", "Back to the watchdog."),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", show=False),
        Binding("n", "next(-1)", show=False),
        Binding("N", "next(1)", show=False),
        Binding("end", "follow", show=False),
        Binding("question_mark", "help", show=False),
        Binding("escape,q,l", "back", show=False),
    ]
    DEFAULT_CSS = """
    LogPage #search { height: 1; border: none; display: none; padding: 0 1; background: $panel; }
    LogPage #search.open { display: block; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.place = ""
        """Where the log is, in words; empty where that is not known."""
        self._wanted = ""

    @property
    def hubtui(self) -> HubtuiApp:
        """The app, by its own type."""
        return cast("HubtuiApp", self.app)

    @property
    def view(self) -> LogView:
        """The lines."""
        return self.query_one("#view", LogView)

    def compose(self) -> ComposeResult:
        yield Line("The hub's log", id="top", classes="top")
        yield Line("Looking …", id="summary")
        yield LogView(id="view")
        yield Input(id="search", placeholder="text to look for; Enter goes to the latest, Esc ends")
        yield Line(key_line(self.KEYS, self.app.size.width), id="keys", classes="keys")

    def on_mount(self) -> None:
        """Begin to follow."""
        self.view.focus()
        self._follow()

    @work(thread=True, exit_on_error=False)
    def _follow(self) -> None:
        worker, server = get_current_worker(), self.hubtui.server
        place = hublog.place(server.course, None)
        self.app.call_from_thread(self._found, str(place) if place else "")
        if place is None:
            return
        with Follower(place, _BEFORE) as log:
            while not worker.is_cancelled:
                if lines := [shown(line) for line in log.poll()]:
                    self.app.call_from_thread(self._add, lines)
                until = time.monotonic() + _BEAT
                while time.monotonic() < until and not worker.is_cancelled:
                    time.sleep(0.1)

    def _found(self, place: str) -> None:
        self.place = place
        if self.is_mounted:
            self._say()

    def _add(self, lines: list[str]) -> None:
        if self.is_mounted:
            self.view.add(lines)

    def on_log_view_moved(self, _event: LogView.Moved) -> None:
        """Other lines are in sight."""
        self._say()

    def _say(self) -> None:
        view, line = self.view, Text()
        if not self.place:
            line.append("Where the hub writes its log is not known: set hub.log in course.yaml.")
        elif not view.count:
            line.append(f"Nothing is written in {shown(self.place)} yet, or it cannot be read.")
        elif view.follows:
            line.append("following", "bold")
        else:
            line.append(f"held, {view.below:,} more below: End follows", "bold")
        if self._wanted:
            wanted = shown(self._wanted, limit=30)
            line.append(f" · {count(view.hits, 'line')} with “{wanted}”", "bold")
        if self.place and view.count:
            line.append(f" · {count(view.count, 'line')} · {shown(self.place)}", QUIET)
        self.query_one("#summary", Line).say(line)

    # --- what the keys do -----------------------------------------------------------------------

    def action_search(self) -> None:
        """Open the line for it."""
        box = self.query_one("#search", Input)
        box.add_class("open")
        box.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Mark it as one types."""
        self._wanted = event.value
        self.view.look_for(event.value)
        self._say()

    def on_input_submitted(self, _event: Input.Submitted) -> None:
        """Go to the latest line with it."""
        self.query_one("#search", Input).set_class(bool(self._wanted), "open")
        self.view.focus()
        self.action_next(-1)

    def action_next(self, way: int) -> None:
        """The next line with it."""
        if not self._wanted:
            self.action_search()
        elif not self.view.go_to_next(way):
            self.hubtui.say(f"Nothing with “{self._wanted}” is in the lines that are kept.")
        self._say()

    def action_follow(self) -> None:
        """To the end."""
        self.view.action_scroll_end()

    def action_help(self) -> None:
        """What the keys do here."""
        self.app.push_screen(help_page("The hub's log", self.KEYS))

    def action_back(self) -> None:
        """Esc: the search first, then back."""
        box = self.query_one("#search", Input)
        if self._wanted or box.has_class("open"):
            box.value = ""
            box.remove_class("open")
            self.view.focus()
        else:
            self.dismiss()
