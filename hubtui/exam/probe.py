"""The probe's server, asked as a browser would: by the public address, as its own user.

It is asked with the token that its server was given for itself, which lies in the environment of
its process. The token goes to https or to a listener of this machine that is the system's, never
after a redirect, and into no log.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from hubtui import typed
from hubtui.course import Course
from hubtui.errors import CommandFailed, ConfigError, HubDown, HubForeign, HubImpostor, HubtuiError
from hubtui.names import shown
from hubtui.server import hub, hubapi, listeners, processes
from hubtui.server.listeners import Place

_PAGE, _KERNEL = 20.0, 60.0
"""Seconds that a page, and a kernel with one sum, may take."""
_FIRST_PERSON = 1000
_SUM, _RESULT = "1+1", "2"


class _Status(msgspec.Struct, frozen=True):
    started: str


class _Kernel(msgspec.Struct, frozen=True):
    id: str


class _Head(msgspec.Struct, frozen=True):
    msg_id: str = ""


class _Message(msgspec.Struct, frozen=True):
    """What comes over a kernel's websocket: jupyter-client, messaging."""

    msg_type: str = ""
    parent_header: _Head = _Head()
    content: dict[str, Any] = {}


class ProbeServer(msgspec.Struct, frozen=True):
    """The probe's server at one place: the public address, or the proxy."""

    place: Place
    path: str
    """``/user/probe``."""
    token: str
    is_public: bool

    @property
    def by(self) -> str:
        """The place as a person calls it."""
        return "the public address" if self.is_public else "the proxy"

    def __repr__(self) -> str:
        return f"ProbeServer({self.place.name!r}, {self.path!r}, token=…)"

    def page(self) -> None:
        """Have it answer. Raises CommandFailed with what is wrong, HubDown, HubImpostor."""
        answer = self._ask("GET", "/api/status", _PAGE)
        if answer.status != 200:
            raise CommandFailed(f"{self.by} answers {answer.status} for the probe's server.")
        try:
            typed.decode(answer.body, _Status)
        except (msgspec.DecodeError, ValueError):
            raise CommandFailed(f"What answers at {self.by} is no notebook server.") from None

    @contextmanager
    def kernel(self) -> Iterator[str]:
        """A kernel of the usual kind, removed at the end. Raises as page()."""
        answer = self._ask("POST", "/api/kernels", _KERNEL)
        if answer.status != 201:
            raise CommandFailed(f"its server starts no kernel ({answer.status}).")
        try:
            kernel = typed.decode(answer.body, _Kernel).id
        except (msgspec.DecodeError, ValueError):
            raise CommandFailed("its server does not say which kernel it started.") from None
        if not all(char in "0123456789abcdef-" for char in kernel):
            raise CommandFailed("its server gives its kernel no proper name.")
        try:
            yield kernel
        finally:
            self._ask("DELETE", f"/api/kernels/{kernel}", _PAGE)

    def compute(self, kernel: str) -> None:
        """Have the kernel add 1 and 1. Raises as page()."""
        import websocket

        within = time.monotonic() + _KERNEL
        scheme = "wss" if self.place.tls else "ws"
        url = f"{scheme}://{self.place.name}{self.path}/api/kernels/{kernel}/channels"
        try:
            with listeners.connected(self.place, within) as sock:
                sock.settimeout(listeners.left(within))
                line = websocket.create_connection(
                    url,
                    socket=sock,
                    header=[f"Authorization: token {self.token}"],
                    suppress_origin=True,
                    redirect_limit=0,  # a token does not follow
                )
                if line.getstatus() != 101:
                    raise CommandFailed(_no_websocket(self.by, line.getstatus()))
                asked = _request()
                line.send(msgspec.json.encode(asked).decode())
                _await_result(line, asked["header"]["msg_id"], within)
        except websocket.WebSocketBadStatusException as e:
            raise CommandFailed(_no_websocket(self.by, e.status_code)) from None
        except (websocket.WebSocketTimeoutException, TimeoutError):
            raise CommandFailed(f"The kernel did not answer within {_KERNEL:.0f} s.") from None
        except websocket.WebSocketException as e:
            raise CommandFailed(f"The websocket broke off ({type(e).__name__}).") from None
        except OSError as e:
            raise CommandFailed(f"The websocket broke off: {e.strerror or e}.") from None

    def _ask(self, method: str, path: str, seconds: float) -> hubapi.Answer:
        within = time.monotonic() + seconds
        return hubapi.ask(self.place, method, f"{self.path}{path}", self.token, within)


