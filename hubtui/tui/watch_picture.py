"""The last hours as a picture: how long the layers took to answer, and when they did not.

A column is some minutes and shows the worst of them, on steps that are always the same: so
pictures can be compared, and change only where something happened. Height and signs say it all;
colours only repeat it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter

from rich.text import Text

from hubtui.tui.colours import BAD, GOOD, QUIET, WARN
from hubtui.watchdog.records import Layer, Sample, Verdict

MINUTES = 10
"""Of a column."""
_HOURS = 3
"""Between two labels of the axis."""
_BLOCKS = "▁▂▃▄▅▆▇"
_STEPS = (50, 100, 250, 500, 1000, 3000)
"""Milliseconds from which on the next higher block is meant."""
_SLOW = 1000
AWAY, UNSEEN = "✕", "·"
LEGEND = f"▁ below 50 ms  ▄ 250  ▆ 1 s  ▇ 3 s  {AWAY} no good answer  {UNSEEN} no check"

_OF: dict[Layer, Callable[[Sample], float | None]] = {
    Layer.HUB: lambda sample: sample.hub,
    Layer.PROXY: lambda sample: sample.proxy,
    Layer.CHAIN: lambda sample: sample.chain,
    Layer.PUBLIC: lambda sample: sample.public,
}


def asked(samples: Sequence[Sample]) -> list[Layer]:
    """The layers that ever answered, from the inside out."""
    return [layer for layer, of in _OF.items() if any(of(s) is not None for s in samples)]


def picture(samples: Sequence[Sample], layer: Layer, at: datetime, columns: int) -> Text:
    """``columns`` cells, the last one is now. A layer of ``asked()``: silence is then no answer."""
    last, of = column(at), _OF[layer]
    worst: dict[int, float] = {}
    for sample in samples:
        place = columns - 1 - last + column(sample.at)
        if place < 0:
            continue
        ms = of(sample)
        if ms is None:
            ms = -1.0 if sample.verdict is Verdict.UP else float("inf")
        worst[place] = max(worst.get(place, -1.0), ms)
    cells = (_cell(worst.get(place, -1.0)) for place in range(columns))
    text = Text()
    for style, alike in groupby(cells, key=itemgetter(1)):  # a change of style is 40 bytes
        text.append("".join(sign for sign, _ in alike), style)
    return text


def axis(at: datetime, columns: int) -> str:
    """The hours below it, on the clock of here: ``18:00             21:00        now``."""
    last, line = column(at), [" "] * columns
    for place in range(columns - len("00:00")):
        begin = (last - columns + 1 + place) * MINUTES * 60
        here = datetime.fromtimestamp(begin, UTC).astimezone()
        if here.hour % _HOURS == 0 and here.minute < MINUTES:
            line[place : place + 5] = f"{here:%H:%M}"
    if line[-4:] == [" "] * 4:
        line[-3:] = "now"
    return "".join(line)


def column(at: datetime) -> int:
    """The number of the column that a moment belongs to."""
    return int(at.timestamp() // (MINUTES * 60))


def _cell(ms: float) -> tuple[str, str]:
    if ms < 0:
        return UNSEEN, QUIET
    if ms == float("inf"):
        return AWAY, BAD
    return _BLOCKS[bisect_right(_STEPS, ms)], GOOD if ms < _SLOW else WARN
