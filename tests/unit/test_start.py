"""Before anything is imported that looks around."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hubtui.__main__ import leave_what_is_closed


def test_a_folder_that_is_there_is_not_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    leave_what_is_closed()
    assert Path.cwd() == tmp_path


def test_a_folder_that_is_gone_or_closed_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    leave_what_is_closed()
    assert os.getcwd() == "/"  # noqa: PTH109
