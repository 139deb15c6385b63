"""The hub's own Python loads a configuration: as the hub's user, in its folder, within a time."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from hubtui.errors import CommandFailed, Refused
from hubtui.server.hubprocess import Launch
from hubtui.setup.install import hub_load, hub_snippet, others_files
from hubtui.setup.install.hub_load import python_of
from tests.sandboxed import Machine, checkout_of_root

TOKEN = Path("/srv/loaded/token")
CONFIG = Path("/srv/loaded/jupyterhub_config.py")


@pytest.fixture
def launch(machine: Machine) -> Iterator[Launch]:
    """How root's hub was started: in a folder, with a variable."""
    pytest.importorskip("jupyterhub", reason="JupyterHub is missing: install hubtui[demo]")
    CONFIG.parent.mkdir(mode=0o755, exist_ok=True)
    TOKEN.write_text("t" * 64)
    with checkout_of_root():
        yield Launch(
            words=(sys.executable, "/opt/hub/bin/jupyterhub", "-f", CONFIG.name),
            cwd=str(CONFIG.parent),
            environment={"COURSE": "statistics"},
            uid=0,
            gid=0,
        )
    for path in (CONFIG, TOKEN, CONFIG.with_suffix(".json")):
        path.unlink(missing_ok=True)


def loaded(launch: Launch, text: str, mode: int = 0o600) -> hub_load.Loaded:
    CONFIG.write_text(text)
    CONFIG.chmod(mode)
    return python_of(launch).load(CONFIG, hub_snippet.added(text.encode(), TOKEN))


def test_in_the_hubs_folder_and_environment(launch: Launch) -> None:
    text = 'import os\nassert os.environ["COURSE"] and open("token") and "/opt/hub/bin" in '
    found = loaded(launch, f'{text}__import__("sys").path\nprint("noise")\nassert __file__')
    assert len(found.services) == found.roles == 1
    assert not [path for path in CONFIG.parent.iterdir() if path.name.startswith(".")]


def test_as_the_hubs_user(launch: Launch, machine: Machine) -> None:
    machine.adduser("hub", 990)
    hub = msgspec.structs.replace(launch, uid=990, gid=990)
    with pytest.raises(Refused, match="PermissionError"):
        loaded(hub, "", 0o600)
    TOKEN.chmod(0o600)
    assert loaded(hub, "assert __import__('os').getuid() == 990", 0o644).services == ()
    os.chown(TOKEN, 990, 990)
    assert len(loaded(hub, "", 0o644).services) == 1


def test_a_json_beside_it_that_decides_is_seen(launch: Launch) -> None:
    CONFIG.with_suffix(".json").write_text('{"JupyterHub": {"services": []}}')
    assert loaded(launch, "").services == ()


def test_what_takes_too_long_is_ended_with_all_that_it_started(
    launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_load, "LIMIT", 1.0)
    with pytest.raises(CommandFailed, match="did not load its configuration within 1 s"):
        loaded(launch, 'import subprocess\nsubprocess.run(["sleep", "61.25"])')
    assert subprocess.run(["pgrep", "-f", "sleep 61.25"], check=False).returncode == 1


def test_options_of_the_interpreter_are_kept_and_another_program_is_refused(
    launch: Launch,
) -> None:
    words = (sys.executable, "-I", "-X", "utf8", "/opt/hub/bin/jupyterhub")
    assert python_of(msgspec.structs.replace(launch, words=words)).argv[1:] == ("-I", "-X", "utf8")
    with pytest.raises(Refused, match="with which Python is not to be seen"):
        python_of(msgspec.structs.replace(launch, words=("/bin/sh", "-c", "jupyterhub")))
    mine = Path("/srv/loaded/python")
    mine.symlink_to(sys.executable)
    os.chown(mine, 1000, 1000, follow_symlinks=False)
    with pytest.raises(Refused, match="is not started by root: /srv/loaded/python belongs to"):
        python_of(msgspec.structs.replace(launch, words=(str(mine), "jupyterhub")))
    mine.unlink()


def test_a_link_stays_a_link_and_its_file_keeps_mode_and_owner(launch: Launch) -> None:
    real = Path("/srv/loaded/real.py")
    real.write_text("old")
    real.chmod(0o640)
    os.chown(real, 0, 990)
    CONFIG.symlink_to(real.name)
    others_files.put(CONFIG, b"new")
    assert CONFIG.readlink() == Path(real.name)
    assert real.read_text() == "new"
    assert (real.stat().st_mode & 0o777, real.stat().st_gid) == (0o640, 990)
    real.unlink()
