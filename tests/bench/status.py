"""``hubtui status`` beside the import of what such a program is usually made of, in one run.

In a network of its own, for the reason that ``tests.bench.watchdog`` gives.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from tests.bench.figure import Figure
from tests.bench.once import Once, once
from tests.bench.watchdog import RUNS, in_small_network
from tests.sandboxed import Machine
from tests.watched import watched

IMPORT = [sys.executable, "-c", "import rich.console, rich.table, yaml, psutil"]
STATUS = [str(Path(sys.executable).with_name("hubtui")), "status"]
_ANSWERED = ["sh", "-c", '"$@"; test $? -lt 3', "sh"]
"""A warning is an answer, too: the kernel's counts are those of the machine that measures."""


def looks() -> Iterator[Figure]:
    """At a hub that is well, at which the watchdog looked just now, with a student's server."""
    said = in_small_network("tests.bench.status")
    pairs = msgspec.json.decode(said, type=list[tuple[Once, Once]])
    ratio = statistics.median(look.ms / plain.ms for look, plain in pairs)
    yield Figure("status / import rich, yaml, psutil", ratio, 2.5)
    ours, theirs = (statistics.median(run.mb for run in runs) for runs in zip(*pairs, strict=True))
    yield Figure("status, MB (beside the import)", ours, 45, theirs)


def measure() -> Iterator[tuple[Once, Once]]:
    """In turn, so that a busy machine is busy for both."""
    for command in (STATUS, IMPORT):
        subprocess.run(command, stdout=subprocess.DEVNULL, check=False)  # writes bytecode
    for _ in range(RUNS):
        yield once([*_ANSWERED, *STATUS]), once([*_ANSWERED, *IMPORT])


if __name__ == "__main__":
    machine = Machine()
    with watched(machine) as course:
        course.student(machine, "ada", 20001)
        course.check()
        sys.stdout.buffer.write(msgspec.json.encode(list(measure())))
