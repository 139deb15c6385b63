"""The wheel and the sdist hold all that they need."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both, built as ``python -m build`` would, by hatchling as it is locked."""
    pytest.importorskip("hatchling", reason="hatchling is missing: bin/setup dev")
    folder = tmp_path_factory.mktemp("dist")
    argv = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(argv, cwd=ROOT, check=True, capture_output=True)
    return folder


def test_the_wheel_has_every_file_of_the_package(built: Path) -> None:
    [wheel] = built.glob("*.whl")
    found = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("hubtui/")}
    wanted = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "hubtui").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert found == wanted


def test_the_sdist_installs_by_itself_and_has_its_documents(built: Path) -> None:
    [sdist] = built.glob("*.tar.gz")
    with tarfile.open(sdist) as tar:
        found = {name.partition("/")[2]: tar.getmember(name) for name in tar.getnames()}
    wanted = {"bin/install", "requirements/run.txt", "requirements/build.txt", "course.yaml"}
    assert wanted | {"docs/installing.md", "README.md", "LICENSE", "pyproject.toml"} <= set(found)
    assert found["bin/install"].mode & 0o111, "it is started as a program"
    assert not any(part in name for name in found for part in (".venv", "__pycache__", ".git/"))


def test_what_is_locked_for_the_build_is_what_builds_here() -> None:
    lines = (ROOT / "requirements/build.txt").read_text().splitlines()
    dev = (ROOT / "requirements/dev.txt").read_text()
    pinned = [line for line in lines if "==" in line and not line.startswith(" ")]
    assert any(line.startswith("hatchling==") for line in pinned)
    assert [line for line in pinned if line not in dev] == []
