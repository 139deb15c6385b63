"""``hubtui demo`` from outside: when it refuses, what it starts, and that it leaves nothing."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pty
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hubtui.demo import sandbox, show
from hubtui.errors import Refused

needs_sandbox = pytest.mark.skipif(
    not sandbox.find_kind().unshare, reason="this machine allows no namespaces"
)
needs_hub = pytest.mark.skipif(
    importlib.util.find_spec("jupyterhub") is None, reason="JupyterHub is missing: hubtui[demo]"
)
TRY = """
import sys
from pathlib import Path
from hubtui.demo import show
from hubtui.errors import Refused
try:
    sys.exit(show.run({folder}, keep=False, force={force}, class_size=4, app={app!r}))
except Refused as refused:
    print(refused)
"""


def attempt(prepare: str, folder: str = "None", force: bool = False, app: str = "") -> str:
    """What the demo says on a machine where ``prepare`` was done; on a sandbox's, that is."""
    code = TRY.format(folder=folder, force=force, app=["sh", "-c", app])
    script = f'{prepare}\nexec {sys.executable} -c "$CODE"'
    done = subprocess.run(
        [sys.executable, "-m", "hubtui.demo.sandbox", "--remove", os.environ["TRY_IN"], "--",
         "sh", "-c", script],
        env={**os.environ, "CODE": code}, capture_output=True, text=True, timeout=90,
    )  # fmt: skip
    return done.stdout + done.stderr


@pytest.fixture(autouse=True)
def _try_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRY_IN", str(tmp_path / "outer"))


@needs_sandbox
def test_beside_a_course_it_refuses() -> None:
    assert attempt("mkdir /etc/hubtui").startswith("/etc/hubtui exists: this machine has a course")


@needs_sandbox
def test_without_a_gigabyte_it_refuses() -> None:
    said = attempt("mount -t tmpfs -o size=10m tmpfs /srv", 'Path("/srv/demo")')
    assert said.startswith("/srv has 0.0 GB free and the demo wants 1 GB")


@needs_sandbox
def test_beside_a_hub_it_refuses() -> None:
    hub = "cp $(command -v sleep) /srv/jupyterhub; env -u HUBTUI_SANDBOX /srv/jupyterhub 60 &"
    assert "A hub seems to run here (process " in attempt(f"{hub} sleep 0.5")


@needs_sandbox
@needs_hub
def test_a_demos_own_hub_is_no_reason_to_refuse() -> None:
    hub = "cp $(command -v sleep) /srv/jupyterhub; /srv/jupyterhub 60 &"
    assert "DONE" in attempt(f"{hub} sleep 0.5", app="echo DONE")


def test_beside_a_listener_on_the_hubs_port_it_refuses() -> None:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", 8081))
        except OSError:
            pytest.skip("port 8081 is taken")
        listener.listen()
        with pytest.raises(Refused, match=r"something listens on port 8081.*--force"):
            show.run(None, keep=False, force=False)


def test_a_folder_with_something_in_it_is_refused_even_when_told(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("a year of work")
    with pytest.raises(Refused, match="is not an empty folder"):
        show.run(tmp_path, keep=False, force=True)
    assert (tmp_path / "thesis.tex").exists()


@needs_sandbox
@needs_hub
def test_it_shows_a_course_and_takes_everything_with_it() -> None:
    look = "ls /home; stat -c '%a %U' {config}; getent passwd old-walrus | cut -d: -f3"
    said = attempt(
        "useradd -m helga", 'Path("/srv/demo")', app=f"{look}; echo $HUBTUI_DEMO; exit 3"
    )
    lines = said.splitlines()
    assert lines[0] == "The demo lives in /srv/demo and removes it when you leave."
    at = lines.index("grey-heron")
    assert lines[at : at + 8] == [
        "grey-heron", "old-walrus", "red-panda", "tutor", "vivid-vole", "white-stork",
        "644 root", "1003",
    ]  # fmt: skip
    assert lines[at + 8].startswith("http://127.0.0.1:")
    assert lines[-1] == "Everything is stopped; /srv/demo is removed."


@needs_sandbox
@needs_hub
def test_a_terminal_that_hangs_up_ends_the_demo(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    code = TRY.format(
        folder=f"Path({str(folder)!r})", force=True, app=["sh", "-c", "echo UP; sleep 90"]
    )
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-c", code])
    seen = b""
    until = time.monotonic() + 60
    while b"\nUP" not in seen and time.monotonic() < until:
        if select.select([terminal], [], [], 1)[0]:
            with contextlib.suppress(OSError):
                seen += os.read(terminal, 4096)
    assert b"\nUP" in seen
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 128 + signal.SIGHUP
    assert not folder.exists()
