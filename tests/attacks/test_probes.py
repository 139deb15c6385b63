"""Whoever listens where hub, proxy or web server should: it ends in time and believes nobody."""

from __future__ import annotations

import socket
import ssl
import struct
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme
from msgspec.structs import replace

from hubtui import course
from hubtui.course import Course
from hubtui.server import listeners
from hubtui.watchdog import probes
from hubtui.watchdog.patience import Patience
from hubtui.watchdog.records import Got, Layer, Memory, Probe, State, Verdict
from hubtui.watchdog.rules import CURED
from hubtui.watchdog.verdict import judge
from tests.course_on_disk import CONFIG, TEXT
from tests.sandboxed import Machine
from tests.unit.scenes import scene
from tests.watched import Watched, eventually, watched
from tests.webserver import backend

LIMIT = 1.0
"""Seconds: watchdog.probe_timeout."""
LITTLE = 4_000_000
"""Bytes, for four answers at once."""
MALLORY = 20066
OK = b"HTTP/1.1 200 OK\r\n"
ESCAPE = b"\x1b]0;owned\x07\x1b[2J\x9b31m\xe2\x80\xae"


def of(port: int, url: str = "") -> Course:
    """A course whose hub, proxy and public address are all on this port."""
    here = f"http://127.0.0.1:{port}"
    keys = f"  url: {url or here}\n  api: {here}/hub/api\n  proxy: {here}\n"
    CONFIG.parent.mkdir(parents=True, exist_ok=True)
    CONFIG.write_text(
        TEXT.replace("  url: http://127.0.0.1:8000\n", keys)
        + f"watchdog:\n  probe_timeout: {LIMIT}\n"
    )
    CONFIG.chmod(0o644)
    return course.load(CONFIG)


def ask(course: Course) -> dict[Layer, Probe]:
    """All four, within the time, with little memory, and with nothing in their texts that acts."""
    tracemalloc.start()
    began = time.monotonic()
    found = probes.ask(course, 0)
    took = time.monotonic() - began
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert took < LIMIT + 1
    assert peak < LITTLE
    for probe in found.values():
        assert probe.text.isprintable()
        assert len(probe.text) < 300
    memory, judged = Memory(), None
    for _ in range(2):  # what an answer can do to the verdict within a check's first looks
        judged, memory = judge(replace(scene(), probes=found), memory, Patience())
        assert judged.verdict not in CURED or not judged.sure, judged.text
        assert judged.text.isprintable()
    return found


def for_ever(client: socket.socket, begin: bytes, again: bytes) -> None:
    client.recv(4096)
    client.sendall(begin)
    while True:
        client.sendall(again)


def one_byte_a_second(client: socket.socket) -> None:
    client.recv(4096)
    for byte in OK + b"Content-Length: 0\r\n\r\n":
        client.sendall(bytes([byte]))
        time.sleep(0.2)


def a_body_drop_by_drop(client: socket.socket) -> None:
    client.recv(4096)
    client.sendall(OK + b"Content-Length: 1000\r\n\r\n")
    while True:
        client.sendall(b"x")
        time.sleep(0.1)


def reset(client: socket.socket) -> None:
    client.recv(4096)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def answer(text: bytes) -> Callable[[socket.socket], None]:
    def work(client: socket.socket) -> None:
        client.recv(4096)
        client.sendall(text)

    return work


def endless(begin: bytes, again: bytes) -> Callable[[socket.socket], None]:
    return lambda client: for_ever(client, begin, again)


def redirect(location: bytes) -> Callable[[socket.socket], None]:
    return answer(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location + b"\r\n\r\n")


