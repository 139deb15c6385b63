"""What every pane is: bars, a list with filter, sort and marks, and the details of the row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import DataTable, Input

from hubtui.names import shown
from hubtui.students import Missing
from hubtui.tui.bars import Detail, Key, Line
from hubtui.tui.breath import BREATH, MANY
from hubtui.tui.columns import Column
from hubtui.tui.dialogs import Page, why_text
from hubtui.tui.frame import HELP, QUIT, REFRESH, Frame
from hubtui.tui.keyed_table import KeyedTable
from hubtui.tui.look import Entry, Look, Shown

if TYPE_CHECKING:
    from hubtui.why import Answer

COMMON = (
    Key("space", "mark", "mark", "Mark the row, or take its mark away."),
    Key(
        "plus", "mark_shown", "all", "Mark all shown; after a filter, those it lets through.", False
    ),
    Key("slash", "filter", "filter", "Show only rows that hold some text; Esc shows all."),
    Key("s", "sort", "sort", "Sort by the next column.", False),
    Key("enter", "details", "details", "All there is to know of the row.", False),
    Key("y", "copy", "copy", "Copy the name to your own clipboard (OSC 52).", False),
    REFRESH,
    HELP,
    QUIT,
)


class Pane(Frame):
    """A list of one noun. Subclasses say what a row is and what can be done with it."""

    EMPTY: ClassVar[str] = ""
    COLUMNS: ClassVar[tuple[Column, ...]] = ()
    ORDERS: ClassVar[tuple[str, ...]] = ()
    """Column keys by which ``s`` sorts, in turn; each entry has a value for each."""
    MARKS: ClassVar[bool] = True
    """Whether something can be done with several rows at once."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "clear", show=False),
        Binding("slash", "filter", show=False),
        Binding("asterisk", "mark_ready", show=False),
        Binding("plus", "mark_shown", show=False),
        Binding("s", "sort", show=False),
        Binding("y", "copy", show=False),
    ]
    DEFAULT_CSS = """
    Pane #middle { height: 1fr; }
    Pane KeyedTable { width: 1fr; background: $background; }
    Pane #detail {
        width: 42; height: 1fr; padding: 0 1; margin-left: 1; border-left: solid $panel;
    }
    Pane.narrow #middle { layout: vertical; }
    Pane.narrow #detail {
        width: 1fr; height: 8; margin-left: 0; border-left: none; border-top: solid $panel;
    }
    Pane #filter { height: 1; border: none; display: none; padding: 0 1; background: $panel; }
    Pane #filter.open { display: block; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.entries: Mapping[str, Entry] = {}
        self.look: Look | None = None
        self._summary = Text()
        self.order = 0
        self.wanted = ""
        self._put: str | None = None
        """Where we left the cursor; None once a person has moved it."""
        self._sought = ""
        """A row that somebody wants to see as soon as it is there."""

    @classmethod
    def build(cls, look: Look) -> dict[str, Entry]:
        """All rows of a look; called in a thread, before anything is sorted or filtered."""
        raise NotImplementedError

    @classmethod
    def summary(cls, look: Look) -> Text:
        """What the list holds, in one line."""
        raise NotImplementedError

    @classmethod
    def same(cls, look: Look, before: Look) -> bool:
        """Whether the list would be built from the very same things."""
        return False

    @classmethod
    def missing(cls, look: Look) -> Sequence[Missing]:
        """What of it could not be looked at."""
        return (*look.survey.missing, *look.live.missing)

    def inside(self) -> ComposeResult:
        yield Line(id="notice", classes="notice empty")
        yield from self.above()
        yield Line(" ", id="summary")
        with Horizontal(id="middle"):
            yield KeyedTable(self.COLUMNS, empty_text="Looking …", marks=self.MARKS, id="table")
            yield Detail(id="detail")
        yield Input(id="filter", placeholder="text to look for; Enter keeps it, Esc shows all")

    def above(self) -> ComposeResult:
        """What stands above the list; nothing, where a pane is its list."""
        yield from ()

    @property
    def keys(self) -> Sequence[Key]:
        """Those of the pane, then those of every pane that it does not use otherwise."""
        not_common = {key.key for key in self.KEYS} | (set() if self.MARKS else {"space", "plus"})
        return (*self.KEYS, *(key for key in COMMON if key.key not in not_common))

    @property
    def table(self) -> KeyedTable:
        """The list itself."""
        return self.query_one("#table", KeyedTable)

    def on_mount(self) -> None:
        """Fill in what the app knows already."""
        self.table.focus()
        self.say_top()

    def on_screen_resume(self) -> None:
        """Come back to this pane: with what is true now."""
        if len(self.entries) > MANY:
            self.set_timer(BREATH, lambda: self.hubtui.show_latest(self))
        else:
            self.hubtui.show_latest(self)

    def on_resize(self) -> None:
        """Details at the side where there is room, below otherwise; more keys, too."""
        self.set_class(self.size.width < 100, "narrow")
        self.say_keys()

    # --- what is shown --------------------------------------------------------------------------

    def show(self, look: Look, made: Shown) -> None:
        """Take over a new look; cursor, scroll and marks stay where they are."""
        if self.entries is made.entries and self.look is look:
            return
        first = self.look is None or not self.table.keys
        untouched = first or (self._put is not None and self.table.cursor_key == self._put)
        self.look, (self.entries, self._summary) = look, made
        self.table.empty_text = self._empty()
        self._sync()
        if untouched and not self.table.marked and self.table.keys:
            self.table.move_to(self.table.keys[0])  # what matters most stands first
        self._put = self.table.cursor_key if untouched else None
        self._find()
        self._say_detail()
        self.say_top()
        notice = _notice(self.missing(look))
        line = self.query_one("#notice", Line)
        line.set_class(not notice, "empty")
        line.say(notice)

    def seek(self, row: str) -> None:
        """Put the cursor on the row of that key, now or as soon as it is there."""
        self._sought = row
        if self.is_mounted:
            self._find()

    def _find(self) -> None:
        if self._sought in self.entries and self._sought not in self.table.keys:
            self.show_all()  # a filter hides it
        if self.table.move_to(self._sought):
            self._sought, self._put = "", None

    def on_screen_suspend(self) -> None:
        """Who went elsewhere does not look for it any more."""
        self._sought = ""

    def passes(self, entry: Entry) -> bool:
        """Whether a row is shown at all; besides there is the text that is looked for."""
        return True

    @property
    def narrowed(self) -> str:
        """Which rows are shown, where not all are; empty otherwise."""
        return ""

    def shown_keys(self) -> Mapping[str, Entry]:
        """The rows that pass the filter, in order."""
        wanted, passes = self.wanted.lower(), self.passes
        found = ((k, e) for k, e in self.entries.items() if wanted in e.search and passes(e))
        return dict(sorted(found, key=lambda pair: cast("str", pair[1].sort[self.order])))

    def _sync(self) -> None:
        rows = self.shown_keys()
        self.table.sync({key: entry.row for key, entry in rows.items()}, self.entries.keys())
        self._say_summary(len(rows))

    def _say_summary(self, count: int) -> None:
        if self.look is None:
            return
        line = Text()
        if marks := self.table.marks:  # what one chose oneself stands first: never cut off
            line.append(f"{marks}  ·  ", "bold")
        if self.wanted or self.narrowed:
            everything = self.entries.keys() - self.table.never_marked
            words = [self.narrowed, f"with “{shown(self.wanted)}”" if self.wanted else ""]
            said = " ".join(filter(None, words))
            line.append(f"{count} of {len(everything)} {said}  ·  ", "bold")
        line.append_text(self._summary)
        self.query_one("#summary", Line).say(line)

    def _empty(self) -> str:
        if self.wanted:
            return f"Nothing with “{shown(self.wanted)}”. Esc shows all."
        if self.narrowed and self.entries:
            return f"Nothing {self.narrowed}. Esc shows all."
        if self.look is not None and self.missing(self.look):
            return "What should be here cannot be read; see above."
        return self.EMPTY

    def _say_detail(self) -> None:
        entry = self.entries.get(self.table.cursor_key or "")
        self.query_one("#detail", Detail).update(entry.detail() if entry else Text())

    # --- the list's own messages ----------------------------------------------------------------

    def on_data_table_row_highlighted(self, _event: DataTable.RowHighlighted) -> None:
        """Another row is in focus."""
        self._say_detail()

    def on_keyed_table_marked(self, _event: KeyedTable.Marked) -> None:
        """Other rows are marked."""
        self._say_summary(len(self.table.keys))

    def on_data_table_row_selected(self, _event: DataTable.RowSelected) -> None:
        """Enter, or a click on the row in focus."""
        self.action_details()

    # --- what the keys do -----------------------------------------------------------------------

    def chosen(self) -> list[str]:
        """The marked rows; without marks the row in focus."""
        if self.table.marked:
            return [key for key in self.entries if key in self.table.marked]
        return [self.table.cursor_key] if self.table.cursor_key else []

    def action_mark(self) -> None:
        """Mark the row in focus."""
        self.table.action_mark_and_go_on()

    def action_mark_ready(self) -> None:
        """Mark all shown that are ready; again: take the marks away."""
        ready = {key for key, entry in self.shown_keys().items() if entry.ready}
        if ready <= self.table.marked:
            self.table.unmark(ready)
        else:
            self.table.mark(ready)

    def action_mark_shown(self) -> None:
        """Mark all shown; again: take the marks away."""
        found = set(self.table.keys) - self.table.never_marked
        if found <= self.table.marked:
            self.table.unmark(found)
        else:
            self.table.mark(found)

    def action_filter(self) -> None:
        """Open the filter."""
        box = self.query_one("#filter", Input)
        box.add_class("open")
        box.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter as one types."""
        self.wanted = event.value
        self.filter_anew()

    def filter_anew(self) -> None:
        """Other rows pass than before."""
        self.table.empty_text = self._empty()
        self._sync()
        self._find()
        self._say_detail()

    def on_input_submitted(self, _event: Input.Submitted) -> None:
        """Keep the filter, go back to the list."""
        self.query_one("#filter", Input).set_class(bool(self.wanted), "open")
        self.table.focus()

    def action_clear(self) -> None:
        """Esc: the filter first, then the marks."""
        if self.wanted or self.narrowed or self.query_one("#filter", Input).has_class("open"):
            self.show_all()
        else:
            self.table.clear_marks()

    def show_all(self) -> None:
        """No filter any more."""
        box = self.query_one("#filter", Input)
        box.value = self.wanted = ""
        box.remove_class("open")
        self.table.focus()
        self.filter_anew()

    def action_sort(self) -> None:
        """Sort by the next column."""
        if not self.ORDERS:
            return
        labels = {column.key: column.label for column in self.COLUMNS}
        self.table.relabel(self.ORDERS[self.order], labels[self.ORDERS[self.order]])
        self.order = (self.order + 1) % len(self.ORDERS)
        column = next(each for each in self.COLUMNS if each.key == self.ORDERS[self.order])
        fits = column.width is None or len(column.label) + 2 <= column.width
        self.table.relabel(column.key, f"{column.label}{' ↓' if fits else '↓'}")
        self._sync()

    def action_details(self) -> None:
        """Everything of the row, on a page of its own."""
        entry = self.entries.get(self.table.cursor_key or "")
        if entry is not None:
            self.app.push_screen(Page("Details", entry.detail()))

    def action_copy(self) -> None:
        """Copy the name in focus."""
        entry = self.entries.get(self.table.cursor_key or "")
        if entry is not None:
            self.app.copy_to_clipboard(shown(entry.name))
            self.app.notify(f"Copied: {shown(entry.name, limit=40)}", markup=False, timeout=2)

    def explain(self, name: str) -> None:
        """Why can this student not log in or start? Found out in a thread, shown on a page."""
        from hubtui.why import why

        def show(answers: Sequence[Answer]) -> None:
            self.app.push_screen(Page(f"Why: {shown(name, limit=40)}", why_text(answers)))

        self.hubtui.in_thread(lambda: why(self.hubtui.server, name), show)


def _notice(missing: Sequence[Missing]) -> str:
    """What could not be looked at: each reason once, how old what is shown is first."""
    by_why: dict[tuple[datetime | None, str], list[str]] = {}
    for each in missing:
        by_why.setdefault((each.as_of, each.why), []).append(each.what)
    return " · ".join(
        f"{', '.join(what)}{f' as of {as_of.astimezone():%H:%M:%S}' if as_of else ' unseen'}: "
        f"{shown(why)}"
        for (as_of, why), what in by_why.items()
    ).capitalize()
