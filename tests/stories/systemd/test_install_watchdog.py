"""``hubtui install watchdog`` under cron and systemd, and taking over from an old script."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hubtui import pauses
from hubtui.clock import now
from hubtui.reads import crontab
from hubtui.server import hubprocess
from hubtui.setup.install import restarters, takeover, watchdog_unit
from hubtui.setup.install.watchdog_unit import CHECK
from hubtui.watchdog import live
from hubtui.watchdog.records import Verdict
from tests.course_on_disk import CONFIG, STATE, hubtui
from tests.sandboxed import Machine, checkout_of_root
from tests.systemd_rig import Systemd
from tests.watched import Watched, eventually, watched

pytestmark = pytest.mark.hub
CRON = CHECK.files[0]
SCRIPT = Path("/root/jptrhb.sh")
OLD_SCRIPT = """\
#!/bin/bash
URL="http://127.0.0.1:9"
if ! curl -sL $URL >/root/logs/http.log; then
  pkill -f jupyterhub
  jupyterhub -f /etc/jupyterhub/jupyterhub_config.py 2>&1 | tee -a /root/logs/hub.log
fi
"""
TABLE = (
    b"MAILTO=root\n# a comment, with an \xfc of latin-1\n\n"
    b"* * * * *\t/root/jptrhb.sh >/dev/null 2>&1\n0 3 * * *  /root/backup.sh   # nightly \n"
)


@pytest.fixture
def old_script() -> Iterator[None]:
    """The script that watched the hub before, in root's real crontab."""
    if shutil.which("crontab") is None:
        pytest.skip("crontab is not installed: apt-get install cron")
    SCRIPT.write_text(OLD_SCRIPT)
    subprocess.run(["crontab", "-"], input=TABLE, check=True)
    assert crontab.read() == TABLE
    yield
    subprocess.run(["crontab", "-r"], check=True)
    SCRIPT.unlink()


@pytest.fixture
def course(machine: Machine) -> Iterator[Watched]:
    """A hub that runs by hand, and no watchdog."""
    with checkout_of_root(), watched(machine) as found:
        yield found
        for path in CHECK.files:
            path.unlink(missing_ok=True)


def test_two_restarters_are_refused_by_file_and_line(old_script: None, course: Watched) -> None:
    done = hubtui("install", "watchdog", "--yes")
    assert done.returncode == 1
    assert f"root's crontab, line 4 ({SCRIPT})" in done.stderr
    assert "--take-over" in done.stderr
    assert not CRON.exists()
    assert crontab.read() == TABLE


def test_a_take_over_is_shown_done_and_taken_back(old_script: None, course: Watched) -> None:
    shown = hubtui("install", "watchdog", "--take-over", "--print")
    assert f"· switch off root's crontab, line 4 ({SCRIPT})" in shown.stdout
    assert crontab.read() == TABLE
    done = hubtui("install", "watchdog", "--take-over", "--yes")
    assert done.returncode == 0, done.stderr
    lines = TABLE.splitlines(keepends=True)
    assert crontab.read() == b"".join([*lines[:3], crontab.MARK + lines[3], lines[4]])
    assert (STATE / crontab.BACKUP).read_bytes() == TABLE
    assert CRON.read_text().endswith(" -I -m hubtui watchdog check\n")
    assert course.now.verdict is Verdict.UP
    assert pauses.paused(STATE, now()) is None
    again = hubtui("install", "watchdog", "--take-over", "--yes")
    assert again.returncode == 0, again.stderr
    back = hubtui("uninstall", "watchdog", "--yes", "--old-script")
    assert back.returncode == 0, back.stderr
    assert crontab.read() == TABLE
    assert not CRON.exists()


def test_without_a_good_check_all_is_as_it_was(old_script: None, course: Watched) -> None:
    course.kill(course.hub_pid, course.proxy_pid)
    done = hubtui("install", "watchdog", "--take-over", "--yes")
    assert done.returncode == 1
    assert "No good check was seen" in done.stderr
    assert "Everything is as it was before." in done.stderr
    assert crontab.read() == TABLE
    assert not CRON.exists()
    assert pauses.paused(STATE, now()) is None


@pytest.mark.parametrize("well", [True, False])
@pytest.mark.parametrize("stages_done", [1, 2, 3])
def test_a_take_over_that_was_killed_goes_on_or_back(
    old_script: None, course: Watched, well: bool, stages_done: int
) -> None:
    """Killed after any of its stages: what is left is what these did."""
    found = watchdog_unit.watchdog(course.server, CONFIG)
    others = restarters.find(course.server.run, ours=CHECK.files)
    for stage in takeover.stages(course.server, CONFIG, found, others)[:stages_done]:
        list(stage.do())
        assert (crontab.read() == TABLE) + CRON.exists() <= 1, "both at work"
    if not well:
        course.kill(course.hub_pid, course.proxy_pid)
    done = hubtui("install", "watchdog", "--take-over", "--yes")
    assert done.returncode == (0 if well else 1)
    assert (crontab.read() == TABLE, CRON.exists()) == (not well, well)
    assert pauses.paused(STATE, now()) is None


