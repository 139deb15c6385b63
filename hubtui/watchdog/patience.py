"""How patient the watchdog is. All times in seconds, all shares of one CPU; the reasons are here.

Where they come from: a hub is back 2–8 s after its start, under load 13; forty log-ins at once on
two cores made a healthy one answer after 10 s; the hub starts a proxy that is gone within 5 s.
"""

from __future__ import annotations

from msgspec import Struct

from hubtui.course import Course


class Patience(Struct, frozen=True, kw_only=True):
    """The times between a bad look and a restart."""

    grace: float = 120.0
    """A hub, or the machine, that is younger is starting: ``watchdog.grace``."""
    late: float = 5.0
    """From here on an answer is late."""
    brisk: float = 1.0
    """Where hub and proxy take longer, a public address that is silent may just be late as well."""

    second_look: float = 3.0
    """Until the second look at a hub that is gone."""
    looks_again: tuple[float, ...] = (10.0, 20.0)
    """Between further looks within a check at whatever else is not well."""
    web_looks: int = 2
    """At a public address that is not well: one is a name server's hiccup."""
    stuck_looks: int = 2
    """At a hub whose process is there, and whose port is closed."""

    hung_hub: float = 180.0
    """So long without an answer and without a line in its log."""
    excuse: float = 900.0
    """So long a line in the log, which students can write, or a busy machine excuses a silent hub
    that does nothing itself."""
    fresh_log: float = 60.0
    """A log that was written since is that of a hub at work."""

    gone_proxy: float = 30.0
    hung_proxy: float = 60.0
    hung_looks: int = 3
    """In at least ``hung_proxy`` seconds; the same for a proxy that does not know the hub."""
    idle_proxy: float = 180.0
    """A silent proxy that does nothing, on a machine that does little, is hung as well."""

    spinning: float = 0.9
    working: float = 0.3
    idle: float = 0.05

    load: float = 2.0
    """Of the last minute, for each CPU; above it anything may be late, and nothing is hung."""
    stalled_cpu: float = 40.0
    """Percent of the last ten seconds in which something waited for a CPU."""
    stalled_memory: float = 10.0
    short: float = 0.03
    """Share of the memory that is still to be had."""

    backoff: tuple[float, ...] = (0.0, 120.0, 300.0, 600.0, 1800.0)
    """After as many restarts."""
    exam_backoff: float = 60.0
    """The longest during an exam."""
    most: int = 5
    """Restarts within an hour: then a person is called."""
    last_resort: float = 1800.0
    """After it gave up a dead hub is still tried so often."""
    forgiven: float = 1800.0
    """So long up, and the restarts before do not count any more."""


def of(course: Course) -> Patience:
    """The course's."""
    return Patience(grace=float(course.watchdog.grace))
