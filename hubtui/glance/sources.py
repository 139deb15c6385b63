"""The lines of the glance, in the order of the screen, and what looks at all of them.

Each source is imported in its own thread: while the hub's answer is waited for, the others load.
"""

from __future__ import annotations

from hubtui.glance.gather import Gatherer, Ground, Source
from hubtui.glance.put_off import split
from hubtui.glance.records import ExamLine, Part
from hubtui.server import Server

_ASKING = 4.0
"""Seconds for what asks over the network, with 3 s of its own."""


def _hub(ground: Ground) -> Part:
    from hubtui.glance import hub

    return hub.look(ground)


def _machine(ground: Ground) -> Part:
    from hubtui.glance import machine

    return machine.look(ground)


def _students(ground: Ground) -> Part:
    from hubtui.glance import students

    return students.look(ground)


def _signups(ground: Ground) -> Part:
    from hubtui.glance import signups

    return signups.look(ground)


def _release(ground: Ground) -> Part:
    from hubtui.glance import release

    return release.look(ground)


def _watchdog(ground: Ground) -> Part:
    from hubtui.glance import watchdog

    return watchdog.look(ground)


def _certificate(ground: Ground) -> Part:
    from hubtui.glance import certificate

    return certificate.look(ground)


def _exam(ground: Ground) -> ExamLine | None:
    from hubtui.glance import exam_line

    return exam_line.look(ground)


SOURCES = (
    # Each look at the hub is a line or two in its log.
    Source("hub", "hub", _hub, "watchdog", limit=_ASKING, every=15.0),
    Source("machine", "machine", _machine),
    Source("students", "students", _students, "accounts"),
    Source("signups", "sign-ups", _signups, "signups"),
    Source("release", "release", _release, "release", every=10.0),
    Source("watchdog", "watchdog", _watchdog, "watchdog"),
    Source("certificate", "certificate", _certificate, "watchdog", limit=_ASKING, every=60.0),
)


def gatherer(server: Server) -> Gatherer:
    """What looks at everything, once or again and again."""
    return Gatherer(server, SOURCES, _exam, split)
