"""The rig itself: what the other stories rely on when they say "on a real systemd"."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.systemd_rig import Systemd

UNITS = Path("/etc/systemd/system")
Unit = Callable[..., None]


@pytest.fixture
def unit(systemd: Systemd) -> Unit:
    """Write a service and start it."""

    def start(name: str, *settings: str) -> None:
        UNITS.mkdir(parents=True, exist_ok=True)
        lines = "\n".join(settings)
        (UNITS / name).write_text(f"[Service]\n{lines}\n")
        systemd.run("systemctl", "daemon-reload")
        systemd.run("systemctl", "start", name)

    return start


def test_it_runs_and_nothing_failed(systemd: Systemd) -> None:
    assert systemd.run("systemctl", "is-system-running").stdout == "running\n"
    assert systemd.run("ps", "-o", "comm=", "1").stdout == "systemd\n"
    assert (systemd.root / "run/systemd/system").is_dir()
    assert not Path("/run/systemd/system").exists(), "the sandbox itself is not run by systemd"


def test_a_unit_writes_to_the_journal_and_is_started_again(systemd: Systemd, unit: Unit) -> None:
    unit("again.service", "ExecStart=sh -c 'echo here I am; exec sleep 1000'", "Restart=always")
    first = systemd.show("again.service", "MainPID")["MainPID"]
    systemd.run("kill", "-9", first)
    for _ in range(100):
        if systemd.show("again.service", "NRestarts")["NRestarts"] == "1":
            break
        time.sleep(0.1)
    systemd.wait_for("again.service")
    assert systemd.show("again.service", "MainPID")["MainPID"] != first
    assert systemd.journal("again.service").count("here I am") == 2
    systemd.run("systemctl", "stop", "again.service")


@pytest.mark.parametrize("mode", ["control-group", "process"])
def test_what_a_service_leaves_behind_goes_by_its_kill_mode(
    systemd: Systemd, unit: Unit, mode: str
) -> None:
    start = "ExecStart=sh -c 'setsid sleep 4321 & exec sleep 1000'"
    unit("leaves.service", start, f"KillMode={mode}")
    systemd.run("systemctl", "stop", "leaves.service")
    left = systemd.run("pgrep", "--full", "^sleep 4321", check=False).stdout.split()
    assert len(left) == (1 if mode == "process" else 0)
    if left:
        systemd.run("kill", *left)


def test_a_session_that_is_closed_takes_its_programs_along(systemd: Systemd) -> None:
    scope = systemd.by_hand("sleep", "5432", log=Path("/tmp/by-hand.log"))
    pid = systemd.run("pgrep", "--full", "sleep 5432$").stdout.strip()
    assert systemd.run("cat", f"/proc/{pid}/cgroup").stdout.endswith(f"/user-0.slice/{scope}\n")
    systemd.run("systemctl", "stop", scope)
    assert systemd.run("pgrep", "--full", "sleep 5432$", check=False).returncode == 1
