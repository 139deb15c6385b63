"""Four questions to the hub, each with its time limit; no token goes anywhere.

hub      its own port: ``/hub/health``
proxy    the proxy alone: ``/_chp_healthz``
chain    the log-in page through the proxy
public   what students open: name, certificate, web server; the last answer after redirects

Hub and proxy are believed only from a listener with the right uid: students can bind ports here.
The four are asked at the same time, by threads that nobody waits for after their time: a name
server that does not answer holds up a look-up for longer than any limit that Python takes.
"""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, cast
from urllib.parse import urljoin, urlsplit

from msgspec.structs import replace

from hubtui.course import Course
from hubtui.errors import HubDown, HubImpostor, HubtuiError
from hubtui.names import shown
from hubtui.server import listeners
from hubtui.server.listeners import Place
from hubtui.watchdog.records import Got, Layer, Probe

if TYPE_CHECKING:
    import ssl

_ROOM = 300_000
"""Bytes of an answer that are read at most."""
_HOPS = 8
_SYSTEM = 1000
"""Below it are the accounts of the system: no student has such a uid."""


def ask(course: Course, uid: int, *, public: bool = True) -> dict[Layer, Probe]:
    """Ask all four, or the first three; takes ``watchdog.probe_timeout`` seconds at most.

    ``uid`` is the hub's. Without ``hub.url`` there is no fourth.
    """
    limit = course.watchdog.probe_timeout
    prefix = urlsplit(course.hub.api).path.rstrip("/").removesuffix("/api")
    questions: dict[Layer, Callable[[float], Probe]] = {
        Layer.HUB: lambda within: _hub(course, uid, f"{prefix}/health", within),
        Layer.PROXY: lambda within: _proxy(course, uid, "/_chp_healthz", Layer.PROXY, within),
        Layer.CHAIN: lambda within: _proxy(course, uid, f"{prefix}/login", Layer.CHAIN, within),
    }
    if public and course.hub.url is not None:
        url = course.hub.url
        questions[Layer.PUBLIC] = lambda within: _public(url, within)
    answers: queue.SimpleQueue[Probe] = queue.SimpleQueue()
    began = time.monotonic()
    for layer, question in questions.items():
        work = _timed(layer, question, began + limit, answers)
        threading.Thread(target=work, daemon=True).start()
    found: dict[Layer, Probe] = {}
    while len(found) < len(questions):
        try:
            probe = answers.get(timeout=max(0.0, began + limit + 0.5 - time.monotonic()))
        except queue.Empty:
            break
        found[probe.layer] = probe
    late = replace(_SILENT, ms=limit * 1000, text=f"no answer in {limit:g} s")
    return {layer: found.get(layer, replace(late, layer=layer)) for layer in questions}


_SILENT = Probe(layer=Layer.HUB, got=Got.SILENT)


def _timed(
    layer: Layer,
    question: Callable[[float], Probe],
    within: float,
    answers: queue.SimpleQueue[Probe],
) -> Callable[[], None]:
    def work() -> None:
        began = time.monotonic()
        try:
            probe = question(within)
        except Exception as e:  # whatever answers there: one layer must not end the check
            probe = _failed(layer, e)
        answers.put(replace(probe, ms=round((time.monotonic() - began) * 1000, 1)))

    return work


def _hub(course: Course, uid: int, path: str, within: float) -> Probe:
    place = listeners.place_of(course.hub.api, "hub.api", uid)
    return _judged(Layer.HUB, _get(place, path, within))


def _proxy(course: Course, uid: int, path: str, layer: Layer, within: float) -> Probe:
    place = listeners.place_of(course.hub.proxy, "hub.proxy", uid)
    if place.believe is not None:
        # The proxy may be a service of its own, with an account of the system for itself.
        held = {row.uid for row in listeners.listeners(place.host, place.port)}
        if len(held) == 1 and max(held) < _SYSTEM:
            place = replace(place, believe=held.pop())
    return _judged(layer, _get(place, path, within))


def _judged(layer: Layer, status: int) -> Probe:
    if status < 400:
        return Probe(layer=layer, got=Got.OK, status=status)
    return Probe(layer=layer, got=Got.STATUS, status=status, text=f"it answers {status}")


