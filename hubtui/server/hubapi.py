"""JupyterHub's REST API, asked with the token of the service `hubtui`.

Ask the hub's own port (http://127.0.0.1:8081/hub/api), which answers while the proxy is dead. What
is relied on here was seen with JupyterHub 1.2.2, 2.0.2 and 5.5.4. Every call opens a connection of
its own, looks who listens there (`listeners`) and only then sends the token; it follows no
redirect. Names and answers are hostile: names are quoted, answers limited in length and time.
"""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any, Literal, cast
from urllib.parse import quote

import msgspec

from hubtui import typed
from hubtui.errors import ConfigError, HubDown, HubError, HubForeign, Refused
from hubtui.names import shown
from hubtui.server import listeners
from hubtui.server.listeners import Place

Moment = Annotated[datetime, msgspec.Meta(tz=True)]

CONFIG_SERVICE = (
    'c.JupyterHub.services = [{"name": "hubtui", '
    '"api_token": open("/etc/hubtui/token").read().strip()}]'
)
# All of these exist since 2.0. A hub that does not know a scope, as 2.0.2 read:metrics, ends.
SCOPES = ("list:users", "read:users", "read:servers", "delete:servers", "delete:users")


def scopes_of(probe: str = "") -> tuple[str, ...]:
    """What the token may; with ``probe`` it may make and start that account as well."""
    more = (f"admin:users!user={probe}", f"servers!user={probe}") if probe else ()
    return (*SCOPES, *more)


def config_role(probe: str = "") -> str:
    """The line that gives the token its role."""
    scopes = ", ".join(f'"{scope}"' for scope in scopes_of(probe))
    return (
        'c.JupyterHub.load_roles = [{"name": "hubtui", "services": ["hubtui"], "scopes": '
        f"[{scopes}]}}]"
    )


CONFIG_ROLE = config_role()
CONFIG_BEFORE_2 = CONFIG_SERVICE.replace('"hubtui", ', '"hubtui", "admin": True, ')

_LARGEST = 16 * 2**20  # bytes of one answer: 5,000 running servers of 1.2 are some 3 MB
_PAGE = 200  # users: the most that a hub gives at once (api_page_max_limit)
_SLOW_START = 15.0  # seconds: the hub says 202 after its slow_spawn_timeout of 10
_SLOW_STOP = 15.0  # seconds: the hub says 202 after its slow_stop_timeout of 10
_UNREADABLE = (msgspec.DecodeError, ValueError, RecursionError)
_PAGINATION = "application/jupyterhub-pagination+json"


class TokenRefused(HubError):
    """The hub does not know the token, or not for this. `lines` in its configuration mend it."""

    def __init__(self, sentence: str, lines: tuple[str, ...]) -> None:
        """`sentence` alone says what is wrong; as text the exception says both."""
        self.sentence, self.lines = sentence, lines
        by_hand = f"by hand, in jupyterhub_config.py: {' and '.join(lines)}"
        super().__init__(
            f"{sentence}. Mend it with: sudo hubtui install token, then restart the hub ({by_hand})"
        )


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


class _Owner(msgspec.Struct, frozen=True):
    scopes: list[str]  # all of them, also those that others include


class _Kernel(msgspec.Struct, frozen=True):
    execution_state: str = "unknown"


class _Message(msgspec.Struct, frozen=True):
    message: str = ""


class Answer(msgspec.Struct, frozen=True):
    """An answer of whoever listens at `place`; `body` is hostile."""

    place: Place
    status: int
    hub_version: str
    body: bytes

    @property
    def absent(self) -> bool:
        """The API itself says 404: not a page of the hub, nor another web server."""
        return self.status == 404 and bool(self.hub_version) and self.body.startswith(b"{")


