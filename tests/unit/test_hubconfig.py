"""The hub's configuration is read as text: literals only, nothing of it ever runs."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from hubtui.setup.hubconfig import read_config


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "jupyterhub_config.py"
    path.write_text(text)
    return path


def test_literal_settings_are_read_and_the_last_one_counts(tmp_path: Path) -> None:
    text = (
        'c.JupyterHub.db_url = "a"\nc.JupyterHub.db_url = "b"\nc.Authenticator.allow_all = True\n'
    )
    found = read_config(write(tmp_path, text))
    assert found.values == {"JupyterHub.db_url": "b", "Authenticator.allow_all": True}


def test_what_is_no_literal_is_named_with_its_line(tmp_path: Path) -> None:
    found = read_config(write(tmp_path, "import os\nc.JupyterHub.db_url = os.environ['X']\n"))
    assert found.unread == {"JupyterHub.db_url": 2}


def test_nothing_of_it_is_executed(tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    read_config(write(tmp_path, f"c.A.b = open({str(trap)!r}, 'w')\nopen({str(trap)!r}, 'w')\n"))
    assert not trap.exists()


def test_broken_python_is_trouble_and_no_traceback(tmp_path: Path) -> None:
    assert "not Python" in read_config(write(tmp_path, "c.JupyterHub.db_url = (\n")).trouble
    assert read_config(tmp_path / "none.py").trouble


@given(st.text(max_size=200))
def test_no_text_at_all_breaks_the_reader(text: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "config.py")
        path.write_text(text, errors="replace")
        read_config(path)
