"""How large the homes are: one ``du`` in the background, kept with its age in ``sizes.json``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from hubtui.clock import parse, stamp
from hubtui.errors import HubtuiError
from hubtui.server.run import Run
from hubtui.state import read_document, write_document


class Sizes(msgspec.Struct, frozen=True, kw_only=True):
    """What du said."""

    format: int = 1
    at: str
    bytes: dict[str, int]
    """By the name of the folder below ``accounts.homes``: on the disk, of that filesystem."""

    @property
    def taken(self) -> datetime:
        """When."""
        return parse(self.at)


def path(state_dir: Path) -> Path:
    """Where they are kept."""
    return state_dir / "sizes.json"


def read_sizes(state_dir: Path) -> Sizes | None:
    """The last measurement, None where there was none."""
    return read_document(path(state_dir), Sizes)


def measure(
    run: Run, homes: Path, state_dir: Path, at: datetime, *, timeout: float = 600.0
) -> Sizes:
    """Measure all homes now (200,000 files: 4 s cold), with idle priority; keep the result."""
    # du looks at names and sizes only, follows nothing and stays on the filesystem.
    du = ["du", "--one-file-system", "--block-size=1", "--max-depth=1", "--", str(homes)]
    result = run(["nice", "-n", "19", "ionice", "-c", "3", *du], timeout=timeout)
    found: dict[str, int] = {}
    for line in result.out.splitlines():
        size, _, where = line.partition("\t")
        folder = Path(where)
        if size.isdigit() and folder.parent == homes:
            found[folder.name] = int(size)
    if not found and result.code:
        raise HubtuiError(f"The homes could not be measured: du ended with {result.why()}.")
    sizes = Sizes(at=stamp(at), bytes=found)
    write_document(path(state_dir), sizes)
    return sizes


def count(
    run: Run, folders: Sequence[Path], *, timeout: float = 300.0
) -> dict[Path, tuple[int, int]]:
    """Entries and bytes on the disk of each folder; one that du cannot look at is left out."""
    found: list[dict[Path, int]] = []
    for what in ("--inodes", "--block-size=1"):
        du = ["du", "--one-file-system", "--summarize", "--null", what, "--", *map(str, folders)]
        result = run(["nice", "-n", "19", "ionice", "-c", "3", *du], timeout=timeout)
        lines = (line.partition("\t") for line in result.out.split("\0"))
        found.append({Path(where): int(size) for size, _, where in lines if size.isdigit()})
    entries, sizes = found
    return {folder: (entries[folder], sizes[folder]) for folder in entries if folder in sizes}
