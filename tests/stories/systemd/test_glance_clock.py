"""The clock: a finding where a time service is meant to run, and does not keep it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hubtui.server import timekeeping
from tests.course_on_disk import CONFIG, make_course
from tests.sandboxed import Machine
from tests.systemd_rig import Systemd

WANTED = Path("/etc/systemd/system/multi-user.target.wants/chrony.service")
LOOK = f"""
from pathlib import Path
from hubtui import course
from hubtui.glance import machine
from hubtui.glance.gather import Ground
from hubtui.server import server_of
found = machine.look(Ground(server_of(course.load(Path("{CONFIG}"))))).findings
print(*(each.text for each in found if each.id == "machine.clock"), sep="\\n", end="")
"""


@pytest.fixture
def server(machine: Machine, systemd: Systemd) -> Systemd:
    make_course()
    return systemd


def said(server: Systemd) -> str:
    return server.run(sys.executable, "-c", LOOK).stdout


def test_nobody_keeps_the_clock_though_somebody_should(server: Systemd) -> None:
    if (off := timekeeping.off_by()) is None or off < 2:
        pytest.skip(f"the clock of this machine is kept: {off} s")
    mark = server.root / "run/systemd/container"
    kind = mark.read_text()
    mark.unlink()
    assert said(server) == "", "no time service is meant to run"
    WANTED.parent.mkdir(parents=True, exist_ok=True)
    WANTED.symlink_to("/usr/lib/systemd/system/chrony.service")
    try:
        assert said(server) == f"The clock may be {off:.0f} s off: chrony does not keep it."
        mark.write_text(kind)
        assert said(server) == "", "in a container the clock is the host's"
        mark.unlink()
    finally:
        WANTED.unlink()
    assert said(server) == ""
    mark.write_text(kind)
