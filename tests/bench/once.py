"""One command as a fresh process: how long it takes, and how much memory it needs at most."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Sequence
from typing import NamedTuple

_METER = """
import os, sys, time
began = time.perf_counter()
pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
_, status, used = os.wait4(pid, 0)
print(time.perf_counter() - began, used.ru_maxrss, os.waitstatus_to_exitcode(status))
"""
# The kernel counts what a process was before its exec, too: so a small one starts it.


class Once(NamedTuple):
    """What one run took."""

    ms: float
    mb: float


def once(command: Sequence[str]) -> Once:
    """Run it once. Raises CalledProcessError where it fails."""
    meter = [sys.executable, "-I", "-S", "-c", _METER, *command]
    said = subprocess.run(meter, capture_output=True, text=True, check=True).stdout
    seconds, kilobytes, code = said.splitlines()[-1].split()
    if int(code) != 0:
        raise subprocess.CalledProcessError(int(code), list(command), said)
    return Once(float(seconds) * 1000, int(kilobytes) / 1000)


def compare(runs: int, *commands: Sequence[str]) -> list[Once]:
    """The medians of each, taken in turn, so that a busy machine is busy for all of them."""
    for command in commands:
        once(command)  # writes bytecode, fills the page cache
    rounds = [[once(command) for command in commands] for _ in range(runs)]
    return [
        Once(statistics.median(run.ms for run in column), statistics.median(r.mb for r in column))
        for column in zip(*rounds, strict=True)
    ]
