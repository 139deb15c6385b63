"""The figures of hubtui beside those of a minimal app, measured in one run, and their budget."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator

from tests.bench import course_of
from tests.bench.archives import archives
from tests.bench.figure import Figure
from tests.bench.forgetting import forgetting
from tests.bench.minimal_app import MARK
from tests.bench.pty_meter import Measured, measure
from tests.bench.releases import releases
from tests.bench.stalls import release_stalls, stalls
from tests.bench.status import looks
from tests.bench.watchdog import checks
from tests.sandboxed import Machine

RUNS = 3
SIZES = (50, 5000)
IDLE_S = 32.0
"""Long enough to see the ages being written anew, and the accounts being looked at again."""
MINIMAL = [sys.executable, "-m", "tests.bench.minimal_app"]
PANES = {"sign-ups": ("signups", "waiting-a"), "accounts": ("accounts", "student-0000")}


def figures() -> Iterator[Figure]:
    """All of them, one by one: it takes some minutes."""
    machine = Machine()
    yield from checks()
    machine.restore()
    yield from looks()
    machine.restore()
    yield from releases(machine)
    yield from archives(machine)
    machine.restore()
    yield from forgetting()
    machine.restore()
    course_of.make(SIZES[0])
    theirs = _runs(MINIMAL, MARK, idle=10, end="SIGKILL")
    for pane, (word, mark) in PANES.items():
        ours = _runs([sys.executable, "-m", "hubtui", word], mark, idle=IDLE_S, end="q")
        yield from _costs(pane, ours, theirs)
    for end in ("q", "SIGTERM", "SIGHUP"):
        left = measure(
            [sys.executable, "-m", "hubtui", "signups"], PANES["sign-ups"][1], end=end
        ).left_on
        yield Figure(f"terminal's modes left on by {end}", len(left), 0)
    for size in SIZES:
        found = {**stalls(machine, size, RUNS), **release_stalls(machine, size)}
        for scene, longest in found.items():
            yield Figure(f"{size:,} students, stall: {scene}, ms", longest, 50)


def _runs(command: list[str], mark: str, *, idle: float, end: str) -> list[Measured]:
    measure(command, mark)  # writes bytecode, fills the page cache
    first = measure(command, mark, key="down", idle=idle, end=end)
    return [first, *(measure(command, mark, key="down", idle=10, end=end) for _ in range(RUNS - 1))]


def _costs(pane: str, ours: list[Measured], theirs: list[Measured]) -> Iterator[Figure]:
    def row(what: str, of: str, most: float | None) -> Figure:
        return Figure(f"{pane}: {what}", _median(ours, of), most, _median(theirs, of))

    yield row("first text, ms", "first_text_ms", 50)
    yield row("table, ms", "mark_ms", 1.25 * _median(theirs, "mark_ms"))
    yield row("memory, MB", "rss_mb", 50)
    yield row("idle CPU, %", "idle_cpu_percent", 0.5)
    busiest = max(
        (ours[0].idle_bytes or 0) * 10 / IDLE_S, *(run.idle_bytes or 0 for run in ours[1:])
    )
    quiet = _median(theirs, "idle_bytes")
    yield Figure(f"{pane}: bytes in 10 idle s", busiest, 1024, quiet)
    yield row("cursor key until all is painted, ms", "key_ms", None)
    yield row("cursor key, bytes", "key_bytes", 1434)


def _median(runs: list[Measured], what: str) -> float:
    return statistics.median(float(getattr(run, what) or 0) for run in runs)
