"""``hubtui install`` on a real systemd: timers, tutors, token; the restart that is asked for."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from hubtui.setup.install import tutors
from hubtui.setup.install.files import UNITS
from hubtui.setup.install.token import TOKEN
from tests.course_on_disk import CONFIG
from tests.plain_hub import plain_hub
from tests.sandboxed import Machine, checkout_of_root, usr_local_of_its_own
from tests.systemd_rig import Systemd
from tests.watched import Watched

pytestmark = pytest.mark.hub
TIMERS = ("hubtui-due.timer", "hubtui-watchdog.timer")
SUDOERS = Path("/etc/sudoers")
RELEASE = "release:\n  source: /home/tutor/exercises\n  tutors: [tutor]\n"


@pytest.fixture(scope="module", autouse=True)
def _own() -> Iterator[None]:
    """Before systemd is booted, which sees it too."""
    with usr_local_of_its_own():
        yield


@pytest.fixture
def course(systemd: Systemd, machine: Machine) -> Iterator[Watched]:
    """A hub by hand, what ``init`` wrote, a tutor; nothing is installed."""
    if shutil.which("sudo") is None:
        pytest.skip("sudo is not installed: apt-get install sudo")
    with checkout_of_root(), systemd.watched(machine, plain_hub) as found:
        CONFIG.unlink()
        systemd.hubtui("init")
        machine.adduser("tutor", 1100)
        CONFIG.write_text(CONFIG.read_text() + RELEASE)
        SUDOERS.write_text("root ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n")
        SUDOERS.chmod(0o440)
        yield found
        systemd.hubtui("uninstall", "--yes", check=False)
        SUDOERS.unlink()


def test_all_of_it_at_once_and_all_of_it_back(systemd: Systemd, course: Watched) -> None:
    config = course.hub.config.read_bytes()
    settings = CONFIG.read_bytes()
    shown = systemd.hubtui("install", "--print").stdout
    assert "ExecStart=" in shown
    assert "tutor ALL=(root) NOPASSWD: /usr/local/bin/hubtui-tutor" in shown
    assert "Install this?" not in shown
    assert (course.hub.config.read_bytes(), CONFIG.read_bytes()) == (config, settings)

    done = systemd.hubtui("install", "--yes")
    assert "left out" not in done.stdout
    for timer in TIMERS:
        assert systemd.show(timer, "ActiveState", "UnitFileState") == {
            "ActiveState": "active",
            "UnitFileState": "enabled",
        }
    allowed = systemd.run("sudo", "-n", "-l", "-U", "tutor", str(tutors.LAUNCHER))
    assert str(tutors.LAUNCHER) in allowed.stdout
    assert "sudo hubtui watchdog restart, when no student is in" in done.stdout

    before = course.hub_pid
    systemd.hubtui("watchdog", "restart", "--yes", timeout=180)
    assert course.hub_pid != before
    found = json.loads(systemd.hubtui("doctor", "--json", check=False).stdout)["findings"]
    ids = {one["id"] for one in found}
    assert not ids & {"hub.token", "hub.token.waiting"}
    assert "hub.process" not in ids, "doctor knows a hub that its interpreter was started with"
    again = systemd.hubtui("install", "--yes")
    assert "There is nothing to do." in again.stdout
    assert "after its next restart" not in again.stdout

    systemd.hubtui("uninstall", "--yes")
    assert (course.hub.config.read_bytes(), CONFIG.read_bytes()) == (config, settings)
    assert list(UNITS.glob("hubtui*")) == []
    assert not any(path.exists() for path in (TOKEN, tutors.SUDOERS, tutors.LAUNCHER))
    for timer in TIMERS:
        assert systemd.show(timer, "LoadState", "ActiveState") == {
            "LoadState": "not-found",
            "ActiveState": "inactive",
        }


def test_a_tutor_without_an_account_takes_nothing_else_along(
    systemd: Systemd, course: Watched
) -> None:
    CONFIG.write_text(CONFIG.read_text().replace("tutors: [tutor]", "tutors: [nobody-here]"))
    done = systemd.hubtui("install", "--yes", "--without", "watchdog,token")
    assert "tutors is left out. There is no account nobody-here" in done.stdout
    assert systemd.show(TIMERS[0], "ActiveState") == {"ActiveState": "active"}
    assert not TOKEN.exists()
