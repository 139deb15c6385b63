"""The release pane: the tutor's sheets, what of them is new, and handing it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType

from hubtui.clock import ago, moment, parse
from hubtui.names import shown
from hubtui.release.sheets import Sheet, SheetList, SheetState
from hubtui.release.source import Entry as Listed
from hubtui.students import Missing
from hubtui.tui.access import Order
from hubtui.tui.bars import Key
from hubtui.tui.colours import GOOD, QUIET, WARN
from hubtui.tui.columns import Column
from hubtui.tui.coming import Coming, ask_cancel, ask_newer, ask_when
from hubtui.tui.look import Entry, Look, cell
from hubtui.tui.pane import Pane
from hubtui.tui.titles import count as _count
from hubtui.tui.titles import listed, title
from hubtui.units import megabytes

EVERYTHING = "/"
"""The key of the first line; no sheet has this name."""
_NAMED = 12
"""How many files or sheets are named, before the others are only counted."""
_ORDER = (SheetState.NEVER, SheetState.CHANGED, SheetState.ADDED, SheetState.RELEASED)
_GONE = "gone, released"


class ReleasePane(Pane):
    """Everything new first, then the sheets."""

    NOUN = "Release"
    COLUMNS = (
        Column("name", "SHEET", None),
        Column("state", "STATE", 16),
        Column("version", "V", 3, align="right"),
        Column("files", "FILES", 5, align="right"),
        Column("size", "SIZE", 6, align="right"),
        Column("changed", "CHANGED", 7, align="right"),
        Column("label", "", 8),
    )
    ORDERS = ("state", "name", "changed")
    KEYS = (
        Key("p", "release", "release", "Preview and release the marked sheets, or the row's."),
        Key("t", "try", "try", "The same for some students first: asks for their names."),
        Key("P", "replace", "", "Release, and replace even what is open in a server.", False),
        Key("f", "files", "files", "Choose files of the sheet to release.", False),
        Key("h", "schedule", "schedule", "Release them later, as they are now: Mon 08:00."),
        Key("H", "unschedule", "", "Take the sheet out of the schedule.", False),
        Key("N", "newer", "", "Let the newer one be released then: it was changed since.", False),
        Key("v", "matrix", "status", "Who has which sheet, and why not."),
        Key("x", "withdraw", "withdraw", "Take back a sheet that was released by mistake.", False),
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
    ]

    @classmethod
    def build(cls, look: Look) -> dict[str, Entry]:
        found = look.sheets
        if found is None or not (found.sheets or found.gone):
            return {}
        at = look.survey.at
        rows = {EVERYTHING: _everything(found)}
        rows |= {s.name: _entry(s, at, look.coming.get(s.name)) for s in found.sheets}
        return rows | {name: _gone(name) for name in found.gone}

    @classmethod
    def summary(cls, look: Look) -> Text:
        found = look.sheets
        if found is None or (found.missing and not found.sheets):
            return Text(" ")
        fresh = sum(sheet.to_do for sheet in found.sheets)
        line = Text.assemble((_count(len(found.sheets), "sheet"), "bold"))
        line.append(f"  ·  {fresh} new or changed" if fresh else "  ·  nothing new")
        if strange := sum(bool(sheet.findings) for sheet in found.sheets):
            line.append(f"  ·  {strange} to look at", WARN)
        if found.aside:
            line.append(f"  ·  passed over: {', '.join(found.aside)}", QUIET)
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
        """The sheets that a key is meant for: marked, in focus, or all that is new."""
        chosen = self.chosen()
        return self._everything_new() if chosen == [EVERYTHING] else tuple(chosen)

    def _everything_new(self) -> tuple[str, ...]:
        found = self.look.sheets.sheets if self.look and self.look.sheets else ()
        return tuple(sheet.name for sheet in found if sheet.to_do)

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
        sheets = self.sheets()

        def asked(names: str) -> None:
            self._order(sheets, to=tuple(names.replace(",", " ").split()))

        if sheets:
            what = listed(sheets, 3)
            self.hubtui.ask(f"Try {what} on which student? (several: with blanks)", "", asked)
        else:
            self.hubtui.say("There is nothing new to hand out.")

    def action_withdraw(self) -> None:
        """Take back one sheet."""
        sheets = [key for key in self.chosen() if key != EVERYTHING]
        if len(sheets) == 1:
            self.hubtui.carry(Order(sheets=tuple(sheets), withdraw=True))
        else:
            self.hubtui.say("One sheet at a time is withdrawn: put the cursor on it.")

    def action_matrix(self) -> None:
        """Who has what."""
        from hubtui.tui.matrix import Matrix

        self.app.push_screen(Matrix(self.table.cursor_key or ""))

    def action_files(self) -> None:
        """Only some files of the sheet in focus."""
        sheet = self._sheet()
        if sheet is None:
            self.hubtui.say("Put the cursor on a sheet to choose files of it.")
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
        else:
            self.hubtui.say("There is nothing new to hand out.")

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
        else:
            self.hubtui.say("There is nothing new to hand out.")

    def _sheet(self) -> Sheet | None:
        found = self.look.sheets.sheets if self.look and self.look.sheets else ()
        return next((sheet for sheet in found if sheet.name == self.table.cursor_key), None)


# --- the rows -------------------------------------------------------------------------------------


def _everything(found: SheetList) -> Entry:
    fresh = [sheet for sheet in found.sheets if sheet.to_do]
    files = sum(map(_fresh_files, fresh))
    said = f"{_count(len(fresh), 'sheet')}, {_count(files, 'file')}" if fresh else "nothing new"
    style = "bold" if fresh else QUIET

    def detail() -> Text:
        text = Text.assemble(("Everything new: ", "bold"), (said, "bold"), "\n")
        if not fresh:
            text.append("\nAll sheets are released as they are.\n")
            return text
        text.append("\nEnter shows who gets what; nothing is handed out before you say yes.\n\n")
        for sheet in fresh[:_NAMED]:
            text.append(f"{title(sheet.name)}  ")
            label = ", an example solution" if sheet.solution else ""
            text.append(f"{_count(_fresh_files(sheet), 'file')}{label}\n", QUIET)
        if more := len(fresh[_NAMED:]):
            text.append(f"and {more} more\n", QUIET)
        return text

    return Entry(
        name="everything new",
        row=(
            cell("Everything new", style),
            cell(_count(len(fresh), "sheet") if fresh else "nothing new", style),
            cell(""),
            cell(str(files) if fresh else "", style),
            *(cell(""),) * 3,
        ),
        search="",
        sort=((0,), (0,), (0,)),
        detail=detail,
    )


def _entry(sheet: Sheet, at: datetime, coming: Coming | None) -> Entry:
    name = title(sheet.name)
    state, style = (coming.short, GOOD) if coming else _state(sheet)
    quiet = "" if sheet.to_do else QUIET
    version = f"v{sheet.version}" if sheet.version is not None else ""
    newest = datetime.fromtimestamp(max(0, min(sheet.newest, 1 << 33)), UTC)
    age = ago(newest, at) if sheet.files else ""
    warns = "! " if sheet.findings or (coming and (coming.changed or coming.why)) else ""
    return Entry(
        name=sheet.name,
        row=(
            cell(name, quiet),
            cell(warns + state, WARN if warns else style),
            cell(version, QUIET),
            cell(str(sheet.files), quiet),
            cell(megabytes(sheet.bytes), quiet),
            cell(age, quiet),
            cell("solution" if sheet.solution else "", QUIET),
        ),
        search=f"{name} {state} {'solution' if sheet.solution else ''}".lower(),
        sort=(
            (1, not sheet.to_do, -sheet.newest, sheet.name),
            (1, sheet.name),
            (1, -sheet.newest, sheet.name),
        ),
        detail=lambda: _detail(sheet, newest, at, coming),
        ready=sheet.to_do,
    )


def _gone(name: str) -> Entry:
    def detail() -> Text:
        text = Text.assemble((title(name), "bold"), "\n\nNo longer in the tutor's folder. ")
        return text.append("Students keep what they have; x takes back what they did not change.")

    return Entry(
        name=name,
        row=(cell(title(name), QUIET), cell(_GONE, QUIET), *(cell(""),) * 5),
        search=f"{title(name)} {_GONE}".lower(),
        sort=((2, name), (2, name), (2, name)),
        detail=detail,
    )


def _detail(sheet: Sheet, newest: datetime, at: datetime, coming: Coming | None) -> Text:
    text = Text.assemble((title(sheet.name), "bold"))
    if sheet.solution:
        text.append("  example solution", QUIET)
    text.append(f"\n{_state(sheet)[0]}\n", _state(sheet)[1])
    if coming is not None:
        text.append(f"to be released {coming.when}\n", GOOD)
        if coming.why:
            text.append(f"\n! {coming.why}", WARN)
        if coming.changed:
            text.append("\n! changed since it was scheduled: N takes the newer one", WARN)
        text.append("\nH takes it out of the schedule.\n", "italic")
    for finding in sheet.findings:
        text.append(f"\n! {finding}", WARN)
    if sheet.findings:
        text.append("\n")
    if sheet.to_do:
        text.append("\np previews and releases it.\n", "italic")
    if sheet.version is not None and sheet.since:
        when = moment(parse(sheet.since), at)
        text.append(f"\nversion   {sheet.version}, released {when}", QUIET)
    text.append(f"\nfiles     {sheet.files}, {megabytes(sheet.bytes)}", QUIET)
    if sheet.files:
        text.append(f"\nsaved     {moment(newest, at)}", QUIET)
    if sheet.changed:
        text.append(f"\nchanged   {listed(sheet.changed, _NAMED)}")
    if sheet.new:
        text.append(f"\nadded     {listed(sheet.new, _NAMED)}")
    return text


def _state(sheet: Sheet) -> tuple[str, str]:
    """In few words, with a style: ``1 changed +2``."""
    if sheet.state is SheetState.NEVER:
        return ("never released", "bold") if sheet.files else ("no files", QUIET)
    if sheet.state is SheetState.CHANGED:
        return f"{len(sheet.changed)} changed" + (f" +{len(sheet.new)}" if sheet.new else ""), GOOD
    if sheet.state is SheetState.ADDED:
        return f"{len(sheet.new)} added", GOOD
    return "released", QUIET


def _fresh_files(sheet: Sheet) -> int:
    never = sheet.state is SheetState.NEVER
    return sheet.files if never else len(sheet.new) + len(sheet.changed)
