"""Walking a tree that strangers change meanwhile: the rest of it is seen all the same."""

from __future__ import annotations

import errno
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
    listdir, refused = os.listdir, list[str]()

    def as_linux_does(folder: int) -> list[str]:
        if os.fstat(folder).st_ino in gone:
            raise FileNotFoundError(errno.ENOENT, "removed since it was opened")
        return listdir(folder)

    gone = {path.stat().st_ino for path in tmp_path.glob("*/gone")}
    monkeypatch.setattr(os, "listdir", as_linux_does)
    top = os.open(tmp_path, FOLDER)
    seen = {visit.path for visit in tree.walk(top, refused=lambda path, _: refused.append(path))}
    os.close(top)
    assert seen == {"one", "two", "one/gone", "two/gone"}
    assert set(refused) == {"one/gone", "two/gone"}