def server_of(course: Course, name: str, uid: int) -> ProbeServer:
    """The probe's server by the public address, or where that is not safe by the proxy.

    Raises CommandFailed where no server of that uid runs, ConfigError.
    """
    place = public(course)
    if place is None:
        return by_proxy(course, name, uid)
    return ProbeServer(place, f"{place.path}/user/{name}", _token(uid), is_public=True)


def by_proxy(course: Course, name: str, uid: int) -> ProbeServer:
    """The same server by the proxy alone: whether web server or proxy is the trouble."""
    place = proxy(course)
    return ProbeServer(place, f"{place.path}/user/{name}", _token(uid), is_public=False)


def public(course: Course) -> Place | None:
    """What students open, where a token may go there: https, or a numeric address of this
    machine."""
    if course.hub.url is None:
        return None
    try:
        return _of_the_system(listeners.place_of(course.hub.url, "hub.url", hub.uid_of(course)))
    except ConfigError:  # http by name: whoever is on the way could read along
        return None


def proxy(course: Course) -> Place:
    """The proxy, with the hub's own base path. Raises ConfigError."""
    prefix = urlsplit(course.hub.api).path.rstrip("/").removesuffix("/hub/api")
    place = listeners.place_of(course.hub.proxy, "hub.proxy", hub.uid_of(course))
    return _of_the_system(replace(place, path=prefix))


def _of_the_system(place: Place) -> Place:
    """Web server and proxy may have an account of the system for themselves."""
    if place.believe is None:
        return place
    held = {row.uid for row in listeners.listeners(place.host, place.port)}
    if len(held) == 1 and max(held) < _FIRST_PERSON:
        return replace(place, believe=held.pop())
    return place  # whoever it is: it is looked at again once we are connected


def _token(uid: int) -> str:
    for process in processes.of(uid):
        if process.is_server:
            given = processes.environment(process)
            token = given.get("JUPYTERHUB_API_TOKEN", "")
            if hubapi.is_token(token):
                _holds_its_port(given.get("JUPYTERHUB_SERVICE_URL", ""), uid)
                return token
    raise CommandFailed("The probe's server does not run, or was given no token by the hub.")


def _holds_its_port(url: str, uid: int) -> None:
    """The proxy passes the token on to whoever listens there: anybody can have taken the port while
    the server began. Raises CommandFailed. A hub before 2.0 does not say which port it is."""
    if (port := urlsplit(url).port) is None:
        return
    try:
        listeners.believed("127.0.0.1", port, uid)
    except HubDown:
        raise CommandFailed(f"The probe's server does not listen on its port {port}.") from None
    except HubImpostor:
        raise CommandFailed(
            f"Somebody else listens on port {port}, which the hub gave to the probe's server: the "
            f"token was not sent. Look: ss -ltnp 'sport = :{port}'"
        ) from None


def _request() -> dict[str, Any]:
    head = {
        "msg_id": secrets.token_hex(16),
        "session": secrets.token_hex(16),
        "username": "hubtui",
        "msg_type": "execute_request",
        "version": "5.3",
    }
    content = {
        "code": _SUM,
        "silent": False,
        "store_history": False,
        "user_expressions": {},
        "allow_stdin": False,
        "stop_on_error": True,
    }
    return {
        "channel": "shell",
        "header": head,
        "parent_header": {},
        "metadata": {},
        "content": content,
    }


def _await_result(line: Any, asked: str, within: float) -> None:
    """Until the result came. Raises CommandFailed for another one."""
    while True:
        line.settimeout(listeners.left(within))
        said = line.recv()
        try:
            message = typed.decode(said, _Message)
        except (msgspec.DecodeError, ValueError):
            continue
        if message.parent_header.msg_id != asked:
            continue
        if message.msg_type == "execute_result":
            data = message.content.get("data")
            found = data.get("text/plain") if isinstance(data, dict) else None
            if found != _RESULT:
                raise CommandFailed(f"The kernel says that {_SUM} is {shown(str(found), 40)}.")
            return
        if message.msg_type == "error":
            name = shown(str(message.content.get("ename", "")), 60)
            raise CommandFailed(f"The kernel failed at {_SUM} ({name}).")


def _no_websocket(by: str, status: object) -> str:
    return (
        f"{by} passes no websocket on ({status}): notebooks open, and nothing computes. Apache "
        "needs mod_proxy_wstunnel, nginx the headers Upgrade and Connection."
    )


def trouble_before(course: Course, name: str, uid: int) -> str:
    """Where the public address failed: whose trouble it is, as a sentence."""
    try:
        by_proxy(course, name, uid).page()
    except (HubDown, HubForeign) as e:
        return f"The proxy does not reach it either: {e}"
    except HubtuiError:
        return "The proxy does not reach it either. See: hubtui watchdog status"
    return "The proxy reaches it, so the web server before it is the trouble: look at its log."
