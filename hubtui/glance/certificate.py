"""The public address: its certificate, and whether students get there at all.

From the watchdog's last check where that was just now, else asked here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from urllib.parse import urlsplit

from hubtui import limits
from hubtui.findings import Finding, Severity
from hubtui.glance.gather import Ground
from hubtui.glance.hub import fresh
from hubtui.glance.records import Part, part
from hubtui.names import shown
from hubtui.server import Server
from hubtui.watchdog import probes, web
from hubtui.watchdog.catalogue import CAUSES
from hubtui.watchdog.records import Got, Layer, Probe

PANE = "watchdog"
_ASKED = 3.0
_NOT_THE_WEB = (Got.OK, Got.UNASKED, Got.STATUS)
"""What says nothing against the web server: an answer of 502 may be the hub's own trouble."""


def look(ground: Ground) -> Part:
    """Look at the public address."""
    server = ground.server
    url = server.course.hub.url
    if url is None:
        return part("certificate", "certificate", "no public address in course.yaml", pane=PANE)
    host = shown(urlsplit(url).hostname or url, 60)
    if not url.startswith("https:"):
        return part(
            "certificate", "certificate", f"none: students open {shown(url, 60)}", pane=PANE
        )
    probe = _probe(server, url, ground.at)
    found = (*_ending(ground, host, probe), *_unreachable(host, probe))
    return part("certificate", "certificate", _text(host, probe), pane=PANE, findings=found)


def _probe(server: Server, url: str, at: datetime) -> Probe:
    before = fresh(server, at)
    known = before.probes if before is not None else ()
    return next((p for p in known if p.layer is Layer.PUBLIC), None) or probes.public(url, _ASKED)


def _text(host: str, probe: Probe) -> str:
    if probe.days_left is not None:
        return f"{_left(probe.days_left)} left, {host}"
    return f"{host}: {probe.text}" if probe.text else host


def _left(days: float) -> str:
    return f"{int(days)} days" if days >= 2 else f"{max(0.0, days) * 24:.0f} hours"


def _ending(ground: Ground, host: str, probe: Probe) -> Iterator[Finding]:
    if probe.days_left is None:
        return
    severity = limits.judge(ground.server.course.limits, "certificate", probe.days_left)
    if severity is not None:
        text = f"The certificate of {host} ends in {_left(probe.days_left)}."
        do = CAUSES["certificate-expired"].do
        yield Finding(id="certificate.ends", severity=severity, text=text, do=do, pane=PANE)


def _unreachable(host: str, probe: Probe) -> Iterator[Finding]:
    if probe.got in _NOT_THE_WEB:
        return
    cause, _ = web.cause(probe)
    yield Finding(
        id="certificate.bad" if probe.got is Got.TLS else "web.down",
        severity=Severity.CRITICAL,
        text=f"Students cannot open {host}: {probe.text}.",
        do=CAUSES[cause].do if cause else "See the web server: journalctl -u apache2 -n 50",
        pane=PANE,
    )