BAD = {Got.BROKEN}
SLOW = {Got.BROKEN, Got.SILENT}
# What the hub's own port and what the public address are then called.
ANSWERS: dict[str, tuple[Callable[[socket.socket], None], set[Got], set[Got]]] = {
    "silence": (lambda client: time.sleep(5), {Got.SILENT}, {Got.SILENT}),
    "reset": (reset, BAD, BAD),
    "nothing": (lambda client: None, BAD, BAD),
    "one byte a second": (one_byte_a_second, {Got.SILENT}, {Got.SILENT}),
    "a body drop by drop": (a_body_drop_by_drop, {Got.SILENT}, {Got.SILENT}),
    "headers without end": (endless(OK, b"X-Of-Many: 1\r\n"), BAD, BAD),
    "a header without end": (endless(OK + b"X: ", b"x" * 999), BAD, BAD),
    "a status line without end": (endless(b"HTTP/1.1 200 ", b"O" * 999), BAD, BAD),
    "100 for ever": (endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), SLOW, SLOW),
    "100 with much to it, for ever": (
        endless(b"", b"HTTP/1.1 100 Continue\r\nX: " + b"x" * 60_000 + b"\r\n\r\n"),
        BAD,
        BAD,
    ),
    # Its status says that a hub answers; that it is JupyterHub nothing does.
    "a body without end": (endless(OK + b"\r\n", b"x" * 9999), {Got.OK}, {Got.STATUS}),
    "a chunk without end": (
        endless(OK + b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFF\r\n", b"x" * 9999),
        {Got.OK},
        {Got.STATUS},
    ),
    "a length beyond all": (
        endless(OK + b"Content-Length: 1" + b"0" * 30 + b"\r\n\r\n", b"x" * 9999),
        {Got.OK, Got.BROKEN},
        {Got.STATUS, Got.BROKEN},
    ),
    "no HTTP": (answer(b"SSH-2.0-OpenSSH_9.2\r\n"), BAD, BAD),
    "escapes as a status line": (answer(ESCAPE + b"\r\n\r\n"), BAD, BAD),
    "a status beyond all": (answer(b"HTTP/1.1 99999999 Odd\r\n\r\n"), BAD, BAD),
    "escapes in a header": (
        answer(b"HTTP/1.1 500 " + ESCAPE + b"\r\nX-" + ESCAPE + b": " + ESCAPE + b"\r\n\r\n"),
        {Got.STATUS},
        {Got.STATUS},
    ),
    "a redirect to itself": (redirect(b"/hub/login"), {Got.OK}, {Got.STATUS}),
    "a redirect to no web page": (redirect(b"javascript:alert(1)"), {Got.OK}, {Got.STATUS}),
    "a redirect to escapes": (
        redirect(b"gopher:" + ESCAPE),
        {Got.OK},
        {Got.STATUS},
    ),
    "a redirect to a file": (redirect(b"file:///etc/shadow"), {Got.OK}, {Got.STATUS}),
    "a redirect beyond all": (redirect(b"/" + b"a" * 60_000), {Got.OK}, {Got.STATUS, Got.BROKEN}),
    "a redirect to a port beyond all": (redirect(b"http://a:99999999/"), {Got.OK}, BAD),
    "a redirect that forges a request": (
        redirect(b"/\tHTTP/1.1%0d%0aX: y z"),
        {Got.OK},
        {Got.STATUS, Got.BROKEN},
    ),
}


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_that_is_none(name: str) -> None:
    work, hub, public = ANSWERS[name]
    with backend(work) as port:
        found = ask(of(port))
    assert {found[Layer.HUB].got} <= hub, found[Layer.HUB]
    assert {found[Layer.PUBLIC].got} <= public, found[Layer.PUBLIC]
    assert not found[Layer.PUBLIC].by_hub


