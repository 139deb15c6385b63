"""The lines of the release pane: everything new, and each sheet with what is known of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.text import Text

from hubtui.clock import ago, moment, parse
from hubtui.release.sheets import Sheet, SheetState
from hubtui.tui.colours import GOOD, QUIET, WARN
from hubtui.tui.coming import Coming
from hubtui.tui.look import Entry, Look, cell
from hubtui.tui.titles import count, listed, title
from hubtui.units import megabytes

STATE = 20
"""Cells for the state."""
_NAMED = 12
"""How many files or sheets are named, before the others are only counted."""
_GONE = "gone, released"
_SOLUTION = "example solution"


def fresh(look: Look) -> list[Sheet]:
    """What a release of everything new hands out: not what is to come later."""
    found = look.sheets.sheets if look.sheets else ()
    return [sheet for sheet in found if sheet.to_do and sheet.name not in look.coming]


def new_in_words(look: Look) -> str:
    """``3 new (1 example solution); week05 is scheduled: Mon 30, 08:00``."""
    found = fresh(look)
    said = f"{len(found)} new" if found else "nothing new"
    if solutions := sum(sheet.solution for sheet in found):
        said += f" ({count(solutions, _SOLUTION)})"
    for name, coming in list(look.coming.items())[:1]:
        more = f" and {len(look.coming) - 1} more" if len(look.coming) > 1 else ""
        said += f"; {title(name)} is scheduled: {coming.short}{more}"
    return said


def everything(look: Look) -> Entry:
    """The first line."""
    found = fresh(look)
    files = sum(map(_fresh_files, found))
    said = f"{count(len(found), 'sheet')}, {count(files, 'file')}" if found else "nothing new"
    style = "bold" if found else QUIET

    def detail() -> Text:
        text = Text.assemble(("Everything new: ", "bold"), (said, "bold"), "\n")
        for name, coming in look.coming.items():
            text.append(f"{title(name)} is scheduled: {coming.short}\n", GOOD)
        if not found:
            rest = "All other sheets" if look.coming else "All sheets"
            return text.append(f"\n{rest} are released as they are.\n")
        for sheet in sorted(found, key=lambda sheet: not sheet.solution)[:_NAMED]:
            text.append(f"{title(sheet.name)}  ")
            text.append(count(_fresh_files(sheet), "file"), QUIET)
            text.append(f", {_SOLUTION}\n" if sheet.solution else "\n", WARN)
        if more := len(found[_NAMED:]):
            text.append(f"and {more} more\n", QUIET)
        return text.append("\nEnter shows who gets what; nothing is handed out before you say yes.")

    return Entry(
        name="everything new",
        row=(
            cell("Everything new", style),
            cell(count(len(found), "sheet") if found else "nothing new", style),
            cell(""),
            cell(str(files) if found else "", style),
            *(cell(""),) * 3,
        ),
        search="",
        sort=((0,), (0,), (0,)),
        detail=detail,
    )


def entry(sheet: Sheet, at: datetime, coming: Coming | None) -> Entry:
    """The line of a sheet. What is scheduled is not marked with all that is new."""
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
        ready=sheet.to_do and coming is None,
    )


def gone(name: str) -> Entry:
    """The line of a sheet that students have and the tutor has not."""

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
    """What a person has to look at stands first: there may be seven lines for all of it."""
    state, style = _state(sheet)
    text = Text.assemble((title(sheet.name), "bold"), "  ", (state, style))
    if sheet.solution:
        text.append(f"  {_SOLUTION}", QUIET)
    for finding in sheet.findings:
        text.append(f"\n! {finding}", WARN)
    if coming is not None:
        _say_coming(text, coming)
    if sheet.changed:
        text.append(f"\nchanged   {_files(sheet.changed)}")
    if sheet.new:
        text.append(f"\nadded     {_files(sheet.new)}")
    if sheet.version is not None and sheet.since:
        when = moment(parse(sheet.since), at)
        text.append(f"\nversion   {sheet.version}, released {when}", QUIET)
    text.append(f"\nfiles     {sheet.files}, {megabytes(sheet.bytes)}", QUIET)
    if sheet.files:
        text.append(f", saved {moment(newest, at)}", QUIET)
    if sheet.to_do and coming is None:
        text.append("\n\np previews and releases it.", "italic")
    return text


def _say_coming(text: Text, coming: Coming) -> None:
    text.append(f"\nto be released {coming.when}", GOOD)
    if coming.why:
        text.append(f"\n! {coming.why}", WARN)
    if coming.changed:
        text.append("\n! changed since it was scheduled: N takes the newer one", WARN)
    text.append("\nH takes it out of the schedule, p releases it now.", "italic")


def _state(sheet: Sheet) -> tuple[str, str]:
    """In few words, with a style: ``1 changed, 2 added``."""
    if sheet.state is SheetState.NEVER:
        said = "withdrawn" if sheet.withdrawn else "not released"
        said += f", v{sheet.tried} tried" if sheet.tried else ""
        return (said, "bold") if sheet.files else ("no files", QUIET)
    if sheet.state is SheetState.CHANGED:
        added = f", {len(sheet.new)} added" if sheet.new else ""
        return f"{len(sheet.changed)} changed{added}", GOOD
    if sheet.state is SheetState.ADDED:
        return f"{len(sheet.new)} added", GOOD
    return "released", QUIET


def _files(paths: Sequence[str]) -> str:
    return listed(paths, _NAMED)


def _fresh_files(sheet: Sheet) -> int:
    never = sheet.state is SheetState.NEVER
    return sheet.files if never else len(sheet.new) + len(sheet.changed)
