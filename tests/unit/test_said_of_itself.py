"""What hubtui says of itself: --version, completion, the man page, the references in docs/."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hubtui.__main__ import PANES
from hubtui.cli import manual as manuals
from hubtui.cli.completion import SHELLS, script
from hubtui.cli.main import _NOUNS
from hubtui.cli.manual import manual
from hubtui.cli.version import LIBRARIES, text
from tests.reference.__main__ import main as differ


def completed(line: str) -> set[str]:
    """What bash would be given behind ``line``."""
    words = line.split(" ")
    told = {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; sys.argv = ['hubtui']; from hubtui.__main__ import main; sys.exit(main())",
        ],
        env={**os.environ, **told, "_HUBTUI_COMPLETE": "bash_complete"},
        capture_output=True,
        text=True,
        check=True,
    )
    return {line.partition(",")[2] for line in done.stdout.splitlines()}


def test_the_references_and_the_man_page_are_what_the_code_says() -> None:
    assert differ(check=True) == 0


def test_every_noun_is_in_the_man_page_and_groff_has_nothing_against_it(tmp_path: Path) -> None:
    page = manual()
    for noun, (_, _, said) in _NOUNS.items():
        assert bool(re.search(rf"^\.SS hubtui {noun}\b", page, re.M)) is bool(said), noun
    assert manuals.PANES == PANES
    if shutil.which("groff"):
        (tmp_path / "hubtui.1").write_text(page)
        argv = ["groff", "-ww", "-man", "-Tutf8", str(tmp_path / "hubtui.1")]
        done = subprocess.run(argv, capture_output=True, text=True, check=True)
        assert done.stderr == ""


def test_nouns_verbs_and_options_are_completed() -> None:
    assert completed("hubtui wat") == {"watchdog"}
    assert {"glance", "status", "completion"} <= completed("hubtui ")
    assert completed("hubtui watchdog re") == {"restart", "resume"}
    assert completed("hubtui status --b") == {"--brief"}


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_has_its_script(shell: str) -> None:
    text = script(shell)
    assert f"_HUBTUI_COMPLETE={shell}_complete" in text
    if program := shutil.which(shell):
        subprocess.run([program, "-n"], input=text, text=True, check=True)


def test_the_version_is_enough_for_a_report_and_names_nobody(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    monkeypatch.setattr(sys, "executable", "/home/ada/venv/bin/python")
    said = text(str(tmp_path / "none.yaml"))
    first = said.splitlines()[0]
    assert re.fullmatch(r"hubtui, version \S+", first)
    assert all(name in said for name in (*LIBRARIES, "LANG=de_DE.UTF-8", "course.yaml"))
    assert "ada" not in said
