"""When the watchdog keeps still: a pause, an exam, a start, one bad look, what no restart cures."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from hubtui import pauses
from hubtui.server import listeners
from hubtui.watchdog.records import Outcome, State, Verdict
from tests.course_on_disk import STATE
from tests.sandboxed import Machine
from tests.watched import FOLDER, LOGS, QUICK, Watched, eventually, watched

pytestmark = pytest.mark.hub
HOUR = timedelta(hours=1)


@pytest.fixture
def course(machine: Machine) -> Iterator[Watched]:
    with watched(machine) as found:
        yield found


def soon() -> datetime:
    return datetime.now(UTC) + HOUR


def test_nothing_is_restarted_while_it_is_paused(course: Watched) -> None:
    course.check()
    pauses.pause(STATE, soon(), "admin", "an upgrade", datetime.now(UTC))
    course.kill(course.hub_pid)
    now = course.check().now
    assert (now.state, now.verdict) == (State.PAUSED, Verdict.HUB_DEAD)
    assert not course.is_up()
    pauses.resume(STATE, "admin", datetime.now(UTC))
    assert course.check().now.state is State.UP
    assert course.is_up()


def test_a_hub_that_is_starting_is_left_to_it(course: Watched) -> None:
    course.check()
    hub = course.hub_pid
    course.kill(hub)
    course.hub.start()
    time.sleep(0.3)
    starting = course.hub.pid
    now = course.check(replace(QUICK, grace=60)).now
    assert now.state in (State.STARTING, State.UP), now.text
    assert now.restarts == ()
    course.hub.wait_until_up()
    assert course.hub_pid == starting


def test_during_an_exam_a_hung_hub_is_not_restarted_but_a_dead_one_is(course: Watched) -> None:
    course.check()
    at = datetime.now(UTC)
    pauses.add_exam(STATE, at - HOUR, at + HOUR, "admin", at)
    hub = course.hub_pid
    course.kill(hub, number=signal.SIGSTOP)
    now = course.checks_until(lambda now: now.verdict is Verdict.HUB_HUNG and now.failures > 6)
    time.sleep(QUICK.hung_hub)
    now = course.check().now
    assert (now.state, now.verdict, now.exam) == (State.DOWN, Verdict.HUB_HUNG, True)
    assert "hubtui watchdog restart" in now.do
    assert course.hub_pid == hub
    course.kill(hub, number=signal.SIGCONT)
    course.kill(hub)
    assert course.check().now.state is State.UP


def test_a_student_on_the_hubs_port_is_named_and_nothing_is_restarted(
    course: Watched, machine: Machine
) -> None:
    machine.adduser("mallory", 20066)
    course.check()
    place = listeners.place_of(course.hub.api, "", 0)
    course.kill(course.hub_pid)
    code = (
        "import socket,time,os\n"
        "s=socket.socket(); s.setsockopt(socket.SOL_SOCKET,socket.SO_REUSEADDR,1)\n"
        f"s.bind(('127.0.0.1',{place.port})); s.listen()\n"
        "while True:\n"
        " c,_=s.accept(); c.recv(999)\n"
        " c.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n')\n"
    )
    thief = subprocess.Popen([sys.executable, "-I", "-c", code], user=20066, group=20066, cwd="/")
    try:
        eventually(lambda: bool(listeners.listeners("127.0.0.1", place.port)))
        now = course.check().now
        assert now.verdict is Verdict.PORT_TAKEN
        assert f"uid 20066, process {thief.pid}, listens on" in now.text
        assert "That is mallory." in now.text
        assert now.restarts == ()
        assert thief.poll() is None
    finally:
        thief.kill()
        thief.wait()
    assert course.checks_until(lambda now: now.state is State.UP).restarts


def test_a_locked_database_is_named_and_nothing_is_restarted(course: Watched) -> None:
    course.check()
    hub = course.hub_pid
    database = sqlite3.connect(course.hub.database_file, isolation_level=None)
    database.execute("begin exclusive")
    try:
        for _ in range(4):
            now = course.check().now
            assert now.restarts == ()
            time.sleep(1)
    finally:
        database.execute("rollback")
        database.close()
    assert course.hub_pid == hub
    assert course.checks_until(lambda now: now.state is State.UP).restarts == ()


def test_a_hub_that_cannot_start_is_not_restarted_for_ever(course: Watched) -> None:
    course.check()
    course.hub.config.write_text("this is no Python (\n")
    course.kill(course.hub_pid)
    now = course.check().now
    assert now.verdict is Verdict.HUB_DEAD
    assert now.state is State.GAVE_UP, now.text
    assert now.hopeless == "config-error"
    assert "a person is needed" in now.text
    tries = len(list(LOGS.glob("jupyterhub-*.log")))
    for _ in range(3):
        now = course.check().now
    assert len(now.restarts) == 1
    assert len(list(LOGS.glob("jupyterhub-*.log"))) == tries
    (incident,) = course.incidents()
    assert incident.restarts[0].outcome is Outcome.FAILED


def test_of_two_hubs_only_the_right_one_is_restarted(course: Watched, machine: Machine) -> None:
    from hubtui.demo.hub import EmbeddedHub

    other = EmbeddedHub(FOLDER / "other")
    other.start()
    try:
        other.wait_until_up(90)
        course.check()
        others = other.pid
        course.kill(course.hub_pid)
        assert course.check().now.state is State.UP
        assert other.pid == others
        assert course.is_up()
        assert Path(f"/proc/{others}").exists()
    finally:
        other.stop()


def test_a_full_disk_below_the_log_is_no_reason_to_stay_away(course: Watched) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(LOGS)], check=True)
    try:
        course.check()
        (LOGS / "filler").write_bytes(b"x" * 60_000)
        course.kill(course.hub_pid)
        assert course.check().now.state is State.UP
        assert course.is_up()
    finally:
        course.kill(course.hub_pid, course.proxy_pid)
        subprocess.run(["umount", str(LOGS)], check=True)


def test_a_full_disk_below_the_state_holds_up_no_restart(course: Watched) -> None:
    course.check()
    subprocess.run(["mount", "--bind", str(STATE), str(STATE)], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", str(STATE)], check=True)
    try:
        course.kill(course.hub_pid)
        report = course.check()
        assert report.now.state is State.UP
        assert report.troubles
        assert course.incidents() == []
    finally:
        subprocess.run(["umount", str(STATE)], check=True)
    course.check()
    (incident,) = course.incidents()
    assert incident.restarts[0].outcome is Outcome.UP


def test_a_hub_that_was_never_seen_is_not_tried_in_vain(course: Watched) -> None:
    course.kill(course.hub_pid, course.proxy_pid)
    now = course.check().now
    assert (now.verdict, now.state) == (Verdict.HUB_DEAD, State.GAVE_UP)
    assert "has not seen this hub run" in now.text
    assert "hub: restart:" in now.do
    assert len(course.check().now.restarts) == 1
