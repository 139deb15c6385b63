"""A finding: something that needs a person. The glance and doctor are lists of them."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import msgspec


class Severity(StrEnum):
    """How bad; the order of the glance."""

    CRITICAL = "critical"
    WARNING = "warning"
    NOTE = "note"


class State(StrEnum):
    """How something is, the worst first: what could not be looked at may be anything."""

    CRITICAL = "critical"
    UNKNOWN = "unknown"
    WARNING = "warning"
    FINE = "fine"


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
    """The key of the row in that pane's list."""

    @property
    def key(self) -> str:
        """By which it is put off: one row's is not the other's."""
        return f"{self.id}:{self.row}" if self.row else self.id


def worst(states: Iterable[State]) -> State:
    """The worst of them; fine where there are none."""
    order = list(State)
    return min(states, key=order.index, default=State.FINE)


def state_of(findings: Iterable[Finding]) -> State:
    """How it is where these were found: notes are fine."""
    as_state = {Severity.CRITICAL: State.CRITICAL, Severity.WARNING: State.WARNING}
    return worst(as_state.get(finding.severity, State.FINE) for finding in findings)


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """In the order of the glance; equals stay as they came."""
    order = list(Severity)
    return sorted(findings, key=lambda finding: order.index(finding.severity))
