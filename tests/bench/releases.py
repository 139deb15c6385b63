"""The weekly release beside the script that it replaces, on the same homes in the same run.

The script, by root for each name of accounts.txt: rsync -r -og --chown --ignore-existing.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from hubtui import course
from hubtui.release import ledger, store
from hubtui.server import server_of
from tests.bench import course_of
from tests.bench.figure import Figure
from tests.course_on_disk import CONFIG, ROSTER, TEXT
from tests.release_on_disk import RELEASE, SOURCE, Teaching
from tests.sandboxed import Machine

RUNS = 3
WEEK = (12, 8_000_000)
"""Files, bytes."""
SCRIPT = """
while read -r theuser; do
  rsync -h -v -r -og --chown="$theuser:all_user" --ignore-existing "$1" "/home/$theuser"
done < "$2"
"""


def releases(machine: Machine) -> Iterator[Figure]:
    """Wall time of hubtui as a share of the script's; memory at 50 and at 500 students."""
    memory = {}
    for size in (50, 500):
        teaching = _course(machine, size)
        _write_week("week01", 1)
        runs = RUNS if size == 50 else 1
        yield _row(teaching, f"{size} students, a week of 8 MB: new", 0.35, runs, ["week01"])
        yield _row(
            teaching, f"{size} students, the same again", 0.10, runs, ["week01"], clear=False
        )
        memory[size] = _most_memory()
    yield Figure("memory of a release, 500 students / 50", memory[500] / memory[50], 1.2)
    teaching = _course(machine, 50)
    weeks = [f"week{number:02}" for number in range(1, 15)]
    for number, week in enumerate(weeks[:-1]):
        _write_week(week, number)
    _script()
    _everything(teaching, weeks[:-1])
    _write_week(weeks[-1], 99)
    name = "50 students, a term of 110 MB and a new week"
    yield _row(teaching, name, 0.30, RUNS, weeks[-1:], only=weeks[-1])


def _course(machine: Machine, size: int) -> Teaching:
    machine.restore()
    course_of.make(size)
    machine.adduser("tutor", 1100)
    SOURCE.mkdir()
    CONFIG.write_text(TEXT + RELEASE)
    return Teaching(server_of(course.load(CONFIG)), machine)


def _write_week(name: str, seed: int) -> None:
    files, size = WEEK
    folder = SOURCE / name
    folder.mkdir()
    for number in range(files):
        (folder / f"file{number:02}.bin").write_bytes(random.Random(seed).randbytes(size // files))
    subprocess.run(["chown", "-R", "tutor:tutor", str(SOURCE)], check=True)


def _row(
    teaching: Teaching,
    name: str,
    most: float,
    runs: int,
    sheets: list[str],
    *,
    clear: bool = True,
    only: str = "",
) -> Figure:
    """Script and hubtui in turn, from the same state each; ``only``: what is new in it."""
    theirs, ours = [], []
    for _ in range(runs):
        if clear:
            _clear(only)
        theirs.append(_timed(_script))
        if clear:
            _clear(only)
            _forget(teaching, sheets)
        ours.append(_timed(lambda: _everything(teaching, sheets)))
    return Figure(
        f"{name}, share of the script",
        statistics.median(ours) / statistics.median(theirs),
        most,
    )


def _timed(what: Callable[[], None]) -> float:
    os.sync()
    began = time.perf_counter()
    what()
    return time.perf_counter() - began


def _script() -> None:
    subprocess.run(
        ["bash", "-c", SCRIPT, "script", str(SOURCE), str(ROSTER)],
        stdout=subprocess.DEVNULL,
        check=True,
    )


def _everything(teaching: Teaching, sheets: list[str]) -> None:
    """From the tutor's folder to the last home: snapshot, plan, run, ledger, journal."""
    ended = teaching.push(*sheets)
    assert all(event.outcome and event.outcome.good for event in ended.values())


def _clear(only: str) -> None:
    for home in Path("/home").iterdir():
        if home.name != "tutor":
            shutil.rmtree(home / "exercises" / only, ignore_errors=True)


def _forget(teaching: Teaching, sheets: list[str]) -> None:
    for sheet in sheets:
        shutil.rmtree(store.folder(teaching.server, sheet), ignore_errors=True)
    for path in ledger.path(teaching.server.state).parent.glob("deliveries.sqlite*"):
        path.unlink()


def _most_memory() -> int:
    """kB: of the largest process that a release has started so far."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
