"""Who leaves: switched off, with the date from which the account goes; until then all comes back.

``leaving.json``. The only place that names them: it is empty again once they have gone.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import msgspec

from hubtui.clock import parse
from hubtui.state import read_document, write_document


class WasAuthorised(msgspec.Struct, frozen=True, kw_only=True):
    """A sign-up that was authorised when its student was switched off."""

    id: int
    digest: str


class Leaving(msgspec.Struct, frozen=True, kw_only=True):
    """One account that is switched off, and how it was before."""

    name: str
    uid: int
    since: str
    until: str
    """RFC 3339: from then on ``hubtui due`` finishes."""
    run: str
    """The plan that switched it off."""
    keep_days: int
    """How long its archive is to be kept, from the day on which it goes."""
    archive: str = ""
    """The folder for the archive; empty: the course's."""
    authorised: tuple[WasAuthorised, ...] = ()
    was_locked: bool = False
    """Locked in Unix before: restoring leaves it so."""
    expires: str = ""
    """The day of expiry in shadow before, as it stood there; empty where there was none."""

    @property
    def goes(self) -> datetime:
        """When it goes."""
        return parse(self.until)

    @property
    def at_once(self) -> bool:
        """Whether no day was set: its removal is at work, or did not end."""
        return self.until <= self.since


class LeavingList(msgspec.Struct, frozen=True, kw_only=True):
    """``leaving.json``."""

    format: int = 1
    accounts: tuple[Leaving, ...] = ()


def path(state_dir: Path) -> Path:
    """Where the list is kept."""
    return state_dir / "leaving.json"


def read_leaving(state_dir: Path) -> dict[str, Leaving]:
    """Who leaves, by name. Raises StateError."""
    record = read_document(path(state_dir), LeavingList)
    return {one.name: one for one in record.accounts} if record else {}


def put(state_dir: Path, one: Leaving) -> None:
    """Note, or note anew, that somebody leaves; call it under the accounts' lock."""
    _write(state_dir, {**read_leaving(state_dir), one.name: one})


def take_out(state_dir: Path, name: str, uid: int) -> None:
    """Somebody is gone, or back; nothing where the list has no such account."""
    found = read_leaving(state_dir)
    if name in found and found[name].uid == uid:
        del found[name]
        _write(state_dir, found)


def _write(state_dir: Path, found: dict[str, Leaving]) -> None:
    ordered = tuple(found[name] for name in sorted(found))
    write_document(path(state_dir), LeavingList(accounts=ordered))
