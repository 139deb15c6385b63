"""What hubtui does each minute, under a real systemd: dead, seen by doctor, and mended."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hubtui.server import timekeeping
from hubtui.setup.install.files import UNITS
from hubtui.setup.install.timers import DUE
from hubtui.setup.install.watchdog_unit import CHECK
from tests.course_on_disk import CourseOnDisk, make_course
from tests.sandboxed import Machine, checkout_of_root
from tests.systemd_rig import Systemd

TIMERS = (f"{CHECK.name}.timer", f"{DUE.name}.timer")
TIMESYNCD = "systemd-timesyncd.service"


@pytest.fixture
def course(machine: Machine, systemd: Systemd) -> Iterator[CourseOnDisk]:
    """A course whose watchdog and timers are installed; the hub does not matter here."""
    with checkout_of_root():
        made = make_course()
        for part in ("watchdog", "timers"):
            systemd.hubtui("install", part, "--yes")
        yield made
        for timer in TIMERS:
            systemd.run("systemctl", "disable", "--now", timer, check=False)
        for path in (*CHECK.files, *DUE.files):
            path.unlink(missing_ok=True)
        systemd.run("systemctl", "daemon-reload")


NOT_IN_A_CONTAINER = """\
import sys
from pathlib import Path
from hubtui.cli.main import main
from hubtui.server import timekeeping
timekeeping._OF_SYSTEMD = Path("/none")
timekeeping._CONTAINER = ()
sys.exit(main(sys.argv[1:]))
"""
"""The rig is one, and so may be what it runs on: their clock is the host's."""


@pytest.fixture
def timesyncd(systemd: Systemd) -> Iterator[None]:
    """A time service by that name that reaches no server, and leaves this machine's clock alone."""
    unit = UNITS / TIMESYNCD
    unit.write_text(
        "[Service]\nExecStart=/usr/bin/sleep infinity\n[Install]\nWantedBy=sysinit.target\n"
    )
    systemd.run("systemctl", "daemon-reload")
    systemd.run("systemctl", "enable", TIMESYNCD)
    yield
    systemd.run("systemctl", "disable", "--now", TIMESYNCD)
    unit.unlink()
    systemd.run("systemctl", "daemon-reload")


def test_a_time_service_that_does_not_run_is_started(
    course: CourseOnDisk, systemd: Systemd, timesyncd: None
) -> None:
    if timekeeping.off_by() != 16:
        pytest.skip("somebody keeps the clock of this machine: nothing to be found")

    def doctor(*words: str) -> str:
        argv = (sys.executable, "-c", NOT_IN_A_CONTAINER, "doctor", *words)
        return systemd.run(*argv, check=False).stdout

    [seen] = [one for one in json.loads(doctor("--json"))["findings"] if "unsyn" in one["id"]]
    assert "systemd-timesyncd does not run" in seen["text"]
    assert seen["do"] == "timedatectl set-ntp true"
    assert "timedatectl set-ntp true" in doctor("--fix", "--dry-run")
    assert "1 done" in doctor("--fix", "--yes")
    assert systemd.show(TIMESYNCD, "ActiveState") == {"ActiveState": "active"}
    assert "reaches no time server" in doctor()
    systemd.run("systemctl", "stop", TIMESYNCD)
    systemd.run("sh", "-c", seen["do"])
    assert systemd.show(TIMESYNCD, "ActiveState") == {"ActiveState": "active"}


def found(systemd: Systemd) -> dict[str, dict[str, str]]:
    said = systemd.hubtui("doctor", "--json", check=False).stdout
    return {each["id"]: each for each in json.loads(said)["findings"]}


def test_timers_that_run_are_fine_and_dead_ones_are_started_by_what_doctor_says(
    course: CourseOnDisk, systemd: Systemd
) -> None:
    assert "✓ What hubtui does each minute is done." in systemd.hubtui("doctor", check=False).stdout
    systemd.run("systemctl", "stop", TIMERS[0])
    systemd.run("systemctl", "disable", TIMERS[1])
    seen = found(systemd)
    assert f"{TIMERS[0]} does not run: nobody looks at the hub." in seen["watchdog.dead"]["text"]
    assert "ends with the next boot" in seen["due.dead"]["text"]
    systemd.run("sh", "-c", seen["watchdog.dead"]["do"])
    assert found(systemd).keys() & {"watchdog.dead", "due.dead"} == {"due.dead"}


def test_fix_starts_both(course: CourseOnDisk, systemd: Systemd) -> None:
    for timer in TIMERS:
        systemd.run("systemctl", "disable", "--now", timer)
    shown = systemd.hubtui("doctor", "--fix", "--dry-run").stdout
    assert all(f"systemctl enable --now {timer}" in shown for timer in TIMERS)
    done = systemd.hubtui("doctor", "--fix", "--yes", check=False)
    assert "2 done" in done.stdout, done.stdout + done.stderr
    assert not found(systemd).keys() & {"watchdog.dead", "due.dead"}
    for timer in TIMERS:
        assert systemd.show(timer, "ActiveState", "UnitFileState") == {
            "ActiveState": "active",
            "UnitFileState": "enabled",
        }


def test_fix_starts_no_second_watchdog(course: CourseOnDisk, systemd: Systemd) -> None:
    systemd.run("systemctl", "disable", "--now", TIMERS[0])
    other = Path("/etc/cron.d/other")
    other.parent.mkdir(exist_ok=True)
    other.write_text("* * * * * root curl -s localhost || systemctl restart jupyterhub\n")
    try:
        shown = systemd.hubtui("doctor", "--fix", "--dry-run").stdout
    finally:
        other.unlink()
    assert TIMERS[0] not in shown


def test_jobs_that_wait_for_a_dead_cron_are_said_and_cron_is_started(
    course: CourseOnDisk, systemd: Systemd
) -> None:
    for file in (*CHECK.files, *DUE.files):
        if file.parent == UNITS:
            systemd.run("systemctl", "disable", "--now", f"{file.stem}.timer", check=False)
            file.unlink(missing_ok=True)
    systemd.run("systemctl", "daemon-reload")
    CHECK.files[0].parent.mkdir(exist_ok=True)
    CHECK.files[0].write_text("* * * * * root true\n")
    systemd.run("rm", "-rf", "--", str(course.server.live))  # a timer of before may have looked
    systemd.run("systemctl", "stop", "cron.service")
    seen = found(systemd)["watchdog.dead"]
    assert f"cron does not run, and {CHECK.files[0]} waits for it" in seen["text"]
    systemd.run("sh", "-c", seen["do"])
    assert "watchdog.dead" not in found(systemd)
    systemd.run("systemctl", "stop", "cron.service")
    assert "1 done" in systemd.hubtui("doctor", "--fix", "--yes", check=False).stdout
    assert systemd.show("cron.service", "ActiveState") == {"ActiveState": "active"}
