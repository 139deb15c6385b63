"""``hubtui install hub-unit`` on a real systemd, with a real hub and a student at work."""

from __future__ import annotations

import json
import resource
import shlex
from collections.abc import Iterator
from datetime import datetime

import pytest

from hubtui import pauses
from hubtui.clock import now
from hubtui.demo.hub import EmbeddedHub
from hubtui.server import hubprocess
from hubtui.setup.install.files import UNITS
from hubtui.setup.install.hub_switch import LATER
from hubtui.setup.install.hub_unit import ENVIRONMENT, JOURNALD, UNIT
from tests.course_on_disk import STATE
from tests.sandboxed import Machine, checkout_of_root
from tests.systemd_rig import Systemd
from tests.watched import LOGS, Watched, eventually, server_pids, watched

pytestmark = pytest.mark.hub
FILE = UNITS / UNIT
FOR_UNITS_ALONE = 'import os\nassert "JOURNAL_STREAM" not in os.environ, "not as a unit"\n'
"""Configuration with which a hub whose output goes to the journal does not start."""


@pytest.fixture
def course(systemd: Systemd, machine: Machine) -> Iterator[Watched]:
    """A hub that root started in an SSH session; at the end no unit is left."""
    with checkout_of_root(), systemd.watched(machine) as found:
        yield found
        systemd.run("systemctl", "disable", "--now", UNIT, check=False)
        for path in (FILE, ENVIRONMENT, JOURNALD):
            path.unlink(missing_ok=True)
        systemd.run("systemctl", "daemon-reload")


def test_a_hub_by_hand_gets_a_unit_and_loses_it_again(
    systemd: Systemd, course: Watched, machine: Machine
) -> None:
    student = course.student(machine, "ada", 20001)
    servers = server_pids(20001)
    shown = systemd.hubtui("install", "hub-unit", "--print").stdout
    assert "One student's server runs: none stops" in shown
    assert "c.JupyterHub.cleanup_servers = False" not in shown, "the hub has it already"
    assert "kill -KILL" in shown
    assert not FILE.exists()

    done = systemd.hubtui("install", "hub-unit", "--yes")
    assert systemd.show(UNIT, "ActiveState", "UnitFileState", "KillMode", "OOMPolicy") == {
        "ActiveState": "active",
        "UnitFileState": "enabled",
        "KillMode": "process",
        "OOMPolicy": "continue",
    }
    assert "✓ systemctl enable" in done.stdout
    assert hubprocess.unit(course.hub_pid) == UNIT
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]  # a container may have less
    assert hubprocess.files_limit(course.hub_pid) == min(65536, most)
    assert any("JupyterHub is now running" in line for line in systemd.journal(UNIT))
    assert (systemd.root / "var/log/journal").is_dir(), "the journal survives a reboot"
    assert server_pids(20001) == servers
    eventually(student.server_answers)
    assert ENVIRONMENT.stat().st_mode & 0o777 == 0o600
    assert "Environment=" in FILE.read_text()
    assert pauses.paused(STATE, now()) is None

    systemd.run("systemctl", "restart", UNIT)
    eventually(course.is_up)
    eventually(student.server_answers)
    assert server_pids(20001)[: len(servers)] == servers, "a restart leaves the student alone"
    again = systemd.hubtui("install", "hub-unit", "--yes")
    assert again.stdout.count("is as it should be.") == 2

    back = systemd.hubtui("uninstall", "hub-unit", "--yes")
    assert "start by hand as before" in back.stdout
    assert not FILE.exists()
    assert not ENVIRONMENT.exists()
    assert course.is_up()
    assert hubprocess.unit(course.hub_pid) != UNIT
    assert hubprocess.output(course.hub_pid).startswith(f"file {LOGS}/jupyterhub-")
    eventually(student.server_answers)


def doctor(systemd: Systemd) -> set[str]:
    """What doctor says of how the hub runs."""
    found = json.loads(systemd.hubtui("doctor", "--json", check=False).stdout)["findings"]
    wanted = ("hub.session", "hub.output", "hub.unit.")
    return {one["id"] for one in found if one["id"].startswith(wanted)}


def test_doctor_names_what_can_end_the_hub(systemd: Systemd, course: Watched) -> None:
    assert doctor(systemd) == {"hub.session"}
    command = shlex.join(course.hub.command)
    course.kill(course.hub_pid, course.proxy_pid)
    script = f"cd {course.hub.folder}; {command} 2>&1 | cat >>{course.hub.log}"
    systemd.by_hand("sh", "-c", script, log=course.hub.log)
    eventually(course.is_up)
    assert doctor(systemd) == {"hub.session", "hub.output"}
    systemd.hubtui("install", "hub-unit", "--yes")
    assert doctor(systemd) == set()


def test_the_end_of_the_session_is_no_longer_the_end_of_the_hub(
    systemd: Systemd, course: Watched
) -> None:
    systemd.hubtui("install", "hub-unit", "--yes")
    systemd.run("systemctl", "stop", systemd.session, check=False)
    assert course.is_up()


