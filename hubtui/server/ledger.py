"""The uid ledger: which uid was given to whom, for good. ``uids.jsonl``, fsynced before useradd."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

import msgspec

from hubtui import typed
from hubtui.errors import StateError
from hubtui.state import append, read_log, rewrite_log


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """One uid that was given to a name."""

    uid: int
    name: str
    made: str
    """When, RFC 3339."""
    for_: str | None = msgspec.field(name="for", default=None)
    """The digest of the sign-up it was made for; None where it was made ahead."""
    retired: str | None = None


class Ledger:
    """What the ledger says; a later line of a uid replaces the earlier one."""

    def __init__(self, lines: Iterable[Given]) -> None:
        self.by_uid: dict[int, Given] = {}
        for line in lines:
            self.by_uid[line.uid] = line
        self.by_name: dict[str, Given] = {g.name: g for g in self.by_uid.values() if not g.retired}

    def made_for(self, name: str, digest: str | None) -> Given | None:
        """The uid that was reserved for exactly this sign-up (None: made ahead)."""
        given = self.by_name.get(name)
        return given if given is not None and given.for_ == digest else None


def path(state_dir: Path) -> Path:
    """Where the ledger is."""
    return state_dir / "uids.jsonl"


def read_ledger(state_dir: Path) -> Ledger:
    """Read it. Raises StateError where it is broken: uids could be given twice without it."""
    return Ledger(read_log(path(state_dir), Given))


def give(state_dir: Path, line: Given) -> None:
    """Write one line, on the disk when this returns."""
    append(path(state_dir), line)


def forget(state_dir: Path, uids: Collection[int]) -> None:
    """Of these uids only the last line stays: that they are retired, and nobody's name.

    Call it under the accounts' lock. Raises StateError.
    """
    file = path(state_dir)
    known = read_ledger(state_dir).by_uid  # a broken ledger is left as it is

    def stays(line: bytes) -> bool:
        given = typed.decode(line, Given)
        return given.uid not in uids or not given.name or not known[given.uid].retired

    def change(data: bytes) -> bytes:
        header, *lines = data.splitlines(keepends=True) or [b""]
        return header + b"".join(line for line in lines if not line.endswith(b"\n") or stays(line))

    if uids:
        try:
            rewrite_log(file, change)
        except OSError as e:
            raise StateError(f"{file} cannot be written: {e.strerror}.") from e
