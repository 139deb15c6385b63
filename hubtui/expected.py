"""The list of names that a course expects: pseudonyms only, one a line, given once by the admin."""

from __future__ import annotations

from pathlib import Path

import msgspec

from hubtui.state import read_document, write_document


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """``expected.json``."""

    format: int = 1
    names: tuple[str, ...]


def path(state_dir: Path) -> Path:
    """Where the list is kept."""
    return state_dir / "expected.json"


def read_expected(state_dir: Path) -> frozenset[str] | None:
    """The names that are expected; None where no list was given."""
    record = read_document(path(state_dir), Expected)
    return None if record is None else frozenset(record.names)


def expect(state_dir: Path, names: list[str]) -> None:
    """Keep the list; an empty one takes it away."""
    if names:
        write_document(path(state_dir), Expected(names=tuple(sorted(set(names)))))
    else:
        path(state_dir).unlink(missing_ok=True)
