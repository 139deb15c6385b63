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
from hubtui.server import Server, listeners
from hubtui.watchdog import probes, web
from hubtui.watchdog.catalogue import CAUSES
from hubtui.watchdog.records import Got, Layer, Probe

PANE = "watchdog"
_ASKED = 3.0
"""Seconds for its answer."""


def look(ground: Ground) -> Part:
    """Look at the public address. Raises HubtuiError."""
    url = ground.server.course.hub.url
    if url is None:
        return _part("no public address in course.yaml")
    probe = _probe(ground.server, url, ground.at)
    if probe is None:
        return _part(f"none: students open {shown(url, 60)}")
    host = shown(urlsplit(url).hostname or url, 60)
    found = (*_ending(ground, host, probe), *_unreachable(ground, host, probe))
    return _part(_text(url, host, probe), found)


def _part(text: str, findings: tuple[Finding, ...] = ()) -> Part:
    return part("certificate", "certificate", text, pane=PANE, findings=findings)


def _probe(server: Server, url: str, at: datetime) -> Probe | None:
    """None where there is no certificate to ask for, and the watchdog did not look."""
    before = fresh(server, at)
    known = before.probes if before is not None else ()
    if (probe := next((p for p in known if p.layer is Layer.PUBLIC), None)) is not None:
        return probe
    return probes.public(url, _ASKED) if url.startswith("https:") else None


def _text(url: str, host: str, probe: Probe) -> str:
    if probe.days_left is not None:
        return f"{_left(probe.days_left)} left, {host}"
    if probe.ok:
        return f"none: students open {shown(url, 60)}"
    return f"{host}: {probe.text}"


def _left(days: float) -> str:
    return f"{int(days)} days" if days >= 2 else f"{max(0.0, days) * 24:.0f} hours"


# --- findings -----------------------------------------------------------------------------------


def _ending(ground: Ground, host: str, probe: Probe) -> Iterator[Finding]:
    if probe.days_left is None:
        return
    severity = limits.judge(ground.server.course.limits, "certificate", probe.days_left)
    if severity is not None:
        text = f"The certificate of {host} ends in {_left(probe.days_left)}."
        do = CAUSES["certificate-expired"].do
        yield Finding(id="certificate.ends", severity=severity, text=text, do=do, pane=PANE)


def _unreachable(ground: Ground, host: str, probe: Probe) -> Iterator[Finding]:
    """Without a hub the web server can answer nothing else, and the hub's own line says why."""
    if probe.got in (Got.OK, Got.UNASKED) or not _hub_listens(ground.server):
        return
    cause, _ = web.cause(probe)
    yield Finding(
        id="certificate.bad" if probe.got is Got.TLS else "web.down",
        severity=Severity.CRITICAL,
        text=f"Students cannot open {host}: {probe.text}.",
        do=CAUSES[cause].do if cause else "See the web server: journalctl -u apache2 -n 50",
        pane=PANE,
    )


def _hub_listens(server: Server) -> bool:
    place = listeners.place_of(server.course.hub.api, "hub.api", 0)
    return place.believe is None or bool(listeners.listeners(place.host, place.port))
