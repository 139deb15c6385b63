"""What a watchdog would have written: the state of now, a hub's log; its past is the demo's own.

For pictures and unit tests of the pane; nothing runs.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from hubtui.demo.past import GONE, MINUTE, history, samples
from hubtui.server import Server
from hubtui.watchdog import live
from hubtui.watchdog.records import Got, Layer, Now, Probe, State, Verdict

__all__ = ["GONE", "WELL", "history", "hub_log", "now", "samples"]

WELL = (
    Probe(layer=Layer.HUB, got=Got.OK, ms=4.2, status=200),
    Probe(layer=Layer.PROXY, got=Got.OK, ms=1.7, status=200),
    Probe(layer=Layer.CHAIN, got=Got.OK, ms=31.0, status=200),
    Probe(layer=Layer.PUBLIC, got=Got.OK, ms=48.4, status=200, days_left=61.3),
)


def now(server: Server, **what: object) -> Now:
    """Write the state of now: up for three hours, checked 12 s ago, but for ``what``."""
    at = server.clock() - timedelta(seconds=12)
    well = Now(
        at=at,
        took=61.0,
        state=State.UP,
        verdict=Verdict.UP,
        since=at - timedelta(hours=3, minutes=12),
        text="All is well: the hub answers in 4 ms. The certificate ends in 61 days.",
        next_at=at + MINUTE,
        probes=WELL,
        good=192,
    )
    written = msgspec.structs.replace(well, **what)
    server.live.mkdir(parents=True, exist_ok=True)
    live.write(server.live, written)
    return written


def hub_log(path: Path, lines: int = 400) -> None:
    """A hub's log, with a name in it that somebody made to break things."""
    path.parent.mkdir(parents=True, exist_ok=True)
    begin = datetime(2026, 11, 23, 9, 0)
    written = []
    for number in range(lines):
        at = begin + timedelta(seconds=17 * number)
        what = f"200 GET /user/red-panda/api/kernels (red-panda@::ffff:10.0.0.7) {number % 40}.31ms"
        level = "I"
        if number % 41 == 40:
            level, what = "W", "User blue-fox is slow to become responsive (timeout=10)"
        if number % 97 == 96:
            level, what = "E", "Unhandled error \x1b[31m[@click=app.quit]starting server[/] \u202e"
        written.append(
            f"[{level} {at:%Y-%m-%d %H:%M:%S}.{number % 1000:03} JupyterHub log:192] {what}\n"
        )
    path.write_text("".join(written))
