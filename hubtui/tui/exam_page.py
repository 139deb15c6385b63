"""The exam check on a screen: can so many students sit an exam here, and what helps if not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import DataTable

from hubtui.errors import UsageError
from hubtui.exam.records import Answer, Readiness
from hubtui.plan.plans import Plan
from hubtui.server import Server
from hubtui.tui import exam_words as words
from hubtui.tui.bars import Detail, Key, Line, key_line
from hubtui.tui.copying import copy
from hubtui.tui.dialogs import Page, help_page
from hubtui.tui.keyed_table import KeyedTable

if TYPE_CHECKING:
    from hubtui.tui.app import HubtuiApp

Check = Callable[[Server, int | None], Readiness]
"""For so many students; None: as many as the exam's date says."""

_MOST = 10_000


def exam_check(server: Server, students: int | None) -> Readiness:
    """The real one; what it needs is imported when it is asked for."""
    from hubtui.exam.check import readiness

    return readiness(server, students)


class ExamPage(Screen[None]):
    """A row for each question; below it the answer in focus, with what helps."""

    KEYS = (
        Key("enter", "details", "details", "The whole answer, and everything that helps."),
        Key("n", "number", "how many", "For how many students it is checked."),
        Key("t", "try", "try it", "A probe account logs in, starts, and computes: in earnest."),
        Key("g", "go", "go there", "Go to the pane and the row that the answer is about.", False),
        Key("y", "copy", "copy", "Copy the commands that help.", False),
        Key("r", "refresh", "again", "Check everything again now."),
        Key("question_mark", "help", "help", "What the keys do."),
        Key("escape", "back", "back", "Back to the glance."),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "number", show=False),
        Binding("t", "try", show=False),
        Binding("g", "go", show=False),
        Binding("y", "copy", show=False),
        Binding("r", "refresh", show=False),
        Binding("question_mark", "help", show=False),
        Binding("escape,q,e", "back", show=False),
    ]
    DEFAULT_CSS = """
    ExamPage KeyedTable { height: auto; max-height: 10; background: $background; }
    ExamPage.-tall KeyedTable { max-height: 60%; }
    ExamPage.-tall #verdict { margin-top: 1; }
    ExamPage.-tall #occasion { margin-bottom: 1; }
    ExamPage #detail { height: 1fr; border-top: solid $panel; }
    """
    VERTICAL_BREAKPOINTS = [(0, "-low"), (30, "-tall")]  # noqa: RUF012

    def __init__(self, check: Check = exam_check) -> None:
        super().__init__()
        self._check = check
        self._students: int | None = None
        self._looking = False
        self.found: Readiness | None = None
        """None while it is still looked for."""

    @property
    def hubtui(self) -> HubtuiApp:
        """The app, by its own type."""
        return cast("HubtuiApp", self.app)

    @property
    def table(self) -> KeyedTable:
        """The questions."""
        return self.query_one(KeyedTable)

    def compose(self) -> ComposeResult:
        yield Line("Exam check", classes="top")
        yield Line("Looking …", id="verdict")
        yield Line(" ", id="occasion")
        yield KeyedTable(words.COLUMNS, empty_text="Looking …", marks=False, id="table")
        yield Detail(id="detail")
        yield Line(key_line(self.KEYS, self.app.size.width), classes="keys")

    def on_mount(self) -> None:
        """Check, in a thread."""
        self.table.focus()
        self._look()

    def _look(self) -> None:
        if self._looking:
            return
        self._looking = True
        self.query_one("#verdict", Line).say("Looking …")
        server, students = self.hubtui.server, self._students

        def done() -> None:
            self._looking = False

        def failed() -> None:
            done()
            if self.is_mounted:
                self.query_one("#verdict", Line).say("It could not be looked at; r tries again.")

        def take(found: Readiness) -> None:
            done()
            if self.is_mounted:
                self._take(found)

        self.hubtui.in_thread(lambda: self._check(server, students), take, failed=failed)

    def _take(self, found: Readiness) -> None:
        first, self.found = self.found is None, found
        self.query_one("#verdict", Line).say(words.verdict(found))
        self.query_one("#occasion", Line).say(words.occasion(found))
        self.table.sync(words.rows(found))
        if first and self.table.keys:
            self.table.move_to(self.table.keys[0])  # the worst
        self._say_detail()

    def _answer(self) -> Answer | None:
        answers = self.found.answers if self.found is not None else ()
        return next((each for each in answers if each.key == self.table.cursor_key), None)

    def _say_detail(self) -> None:
        if (answer := self._answer()) is not None:
            self.query_one("#detail", Detail).update(words.whole(answer))

    def on_data_table_row_highlighted(self, _event: DataTable.RowHighlighted) -> None:
        """Another question is in focus."""
        self._say_detail()

    def on_data_table_row_selected(self, _event: DataTable.RowSelected) -> None:
        """Enter, or a click on the row in focus."""
        self.action_details()

    # --- what the keys do -----------------------------------------------------------------------

    def action_details(self) -> None:
        """The answer in focus on a page."""
        if (answer := self._answer()) is not None:
            self.app.push_screen(Page("Exam check", words.whole(answer)))

    def action_number(self) -> None:
        """For how many students?"""

        def number(text: str) -> int:
            if not text.isdecimal() or not 1 <= int(text) <= _MOST:
                raise UsageError("That is not a number of students.")
            return int(text)

        def asked(students: int) -> None:
            self._students = students
            self._look()

        value = str(self.found.students) if self.found is not None else ""
        hint = "Enter checks whether they can work at once"
        self.hubtui.ask("For how many students?", number, asked, value=value, hint=hint)

    def action_try(self) -> None:
        """In earnest, if somebody says yes."""
        try_it(self.hubtui)

    def action_go(self) -> None:
        """To the pane and the row that the answer in focus is about."""
        answer = self._answer()
        if answer is not None and answer.pane in self.hubtui.panes:
            app = self.hubtui
            self.dismiss()
            app.call_later(app.go_to, answer.pane, answer.row)

    def action_copy(self) -> None:
        """Copy what helps."""
        if (answer := self._answer()) is not None:
            copy(self, "\n".join(do for _, do in answer.remedies))

    def action_refresh(self) -> None:
        """Check again."""
        self._look()

    def action_help(self) -> None:
        """What the keys do here."""
        self.app.push_screen(help_page("Exam check", self.KEYS))

    def action_back(self) -> None:
        """Back to the glance."""
        self.dismiss()


def try_it(app: HubtuiApp) -> None:
    """The plan says what the probe account will do; its result has the seconds of each stage."""

    def plan(server: Server, _keys: Sequence[str]) -> Plan:
        from hubtui.exam.try_out import try_plan

        return try_plan(server)

    app.change(plan, ["probe"])
