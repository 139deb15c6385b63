"""The demo's sheets: valid notebooks that run, part of what is installed, handed out."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from hubtui.demo import sandbox, teaching

ROOT = Path(__file__).resolve().parents[2]
SHEETS = teaching.sheets()
NOTEBOOKS = sorted(path for path in SHEETS if path.endswith(".ipynb"))
NAMES = ["week01", "week02", "week03", "week04", "week04-solutions", "week05"]
LOOK = """
import json, sys
from pathlib import Path
from hubtui import course
from hubtui.release import ledger, sheets
from hubtui.server import server_of
from hubtui.students import survey
server = server_of(course.load(Path(sys.argv[1])))
names = {account.uid: name for name, account in survey(server).students.items()}
given = ledger.read(server.state)
print("SEEN", json.dumps([
    {each.name: each.state for each in sheets.sheets(server).sheets},
    {f"{names[uid]} {sheet}": each.state for (uid, sheet), each in given.items()},
]))
"""


def notebook(path: str) -> dict[str, Any]:
    """A notebook as JSON."""
    found: dict[str, Any] = json.loads(SHEETS[path])
    return found


def code(path: str) -> list[str]:
    """Its code cells."""
    cells = notebook(path)["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def test_there_are_five_weeks_and_the_solutions_of_the_fourth() -> None:
    assert sorted({path.split("/")[0] for path in SHEETS}) == NAMES
    assert sorted(path.split("/")[0] for path in NOTEBOOKS) == NAMES
    assert all(path.count("/") == 1 for path in SHEETS)


def test_they_are_small_and_text() -> None:
    assert sum(map(len, SHEETS.values())) < 400_000
    for content in SHEETS.values():
        assert content.decode("utf-8").endswith("\n")


@pytest.mark.parametrize("path", NOTEBOOKS)
def test_notebooks_are_valid(path: str) -> None:
    found = notebook(path)
    assert (found["nbformat"], found["nbformat_minor"]) == (4, 5)
    assert found["metadata"]["kernelspec"]["name"] == "python3"
    ids = [cell["id"] for cell in found["cells"]]
    assert len(set(ids)) == len(ids) > 10
    for cell in found["cells"]:
        keys = {"cell_type", "id", "metadata", "source"}
        if cell["cell_type"] == "code":
            keys |= {"execution_count", "outputs"}
        assert set(cell) == keys
    if importlib.util.find_spec("nbformat") is not None:
        import nbformat

        nbformat.validate(found)


@pytest.mark.parametrize("path", [path for path in NOTEBOOKS if "solutions" not in path])
def test_exercises_have_tasks_and_no_outputs(path: str) -> None:
    assert sum("# your code here" in cell for cell in code(path)) > 3
    cells = notebook(path)["cells"]
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)


@pytest.mark.parametrize("path", NOTEBOOKS)
def test_they_run_as_they_are(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, content in SHEETS.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    monkeypatch.chdir((tmp_path / path).parent)
    said, names = io.StringIO(), dict[str, Any]()
    with contextlib.redirect_stdout(said):
        for cell in code(path):
            exec(cell, names)
    outputs = [out for cell in notebook(path)["cells"] for out in cell.get("outputs", ())]
    shown = "".join(line for out in outputs for line in out.get("text", ()))
    assert not shown or shown == said.getvalue()


def test_pictures_are_pictures() -> None:
    pictures = [SHEETS[path] for path in SHEETS if path.endswith(".svg")]
    assert len(pictures) == 2
    for content in pictures:
        assert ElementTree.fromstring(content).tag == "{http://www.w3.org/2000/svg}svg"


def test_a_first_version_differs_by_its_mistakes_alone() -> None:
    first = teaching._first_versions(SHEETS)
    assert {path for path in SHEETS if first.get(path) != SHEETS[path]} == {
        "week03/letters.ipynb", "week04/edges.csv", "week04/network.svg", "week04/networks.ipynb"
    }  # fmt: skip


def test_the_last_monday_is_past_and_at_eight() -> None:
    at = teaching.last_monday()
    assert (at.weekday(), at.hour, at.minute) == (0, 8, 0)
    assert 0 < (datetime.now() - at).total_seconds() < 8 * 86400


def test_what_is_put_into_a_home_replaces_and_links(tmp_path: Path) -> None:
    teaching.put(tmp_path, {"a/b.txt": b"one\n"})
    teaching.put(tmp_path, {"a/b.txt": b"two\n", "a/c": Path("../d")}, datetime(2026, 11, 2, 8))
    assert (tmp_path / "a/b.txt").read_bytes() == b"two\n"
    assert (tmp_path / "a/b.txt").stat().st_mtime == datetime(2026, 11, 2, 8).timestamp()
    assert (tmp_path / "a/c").readlink() == Path("../d")


@pytest.mark.skipif(importlib.util.find_spec("hatchling") is None, reason="needs hatchling")
def test_they_are_part_of_what_is_installed(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    ask = "from hubtui.demo import teaching as t; print(t.__file__, *sorted(t.sheets()), sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-P", "-c", ask], env={**os.environ, "PYTHONPATH": str(wheel)},
        cwd=tmp_path, check=True, capture_output=True, text=True,
    )  # fmt: skip
    place, *found = done.stdout.splitlines()
    assert place.startswith(str(wheel))
    assert found == sorted(SHEETS)


@pytest.mark.skipif(
    sandbox.find_kind().name not in ("root", "uidmap"), reason="needs a sandbox with several uids"
)
@pytest.mark.skipif(
    importlib.util.find_spec("jupyterhub") is None, reason="JupyterHub is missing: hubtui[demo]"
)
def test_the_demo_begins_in_the_fifth_week(tmp_path: Path) -> None:
    app = [sys.executable, "-P", "-c", LOOK, "{config}"]
    code = f"from hubtui.demo import show; show.run(None, False, True, 4, {app!r})"
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True, text=True, timeout=90,
    )  # fmt: skip
    said = [line for line in done.stdout.splitlines() if line.startswith("SEEN")]
    assert said, f"{done.stdout}{done.stderr} after {time.monotonic() - started:.0f} s"
    sheets, given = json.loads(said[0].removeprefix("SEEN"))
    assert sheets == {
        "week01": "released", "week02": "released", "week03": "released",
        "week04": "changed", "week04-solutions": "never", "week05": "never",
    }  # fmt: skip
    assert len(given) == 20
    assert {key: state for key, state in given.items() if state != "delivered"} == {
        "white-stork week01": "same",
        "red-panda week02": "kept",
        "old-walrus week02": "blocked",
        "grey-heron week03": "beside",
    }
