"""How a full-screen program feels: run it in a terminal of our own and time what it writes.

Usage: `python -m tests.bench.pty_meter --mark 'row 1' --key down --quit q -- python app.py`
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Sequence
from typing import Any

import msgspec

from tests.terminal import KEYS, Terminal


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What one run took. Times are milliseconds since the start or since the key was sent."""

    first_byte_ms: float
    first_text_ms: float  # the first character that is no control and no blank
    mark_ms: float  # the mark is on the screen
    bytes_to_mark: int
    rss_mb: float  # of all processes started, after `settle`
    idle_cpu_percent: float | None = None
    idle_bytes: int | None = None
    key_ms: float | None = None  # medians: until the last byte that a key set off
    key_bytes: float | None = None
    exit_code: int | None = None  # negative: the signal it died of; None: still running
    exit_ms: float | None = None
    left_on: tuple[str, ...] = ()  # modes of the terminal that outlived the program
    screen: str = ""  # before the keys were sent


def measure(
    command: Sequence[str],
    mark: str,
    *,
    size: tuple[int, int] = (120, 40),
    key: str = "",
    presses: int = 20,
    settle: float = 2,
    idle: float = 0,
    end: str = "",
) -> Measured:
    """Run a command once; the mark is a regex. Without `key`, `idle`, `end`: nothing of it."""
    with Terminal(command, size) as terminal:
        found: dict[str, Any] = {"mark_ms": terminal.wait_for(mark)}
        found["first_byte_ms"], found["first_text_ms"] = terminal.first_ms()
        found["bytes_to_mark"] = terminal.bytes_until(found["mark_ms"])
        terminal.pass_time(settle)
        found["rss_mb"] = terminal.rss_mb()
        if idle:
            before = terminal.cpu_seconds()
            found["idle_bytes"] = terminal.pass_time(idle)
            found["idle_cpu_percent"] = (terminal.cpu_seconds() - before) / idle * 100
        found["screen"] = terminal.text
        if key:
            pressed = [terminal.press(key) for _ in range(presses)]
            found["key_ms"], found["key_bytes"] = map(statistics.median, zip(*pressed, strict=True))
        if end:
            found["exit_code"], found["exit_ms"], found["left_on"] = terminal.finish(end)
        return Measured(**found)


def main() -> None:
    """Measure a command and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--mark", required=True, help="regex: on the screen when it is there")
    parser.add_argument("--size", default="120x40", help="columns x rows")
    parser.add_argument("--key", default="", help=f"{', '.join(KEYS)}, or characters")
    parser.add_argument("--presses", type=int, default=20)
    parser.add_argument("--settle", type=float, default=2, help="seconds before memory is read")
    parser.add_argument("--idle", type=float, default=0, help="seconds to watch it do nothing")
    parser.add_argument("--quit", default="", help="keys or a signal (SIGTERM) that end it")
    parser.add_argument("--runs", type=int, default=3, help="medians of so many, after a first one")
    parser.add_argument("--screen", action="store_true", help="print the screen, too")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND")
    args = parser.parse_args()
    command = args.command[1:] if args.command[:1] == ["--"] else args.command
    columns, rows = map(int, args.size.split("x"))
    options = {"size": (columns, rows), "settle": args.settle, "end": args.quit}
    measure(command, args.mark, settle=0.2, end=args.quit)  # writes bytecode, warms the page cache
    runs = [
        measure(command, args.mark, key=args.key, presses=args.presses, idle=args.idle, **options)
        for _ in range(args.runs)
    ]
    for field in msgspec.structs.fields(Measured):
        values = [getattr(run, field.name) for run in runs]
        if field.name == "screen":
            shown = f"\n{values[-1]}" if args.screen else None
        elif all(isinstance(value, (int, float)) for value in values):
            shown = f"{statistics.median(values):g}"
        else:
            shown = values[-1] or None
        if shown is not None:
            sys.stdout.write(f"{field.name:<18}{shown}\n")


if __name__ == "__main__":
    main()
