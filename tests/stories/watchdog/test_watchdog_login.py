"""JupyterHub 6 with nativeauthenticator 1.3: the hub answers, and nobody gets in."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hubtui.demo.form import Session, sign_up
from hubtui.demo.hub import EmbeddedHub
from hubtui.watchdog.records import State, Verdict
from tests.sandboxed import Machine
from tests.watched import PASSWORD, Watched, watched

pytestmark = pytest.mark.hub
JUPYTERHUB = "jupyterhub==6.1.1"
PLACE = Path("/srv/jupyterhub-6")


@pytest.fixture(scope="module")
def make() -> Callable[[Path], EmbeddedHub]:
    """A hub of version 6, with everything else that is installed beside this Python."""
    venv.create(PLACE, symlinks=True)
    python = PLACE / "bin/python"
    folders = PLACE.glob("lib/python3*/site-packages")
    (next(folders) / "beside.pth").write_text(sysconfig.get_path("purelib"))
    pip = [sys.executable, "-m", "pip", f"--python={python}", "--disable-pip-version-check"]
    install = [*pip, "install", "--quiet", "--retries=1", "--timeout=20", JUPYTERHUB]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        pytest.skip(f"PyPI did not bring {JUPYTERHUB}: {last}")
    proxy = [str(Path(sysconfig.get_path("scripts"), "configurable-http-proxy"))]
    return lambda folder: EmbeddedHub(folder, scripts=PLACE / "bin", proxy_command=proxy)


@pytest.fixture
def course(machine: Machine, make: Callable[[Path], EmbeddedHub]) -> Iterator[Watched]:
    with watched(machine, make=make) as found:
        yield found


def test_a_log_in_that_cannot_work_is_named_and_nothing_is_restarted(
    course: Watched, machine: Machine
) -> None:
    machine.adduser("ada", 20001)
    sign_up(course.hub.url, "ada", PASSWORD)
    course.hub.authorise("ada")
    assert course.check().now.verdict is Verdict.UP  # until somebody tries it, nothing shows
    hub = course.hub_pid

    for _ in range(3):  # one failure is no incident yet: anybody can write a line into that log
        assert course.incidents() == []
        assert log_in_status(course) == 500
        now = course.check().now
        assert (now.state, now.verdict) == (State.DEGRADED, Verdict.FAILING)
        assert "JupyterHub 6 and nativeauthenticator 1.3" in now.text
        assert "pip install 'jupyterhub>=5,<6'" in now.do
    (incident,) = course.incidents()
    assert (incident.verdict, incident.cause) == (Verdict.FAILING, "login-broken")
    assert (incident.restarts, now.restarts) == ((), ())
    assert course.hub_pid == hub


def log_in_status(course: Watched) -> int:
    """What the hub answers to the right password."""
    fields = {"username": "ada", "password": PASSWORD}
    return Session(course.hub.url, "ada").post("/hub/login", fields).status
