"""The proxy's output that nobody takes any more: what made the site stand still about once a day.

The proxy of Node, which most hubs run with, writes a line at each change of its routes. Where that
fails, its handler of errors writes a line about the failure, and so on for ever: it spins, accepts
connections, answers nobody, and does not hear a TERM. The hub beside it is well.
"""

from __future__ import annotations

import contextlib
import os
import pty
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from hubtui.demo.form import log_in, sign_up
from hubtui.demo.hub import EmbeddedHub
from hubtui.errors import HubtuiError
from hubtui.server import hubprocess
from hubtui.watchdog.records import Incident, Outcome, State, Verdict
from tests.sandboxed import Machine
from tests.watched import LOGS, PASSWORD, Watched, eventually, server_pids, watched

NODE_PROXY = Path(sys.prefix, "node/node_modules/.bin/configurable-http-proxy")
SMALL = Path("/srv/small")

pytestmark = [
    pytest.mark.hub,
    pytest.mark.skipif(
        not NODE_PROXY.exists() or shutil.which("node") is None,
        reason="needs Node and its proxy: bin/setup dev, with npm and its registry",
    ),
]


class Output:
    """Where a hub writes to, and how that breaks."""

    def __init__(self, fd: int, breaks: Callable[[], None]) -> None:
        self.fd, self.breaks = fd, breaks

    def taken_by(self, hub: EmbeddedHub) -> None:
        """Start the hub with it."""
        hub.start(self.fd)


@contextlib.contextmanager
def into_tee() -> Iterator[Output]:
    """``jupyterhub | tee log``; the tee is killed."""
    log = Path("/srv/hub.log")
    reader = subprocess.Popen(["tee", str(log)], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert reader.stdin is not None

    def end() -> None:
        reader.kill()
        reader.wait()

    try:
        yield Output(reader.stdin.fileno(), end)
    finally:
        end()
        reader.stdin.close()


@contextlib.contextmanager
def on_a_terminal() -> Iterator[Output]:
    """``jupyterhub & disown``; the terminal is closed."""
    ours, theirs = pty.openpty()
    # A terminal that nobody reads takes no more after some thousand characters.
    screen = threading.Thread(target=_read_until_closed, args=(ours,), daemon=True)
    screen.start()
    yield Output(theirs, lambda: os.close(ours))
    os.close(theirs)


def _read_until_closed(fd: int) -> None:
    with contextlib.suppress(OSError):
        while os.read(fd, 65536):
            pass


@contextlib.contextmanager
def on_a_small_disk() -> Iterator[Output]:
    """``jupyterhub > log``; the disk of the log is filled."""
    SMALL.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(SMALL)], check=True)
    log = os.open(SMALL / "hub.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        yield Output(log, _fill)
    finally:
        os.close(log)
        subprocess.run(["umount", "--lazy", str(SMALL)], check=True)


def _fill() -> None:
    with contextlib.suppress(OSError), (SMALL / "filler").open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 512)


WAYS: dict[str, tuple[Callable[[], AbstractContextManager[Output]], str]] = {
    "its reader is killed": (into_tee, "output-broken"),
    "its terminal is closed": (on_a_terminal, "output-broken"),
    "its disk is full": (on_a_small_disk, "disk-full-log"),
}


def with_node(folder: Path) -> EmbeddedHub:
    return EmbeddedHub(folder, proxy_command=[str(NODE_PROXY)])


def account(course: Watched, machine: Machine, name: str, uid: int) -> None:
    """A student who is not logged in yet."""
    machine.adduser(name, uid)
    sign_up(course.hub.url, name, PASSWORD)
    course.hub.authorise(name)


@pytest.mark.parametrize("way", WAYS)
def test_the_site_is_back_with_an_output_that_lasts(machine: Machine, way: str) -> None:
    where, cause = WAYS[way]
    with where() as output, watched(machine, output.taken_by, with_node) as course:
        student = course.student(machine, "ada", 20001)
        account(course, machine, "ben", 20002)
        servers = server_pids(20001)
        assert course.check().now.state is State.UP
        hub, proxy = course.hub_pid, course.proxy_pid

        output.breaks()
        assert course.check().now.restarts == ()  # it answers still: nothing to cure
        # A server starts, and the routes change.
        start = threading.Thread(target=_try_to_come, args=(course.hub.url, "ben"), daemon=True)
        start.start()
        eventually(lambda: not course.is_up(), 60)
        now = course.checks_until(lambda now: bool(now.restarts))

        assert now.state is State.UP, now.text
        assert course.hub_pid != hub
        assert not Path(f"/proc/{proxy}").exists()
        (log,) = LOGS.glob("jupyterhub-*.log")
        for pid in (course.hub_pid, course.proxy_pid):
            assert hubprocess.output(pid) == f"file {log}"
        assert server_pids(20001)[: len(servers)] == servers
        eventually(student.server_answers)
        start.join(60)
        assert log_in(course.hub.url, "ben", PASSWORD).start_server().ok
        assert is_told(course.incidents(), cause)


def is_told(incidents: list[Incident], cause: str) -> bool:
    (incident,) = incidents
    (restart,) = incident.restarts
    assert (incident.verdict, incident.cause) == (Verdict.PROXY_HUNG, cause), incident
    assert (restart.how, restart.outcome) == ("by hand", Outcome.UP)
    assert (restart.servers_before or 0) <= (restart.servers_after or 0)
    return True


def _try_to_come(url: str, name: str) -> None:
    with contextlib.suppress(HubtuiError):  # nobody answers any more, and that is what it is for
        log_in(url, name, PASSWORD).start_server(30)


def test_a_pipe_that_is_read_is_left_alone(machine: Machine) -> None:
    with into_tee() as output, watched(machine, output.taken_by, with_node) as course:
        course.student(machine, "ada", 20001)
        hub, proxy = course.hub_pid, course.proxy_pid
        assert hubprocess.output(proxy) == "pipe"
        for _ in range(5):
            assert course.check().now.state is State.UP
        assert (course.hub_pid, course.proxy_pid) == (hub, proxy)
        assert course.incidents() == []
