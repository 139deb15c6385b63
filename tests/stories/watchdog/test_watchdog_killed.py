"""A check that is killed anywhere, two at once, a clock that jumps, a restart that is asked for."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from hubtui.plan import runs
from hubtui.server import Server, hubprocess
from hubtui.watchdog import incidents, live
from hubtui.watchdog.check import check
from hubtui.watchdog.records import Now, Outcome, State, Verdict
from tests.course_on_disk import STATE, hubtui
from tests.sandboxed import Machine
from tests.watched import QUICK, Watched, eventually, server_pids, watched

pytestmark = pytest.mark.hub
CHECK = [sys.executable, "-m", "tests.watched"]


@pytest.fixture
def course(machine: Machine) -> Iterator[Watched]:
    with watched(machine) as found:
        yield found


def state(course: Watched) -> Now | None:
    return live.read(course.server.live)


def is_state(course: Watched, wanted: State) -> bool:
    now = state(course)
    return now is not None and now.state is wanted


def begun(course: Watched) -> bool:
    return any(one.restarts for one in course.incidents())


def new_hub(course: Watched, old: int) -> bool:
    return any(pid != old for pid in hubprocess.hubs(0, course.hub.config))


STAGES: dict[str, Callable[[Watched, int], bool]] = {
    "when it looked for the first time": lambda course, _: is_state(course, State.SUSPECT),
    "when it says that it restarts": lambda course, _: is_state(course, State.RESTARTING),
    "when the restart is noted": lambda course, _: begun(course),
    "when the new hub is starting": new_hub,
}


@pytest.mark.parametrize("stage", STAGES)
def test_a_check_that_is_killed_leaves_the_next_one_to_bring_the_hub_back(
    course: Watched, stage: str
) -> None:
    course.check()
    hub = course.hub_pid
    course.kill(hub)
    process = subprocess.Popen(CHECK, stdout=subprocess.DEVNULL)
    eventually(lambda: STAGES[stage](course, hub))
    process.kill()
    process.wait()
    assert state(course) is not None
    now = course.checks_until(lambda now: now.state is State.UP)
    assert course.is_up()
    assert len(hubprocess.hubs(0, course.hub.config)) == 1
    now = course.check().now
    assert (now.good >= 2, now.incident) == (True, "")
    for incident in course.incidents():
        assert incident.over is not None
        assert {one.outcome for one in incident.restarts} <= {Outcome.UP}


def test_two_checks_at_once_restart_once(course: Watched) -> None:
    course.check()
    course.kill(course.hub_pid)
    both = [subprocess.Popen(CHECK, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=60)[0].strip() for process in both]
    assert "None" in said
    assert course.is_up()
    assert sum(len(one.restarts) for one in course.incidents()) == 1


@pytest.mark.parametrize("jump", [timedelta(days=1), -timedelta(days=1)], ids=["forth", "back"])
def test_a_clock_that_jumps_restarts_nothing(course: Watched, jump: timedelta) -> None:
    course.check()
    hub = course.hub_pid
    server = at_another_time(course, jump)
    report = check(server, patience=QUICK)
    assert report is not None
    assert report.now.state is State.UP
    course.kill(hub, number=signal.SIGSTOP)
    later = check(at_another_time(course, jump * 2), patience=QUICK)
    course.kill(hub, number=signal.SIGCONT)
    assert later is not None
    assert later.now.restarts == ()
    assert course.hub_pid == hub


def at_another_time(course: Watched, jump: timedelta) -> Server:
    return dataclasses.replace(course.server, clock=lambda: datetime.now(UTC) + jump)


# --- a restart that is asked for ----------------------------------------------------------------


def test_a_restart_that_is_asked_for_says_what_becomes_of_servers(
    course: Watched, machine: Machine
) -> None:
    student = course.student(machine, "cleo", 20003)
    servers = server_pids(20003)
    course.check()
    hub = course.hub_pid
    shown = hubtui("watchdog", "restart", "--dry-run")
    assert shown.returncode == 0, shown.stderr
    assert "1 student's server runs now. Students' servers go on" in shown.stdout
    assert f"kill -KILL {hub}" in shown.stdout
    assert course.hub_pid == hub
    done = hubtui("watchdog", "restart", "--yes")
    assert done.returncode == 0, done.stderr
    assert course.hub_pid != hub
    assert course.is_up()
    assert server_pids(20003)[: len(servers)] == servers
    eventually(student.server_answers)
    (incident,) = course.incidents()
    (made,) = incident.restarts
    assert (incident.cause, made.outcome) == ("asked", Outcome.UP)
    assert made.up_at is not None
    saved = incidents.evidence(course.server.state, incident.id)
    assert saved is not None
    assert saved.hub is not None
    assert saved.hub.pid == hub
    assert course.check().now.state is State.UP


def test_who_is_quicker_than_the_check_loses_no_evidence(course: Watched) -> None:
    course.check()
    course.kill(course.hub_pid)
    done = hubtui("watchdog", "restart", "--yes")
    assert done.returncode == 0, done.stderr
    (incident,) = course.incidents()
    assert incident.verdict is Verdict.HUB_DEAD
    assert incident.cause != "asked"
    assert incident.over is not None
    assert incidents.evidence(course.server.state, incident.id) is not None


def test_a_restart_that_was_killed_goes_on_where_it_was(course: Watched) -> None:
    course.check()
    hub = course.hub_pid
    process = subprocess.Popen(
        [sys.executable, "-m", "hubtui", "watchdog", "restart", "--yes"],
        stdout=subprocess.DEVNULL,
    )
    eventually(lambda: bool(runs.running(STATE)))
    eventually(lambda: not hubprocess.is_same(hub, began(hub)))
    (plan,) = runs.running(STATE)
    (pid,) = list(pids_of_run(plan))
    os.kill(pid, signal.SIGKILL)
    process.wait(30)
    time.sleep(0.2)
    resumed = hubtui("journal", "resume", plan)
    assert resumed.returncode == 0, resumed.stderr
    assert course.is_up()
    assert len(hubprocess.hubs(0, course.hub.config)) == 1
    (incident,) = course.incidents()
    assert [one.outcome for one in incident.restarts] == [Outcome.UP]


def began(pid: int) -> int:
    found = hubprocess.process(pid)
    return found.began if found is not None else -1


def pids_of_run(plan: str) -> list[int]:
    import psutil

    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "run" in words and plan in words:
            found.append(process.pid)
    return found