@pytest.mark.usefixtures("machine")
def test_a_hub_or_proxy_with_a_certificate_for_a_name_is_believed_by_its_uid() -> None:
    """c.JupyterHub.ssl_cert: the proxy speaks TLS on an address that no certificate names."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("hub.example.test").configure_cert(context)

    def work(client: socket.socket) -> None:
        with context.wrap_socket(client, server_side=True) as wrapped:
            wrapped.recv(4096)
            wrapped.sendall(OK + b"Content-Length: 0\r\n\r\n")

    with backend(work) as port:
        of(port)
        here = f"https://127.0.0.1:{port}"
        CONFIG.write_text(CONFIG.read_text().replace(f"http://127.0.0.1:{port}", here))
        found = ask(course.load(CONFIG))
    assert [found[layer].got for layer in (Layer.HUB, Layer.PROXY, Layer.CHAIN)] == [Got.OK] * 3
    assert found[Layer.PUBLIC].got is Got.TLS


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("name", ["silence", "no HTTP", "a body without end", "reset"])
def test_tls_that_is_none(name: str) -> None:
    with backend(ANSWERS[name][0]) as port:
        public = ask(of(port, f"https://127.0.0.1:{port}"))[Layer.PUBLIC]
    assert public.got in (Got.SILENT, Got.TLS, Got.BROKEN)
    assert "certificate" not in public.text


# --- students ------------------------------------------------------------------------------------

THIEF = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
server = socket.socket(family)
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
if family == socket.AF_INET6:
    server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
server.bind((sys.argv[1], int(sys.argv[2])))
server.listen()
print("listens", flush=True)
while True:
    client, _ = server.accept()
    client.settimeout(5)
    asked = client.recv(999)
    print(f"asked: {asked!r}", flush=True)
    head = b"HTTP/1.1 200 OK\\r\\nX-JupyterHub-Version: 5\\r\\nContent-Length: 0\\r\\n\\r\\n"
    client.sendall(head)
    client.close()
"""


@contextmanager
def thief(address: str, port: int, said: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A student who listens there, and answers as a hub does."""
    words = [sys.executable, "-I", "-c", THIEF, address, str(port)]
    with said.open("wb") as out:
        process = subprocess.Popen(words, user=MALLORY, group=MALLORY, cwd="/", stdout=out)
    try:
        eventually(lambda: "listens" in said.read_text())
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def pair(_machine: Machine) -> Iterator[Watched]:
    _machine.restore()
    with watched(_machine) as found:
        _machine.adduser("mallory", MALLORY)
        yield found


@pytest.mark.hub
@pytest.mark.parametrize("address", ["::1", "127.0.0.2", "::"])
@pytest.mark.parametrize("whose", ["hub", "proxy"])
def test_a_student_beside_the_port_is_neither_asked_nor_called_a_thief(
    pair: Watched, tmp_path: Path, address: str, whose: str
) -> None:
    url = pair.hub.api if whose == "hub" else pair.hub.url
    with thief(address, listeners.place_of(url, "", 0).port, tmp_path / "said"):
        now = pair.check().now
    assert (now.state, now.verdict) == (State.UP, Verdict.UP), now.text
    assert "asked" not in (tmp_path / "said").read_text()


@pytest.mark.hub
def test_a_student_on_the_dead_proxys_port_is_named_and_told_nothing(
    pair: Watched, tmp_path: Path
) -> None:
    assert pair.check().now.state is State.UP
    hub, port = pair.hub_pid, listeners.place_of(pair.hub.url, "", 0).port
    pair.kill(pair.proxy_pid)
    with thief("127.0.0.1", port, tmp_path / "said") as process:
        # Else it asks for what students open, as a browser does.
        pair.configure(hub_keys="  url: https://nowhere.invalid\n")
        for _ in range(2):
            now = pair.check().now
            assert (now.verdict, now.restarts) == (Verdict.PORT_TAKEN, ())
            assert f"process {process.pid}" in now.text
            assert "mallory" in now.text
        assert process.poll() is None
        asked = (tmp_path / "said").read_text()
    assert pair.hub_pid == hub
    # The hub itself looks whether its proxy answers; hubtui is not among those who asked.
    assert "hubtui" not in asked
    pair.configure()
    pair.checks_until(lambda now: now.state is State.UP)
