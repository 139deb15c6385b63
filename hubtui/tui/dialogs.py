"""Dialogs: a plan to be confirmed, a name to be typed, a page to be read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, DataTable, Input, Static

from hubtui.changes import SubjectLine
from hubtui.clock import moment, parse
from hubtui.errors import HubtuiError
from hubtui.names import shown
from hubtui.plan.plans import Plan
from hubtui.tui.bars import Key, Line
from hubtui.tui.breath import BREATH, MANY
from hubtui.tui.colours import BAD, GOOD, QUIET, WARN
from hubtui.tui.columns import Column
from hubtui.tui.keyed_table import KeyedTable
from hubtui.tui.plan_words import Told, told

if TYPE_CHECKING:
    from hubtui.tui.app import HubtuiApp
    from hubtui.why import Answer

FRAME = """
{0} {{ align: center middle; background: $background 60%; }}
{0} #box {{
    width: 90%; max-width: 100; height: auto; max-height: 90%;
    border: round $primary; background: $surface; padding: 0 1;
}}
{0} #title {{ text-style: bold; height: auto; }}
{0} #buttons {{ height: 3; align-horizontal: right; }}
{0} Button {{ margin-left: 2; min-width: 12; }}
{0} .quiet {{ color: $text-muted; height: auto; }}
{0} Line {{ padding: 0; }}
{0} VerticalScroll {{ scrollbar-size-vertical: 1; }}
"""
_WARNINGS = 3
"""How many a plan's dialog lists; each row's own stand with its commands."""
_WHO = 12
"""Cells for names, where none is longer."""


def _hanging(*widths: int, gap: int = 1) -> Table:
    """Rows whose last cell is wrapped below its own beginning."""
    table = Table.grid(padding=(0, gap, 0, 0))
    for width in widths:
        table.add_column(width=width, no_wrap=True)
    table.add_column(overflow="fold")
    return table


class Page(ModalScreen[None]):
    """Something to read."""

    CLOSE: ClassVar[str] = "Esc closes"
    DEFAULT_CSS = FRAME.format("Page") + "Page VerticalScroll { height: auto; max-height: 72vh; }"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,enter,q", "close", show=False)]

    def __init__(self, title: str, text: RenderableType) -> None:
        super().__init__()
        self._title, self._text = title, text

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            yield Static(self._title, id="title", markup=False)
            with VerticalScroll():
                yield Static(self._text, markup=False)
            yield Line(self.CLOSE, id="hint", classes="quiet")

    def on_resize(self) -> None:
        """Say how to scroll where there is more than fits."""
        self.call_after_refresh(self._say_hint)

    def _say_hint(self) -> None:
        more = self.query_one(VerticalScroll).max_scroll_y > 0
        self.query_one("#hint", Line).say(f"↑ ↓ scroll · {self.CLOSE}" if more else self.CLOSE)

    def action_close(self) -> None:
        """Back to the list."""
        self.dismiss()


def help_page(noun: str, keys: Sequence[Key], panes: Sequence[str] = ()) -> Page:
    """What the keys of a pane do, made from the keys themselves."""
    rows = [(key.cap, key.help) for key in keys]
    if len(panes) > 1:
        rows.append((" ".join(panes), "Go to a pane; ctrl+p has them by name."))
    table = _hanging(max(len(cap) for cap, _ in rows), gap=2)
    for cap, what in rows:
        table.add_row(Text(cap, "bold", justify="right"), Text(what))
    return Page(f"{noun}: keys", table)


def why_text(answers: Sequence[Answer]) -> RenderableType:
    """The answers to *why*, each with what mends it."""
    table = _hanging(1, 11)
    marks = {True: ("✓", GOOD), False: ("✗", BAD), None: ("·", QUIET)}
    for answer in answers:
        what = Text(answer.what, "bold" if answer.good is False else "")
        text = Text(shown(answer.text), QUIET if answer.good else "")
        table.add_row(Text(*marks[answer.good]), what, text)
        if answer.do and answer.good is not True:
            table.add_row("", Text("→", justify="right"), Text(shown(answer.do), "italic"))
    return table


class AskDialog(ModalScreen[object]):
    """One line to be typed, until something can be made of it; Esc does nothing."""

    DEFAULT_CSS = (
        FRAME.format("AskDialog")
        + """
    AskDialog #wrong { color: $text-warning; height: auto; display: none; }
    AskDialog.wrong #wrong { display: block; }
    """
    )
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "no", show=False)]

    def __init__(
        self, question: str, take: Callable[[str], object], *, value: str = "", hint: str
    ) -> None:
        """``take``: what is made of the line, in a thread; the sentence of what it raises is said
        below the line, which stays. ``hint``: what Enter does.
        """
        super().__init__()
        self._question, self._take, self._value, self._hint = question, take, value, hint
        self._busy = False

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            yield Static(self._question, id="title", markup=False)
            yield Input(self._value)
            yield Static(id="wrong", markup=False)
            yield Line(f"{self._hint} · Esc cancels", id="hint", classes="quiet")

    @on(Input.Submitted)
    def submitted(self, event: Input.Submitted) -> None:
        """See what can be made of it."""
        text = event.value.strip()
        if not text:
            self.dismiss(None)
        elif not self._busy:
            self._busy = True
            self.query_one("#hint", Line).say("Looking … · Esc cancels")
            self._try(text)

    @work(thread=True, exit_on_error=False)
    def _try(self, text: str) -> None:
        app = self.app
        try:
            made = self._take(text)
        except HubtuiError as e:
            app.call_from_thread(self._ended, None, str(e))
        else:
            app.call_from_thread(self._ended, made, "")

    def _ended(self, made: object, wrong: str) -> None:
        self._busy = False
        if not self.is_current:
            return  # Esc was quicker
        if made is not None:
            self.dismiss(made)
            return
        self.query_one("#wrong", Static).update(f"! {shown(wrong)}")
        self.set_class(True, "wrong")
        self.query_one("#hint", Line).say(f"{self._hint} · Esc cancels")

    def action_no(self) -> None:
        """Nothing."""
        self.dismiss(None)


class SureDialog(ModalScreen[bool]):
    """Yes or no, where no account and no home changes."""

    DEFAULT_CSS = FRAME.format("SureDialog")
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "no", show=False)]

    def __init__(self, question: str, text: str, yes: str) -> None:
        super().__init__()
        self._question, self._text, self._yes = question, text, yes

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            yield Static(self._question, id="title", markup=False)
            yield Static(f"\n{self._text}\n", markup=False)
            with Horizontal(id="buttons"):
                yield Button("Cancel", id="no")
                yield Button(self._yes, id="yes")

    @on(Button.Pressed)
    def pressed(self, event: Button.Pressed) -> None:
        """Yes or no."""
        self.dismiss(event.button.id == "yes")

    def action_no(self) -> None:
        """Stay."""
        self.dismiss(False)


class PlanDialog(ModalScreen[bool]):
    """A plan before anybody says yes: totals, a line per subject, its commands on Enter."""

    DEFAULT_CSS = (
        FRAME.format("PlanDialog")
        + """
    PlanDialog #box { height: 90%; }
    PlanDialog KeyedTable { height: 1fr; min-height: 2; background: $surface; }
    PlanDialog .warning { color: $text-warning; height: auto; max-height: 2; }
    PlanDialog #totals, PlanDialog .about { height: auto; max-height: 2; }
    PlanDialog #steps { height: 1fr; border-top: solid $panel; display: none; }
    PlanDialog.-tall #steps { height: auto; max-height: 50%; }
    PlanDialog.open.-low .warning, PlanDialog.open.-flat .warning { display: none; }
    PlanDialog.-flat #box { height: 100%; max-height: 100%; }
    PlanDialog.-flat .warning, PlanDialog.-flat .about { max-height: 1; }
    PlanDialog.-flat #buttons, PlanDialog.-flat Button { height: 1; border: none; }
    PlanDialog.one #box { height: auto; }
    PlanDialog.one KeyedTable { height: 2; }
    PlanDialog.one #steps { height: auto; max-height: 30vh; }
    PlanDialog.open #steps { display: block; }
    PlanDialog #typed { background: $panel; }
    PlanDialog #word { text-style: bold; }
    PlanDialog.open #word { margin-top: 1; }
    """
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "no", show=False),
        Binding("shift+up", "scroll_commands(-1)", show=False),
        Binding("shift+down", "scroll_commands(1)", show=False),
        Binding("pageup", "scroll_commands(-5)", show=False),
        Binding("pagedown", "scroll_commands(5)", show=False),
    ]
    VERTICAL_BREAKPOINTS = [(0, "-flat"), (20, "-low"), (30, "-tall")]  # noqa: RUF012

    def __init__(
        self,
        plan: Plan,
        lines: Sequence[SubjectLine],
        *,
        loses: bool,
        typed: str,
        words: Told | None = None,
    ) -> None:
        """``typed``: what has to be typed first; empty where a yes is enough."""
        super().__init__()
        self.plan, self.lines = plan, {line.key: line for line in lines}
        self._loses, self._typed = loses, typed
        self._words = words or told(plan, lines)
        self._typed_name = any(line.name == typed for line in lines)
        self.set_class(len(lines) == 1, "one")

    def compose(self) -> ComposeResult:
        words = self._words
        with Vertical(id="box"):
            yield Static(words.title, id="title", markup=False)
            for about in words.about:
                yield Static(about, classes="about", markup=False)
            if words.totals:
                yield Static(words.totals, id="totals", classes="quiet", markup=False)
            # Of one whose name is typed they are seen below.
            warnings = () if self._typed and len(self.lines) == 1 else words.warnings
            for warning in warnings[:_WARNINGS]:
                yield Static(f"! {warning}", classes="warning", markup=False)
            if more := len(warnings[_WARNINGS:]):
                yield Line(f"  and {more} more: see the rows with !", classes="warning")
            who = max(_WHO, *(min(len(line.name), 20) for line in self.lines.values()))
            columns = (Column("name", "WHO", who), Column("what", "WHAT WILL BE DONE", None))
            yield KeyedTable(columns, marks=False, id="subjects")
            with VerticalScroll(id="steps", can_focus=False):
                yield Static(id="commands", markup=False)
            if self._typed:
                yield Line(f"To confirm type: {self._typed}", id="word")
                yield Input(id="typed", compact=True)
            yield Line(id="hint", classes="quiet")
            with Horizontal(id="buttons"):
                yes = Button(words.verb, variant="error" if self._loses else "success", id="yes")
                yes.disabled = bool(self._typed)
                no = Button("Cancel", id="no")
                yield from (no, yes) if self._loses else (yes, no)

    def on_mount(self) -> None:
        """Fill the list; the first focus never confirms anything."""
        self.query_one("#subjects", KeyedTable).focus()
        if len(self.lines) > MANY:
            self.set_timer(BREATH, self._fill)
        else:
            self._fill()
        # Who types a name has seen what it does.
        self._open(self._typed_name)
        if self._typed:
            self.query_one("#typed", Input).focus()

    def _fill(self) -> None:
        self.query_one("#subjects", KeyedTable).sync(self._words.rows)
        self._say_commands()

    @on(DataTable.RowSelected)
    def show_commands(self, _event: DataTable.RowSelected) -> None:
        """Enter: the commands of the row in focus, or hide them."""
        self._open(not self.has_class("open"))

    def _open(self, open_: bool) -> None:
        self.set_class(open_, "open")
        self._say_commands()
        self._say_keys()

    def _say_keys(self) -> None:
        open_ = self.has_class("open")
        keys = "Enter shows the commands · Tab goes to the buttons"
        if open_:
            keys = "Shift+↑ ↓ scrolls the commands · Enter hides them"
        if self._typed:
            keys = "Shift+↑ ↓ scrolls the commands" if open_ else "Tab goes to the list"
        if self._typed and not self.query_one("#yes", Button).disabled:
            keys = "Enter goes to the button"
        self.query_one("#hint", Line).say(f"{keys} · Esc cancels")

    def action_scroll_commands(self, lines: int) -> None:
        """Wherever the focus is; the page keys do so where it is not in the list."""
        self.query_one("#steps").scroll_relative(y=lines, animate=False)

    @on(DataTable.RowHighlighted)
    def follow_focus(self, _event: DataTable.RowHighlighted) -> None:
        """The commands follow the cursor."""
        if self.has_class("open"):
            self._say_commands()
            self.query_one("#steps").scroll_home(animate=False)

    def _say_commands(self) -> None:
        line = self.lines.get(self.query_one("#subjects", KeyedTable).cursor_key or "")
        table = _hanging(1)
        for note in line.notes if line else ():
            table.add_row(Text("!", WARN), Text(shown(note), WARN))
        for step in line.steps if line else ():
            mark = Text("✓", GOOD) if step.done else Text("·")
            table.add_row(mark, Text(shown(step.say), QUIET if step.done else ""))
            for detail in step.details:
                table.add_row("", Text(shown(detail), QUIET))
        self.query_one("#commands", Static).update(table)

    @on(Input.Changed)
    def typed(self, event: Input.Changed) -> None:
        """Yes is offered once the name is there."""
        self.query_one("#yes", Button).disabled = event.value.strip() != self._typed
        self._say_keys()

    @on(Input.Submitted)
    def submitted(self, event: Input.Submitted) -> None:
        """Enter after the right name goes to the button; it does not press it."""
        if event.value.strip() == self._typed:
            self.query_one("#yes", Button).focus()

    @on(Button.Pressed)
    def pressed(self, event: Button.Pressed) -> None:
        """Yes or no."""
        self.dismiss(event.button.id == "yes")

    def action_no(self) -> None:
        """Esc: nothing is done."""
        self.dismiss(False)


class UnfinishedDialog(ModalScreen[str]):
    """Changes that a kill or a reboot left: continue, drop, or later."""

    DEFAULT_CSS = FRAME.format("UnfinishedDialog")
    AUTO_FOCUS = "#later"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "later", show=False)]

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan

    def compose(self) -> ComposeResult:
        at = moment(parse(self.plan.at), cast("HubtuiApp", self.app).server.clock())
        with Vertical(id="box"):
            yield Static("A change was left unfinished", id="title", markup=False)
            yield Static(
                f"\n{shown(self.plan.title)}\nby {shown(self.plan.by)}, {at}\n\n"
                "Continue asks each step whether it is done and does the rest. "
                "Drop leaves everything as it is now.\n",
                markup=False,
            )
            with Horizontal(id="buttons"):
                yield Button("Continue", variant="success", id="continue")
                yield Button("Drop", id="drop")
                yield Button("Later", id="later")

    @on(Button.Pressed)
    def pressed(self, event: Button.Pressed) -> None:
        """What was decided."""
        self.dismiss(event.button.id or "later")

    def action_later(self) -> None:
        """Decide at the next start."""
        self.dismiss("later")
