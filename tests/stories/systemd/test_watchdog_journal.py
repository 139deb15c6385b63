"""What a real journal says of the hub's unit: its restarts, its age, its end, as it grows."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hubtui.server.run import Result, Run
from hubtui.watchdog import hublog, unitlog
from hubtui.watchdog.hublog import Place
from tests.systemd_rig import Systemd

NAME = "jupyterhub.service"
UNIT = """\
[Service]
ExecStart=/bin/sh -c 'echo Running JupyterHub; exec sleep 1000'
Restart=always
RestartSec=1
"""
FORGE = f"""
import os, socket, time
with open("/sys/fs/cgroup/system.slice/{NAME}/cgroup.procs", "w") as group:
    group.write(str(os.getpid()))
message = "MESSAGE_ID=39f53479d3a045ac8e11786248231fbf\\nMESSAGE=by a student\\nUNIT={NAME}\\n"
journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
journal.sendto(message.encode(), "/run/systemd/journal/socket")
time.sleep(1)  # the journal has to see whose it is
"""


@pytest.fixture
def unit(systemd: Systemd) -> Systemd:
    """A stand-in for a hub that systemd starts again."""
    folder = Path("/etc/systemd/system")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NAME).write_text(UNIT)
    systemd.run("systemctl", "daemon-reload")
    systemd.run("systemctl", "start", NAME)
    return systemd


def on(machine: Systemd) -> Run:
    """server.run, on that machine."""

    def run(
        argv: Sequence[str],
        *,
        timeout: float = 60.0,
        stdin: str | None = None,
        hold: int | None = None,
    ) -> Result:
        done = machine.run(*argv, check=False, timeout=timeout, stdin=stdin or "")
        return Result(tuple(argv), done.returncode, done.stdout, done.stderr)

    return run


def wait_for_a_new_one(machine: Systemd, old: str) -> None:
    """Until systemd has started it again."""
    for _ in range(100):
        found = machine.show(NAME, "MainPID", "ActiveState")
        if found["ActiveState"] == "active" and found["MainPID"] not in ("0", old):
            return
        time.sleep(0.1)
    raise AssertionError(found)


def test_restarts_are_told_by_what_ended_the_hub(unit: Systemd) -> None:
    first = unit.show(NAME, "MainPID")["MainPID"]
    unit.run("kill", "-9", first)
    wait_for_a_new_one(unit, first)
    second = unit.show(NAME, "MainPID")["MainPID"]
    unit.run("systemctl", "restart", NAME)
    wait_for_a_new_one(unit, second)
    # A student's server belongs to the hub's unit, and may write what it likes.
    unit.run(sys.executable, "-c", FORGE)
    unit.run("journalctl", "--sync")
    forged = unit.run("journalctl", f"--unit={NAME}", "--output=cat", "--no-pager").stdout
    assert "by a student" in forged

    killed, asked = unitlog.starts(on(unit), NAME)
    assert killed.reason == "Main process exited, code=killed, status=9/KILL"
    assert killed.automatic
    assert killed.ended is not None
    assert 0.9 < (killed.at - killed.ended).total_seconds() < 10
    assert (asked.reason, asked.cause, asked.automatic) == ("stopped on request", "asked", False)
    assert unitlog.starts(on(unit), NAME, since=datetime.now(UTC)) == []
    assert unitlog.starts(on(unit), "another.service") == []


def test_its_age_and_its_end(unit: Systemd) -> None:
    place = Place(unit=NAME)
    unit.run("journalctl", "--sync")
    age = hublog.age(place, datetime.now(UTC), on(unit))
    assert age is not None
    assert 0 <= age < 60
    assert "Running JupyterHub" in hublog.tail(place, run=on(unit))
    assert len(hublog.tail(place, 1, run=on(unit))) == 1
    assert hublog.age(Place(unit="another.service"), datetime.now(UTC), on(unit)) is None


FOLLOW = f"""
import subprocess, time
from hubtui.watchdog.hublog import Follower, Place
with Follower(Place(unit={NAME!r}), lines=1) as follower:
    for _ in range(100):
        for line in follower.poll():
            print(line, flush=True)
            if line == "the end":
                raise SystemExit
            if line != "one more":
                script = "echo $$ >/sys/fs/cgroup/system.slice/{NAME}/cgroup.procs; "
                script += "printf 'one more\\\\nthe end\\\\n' | systemd-cat"
                subprocess.run(["sh", "-c", script], check=True)
        time.sleep(0.1)
"""


def test_it_is_followed_and_the_program_that_follows_ends(unit: Systemd) -> None:
    said = unit.run(sys.executable, "-c", FOLLOW).stdout.splitlines()
    assert said[-2:] == ["one more", "the end"]
    assert len(said) == 3
    left = unit.run("pgrep", "--exact", "journalctl", check=False)
    assert left.returncode == 1, left.stdout
