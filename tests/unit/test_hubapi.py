"""The hub's REST API: a real JupyterHub, real squatters, and real servers that misbehave."""

from __future__ import annotations

import http.client
import importlib.util
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from hubtui.errors import ConfigError, HubDown, HubError, HubForeign, HubImpostor, Refused
from hubtui.server import hubapi
from hubtui.server.hubapi import HubApi, TokenRefused
from hubtui.server.listeners import place_of

ME = os.getuid()
TOKEN = "the-service-token-of-hubtui"
BIN = Path(sys.executable).parent
has_hub = importlib.util.find_spec("jupyterhub") is not None
needs_hub = pytest.mark.skipif(not has_hub, reason="JupyterHub is missing: install hubtui[demo]")
as_root = pytest.mark.skipif(ME != 0, reason="only root can be somebody else")

HUB_CONFIG = """
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "simple"
c.Spawner.cmd = [{bin!r} + "/jupyterhub-singleuser"]
c.Spawner.args = ["--allow-root"]
c.JupyterHub.bind_url = "http://127.0.0.1:{public}"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{hub}"
c.ConfigurableHTTPProxy.command = [{bin!r} + "/configurable-http-proxy"]
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy}"
c.JupyterHub.api_page_max_limit = 10  # not 200, so that few users are more than a page
c.JupyterHub.tornado_settings = {{"slow_stop_timeout": 0}}  # a stop is a 202 whenever it can be
c.JupyterHub.load_roles = [
    {{"name": "hubtui", "services": ["hubtui"], "scopes": ["list:users", "read:users",
      "read:servers", "delete:servers", "delete:users", "read:hub", "read:metrics"]}},
    {{"name": "lister", "services": ["lister"], "scopes": ["list:users", "read:users:name"]}},
    {{"name": "chief", "services": ["chief"], "scopes":
      ["admin:users", "admin:servers", "access:servers"]}},
]
c.JupyterHub.services = [
    {{"name": "hubtui", "api_token": {token!r}}},
    {{"name": "lister", "api_token": "token-that-lists-only"}},
    {{"name": "chief", "api_token": "token-of-the-chief"}},
]
"""


class Hub(NamedTuple):
    url: str
    proxy: str
    process: subprocess.Popen[bytes]

    def api(self, token: str | None = TOKEN, timeout: float = 20) -> HubApi:
        return HubApi(url=self.url, uid=ME, token=token, timeout=timeout)

    def chief(self, method: str, path: str, body: object = None) -> Any:
        """What the tests need of the hub and hubtui does not."""
        return ask(self.url + path, method, "token-of-the-chief", body)


def ask(url: str, method: str, token: str, body: object = None) -> Any:
    place, path = url.removeprefix("http://").split("/", 1)
    connection = http.client.HTTPConnection(place, timeout=60)
    headers = {"Authorization": f"token {token}", "Content-Type": "application/json"}
    connection.request(method, f"/{path}", json.dumps(body) if body else None, headers)
    response = connection.getresponse()
    text = response.read()
    connection.close()
    assert response.status < 300, (response.status, text)
    return json.loads(text) if text else None


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def eventually(what: Callable[[], bool], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.1)


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    folder = tmp_path_factory.mktemp("hub")
    ports = {"hub": free_port(), "public": free_port(), "proxy": free_port()}
    config = folder / "jupyterhub_config.py"
    config.write_text(HUB_CONFIG.format(bin=str(BIN), token=TOKEN, **ports))
    environment = {"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(folder)}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [BIN / "jupyterhub", "-f", config], cwd=folder, env=environment, stdout=log, stderr=log
        )
    hub = Hub(
        f"http://127.0.0.1:{ports['hub']}/hub/api", f"http://127.0.0.1:{ports['public']}", process
    )

    def up() -> bool:
        assert process.poll() is None, (folder / "log").read_text()
        with suppress(HubError):
            return bool(hub.api().version())
        return False

    try:
        eventually(up)
        yield hub
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture
def anna(hub: Hub) -> Iterator[str]:
    """A student whose notebook server runs."""
    hub.chief("POST", "/users/anna")
    hub.chief("POST", "/users/anna/server")
    eventually(lambda: bool(hub.chief("GET", "/users/anna")["servers"]))
    eventually(lambda: bool(hub.chief("GET", "/users/anna")["servers"][""]["ready"]))
    yield "anna"
    hub.api().stop_server("anna")
    hub.api().delete_user("anna")


