"""What the matrix shows of a look: a sign for each sheet in each home, and all that is known of it.

Made in the thread that looks: for 5,000 students it is too much for the event loop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rich.text import Text

from hubtui.clock import moment, parse
from hubtui.names import shown
from hubtui.release.handout import WORDS
from hubtui.release.ledger import Delivered as Given
from hubtui.release.status import Released, Standing
from hubtui.tui.colours import BAD, GOOD, QUIET, WARN
from hubtui.tui.columns import Row
from hubtui.tui.look import cell
from hubtui.tui.titles import title

MOST = 14
"""Columns, on the widest of screens."""
SIGNS = {
    "delivered": ("✓", GOOD, "delivered"),
    "same": ("=", GOOD, "was there already"),
    "kept": ("●", WARN, "the student's own kept"),
    "beside": ("⇉", WARN, "new one beside the student's own"),
    "deleted": ("–", WARN, "deleted by the student"),
    "blocked": ("✗", BAD, "blocked"),
    "no_space": ("✗", BAD, "no space"),
    "failed": ("✗", BAD, "failed"),
    "interrupted": ("✗", BAD, "interrupted"),
    "": ("◌", WARN, "not given yet"),
}
LEGEND = "✓ given  = there  ● own kept  ⇉ beside  ✗ blocked or failed  ◌ not yet  ↑ old"


class Window(NamedTuple):
    """Which sheets are on the screen: the first one, and how many there is room for."""

    first: int
    room: int

    def to_show(self, place: int) -> Window:
        """The same, moved as little as has to be to show this sheet."""
        return Window(min(max(self.first, place - self.room + 1), place), self.room)

    def of(self, sheets: Sequence[Released]) -> Sequence[Released]:
        """Those sheets."""
        return sheets[self.first : self.first + self.room]


class Seen(NamedTuple):
    """A look, with what is shown of it."""

    standing: Standing
    troubled: frozenset[str]
    """Students with something to look at."""
    have: Mapping[str, int]
    """Sheet → how many have all of it."""
    window: Window
    rows: Mapping[str, Row]
    """By student, for that window."""

    def moved(self, window: Window) -> Seen:
        """The same look through another window."""
        return self if window == self.window else _seen(self, window)


def see(standing: Standing, window: Window) -> Seen:
    """All that the screen shows of it."""
    names, sheets = standing.students, standing.sheets
    troubled = frozenset(name for name in names if _is_troubled(standing, name))
    have = {s.name: sum(_has(s, standing.given(name, s.name)) for name in names) for s in sheets}
    return _seen(Seen(standing, troubled, have, window, {}), window)


def _seen(before: Seen, window: Window) -> Seen:
    standing = before.standing
    sheets = window.of(standing.sheets)
    empty = (cell(""),) * (MOST - len(sheets))
    rows: dict[str, Row] = {}
    for name in standing.students:
        cells = (cell(*sign(standing, name, sheet)[:2]) for sheet in sheets)
        rows[name] = (shown(name, limit=40), *cells, *empty)
    return before._replace(window=window, rows=rows)


def sign(standing: Standing, name: str, sheet: Released) -> tuple[str, str, str]:
    """Sign, style, words."""
    given, trouble = standing.given(name, sheet.name), standing.trouble(name, sheet.name)
    if trouble is not None:
        return SIGNS.get(trouble.state, SIGNS["failed"])
    if given is None:
        return SIGNS[""] if sheet.released else (" ", QUIET, "not tried out here")
    mark, style, word = SIGNS.get(given.state, SIGNS["failed"])
    if given.version < sheet.version:
        return f"{mark} v{given.version} ↑", WARN, f"{word}, an older version"
    return mark, style, word


def _is_troubled(standing: Standing, name: str) -> bool:
    return any(sign(standing, name, sheet)[1] in (WARN, BAD) for sheet in standing.sheets)


def _has(sheet: Released, given: Given | None) -> bool:
    return given is not None and given.version >= sheet.version and not given.lacking


def detail(standing: Standing, name: str, sheet: Released, files: int) -> Text:
    """What became of a sheet in a home; ``files``: how many are named."""
    given = standing.given(name, sheet.name)
    mark, style, word = sign(standing, name, sheet)
    text = Text.assemble((shown(name, limit=40), "bold"), "  ", title(sheet.name))
    if trouble := standing.trouble(name, sheet.name):
        text.append(f"\n{mark} {word}", style)
        text.append(f"  {moment(parse(trouble.at), standing.at)}\n", QUIET)
        return text.append(shown(trouble.why, limit=300))
    if given is None:
        text.append(f"\n{mark} {word}\n", style)
        if sheet.released:
            text.append("hubtui due gives it by itself, or g now.", QUIET)
        return text
    text.append(f"\n{mark} {word}", style)
    text.append(f"  version {given.version}, {moment(parse(given.at), standing.at)}\n", QUIET)
    if sum(given.counts.values()) > 1:  # else the sign has said it
        known = [state for state in WORDS if given.counts.get(state)]
        text.append(", ".join(f"{given.counts[state]} {WORDS[state]}" for state in known))
    if given.why:
        text.append(f"\n{shown(given.why, limit=200)}", WARN)
    for path, state, why in given.listed[:files]:
        said = WORDS.get(state, state) + (f": {shown(why, limit=200)}" if why else "")
        text.append(f"\n{shown(path, limit=100)}  ")
        text.append(said, SIGNS.get(state, ("", QUIET, ""))[1])
    if more := len(given.listed[files:]):
        text.append(f"\nand {more} more", QUIET)
    return text
