"""The first screen: is everything all right, and if not, what to do about it, the worst first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from hubtui.findings import Finding
from hubtui.glance.records import Glance
from hubtui.tui import glance_words as words
from hubtui.tui.bars import Detail, Key, Line
from hubtui.tui.copying import copy
from hubtui.tui.dialogs import Page
from hubtui.tui.finding_list import FindingList
from hubtui.tui.frame import Frame

_LINES = 7
"""So many sources there are as a rule; they have their place before they have answered."""
_LOW = 30
"""Rows of the screen below which the list gets all of the room, and five findings at most."""
_FIVE = 11
"""Lines of five findings, and how many more there are."""
_DETAIL = 4
"""Lines that the details of a finding are worth showing in."""


_CHANGING = frozenset({"put_off", "try"})


class GlancePane(Frame):
    """A line for each source; below it the findings."""

    NOUN = "Glance"
    KEYS = (
        Key("enter", "details", "details", "All of the finding in focus, and every command."),
        Key("g", "go", "go there", "Go to the pane and the row that it is about."),
        Key("p", "put_off", "put off", "Put it off until a time; what is put off comes back."),
        Key("e", "exam", "exam check", "Before an exam: do all fit, can everybody log in?"),
        Key("t", "try", "try it", "A probe account logs in, starts, and computes: in earnest."),
        Key("o", "put_offs", "", "Show or hide what is put off.", False),
        Key("y", "copy", "copy", "Copy its command to your own clipboard (OSC 52).", False),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("g", "go", show=False),
        Binding("p", "put_off", show=False),
        Binding("e", "exam", show=False),
        Binding("t", "try", show=False),
        Binding("o", "put_offs", show=False),
        Binding("y", "copy", show=False),
    ]
    DEFAULT_CSS = """
    GlancePane #exam { padding: 0; }
    GlancePane #lines { height: 7; padding: 0; }
    GlancePane #needs { background: $panel; }
    GlancePane.roomy #lines { margin-top: 1; }
    GlancePane.roomy #needs { margin-top: 1; }
    GlancePane #detail { height: 1fr; border-top: solid $panel; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.glance: Glance | None = None
        self.with_put_off = False
        self._place: tuple[object, ...] = ()
        """What has how much room."""

    def inside(self) -> ComposeResult:
        yield Line(id="exam", classes="empty")
        yield Detail(id="lines")
        yield Line(words.heading(None, put_off=False), id="needs")
        yield FindingList(id="findings")
        yield Detail(id="detail")

    @property
    def keys(self) -> Sequence[Key]:
        """Those that do something here and now."""
        left_out = _CHANGING if self.hubtui.access.refusal else frozenset[str]()
        return [key for key in super().keys if key.action not in left_out]

    @property
    def list(self) -> FindingList:
        """What needs you."""
        return self.query_one(FindingList)

    def on_mount(self) -> None:
        """Fill in what the app knows already."""
        self.list.focus()
        self.say_top()

    def on_screen_resume(self) -> None:
        """Come back to this pane: with what is true now."""
        if (latest := self.hubtui.glancing.latest) is not None:
            self.show(latest)
        self.hubtui.glancing.soon()

    def on_resize(self) -> None:
        """More findings and their details where there is room; more keys, too."""
        self.say_keys()
        self._arrange()
        self.call_after_refresh(self._say)

    # --- what is shown --------------------------------------------------------------------------

    def show(self, glance: Glance) -> None:
        """Take over what is known now; cursor and scroll stay with their finding."""
        self.glance = glance
        moved = self._arrange()
        self._say()
        if moved:
            self.call_after_refresh(self._say)  # once the place is as wide as it will be

    def _caps(self, pane: str) -> str:
        return self.hubtui.panes[pane][0] if pane in self.hubtui.panes else ""

    def _say(self) -> None:
        glance = self.glance
        exam = self.query_one("#exam", Line)
        if glance is not None and glance.exam is not None:
            exam.say(words.exam(glance.exam))
        self.query_one("#needs", Line).say(words.heading(glance, put_off=self.with_put_off))
        items = words.items(glance, self._caps, put_off=self.with_put_off) if glance else []
        self.list.show(items, words.nothing(glance))
        self.query_one("#lines", Detail).update(self._lines())
        self._say_detail()

    def _lines(self) -> Text:
        """Each line cut where the screen ends."""
        glance, width = self.glance, self.query_one("#lines").content_size.width
        if glance is None or not width:
            return Text()
        lines = [words.line(each, glance.at) for each in glance.lines]
        if glance.elsewhere:
            lines.append(words.elsewhere(glance.elsewhere))
        for each in lines:
            each.truncate(width, overflow="ellipsis")
        return Text("\n").join(lines)

    def _arrange(self) -> bool:
        """Give the lines their place, the findings what they need, the details the rest.

        Whether anything has another place than before.
        """
        glance, height = self.glance, self.size.height
        lines = _LINES if glance is None else len(glance.lines) + bool(glance.elsewhere)
        exam = glance is not None and glance.exam is not None
        bars = 3 + bool(self.hubtui.banner) + exam  # with the heading
        room = height - bars - lines
        wanted = max(2 * self._count(), 1)
        low = height < _LOW
        roomy = room - 2 >= min(wanted, _FIVE)
        room -= 2 * roomy
        most = min(room, _FIVE) if low else room - 2 * _DETAIL
        listed = max(min(wanted, most), 3)
        place = (exam, roomy, lines, listed, room - listed > _DETAIL and self._count() > 0)
        before, self._place = self._place, place
        if place == before:
            return False  # a layout repaints everything
        self.query_one("#exam", Line).set_class(not exam, "empty")
        self.set_class(roomy, "roomy")
        self.query_one("#lines").styles.height = lines
        self.list.styles.height = listed
        self.query_one("#detail").display = place[-1]
        return True

    def _count(self) -> int:
        if self.glance is None:
            return 0
        later = len(self.glance.put_off) if self.with_put_off else 0
        return len(self.glance.findings) + len(self.glance.missing) + later

    def _say_detail(self) -> None:
        text = Text() if self.glance is None else self._whole(self.glance)
        self.query_one("#detail", Detail).update(text)

    def _whole(self, glance: Glance) -> Text:
        found = words.finding_of(glance, self.list.cursor_key)
        place = ""
        if found is not None and found.pane in self.hubtui.panes:
            key, kind = self.hubtui.panes[found.pane]
            place = f"{kind.NOUN} ({key})"
        return words.whole(glance, self.list.cursor_key, place)

    def on_finding_list_highlighted(self, _event: FindingList.Highlighted) -> None:
        """Another finding is in focus."""
        self._say_detail()

    # --- what the keys do -----------------------------------------------------------------------

    def _finding(self) -> Finding | None:
        return words.finding_of(self.glance, self.list.cursor_key) if self.glance else None

    @on(FindingList.Chosen)
    def chosen(self, event: FindingList.Chosen) -> None:
        """Enter or a click."""
        if event.go:
            self.action_go()
        else:
            self.action_details()

    def action_details(self) -> None:
        """Everything of the finding in focus."""
        if self.glance is not None and self.list.cursor_key is not None:
            found = self._finding()
            self.app.push_screen(FindingPage(self._whole(self.glance), found, self.action_go))

    def action_go(self) -> None:
        """To the pane and the row that the finding in focus is about."""
        found = self._finding()
        if found is not None and found.pane in self.hubtui.panes:
            self.hubtui.go_to(found.pane, found.row)

    def action_copy(self) -> None:
        """Copy what mends it."""
        if (found := self._finding()) is not None:
            copy(self, found.do)

    def action_exam(self) -> None:
        """The exam check, on a page."""
        from hubtui.tui.exam_page import ExamPage

        self.app.push_screen(ExamPage())

    def action_try(self) -> None:
        """Does it really work? Asks first."""
        from hubtui.tui.exam_page import try_it

        try_it(self.hubtui)

    def action_put_offs(self) -> None:
        """Show what is put off, or hide it."""
        self.with_put_off = not self.with_put_off
        self._arrange()
        self._say()

    def action_put_off(self) -> None:
        """Put the finding in focus off; one that is put off comes back."""
        from hubtui.tui.putting_off import ask_until, bring_back

        found = self._finding()
        if found is None or self.glance is None:
            return
        if words.until_of(self.glance, found.key) is None:
            ask_until(self.hubtui, found)
        else:
            bring_back(self.hubtui, found)


class FindingPage(Page):
    """Everything of one finding."""

    CLOSE = "y copies the command · Esc closes"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "copy", show=False),
        Binding("g", "go", show=False),
    ]

    def __init__(self, text: Text, found: Finding | None, go: Callable[[], None]) -> None:
        """``go``: leads to what it is about."""
        super().__init__("What needs you", text)
        self._do, self._go = found.do if found is not None else "", go

    def action_copy(self) -> None:
        """Copy what mends it."""
        copy(self, self._do)

    def action_go(self) -> None:
        """To its pane and row, which lie below this page."""
        self.dismiss()
        self.app.call_later(self._go)