def test_a_unit_that_does_not_come_up_leaves_the_hub_by_hand(
    systemd: Systemd, course: Watched, machine: Machine
) -> None:
    student = course.student(machine, "ben", 20002)
    servers = server_pids(20002)
    config = course.hub.config
    config.write_text(config.read_text() + FOR_UNITS_ALONE)
    done = systemd.hubtui("install", "hub-unit", "--yes", check=False, timeout=180)
    assert done.returncode == 1
    assert "Everything is as it was before." in done.stderr
    assert "ended again. Its last line: AssertionError: not as a unit" in done.stderr
    assert not FILE.exists()
    assert systemd.show(UNIT, "LoadState") == {"LoadState": "not-found"}
    assert course.is_up()
    assert hubprocess.unit(course.hub_pid) != UNIT
    assert servers[0] in server_pids(20002)
    eventually(student.server_answers)
    assert pauses.paused(STATE, now()) is None


def test_a_configuration_that_is_no_python_any_more_costs_no_hub(
    systemd: Systemd, course: Watched
) -> None:
    before = course.hub_pid
    course.hub.config.write_text("c.JupyterHub.port = (\n")
    done = systemd.hubtui("install", "hub-unit", "--yes", check=False)
    assert "the hub would not start again. Nothing was done." in done.stderr
    assert course.hub_pid == before


def test_it_is_carried_on_where_it_was_killed(systemd: Systemd, course: Watched) -> None:
    """Killed when the hub by hand is gone and that of the unit is not there yet."""
    systemd.hubtui("install", "hub-unit", "--yes")
    systemd.run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", UNIT)
    systemd.run("systemctl", "stop", UNIT)
    systemd.run("systemctl", "disable", UNIT)
    systemd.hubtui("install", "hub-unit", "--yes")
    assert course.is_up()
    assert systemd.show(UNIT, "UnitFileState") == {"UnitFileState": "enabled"}


def test_later_means_a_timer_that_fires_once(systemd: Systemd, course: Watched) -> None:
    before = course.hub_pid
    done = systemd.hubtui("install", "hub-unit", "--at", "03:00", "--yes")
    assert f"systemctl stop {LATER}.timer" in done.stdout
    said = systemd.show(f"{LATER}.timer", "NextElapseUSecRealtime")["NextElapseUSecRealtime"]
    assert datetime.strptime(said.rsplit(" ", 1)[0], "%a %Y-%m-%d %H:%M:%S").minute == 0
    systemd.run("systemctl", "stop", f"{LATER}.timer")
    assert course.hub_pid == before
    assert not FILE.exists()


def test_a_strange_unit_of_that_name_is_not_replaced(systemd: Systemd, course: Watched) -> None:
    UNITS.mkdir(parents=True, exist_ok=True)
    FILE.write_text("[Service]\nExecStart=/bin/true\n")
    systemd.run("systemctl", "daemon-reload")
    done = systemd.hubtui("install", "hub-unit", "--yes", check=False)
    assert f"There is a unit {FILE} already" in done.stderr
    assert FILE.read_text() == "[Service]\nExecStart=/bin/true\n"


# --- a hub that has a unit ------------------------------------------------------------------------


@pytest.fixture
def with_unit(systemd: Systemd, machine: Machine) -> Iterator[Watched]:
    """A hub whose admin wrote a unit for it, as most do: nothing but how it is started."""
    UNITS.mkdir(parents=True, exist_ok=True)
    name = "hub-of-the-course.service"

    def start(hub: EmbeddedHub) -> None:
        command = " ".join(hub.command)
        (UNITS / name).write_text(f"[Service]\nExecStart={command}\nWorkingDirectory=/srv\n")
        systemd.run("systemctl", "daemon-reload")
        systemd.run("systemctl", "start", name)

    with checkout_of_root(), watched(machine, start=start) as found:
        yield found
        systemd.run("systemctl", "stop", name)
        (UNITS / name).unlink()
        JOURNALD.unlink(missing_ok=True)
        systemd.run("systemctl", "daemon-reload")


def test_a_unit_that_is_there_gets_what_matters_and_nothing_is_restarted(
    systemd: Systemd, with_unit: Watched
) -> None:
    name = "hub-of-the-course.service"
    before = (with_unit.hub_pid, (UNITS / name).read_text())
    assert systemd.show(name, "KillMode") == {"KillMode": "control-group"}
    assert doctor(systemd) == {"hub.unit.kill", "hub.unit.oom"}
    done = systemd.hubtui("install", "hub-unit", "--yes")
    drop_in = UNITS / f"{name}.d/hubtui.conf"
    assert "Restart=on-failure" in drop_in.read_text()
    assert systemd.show(name, "KillMode", "OOMPolicy", "Restart", "LimitNOFILE") == {
        "KillMode": "process",
        "OOMPolicy": "continue",
        "Restart": "on-failure",
        "LimitNOFILE": "65536",
    }
    assert (with_unit.hub_pid, (UNITS / name).read_text()) == before
    assert "nothing is restarted" in done.stderr
    assert not FILE.exists()
    assert doctor(systemd) == set()
    systemd.hubtui("uninstall", "hub-unit", "--yes")
    assert not drop_in.exists()
    assert systemd.show(name, "KillMode") == {"KillMode": "control-group"}
    assert with_unit.hub_pid == before[0]


def test_a_drop_in_that_says_otherwise_is_named(systemd: Systemd, with_unit: Watched) -> None:
    folder = UNITS / "hub-of-the-course.service.d"
    folder.mkdir()
    (folder / "zz.conf").write_text("[Service]\nKillMode=mixed\n")
    done = systemd.hubtui("install", "hub-unit", "--yes", check=False)
    (folder / "zz.conf").unlink()
    assert "still has KillMode=mixed: another drop-in says so" in done.stderr
    assert list(folder.iterdir()) == []
    folder.rmdir()