@contextmanager
def answering(*pieces: bytes, pause: float = 0) -> Iterator[tuple[HubApi, list[bytes]]]:
    """A server of our own uid that says these pieces, and the requests that it got.

    It goes on with the last piece until the other side hangs up.
    """
    requests: list[bytes] = []

    def serve(server: socket.socket) -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            with client, suppress(OSError):
                requests.append(client.recv(65536))
                for piece in pieces[:-1]:
                    client.sendall(piece)
                    time.sleep(pause)
                while pieces and pieces[-1]:
                    client.sendall(pieces[-1])
                    time.sleep(pause)
                if not pieces:
                    client.recv(1)  # says nothing until the other side goes

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=[server], daemon=True)
        thread.start()
        port = server.getsockname()[1]
        try:
            yield (
                HubApi(url=f"http://127.0.0.1:{port}/hub/api", uid=ME, token=TOKEN, timeout=0.5),
                requests,
            )
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def http_answer(body: bytes, status: str = "200 OK", head: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


# A real hub


@needs_hub
@pytest.mark.hub
def test_the_version_is_known_without_a_token(hub: Hub) -> None:
    assert hub.api(token=None).version().startswith("5.")


@needs_hub
@pytest.mark.hub
def test_more_users_than_a_page_are_all_listed_once(hub: Hub) -> None:
    names = [f"student{number:02}" for number in range(25)]
    hub.chief("POST", "/users", {"usernames": names})
    try:
        listed = [user.name for user in hub.api().users()]
        assert [name for name in listed if name.startswith("student")] == names
    finally:
        for name in names:
            assert hub.api().delete_user(name) == "deleted"
    assert hub.api().delete_user("student00") == "unknown"


@needs_hub
@pytest.mark.hub
def test_a_running_server_is_listed_and_stopped(hub: Hub, anna: str) -> None:
    [user] = [user for user in hub.api().users() if user.name == anna]
    [server] = user.servers
    assert (server.name, server.ready, server.pending) == ("", True, None)
    assert server.started is not None
    assert server.started.tzinfo is not None
    assert hub.api().stop_server(anna) == "stopped"
    assert hub.api().stop_server(anna) == "not running"
    assert hub.api().stop_server("nobody-of-that-name") == "not running"


@needs_hub
@pytest.mark.hub
def test_a_user_is_made_and_the_server_started_by_who_may(hub: Hub) -> None:
    chief = hub.api(token="token-of-the-chief")
    assert chief.start_server("newcomer") is False
    chief.add_user("newcomer")
    chief.add_user("newcomer")
    assert hub.api().server_of("newcomer") is None
    assert chief.start_server("newcomer")
    until = time.monotonic() + 60
    while (found := hub.api().server_of("newcomer")) is None or not found.ready:
        assert time.monotonic() < until
        time.sleep(0.2)
    with pytest.raises(HubError, match="did not start the server of newcomer"):
        chief.start_server("newcomer")  # it runs already
    with pytest.raises(TokenRefused) as caught:
        hub.api().start_server("newcomer")
    assert caught.value.lines == (hubapi.config_role("newcomer"),)
    with pytest.raises(TokenRefused):
        hub.api().add_user("newcomer")
    assert hub.api().stop_server("newcomer") == "stopped"
    assert hub.api().delete_user("newcomer") == "deleted"


@needs_hub
@pytest.mark.hub
def test_a_frozen_server_is_stopping_and_its_user_is_not_deleted_yet(hub: Hub, anna: str) -> None:
    pid = _server_pid(hub)
    os.kill(pid, signal.SIGSTOP)
    try:
        assert hub.api().stop_server(anna, wait=0.5, every=0.1) == "stopping"
        [user] = [user for user in hub.api().users() if user.name == anna]
        assert [server.pending for server in user.servers] == ["stop"]
        with pytest.raises(HubError, match=r"did not delete anna.*in the process of stopping"):
            hub.api().delete_user(anna)
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    assert hub.api().stop_server(anna) in ("stopped", "not running")


def _server_pid(hub: Hub) -> int:
    import psutil

    children = psutil.Process(hub.process.pid).children()
    [server] = [child for child in children if "singleuser" in " ".join(child.cmdline())]
    return server.pid


@needs_hub
@pytest.mark.hub
@pytest.mark.parametrize("name", ["a b", "ä@ö", "?x=1#y", "..a", "[@click=app.quit]free", "a\nb"])
def test_hostile_names_mean_themselves(hub: Hub, name: str) -> None:
    hub.chief("POST", "/users", {"usernames": [name, "bystander"]})
    assert name in [user.name for user in hub.api().users()]
    assert hub.api().stop_server(name) == "not running"
    assert hub.api().delete_user(name) == "deleted"
    assert "bystander" in [user.name for user in hub.api().users()]
    assert hub.api().delete_user("bystander") == "deleted"


@needs_hub
@pytest.mark.hub
def test_an_unknown_token_is_told_with_the_lines_to_add(hub: Hub) -> None:
    with pytest.raises(HubError, match=r"\(403\): it does not know the token") as caught:
        hub.api(token="unknown-token").users()
    assert hubapi.CONFIG_SERVICE in str(caught.value)


@needs_hub
@pytest.mark.hub
def test_a_missing_scope_is_told_with_the_line_to_add(hub: Hub, anna: str) -> None:
    weak = hub.api(token="token-that-lists-only")
    assert anna in [user.name for user in weak.users()]
    with pytest.raises(HubError, match="lacks the scope delete:servers") as caught:
        weak.stop_server(anna)
    assert hubapi.CONFIG_ROLE in str(caught.value)
    with pytest.raises(HubError, match="lacks the scope delete:users"):
        weak.delete_user(anna)


@needs_hub
@pytest.mark.hub
async def test_a_busy_kernel_is_counted_as_long_as_it_computes(hub: Hub, anna: str) -> None:
    from tornado.httpclient import HTTPRequest
    from tornado.websocket import websocket_connect

    place = place_of(hub.proxy, "hub.proxy", ME)

    def busy() -> int | None:
        path, until = f"/user/{anna}/api/kernels", time.monotonic() + 20
        return hubapi.busy_at(place, path, "token-of-the-chief", until)

    assert busy() == 0
    kernels = f"{hub.proxy}/user/{anna}/api/kernels"
    kernel = ask(kernels, "POST", "token-of-the-chief", {"name": "python3"})["id"]
    eventually(lambda: busy() == 0)
    request = HTTPRequest(
        f"{kernels}/{kernel}/channels".replace("http", "ws", 1),
        headers={"Authorization": "token token-of-the-chief"},
    )
    channel = await websocket_connect(request)
    header = {"msg_id": "1", "msg_type": "execute_request", "session": "1", "username": ""}
    message = {"header": header, "parent_header": {}, "metadata": {}, "channel": "shell"}
    message["content"] = {"code": "import time; time.sleep(600)", "silent": False}
    await channel.write_message(json.dumps(message))
    eventually(lambda: busy() == 1)
    channel.close()


@needs_hub
@pytest.mark.hub
def test_a_token_knows_what_its_role_lacks(hub: Hub) -> None:
    assert hub.api().missing_scopes() == []
    weak = hub.api(token="token-that-lists-only").missing_scopes()
    assert weak == ["read:users", "read:servers", "delete:servers", "delete:users"]


@needs_hub
@pytest.mark.hub
def test_a_hung_hub_is_a_hub_that_is_down(hub: Hub) -> None:
    os.kill(hub.process.pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        with pytest.raises(HubDown, match="did not answer in time"):
            hub.api(timeout=0.5).users()
        assert 0.4 < time.monotonic() - started < 5
    finally:
        os.kill(hub.process.pid, signal.SIGCONT)
    assert hub.api().version()


# Somebody else

SQUATTER = """
import os, socket, sys
os.setgid(65534); os.setuid(65534)
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1], flush=True)
c, _ = s.accept()
c.settimeout(5)
print(c.recv(65536), flush=True)
"""


@contextmanager
def squatter() -> Iterator[tuple[str, Callable[[], str]]]:
    """A listener of uid 65534: its address, and what it read (until the other side hung up)."""
    with subprocess.Popen(
        [sys.executable, "-c", SQUATTER], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}", process.stdout.readline
        finally:
            process.kill()


@as_root
@pytest.mark.parametrize("call", [HubApi.users, HubApi.version])
def test_a_squatter_on_the_hubs_port_gets_no_byte(call: Callable[[HubApi], object]) -> None:
    with squatter() as (address, read):
        api = HubApi(url=f"{address}/hub/api", uid=0, token=TOKEN)
        with pytest.raises(HubImpostor, match=r"held by uid 65534 \(nobody\)"):
            call(api)
        assert read() == "b''\n"


@as_root
def test_a_squatter_on_a_notebook_servers_port_gets_no_byte() -> None:
    with squatter() as (address, read):
        place = place_of(address, "JUPYTERHUB_SERVICE_URL", 0)
        with pytest.raises(HubImpostor, match=r"held by uid 65534 \(nobody\)"):
            hubapi.busy_at(place, "/api/kernels", TOKEN, time.monotonic() + 5)
        assert read() == "b''\n"


def test_nobody_on_the_port_is_a_hub_that_is_down() -> None:
    with pytest.raises(HubDown, match=r"Nobody answers at 127\.0\.0\.1"):
        HubApi(url=f"http://127.0.0.1:{free_port()}/hub/api", uid=ME).version()


def test_a_server_that_says_nothing_is_left_in_time() -> None:
    with answering() as (api, _), pytest.raises(HubDown, match="did not answer in time"):
        api.users()


@pytest.mark.parametrize(
    "start", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n["]
)
def test_an_answer_that_drips_is_left_in_time(start: bytes) -> None:
    with answering(start, b"1", pause=0.05) as (api, _):
        started = time.monotonic()
        with pytest.raises(HubDown, match="did not answer in time"):
            api.users()
        assert 0.4 < time.monotonic() - started < 2


@pytest.mark.parametrize(
    "start",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 209715200\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffff\r\n",
    ],
)
def test_an_endless_answer_is_not_kept(start: bytes) -> None:
    with answering(start, b" " * 2**20) as (api, _):
        patient = msgspec.structs.replace(api, timeout=20)
        with pytest.raises(HubForeign, match="is longer than any hub's"):
            patient.users()


def test_a_redirect_is_not_followed() -> None:
    with answering(http_answer(b"[]")) as (target, taken):
        head = f"Location: {target.url}\r\n"
        with answering(http_answer(b"", "302 Found", head), b"") as (api, requests):
            with pytest.raises(HubForeign, match=r"sends hubtui elsewhere \(302\)"):
                api.users()
            assert len(requests) == 1
        assert taken == []


@pytest.mark.parametrize(
    "answer",
    [
        http_answer(b"<html>It works!</html>"),
        http_answer(b'{"items": 1}'),
        http_answer(b'[{"name": 1}]'),
        http_answer(b"[" * 100_000),
        http_answer(b'[{"name": "\xff"}]'),
        http_answer(b'[{"name": "anna", "last_activity": "yesterday"}]'),
        http_answer(b'{"items": [], "_pagination": {"next": {"offset": 0}}}'),
        b"SSH-2.0-OpenSSH_9.2p1\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-7\r\n",
    ],
)
def test_what_is_no_hub_is_foreign(answer: bytes) -> None:
    with answering(answer, b"") as (api, _), pytest.raises(HubForeign):
        api.users()


@pytest.mark.parametrize("answer", [b"", http_answer(b"[] ")[:-1]])
def test_a_server_that_hangs_up_early_is_a_hub_that_is_down(answer: bytes) -> None:
    with answering(answer, b"") as (api, _), pytest.raises(HubDown, match="hung up before"):
        api.users()


@pytest.mark.parametrize(
    ("status", "sentence"),
    [("404 Not Found", "end in /hub/api"), ("500 Oh", "failed itself"), ("418 Tea", "\\(418\\)")],
)
def test_an_error_of_the_hub_is_one_sentence(status: str, sentence: str) -> None:
    with (
        answering(http_answer(b'{"message": "\x1b[31m\\n"}', status), b"") as (api, _),
        pytest.raises(HubError, match=sentence) as caught,
    ):
        api.users()
    assert str(caught.value).isprintable()


def test_a_web_server_that_knows_nothing_is_not_taken_for_a_hub_without_this_user() -> None:
    with answering(http_answer(b"{}", "404 Not Found"), b"") as (api, _):
        for call in (api.stop_server, api.delete_user):
            with pytest.raises(HubError, match=r"\(404\)"):
                call("anna")


@pytest.mark.parametrize(
    ("answer", "count"),
    [
        (http_answer(b'[{"execution_state": "busy"}, {"execution_state": "idle"}, {}]'), 1),
        (http_answer(b"[]"), 0),
        (http_answer(b"[]", "403 Forbidden"), None),
        (http_answer(b"my own web server"), None),
    ],
)
def test_busy_kernels_are_counted_where_the_server_says_so(
    answer: bytes, count: int | None
) -> None:
    with answering(answer, b"") as (api, _):
        place = place_of(api.url, "url", ME)
        assert hubapi.busy_at(place, "/api/kernels", "t", time.monotonic() + 5) == count


# Old hubs

# Recorded from JupyterHub 1.2.2: anna's server runs, bert never logged in.
USERS_1_2 = (
    b'[{"kind": "user", "name": "anna", "admin": false, "groups": [], "server": "/user/anna/", '
    b'"pending": null, "created": "2026-11-23T00:21:09.708954Z", '
    b'"last_activity": "2026-11-23T00:21:11.356950Z", "servers": {"": {"name": "", '
    b'"last_activity": "2026-11-23T00:21:11.356950Z", "started": "2026-11-23T00:21:09.749926Z", '
    b'"pending": null, "ready": true, "state": {"pid": 9500}, "url": "/user/anna/", '
    b'"user_options": {}, "progress_url": "/hub/api/users/anna/server/progress"}}}, '
    b'{"kind": "user", "name": "bert", "admin": false, "groups": [], "server": null, '
    b'"pending": null, "created": "2026-11-23T00:21:09.717166Z", "last_activity": null, '
    b'"servers": {}}]'
)


def test_the_users_of_a_hub_1_2_are_read() -> None:
    with answering(http_answer(USERS_1_2), b"") as (api, _):
        anna, bert = api.users()
    assert anna.last_activity is not None
    assert anna.last_activity.isoformat() == "2026-11-23T00:21:11.356950+00:00"
    assert [server.ready for server in anna.servers] == [True]
    assert (bert.last_activity, bert.servers) == (None, ())


def test_where_servers_may_not_be_read_the_users_own_fields_tell() -> None:
    users = (
        b'[{"name": "anna", "server": "/user/anna/"}, {"name": "bert", "pending": "spawn"}, '
        b'{"name": "carl", "servers": null}]'
    )
    with answering(http_answer(users), b"") as (api, _):
        anna, bert, carl = api.users()
    assert [server.ready for server in anna.servers] == [True]
    assert [(server.ready, server.pending) for server in bert.servers] == [(False, "spawn")]
    assert carl.servers == ()


def test_a_hub_before_roles_is_told_to_make_the_service_an_admin() -> None:
    answer = http_answer(b"{}", "403 Forbidden", "X-JupyterHub-Version: 1.2.2\r\n")
    with (
        answering(answer, b"") as (api, _),
        pytest.raises(HubError, match='"admin": True'),
    ):
        api.users()


def test_no_role_is_told_that_a_hub_2_0_would_not_start_with() -> None:
    """JupyterHub 2.0.2 ended with: Scope 'read:metrics' for role hubtui does not exist."""
    of_2_0 = {"list:users", "read:users", "read:servers", "delete:servers", "delete:users"}
    assert set(re.findall(r"[a-z]+:[a-z]+", hubapi.CONFIG_ROLE)) == of_2_0


def test_an_unknown_token_is_told_of_the_service_by_a_hub_2_0_as_well() -> None:
    """Recorded from JupyterHub 2.0.2, asked with a token that it does not know."""
    body = (
        b'{"status": 403, "message": "Action is not authorized with current scopes; '
        b'requires any of [list:users]"}'
    )
    answer = http_answer(body, "403 Forbidden", "X-JupyterHub-Version: 2.0.2\r\n")
    with (
        answering(answer, b"") as (api, _),
        pytest.raises(HubError, match="does not know the token, or the token's role") as caught,
    ):
        api.users()
    assert hubapi.CONFIG_SERVICE in str(caught.value)


def test_before_roles_the_hub_fails_when_asked_for_scopes() -> None:
    """Recorded from JupyterHub 1.2.2, so doctor asks from 2.0 on only."""
    body = b'{"status": 500, "message": "Internal Server Error"}'
    answer = http_answer(body, "500 Internal Server Error", "X-JupyterHub-Version: 1.2.2\r\n")
    with answering(answer, b"") as (api, _), pytest.raises(HubError, match="failed itself"):
        api.missing_scopes()


# Wrong use


def test_without_a_token_the_sentence_names_the_key_to_set() -> None:
    with pytest.raises(HubError, match=r"hub\.token_file"):
        HubApi(url="http://127.0.0.1:1/hub/api", uid=ME).users()


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "tökèn"])
def test_a_token_that_could_not_be_one_is_refused(token: str) -> None:
    with pytest.raises(ConfigError, match="token_file"):
        HubApi(url="http://127.0.0.1:1/hub/api", uid=ME, token=token)


def test_a_host_name_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(ConfigError, match="numeric address"):
        HubApi(url="http://localhost:8081/hub/api", uid=ME, token=TOKEN)


@pytest.mark.parametrize("name", ["", ".", "..", "\ud800"])
def test_a_name_that_is_a_path_is_refused(name: str) -> None:
    with pytest.raises(Refused):
        HubApi(url="http://127.0.0.1:1/hub/api", uid=ME, token=TOKEN).delete_user(name)


def test_the_token_is_not_shown() -> None:
    assert TOKEN not in repr(HubApi(url="http://127.0.0.1:1/hub/api", uid=ME, token=TOKEN))
