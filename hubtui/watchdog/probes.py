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

import contextlib
import errno
import queue
import socket
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urljoin, urlsplit

from msgspec.structs import replace

from hubtui.course import Course
from hubtui.errors import HubDown, HubImpostor, HubtuiError
from hubtui.names import shown
from hubtui.server import listeners
from hubtui.server.listeners import Place
from hubtui.watchdog.records import GATEWAY, Got, Layer, Probe

if TYPE_CHECKING:
    import ssl

_ROOM = 300_000
"""Bytes of an answer that are read at most."""
_HOPS = 8
_OWN = frozenset(
    (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EADDRNOTAVAIL, errno.EACCES)
)
"""Errors of this side, which say nothing of the other."""
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
        Layer.CHAIN: lambda within: _chain(course, uid, f"{prefix}/login", within),
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


def public(url: str, timeout: float) -> Probe:
    """Ask the public address alone; takes ``timeout`` seconds at most."""
    began = time.monotonic()
    try:
        probe = _public(url, began + timeout)
    except Exception as e:  # whatever answers there
        probe = _failed(Layer.PUBLIC, e)
    return replace(probe, ms=round((time.monotonic() - began) * 1000, 1))


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
    if place.believe is None:
        return _elsewhere(Layer.HUB, "hub.api")
    return _judged(Layer.HUB, _get(place, path, within))


def _proxy(course: Course, uid: int, path: str, layer: Layer, within: float) -> Probe:
    place = listeners.place_of(course.hub.proxy, "hub.proxy", uid)
    if place.believe is None:
        return _elsewhere(layer, "hub.proxy")
    try:
        return _judged(layer, _get(place, path, within))
    except HubImpostor:
        # The proxy may be a service of its own, with an account of the system for itself.
        held = {row.uid for row in listeners.listeners(place.host, place.port)}
        if len(held) != 1 or max(held) >= _SYSTEM:
            raise
        return _judged(layer, _get(replace(place, believe=held.pop()), path, within))


def _chain(course: Course, uid: int, path: str, within: float) -> Probe:
    """Through the proxy; where that answers for the hub, the hub is asked for the same page."""
    probe = _proxy(course, uid, path, Layer.CHAIN, within)
    if probe.status not in GATEWAY:
        return probe
    with contextlib.suppress(Exception):  # then the hub did not say so
        return replace(probe, by_hub=_hub(course, uid, path, within).status == probe.status)
    return probe


def _elsewhere(layer: Layer, key: str) -> Probe:
    """By a public name one asks the web server first: what it says is not the hub's word."""
    text = f"{key} is no address of this machine, such as http://127.0.0.1:8081"
    return Probe(layer=layer, got=Got.UNASKED, text=text)


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
        by_hub = "x-jupyterhub-version" in headers
        return Probe(layer=Layer.PUBLIC, got=Got.OK, status=status, days_left=days, by_hub=by_hub)
    return Probe(layer=Layer.PUBLIC, got=Got.STATUS, text="its redirects lead in a circle")


def _get(place: Place, path: str, within: float) -> int:
    """Ask hub or proxy, which the kernel vouches for: a certificate of theirs is for a name."""
    with listeners.connected(replace(place, tls=False), within) as sock:
        if not place.tls:
            return _talk(sock, place, path, within)[0]
        import ssl

        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        sock.settimeout(listeners.left(within))
        with context.wrap_socket(sock) as wrapped:
            return _talk(wrapped, place, path, within)[0]


def _open(place: Place, within: float) -> socket.socket:
    sock = _reached(place, within)
    if not place.tls:
        return sock
    import ssl

    try:
        sock.settimeout(listeners.left(within))
        return ssl.create_default_context().wrap_socket(sock, server_hostname=place.host)
    except BaseException:
        sock.close()
        raise


def _reached(place: Place, within: float) -> socket.socket:
    """A connection to the first address of the name that takes one.

    Raises OSError. Each address has its share of the time: where the first leads nowhere, as that
    of a broken IPv6 does, browsers try the next one as well.
    """
    addresses = _looked_up(place, within)
    for tried, (family, address) in enumerate(addresses, 1):
        sock = None
        try:
            sock = socket.socket(family, socket.SOCK_STREAM)
            sock.settimeout(listeners.left(within) / (len(addresses) - tried + 1))
            sock.connect(address)
        except OSError as e:
            if sock is not None:
                sock.close()
            if tried < len(addresses):
                continue
            if isinstance(e, TimeoutError):
                text = f"no connection to {address[0]}, port {address[1]}, in time"
                raise OSError(errno.ETIMEDOUT, text) from e
            raise
        else:
            return sock
    raise socket.gaierror(socket.EAI_NONAME, "it has no address")


def _looked_up(place: Place, within: float) -> list[tuple[socket.AddressFamily, tuple[Any, ...]]]:
    """The addresses of a name. Raises gaierror, also where no name server answers in time."""
    found: queue.SimpleQueue[list[Any] | Exception] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            found.put(socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM))
        except Exception as e:  # raised where it was asked for
            found.put(e)

    threading.Thread(target=look_up, daemon=True).start()
    try:
        came = found.get(timeout=listeners.left(within))
    except queue.Empty:
        why = "no name server answers in time"
        raise socket.gaierror(socket.EAI_AGAIN, why) from None
    if isinstance(came, Exception):
        raise came
    return [(family, address) for family, _, _, _, address in came]


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
    got, text = _meaning(error)
    return Probe(layer=layer, got=got, text=text)


def _meaning(error: Exception) -> tuple[Got, str]:
    import http.client

    if isinstance(error, HubImpostor):
        # Not its own words: they name the account, and incidents are kept for long.
        return Got.STRANGER, "somebody else listened there"
    if isinstance(error, HubDown):
        if isinstance(error.__cause__, OSError):
            return Got.UNASKED, str(error)
        return Got.REFUSED, "it went away while it was asked"
    if isinstance(error, HubtuiError):
        return Got.BROKEN, str(error)
    if isinstance(error, OSError):
        return _of_the_net(error)
    if isinstance(error, (http.client.HTTPException, ValueError)):
        return Got.BROKEN, f"its answer is no web page ({type(error).__name__})"
    return Got.UNASKED, f"it could not be asked ({type(error).__name__})"


def _of_the_net(error: OSError) -> tuple[Got, str]:
    if isinstance(error, socket.gaierror):
        return Got.DNS, f"its name is not found: {error.strerror}"
    if isinstance(error, TimeoutError) and error.errno is None:
        return Got.SILENT, "no answer in time"
    if isinstance(error, ConnectionRefusedError):
        return Got.REFUSED, "nobody listens there"
    if error.errno in _OWN:
        return Got.UNASKED, f"it could not be asked: {error.strerror}"
    if (why := _of_tls(error)) is not None:
        return Got.TLS, why
    if isinstance(error, ConnectionError):
        return Got.BROKEN, "it hung up in the middle of its answer"
    return Got.BROKEN, f"it cannot be reached: {shown(error.strerror or str(error), 100)}"


def _of_tls(error: OSError) -> str | None:
    """OpenSSL's words on a certificate, or on what else went wrong with TLS."""
    import sys

    tls = sys.modules.get("ssl")
    if tls is None or not isinstance(error, tls.SSLError):
        return None
    if isinstance(error, tls.SSLCertVerificationError):
        return f"its certificate is not good: {shown(str(error.verify_message), 160)}"
    if isinstance(error, tls.SSLEOFError):
        return None  # it hung up
    return f"it does not speak TLS as it should: {shown(str(error.reason or error), 100)}"
