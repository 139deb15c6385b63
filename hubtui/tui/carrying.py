"""The way from a key to a confirmed change: plan, show, start, follow, and again for the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from hubtui import changes
from hubtui.changes import Planner, SubjectLine
from hubtui.plan.plans import Plan
from hubtui.tui.access import Order
from hubtui.tui.breath import keep, uncollected
from hubtui.tui.dialogs import FRAME, PlanDialog
from hubtui.tui.following import Following
from hubtui.tui.order_words import told_of
from hubtui.tui.pane import Pane
from hubtui.tui.plan_words import Told, idle, told_of_change
from hubtui.tui.run_dialog import Ended, RunDialog

if TYPE_CHECKING:
    from hubtui.tui.app import HubtuiApp

_PATIENCE = 0.4
"""Seconds after which it is said that a plan is being made."""
_EXAM = "An exam holds this until it is over: a yes does it now all the same."
After = Callable[[], None]
Again = Callable[[Plan, Sequence[str]], None]


class Busy(ModalScreen[None]):
    """Something is being looked at, and it takes a while; Esc does not wait for it."""

    DEFAULT_CSS = FRAME.format("Busy") + "Busy #box { max-width: 60; }"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", show=False)]

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            yield Static(self._text, id="title", markup=False)
            yield Static("Nothing is changed before you say yes · Esc cancels", classes="quiet")

    def action_leave(self) -> None:
        """Back to where it was asked for."""
        self.dismiss()


class Proposal(NamedTuple):
    """A plan as it is put before a person."""

    plan: Plan
    lines: list[SubjectLine]
    told: Told


def propose_change(
    app: HubtuiApp, planner: Planner, keys: Sequence[str], after: After | None
) -> None:
    """Plan a change for these rows, show it, and run it if somebody says yes."""

    def make() -> Proposal:
        with uncollected():
            plan = changes.aware(app.server, planner(app.server, keys))
            lines = changes.preview(app.server, plan)
            return Proposal(plan, lines, told_of_change(app.server, plan, lines))

    def again(_plan: Plan, rest: Sequence[str]) -> None:
        propose_change(app, planner, rest, after)

    _look_and_ask(app, make, again, after)


def propose_order(app: HubtuiApp, order: Order, after: After | None) -> None:
    """The same for sheets."""
    _look_and_ask(app, lambda: proposal(app, order), _rest_of(app, order, after), after)


def proposal(app: HubtuiApp, order: Order) -> Proposal:
    """What the order would do, in words; looks at every home: call it in a thread."""
    with uncollected():
        plan, lines = app.access.plan(order)
        words = told_of(order, plan, lines, app.server, app.latest)
        keep(len(lines))
        return Proposal(plan, lines, words)


def ask(app: HubtuiApp, order: Order, made: Proposal, after: After | None = None) -> None:
    """Show what an order would do; on yes it is done."""
    _ask(app, made, _rest_of(app, order, after), after)


def _rest_of(app: HubtuiApp, order: Order, after: After | None) -> Again:
    return lambda plan, rest: propose_order(app, order.rest(plan, rest), after)


def _look_and_ask(
    app: HubtuiApp, make: Callable[[], Proposal], again: Again, after: After | None
) -> None:
    """Plan in a thread; where that takes a while it is said, and Esc does not wait for it."""
    below, busy = app.screen, Busy("Looking at what would be done …")
    patience = app.set_timer(_PATIENCE, lambda: wait() if app.screen is below else None)
    left = False

    def wait() -> None:
        app.push_screen(busy, leave)

    def leave(_: None) -> None:
        nonlocal left
        left = True

    def put_away() -> None:
        patience.stop()
        if app.screen is busy:
            app.pop_screen()

    def show(made: Proposal) -> None:
        put_away()
        if not left and app.screen is below:
            _ask(app, made, again, after)

    app.in_thread(make, show, failed=put_away)


def _ask(app: HubtuiApp, made: Proposal, again: Again, after: After | None) -> None:
    plan, lines, words = made

    def answered(yes: bool | None) -> None:
        if yes:  # the run is a process of its own from here on
            app.in_thread(
                lambda: app.access.start(plan),
                lambda following: follow(
                    app, plan, following, lambda rest: again(plan, rest), after
                ),
            )

    if sentence := idle(plan, lines):
        app.say(sentence)
        return
    loses, typed = changes.change_of(plan).loses, changes.to_be_typed(plan)
    if any(subject.get("choice") for subject in plan.subjects):
        loses = True  # of a repair: what somebody chose may take something away
    if plan.during_exam:
        loses, words = True, words._replace(warnings=(_EXAM, *words.warnings))
    if plan.params.get("replace_open"):
        loses, typed = True, "replace"
    app.clear_notifications()  # they were about something else, and lie on top
    app.push_screen(PlanDialog(plan, lines, loses=loses, typed=typed, words=words), answered)


def follow(
    app: HubtuiApp,
    plan: Plan,
    following: Following | None = None,
    again: Callable[[Sequence[str]], None] | None = None,
    after: After | None = None,
) -> None:
    """Follow a run to its end. ``after`` is called once it went well and its result was read."""

    def closed(ended: Ended | None) -> None:
        if ended and ended.again and again is not None:
            again(ended.again)
        elif ended and ended.good and after is not None:
            after()

    dialog = RunDialog(plan, None, again=again is not None, following=following)
    app.push_screen(dialog, closed)
    for screen in app.screen_stack:
        if isinstance(screen, Pane):
            screen.table.clear_marks()
