"""The lines of the glance, in the order of the screen, and what looks at all of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from hubtui.findings import Finding
from hubtui.glance import (
    certificate,
    exam_line,
    hub,
    machine,
    release,
    signups,
    students,
    watchdog,
)
from hubtui.glance.gather import Gatherer, Source
from hubtui.glance.records import PutOff
from hubtui.server import Server

SOURCES = (
    # Each look is a line in the hub's log.
    Source(hub.KEY, hub.TITLE, hub.look, hub.PANE, limit=hub.LIMIT, every=15.0),
    Source(machine.KEY, machine.TITLE, machine.look),
    Source(students.KEY, students.TITLE, students.look, students.PANE),
    Source(signups.KEY, signups.TITLE, signups.look, signups.PANE),
    Source(release.KEY, release.TITLE, release.look, release.PANE, every=10.0),
    Source(watchdog.KEY, watchdog.TITLE, watchdog.look, watchdog.PANE),
    Source(
        certificate.KEY,
        certificate.TITLE,
        certificate.look,
        certificate.PANE,
        limit=certificate.LIMIT,
        every=60.0,
    ),
)


def gatherer(server: Server) -> Gatherer:
    """What looks at everything, once or again and again."""
    return Gatherer(server, SOURCES, exam_line.look, split)


def split(
    _server: Server, _at: datetime, findings: Sequence[Finding]
) -> tuple[list[Finding], list[PutOff]]:
    """Nothing is put off."""
    return list(findings), []