def _public(url: str, within: float) -> Probe:
    """Follow the redirects as a browser does; only the last answer counts."""
    days: float | None = None
    for _ in range(_HOPS):
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            text = f"it leads to {shown(url, 80)}, which is no web page"
            return Probe(layer=Layer.PUBLIC, got=Got.STATUS, text=text)
        tls = parts.scheme == "https"
        place = Place(
            tls=tls,
            host=parts.hostname,
            port=parts.port or (443 if tls else 80),
            path=parts.path or "/",
            believe=None,
        )
        path = place.path + (f"?{parts.query}" if parts.query else "")
        with _open(place, within) as sock:
            left = _days_left(sock)
            days = left if days is None or (left is not None and left < days) else days
            status, headers, body = _talk(sock, place, path, within)
        target = headers.get("location")
        if 300 <= status < 400 and target:
            url = urljoin(url, target)
            continue
        if status >= 400:
            return Probe(
                layer=Layer.PUBLIC,
                got=Got.STATUS,
                status=status,
                text=f"it answers {status}",
                days_left=days,
            )
        if "x-jupyterhub-version" not in headers and b"jupyter" not in body.lower():
            text = "it answers, but with a page that is not JupyterHub's"
            return Probe(
                layer=Layer.PUBLIC, got=Got.STATUS, status=status, text=text, days_left=days
            )
        return Probe(layer=Layer.PUBLIC, got=Got.OK, status=status, days_left=days)
    return Probe(layer=Layer.PUBLIC, got=Got.STATUS, text="its redirects lead in a circle")


def _get(place: Place, path: str, within: float) -> int:
    with listeners.connected(place, within) as sock:
        return _talk(sock, place, path, within)[0]


def _open(place: Place, within: float) -> socket.socket:
    sock = socket.create_connection((place.host, place.port), timeout=listeners.left(within))
    if not place.tls:
        return sock
    import ssl

    try:
        sock.settimeout(listeners.left(within))
        return ssl.create_default_context().wrap_socket(sock, server_hostname=place.host)
    except BaseException:
        sock.close()
        raise


def _talk(
    sock: socket.socket, place: Place, path: str, within: float
) -> tuple[int, dict[str, str], bytes]:
    """One GET. Raises OSError, HTTPException, HubtuiError."""
    import http.client

    if not path.isascii() or any(char <= " " for char in path):
        raise http.client.InvalidURL
    name = f"[{place.host}]" if ":" in place.host else place.host
    usual = 443 if place.tls else 80
    host = name if place.port == usual else f"{name}:{place.port}"
    head = ("User-Agent: hubtui-watchdog", "Accept: text/html, */*", "Connection: close")
    request = "\r\n".join((f"GET {path} HTTP/1.1", f"Host: {host}", *head, "", ""))
    sock.settimeout(listeners.left(within))
    sock.sendall(request.encode("ascii"))
    wire = cast(socket.socket, listeners.Wire(sock, within, place, _ROOM * 2))
    response = http.client.HTTPResponse(wire, method="GET")
    response.begin()
    headers = {key.lower(): value for key, value in response.headers.items()}
    return response.status, headers, response.read(_ROOM)


def _days_left(sock: socket.socket) -> float | None:
    if not hasattr(sock, "getpeercert"):
        return None
    import ssl

    certificate = cast("ssl.SSLSocket", sock).getpeercert() or {}
    until = certificate.get("notAfter")
    if not isinstance(until, str):
        return None
    return round((ssl.cert_time_to_seconds(until) - time.time()) / 86400, 2)


def _failed(layer: Layer, error: Exception) -> Probe:
    """What an exception says of a layer."""
    if isinstance(error, HubImpostor):
        # Not its own words: they name the account, and incidents are kept for long.
        return Probe(layer=layer, got=Got.STRANGER, text="somebody else listened there")
    if isinstance(error, HubDown):  # it was there when we connected, and left
        return Probe(layer=layer, got=Got.REFUSED, text="it went away while it was asked")
    if isinstance(error, TimeoutError):
        return Probe(layer=layer, got=Got.SILENT, text="no answer in time")
    if isinstance(error, ConnectionRefusedError):
        return Probe(layer=layer, got=Got.REFUSED, text="nobody listens there")
    if isinstance(error, socket.gaierror):
        return Probe(layer=layer, got=Got.DNS, text=f"its name is not found: {error.strerror}")
    if (why := _certificate(error)) is not None:
        return Probe(layer=layer, got=Got.TLS, text=f"its certificate is not good: {why}")
    if isinstance(error, HubtuiError):
        return Probe(layer=layer, got=Got.BROKEN, text=str(error))
    if isinstance(error, ConnectionError):
        return Probe(layer=layer, got=Got.BROKEN, text="it hung up in the middle of its answer")
    if isinstance(error, OSError):
        text = f"it cannot be reached: {shown(error.strerror or str(error), 100)}"
        return Probe(layer=layer, got=Got.BROKEN, text=text)
    text = f"its answer is no web page ({type(error).__name__})"
    return Probe(layer=layer, got=Got.BROKEN, text=text)


def _certificate(error: Exception) -> str | None:
    """OpenSSL's words on a certificate, or on what else went wrong with TLS."""
    import sys

    tls = sys.modules.get("ssl")
    if tls is None or not isinstance(error, tls.SSLError):
        return None
    said = getattr(error, "verify_message", "") or error.reason or str(error)
    return shown(str(said), 100)