def doctor(run: Callable[..., subprocess.CompletedProcess[str]]) -> dict[str, str]:
    """What doctor says of the watchdog: severities by id."""
    found = json.loads(run("doctor", "--json").stdout)["findings"]
    return {one["id"]: one["severity"] for one in found if one["id"].startswith("watchdog.")}


def test_doctor_knows_who_restarts_the_hub(old_script: None, course: Watched) -> None:
    assert doctor(hubtui) == {"watchdog.old": "note"}
    crontab.write(crontab.without(TABLE, [4]))
    assert doctor(hubtui) == {"watchdog.none": "critical"}
    assert hubtui("install", "watchdog", "--yes").returncode == 0
    assert doctor(hubtui) == {"watchdog.dead": "warning"}  # no cron runs here
    assert hubtui("watchdog", "check").returncode == 0
    assert doctor(hubtui) == {}
    crontab.write(TABLE)
    assert doctor(hubtui) == {"watchdog.two": "critical"}
    CRON.unlink()
    crontab.write(b"# nothing\n")
    assert doctor(hubtui) == {"watchdog.none": "note"}


# --- systemd ------------------------------------------------------------------------------------


@pytest.fixture
def on_systemd(systemd: Systemd, machine: Machine) -> Iterator[Watched]:
    """A hub that root started in an SSH session of a machine with systemd."""
    with checkout_of_root(), systemd.watched(machine) as found:
        yield found
        systemd.hubtui("uninstall", "watchdog", "--yes")


def test_the_timer_fires_and_fills_no_journal(systemd: Systemd, on_systemd: Watched) -> None:
    done = systemd.hubtui("install", "watchdog", "--yes")
    assert not CRON.exists()
    assert "hubtui-watchdog.timer is written" in done.stdout
    folder = systemd.root / "run/hubtui"
    eventually(lambda: live.read(folder) is not None, seconds=75)
    first = live.read(folder)
    assert first is not None
    assert first.verdict is Verdict.UP
    assert 29 <= first.at.second <= 40
    systemd.wait_for("hubtui-watchdog.service", "inactive")
    assert systemd.show("hubtui-watchdog.service", "Result") == {"Result": "success"}
    assert [line for line in systemd.journal("hubtui-watchdog.service") if "check" in line] == []
    assert not any("Finished" in line for line in systemd.journal("hubtui-watchdog.service"))
    again = systemd.hubtui("install", "watchdog", "--yes")
    assert again.stdout.count("is as it should be.") == 2


def test_a_hub_that_the_timer_started_outlives_it(systemd: Systemd, on_systemd: Watched) -> None:
    systemd.hubtui("install", "watchdog", "--yes")
    systemd.run("systemctl", "start", "hubtui-watchdog.service")
    before = on_systemd.hub_pid
    on_systemd.kill(before)
    systemd.run("systemctl", "start", "hubtui-watchdog.service", timeout=120)
    systemd.wait_for("hubtui-watchdog.service", "inactive")
    assert on_systemd.is_up()
    assert on_systemd.hub_pid != before
    status = Path(f"/proc/{on_systemd.hub_pid}")
    assert (status / "oom_score_adj").read_text() == "0\n"
    assert os.getpriority(os.PRIO_PROCESS, on_systemd.hub_pid) == 0
    assert hubprocess.unit(on_systemd.hub_pid) != "hubtui-watchdog.service"


def test_a_cron_line_makes_way_for_the_timer(systemd: Systemd, on_systemd: Watched) -> None:
    CRON.parent.mkdir(exist_ok=True)
    CRON.write_text("* * * * * root /usr/bin/python3 -I -m hubtui watchdog check\n")
    systemd.hubtui("install", "watchdog", "--yes")
    assert not CRON.exists()


def test_another_timer_that_restarts_the_hub_is_named(
    systemd: Systemd, on_systemd: Watched, old_script: None
) -> None:
    subprocess.run(["crontab", "-"], input=b"# empty\n", check=True)
    units = Path("/etc/systemd/system")
    units.mkdir(parents=True, exist_ok=True)
    SCRIPT.chmod(0o755)
    (units / "look.service").write_text(f"[Service]\nType=oneshot\nExecStart={SCRIPT}\n")
    (units / "look.timer").write_text("[Timer]\nOnCalendar=daily\n")
    systemd.run("systemctl", "daemon-reload")
    assert systemd.hubtui("install", "watchdog", "--yes").returncode == 0, "it is not at work"
    systemd.run("systemctl", "start", "look.timer")
    done = systemd.hubtui("install", "watchdog", "--take-over", "--yes", check=False)
    systemd.run("systemctl", "stop", "look.timer")
    for name in ("look.service", "look.timer"):
        (units / name).unlink()
    assert done.returncode == 1
    assert f"{units}/look.service, line 3 ({SCRIPT})" in done.stderr


def test_cron_itself_runs_what_is_installed(course: Watched) -> None:
    """The real cron(8), for as long as it takes it to come to the next minute."""
    if shutil.which("cron") is None:
        pytest.skip("cron is not installed: apt-get install cron")
    assert hubtui("install", "watchdog", "--yes").returncode == 0
    daemon = subprocess.Popen(["cron", "-f"])
    try:
        eventually(lambda: live.read(course.server.live) is not None, seconds=80)
        assert course.now.verdict is Verdict.UP
    finally:
        daemon.terminate()
        daemon.wait()
