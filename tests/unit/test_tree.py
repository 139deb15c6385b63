"""Walking a tree that strangers change meanwhile: the rest of it is seen all the same."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hubtui.workers import tree
from hubtui.workers.drop import FOLDER


def test_a_folder_that_goes_when_it_is_entered_holds_up_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "gone").mkdir(parents=True)
    open_at, refused = tree.open_at, list[str]()

    def opened(folder: int, path: str, flags: int) -> int:
        fd = open_at(folder, path, flags)
        if path == "gone":
            os.rmdir(path, dir_fd=folder)
        return fd

    monkeypatch.setattr(tree, "open_at", opened)
    top = os.open(tmp_path, FOLDER)
    seen = {visit.path for visit in tree.walk(top, refused=lambda path, _: refused.append(path))}
    os.close(top)
    assert seen == {"one", "two", "one/gone", "two/gone"}
    assert set(refused) == {"one/gone", "two/gone"}
