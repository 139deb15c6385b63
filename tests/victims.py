"""Anna attacks; root, Bert and Carl have something to lose."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hostile_home import look_at, own, processes_of
from tests.release_on_disk import Teaching, teach
from tests.sandboxed import Machine

HOME, CLASSMATE, OTHER = Path("/home/anna"), Path("/home/bert"), Path("/home/carl")
TOP = HOME / "exercises"
WEEK = TOP / "week01"
TREASURE = Path("/root/treasure")
FILES = {"sheet.ipynb": "one", "data/table.csv": "1,2\n"}


@pytest.fixture
def course(machine: Machine) -> Iterator[Teaching]:
    """The three, a sheet, and canaries; nothing of theirs is left running."""
    made = teach(machine, "anna", "bert", "carl")
    made.sheet("week01", FILES)
    shutil.rmtree(TREASURE, ignore_errors=True)
    for folder, name in ((TREASURE, ""), (CLASSMATE / "private", "bert")):
        (folder / "data").mkdir(parents=True, mode=0o700)
        (folder / "canary").write_text("sings")
        (folder / "data/table.csv").write_text("theirs")
        folder.chmod(0o700)
        if name:
            own(name, folder, *folder.rglob("*"))
    yield made
    for uid in (20001, 20002, 20003):
        for pid in processes_of(uid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def canaries() -> dict[str, object]:
    """What must be as it was."""
    return dict(look_at(TREASURE, CLASSMATE, Path("/etc/hubtui"), Path("/root/resources")))


def anna_has(*folders: str) -> Path:
    """Her folders, the way the first release made them."""
    for folder in ("", *folders):
        (TOP / folder).mkdir(exist_ok=True)
        own("anna", TOP / folder)
    return TOP


def link(place: Path, to: str) -> None:
    place.symlink_to(to)
    own("anna", place)
