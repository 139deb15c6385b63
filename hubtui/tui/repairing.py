"""Mending what drifted: what needs a decision is asked for, with what each choice means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import DataTable, Static

from hubtui import drift
from hubtui.changes import Planner
from hubtui.drift.records import Choice, Drift, Mends
from hubtui.errors import Refused
from hubtui.names import shown
from hubtui.plan.plans import Plan
from hubtui.server import Server
from hubtui.students import survey
from hubtui.tui.account_rows import STYLES
from hubtui.tui.bars import Line, clickable
from hubtui.tui.colours import GOOD, WARN
from hubtui.tui.columns import Column, Row
from hubtui.tui.dialogs import FRAME
from hubtui.tui.keyed_table import KeyedTable
from hubtui.tui.look import cell
from hubtui.units import counted

if TYPE_CHECKING:
    from hubtui.tui.app import HubtuiApp

_SAFELY = Choice(word="", means="It is mended; nothing of a student's is touched.")
_LEFT = "leave it as it is"
Answers = Mapping[str, str]
"""By the drift's key, the word that was chosen; empty where there was nothing to choose."""


def repair(app: HubtuiApp, found: Sequence[Drift]) -> None:
    """Ask what has to be decided, then show the plan that mends these."""
    if why := app.access.refusal:
        app.say(why)
    elif not found:
        app.say("Nothing of this is to be mended.")
    elif all(one.mends is Mends.SAFELY and not one.choices for one in found):
        app.change(planner({}), [one.key for one in found])
    else:

        def answered(answers: Answers | None) -> None:
            if answers:
                app.change(planner(answers), list(answers))

        app.push_screen(RepairDialog(found), answered)


def planner(answers: Answers) -> Planner:
    """Plans for drift by its key, looked for anew: nothing old is confirmed."""

    def plan(server: Server, keys: Sequence[str]) -> Plan:
        from hubtui.repair.plan import repair_plan  # 25 ms: not at the start of the app

        there = {one.key: one for one in drift.whole(server, survey(server))}
        chosen = [there[key] for key in keys if key in there]
        if not chosen:
            raise Refused("It is as it should be by now: there is nothing to mend.")
        return repair_plan(server, chosen, {key: word for key, word in answers.items() if word})

    return plan


def ways(one: Drift) -> tuple[Choice, ...]:
    """What can be done about it here; nothing where a person has to."""
    if one.mends is Mends.BY_HAND:
        return ()
    return (_SAFELY, *one.choices) if one.mends is Mends.SAFELY else one.choices


class RepairDialog(ModalScreen[Answers]):
    """Each drift with what can be done about it, and what then becomes of whom."""

    DEFAULT_CSS = (
        FRAME.format("RepairDialog")
        + """
    RepairDialog KeyedTable { max-height: 40vh; background: $surface; }
    RepairDialog #about { height: auto; max-height: 45vh; border-top: solid $panel; }
    """
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "no", show=False),
        *(Binding(str(number), f"choose({number})", show=False) for number in range(10)),
        Binding("shift+up", "scroll_about(-1)", show=False),
        Binding("shift+down", "scroll_about(1)", show=False),
    ]

    def __init__(self, found: Sequence[Drift]) -> None:
        """Nothing is chosen but what is safe."""
        super().__init__()
        self.found = {one.key: one for one in found}
        self.answers: dict[str, str] = {one.key: "" for one in found if one.mends is Mends.SAFELY}

    def compose(self) -> ComposeResult:
        longest = max(len(shown(one.name, limit=30)) for one in self.found.values())
        columns = (
            Column("name", "WHO", max(8, min(24, longest))),
            Column("what", "WHAT", None),
            Column("how", "HOW", 14),
        )
        with Vertical(id="box"):
            yield Static(self._title(), id="title", markup=False)
            yield KeyedTable(columns, marks=False, id="drifts")
            with VerticalScroll(id="about", can_focus=False):
                yield Static(id="ways", markup=False)
            yield Line(id="hint", classes="quiet")

    def on_mount(self) -> None:
        """Fill the list; the cursor goes where somebody is asked."""
        table = self._table
        table.focus()
        table.styles.height = 1 + len(self.found)
        self._show()
        if asked := [key for key, one in self.found.items() if one.mends is Mends.CHOICE]:
            table.move_to(asked[0])

    def _title(self) -> str:
        if len(self.found) == 1:
            return f"Repair {shown(next(iter(self.found.values())).name, limit=40)}"
        return f"Repair {counted(len(self.found), 'thing')}"

    def _show(self) -> None:
        self._table.sync({key: self._row(one) for key, one in self.found.items()})
        self._say_ways()

    def _row(self, one: Drift) -> Row:
        word = self.answers.get(one.key)
        if not ways(one):
            how = cell("by hand", WARN)
        elif word is None:
            how = cell("is left" if one.mends is Mends.SAFELY else "choose …", WARN)
        else:
            how = cell(word or "is mended", GOOD)
        return shown(one.name, limit=60), one.short or str(one.code), how

    @property
    def _table(self) -> KeyedTable:
        return self.query_one(KeyedTable)

    @property
    def _one(self) -> Drift:
        return self.found[self._table.cursor_key or next(iter(self.found))]

    def _say_ways(self) -> None:
        one, text = self._one, Text()
        text.append(f"{one.text}\n", STYLES[one.severity])
        if not ways(one):
            text.append("\nThis is done by hand.\n")
            if one.do:
                text.append(f"→ {one.do}\n", "italic")
        else:
            text.append("\n")
            chosen = self.answers.get(one.key)
            for number, way in enumerate(ways(one), 1):
                self._say_way(text, number, way, chosen == way.word)
            left = Choice(word=_LEFT, means="")
            self._say_way(text, 0, left, chosen is None)
        text.rstrip()
        self.query_one("#ways", Static).update(text)
        keys = "Enter goes on to the plan" if self.answers else "Nothing is chosen yet"
        numbers = f"0–{len(ways(one))} choose · " if ways(one) else ""
        self.query_one("#hint", Line).say(f"{numbers}{keys} · Esc cancels")

    def _say_way(self, text: Text, number: int, way: Choice, chosen: bool) -> None:
        mark, style = ("●", "bold") if chosen else ("○", "")
        label = way.word or "mend it"
        text.append_text(clickable(f"{mark} {number}  {label}", f"screen.choose({number})", style))
        if way.means:
            text.append(f": {way.means}", style)
        if way.loses:
            text.append(" Something goes away.", WARN)
        text.append("\n")

    def on_data_table_row_highlighted(self, _event: DataTable.RowHighlighted) -> None:
        """The choices follow the cursor."""
        self._say_ways()

    def on_data_table_row_selected(self, _event: DataTable.RowSelected) -> None:
        """Enter: on to the plan for what was decided."""
        if self.answers:
            self.dismiss(dict(self.answers))

    def action_choose(self, number: int) -> None:
        """Decide for the row in focus; 0 leaves it as it is."""
        one = self._one
        if number > len(ways(one)):
            return
        if number == 0:
            self.answers.pop(one.key, None)
        else:
            self.answers[one.key] = ways(one)[number - 1].word
        self._show()

    def action_scroll_about(self, lines: int) -> None:
        """Where there is more to read than fits."""
        self.query_one("#about").scroll_relative(y=lines, animate=False)

    def action_no(self) -> None:
        """Esc: nothing is done."""
        self.dismiss(None)
