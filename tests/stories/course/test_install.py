"""``hubtui install`` on a real hub, which is restarted after each step: it comes up, as before."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hubtui.demo.hub import EmbeddedHub
from hubtui.setup.timers import DUE
from hubtui.setup.token import TOKEN
from hubtui.setup.watchdog_unit import CHECK
from tests.course_on_disk import CONFIG, hubtui
from tests.sandboxed import Machine, checkout_of_root
from tests.watched import Watched, eventually, watched

pytestmark = pytest.mark.hub
OTHERS = """
c.JupyterHub.services = [{"name": "culler", "api_token": "c" * 40}]
c.JupyterHub.load_roles = [{"name": "reader", "services": ["report"], "scopes": ["list:users"]}]
load_subconfig("more.py")"""
MORE = 'c.JupyterHub.services = [{"name": "report", "api_token": "r" * 40}]\n'


def plain_hub(folder: Path) -> EmbeddedHub:
    """A hub that does not know hubtui: services and roles of others, set in two files."""
    hub = EmbeddedHub(folder)
    hub.token_file.unlink()
    text = hub.config.read_text()
    hub.config.write_text(text[: text.index("with open(")] + OTHERS)  # no newline at the end
    hub.config.chmod(0o600)
    (folder / "more.py").write_text(MORE)
    return hub


@pytest.fixture
def course(machine: Machine) -> Iterator[Watched]:
    """The course of ``init``, without a token; nothing is installed."""
    with checkout_of_root(), watched(machine, make=plain_hub) as found:
        CONFIG.unlink()
        done = hubtui("init")
        assert done.returncode == 0, done.stderr
        yield found
        for path in (*CHECK.files, *DUE.files):
            path.unlink(missing_ok=True)


def restart(course: Watched) -> None:
    """The hub ends and is started again, as by an admin."""
    course.kill(course.hub_pid)
    course.hub.start()
    eventually(course.is_up, seconds=90)


def services(course: Watched) -> set[str]:
    """The names of the hub's services, as the hub says to hubtui's token."""
    token = TOKEN.read_text().strip()
    argv = ["curl", "-sf", "-H", f"Authorization: token {token}", f"{course.hub.api}/user"]
    found = json.loads(subprocess.run(argv, capture_output=True, check=True).stdout)
    assert found["kind"] == "service"
    return {str(found["name"])}


def install(*words: str) -> subprocess.CompletedProcess[str]:
    return hubtui("install", "--yes", *words)


def test_installed_as_one_plan_and_the_hub_takes_the_token_after_its_restart(
    course: Watched,
) -> None:
    before = course.hub.config.read_bytes()
    pid = course.hub_pid
    done = install()
    assert done.returncode == 0, done.stdout + done.stderr
    assert course.hub_pid == pid, "nothing is restarted unasked"
    assert "The hub takes hubtui's token after its next restart." in done.stdout
    restart(course)
    assert services(course) == {"hubtui"}
    print(done.stdout, course.hub.config.read_text()[-1500:], CONFIG.read_text()[:900])
