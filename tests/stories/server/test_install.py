"""``hubtui install`` on a real hub, which is restarted after each step: it comes up, as before."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from hubtui.errors import CommandFailed, Refused
from hubtui.reads import crontab
from hubtui.server import hubtoken
from hubtui.setup.install import guided, hub_load, hub_snippet, token
from hubtui.setup.install.files import Installation
from hubtui.setup.install.stages import Stage, carry_out
from hubtui.setup.install.timers import DUE
from hubtui.setup.install.token import TOKEN
from hubtui.setup.install.watchdog_unit import CHECK
from tests.course_on_disk import CONFIG, STATE, hubtui
from tests.plain_hub import REPORT, plain_hub
from tests.sandboxed import Machine, checkout_of_root, usr_local_of_its_own
from tests.watched import Watched, eventually, watched

pytestmark = pytest.mark.hub
CRON = Path("/etc/cron.d")
PARTS = ("folders", "token", "timers", "watchdog", "shell")
SHELL = (Path("/etc/bash_completion.d/hubtui"), Path("/usr/local/share/man/man1/hubtui.1"))
SCRIPT = Path("/root/watch.sh")
OLD_LINE = b"* * * * * /root/watch.sh\n"


@pytest.fixture
def course(machine: Machine) -> Iterator[Watched]:
    """What ``init`` wrote for a hub that runs by hand; nothing is installed."""
    own = usr_local_of_its_own()
    with own, checkout_of_root(), watched(machine, make=plain_hub) as found:
        CONFIG.unlink()
        done = hubtui("init")
        assert done.returncode == 0, done.stderr
        yield found
        for path in (*CHECK.files, *DUE.files, SHELL[0]):
            path.unlink(missing_ok=True)


def install(*words: str) -> subprocess.CompletedProcess[str]:
    """All parts, unless ``words`` leave some out; without a question."""
    done = hubtui("install", "--yes", *words)
    assert "Traceback" not in done.stderr
    return done


def restart(course: Watched) -> None:
    """The hub ends and is started again, as by an admin."""
    course.kill(course.hub_pid)
    course.hub.start()
    eventually(course.is_up, seconds=90)


def named(course: Watched, token: str) -> str:
    """Whose this token is, as the hub says; empty: it does not know it."""
    argv = ["curl", "-s", "-H", f"Authorization: token {token}", f"{course.hub.api}/user"]
    said = json.loads(subprocess.run(argv, capture_output=True, check=True).stdout)
    return str(said.get("name", ""))


def doctor(*words: str) -> set[str]:
    """The ids of what doctor finds about the token."""
    found = json.loads(hubtui(*(words or ("doctor", "--json"))).stdout)["findings"]
    return {one["id"] for one in found if one["id"].startswith("hub.token")}


def glance() -> set[str]:
    """The same on the first screen."""
    return doctor("status", "--json")


def files(course: Watched) -> dict[Path, bytes]:
    """What install writes or changes, but the token itself, with modes and owners."""
    found = {}
    for path in (course.hub.config, CONFIG, *CRON.glob("hubtui*"), *SHELL, TOKEN):
        if path.exists():
            status = path.stat()
            text = b"" if path == TOKEN else path.read_bytes()
            found[path] = b"%o %d " % (status.st_mode, status.st_uid) + text
    return found


def copies(course: Watched) -> set[str]:
    """The copies of the files as they were."""
    folders = (course.hub.config.parent, CONFIG.parent)
    return {path.name.partition(".before-")[0] for at in folders for path in at.glob("*.before-*")}


@pytest.mark.timeout(300)
def test_the_hub_comes_up_after_each_step_and_takes_the_token(course: Watched) -> None:
    before = files(course)
    for part in PARTS:
        others = set(guided.PARTS) - {part}
        pid = course.hub_pid
        done = install("--without", ",".join(others))
        assert done.returncode == 0, done.stdout + done.stderr
        assert course.hub_pid == pid, "nothing is restarted unasked"
        if part == "token":
            ours = TOKEN.read_text().strip()
            assert ours not in done.stdout + done.stderr
            assert "The hub takes hubtui's token after its next restart." in done.stdout
            assert doctor() == glance() == {"hub.token.waiting"}
        restart(course)
    assert doctor() == glance() == set()
    assert [named(course, word) for word in (ours, REPORT)] == ["hubtui", "report"]
    assert copies(course) == {course.hub.config.name, CONFIG.name}
    assert TOKEN.stat().st_mode & 0o777 == 0o600

    again = install()
    assert "There is nothing to do." in again.stdout
    assert all(f"✓ {part}: is so already" in again.stdout for part in PARTS)
    assert "tutors is left out. There are no tutors yet" in again.stdout

    held = TOKEN.read_bytes()
    TOKEN.unlink()
    end = course.hub.log.stat().st_size
    restart(course)
    said = course.hub.log.read_bytes()[end:].decode()
    assert said.count("hubtui has no access to this hub, its token:") == 1
    assert named(course, REPORT) == "report"
    TOKEN.write_bytes(held)
    TOKEN.chmod(0o600)

    gone = hubtui("uninstall", "--yes")
    assert gone.returncode == 0, gone.stdout + gone.stderr
    assert f"rm -r {STATE} {CONFIG}" in gone.stdout
    assert files(course) == before
    assert hubtoken.read(STATE) is None
    restart(course)
    assert [named(course, word) for word in (ours, REPORT)] == ["", "report"]
    assert "There is nothing to do." in hubtui("uninstall", "--yes").stdout


REFUSED = {
    "c.JupyterHub.port = (": "line 31: SyntaxError: ",
    "c.JupyterHub.port = nonsense": "line 31: NameError: name 'nonsense' is not defined",
    'c.JupyterHub.services = [{"name": "hubtui", "api_token": "h" * 40}]': (
        "has a service or a role named hubtui already"
    ),
    "import os; os._exit(3)": "The hub's own Python does not load it: exit code 3",
}


def test_with_a_configuration_that_the_hub_would_not_take_nothing_changes(course: Watched) -> None:
    config = course.hub.config
    text = config.read_text()
    for line, why in REFUSED.items():
        config.write_text(f"{text}\n{line}\n")
        before = files(course)
        done = install()
        assert done.returncode == 1
        assert why in done.stderr
        assert "Everything is as it was before." in done.stderr
        assert files(course) == before
        assert copies(course) == set()
        assert [path.name for path in config.parent.glob(".jupyterhub*")] == []


class Fails(Stage):
    """The last stage of all."""

    def say(self) -> str:
        return "fail"

    def do(self) -> Iterator[str]:
        yield from ()
        raise CommandFailed("It failed.")


def failing(course: Watched, stages: list[Stage]) -> None:
    """Carry the stages out with one behind them that fails."""
    with pytest.raises(CommandFailed, match=r"It failed\. Everything is as it was before\."):
        carry_out(course.server, "install", [*stages, Fails()], lambda text: None)


def test_where_a_later_stage_fails_all_of_it_goes_back(course: Watched) -> None:
    before, none = files(course), Installation(())
    parts = guided.parts(course.server, CONFIG, none, without=("folders",), take_over=False)
    failing(course, [stage for part in parts for stage in part.stages])
    assert files(course) == before
    assert not TOKEN.exists()
    assert hubtoken.read(STATE) is None
    assert hubtui("install", "token", "--yes").returncode == 0
    (STATE / hubtoken.FILE).unlink()
    assert "take the token out of" in hubtui("uninstall", "token", "--yes").stdout
    assert course.hub.config.read_bytes() in before[course.hub.config], "known without a note"
    assert install().returncode == 0
    whole, held = files(course), TOKEN.read_bytes()
    failing(course, guided.stages_back(course.server, none, without=())[:-1])
    assert files(course) == whole
    assert TOKEN.read_bytes() == held


def test_a_configuration_that_others_could_change_is_left_alone_and_the_rest_installed(
    course: Watched,
) -> None:
    course.hub.config.chmod(0o666)
    before = course.hub.config.read_bytes()
    done = install()
    assert done.returncode == 0
    assert f"chmod go-w {course.hub.config}" in done.stdout
    assert "· token is left out." in done.stdout
    assert course.hub.config.read_bytes() == before
    assert not TOKEN.exists()
    assert (CRON / "hubtui-watchdog").exists()


def test_a_hub_without_root_keeps_its_folder(
    course: Watched, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.adduser("hub", 990)
    launch = hub_load.launch_of(course.hub_pid)
    as_hub = msgspec.structs.replace(launch, uid=990, gid=990)
    monkeypatch.setattr(hub_load, "launch_of", lambda pid: as_hub)
    assert token.way(course.server).owner == (990, 990)
    os.chown(course.hub.folder, 990, 990)
    with pytest.raises(Refused, match=r"belongs to hub.*move it into a folder of root's") as caught:
        token.way(course.server)
    assert "chown" not in str(caught.value)


def killed_after(lines: int, *words: str) -> bool:
    """hubtui, killed when it has said so many lines; whether it was still at work."""
    argv = [sys.executable, "-m", "hubtui", *words]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    with process.stdout:
        for _ in range(lines):
            process.stdout.readline()
        process.kill()
        process.stdout.read()
    return process.wait() < 0


@pytest.mark.timeout(300)
def test_killed_at_any_line_and_started_again_it_comes_to_the_same_end(course: Watched) -> None:
    before = files(course)
    assert install().returncode == 0
    whole = files(course)
    assert hubtui("uninstall", "--yes").returncode == 0
    for lines in random.sample(range(8, 19), 4):
        assert killed_after(lines, "install", "--yes"), f"it was over before line {lines}"
        again = install()
        assert again.returncode == 0, f"killed after {lines}: {again.stdout}{again.stderr}"
        assert files(course) == whole, f"killed after {lines}"
        killed_after(lines - 4, "uninstall", "--yes")
        gone = hubtui("uninstall", "--yes")
        assert gone.returncode == 0, f"killed after {lines}: {gone.stdout}{gone.stderr}"
        assert files(course) == before, f"killed after {lines}"
        assert not TOKEN.exists()
    assert hub_snippet.BEGIN not in course.hub.config.read_bytes()
    restart(course)


def test_an_old_script_keeps_its_line_unless_it_is_taken_over_and_gets_it_back(
    course: Watched,
) -> None:
    if shutil.which("crontab") is None:
        pytest.skip("crontab is not installed: apt-get install cron")
    SCRIPT.write_text("#!/bin/sh\ncurl -sf localhost:9 || systemctl restart jupyterhub\n")
    subprocess.run(["crontab", "-"], input=OLD_LINE, check=True)
    try:
        done = install()
        assert done.returncode == 0, done.stderr
        assert "· watchdog is left out. The hub is restarted by another already" in done.stdout
        assert "hubtui install --take-over switches it off" in done.stdout
        assert crontab.read() == OLD_LINE
        taken = install("--take-over")
        assert taken.returncode == 0, taken.stdout + taken.stderr
        assert crontab.read() == crontab.MARK + OLD_LINE
        assert "✓ token: is so already" in taken.stdout
        gone = hubtui("uninstall", "--yes")
        assert gone.returncode == 0, gone.stderr
        assert crontab.read() == OLD_LINE
        assert list(CRON.glob("hubtui*")) == []
    finally:
        subprocess.run(["crontab", "-r"], check=True)
        SCRIPT.unlink()
