"""JupyterHub's REST API, asked with the token of the service `hubtui`.

Ask the hub's own port (http://127.0.0.1:8081/hub/api), which answers while the proxy is dead. What
is relied on here was seen with JupyterHub 1.2.2 and 5.5.4. Every call opens a connection of its
own, looks who listens there (`listeners`) and only then sends the token; it follows no redirect.
Names and answers are hostile: names are quoted, answers are limited in length and time.
"""

from __future__ import annotations

import io
import socket
import time
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast
from urllib.parse import quote

import msgspec

from hubtui.errors import ConfigError, HubDown, HubError, HubForeign, Refused
from hubtui.names import shown
from hubtui.server import listeners
from hubtui.server.listeners import Place

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Moment = Annotated[datetime, msgspec.Meta(tz=True)]

CONFIG_SERVICE = (
    'c.JupyterHub.services = [{"name": "hubtui", '
    '"api_token": open("/etc/hubtui/token").read().strip()}]'
)
CONFIG_ROLE = (
    'c.JupyterHub.load_roles = [{"name": "hubtui", "services": ["hubtui"], "scopes": '
    '["list:users", "read:users", "read:servers", "delete:servers", "delete:users", '
    '"read:hub", "read:metrics"]}]'
)
CONFIG_BEFORE_2 = CONFIG_SERVICE.replace('"hubtui", ', '"hubtui", "admin": True, ')

_LARGEST = 16 * 2**20  # bytes of one answer: 5,000 users of JupyterHub 1.2 are 3 MB
_PAGE = 200  # users: the most that a hub gives at once (api_page_max_limit)
_SLOW_STOP = 15.0  # seconds: the hub says 202 after its slow_stop_timeout of 10
_PAGINATION = "application/jupyterhub-pagination+json"


class RunningServer(msgspec.Struct, frozen=True, kw_only=True):
    """A notebook server that runs, starts or stops (`pending`: "spawn", "stop", None)."""

    name: str = ""
    ready: bool = False
    pending: str | None = None
    started: Moment | None = None
    last_activity: Moment | None = None


