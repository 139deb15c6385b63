"""Students who want the hub to stay down, or the watchdog to act for them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from hubtui.errors import CommandFailed, Refused
from hubtui.server import hubprocess, systemd
from hubtui.watchdog import known, restart, ways
from hubtui.watchdog.records import Seen, State, Verdict
from hubtui.watchdog.restart_plan import restart_plan
from hubtui.watchdog.ways import Way
from tests.course_on_disk import CONFIG, STATE
from tests.sandboxed import Machine
from tests.watched import LOGS, Watched, eventually, watched

pytestmark = pytest.mark.hub

CHECKOUT = Path(__file__).parents[2]

# Listens as uid 20001 at [::] for IPv6 alone, beside whoever has the port for IPv4.
BESIDE = """
import os, socket, sys
os.setgroups([]); os.setgid(20001); os.setuid(20001)
s = socket.socket(socket.AF_INET6)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
s.bind(("::", int(sys.argv[1]))); s.listen()
print("listens", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def course(machine: Machine) -> Iterator[Watched]:
    with watched(machine) as found:
        yield found


@contextmanager
def acting(program: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A student's program, once it said that it is where it wants to be."""
    with subprocess.Popen(
        [sys.executable, "-c", program, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline(), "it could not"
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("which", ["hub", "proxy"])
def test_a_listener_for_ipv6_alone_blinds_nobody(course: Watched, which: str) -> None:
    course.check()
    port = urlsplit(course.hub.api if which == "hub" else course.hub.url).port
    with acting(BESIDE, str(port)):
        now = course.check().now
        assert (now.state, now.verdict) == (State.UP, Verdict.UP), now.text
        course.kill(course.hub_pid)
        course.checks_until(lambda now: now.state is State.UP)
        assert course.is_up()


# A silent service of root's, such as the door of a container, where hub.api says the hub is.
SILENT = """
import socket, sys
s = socket.socket()
s.bind(("127.0.0.1", 0)); s.listen()
print(s.getsockname()[1], flush=True)
sys.stdin.readline()
"""


def test_what_listens_by_a_wrong_hub_api_is_never_ended(course: Watched) -> None:
    course.check()
    with subprocess.Popen(
        [sys.executable, "-c", SILENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as service:
        assert service.stdout is not None
        try:
            wrong = course.hub.api.replace(
                str(urlsplit(course.hub.api).port), service.stdout.readline().strip()
            )
            config = CONFIG.read_text()
            CONFIG.write_text(config.replace(course.hub.api, wrong))
            course.check()
            with pytest.raises(Refused, match=r"listens where hub\.api says"):
                restart_plan(course.server)
            found = Seen(pid=service.pid, uid=0, program="python", state="S", age=60)
            by_hand = Way(kind="hand")
            assert restart.target("2026-11-25T09:22:00Z", by_hand, found, None).hub == 0
        finally:
            service.kill()


def test_what_a_failed_restart_says_is_kept_without_names(
    course: Watched, machine: Machine
) -> None:
    machine.adduser("ada", 20001)
    course.check()
    says = "[/bin/sh, -c, 'echo ada was here >&2; exit 1']"
    course.configure(hub_keys=f"  restart: {says}\n")
    course.kill(course.hub_pid)
    course.checks_until(lambda now: bool(now.restarts))
    kept = "".join(path.read_text() for path in (STATE / "incidents").glob("*.jsonl"))
    assert "was here" in kept
    assert "ada" not in kept


def test_the_new_hubs_log_is_no_file_that_a_student_can_lay_out(course: Watched) -> None:
    course.check()
    course.configure()
    CONFIG.write_text(CONFIG.read_text().replace(f"  logs: {LOGS}\n", ""))
    trap = Path("/tmp/hub.log")
    known.moved(STATE, f"file {trap}")
    os.mkfifo(trap)  # whoever opens it to write waits for a reader
    os.chown(trap, 20001, 20001)
    try:
        course.kill(course.hub_pid)
        course.checks_until(lambda now: now.state is State.UP)
        assert hubprocess.output(course.hub_pid) == f"file {STATE}/logs/jupyterhub.log"
    finally:
        trap.unlink()


def test_an_incident_that_cannot_be_read_is_one_incident(course: Watched) -> None:
    course.check()
    course.configure(hub_keys="  restart: [/bin/false]\n")
    course.kill(course.hub_pid)
    first = course.checks_until(lambda now: bool(now.incident))
    (month,) = (STATE / "incidents").glob("*.jsonl")
    month.write_bytes(month.read_bytes() + b"a cosmic ray\n")
    for _ in range(3):
        assert course.check().now.incident == first.incident
    assert len(list((STATE / "incidents").glob("*Z-*.json"))) == 1


def test_a_check_that_was_killed_in_a_restart_has_had_its_turn(course: Watched) -> None:
    course.check()
    course.configure(hub_keys="  restart: [/bin/sleep, '60']\n")
    course.kill(course.hub_pid)
    checking = subprocess.Popen([sys.executable, "-m", "tests.watched"], cwd=CHECKOUT)
    eventually(lambda: course.now.state is State.RESTARTING)
    time.sleep(1)
    checking.kill()
    checking.wait()
    assert course.check().now.state is State.BACKOFF


def test_where_systemd_does_not_answer_no_second_hub_is_started(
    course: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(systemd, "is_running", lambda: True)
    with pytest.raises(CommandFailed, match="does not say"):
        ways._for_hub(course.server, "jupyterhub.service", None)
