"""Who has something open below a folder: from /proc, as ``fuser`` would say it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from hubtui.names import shown


class Holder(NamedTuple):
    """One process."""

    pid: int
    uid: int
    name: str

    def __str__(self) -> str:
        return f"process {self.pid} ({shown(self.name, limit=20)}, uid {self.uid})"


def of(folder: Path) -> list[Holder]:
    """Processes that stand in ``folder`` or have something below it open; without root our own."""
    place = Path(os.path.realpath(folder))
    found = []
    for process in Path("/proc").iterdir():
        with suppress(OSError):
            if process.name.isdecimal() and any(at.is_relative_to(place) for at in _open(process)):
                name = (process / "comm").read_text(errors="replace").strip()
                found.append(Holder(int(process.name), process.stat().st_uid, name))
    return found


def sentence(folder: Path) -> str:
    """Who is at work there, with the command that ends it; empty where nobody is."""
    found = of(folder)
    if not found:
        return ""
    pids = " ".join(str(one.pid) for one in found[:3])
    return f"It is open in {found[0]}: end that first, with: kill {pids}"


def _open(process: Path) -> Iterator[Path]:
    for link in (process / "cwd", process / "root", *(process / "fd").iterdir()):
        with suppress(OSError):
            yield link.readlink()
