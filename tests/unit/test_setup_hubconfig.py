"""The hub's configuration is read as text: literals only, nothing of it ever runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubtui.reads.hubconfig import HubConfig, parse, read_config

FILE = Path("/etc/jupyterhub/jupyterhub_config.py")


def said(text: str, *arguments: str) -> HubConfig:
    return parse(text.encode(), FILE, arguments)


def test_the_last_literal_counts() -> None:
    found = said('c.JupyterHub.db_url = "a"\nc.JupyterHub.db_url = "b"\n')
    assert found.values == {"JupyterHub.db_url": "b"}
    assert found.unread == {}


def test_a_setting_by_another_name_of_the_configuration_is_read() -> None:
    found = said("conf = get_config()\nconf.Authenticator.allow_all = True\nx.A.b = 1\n")
    assert found.values == {"Authenticator.allow_all": True}


@pytest.mark.parametrize(
    "text",
    [
        "import os\nc.JupyterHub.db_url = os.environ['X']\n",
        "if True:\n    c.JupyterHub.db_url = 'x'\n",
        "c.JupyterHub.db_url = 'x'; y = 1\nc.JupyterHub.db_url += 'y'\n",
    ],
)
def test_what_is_not_sure_is_named_with_its_line(text: str) -> None:
    assert said(text).unread["JupyterHub.db_url"] == 2


def test_what_stands_behind_a_condition_is_not_taken_for_the_value() -> None:
    found = said("c.A.b = 1\nif debug:\n    c.A.b = 2\n")
    assert found.get("A.b") is None
    assert found.line_of_unread("A.b") == 3


def test_a_changed_set_keeps_the_names_that_are_known() -> None:
    found = said('c.Authenticator.admin_users = {"boss"}\nc.Authenticator.admin_users.add(who)\n')
    assert found.names("Authenticator.admin_users") == {"boss"}
    assert found.unread == {"Authenticator.admin_users": 2}


def test_other_files_are_pointed_out() -> None:
    assert said("x = 1\nload_subconfig('more.py')\n").elsewhere == (2,)


def test_the_setting_of_the_subclass_counts() -> None:
    found = said("c.Authenticator.allow_all = True\nc.NativeAuthenticator.allow_all = False\n")
    assert found.authenticator("allow_all") is False


def test_the_command_line_overrides_the_file() -> None:
    found = said(
        "c.JupyterHub.port = 8000\nc.JupyterHub.hub_port = f()\n",
        *("jupyterhub", "--port", "9000", "--JupyterHub.hub_port=9001", "--db=sqlite:///x"),
    )
    assert found.values["JupyterHub.port"] == 9000
    assert found.values["JupyterHub.hub_port"] == 9001
    assert found.values["JupyterHub.db_url"] == "sqlite:///x"
    assert found.unread == {}


def test_nothing_of_it_is_executed(tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    said(f"c.A.b = open({str(trap)!r}, 'w')\nopen({str(trap)!r}, 'w')\n")
    assert not trap.exists()


@pytest.mark.parametrize(
    "source",
    [b"c.A.b = (\n", b"\0", b"\xff\xfe", b"c.A.b = " + b"-" * 50_000 + b"1", b"(" * 5_000],
    ids=["open bracket", "NUL", "bytes", "deep", "deeper"],
)
def test_broken_python_is_trouble_and_no_traceback(source: bytes) -> None:
    found = parse(source, FILE)
    assert found.trouble or found.unread
    assert found.values == {}


def test_a_file_that_is_not_there_is_trouble() -> None:
    assert "No such file" in read_config(Path("/nowhere/jupyterhub_config.py")).trouble


@given(st.text(max_size=200))
def test_no_text_at_all_breaks_the_reader(text: str) -> None:
    parse(text.encode("utf-8", "replace"), FILE)


@pytest.mark.skipif(os.geteuid() != 0, reason="only as root others' files are refused")
def test_as_root_a_file_in_an_open_folder_is_not_read(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)
    (folder / "config.py").write_text("c.A.b = 1\n")
    found = read_config(folder / "config.py")
    assert "not read as root" in found.trouble
    assert found.values == {}