class HubUser(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody whom the hub knows: who has logged in, or whom an admin made."""

    name: str
    admin: bool
    last_activity: datetime | None
    servers: tuple[RunningServer, ...]


class _User(msgspec.Struct, frozen=True):
    name: str
    admin: bool = False
    last_activity: Moment | None = None
    server: str | None = None
    pending: str | None = None
    servers: dict[str, RunningServer] | None = None

    def known(self) -> HubUser:
        servers = self.servers
        if servers is None:  # without read:servers, or an old hub: only the default one is known
            alone = RunningServer(ready=self.pending is None, pending=self.pending)
            servers = {"": alone} if self.server or self.pending else {}
        return HubUser(
            name=self.name,
            admin=self.admin,
            last_activity=self.last_activity,
            servers=tuple(servers.values()),
        )


class _Next(msgspec.Struct, frozen=True):
    offset: int


class _Pagination(msgspec.Struct, frozen=True):
    next: _Next | None = None


class _Page(msgspec.Struct, frozen=True):
    items: list[_User]
    pagination: _Pagination = msgspec.field(name="_pagination")


class _Version(msgspec.Struct, frozen=True):
    version: str


class _Token(msgspec.Struct, frozen=True):
    id: str
    token: str


class _Kernel(msgspec.Struct, frozen=True):
    execution_state: str = "unknown"


class _Message(msgspec.Struct, frozen=True):
    message: str = ""


class _Answer(msgspec.Struct, frozen=True):
    place: Place
    status: int
    hub_version: str
    body: bytes


class HubApi(msgspec.Struct, frozen=True, kw_only=True):
    """One hub. Every method may be called in any thread, and blocks for `timeout` at most.

    `url` is `hub.api` of course.yaml, `uid` the one that its listener must have, `timeout` the
    seconds on the clock for one call, however slowly the answer drips (for `https` with a host
    name, looking up that name comes on top).

    Every method raises HubDown, HubImpostor, HubForeign, or HubError with what is missing in the
    hub's configuration. Making a HubApi raises ConfigError for a wrong url or token.
    """

    url: str
    uid: int
    token: str | None = None
    timeout: float = 10.0

    def __post_init__(self) -> None:
        listeners.place_of(self.url, "hub.api", self.uid)
        if self.token is not None and not _is_token(self.token):
            raise ConfigError("hub.token_file: a token is one line of letters and digits.")

    def __repr__(self) -> str:
        return f"HubApi({self.url!r}, uid={self.uid}, token={'…' if self.token else None})"

    def version(self) -> str:
        """The hub's version. Needs no token."""
        answer = self._call("GET", "", token=False, within=self._deadline())
        if answer.status != 200:
            raise _refusal(answer, "say its version", "")
        root: _Version = _decoded(answer, _Version)
        return root.version

    def users(self) -> list[HubUser]:
        """All whom the hub knows, by its own order. A hub gives 200 at once; we ask for all.

        Pages are cut by number: a user who is deleted meanwhile may hide another one until the
        next call.
        """
        found: dict[str, HubUser] = {}
        within = self._deadline()
        offset: int | None = 0
        while offset is not None:
            path = f"/users?limit={_PAGE}&offset={offset}"
            answer = self._call("GET", path, within=within, accept=_PAGINATION)
            if answer.status != 200:
                raise _refusal(answer, "list its users", "list:users")
            page: _Page | list[_User] = _decoded(answer, _Page | list[_User])
            before, here = len(found), offset
            if isinstance(page, _Page):
                found |= {user.name: user.known() for user in page.items}
                offset = page.pagination.next.offset if page.pagination.next else None
            else:
                # Before 2.0 a plain list: of all users (1.2, offset ignored), or a cut one (1.4).
                found |= {user.name: user.known() for user in page}
                offset = here + len(page) if len(found) > before else None
            if offset is not None and offset <= here:
                raise HubForeign(f"The hub at {answer.place.name} lists its users in a circle.")
        return list(found.values())

    def stop_server(
        self, name: str, server_name: str = "", *, wait: float = 60.0, every: float = 0.5
    ) -> Literal["stopped", "stopping", "not running"]:
        """Ends a notebook server. "stopping": it did not end within `wait` seconds.

        A frozen server took 63 s (the hub kills it then); look again later.
        """
        if self._is_running(name, server_name) is False:
            return "not running"
        path = f"/users/{_quoted(name)}/" + (
            f"servers/{_quoted(server_name)}" if server_name else "server"
        )
        answer = self._call("DELETE", path, within=self._deadline() + _SLOW_STOP)
        if answer.status == 204:
            return "stopped"
        if answer.status == 404:
            return "not running"
        if answer.status != 202:
            raise _refusal(answer, f"stop the server of {shown(name, 60)}", "delete:servers")
        until = time.monotonic() + wait
        while (running := self._is_running(name, server_name)) and time.monotonic() < until:
            time.sleep(every)
        return "stopped" if running is False else "stopping"

    def delete_user(self, name: str) -> Literal["deleted", "unknown"]:
        """Removes the hub's user, ends sessions and server, and NativeAuthenticator's sign-up.

        "unknown": who never logged in is not the hub's user yet; then the sign-up is still there.
        """
        within = self._deadline() + _SLOW_STOP
        answer = self._call("DELETE", f"/users/{_quoted(name)}", within=within)
        if answer.status == 204:
            return "deleted"
        if answer.status == 404:
            return "unknown"
        if answer.status == 400:
            raise HubError(
                f"The hub did not delete {shown(name, 60)}: {_message(answer)} Try again later."
            )
        raise _refusal(answer, f"delete {shown(name, 60)}", "delete:users")

    def busy_kernels(self, proxy: str, name: str, server_name: str = "") -> int | None:
        """How many kernels of this user compute now. None: that can't be known.

        Only the user's own server knows it, and that is the user's own process: it must never see
        hubtui's token. So the hub is asked for a token of that user, for that server alone and for
        a minute; this takes the scope `tokens`, which is not among CONFIG_ROLE because it is as
        much as being admin. Being asked counts as activity of the server: ask just before a stop.

        Raises HubImpostor when somebody else listens at `proxy` (such as http://127.0.0.1:8000).
        """
        place = listeners.place_of(proxy, "hub.proxy", self.uid)
        tokens = f"/users/{_quoted(name)}/tokens"
        scope = f"access:servers!server={name}/{server_name}"
        wish = {"note": "hubtui: is a kernel busy?", "expires_in": 60, "scopes": [scope]}
        answer = self._call("POST", tokens, within=self._deadline(), body=wish)
        if answer.status in (400, 403, 404):
            return None
        if answer.status not in (200, 201):
            raise _refusal(answer, "make a token", "tokens")
        theirs: _Token = _decoded(answer, _Token)
        try:
            # Quoted as the hub does it for its routes, or the proxy finds none.
            names = [quote(part, safe="@~") for part in (name, server_name) if part]
            path = f"{place.path}/user/{'/'.join(names)}/api/kernels?no_track_activity=1"
            return _busy(place, path, theirs.token, self._deadline())
        finally:
            with suppress(HubError):  # it ends by itself in a minute
                self._call("DELETE", f"{tokens}/{_quoted(theirs.id)}", within=self._deadline())

    def _is_running(self, name: str, server_name: str) -> bool | None:
        """None: the token may not see it."""
        answer = self._call("GET", f"/users/{_quoted(name)}", within=self._deadline())
        if answer.status == 404:
            return False
        if answer.status != 200:
            return None
        user: _User = _decoded(answer, _User)
        return None if user.servers is None else server_name in user.servers

    def _deadline(self) -> float:
        return time.monotonic() + self.timeout

    def _call(
        self,
        method: str,
        path: str,
        *,
        within: float,
        token: bool = True,
        accept: str = "application/json",
        body: object = None,
    ) -> _Answer:
        if token and self.token is None:
            raise HubError(
                "The hub's API is not asked without a service token: set hub.token_file."
            )
        place = listeners.place_of(self.url, "hub.api", self.uid)
        return _ask(
            place, method, place.path + path, self.token if token else None, within, accept, body
        )


def _busy(place: Place, path: str, token: str, within: float) -> int | None:
    try:
        answer = _ask(place, "GET", path, token, within)
        if answer.status != 200:
            return None
        kernels: list[_Kernel] = _decoded(answer, list[_Kernel])
    except (HubDown, HubForeign):  # the student's server is slow, or not a notebook server
        return None
    return sum(kernel.execution_state == "busy" for kernel in kernels)


# What the answers say


def _decoded(answer: _Answer, shape: Any) -> Any:
    try:
        return msgspec.json.decode(answer.body, type=shape)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise HubForeign(
            f"What answers at {answer.place.name} is no JupyterHub that hubtui knows "
            f"({shown(str(error), 120)}): does hub.api in course.yaml end in /hub/api, "
            "on the hub's own port?"
        ) from error


def _message(answer: _Answer) -> str:
    """The hub's own words, on one line."""
    try:
        said = msgspec.json.decode(answer.body, type=_Message).message
    except (msgspec.DecodeError, ValueError, RecursionError):
        said = ""
    return shown(said, 200)


def _refusal(answer: _Answer, doing: str, scope: str) -> HubError:
    """`doing` completes "The hub did not …"; `scope` is what the token's role needs for it."""
    status, where = answer.status, answer.place.name
    if 300 <= status < 400:
        return HubForeign(
            f"{where} sends hubtui elsewhere ({status}), and a token does not follow: hub.api in "
            "course.yaml must be the hub's own port, such as http://127.0.0.1:8081/hub/api."
        )
    if status in (401, 403):
        return HubError(f"The hub did not {doing} ({status}): {_missing(answer, scope)}")
    if status == 404:
        return HubError(
            f"The hub did not {doing} (404): nothing is there. Does hub.api in course.yaml end in "
            "/hub/api?"
        )
    if status >= 500:
        return HubError(f"The hub did not {doing}: it failed itself ({status}). Look at its log.")
    return HubError(f"The hub did not {doing} ({status}): {_message(answer)}")


def _missing(answer: _Answer, scope: str) -> str:
    where = "jupyterhub_config.py, then restart the hub"
    if answer.hub_version.startswith(("0.", "1.")):
        return (
            f"it does not know the token, or its service is no admin. In {where}: {CONFIG_BEFORE_2}"
        )
    if "scope" in _message(answer):
        return f"the token's role lacks the scope {scope}. In {where}: {CONFIG_ROLE}"
    return f"it does not know the token. In {where}: {CONFIG_SERVICE} and {CONFIG_ROLE}"


# How to ask


def _quoted(name: str) -> str:
    if name in ("", ".", ".."):  # a web server on the way could take these as a path
        raise Refused(f"The hub can't be asked about the name {name!r}.")
    try:
        return quote(name, safe="")
    except UnicodeEncodeError as error:
        raise Refused(f"The hub can't be asked about the name {shown(name, 60)}.") from error


def _is_token(token: str) -> bool:
    return token.isascii() and token.isprintable() and " " not in token and token != ""


def _ask(
    place: Place,
    method: str,
    path: str,
    token: str | None,
    within: float,
    accept: str = "application/json",
    body: object = None,
) -> _Answer:
    """One request on a connection of its own, done at the moment `within` (monotonic)."""
    import http.client  # late: with ssl and email it takes longer than all else here
    import ssl

    lines = [f"{method} {path} HTTP/1.1", f"Host: {place.name}", f"Accept: {accept}"]
    lines += ["User-Agent: hubtui", "Connection: close"]
    sent = b"" if body is None else msgspec.json.encode(body)
    if method != "GET":
        lines += ["Content-Type: application/json", f"Content-Length: {len(sent)}"]
    if token is not None:
        lines.append(f"Authorization: token {token}")
    request = "\r\n".join([*lines, "", ""]).encode("ascii") + sent
    try:
        with listeners.connected(place, within) as sock:
            sock.settimeout(listeners.left(within))
            sock.sendall(request)
            wire = cast(socket.socket, _Wire(sock, within, place.name))
            response = http.client.HTTPResponse(wire, method=method)
            response.begin()
            content = response.read(_LARGEST)
            if response.length:
                raise ConnectionAbortedError
            version = response.headers.get("X-JupyterHub-Version", "")
            return _Answer(place, response.status, version, content)
    except TimeoutError as error:
        raise HubDown(f"The hub at {place.name} did not answer in time: busy or hung.") from error
    except ConnectionRefusedError as error:
        raise HubDown(f"Nobody answers at {place.name}: is the hub running?") from error
    except ssl.SSLCertVerificationError as error:
        raise HubForeign(
            f"{place.name} has no valid certificate: {error.verify_message}."
        ) from error
    except (ConnectionError, http.client.IncompleteRead) as error:
        raise HubDown(f"The hub at {place.name} hung up before its answer was complete.") from error
    except OSError as error:
        raise HubDown(f"The hub at {place.name} can't be reached: {error.strerror}.") from error
    except (http.client.HTTPException, ValueError) as error:
        raise HubForeign(f"What listens at {place.name} does not speak HTTP.") from error


class _Wire(io.RawIOBase):
    """The reading end of a socket, limited in bytes, and in time as a whole, not per read.

    It stands in for the socket that HTTPResponse makes a file of.
    """

    def __init__(self, sock: socket.socket, within: float, name: str) -> None:
        self._sock, self._within, self._name = sock, within, name
        self._room = _LARGEST

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        self._sock.settimeout(listeners.left(self._within))
        got = self._sock.recv_into(buffer)
        self._room -= got
        if self._room < 0:
            raise HubForeign(f"The answer of {self._name} is longer than any hub's.")
        return got
