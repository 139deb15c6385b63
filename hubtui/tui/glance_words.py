"""The glance in words: its lines, what needs you, and everything of one finding."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from rich.text import Text

from hubtui.clock import moment
from hubtui.findings import Finding, Severity, State
from hubtui.glance.records import ExamLine, Glance, Line, PutOff
from hubtui.names import shown
from hubtui.students import Missing
from hubtui.tui.bars import clickable
from hubtui.tui.colours import BAD, GOOD, QUIET, WARN
from hubtui.tui.finding_list import Item
from hubtui.units import counted

MARKS = {
    State.FINE: ("✓", GOOD),
    State.WARNING: ("!", WARN),
    State.CRITICAL: ("✗", BAD),
    State.UNKNOWN: ("?", WARN),
}
_SEVERITIES = {
    Severity.CRITICAL: MARKS[State.CRITICAL],
    Severity.WARNING: MARKS[State.WARNING],
    Severity.NOTE: ("·", QUIET),
}
_ARRIVING = "…"
_TITLE = 13
"""Cells for what a line is about."""
_UNSEEN = "unseen:"

Caps = Callable[[str], str]
"""The key of a pane; empty where this course has none of that name."""


def line(found: Line, at: datetime) -> Text:
    """One source's: mark, title, the number that matters; a click leads to its pane."""
    arriving = found.text == _ARRIVING
    mark, style = (" ", "") if arriving else MARKS[found.state]
    said = Text.assemble(" ", (mark, style), " ")
    title = f"{_first_large(shown(found.title, limit=_TITLE - 1)):<{_TITLE}}"
    said.append_text(clickable(title, f"app.go('{found.pane}')") if found.pane else Text(title))
    if found.as_of is not None:
        said.append(f"as of {moment(found.as_of, at)} · ", WARN)
    return said.append(shown(found.text), QUIET if arriving else "")


def _first_large(words: str) -> str:
    return words[:1].upper() + words[1:]


def elsewhere(words: Sequence[str]) -> Text:
    """What others look after."""
    return Text(f"   {'Elsewhere':<{_TITLE}}{', '.join(words)}: others look after it", QUIET)


def exam(found: ExamLine) -> Text:
    """The line on top while an exam is near, or runs."""
    mark, style = MARKS[State.FINE if found.go else State.CRITICAL]
    if found.go is None:
        mark, style = MARKS[State.UNKNOWN]
    said = Text(f" {mark} {shown(found.text)}")
    for each in (style, "bold"):  # the console knows our own names of styles alone
        said.stylize(each)
    return said


def sign(glance: Glance) -> Text:
    """Beside the pane's name: how bad the worst is; nothing where all is fine."""
    if any(each.text == _ARRIVING for each in glance.lines) or glance.state is State.FINE:
        return Text()
    return Text(f" {MARKS[glance.state][0]}", "bold")


# --- what needs you -------------------------------------------------------------------------------


def items(glance: Glance, caps: Caps, *, put_off: bool) -> list[Item]:
    """Worst first; what could not be looked at stands between critical and warning."""
    bad = [f for f in glance.findings if f.severity is Severity.CRITICAL]
    rest = [f for f in glance.findings if f.severity is not Severity.CRITICAL]
    found = [_item(f, caps) for f in bad]
    found += [_unseen(missing) for missing in glance.missing]
    found += [_item(f, caps) for f in rest]
    if put_off:
        found += [_later(each, caps, glance.at) for each in glance.put_off]
    return found


def _item(found: Finding, caps: Caps) -> Item:
    mark, style = _SEVERITIES[found.severity]
    first = "" if not found.do else f"→ {shown(found.do.splitlines()[0])}"
    return Item(found.key, mark, style, shown(found.text), first, _cap(found, caps))


def _later(later: PutOff, caps: Caps, at: datetime) -> Item:
    until = f"put off until {moment(later.until, at)}; p brings it back now"
    found, cap = later.finding, _cap(later.finding, caps)
    return Item(found.key, "–", QUIET, shown(found.text), until, cap, quiet=True)


def _unseen(missing: Missing) -> Item:
    text = f"{_first_large(shown(missing.what, limit=80))} could not be looked at."
    return Item(f"{_UNSEEN}{missing.what}", "?", WARN, text, shown(missing.why))


def _cap(found: Finding, caps: Caps) -> str:
    key = caps(found.pane)
    return f"{key} ›" if key else ""


def heading(glance: Glance | None, *, put_off: bool) -> Text:
    """``What needs you: 8 · 2 put off (o shows them)``."""
    said = Text("What needs you", "bold")
    if glance is None:
        return said
    if count := len(glance.findings) + len(glance.missing):
        said.append(f": {count}", "bold")
    if later := len(glance.put_off):
        said.append(f"  ·  {later} put off (o {'hides' if put_off else 'shows'} them)")
    return said


def nothing(glance: Glance | None) -> Text:
    """The one calm sentence; not before everything was looked at."""
    if glance is None or any(each.text == _ARRIVING for each in glance.lines):
        return Text("Looking …", QUIET)
    later = len(glance.put_off)
    if not later:
        return Text("Nothing needs you.", GOOD)
    are = "is" if later == 1 else "are"
    return Text(f"Nothing needs you; {counted(later, 'finding')} {are} put off.", GOOD)


# --- one of them ----------------------------------------------------------------------------------


def finding_of(glance: Glance, key: str | None) -> Finding | None:
    """The finding of that key, put off or not."""
    found = (*glance.findings, *(each.finding for each in glance.put_off))
    return next((each for each in found if each.key == key), None)


def until_of(glance: Glance, key: str | None) -> datetime | None:
    """Until when it is put off; None where it is not."""
    return next((each.until for each in glance.put_off if each.finding.key == key), None)


def whole(glance: Glance, key: str | None, place: str) -> Text:
    """Everything of an item. ``place``: the pane's name and key, where it leads to one."""
    found = finding_of(glance, key)
    if found is None:
        unseen = (m for m in glance.missing if key == f"{_UNSEEN}{m.what}")
        return Text("\n").join(line for m in unseen for line in _all_unseen(m, glance.at))
    return Text("\n").join(_all(found, until_of(glance, key), place, glance.at))


def _all(found: Finding, until: datetime | None, place: str, at: datetime) -> Iterator[Text]:
    mark, style = _SEVERITIES[found.severity]
    yield Text.assemble((mark, style), " ", (shown(found.text), "bold"))
    yield Text()
    for each in found.do.splitlines():
        yield Text(f"→ {shown(each)}")
    if found.do:
        yield Text()
    about = [str(found.severity), shown(found.id)]
    if place:
        about.append(f"g goes to {place}")
    if until is not None:
        about.append(f"put off until {moment(until, at)}")
    yield Text(" · ".join(about), QUIET)


def _all_unseen(missing: Missing, at: datetime) -> Iterator[Text]:
    yield Text.assemble(("?", WARN), " ", (_unseen(missing).text, "bold"))
    yield Text()
    yield Text(shown(missing.why))
    if missing.as_of is not None:
        yield Text(f"What is shown is as of {moment(missing.as_of, at)}.", QUIET)
