"""What a plan's dialog says: in one vocabulary, in one order, trouble first."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from hubtui.changes import SHORT, StepLine, SubjectLine, in_short, totals
from hubtui.plan.plans import Plan
from hubtui.release.handout import WORDS
from hubtui.server import Server
from hubtui.tui import order_words
from hubtui.tui.access import Order
from hubtui.tui.plan_words import Told, idle, told
from hubtui.workers.compare import SERVER_RUNS
from tests.snapshots import release_scenes as scenes


def line(name: str, counts: dict[str, int], *, done: bool = False, **more: Any) -> SubjectLine:
    kind = more.pop("kind", "deliver")
    details = more.pop("details", ())
    step = StepLine(kind=kind, say="…", done=done, counts=counts, details=details)
    return SubjectLine(key=name, name=name, steps=(step,), **more)


def plan(*names: str, sheets: tuple[str, ...] = ("week05",), **params: Any) -> Plan:
    versions = dict.fromkeys(sheets, 1)
    subjects: list[dict[str, Any]] = [
        {"key": f"sheet {sheet}", "name": sheet, "sheets": {sheet: 1}} for sheet in sheets
    ]
    subjects += [
        {"key": name, "name": name, "uid": 20000 + number, "sheets": versions}
        for number, name in enumerate(names)
    ]
    return Plan(
        id="x", kind="push", title=f"Release {sheets[0]} to {len(names)} students",
        subjects=tuple(subjects), params=params, by="eva", at="2026-11-23T12:00:00Z",
    )  # fmt: skip


def sheet_line(sheet: str, *, done: bool = False) -> SubjectLine:
    step = StepLine(kind="release", say="…", done=done, counts={"release": 1})
    return SubjectLine(key=f"sheet {sheet}", name=sheet, steps=(step,))


def whats(words: Told) -> dict[str, str]:
    return {key: str(row[1]) for key, row in words.rows.items()}


def test_every_state_has_a_word_of_each_length() -> None:
    assert SHORT.keys() == WORDS.keys()


def test_amounts_are_said_in_one_order_and_nobody_reads_that_hubtui_deletes() -> None:
    counts = {"no_space": 1, "deleted": 1, "same": 9, "kept": 2, "new": 6, "beside": 1}
    said = "6 new · 1 beside · 2 kept · 1 stays deleted · 9 as it should be · 1 no space"
    assert in_short(counts) == said
    assert in_short({"deleted": 3, "replace": 1}) == "1 replaced · 3 stay deleted"
    assert totals([line("a", {"deleted": 1}), line("b", {"new": 1})]) == "1 new · 1 stays deleted"
    assert totals([line("a", {}, kind="take back")]) == "nothing to do"


def test_rows_say_what_becomes_of_files_and_trouble_stands_first() -> None:
    lines = [
        sheet_line("week05"),
        line("anna", {"new": 6, "replace": 1, "same": 3}),
        line("bert", {"same": 10}, done=True),
        line("carl", {"kept": 2, "deleted": 1}, done=True),
        line("dora", {"new": 1, "blocked": 2}, notes=("week05/a: a link stands in the way",)),
    ]
    words = told(plan("anna", "bert", "carl", "dora"), lines)
    assert list(whats(words).items()) == [
        ("dora", "! 1 new · 2 blocked"),
        ("carl", "nothing to do: 2 kept · 1 stays deleted"),
        ("anna", "6 new · 1 replaced"),
        ("bert", "has all of it"),
        ("sheet week05", "released from now on"),
    ]
    assert words.totals == "7 new · 1 replaced · 3 as it should be · 2 blocked"
    assert list(words.warnings) == ["dora: week05/a: a link stands in the way"]
    assert words.verb == "Release"


@pytest.mark.parametrize(
    ("title", "verb"),
    [
        ("Repair 3 things", "Repair"),
        ("Switch off 2 accounts until 2026-12-09", "Switch off"),
        ("Bring back account anna", "Bring back"),
        ("Create", "Create"),
    ],
)
def test_a_button_says_the_whole_verb(title: str, verb: str) -> None:
    assert Told(title, "", {}).verb == verb


def test_where_nothing_is_to_be_done_that_is_a_sentence() -> None:
    noted, anna = sheet_line("week05", done=True), line("anna", {"same": 3}, done=True)
    assert idle(plan("anna"), [noted, anna]) == "anna has all of it: there is nothing to do."
    assert idle(plan("anna"), [sheet_line("week05"), anna]) == ""
    gone = line("bert", {"deleted": 1}, done=True)
    said = idle(plan("anna", "bert"), [noted, anna, gone])
    assert said.startswith("All 2 students have all of it")
    assert "stays so" in said


# --- of sheets ------------------------------------------------------------------------------------


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return scenes.server_with_release(tmp_path)


def words_of(
    server: Server, tmp_path: Path, order: Order, made: Plan, lines: list[SubjectLine]
) -> Told:
    look = scenes.look(tmp_path, scenes.sheets(), scenes.COMING)
    return order_words.told_of(order, made, lines, server, look)


def test_a_sheet_that_is_to_come_later_is_warned_of(server: Server, tmp_path: Path) -> None:
    made, lines = plan("anna", sheets=("week06",)), [line("anna", {"new": 1})]
    order = Order(sheets=("week06",))
    words = words_of(server, tmp_path, order, made, lines)
    assert list(words.warnings) == ["week06 is scheduled for Mon 30, 08:00: this releases it now"]
    trial = dataclasses.replace(order, to=("anna",), trial=True)
    assert not words_of(server, tmp_path, trial, made, lines).warnings


def test_chosen_files_are_named(server: Server, tmp_path: Path) -> None:
    lines = [line("anna", {"new": 1})]
    order = Order(sheets=("week04",), files=("hint.md",))
    [about] = words_of(server, tmp_path, order, plan("anna", sheets=("week04",)), lines).about
    assert about == "1 of 12 files of week04: hint.md; the others stay as released"
    order = Order(sheets=("week05",), files=("[b]x[/]\u202e.csv",))
    [about] = words_of(server, tmp_path, order, plan("anna"), lines).about
    assert about == "1 of 12 files of week05: [b]x[/]\\u202e.csv"


def test_example_solutions_are_called_that(server: Server, tmp_path: Path) -> None:
    sheets = ("week05", "week04-solutions")
    lines = [*map(sheet_line, sheets), line("anna", {"new": 1})]
    words = words_of(server, tmp_path, Order(sheets=sheets), plan("anna", sheets=sheets), lines)
    assert list(words.about) == ["week05, week04-solutions (example solution)"]
    said = whats(words)["sheet week04-solutions"]
    assert said == "released from now on, example solution"


def test_running_servers_are_told_of(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = f"week05/a.ipynb: beside the student's own ({SERVER_RUNS})"
    lines = [line("anna", {"beside": 1}, details=(beside,)), line("bert", {"replace": 2})]
    made = plan("anna", "bert")
    [warning] = words_of(server, tmp_path, Order(sheets=("week05",)), made, lines).warnings
    assert warning.startswith("1 student has their server running: the new version goes beside")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("hubtui.server.processes.serving", lambda: {20001})
    order = Order(sheets=("week05",), replace_open=True)
    [warning] = words_of(server, tmp_path, order, made, lines).warnings
    assert warning.startswith("2 files of 1 student are replaced although the server runs: who")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    [warning] = words_of(server, tmp_path, order, made, lines).warnings
    assert "overwrite or revert?" in warning
