"""A finding: something that needs a person. The glance and doctor are lists of them."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Severity(StrEnum):
    """How bad; the order of the glance."""

    CRITICAL = "critical"
    WARNING = "warning"
    NOTE = "note"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One sentence that needs a person, what to do about it, and where."""

    id: str
    """``hub.down``: stable, for ``--json`` and scripts."""
    severity: Severity
    text: str
    do: str = ""
    """What mends it: a command or a key, empty where there is nothing to do."""
    pane: str = ""
    row: str = ""
