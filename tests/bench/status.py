"""``hubtui status`` beside the import of what such a program is usually made of, in one run."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Iterator

from tests.bench.figure import Figure
from tests.bench.once import Once, once
from tests.bench.watchdog import RUNS
from tests.sandboxed import Machine
from tests.watched import watched

IMPORT = [sys.executable, "-c", "import rich.console, rich.table, yaml, psutil"]
STATUS = [sys.executable, "-m", "hubtui", "status"]
_ENDED = ["sh", "-c", '"$@"; test $? -lt 3', "sh"]
"""A warning is an answer, too: this machine is not the course's."""


def looks(machine: Machine) -> Iterator[Figure]:
    """Of a hub that is well, looked at by the watchdog just now, with a student's server."""
    with watched(machine) as course:
        course.student(machine, "ada", 20001)
        course.check()
        pairs = list(_pairs())
    ratio = statistics.median(look.ms / plain.ms for look, plain in pairs)
    yield Figure("status / import rich, yaml, psutil", ratio, 2.5)
    ours, theirs = (
        statistics.median(run.mb for run in column) for column in zip(*pairs, strict=True)
    )
    yield Figure("status, MB (beside the import)", ours, 45, theirs)


def _pairs() -> Iterator[tuple[Once, Once]]:
    """In turn, so that a busy machine is busy for both."""
    for command in (STATUS, IMPORT):
        subprocess.run(command, stdout=subprocess.DEVNULL, check=False)  # writes bytecode
    for _ in range(RUNS):
        yield once([*_ENDED, *STATUS]), once([*_ENDED, *IMPORT])


if __name__ == "__main__":
    for figure in looks(Machine()):
        sys.stdout.write(f"{figure.name}: {figure.ours:.2f} of {figure.most}\n")
