"""The release pane: the tutor's sheets, what of them is new, and handing it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType

from hubtui.names import shown
from hubtui.release.sheets import Sheet
from hubtui.release.source import Entry as Listed
from hubtui.students import Missing
from hubtui.tui.access import Order
from hubtui.tui.bars import Key
from hubtui.tui.colours import GOOD, QUIET, WARN
from hubtui.tui.columns import Column
from hubtui.tui.coming import Coming, ask_cancel, ask_newer, ask_when
from hubtui.tui.look import Entry, Look
from hubtui.tui.pane import Pane
from hubtui.tui.sheet_rows import STATE, entry, everything, fresh, gone, new_in_words
from hubtui.tui.titles import count, listed
from hubtui.tui.trying import ask_whom

EVERYTHING = "/"
"""The key of the first line; no sheet has this name."""


class ReleasePane(Pane):
    """Everything new first, then the sheets."""

    NOUN = "Release"
    COLUMNS = (
        Column("name", "SHEET", None),
        Column("state", "STATE", STATE),
        Column("version", "V", 3, drop_below=66, align="right"),
        Column("files", "FILES", 5, align="right"),
        Column("size", "SIZE", 6, drop_below=72, align="right"),
        Column("changed", "CHANGED", 8, align="right"),
        Column("label", "", 8),
    )
    ORDERS = ("state", "name", "changed")
    KEYS = (
        Key("p", "release", "release", "Preview and release the marked sheets, or the row's."),
        Key("t", "try", "try", "The same for some students first: asks for their names."),
        Key("f", "files", "files", "Choose files of the sheet to release.", False),
        Key("x", "withdraw", "withdraw", "Take back a sheet that was released by mistake.", False),
        Key("h", "schedule", "schedule", "Release them later, as they are now: Mon 08:00."),
        Key("v", "matrix", "status", "Who has which sheet, and why not."),
        Key("asterisk", "mark_ready", "new", "Mark all that is new and not scheduled.", False),
        Key("enter", "details", "details", "A sheet in full, of the first line a preview.", False),
        Key("P", "replace", "replace", "Release, and replace even what is open.", False),
        Key("H", "unschedule", "unschedule", "Take the sheet out of the schedule.", False),
        Key("N", "newer", "newer", "Let the newer one be released then: it was changed.", False),
        Key("o", "follow", "follow", "Follow the release that is running.", False),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "release", show=False),
        Binding("t", "try", show=False),
        Binding("P", "replace", show=False),
        Binding("f", "files", show=False),
        Binding("h", "schedule", show=False),
        Binding("H", "unschedule", show=False),
        Binding("N", "newer", show=False),
        Binding("v", "matrix", show=False),
        Binding("x", "withdraw", show=False),
        Binding("o", "follow", show=False),
    ]

    DEFAULT_CSS = "ReleasePane #detail { width: 38; } ReleasePane.narrow #detail { width: 1fr; }"

    @classmethod
    def build(cls, look: Look) -> dict[str, Entry]:
        found = look.sheets
        if found is None or not (found.sheets or found.gone):
            return {}
        at = look.survey.at
        rows = {EVERYTHING: everything(look)}
        rows |= {s.name: entry(s, at, look.coming.get(s.name)) for s in found.sheets}
        return rows | {name: gone(name) for name in found.gone}

    @classmethod
    def summary(cls, look: Look) -> Text:
        found = look.sheets
        if found is None or (found.missing and not found.sheets):
            return Text(" ")
        line = Text()
        if look.at_work:
            line.append(f"{look.at_work}, o follows it · ", GOOD)
        line.append(new_in_words(look), "bold")
        if strange := sum(bool(sheet.findings) for sheet in found.sheets):
            line.append(f" · {strange} to look at", WARN)
        line.append(f" · {count(len(found.sheets), 'sheet')}", QUIET)
        if found.aside:
            line.append(f" · passed over: {', '.join(found.aside)}", QUIET)
        return line

    @classmethod
    def missing(cls, look: Look) -> Sequence[Missing]:
        return look.sheets.missing if look.sheets is not None else ()

    def on_mount(self) -> None:
        """The first line stands for all; Textual calls the handlers of Pane, too."""
        self.table.never_marked = frozenset({EVERYTHING})

    def on_screen_resume(self) -> None:
        """Come back to this pane: its sheets are listed now rather than at the next beat."""
        self.hubtui.look_soon()

    def _empty(self) -> str:
        if self.look is None or self.look.sheets is None:
            return "Looking …"
        release = self.hubtui.server.course.release
        where = shown(str(release.source)) if release else "release.source"
        if self.wanted:
            return super()._empty()
        if missing := self.missing(self.look):
            return f"The sheets cannot be listed. {shown(missing[0].why)}"
        return f"No sheets yet. A folder with files in {where} is one, and appears here."

    # --- what the keys do -----------------------------------------------------------------------

    def sheets(self) -> tuple[str, ...]:
        """The sheets that a key is meant for: marked, in focus, or all that is new.

        Where that is nothing, or something that the tutor does not have any more, it is said.
        """
        chosen = self.chosen()
        if not chosen or chosen == [EVERYTHING]:
            return self._everything_new()
        found = self.look.sheets.gone if self.look and self.look.sheets else ()
        if gone := [sheet for sheet in chosen if sheet in found]:
            are = "are" if len(gone) > 1 else "is"
            them = "them" if len(gone) > 1 else "it"
            self.hubtui.say(
                f"{listed(gone, 3)} {are} no longer in the tutor's folder: "
                f"there is nothing to release. x takes {them} back."
            )
            return ()
        return tuple(chosen)

    def _everything_new(self) -> tuple[str, ...]:
        if self.look is None:
            return ()
        if not (found := fresh(self.look)):
            later = self.look.coming
            self.hubtui.say(
                "There is nothing new to hand out"
                + (f"; what is scheduled comes by itself: {listed([*later], 3)}." if later else ".")
            )
        return tuple(sheet.name for sheet in found)

    def action_details(self) -> None:
        """Enter: the first line is previewed, of the others it is shown what is known."""
        if self.table.cursor_key == EVERYTHING:
            self._order(self._everything_new())
        else:
            super().action_details()

    def action_release(self) -> None:
        """Preview, and release if somebody says yes."""
        self._order(self.sheets())

    def action_replace(self) -> None:
        """The same, and not beside what an open notebook will save again: to be typed."""
        self._order(self.sheets(), replace_open=True)

    def action_try(self) -> None:
        """To some first; the sheet counts as released for nobody else."""
        if sheets := self.sheets():
            ask_whom(self.hubtui, Order(sheets=sheets), listed(sheets, 3))

    def action_withdraw(self) -> None:
        """Take back one sheet."""
        sheets = [key for key in self.chosen() if key != EVERYTHING]
        if len(sheets) == 1:
            self.hubtui.carry(Order(sheets=tuple(sheets), withdraw=True))
        else:
            self.hubtui.say("One sheet at a time is withdrawn: put the cursor on it.")

    def action_follow(self) -> None:
        """Back to the progress of the change that is at work."""
        self.hubtui.follow_running()

    def action_matrix(self) -> None:
        """Who has what."""
        from hubtui.tui.matrix import Matrix

        self.app.push_screen(Matrix(self.table.cursor_key or ""))

    def action_files(self) -> None:
        """Only some files of the sheet in focus."""
        sheet = self._sheet()
        if sheet is None:
            if self.table.cursor_key in (EVERYTHING, None):
                self.hubtui.say("Put the cursor on a sheet to choose files of it.")
            else:
                self.sheets()  # says that it is gone
            return

        def choose(entries: Sequence[Listed]) -> None:
            from hubtui.tui.files import Files

            self.app.push_screen(Files(sheet, entries, self.hubtui.server.clock()))

        self.hubtui.in_thread(lambda: self.hubtui.access.files(sheet.name), choose)

    def action_schedule(self) -> None:
        """At a time; then the minutely ``hubtui due`` does it."""
        if why := self.hubtui.access.refusal:
            self.hubtui.say(why)
        elif sheets := self.sheets():
            ask_when(self.hubtui, sheets)

    def action_unschedule(self) -> None:
        """The sheet in focus is not released then."""
        if found := self._scheduled():
            ask_cancel(self.hubtui, *found)

    def action_newer(self) -> None:
        """The sheet in focus is released as it is now."""
        if found := self._scheduled():
            ask_newer(self.hubtui, *found)

    def _scheduled(self) -> tuple[str, Coming] | None:
        sheet = self.table.cursor_key or ""
        found = self.look.coming.get(sheet) if self.look else None
        if why := self.hubtui.access.refusal:
            self.hubtui.say(why)
        elif found is None:
            self.hubtui.say("This sheet is not scheduled: h does that.")
        else:
            return sheet, found
        return None

    def _order(self, sheets: Sequence[str], **more: object) -> None:
        if sheets:
            self.hubtui.carry(replace(Order(sheets=tuple(sheets)), **more))  # type: ignore[arg-type]

    def _sheet(self) -> Sheet | None:
        found = self.look.sheets.sheets if self.look and self.look.sheets else ()
        return next((sheet for sheet in found if sheet.name == self.table.cursor_key), None)
