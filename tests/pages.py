"""Pages of docs/, followed word by word: what they type is typed, what they show has to come.

A block of the kind ``console`` is followed:

    $ hubtui doctor             # ends with 1
    ✗ Students can read …
    Do this? [y/N]: y

A line behind ``$`` is typed, as root, in a shell of its own. Its comment says how it ends, if not
with 0, and what happens before (``a minute later``: cron's jobs run). The lines below have to occur
in what comes, in this order and beside whatever else; ``…`` stands for any words, and how wide a
table's columns are does not matter. What stands behind ``[y/N]:`` or ``to go on:`` is typed, too:
``…`` is the word that the question has in quotes. A block of the kind ``yaml`` goes into
course.yaml. Everything else is for readers.
"""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.course_on_disk import CONFIG

DOCS = Path(__file__).parents[1] / "docs"
_ENDS = re.compile(r"\bends with (\d+)(?: or (\d+))?")
_QUESTION = re.compile(r"^(.*(?:\[y/N\]|to go on):) (.*\S)$")
_QUOTED = re.compile(r"“([^“]*)”[^“]*$")
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
_PATIENCE = 120.0  # seconds for one command


@dataclass
class Typed:
    """One command of a page, and what the page says of it."""

    at: str
    """The page and the line."""
    command: str
    ends: tuple[int, ...] = (0,)
    comment: str = ""
    shown: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Settings:
    """Lines for course.yaml."""

    at: str
    text: str


@dataclass(frozen=True)
class Came:
    """What a command said, and how it ended."""

    code: int
    text: str


def read(page: str) -> list[Typed | Settings]:
    """What ``docs/PAGE`` says to do, in order."""
    return list(_read(page, (DOCS / page).read_text()))


def _read(page: str, text: str) -> Iterator[Typed | Settings]:
    kind, typed, yaml = "", None, list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        at = f"docs/{page}:{number}"
        if line.startswith("```"):
            if typed is not None:
                yield typed
            if kind == "yaml":
                yield Settings(at, "\n".join([*yaml, ""]))
            kind, typed, yaml = "" if kind else line[3:].strip(), None, []
        elif kind == "yaml":
            yaml.append(line)
        elif kind == "console" and line.startswith("$ "):
            if typed is not None:
                yield typed
            command, _, comment = line[2:].partition("  # ")
            found = _ENDS.search(comment)
            ends = tuple(int(code) for code in found.groups() if code) if found else (0,)
            typed = Typed(at, command.rstrip(), ends, comment)
        elif kind == "console":
            assert typed is not None, f"{at}: shown before anything is typed"
            if question := _QUESTION.match(line):
                typed.answers.append(question[2])
            typed.shown.append(line)


def follow(page: str, happens: Mapping[str, Callable[[], object]]) -> None:
    """Do what the page says; AssertionError where it is not so.

    ``happens``: what the words of a comment stand for, done before that command is typed.
    """
    for one in read(page):
        if isinstance(one, Settings):
            CONFIG.write_text(CONFIG.read_text() + one.text)
            continue
        for words, do in happens.items():
            if words in one.comment:
                do()
        came = run(one)
        why = missing(one.shown, came.text)
        assert came.code in one.ends, f"{one.at}: ended with {came.code}\n{came.text}"
        assert not why, f"{one.at}: this was not said:\n    {why}\n--- but this:\n{came.text}"


def run(typed: Typed, folder: Path = Path("/root")) -> Came:
    """Type it in ``folder``, and its answers: at a terminal where there are some."""
    argv = ["bash", "-c", typed.command]
    if typed.answers:
        return _at_a_terminal(argv, typed.answers, folder)
    done = subprocess.run(
        argv,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=_PATIENCE,
        check=False,
    )
    return Came(done.returncode, done.stdout)


def missing(shown: list[str], text: str) -> str:
    """The first line of the page that did not come; empty where all did."""
    lines = [_plain(line) for line in text.splitlines()]
    for wanted in shown:
        if wanted.strip() == "…" or not wanted.strip():
            continue
        pattern = ".*".join(re.escape(part) for part in _plain(wanted).split("…"))
        found = next((n for n, line in enumerate(lines) if re.fullmatch(pattern, line)), None)
        if found is None:
            return wanted
        del lines[: found + 1]
    return ""


def _plain(line: str) -> str:
    return " ".join(line.split())


def _at_a_terminal(argv: list[str], answers: list[str], folder: Path) -> Came:
    """In a terminal wide enough that no line is broken; each question gets its answer."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        argv,
        cwd=folder,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "500"},
        start_new_session=True,
    )
    os.close(theirs)
    said, left, until = b"", list(answers), time.monotonic() + _PATIENCE
    try:
        while time.monotonic() < until:
            if not select.select([ours], [], [], 1)[0]:
                continue
            try:
                said += os.read(ours, 65536)
            except OSError:  # EIO: the other end is closed
                break
            if left and said.rstrip().endswith((b"[y/N]:", b"to go on:")):
                os.write(ours, f"{_answer(left.pop(0), said)}\n".encode())
        return Came(process.wait(10), _CONTROL.sub("", said.decode("utf-8", "replace")))
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def _answer(answer: str, said: bytes) -> str:
    if answer != "…":
        return answer
    found = _QUOTED.search(said.decode("utf-8", "replace"))
    assert found is not None, "the question names no word"
    return found[1]
