"""A run being followed: progress, then a result that stays readable, failed ones first, retry."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, NamedTuple, cast

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, DataTable, Static
from textual.worker import get_current_worker

from hubtui.changes import title_of
from hubtui.errors import HubtuiError
from hubtui.events import Event, Outcome, What
from hubtui.names import shown
from hubtui.plan import runs
from hubtui.plan.plans import Plan
from hubtui.tui.bars import Line
from hubtui.tui.columns import Column
from hubtui.tui.dialogs import FRAME, Page
from hubtui.tui.keyed_table import KeyedTable

if TYPE_CHECKING:
    from hubtui.tui.app import HubtuiApp

_BEAT = 0.25
"""Seconds between two looks at the run's events: progress four times a second at most."""
_LOOKS = {
    Outcome.DONE: ("✓ done", "green"),
    Outcome.ALREADY: ("✓ was done", "green"),
    Outcome.FAILED: ("✗ failed", "red"),
    Outcome.CHANGED: ("✗ changed", "red"),
    Outcome.CANCELLED: ("– cancelled", "yellow"),
    Outcome.HELD: ("✗ held", "red"),
    Outcome.DROPPED: ("– dropped", "yellow"),
}


class Ended(NamedTuple):
    """How a followed run was left."""

    good: bool
    again: Sequence[str] = ()
    """The subjects that are to be tried again."""


class RunDialog(ModalScreen[Ended]):
    """Follows a run to its end."""

    DEFAULT_CSS = (
        FRAME.format("RunDialog")
        + """
    RunDialog #box { height: 90%; }
    RunDialog KeyedTable { height: 1fr; background: $surface; }
    RunDialog .hidden { display: none; }
    """
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", show=False),
        Binding("q", "close", show=False),
        Binding("c", "cancel", show=False),
        Binding("r", "retry", show=False),
    ]

    def __init__(self, plan: Plan, process: subprocess.Popen[bytes] | None) -> None:
        super().__init__()
        self.plan = plan
        self._process = process
        self.states: dict[str, Event | None] = {str(s["key"]): None for s in plan.subjects}
        self._names = {str(s["key"]): title_of(s) for s in plan.subjects}
        self.outcome: Outcome | None = None

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            yield Static(self.plan.title, id="title", markup=False)
            yield Line(id="progress")
            columns = (
                Column("name", "WHO", 24),
                Column("state", "STATE", 12),
                Column("text", "", None),
            )
            yield KeyedTable(columns, marks=False, id="subjects")
            yield Line("c cancels before the next step · Esc leaves it to itself", id="hint")
            with Horizontal(id="buttons"):
                yield Button("Try the failed again", id="retry", classes="hidden")
                yield Button("Close", id="close")

    def on_mount(self) -> None:
        """Begin to follow."""
        self._show()
        self.query_one(KeyedTable).focus()
        self._follow()

    @work(thread=True, exit_on_error=False)
    def _follow(self) -> None:
        app, worker = self.app, get_current_worker()
        batch: list[Event] = []
        try:
            for event in runs.follow(
                cast("HubtuiApp", app).server.state, self.plan.id, self._process, beat=_BEAT
            ):
                if worker.is_cancelled:
                    return
                if event is not None:
                    batch.append(event)
                if batch and (event is None or event.event is What.DONE):
                    app.call_from_thread(self._take, batch)
                    batch = []
        except HubtuiError as e:
            last = Event(run=self.plan.id, seq=0, event=What.DONE, text=str(e))
            app.call_from_thread(self._take, [*batch, last])

    def _take(self, events: list[Event]) -> None:
        for event in events:
            if event.event is What.DONE:
                self.outcome = event.outcome or Outcome.FAILED
                self._over(event)
            elif event.subject in self.states:
                self.states[event.subject] = event
        self._show()

    def _show(self) -> None:
        table = self.query_one(KeyedTable)
        order = list(self.states)
        if self.outcome is not None:
            order.sort(key=lambda key: _is_good(self.states[key]))
        table.sync({key: self._row(key) for key in order})
        if self.outcome is not None:
            table.move_to(order[0])  # the failed ones stand first
        ended = Counter(_is_good(e) for e in self.states.values() if e and e.event is What.END)
        through, total = sum(ended.values()), len(self.states)
        width = 24
        full = width * through // max(1, total)
        line = Text.assemble(("━" * full, "green"), ("━" * (width - full), "dim"))
        line.append(f"  {through} of {total}")
        if ended[False]:
            line.append(f", {ended[False]} not done", "red")
        self.query_one("#progress", Line).say(line)

    def _row(self, key: str) -> tuple[Text, ...]:
        event, name = self.states[key], Text(shown(self._names[key], limit=60))
        if event is None:
            word = "" if self.outcome else "waiting"
            return name, Text(word, style="dim"), Text("")
        if event.event is What.END and event.outcome is not None:
            word, style = _LOOKS[event.outcome]
            return name, Text(word, style=style), Text(shown(event.text))
        return name, Text(f"· {event.step}"), Text(shown(event.text), style="dim")

    def _over(self, event: Event) -> None:
        failed = [key for key, last in self.states.items() if not _is_good(last)]
        word = shown(event.text) or "over"
        self.query_one("#hint", Line).say(f"{word}. Enter shows a row in full · Esc closes")
        self.query_one("#retry", Button).set_class(not failed, "hidden")
        if not failed:
            self.query_one("#close", Button).focus()
        cast("HubtuiApp", self.app).look_again()

    @on(DataTable.RowSelected)
    def in_full(self, _event: DataTable.RowSelected) -> None:
        """The sentence of a row, whole."""
        event = self.states.get(self.query_one(KeyedTable).cursor_key or "")
        if event is not None and event.text:
            self.app.push_screen(Page(shown(self._names[event.subject]), Text(shown(event.text))))

    @on(Button.Pressed)
    def pressed(self, event: Button.Pressed) -> None:
        """A button."""
        if event.button.id == "retry":
            self.action_retry()
        else:
            self.action_close()

    def action_retry(self) -> None:
        """Plan anew for those that are not done."""
        if self.outcome is None:
            return
        keys = {key for key, event in self.states.items() if not _is_good(event)}
        if keys:
            self.dismiss(Ended(False, [key for key in self.states if key in keys]))

    def action_cancel(self) -> None:
        """Ask the run to stop before its next step."""
        if self.outcome is None:
            runs.cancel(cast("HubtuiApp", self.app).server.state, self.plan.id)
            self.query_one("#hint", Line).say("Stops before the next step …")

    def action_close(self) -> None:
        """Back to the pane; a change that runs goes on without us."""
        if self.outcome is None:
            self.app.notify("The change goes on by itself.", timeout=4)
        self.dismiss(Ended(self.outcome is not None and self.outcome.good))


def _is_good(event: Event | None) -> bool:
    return event is not None and event.outcome is not None and event.outcome.good