class HubApi(msgspec.Struct, frozen=True, kw_only=True):
    """One hub. Every method may be called in any thread.

    `url` is `hub.api` of course.yaml, `uid` the one that its listener must have
    (`listeners.expected_uid`), `timeout` the seconds on the clock that `version` and `users` take
    at most, however slowly the answer drips (to look up the name of an `https` comes on top). The
    others ask the hub more than once, or wait for it to stop a server: as much for each request.

    Every method raises HubDown, HubImpostor, HubForeign, or HubError with what is missing in the
    hub's configuration. Making a HubApi raises ConfigError for a wrong url or token.
    """

    url: str
    uid: int
    token: str | None = None
    timeout: float = 10.0

    def __post_init__(self) -> None:
        listeners.place_of(self.url, "hub.api", self.uid)
        if self.token is not None and not is_token(self.token):
            raise ConfigError("hub.token_file: a token is one line of letters and digits.")

    def __repr__(self) -> str:
        return f"HubApi({self.url!r}, uid={self.uid}, token={'…' if self.token else None})"

    def version(self) -> str:
        """The hub's version. Needs no token."""
        answer = self._call("GET", "", token=False)
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
        which = f"servers/{_quoted(server_name)}" if server_name else "server"
        path = f"/users/{_quoted(name)}/{which}"
        answer = self._call("DELETE", path, within=self._deadline() + _SLOW_STOP)
        if answer.status == 204:
            return "stopped"
        if answer.absent:
            return "not running"
        if answer.status != 202:
            raise _refusal(answer, f"stop the server of {shown(name, 60)}", "delete:servers")
        until = time.monotonic() + wait
        while (running := self._is_running(name, server_name)) and time.monotonic() < until:
            time.sleep(every)
        return "stopped" if running is False else "stopping"

    def add_user(self, name: str) -> None:
        """Have the hub know `name`, who need not log in for that; nothing where it does."""
        answer = self._call("POST", f"/users/{_quoted(name)}")
        doing, scope = f"make its user {shown(name, 60)}", f"admin:users!user={name}"
        if answer.absent:  # so it says where the right is for somebody else
            raise lacking(doing, scope, name)
        if answer.status not in (201, 409):  # 409: it knows the name already
            raise _refusal(answer, doing, scope, config_role(name))

    def start_server(self, name: str) -> bool:
        """Have a notebook server started; it takes seconds until `server_of` says that it is ready.

        False: the hub does not know the name, or the right is for somebody else. Raises HubError
        with the hub's own words where the server does not even begin.
        """
        within = self._deadline() + _SLOW_START
        answer = self._call("POST", f"/users/{_quoted(name)}/server", within=within)
        if answer.absent:
            return False
        if answer.status not in (201, 202):
            doing = f"start the server of {shown(name, 60)}"
            raise _refusal(answer, doing, f"servers!user={name}", config_role(name))
        return True

    def server_of(self, name: str) -> RunningServer | None:
        """The default notebook server as the hub knows it; None: it has none, or not the name."""
        answer = self._call("GET", f"/users/{_quoted(name)}")
        if answer.absent:
            return None
        if answer.status != 200:
            raise _refusal(answer, f"say how the server of {shown(name, 60)} is", "read:servers")
        user: _User = _decoded(answer, _User)
        return next((one for one in user.known().servers if not one.name), None)

    def delete_user(self, name: str) -> Literal["deleted", "unknown"]:
        """Removes the hub's user, ends sessions and server, and NativeAuthenticator's sign-up.

        "unknown": who never logged in is not the hub's user yet; then the sign-up is still there.
        """
        within = self._deadline() + _SLOW_STOP
        answer = self._call("DELETE", f"/users/{_quoted(name)}", within=within)
        if answer.status == 204:
            return "deleted"
        if answer.absent:
            return "unknown"
        if answer.status == 400:
            raise HubError(f"The hub did not delete {shown(name, 60)}: {_message(answer)}")
        raise _refusal(answer, f"delete {shown(name, 60)}", "delete:users")

    def missing_scopes(self) -> list[str]:
        """Those of SCOPES that the token lacks. For JupyterHub 2 and later: 1.2 answers 500."""
        answer = self._call("GET", "/user")
        if answer.status != 200:
            raise _refusal(answer, "take the token", "")
        owner: _Owner = _decoded(answer, _Owner)
        return [scope for scope in SCOPES if scope not in owner.scopes]

    def check_token(self) -> None:
        """One small question with the token; a hub before 2.0 answers it with all its users.

        Raises TokenRefused where the hub does not take it.
        """
        answer = self._call("GET", "/users?limit=1")
        if answer.status != 200:
            raise _refusal(answer, "take the token", "list:users")

    def _is_running(self, name: str, server_name: str) -> bool | None:
        """None: the token may not see it."""
        answer = self._call("GET", f"/users/{_quoted(name)}")
        if answer.absent:
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
        within: float | None = None,
        token: bool = True,
        accept: str = "application/json",
    ) -> Answer:
        if token and self.token is None:
            raise HubError("The hub's API wants a service token: set hub.token_file.")
        place = listeners.place_of(self.url, "hub.api", self.uid)
        secret = self.token if token else None
        within = within or self._deadline()
        return ask(place, method, place.path + path, secret, within, accept)


def lacking(doing: str, scope: str, probe: str) -> TokenRefused:
    """The token may not do that to the probe; `doing` completes "The hub did not …"."""
    return TokenRefused(
        f"The hub did not {doing}: the token's role lacks the scope {scope}", (config_role(probe),)
    )


def busy_at(place: Place, path: str, token: str, within: float) -> int | None:
    """How many kernels compute at a notebook server; None: it does not say, or not in time.

    The server is a student's process: `token` must be one that the student may know. Raises
    HubImpostor when another uid than `place.believe` listens there.
    """
    try:
        answer = ask(place, "GET", path, token, within)
        if answer.status != 200:
            return None
        kernels: list[_Kernel] = _decoded(answer, list[_Kernel])
    except (HubDown, HubForeign):  # the student's server is slow, or not a notebook server
        return None
    return sum(kernel.execution_state == "busy" for kernel in kernels)


