"""The watchdog against a real hub: what it sees, what it does, and what it leaves alone."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest

from hubtui.watchdog.records import Outcome, State, Verdict
from tests.sandboxed import Machine
from tests.watched import LOGS, Watched, eventually, server_pids, watched

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


def test_one_look_at_a_silent_hub_restarts_nothing(course: Watched) -> None:
    course.check()
    hub = course.hub_pid
    course.kill(hub, number=signal.SIGSTOP)
    now = course.check().now
    course.kill(hub, number=signal.SIGCONT)
    assert now.state in (State.SUSPECT, State.DEGRADED), now.text
    assert course.hub_pid == hub
    eventually(course.is_up)
