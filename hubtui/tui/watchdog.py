"""The watchdog pane: how the hub is, from the watchdog's files alone, and every restart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from hubtui.students import Missing
from hubtui.tui import watch_rows
from hubtui.tui.bars import Key
from hubtui.tui.dialogs import Page
from hubtui.tui.look import Entry, Look, Shown
from hubtui.tui.pane import Pane
from hubtui.tui.watch_head import Head
from hubtui.tui.watch_orders import ask_pause, call, check, restart, resume
from hubtui.watchdog.history import Line as Restarted

_BEAT = 5.0
"""Seconds between two words on how long ago the last check was."""
_CHANGING = frozenset({"check", "restart", "pause", "resume", "call"})


class WatchdogPane(Pane):
    """How it is now; below it the restarts and incidents, the latest first."""

    NOUN = "Watchdog"
    EMPTY = "No restart and no incident is known yet."
    COLUMNS = watch_rows.COLUMNS
    ORDERS = watch_rows.ORDERS
    MARKS = False
    KEYS = (
        Key("c", "causes", "causes", "What it was each time, how often, and at which hours."),
        Key("l", "log", "log", "The hub's log as it is written; / looks for words in it."),
        Key("n", "check", "check", "One check now rather than at the next minute."),
        Key("R", "restart", "restart", "Restart the hub now; says first what that does."),
        Key("p", "pause", "pause", "Pause the watchdog for a while: nothing is restarted."),
        Key("u", "resume", "resume", "End the pause."),
        Key("t", "call", "test call", "Try whether a call comes through.", False),
        Key("enter", "details", "details", "What was seen and saved then, and why.", False),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "causes", show=False),
        Binding("l", "log", show=False),
        Binding("n", "check", show=False),
        Binding("R", "restart", show=False),
        Binding("p", "pause", show=False),
        Binding("u", "resume", show=False),
        Binding("t", "call", show=False),
    ]
    DEFAULT_CSS = """
    WatchdogPane.narrow #detail { height: 6; }
    """

    @classmethod
    def build(cls, look: Look) -> dict[str, Entry]:
        return watch_rows.rows(look.watch, look.survey.at)

    @classmethod
    def summary(cls, look: Look) -> Text:
        return watch_rows.summary(look.watch, look.survey.at)

    @classmethod
    def missing(cls, look: Look) -> Sequence[Missing]:
        return look.watch.missing

    def above(self) -> ComposeResult:
        yield Head()

    def on_mount(self) -> None:
        """Let the age of the last check grow; Textual calls the handlers of Pane, too."""
        self.set_interval(_BEAT, self._beat)

    def on_screen_resume(self) -> None:
        """Come back to this pane: with what is true now."""
        self.hubtui.look_soon()

    @property
    def keys(self) -> Sequence[Key]:
        """Those that do something here and now."""
        left_out = _CHANGING if self.hubtui.access.refusal else set()
        if self.look is None or self.look.watch.pause is None:
            left_out = left_out | {"resume"}
        return [key for key in super().keys if key.action not in left_out]

    def show(self, look: Look, made: Shown) -> None:
        """Take over a new look, above the list as well."""
        super().show(look, made)
        self._beat()
        self.say_keys()

    def _beat(self) -> None:
        if self.is_current and self.look is not None:
            self.query_one(Head).show(self.look.watch, self.hubtui.server.clock())

    def _empty(self) -> str:
        if self.look is not None and self.look.watch.history is None:
            return "Looking …"
        return super()._empty()

    # --- what the keys do -----------------------------------------------------------------------

    def action_details(self) -> None:
        """The row in full, with what was saved before anything was done."""
        line = self._line()
        if line is None or self.look is None:
            return
        from hubtui.tui.watch_evidence import whole

        server, at = self.hubtui.server, self.look.survey.at

        def show(text: Text) -> None:
            self.app.push_screen(Page(f"{watch_rows.short(line.at, at)}", text))

        self.hubtui.in_thread(lambda: whole(server, line, at), show)

    def _line(self) -> Restarted | None:
        found = self.look.watch.history if self.look is not None else None
        lines = found.lines if found is not None else ()
        return next((x for x in lines if watch_rows.key(x) == self.table.cursor_key), None)

    def action_causes(self) -> None:
        """What it was each time, and when."""
        from hubtui.tui.watch_causes import CausesPage

        if self.look is not None and self.look.watch.history is not None:
            self.app.push_screen(CausesPage(self.look.watch.history, self.look.survey.at))

    def action_log(self) -> None:
        """The hub's log, live."""
        from hubtui.tui.watch_log import LogPage

        self.app.push_screen(LogPage())

    def action_check(self) -> None:
        """One check now."""
        if self._may() and self.look is not None:
            check(self.hubtui, self.look.watch)

    def action_restart(self) -> None:
        """Restart the hub, if somebody says yes."""
        restart(self.hubtui)

    def action_pause(self) -> None:
        """Ask for how long."""
        if self._may():
            ask_pause(self.hubtui)

    def action_resume(self) -> None:
        """End the pause."""
        if self._may():
            resume(self.hubtui)

    def action_call(self) -> None:
        """A call to try whether it comes through."""
        if self._may():
            call(self.hubtui)

    def _may(self) -> bool:
        if why := self.hubtui.access.refusal:
            self.hubtui.say(why)
        return not why
