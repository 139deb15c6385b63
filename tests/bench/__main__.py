"""``python -m tests.bench``: hubtui beside a minimal Textual app in one run, against its budget.

Runs in the sandbox: python -m hubtui.demo.sandbox FOLDER -- python -m tests.bench
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time

from hubtui import course
from hubtui.server import server_of
from hubtui.tui.app import HubtuiApp
from hubtui.tui.pane import Pane
from tests.bench import course_of
from tests.bench.minimal_app import MARK
from tests.bench.pty_meter import Measured, measure
from tests.course_on_disk import CONFIG
from tests.sandboxed import Machine, in_sandbox

RUNS = 3


def _median(runs: list[Measured], what: str) -> float:
    return statistics.median(float(getattr(run, what) or 0) for run in runs)


def _measured(command: list[str], mark: str, end: str) -> list[Measured]:
    measure(command, mark)  # compiles, fills the page cache
    return [measure(command, mark, key="down", idle=10, end=end) for _ in range(RUNS)]


async def stall(what: str, size: int) -> float:
    """The longest time in ms in which the event loop did not turn."""
    app = HubtuiApp(server_of(course.load(CONFIG)), CONFIG)
    worst = 0.0

    async def beat() -> None:
        nonlocal worst
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.005)
            worst = max(worst, (time.perf_counter() - began - 0.005) * 1000)

    async with app.run_test(size=(120, 40)) as pilot:
        if what == "first look":
            heart = asyncio.create_task(beat())
        while not (isinstance(app.screen, Pane) and len(app.screen.entries) > size):
            await pilot.pause(0.05)
        if what != "first look":
            await pilot.pause(0.5)
            heart = asyncio.create_task(beat())
        keys = {"first look": [], "sort": ["s"], "filter": ["/", "w"], "panes": ["3"]}
        for key in keys[what]:
            await pilot.press(key)
        await pilot.pause(3.0)
        heart.cancel()
    return worst


def main() -> int:
    """Print the table; 1 where a budget is missed."""
    assert in_sandbox(), __doc__
    machine = Machine()
    course_of.make(50)
    theirs = _measured([sys.executable, "-m", "tests.bench.minimal_app"], MARK, "SIGKILL")
    ours = _measured([sys.executable, "-m", "hubtui"], "waiting-a", "q")
    ratio = _median(ours, "mark_ms") / _median(theirs, "mark_ms")
    rows = [
        ("first text, ms", _median(ours, "first_text_ms"), 50.0),
        ("table / minimal app", ratio, 1.25),
        ("memory, MB", _median(ours, "rss_mb"), 50.0),
        ("idle CPU, %", _median(ours, "idle_cpu_percent"), 0.5),
        ("bytes in 10 idle s", _median(ours, "idle_bytes"), 1024.0),
        ("bytes of a cursor key", _median(ours, "key_bytes"), 1434.0),
    ]
    for end in ("q", "SIGTERM", "SIGHUP"):
        left = measure([sys.executable, "-m", "hubtui"], "waiting-a", end=end).left_on
        rows.append((f"modes left on by {end}", float(len(left)), 0.0))
    for size in (50, 5000):
        machine.restore()
        course_of.make(size)
        for what in ("first look", "sort", "filter", "panes"):
            rows.append((f"stall, {size}, {what}, ms", asyncio.run(stall(what, size)), 50.0))
    print(f"minimal app: {_median(theirs, 'mark_ms'):.0f} ms, {_median(theirs, 'rss_mb'):.0f} MB")  # noqa: T201
    for name, value, budget in rows:
        verdict = "ok" if value <= budget else "MISSED"
        print(f"{name:<32} {value:>9.2f}   budget {budget:>8.2f}   {verdict}")  # noqa: T201
    return int(any(value > budget for _, value, budget in rows))


if __name__ == "__main__":
    sys.exit(main())
