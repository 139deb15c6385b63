"""Dialogs: a plan to be confirmed, a name to be typed, a page to be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, DataTable, Input, Static

from hubtui.changes import SubjectLine, totals
from hubtui.names import shown
from hubtui.plan.plans import Plan
from hubtui.tui.bars import Key
from hubtui.tui.columns import Column
from hubtui.tui.keyed_table import KeyedTable

if TYPE_CHECKING:
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
"""


class Page(ModalScreen[None]):
    """Something to read."""

    DEFAULT_CSS = FRAME.format("Page") + "Page VerticalScroll { height: auto; max-height: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,enter,q", "close", show=False)]

    def __init__(self, title: str, text: Text) -> None:
        super().__init__()
        self._title, self._text = title, text

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            yield Static(self._title, id="title", markup=False)
            with VerticalScroll():
                yield Static(self._text, markup=False)
            yield Static("Esc closes", classes="quiet", markup=False)

    def action_close(self) -> None:
        """Back to the list."""
        self.dismiss()


def help_page(noun: str, keys: Sequence[Key]) -> Page:
    """What the keys of a pane do, made from the keys themselves."""
    text = Text()
    for key in keys:
        text.append(f"{key.cap:>7}  ", "bold")
        text.append(f"{key.help}\n")
    text.append("\n 2 … 5  ", "bold")
    text.append("The panes; also by name with ctrl+p.\n")
    return Page(f"{noun}: keys", text)


def why_text(answers: Sequence[Answer]) -> Text:
    """The answers to *why*, each with what mends it."""
    text = Text()
    for answer in answers:
        mark, style = {True: ("✓", "green"), False: ("✗", "red"), None: ("·", "dim")}[answer.good]
        text.append(f"{mark} ", style)
        text.append(f"{answer.what:<11} ", "bold" if answer.good is False else "")
        text.append(f"{answer.text}\n", "dim" if answer.good else "")
        if answer.do and answer.good is not True:
            text.append(f"              → {shown(answer.do)}\n", "italic")
    return text


class AskDialog(ModalScreen[str]):
    """One line to be typed; Enter takes it, Esc does nothing."""

    DEFAULT_CSS = FRAME.format("AskDialog")
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "no", show=False)]

    def __init__(self, question: str, value: str) -> None:
        super().__init__()
        self._question, self._value = question, value

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            yield Static(self._question, id="title", markup=False)
            yield Input(self._value)
            yield Static("Enter goes on to the plan · Esc cancels", classes="quiet", markup=False)

    @on(Input.Submitted)
    def submitted(self, event: Input.Submitted) -> None:
        """What was typed."""
        self.dismiss(event.value.strip())

    def action_no(self) -> None:
        """Nothing."""
        self.dismiss("")


class SureDialog(ModalScreen[bool]):
    """Yes or no, where nothing on the server changes."""

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
    PlanDialog KeyedTable { height: 1fr; background: $surface; }
    PlanDialog #steps { height: auto; max-height: 50%; border-top: solid $panel; display: none; }
    PlanDialog #steps.open { display: block; }
    PlanDialog #typed { height: 3; }
    """
    )
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "no", show=False)]

    def __init__(
        self, plan: Plan, lines: Sequence[SubjectLine], *, loses: bool, typed: str
    ) -> None:
        """``typed``: the name that has to be typed first; empty where a yes is enough."""
        super().__init__()
        self.plan, self.lines = plan, {line.key: line for line in lines}
        self._loses, self._typed = loses, typed

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            yield Static(self.plan.title, id="title", markup=False)
            yield Static(totals(list(self.lines.values())), classes="quiet", markup=False)
            if warnings := [note for line in self.lines.values() for note in line.notes]:
                listed = "\n".join(f"! {shown(warning)}" for warning in warnings[:3])
                yield Static(Text(listed, style="yellow"), markup=False)
            columns = (Column("name", "WHO", 24), Column("what", "WHAT WILL BE DONE", None))
            yield KeyedTable(columns, marks=False, id="subjects")
            with VerticalScroll(id="steps", can_focus=False):
                yield Static(id="commands", markup=False)
            if self._typed:
                yield Input(placeholder=f"type {self._typed} to confirm", id="typed")
            else:
                hint = "Enter shows the commands · Tab goes to the buttons · Esc cancels"
                yield Static(hint, classes="quiet", markup=False)
            with Horizontal(id="buttons"):
                verb = self.plan.title.split(" ")[0]
                yes = Button(verb, variant="error" if self._loses else "success", id="yes")
                yes.disabled = bool(self._typed)
                no = Button("Cancel", id="no")
                yield from (no, yes) if self._loses else (yes, no)

    def on_mount(self) -> None:
        """Fill the list; the first focus never confirms anything."""
        table = self.query_one("#subjects", KeyedTable)
        table.sync({k: (shown(ln.name, limit=60), _gist(ln)) for k, ln in self.lines.items()})
        table.focus()
        if self._typed:
            self.query_one("#typed", Input).focus()

    @on(DataTable.RowSelected)
    def show_commands(self, _event: DataTable.RowSelected) -> None:
        """Enter: the commands of the row in focus, or hide them."""
        self.query_one("#steps").toggle_class("open")
        self._say_commands()

    @on(DataTable.RowHighlighted)
    def follow_focus(self, _event: DataTable.RowHighlighted) -> None:
        """The commands follow the cursor."""
        if self.query_one("#steps").has_class("open"):
            self._say_commands()

    def _say_commands(self) -> None:
        line = self.lines.get(self.query_one("#subjects", KeyedTable).cursor_key or "")
        text = Text()
        for note in line.notes if line else ():
            text.append(f"! {note}\n", "yellow")
        for step in line.steps if line else ():
            text.append("✓ " if step.done else "· ", "green" if step.done else "")
            text.append(f"{step.say}\n", "dim" if step.done else "")
        self.query_one("#commands", Static).update(text)

    @on(Input.Changed)
    def typed(self, event: Input.Changed) -> None:
        """Yes is offered once the name is there."""
        self.query_one("#yes", Button).disabled = event.value.strip() != self._typed

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


def _gist(line: SubjectLine) -> str:
    """The kinds of what is still to be done for one subject."""
    todo = [step.kind for step in line.steps if not step.done and step.kind != "check"]
    return ("! " if line.notes else "") + (", ".join(todo) or "nothing to do")


class UnfinishedDialog(ModalScreen[str]):
    """Changes that a kill or a reboot left: continue, drop, or later."""

    DEFAULT_CSS = FRAME.format("UnfinishedDialog")
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "later", show=False)]

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            yield Static("A change was left unfinished", id="title", markup=False)
            yield Static(
                f"\n{self.plan.title}\nby {shown(self.plan.by)}, {self.plan.at}\n\n"
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