def _decoded(answer: Answer, shape: Any) -> Any:
    try:
        return typed.decode(answer.body, shape)
    except _UNREADABLE as error:
        raise HubForeign(
            f"What answers at {answer.place.name} is no JupyterHub that hubtui knows "
            f"({shown(str(error), 120)}): does hub.api end in /hub/api, on the hub's own port?"
        ) from error


def _message(answer: Answer) -> str:
    """The hub's own words, on one line."""
    with suppress(*_UNREADABLE):
        return shown(typed.decode(answer.body, _Message).message, 200)
    return ""


def _refusal(answer: Answer, doing: str, scope: str, role: str = CONFIG_ROLE) -> HubError:
    """`doing` completes "The hub did not …"; `scope` is what the token's role needs for it."""
    status, where = answer.status, answer.place.name
    if 300 <= status < 400:
        return HubForeign(
            f"{where} sends hubtui elsewhere ({status}), and a token does not follow: hub.api in "
            "course.yaml must be the hub's own port, such as http://127.0.0.1:8081/hub/api."
        )
    if status in (401, 403):
        why, lines = _missing(answer, scope, role)
        return TokenRefused(f"The hub did not {doing} ({status}): {why}", lines)
    if status == 404:
        return HubError(f"The hub did not {doing} (404): does hub.api end in /hub/api?")
    if status >= 500:
        said = f": {words}" if (words := _message(answer)) else ""
        return HubError(
            f"The hub did not {doing}: it failed itself ({status}{said}). Look at its log."
        )
    return HubError(f"The hub did not {doing} ({status}): {_message(answer)}")


def _missing(answer: Answer, scope: str, role: str) -> tuple[str, tuple[str, ...]]:
    """What is missing, and the lines that add it."""
    if answer.hub_version.startswith(("0.", "1.")):
        return "it does not know the token as an admin's", (CONFIG_BEFORE_2,)
    if "scope" in _message(answer):
        if answer.hub_version.startswith("2."):  # 2.0.2 says so of a token that it does not know
            why = f"it does not know the token, or the token's role lacks the scope {scope}"
            return why, (CONFIG_SERVICE, role)
        return f"the token's role lacks the scope {scope}", (role,)
    return "it does not know the token", (CONFIG_SERVICE, role)


def _quoted(name: str) -> str:
    with suppress(UnicodeEncodeError):
        if name not in ("", ".", ".."):  # a web server on the way could take these as a path
            return quote(name, safe="")
    raise Refused(f"The hub can't be asked about the name {shown(repr(name), 60)}.")


def is_token(token: str) -> bool:
    """Whether it can be one: nothing that would end its line in a request."""
    return token.isascii() and token.isprintable() and " " not in token and token != ""


def ask(
    place: Place,
    method: str,
    path: str,
    token: str | None,
    within: float,
    accept: str = "application/json",
) -> Answer:
    """One request on a connection of its own, done at the moment `within` (monotonic).

    The token goes to nobody but who is believed at `place`, and no redirect is followed. Raises
    HubDown, HubImpostor, HubForeign.
    """
    import http.client  # late: with ssl and email it takes longer than all else here
    import ssl

    lines = [f"{method} {path} HTTP/1.1", f"Host: {place.name}", f"Accept: {accept}"]
    lines += ["User-Agent: hubtui", "Connection: close"]
    if method != "GET":
        lines += ["Content-Type: application/json", "Content-Length: 0"]
    if token is not None:
        lines.append(f"Authorization: token {token}")
    request = "\r\n".join([*lines, "", ""]).encode("ascii")
    try:
        with listeners.connected(place, within) as sock:
            sock.settimeout(listeners.left(within))
            sock.sendall(request)
            wire = cast(socket.socket, listeners.Wire(sock, within, place, _LARGEST))
            response = http.client.HTTPResponse(wire, method=method)
            response.begin()
            content = response.read(_LARGEST)
            if response.length:
                raise ConnectionAbortedError
            version = response.headers.get("X-JupyterHub-Version", "")
            return Answer(place, response.status, version, content)
    except TimeoutError as error:
        raise HubDown(f"The hub at {place.name} did not answer in time: busy or hung.") from error
    except ConnectionRefusedError as error:
        raise HubDown(f"Nobody answers at {place.name}: is the hub running?") from error
    except ssl.SSLCertVerificationError as error:
        raise HubForeign(f"{place.name} is not certified: {error.verify_message}.") from error
    except (ConnectionError, http.client.IncompleteRead) as error:
        raise HubDown(f"The hub at {place.name} hung up before its answer was complete.") from error
    except OSError as error:
        raise HubDown(f"The hub at {place.name} can't be reached: {error.strerror}.") from error
    except (http.client.HTTPException, ValueError) as error:
        raise HubForeign(f"What listens at {place.name} does not speak HTTP.") from error
