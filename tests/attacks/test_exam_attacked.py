"""Students who want the token of the probe's server: by a port, by a redirect."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hubtui.clock import stamp
from hubtui.errors import CommandFailed
from hubtui.events import Outcome
from hubtui.exam import probe
from hubtui.exam.try_out import FILE, Begun, Probe, try_chain, try_plan
from hubtui.server import processes
from hubtui.state import write_document
from tests.course_on_disk import ROSTER, STATE
from tests.probed import PROBE, PROBE_UID, tried, with_scopes
from tests.sandboxed import Machine
from tests.watched import Watched, eventually, watched
from tests.webserver import backend

pytestmark = pytest.mark.hub

MALLORY = 20001
MORE = f"exam:\n  probe: {PROBE}\n"

# A student's web server: it says where it listens, and then every line that it is sent.
STUDENT = f"""
import os, socket
os.setgroups([]); os.setgid({MALLORY}); os.setuid({MALLORY})
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen()
print(s.getsockname()[1], flush=True)
while True:
    client, _ = s.accept()
    print(client.recv(65536), flush=True)
    client.sendall(b"HTTP/1.1 204 No Content\\r\\n\\r\\n")
    client.close()
"""


@pytest.fixture(scope="module")
def course(_machine: Machine) -> Iterator[Watched]:
    _machine.restore()
    with watched(_machine, make=with_scopes) as found:
        ROSTER.write_text(f"{PROBE}\n")
        _machine.adduser(PROBE, PROBE_UID, mode=0o700, group="all_user")
        yield found


@contextmanager
def student() -> Iterator[tuple[int, list[str]]]:
    """Its port, and what it heard once it is over."""
    heard: list[str] = []
    with subprocess.Popen(
        [sys.executable, "-c", STUDENT], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline()), heard
        finally:
            process.kill()
            heard += process.stdout.read().splitlines()


def test_a_student_at_the_public_address_gets_no_token(course: Watched) -> None:
    with student() as (port, heard):
        course.configure(MORE, hub_keys=f"  url: http://127.0.0.1:{port}\n")
        end = tried(course)
    assert end.outcome is Outcome.FAILED
    assert f"page: Port {port} of 127.0.0.1 is held by uid {MALLORY}" in end.text
    assert "the token was not sent" in end.text
    assert all(line == "b''" for line in heard), heard


def test_a_redirect_to_a_student_is_not_followed(course: Watched) -> None:
    with student() as (port, heard):

        def elsewhere(client: socket.socket) -> None:
            client.recv(65536)
            to = f"Location: http://127.0.0.1:{port}/\r\nContent-Length: 0\r\n\r\n"
            client.sendall(b"HTTP/1.1 302 Found\r\n" + to.encode())

        with backend(elsewhere) as public:
            course.configure(MORE, hub_keys=f"  url: http://127.0.0.1:{public}\n")
            end = tried(course)
    assert end.outcome is Outcome.FAILED
    assert "page: the public address answers 302" in end.text
    assert heard == []


@contextmanager
def running(uid: int, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """What calls itself a notebook server, of that uid."""
    argv = ["bash", "-c", "exec -a jupyterhub-singleuser sleep 600"]
    with subprocess.Popen(argv, user=uid, group=uid, extra_groups=[], env=environment) as process:
        try:
            eventually(lambda: any(one.is_server for one in processes.of(uid)))
            yield process
        finally:
            process.kill()


def test_a_student_who_took_the_port_of_the_probes_server_gets_no_token(course: Watched) -> None:
    course.configure(MORE)
    with student() as (port, heard):
        url = f"http://127.0.0.1:{port}/user/{PROBE}/"
        given = {"JUPYTERHUB_SERVICE_URL": url, "JUPYTERHUB_API_TOKEN": "t" * 32}
        with (
            running(PROBE_UID, **given),
            pytest.raises(CommandFailed, match="Somebody else listens on port"),
        ):
            probe.server_of(course.server.course, PROBE, PROBE_UID)
    assert heard == []


def test_what_runs_under_a_uid_that_was_the_probes_is_left_alone(course: Watched) -> None:
    """Killed, its account removed, a student's made with the same uid, and then carried on."""
    course.configure(MORE)
    server = course.server
    subject = Probe(key=PROBE, name=PROBE, uid=PROBE_UID, at=stamp(server.clock()))
    write_document(STATE / FILE, Begun(name=PROBE, at=subject.at))
    passwd = Path("/etc/passwd")
    before = passwd.read_text()
    with running(PROBE_UID) as work:
        passwd.write_text(before.replace(f"{PROBE}:", "mallory:", 1))
        try:
            *_, stop = try_chain(server, subject).steps
            with pytest.raises(CommandFailed, match="another account than when it was tried"):
                list(stop.do())
        finally:
            passwd.write_text(before)
        assert work.poll() is None
    assert not (STATE / FILE).exists()


def test_http_by_a_name_is_no_way_for_a_token(course: Watched) -> None:
    course.configure(MORE, hub_keys="  url: http://hub.example.test\n")
    assert probe.public(course.server.course) is None
    assert probe.proxy(course.server.course).believe == os.geteuid()
    assert try_plan(course.server).subjects[0]["uid"] == PROBE_UID
