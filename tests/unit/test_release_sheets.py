"""How the source stands to what was released, and what to look at first."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from hubtui.release import sheets as listing
from hubtui.release import source, store
from hubtui.release.sheets import Sheet, SheetState, is_solution, sheets
from hubtui.release.snapshot import snapshot
from hubtui.release.store import Fate
from tests.unit.sources import Exercises, exercises

__all__ = ["exercises"]


def one(exercises: Exercises, name: str = "week05", students: int = 3) -> Sheet:
    found = sheets(exercises.server, students)
    assert found.missing == ()
    return next(sheet for sheet in found.sheets if sheet.name == name)


def release(exercises: Exercises, name: str = "week05") -> None:
    version = snapshot(exercises.server, name)
    store.set_fate(exercises.server, name, version.number, Fate.RELEASED)


# --- states -------------------------------------------------------------------------------------


def test_a_sheet_that_was_never_released(exercises: Exercises) -> None:
    exercises.week()
    sheet = one(exercises)
    assert (sheet.state, sheet.files, sheet.version, sheet.since) == ("never", 3, None, None)
    assert sheet.newest == 1_790_000_000
    assert sheet.bytes == len("{}") + len("a,b\n1,2\n") + len("true")
    assert sheet.to_do
    assert sheet.findings == ()
    snapshot(exercises.server, "week05")  # held: nobody has it
    assert one(exercises).state is SheetState.NEVER


def test_released_added_changed(exercises: Exercises) -> None:
    exercises.week()
    release(exercises)
    sheet = one(exercises)
    assert (sheet.state, sheet.version, sheet.since) == ("released", 1, "2026-11-23T12:00:00Z")
    assert not sheet.to_do
    exercises.write("week05/more.csv")
    sheet = one(exercises)
    assert (sheet.state, sheet.new, sheet.changed) == ("added", ("more.csv",), ())
    exercises.write("week05/sheet.ipynb", "{ }")
    sheet = one(exercises)
    assert (sheet.state, sheet.changed) == ("changed", ("sheet.ipynb",))
    release(exercises)
    assert (one(exercises).state, one(exercises).version) == ("released", 2)


def test_where_the_time_alone_differs_the_contents_decide(
    exercises: Exercises, monkeypatch: pytest.MonkeyPatch
) -> None:
    exercises.week()
    release(exercises)
    exercises.write("week05/sheet.ipynb", "{}", mtime=1_800_000_000)
    assert one(exercises).state is SheetState.RELEASED
    exercises.write("week05/sheet.ipynb", "[]", mtime=1_800_000_001)
    assert one(exercises).changed == ("sheet.ipynb",)
    asked: list[tuple[str, str]] = []

    def digests(by: object, paths: list[tuple[str, str]]) -> dict[str, str]:
        asked.extend(paths)
        return {}

    monkeypatch.setattr(source, "digests", digests)
    assert one(exercises).changed == ("sheet.ipynb",)
    assert asked == []  # read once, and remembered


def test_a_withdrawn_sheet_can_be_released_anew(exercises: Exercises) -> None:
    exercises.week()
    release(exercises)
    store.set_fate(exercises.server, "week05", 1, Fate.WITHDRAWN)
    sheet = one(exercises)
    assert (sheet.state, sheet.version) == ("never", None)
    [finding] = sheet.findings
    assert finding == "Version 1 was withdrawn: released again only if it is named."
    assert not sheet.to_do


def test_what_is_gone_from_the_source_is_said(exercises: Exercises) -> None:
    exercises.week()
    exercises.week("week04")
    release(exercises)
    release(exercises, "week04")
    exercises.path.joinpath("week05/run.sh").unlink()
    assert one(exercises).findings == ("1 file gone since the release, kept by students",)
    exercises.path.joinpath("week04").rename(exercises.path.parent / "elsewhere")
    found = sheets(exercises.server, 3)
    assert (found.gone, [s.name for s in found.sheets]) == (("week04",), ["week05"])


def test_the_flat_sheet_and_what_is_none(exercises: Exercises) -> None:
    exercises.week()
    exercises.path.joinpath(".git").mkdir()
    exercises.write(".DS_Store")
    found = sheets(exercises.server, 3)
    assert [sheet.name for sheet in found.sheets] == ["week05"]
    assert found.aside == (".DS_Store", ".git")
    exercises.write("a.ipynb")
    assert [sheet.name for sheet in sheets(exercises.server, 3).sheets] == [".", "week05"]


def test_excluded_folders_are_no_sheets(exercises: Exercises) -> None:
    exercises.week()
    exercises.week("drafts")
    exercises.with_release(exclude=("drafts",))
    assert [sheet.name for sheet in sheets(exercises.server, 3).sheets] == ["week05"]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("solution05", True),
        ("Solutions week 5", True),
        ("week05-Loesung", True),
        ("week05", False),
        ("resolution", False),
    ],
)
def test_solutions_get_a_label(exercises: Exercises, name: str, wanted: bool) -> None:
    exercises.week(name)
    sheet = one(exercises, name)
    assert (sheet.solution, sheet.findings) == (wanted, ())
    assert is_solution(name, ["SOLUTION*", "*loesung*"]) is wanted


# --- what to look at first -----------------------------------------------------------------------


def findings(exercises: Exercises, students: int = 3) -> str:
    return "\n".join(one(exercises, students=students).findings)


def test_links_and_pipes(exercises: Exercises) -> None:
    exercises.week()
    week = exercises.path / "week05"
    for n in range(4):
        week.joinpath(f"link{n}").symlink_to("/etc/shadow")
    os.mkfifo(week / "pipe")
    said = findings(exercises)
    assert "4 files left out – a link is not handed out: link0, link1, link2 and 1 more" in said
    assert "1 file left out – a pipe is not handed out: pipe" in said
    assert one(exercises).files == 3


def test_modes_that_the_store_repairs(exercises: Exercises) -> None:
    exercises.week()
    exercises.path.joinpath("week05/sheet.ipynb").chmod(0o444)
    assert "1 file that others cannot read, or that cannot be saved: sheet.ipynb" in findings(
        exercises
    )


def test_what_is_left_out_is_counted_but_for_what_jupyter_keeps(exercises: Exercises) -> None:
    exercises.week()
    exercises.write("week05/.ipynb_checkpoints/a")
    exercises.with_release(exclude=())
    assert findings(exercises) == ""
    assert [sheet.files for sheet in sheets(exercises.server).sheets] == [3]
    exercises.write("week05/notes.tmp")
    exercises.with_release(exclude=("*.tmp",))
    assert "1 left out as release.exclude says" in findings(exercises)


@pytest.mark.parametrize(
    "name", ["con.txt", "AUX", "lpt1.ipynb", "what?.ipynb", "a:b", "dot.", "blank ", "nul/x"]
)
def test_names_that_windows_cannot_save(exercises: Exercises, name: str) -> None:
    exercises.write(f"week05/{name}")
    assert "1 file that Windows cannot save" in findings(exercises)


@pytest.mark.parametrize("name", ["console.txt", "com.txt", "auxiliary", ".hidden", "a b.ipynb"])
def test_names_that_are_fine(exercises: Exercises, name: str) -> None:
    exercises.write(f"week05/{name}")
    assert findings(exercises) == ""


def test_twins_by_case(exercises: Exercises) -> None:
    exercises.write("week05/Data/x")
    exercises.write("week05/data/y")
    exercises.write("week05/Sheet.ipynb")
    exercises.write("week05/sheet.ipynb")
    said = findings(exercises)
    assert "Data = data" in said
    assert "Sheet.ipynb = sheet.ipynb" in said


def test_hostile_names_are_escaped(exercises: Exercises) -> None:
    exercises.week()
    exercises.write("week05/[red]\x1b[2Jx")
    exercises.write("week05/con.\u202etxt")
    Path(os.fsdecode(bytes(exercises.path) + b"/week05/caf\xe9")).write_text("latin")
    said = findings(exercises)
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert r"its name is not UTF-8: caf\xe9" in said
    assert r"[red]\x1b[2Jx" in said


def test_megabytes_times_students(exercises: Exercises, monkeypatch: pytest.MonkeyPatch) -> None:
    exercises.week()
    room = os.statvfs(exercises.server.course.accounts.homes)
    free = room.f_bavail * room.f_frsize
    assert findings(exercises, students=50) == ""
    assert "accounts = " in findings(exercises, students=free)
    release(exercises)
    assert findings(exercises, students=free) == ""  # nothing to hand out


# --- what could not be looked at -----------------------------------------------------------------


def test_a_source_that_is_missing_is_said(exercises: Exercises) -> None:
    exercises.with_release(source=exercises.path / "none")
    found = sheets(exercises.server, 3)
    assert found.sheets == ()
    [missing] = found.missing
    assert missing.what == "release.source"
    assert "none does not exist" in missing.why


def test_without_a_part_release_it_is_said(exercises: Exercises) -> None:
    course = msgspec.structs.replace(exercises.server.course, release=None)
    server = type(exercises.server)(course, exercises.server.state, exercises.server.run)
    [missing] = sheets(server, 3).missing
    assert "no part release" in missing.why


def test_a_broken_record_or_manifest_leaves_the_rest(exercises: Exercises) -> None:
    exercises.week()
    exercises.week("week04")
    release(exercises)
    release(exercises, "week04")
    store.folder(exercises.server, "week05").joinpath("1/manifest.json").write_text("{")
    found = sheets(exercises.server, 3)
    assert [sheet.state for sheet in found.sheets] == ["released", "never"]
    [missing] = found.missing
    assert missing.what == "released week05"
    assert "is broken" in missing.why


@pytest.mark.skipif(os.geteuid() != 0, reason="reads as its own user: mode 0700 needs root")
def test_a_sheet_that_cannot_be_entered_is_said(exercises: Exercises) -> None:
    exercises.week()
    exercises.path.joinpath("week05").chmod(0o700)
    sheet = one(exercises)
    assert sheet.findings == ("cannot be read by nobody: Permission denied",)
    assert not sheet.to_do


def test_what_is_remembered_has_an_end(
    exercises: Exercises, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "_REMEMBERED", 1)
    exercises.week()
    release(exercises)
    for mtime in range(1, 6):
        exercises.write("week05/sheet.ipynb", "{}", mtime=mtime)
        assert one(exercises).state is SheetState.RELEASED
    assert len(listing._known) <= 3
