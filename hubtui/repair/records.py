"""One drift as it was when the plan opened, with all that its steps need to know it again."""

from __future__ import annotations

import msgspec

from hubtui.decline import Row
from hubtui.drift.records import Code


class Repair(msgspec.Struct, frozen=True, kw_only=True):
    """One subject of a plan of kind repair."""

    key: str
    """The drift's."""
    name: str
    code: Code
    choice: str = ""
    """The word of what was chosen; empty where there was nothing to choose."""
    uid: int | None = None
    """Of the account that is there, or the one that it will get."""
    place: str = ""
    """The home's path, as passwd has it or below ``homes``; of a lock the file."""
    device: int = 0
    inode: int = 0
    owner: int = -1
    mode: int = 0
    """Of the home's own folder, by lstat; ``inode`` 0 where there is none."""
    sign_ups: tuple[Row, ...] = ()
    """All sign-ups of this name."""
