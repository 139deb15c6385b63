"""The watchdog against a real hub: what it sees, and what it does about it."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from hubtui.server import hubprocess
from hubtui.watchdog import live
from hubtui.watchdog.records import Outcome, State, Verdict
from tests.sandboxed import Machine
from tests.watched import LOGS, QUICK, Watched, eventually, server_pids, watched

pytestmark = pytest.mark.hub


@pytest.fixture
def course(machine: Machine) -> Iterator[Watched]:
    with watched(machine) as found:
        yield found


def test_a_hub_that_is_well_is_left_alone(course: Watched) -> None:
    pid = course.hub_pid
    now = course.check().now
    assert (now.state, now.verdict) == (State.UP, Verdict.UP)
    assert [probe.ok for probe in now.probes] == [True] * 4
    assert course.hub_pid == pid
    assert course.incidents() == []


def test_a_hub_that_was_killed_is_back_and_the_student_goes_on(
    course: Watched, machine: Machine
) -> None:
    student = course.student(machine, "ada", 20001)
    servers = server_pids(20001)
    course.check()
    hub, proxy = course.hub_pid, course.proxy_pid
    course.kill(hub)
    began = time.monotonic()
    report = course.check()
    away = time.monotonic() - began
    assert report.now.state is State.UP, report
    assert away < 30
    assert course.is_up()
    assert course.hub_pid != hub
    assert course.proxy_pid != proxy
    assert server_pids(20001)[: len(servers)] == servers
    eventually(student.server_answers)
    course.check()
    (incident,) = course.incidents()
    (restart,) = incident.restarts
    assert incident.verdict is Verdict.HUB_DEAD
    assert incident.over is not None
    assert (restart.outcome, restart.by, restart.how) == (Outcome.UP, "watchdog", "by hand")
    assert (restart.servers_before, restart.servers_after) == (1, 1)
    assert (LOGS / "restarts.log").read_text().rstrip().endswith(": hub dead")
    seen = [sample.hub is not None for sample in live.samples(course.server.live)]
    assert seen == [True, False, True, True]


def test_the_new_hub_writes_to_a_file_in_a_session_of_its_own(course: Watched) -> None:
    course.check()
    course.kill(course.hub_pid)
    course.check()
    (log,) = LOGS.glob("jupyterhub-*.log")
    assert hubprocess.output(course.hub_pid) == f"file {log}"
    assert "JupyterHub is now running" in log.read_text()


def test_hub_and_proxy_killed_together_come_back(course: Watched) -> None:
    course.check()
    course.kill(course.hub_pid, course.proxy_pid)
    assert course.check().now.state is State.UP
    assert course.is_up()


def test_a_proxy_that_nobody_knows_any_more_does_not_keep_the_port(course: Watched) -> None:
    course.check()
    proxy = course.proxy_pid
    course.kill(course.hub_pid)
    (course.hub.folder / "proxy.pid").unlink()
    assert course.check().now.state is State.UP
    assert course.proxy_pid != proxy


def test_a_command_of_course_yaml_restarts_the_hub(course: Watched) -> None:
    script = Path("/root/restart-hub")
    hub = course.hub
    words = " ".join(hub.command)
    script.write_text(
        f"#!/bin/sh\nkill -9 $(cat {hub.folder}/proxy.pid)\ncd {hub.folder}\n"
        f"setsid {words} >>{hub.log} 2>&1 </dev/null &\n"
    )
    script.chmod(0o755)
    course.configure(hub_keys=f"  restart: [{script}]\n")
    course.check()
    course.kill(course.hub_pid)
    assert course.check().now.state is State.UP
    (incident,) = course.incidents()
    assert incident.restarts[0].how == "command"


def test_a_proxy_that_was_killed_is_brought_back_by_the_hub_itself(course: Watched) -> None:
    course.check()
    hub = course.hub_pid
    course.kill(course.proxy_pid)

    patient = replace(QUICK, gone_proxy=60)
    now = course.checks_until(lambda now: now.state is State.UP, patience=patient)
    assert now.restarts == ()
    assert course.hub_pid == hub


def test_a_stopped_hub_is_restarted_only_after_a_long_silence(course: Watched) -> None:
    course.check()
    hub = course.hub_pid
    course.kill(hub, number=signal.SIGSTOP)
    first = course.check().now
    assert first.verdict in (Verdict.HUB_HUNG, Verdict.SLOW)
    assert first.restarts == ()
    assert course.hub_pid == hub
    now = course.checks_until(lambda now: bool(now.restarts))
    assert now.state is State.UP
    (incident,) = course.incidents()
    assert (incident.verdict, incident.cause) == (Verdict.HUB_HUNG, "stopped")
    assert course.hub_pid != hub


def test_a_stopped_proxy_is_ended_and_the_hub_starts_another(
    course: Watched, machine: Machine
) -> None:
    student = course.student(machine, "ben", 20002)
    course.check()
    hub, proxy = course.hub_pid, course.proxy_pid
    course.kill(proxy, number=signal.SIGSTOP)
    now = course.checks_until(lambda now: bool(now.restarts))
    assert now.state is State.UP
    assert (course.hub_pid, course.proxy_pid != proxy) == (hub, True)
    (incident,) = course.incidents()
    assert incident.verdict is Verdict.PROXY_HUNG
    assert incident.restarts[0].how == "proxy alone"
    eventually(student.server_answers)


def test_a_hub_that_comes_back_by_itself_counts_as_no_restart(course: Watched) -> None:
    course.check()
    hub = course.hub_pid
    course.kill(hub, number=signal.SIGSTOP)
    course.check()
    course.kill(hub, number=signal.SIGCONT)
    now = course.checks_until(lambda now: now.state is State.UP)
    assert now.restarts == ()
    assert course.hub_pid == hub
