"""A restart on a real systemd: by the hub's own unit, or by hand but outside of any session."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from hubtui.demo.hub import EmbeddedHub
from hubtui.server import hubprocess
from hubtui.setup.install.files import UNITS
from hubtui.watchdog.records import Outcome, Verdict
from tests.sandboxed import Machine
from tests.systemd_rig import Systemd
from tests.watched import LOGS, Watched, eventually, server_pids, watched

pytestmark = pytest.mark.hub
NAME = "jupyterhub.service"
OnUnit = Callable[[str], AbstractContextManager[Watched]]


@pytest.fixture
def on_unit(systemd: Systemd, machine: Machine) -> OnUnit:
    """A hub whose unit has these settings besides how it is started."""

    @contextmanager
    def made(settings: str) -> Iterator[Watched]:
        def start(hub: EmbeddedHub) -> None:
            UNITS.mkdir(parents=True, exist_ok=True)
            command = " ".join(hub.command)
            text = f"[Service]\nExecStart={command}\nWorkingDirectory={hub.folder}\n{settings}"
            (UNITS / NAME).write_text(text)
            systemd.run("rm", "-rf", "/run/hubtui")
            systemd.run("systemctl", "daemon-reload")
            systemd.run("systemctl", "start", NAME)

        with watched(machine, start=start) as course:
            try:
                yield course
            finally:
                systemd.run("systemctl", "kill", "--signal=KILL", NAME, check=False)
                systemd.run("systemctl", "stop", NAME, check=False)
                (UNITS / NAME).unlink()
                systemd.run("systemctl", "daemon-reload")

    return made


def status(systemd: Systemd) -> dict[str, object]:
    said = systemd.hubtui("watchdog", "status", "--json", check=False).stdout
    (found,) = json.loads(said)["watchdog"]
    return dict(found)


def test_a_dead_hub_comes_back_through_its_unit_and_the_student_goes_on(
    systemd: Systemd, machine: Machine, on_unit: OnUnit
) -> None:
    with on_unit("KillMode=process\n") as course:
        student = course.student(machine, "dora", 20004)
        servers = server_pids(20004)
        systemd.hubtui("watchdog", "check")
        assert status(systemd)["state"] == "up"
        hub = course.hub_pid
        course.kill(hub)
        said = systemd.hubtui("watchdog", "check")
        assert status(systemd)["state"] == "up", said
        assert systemd.show(NAME, "ActiveState") == {"ActiveState": "active"}
        assert server_pids(20004)[: len(servers)] == servers
        eventually(student.server_answers)
        (incident,) = course.incidents()
        (restart,) = incident.restarts
        assert incident.verdict is Verdict.HUB_DEAD
        assert (restart.how, restart.outcome) == (f"unit {NAME}", Outcome.UP)
        assert hubprocess.output(course.hub_pid) == "journal"


def test_a_unit_that_would_stop_servers_is_said_before(
    systemd: Systemd, machine: Machine, on_unit: OnUnit
) -> None:
    with on_unit("") as course:
        course.student(machine, "emil", 20005)
        systemd.hubtui("watchdog", "check")
        said = systemd.hubtui("watchdog", "restart", "--dry-run").stdout
        assert f"1 student's server runs now. Students' servers stop with {NAME}" in said
        assert "KillMode=process" in said
        assert "cleanup_servers = False" in said


def test_where_systemd_restarts_the_hub_itself_the_check_lets_it(
    systemd: Systemd, on_unit: OnUnit
) -> None:
    with on_unit("KillMode=process\nRestart=always\nRestartSec=8\n") as course:
        systemd.hubtui("watchdog", "check")
        course.kill(course.hub_pid)
        systemd.hubtui("watchdog", "check")
        assert systemd.show(NAME, "NRestarts", "ActiveState")["ActiveState"] == "activating"
        assert all(not incident.restarts for incident in course.incidents())
        eventually(course.is_up)
        systemd.hubtui("watchdog", "check")
        assert status(systemd)["state"] == "up"


def test_a_hub_by_hand_is_started_outside_of_the_check_twice(
    systemd: Systemd, machine: Machine
) -> None:
    with systemd.watched(machine) as course:
        systemd.hubtui("watchdog", "check")
        for round_ in (1, 2):
            course.kill(course.hub_pid)
            systemd.hubtui("watchdog", "check")
            assert course.is_up()
            if round_ == 1:  # the back-off is not what is tested here
                systemd.run("rm", "-rf", "/run/hubtui")
                systemd.hubtui("watchdog", "check")
        group = hubprocess.unit(course.hub_pid)
        assert group.startswith("hubtui-hub-")
        assert {one.how for i in course.incidents() for one in i.restarts} == {"by hand"}
        (newest, *_) = sorted(LOGS.glob("jupyterhub-*.log"), reverse=True)
        assert hubprocess.output(course.hub_pid) == f"file {newest}"
