"""A run being followed: progress, then a result that stays readable, failed ones first, retry."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, NamedTuple, cast

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, DataTable, Static
from textual.worker import get_current_worker

from hubtui.changes import CHANGES, title_of
from hubtui.clock import parse
from hubtui.errors import HubtuiError
from hubtui.events import Event, Outcome, What
from hubtui.names import shown
from hubtui.plan.plans import Plan
from hubtui.tui.bars import Line
from hubtui.tui.colours import BAD, GOOD, QUIET, WARN
from hubtui.tui.columns import Column
from hubtui.tui.dialogs import FRAME, Page, is_sheet
from hubtui.tui.following import Following, OwnRun
from hubtui.tui.keyed_table import KeyedTable, Row
from hubtui.units import megabytes

if TYPE_CHECKING:
    from hubtui.tui.app import HubtuiApp

_BAR = 24
"""Cells of the bar."""
_KNOWN = 8
"""How many have to be through before it is said how long the rest will take."""
_LOOKS = {
    Outcome.DONE: ("✓ done", GOOD),
    Outcome.ALREADY: ("✓ was done", GOOD),
    Outcome.FAILED: ("✗ failed", BAD),
    Outcome.CHANGED: ("✗ changed", BAD),
    Outcome.CANCELLED: ("– cancelled", WARN),
    Outcome.HELD: ("✗ held", BAD),
    Outcome.DROPPED: ("– dropped", WARN),
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
    RunDialog #over { max-height: 4; }
    RunDialog .hidden { display: none; }
    """
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", show=False),
        Binding("q", "close", show=False),
        Binding("c", "cancel", show=False),
        Binding("r", "retry", show=False),
    ]

    def __init__(
        self,
        plan: Plan,
        process: subprocess.Popen[bytes] | None,
        *,
        again: bool = True,
        following: Following | None = None,
    ) -> None:
        """``again``: whether the rest can be planned anew from here.

        ``following``: where the events come from, if not from files that we can read.
        """
        super().__init__()
        self.plan, self._again = plan, again
        self._process, self._following = process, following
        self.states: dict[str, Event | None] = {str(s["key"]): None for s in plan.subjects}
        self._names = {str(s["key"]): title_of(s) for s in plan.subjects}
        self._counted = {str(s["key"]) for s in plan.subjects if not is_sheet(s)}
        self._rows: dict[str, Row] = {}
        self._moved = (0, 0)
        self._since: datetime | None = None
        change = CHANGES.get(plan.kind)
        self._wide = change is not None and change.width > 1
        """Many at a time, each brought something: what and how fast is said as well."""
        self.outcome: Outcome | None = None
        self._at_work = ""
        """The subject whose step is running."""
        self._put: str | None = None
        """Where we left the cursor; a person who moves it away keeps it."""

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            yield Static(shown(self.plan.title), id="title", markup=False)
            yield Line(id="progress")
            if self._wide:
                yield Line(" ", id="moved", classes="quiet")
            columns = (
                Column("name", "WHO", 24),
                Column("state", "STATE", 12),
                Column("text", "", None),
            )
            yield KeyedTable(columns, marks=False, id="subjects")
            yield Static(id="over", classes="quiet hidden", markup=False)
            yield Line(
                "c cancels before the next step · Esc leaves it to itself",
                id="hint",
                classes="quiet",
            )
            with Horizontal(id="buttons"):
                yield Button("Try the rest again", id="retry", classes="hidden")
                yield Button("Close", id="close")

    def on_mount(self) -> None:
        """Begin to follow."""
        self._show()
        self.query_one(KeyedTable).focus()
        self._follow()

    @work(thread=True, exit_on_error=False)
    def _follow(self) -> None:
        app, worker = self.app, get_current_worker()
        following = self._following or self._own()
        batch: list[Event] = []
        try:
            for event in following.events():
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

    def _own(self) -> Following:
        return OwnRun(cast("HubtuiApp", self.app).server.state, self.plan.id, self._process)

    def _take(self, events: list[Event]) -> None:
        for event in events:
            if event.event is What.DONE:
                self.outcome = event.outcome or Outcome.FAILED
                self._rows.clear()
                self._over(event)
            elif event.event is What.PLAN and event.at:
                self._since = parse(event.at)
            elif event.subject in self.states:
                self.states[event.subject] = event
                self._rows.pop(event.subject, None)
                self._at_work = event.subject
                self._moved = (self._moved[0] + event.files, self._moved[1] + event.bytes)
        self._show()

    def _show(self) -> None:
        table = self.query_one(KeyedTable)
        order = list(self.states)
        if self.outcome is not None:
            order.sort(key=lambda key: _is_good(self.states[key]))
        for key in order:
            if key not in self._rows:
                self._rows[key] = self._row(key)
        table.sync({key: self._rows[key] for key in order})
        if self.outcome is not None:
            table.move_to(order[0])  # the failed ones stand first
        elif self._put in (None, table.cursor_key):
            table.move_to(self._at_work)
            self._put = table.cursor_key
        self.query_one("#progress", Line).say(self._progress())
        if self._wide:
            self.query_one("#moved", Line).say(self._brought())

    def _progress(self) -> Text:
        """How many are through, and how many of those are not done; in the end that is the rest."""
        total = len(self._counted)
        done = sum(_is_good(self.states[key]) for key in self._counted)
        ended = self._through()
        through, bad = (ended, ended - done) if self.outcome is None else (done, total - done)
        full = _BAR * through // max(1, total)
        line = Text.assemble(("━" * full, GOOD), ("━" * (_BAR - full), QUIET))
        line.append(f"  {through} of {total} {'through' if self.outcome is None else 'done'}")
        if bad:
            line.append(f", {bad} not done", BAD)
        return line

    def _through(self) -> int:
        found = (self.states[key] for key in self._counted)
        return sum(event is not None and event.event is What.END for event in found)

    def _brought(self) -> str:
        """Files and bytes so far, and how long it will take."""
        files, size = self._moved
        said = []
        if files:
            one = f"{files} file{'' if files == 1 else 's'}, {megabytes(size)}"
            said.append(f"{one} {'so far' if self.outcome is None else 'handed out'}")
        if self.outcome is None and (left := self._left()):
            said.append(f"{left} left")
        return "  ·  ".join(said) or " "

    def _left(self) -> str:
        through = self._through()
        if self._since is None or through < _KNOWN:
            return ""
        gone = cast("HubtuiApp", self.app).server.clock() - self._since
        if gone < timedelta(seconds=2):
            return ""
        seconds = gone.total_seconds() / through * (len(self._counted) - through)
        return f"about {seconds // 60 + 1:.0f} min" if seconds > 90 else f"about {seconds:.0f} s"

    def _row(self, key: str) -> tuple[Text, ...]:
        event, name = self.states[key], Text(shown(self._names[key], limit=60))
        text = shown(event.text) if event else ""
        if event is not None and event.event is What.END and event.outcome is not None:
            word, style = _LOOKS[event.outcome]
            return name, Text(word, style), Text(text)
        if self.outcome is not None:  # a kill left it so
            word, style = ("✗ broken off", BAD) if event else ("– not begun", WARN)
            return name, Text(word, style), Text(text, QUIET)
        word = f"· {event.step}" if event else "waiting"
        return name, Text(word, "" if event else QUIET), Text(text, QUIET)

    def _over(self, event: Event) -> None:
        failed = [key for key, last in self.states.items() if not _is_good(last)]
        over = self.query_one("#over", Static)
        over.update(shown(event.text))
        over.set_class(not event.text, "hidden")
        again = "r tries the rest again · " if failed and self._again else ""
        self.query_one("#hint", Line).say(f"Enter shows a row in full · {again}Esc closes")
        self.query_one("#retry", Button).set_class(not again, "hidden")
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
        if self.outcome is None or not self._again:
            return
        keys = {key for key, event in self.states.items() if not _is_good(event)}
        if keys:
            self.dismiss(Ended(False, [key for key in self.states if key in keys]))

    def action_cancel(self) -> None:
        """Ask the run to stop before its next step."""
        following = self._following or self._own()

        def said(_: None) -> None:
            if self.outcome is None:
                self.query_one("#hint", Line).say("Stops before the next step …")

        if self.outcome is None:
            cast("HubtuiApp", self.app).in_thread(following.cancel, said)

    def action_close(self) -> None:
        """Back to the pane; a change that runs goes on without us."""
        if self.outcome is None:
            self.app.notify("The change goes on by itself.", timeout=4)
        self.dismiss(Ended(self.outcome is not None and self.outcome.good))


def _is_good(event: Event | None) -> bool:
    return event is not None and event.outcome is not None and event.outcome.good
