"""A run being followed: progress, then a result that stays readable, failed ones first, retry."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, NamedTuple, cast

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, DataTable, Static
from textual.worker import get_current_worker

from hubtui.changes import CHANGES, is_beside, title_of
from hubtui.clock import parse
from hubtui.errors import HubtuiError
from hubtui.events import Event, Outcome, What
from hubtui.names import shown
from hubtui.plan.plans import Plan
from hubtui.tui.bars import Line
from hubtui.tui.breath import BREATH, MANY
from hubtui.tui.colours import BAD, GOOD, QUIET, WARN
from hubtui.tui.columns import Column
from hubtui.tui.dialogs import FRAME, Page
from hubtui.tui.following import Following, OwnRun
from hubtui.tui.keyed_table import KeyedTable, Row
from hubtui.tui.look import cell
from hubtui.tui.tally import Tally
from hubtui.units import megabytes

if TYPE_CHECKING:
    from hubtui.tui.app import HubtuiApp

_BAR = 24
"""Cells of the bar."""
_STATE = 11
"""Cells for the state."""
_AT_WORK = {"deliver": "copying", "take back": "taking back", "release": "noting"}
"""By the kind of a step of a release; its command stood in the plan."""
_LOOKS = {
    Outcome.DONE: ("✓ done", GOOD),
    Outcome.ALREADY: ("✓ was done", GOOD),
    Outcome.FAILED: ("✗ failed", BAD),
    Outcome.CHANGED: ("✗ changed", BAD),
    Outcome.CANCELLED: ("– cancelled", WARN),
    Outcome.HELD: ("✗ held", BAD),
    Outcome.DROPPED: ("– dropped", WARN),
}
_NOT_BEGUN = ("– not begun", WARN)
_BROKEN_OFF = ("✗ broke off", BAD)
_REST = "Who was not begun gets nothing by itself: "


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
        self._names = {str(s["key"]): shown(title_of(s), limit=60) for s in plan.subjects}
        self._places = {key: place for place, key in enumerate(self.states)}
        self._tally = Tally([str(s["key"]) for s in plan.subjects if not is_beside(s)])
        self._rows: dict[str, Row] = {}
        self._moved = (0, 0)
        self._since: datetime | None = None
        change = CHANGES.get(plan.kind)
        self._wide = change is not None and change.width > 1
        """Many at a time, each brought something: what and how fast is said as well."""
        self.outcome: Outcome | None = None
        self._touched: set[str] = set()
        """The subjects of which at least one step was begun."""
        self._at_work = ""
        """The subject whose step is running."""
        self._put: tuple[str | None, int] | None = None
        """Where we left cursor and scroll; a person who moves away stays there."""

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            yield Static(shown(self.plan.title), id="title", markup=False)
            yield Line(id="progress")
            if self._wide:
                yield Line(" ", id="moved", classes="quiet")
            names = map(len, self._names.values())
            who = min(max(8, *names), 24 if self.app.size.width >= 100 else 16)
            columns = (
                Column("name", "WHO", who),
                Column("state", "STATE", _STATE),
                Column("text", "", None),
            )
            yield KeyedTable(columns, marks=False, id="subjects")
            yield Static(id="over", classes="quiet hidden", markup=False)
            yield Line(
                f"c cancels before the next {self._next} · Esc leaves it to itself",
                id="hint",
                classes="quiet",
            )
            with Horizontal(id="buttons"):
                yield Button("Try the rest again", id="retry", classes="hidden")
                yield Button("Close", id="close")

    @property
    def _next(self) -> str:
        """What a cancelled run does not begin."""
        return "student" if self._wide else "step"

    def on_mount(self) -> None:
        """Begin to follow; a long list comes a breath after its frame."""
        self.query_one(KeyedTable).focus()
        if len(self.states) > MANY:
            self.set_timer(BREATH, self._begin)
        else:
            self._begin()

    def _begin(self) -> None:
        self._show()
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
                self._tally.take(event)
                self._rows.pop(event.subject, None)
                if event.event is not What.END:
                    self._touched.add(event.subject)
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
        elif self._put in (None, self._place(table)):
            self._keep_in_sight(table)
            self._put = self._place(table)
        self.query_one("#progress", Line).say(self._progress())
        if self._wide:
            self.query_one("#moved", Line).say(self._brought())

    def _place(self, table: KeyedTable) -> tuple[str | None, int]:
        return table.cursor_key, table.scroll_offset.y if self._wide else 0

    def _keep_in_sight(self, table: KeyedTable) -> None:
        """Follow the one at work; where there are many, turn a page once they are below it."""
        if not self._wide:
            table.move_to(self._at_work)
            return
        places = [self._places[key] for key in self._tally.at_work]
        if places and not table.shows(max(places)):
            table.turn_to(min(places))

    def _progress(self) -> Text:
        """How many are through, and how many of those failed or were cancelled."""
        tally, over = self._tally, self.outcome is not None
        far = tally.done if over else tally.through
        full = _BAR * far // max(1, tally.total)
        line = Text.assemble(("━" * full, GOOD), ("━" * (_BAR - full), QUIET))
        line.append(f"  {far} of {tally.total} {'done' if over else 'through'}")
        for said, style in tally.not_done(over=over):
            line.append(f" · {said}", style)
        return line

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
        if self._since is None:
            return ""
        return self._tally.left(cast("HubtuiApp", self.app).server.clock() - self._since)

    def _row(self, key: str) -> Row:
        event, name = self.states[key], self._names[key]
        if event is None:
            return name, cell(*(_NOT_BEGUN if self.outcome else ("waiting", QUIET))), ""
        text = shown(event.text)
        if event.event is What.END and event.outcome is not None:
            if self._is_untouched(key):
                return name, cell(*_NOT_BEGUN), ""
            return name, cell(*_LOOKS[event.outcome]), text
        if self._wide and event.event is What.START:
            text = ""
        if self.outcome is not None:  # a kill left it so
            return name, cell(*_BROKEN_OFF), Text(text, QUIET)
        step = _AT_WORK.get(event.step, event.step) if self._wide else event.step
        return name, f"· {step}", Text(text, QUIET)

    def _is_untouched(self, key: str) -> bool:
        """Whether somebody cancelled before anything was done for it."""
        event = self.states[key]
        cancelled = event is not None and event.outcome is Outcome.CANCELLED
        return cancelled and key not in self._touched

    def _over(self, event: Event) -> None:
        failed = [key for key, last in self.states.items() if not _is_good(last)]
        over, said = self.query_one("#over", Static), self._last_word(event, failed)
        over.update(said)
        over.set_class(not said, "hidden")
        again = "r tries the rest again · " if failed and self._again else ""
        self.query_one("#hint", Line).say(f"Enter shows a row in full · {again}Esc closes")
        self.query_one("#retry", Button).set_class(not again, "hidden")
        cast("HubtuiApp", self.app).look_again()

    def _last_word(self, event: Event, failed: Sequence[str]) -> str:
        """What the bar does not say: why it broke off, or that nothing happens by itself now."""
        if event.outcome in (None, Outcome.DROPPED):
            return shown(event.text)
        if self.plan.kind == "push" and any(map(self._is_untouched, failed)):
            again = "r gives it to the rest" if self._again else "p gives it to the rest"
            return f"{_REST}{again} · x in the list withdraws it"
        why = {last.text for key in failed if (last := self.states[key]) is not None}
        if len(failed) == len(self.states) and len(why) == 1:
            return shown(why.pop())  # the whole run could not begin
        return ""

    @on(DataTable.RowSelected)
    def in_full(self, _event: DataTable.RowSelected) -> None:
        """A row, whole."""
        key = self.query_one(KeyedTable).cursor_key
        if key is not None:
            _name, state, text = self._rows[key]
            page = Text(f"{state}")
            if str(text):
                page.append(f"\n\n{text}")
            self.app.push_screen(Page(self._names[key], page))

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
                self.query_one("#hint", Line).say(self._stops())

        if self.outcome is None:
            cast("HubtuiApp", self.app).in_thread(following.cancel, said)

    def _stops(self) -> str:
        working = len(self._tally.at_work)
        if not working:
            return f"Stops before the next {self._next} …"
        rest = "the one in progress is" if working == 1 else f"the {working} in progress are"
        return f"Stops before the next {self._next}; {rest} finished first."

    def action_close(self) -> None:
        """Back to the pane; a change that runs goes on without us."""
        if self.outcome is None:
            self.app.notify("The change goes on by itself.", timeout=4)
        self.dismiss(Ended(self.outcome is not None and self.outcome.good))


def _is_good(event: Event | None) -> bool:
    return event is not None and event.outcome is not None and event.outcome.good
