"""A web server in front of the hub that stops kernels, a class or an upload: seen, and mended."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import webserver
from tests.course_on_disk import CONFIG, ROSTER, CourseOnDisk, hubtui, make_course
from tests.sandboxed import Machine
from tests.webserver import NAME, Apache

WEB = Path("/srv/web")
APACHE = Path("/etc/apache2/apache2.conf")
NGINX = Path("/etc/nginx/nginx.conf")
BIN = Path("/root/webbin")
NAMES = [f"s{number:02}" for number in range(19)]
UPGRADE = "GET /user/s01/channels HTTP/1.1\r\nHost: {name}\r\nConnection: Upgrade\r\n"
UPGRADE += "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n\r\n"


@pytest.fixture
def course(machine: Machine) -> Iterator[CourseOnDisk]:
    made = make_course()
    with Path("/etc/passwd").open("a") as passwd:
        for uid, name in enumerate(NAMES, 20000):
            passwd.write(f"{name}:x:{uid}:100::/home/{name}:/bin/sh\n")
            Path("/home", name).mkdir(mode=0o700)
            os.chown(f"/home/{name}", uid, 100)
    ROSTER.write_text("".join(f"{name}\n" for name in NAMES))
    with webserver.backend(hub) as port:
        CONFIG.write_text(
            CONFIG.read_text().replace("hub:\n", f"hub:\n  proxy: http://127.0.0.1:{port}\n")
        )
        yield made


def hub(sock: socket.socket) -> None:
    """What stands behind: takes uploads, and websockets where they come through as such."""
    said = b""
    while b"\r\n\r\n" not in said:
        said += sock.recv(65536)
    head, _, body = said.partition(b"\r\n\r\n")
    if b"upgrade: websocket" in head.lower():
        sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n")
        sock.sendall(b"Connection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n")
        return
    length = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0].strip()
    left = int(length or 0) - len(body)
    while left > 0:
        left -= len(sock.recv(65536))
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def proxy_of_hub() -> str:
    line = next(line for line in CONFIG.read_text().splitlines() if "proxy:" in line)
    return line.partition("proxy: ")[2]


def found() -> dict[str, dict[str, str]]:
    return {each["id"]: each for each in json.loads(hubtui("doctor", "--json").stdout)["findings"]}


def of_the_web() -> set[str]:
    return {id_ for id_ in found() if id_.startswith("web.")}


def paste(command: str) -> None:
    path = f"{BIN}:/usr/sbin:/usr/bin:/sbin:/bin"
    done = subprocess.run(
        ["bash", "-c", command], env={"PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def eventually(what: Callable[[], str], wanted: str) -> None:
    """A server that was told to read its configuration does so in its own time."""
    until = time.monotonic() + 15
    while wanted not in (said := what()):
        assert time.monotonic() < until, said
        time.sleep(0.1)


def first_line(sock: socket.socket, request: bytes) -> str:
    sock.settimeout(10)
    with contextlib.suppress(OSError):  # whoever refuses an upload does not read it to its end
        sock.sendall(request)
    with contextlib.suppress(OSError):
        return sock.recv(200).split(b"\r\n")[0].decode()
    return ""


# --- Apache --------------------------------------------------------------------------------------


@pytest.fixture
def apache(course: CourseOnDisk) -> Iterator[Apache]:
    """A real Apache in the place of Debian's; apache2ctl as Debian's package has it."""
    if not webserver.PROGRAM.exists():
        pytest.skip("apache2 is not installed: bin/setup dev")
    BIN.mkdir(exist_ok=True)
    ctl = BIN / "apache2ctl"
    ctl.write_text(
        f'#!/bin/sh\n[ "$1" = configtest ] && exec apache2 -f {WEB}/server.conf -t\n'
        f'exec apache2 -f {WEB}/server.conf -k "$1"\n'
    )
    ctl.chmod(0o755)
    APACHE.parent.mkdir(exist_ok=True)
    APACHE.write_text(f"Include {WEB}/server.conf\n")
    with webserver.apache(WEB) as running:
        yield running
    APACHE.unlink()
    shutil.rmtree(BIN)


def over_apache(site: Apache) -> str:
    context = ssl.create_default_context(cafile=str(site.ca_file))
    plain = socket.create_connection(("127.0.0.1", site.tls), 10)
    with context.wrap_socket(plain, server_hostname=NAME) as sock:
        return first_line(sock, UPGRADE.format(name=NAME).encode())


def test_apache_that_lets_no_websocket_through_is_told_to(apache: Apache) -> None:
    apache.serve(f"ProxyPass / {proxy_of_hub()}/", workers=64)
    assert "101" not in over_apache(apache)
    seen = found()["web.websocket"]
    assert seen["severity"] == "critical"
    assert "kernels never connect" in seen["text"]
    paste(seen["do"])
    eventually(lambda: over_apache(apache), "101")
    assert of_the_web() == set()


def test_apache_by_rewrite_gets_a_rule_for_websockets(apache: Apache) -> None:
    rule = f"RewriteEngine on\n  RewriteRule ^/(.*) {proxy_of_hub()}/$1 [P,L]"
    apache.serve(rule, workers=64)
    assert "101" not in over_apache(apache)
    paste(found()["web.websocket"]["do"])
    eventually(lambda: over_apache(apache), "101")
    assert of_the_web() == set()


def test_apache_with_too_few_workers_for_a_class_gets_more(apache: Apache) -> None:
    apache.serve(f"ProxyPass / {proxy_of_hub()}/ upgrade=websocket", workers=40)
    seen = found()["web.workers"]
    assert "40 workers" in seen["text"]
    assert "ServerLimit 2\\nMaxRequestWorkers 80" in seen["do"]  # 1 × 40 is all it may have
    apache.serve(f"ProxyTimeout 5\nProxyPass / {proxy_of_hub()}/ upgrade=websocket", workers=64)
    seen = found()["web.timeout"]
    assert "silent for 5 s" in seen["text"]
    paste(seen["do"])
    assert "ProxyTimeout 300\n" in (WEB / "site.conf").read_text()
    assert of_the_web() == set()


# --- nginx ---------------------------------------------------------------------------------------


@pytest.fixture
def nginx(course: CourseOnDisk) -> Iterator[int]:
    """A real nginx with the lines that one finds first on the web; its port."""
    if webserver.NGINX is None:
        pytest.skip("nginx is missing: bin/setup dev")
    port = webserver.Place.free().plain
    for folder in (NGINX.parent, Path("/var/lib/nginx"), Path("/var/log/nginx")):
        folder.mkdir(exist_ok=True)
    for folder in (WEB, BIN):
        folder.mkdir(exist_ok=True)
    (BIN / "nginx").symlink_to(webserver.NGINX)
    NGINX.write_text(
        f"pid {WEB}/nginx.pid;\nerror_log {WEB}/error.log;\nuser www-data;\n"
        "events {\n  worker_connections 48;\n}\nhttp {\n  access_log off;\n"
        f"  server {{\n    listen 127.0.0.1:{port};\n    proxy_set_header Host $host;\n"
        f"    location / {{\n      proxy_pass {proxy_of_hub()};\n    }}\n  }}\n}}\n"
    )
    process = subprocess.Popen([webserver.NGINX, "-g", "daemon off;"])
    try:
        eventually(lambda: over_nginx(port, b"GET / HTTP/1.0\r\n\r\n"), "200")
        yield port
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(NGINX.parent)
        shutil.rmtree(WEB)
        shutil.rmtree(BIN)


def over_nginx(port: int, request: bytes) -> str:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 10) as sock:
        return first_line(sock, request)
    return ""


def test_nginx_as_found_on_the_web_stops_kernels_uploads_and_a_class_until_mended(
    nginx: int,
) -> None:
    socket_ = UPGRADE.format(name=NAME).encode()
    upload = b"PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (2 << 20)
    upload += b"x" * (2 << 20)
    assert "101" not in over_nginx(nginx, socket_)
    assert "413" in over_nginx(nginx, upload)
    seen = found()
    assert {id_ for id_ in seen if id_.startswith("web.")} == {
        "web.websocket",
        "web.upload",
        "web.workers",
    }
    for id_ in ("web.upload", "web.websocket", "web.workers"):
        paste(seen[id_]["do"])  # one after the other, without a look between
    eventually(lambda: over_nginx(nginx, socket_), "101")
    eventually(lambda: over_nginx(nginx, upload), "200")
    assert "proxy_set_header Host $host;\nproxy_set_header Upgrade" in NGINX.read_text()
    assert of_the_web() == set()
    assert "nginx lets a whole class work." in hubtui("doctor").stdout


def test_a_configuration_that_a_student_could_write_is_not_called_fine(nginx: int) -> None:
    theirs = Path("/home/s01/nginx.conf")
    theirs.write_text("server { }\n")
    NGINX.write_text(NGINX.read_text().replace("http {", f"http {{\n  include {theirs};"))
    assert of_the_web() == set()
    assert "nginx lets" not in hubtui("doctor").stdout


def test_without_a_web_server_nothing_is_said_of_one(course: CourseOnDisk) -> None:
    assert of_the_web() == set()
    assert "a whole class" not in hubtui("doctor").stdout
