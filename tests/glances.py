"""The glance as a test looks at it: all sources now, by their keys."""

from __future__ import annotations

from collections.abc import Iterable

from hubtui.findings import Finding, Severity, State
from hubtui.glance import sources
from hubtui.glance.gather import Ground
from hubtui.glance.records import Glance, Part
from hubtui.server import Server

OF_THE_MACHINE = frozenset(
    {"machine.oom", "machine.disk", "machine.inodes", "machine.load", "machine.swap"}
)
"""What the machine that runs the tests may really have, beside them."""


def glance(server: Server, patience: float = 20) -> Glance:
    """Everything, at once."""
    return sources.gatherer(server).look(patience)


def look(server: Server, key: str) -> Part:
    """One source alone."""
    source = next(one for one in sources.SOURCES if one.key == key)
    found = source.look(Ground(server))
    assert (found.line.key, found.line.title) == (source.key, source.title)
    assert found.line.pane == source.pane
    return found


def line(seen: Glance, key: str) -> tuple[State, str]:
    """State and words of one line."""
    return next((one.state, one.text) for one in seen.lines if one.key == key)


def need_somebody(findings: Iterable[Finding]) -> dict[str, Finding]:
    """The findings that are more than a note, by their ids."""
    return {each.id: each for each in findings if each.severity is not Severity.NOTE}
