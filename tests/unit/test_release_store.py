"""A sheet becomes a version: whole or not at all, the same for all, never through a link."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubtui.clock import stamp
from hubtui.errors import CommandFailed, HubtuiError, LockHeld, Refused, StateError
from hubtui.release import schedule, source, store
from hubtui.release import snapshot as making
from hubtui.release.snapshot import snapshot
from hubtui.release.source import File
from hubtui.release.store import Fate, SheetRecord, Version
from hubtui.state import write_document
from hubtui.workers import command
from hubtui.workers.deliver import Store, folder_of
from hubtui.workers.tutor import unfit, unfit_sheet
from tests.unit.sources import Exercises, exercises
from tests.unit.surveys import NOON

__all__ = ["exercises"]


def files_of(exercises: Exercises, sheet: str, number: int) -> dict[str, str]:
    top = store.folder(exercises.server, sheet) / str(number) / "files"
    return {str(p.relative_to(top)): p.read_text() for p in top.rglob("*") if p.is_file()}


def left_over(exercises: Exercises, sheet: str = "week05") -> list[str]:
    return sorted(p.name for p in store.folder(exercises.server, sheet).iterdir())


# --- one version --------------------------------------------------------------------------------


def test_a_sheet_becomes_a_version_with_a_manifest(exercises: Exercises) -> None:
    exercises.week()
    version = snapshot(exercises.server, "week05")
    assert (version.number, version.files, version.fate) == (1, 3, Fate.HELD)
    manifest = store.manifest(exercises.server, "week05", 1)
    assert [f.path for f in manifest.files] == ["data/table.csv", "run.sh", "sheet.ipynb"]
    assert manifest.files[2].sha256 == sha256(b"{}").hexdigest()
    assert {f.mtime for f in manifest.files} == {1_790_000_000}
    assert version.bytes == sum(f.size for f in manifest.files)
    assert store.records(exercises.server)["week05"].versions == (version,)
    assert left_over(exercises) == ["1", "lock", "sheet.json"]


def test_what_delivers_reads_what_is_written(exercises: Exercises) -> None:
    exercises.week()
    snapshot(exercises.server, "week05")
    delivering = Store(str(store.root(exercises.server)))
    assert set(delivering.manifest("week05", 1)) == {"data/table.csv", "run.sh", "sheet.ipynb"}
    with os.scandir(delivering.files("week05", 1)) as entries:
        assert {entry.name for entry in entries} == {"data", "run.sh", "sheet.ipynb"}


def test_modes_are_what_students_need_and_the_version_is_closed(exercises: Exercises) -> None:
    exercises.week()
    exercises.path.joinpath("week05/sheet.ipynb").chmod(0o444)
    before = os.umask(0o077)
    try:
        snapshot(exercises.server, "week05")
    finally:
        os.umask(before)
    store.set_fate(exercises.server, "week05", 1, Fate.RELEASED)
    sheet = store.folder(exercises.server, "week05")
    modes = {
        str(p.relative_to(sheet.parent)): p.stat().st_mode & 0o7777
        for p in (sheet.parent, sheet, *sheet.rglob("*"))
    }
    assert modes == {
        ".": 0o711,
        "week05": 0o711,
        "week05/sheet.json": 0o600,
        "week05/lock": 0o600,
        "week05/1": 0o700,
        "week05/1/manifest.json": 0o600,
        "week05/1/files": 0o755,
        "week05/1/files/data": 0o755,
        "week05/1/files/data/table.csv": 0o644,
        "week05/1/files/run.sh": 0o755,
        "week05/1/files/sheet.ipynb": 0o644,
    }
    assert (sheet / "1/files/run.sh").stat().st_mtime == 1_790_000_000


def test_the_same_again_is_the_same_version(exercises: Exercises) -> None:
    exercises.week()
    first = snapshot(exercises.server, "week05")
    exercises.write("week05/sheet.ipynb", "{}", mtime=1_800_000_000)
    assert snapshot(exercises.server, "week05") == first
    assert left_over(exercises) == ["1", "lock", "sheet.json"]
    store.set_fate(exercises.server, "week05", 1, Fate.RELEASED)
    exercises.write("week05/sheet.ipynb", "{ }")
    assert snapshot(exercises.server, "week05").number == 2
    assert files_of(exercises, "week05", 1)["sheet.ipynb"] == "{}"
    assert files_of(exercises, "week05", 2)["sheet.ipynb"] == "{ }"


def test_chosen_files_are_taken_anew_and_the_rest_stays(exercises: Exercises) -> None:
    exercises.week()
    snapshot(exercises.server, "week05")
    store.set_fate(exercises.server, "week05", 1, Fate.RELEASED)
    exercises.write("week05/sheet.ipynb", "fixed")
    exercises.write("week05/data/table.csv", "not yet")
    exercises.write("week05/data/more.csv", "added")
    version = snapshot(exercises.server, "week05", ["sheet.ipynb", "data/more.csv"])
    assert (version.number, version.files) == (2, 4)
    assert files_of(exercises, "week05", 2) == {
        "sheet.ipynb": "fixed",
        "data/table.csv": "a,b\n1,2\n",
        "data/more.csv": "added",
        "run.sh": "true",
    }


def test_chosen_files_without_a_version_are_the_version(exercises: Exercises) -> None:
    exercises.week()
    assert snapshot(exercises.server, "week05", ["sheet.ipynb"]).files == 1
    with pytest.raises(Refused, match="no file week05/none"):
        snapshot(exercises.server, "week05", ["none"])
    with pytest.raises(Refused, match="no file"):
        snapshot(exercises.server, "week05", ["../week05/run.sh"])


def test_a_chosen_file_in_place_of_a_folder_is_refused(exercises: Exercises) -> None:
    exercises.week()
    snapshot(exercises.server, "week05")
    store.set_fate(exercises.server, "week05", 1, Fate.RELEASED)
    exercises.path.joinpath("week05/data/table.csv").unlink()
    exercises.path.joinpath("week05/data").rmdir()
    exercises.write("week05/data", "a file now")
    with pytest.raises(Refused, match="release the whole sheet"):
        snapshot(exercises.server, "week05", ["data"])
    assert left_over(exercises) == ["1", "lock", "sheet.json"]


def test_the_flat_sheet_has_the_files_directly_in_the_source(exercises: Exercises) -> None:
    exercises.week()
    exercises.write("a.ipynb")
    exercises.write(".hidden")
    assert snapshot(exercises.server, ".").files == 1
    assert set(files_of(exercises, ".", 1)) == {"a.ipynb"}
    assert store.folder(exercises.server, ".").name == "%2E"


def test_what_cannot_be_handed_out_is_left_out_and_said(exercises: Exercises) -> None:
    exercises.week()
    week = exercises.path / "week05"
    week.joinpath("link").symlink_to("/etc/passwd")
    os.mkfifo(week / "pipe")
    week.joinpath("loop").symlink_to(week)
    exercises.write("week05/.ipynb_checkpoints/sheet-checkpoint.ipynb")
    exercises.write("week05/data/.ipynb_checkpoints/x")
    Path(os.fsdecode(bytes(week) + b"/caf\xe9.txt")).write_text("latin")
    exercises.write("week05/new\nline")
    exercises.write("week05/.hubtui-x")
    version = snapshot(exercises.server, "week05")
    assert set(files_of(exercises, "week05", 1)) == {"sheet.ipynb", "data/table.csv", "run.sh"}
    assert set(version.left_out) == {
        ".hubtui-x: names that begin with .hubtui- are hubtui's own",
        r"caf\xe9.txt: its name is not UTF-8",
        "link: a link is not handed out",
        "loop: a link is not handed out",
        r"new\nline: its name has control characters",
        "pipe: a pipe is not handed out",
    }


def test_own_patterns_are_left_out_at_every_depth(exercises: Exercises) -> None:
    exercises.week()
    exercises.write("week05/deep/below/notes.bak")
    exercises.write("week05/private/x")
    exercises.with_release(exclude=("*.bak", "private"))
    snapshot(exercises.server, "week05")
    assert set(files_of(exercises, "week05", 1)) == {"sheet.ipynb", "data/table.csv", "run.sh"}


# --- refused ------------------------------------------------------------------------------------


def test_no_such_sheet_names_the_nearest(exercises: Exercises) -> None:
    exercises.week()
    with pytest.raises(Refused, match=r"no sheet weak05 .* Did you mean week05\?"):
        snapshot(exercises.server, "weak05")
    with pytest.raises(Refused, match="no files directly in"):
        snapshot(exercises.server, ".")


@pytest.mark.parametrize("sheet", ["..", "", "../week05", "/etc", "a/b", ".git", "week05\n"])
def test_what_is_no_sheet_reaches_nothing(exercises: Exercises, sheet: str) -> None:
    exercises.week()
    with pytest.raises(Refused):
        snapshot(exercises.server, sheet)
    with pytest.raises(Refused):
        store.record(exercises.server, sheet)


def test_an_empty_sheet_is_refused(exercises: Exercises) -> None:
    exercises.path.joinpath("week06").mkdir()
    exercises.path.joinpath("week06/link").symlink_to("x")
    with pytest.raises(Refused, match=r"no file that can be handed out \(link: a link"):
        snapshot(exercises.server, "week06")
    assert left_over(exercises, "week06") == []


@pytest.mark.skipif(os.geteuid() != 0, reason="reads as its own user: mode 0000 needs root")
def test_what_the_tutor_cannot_read_is_not_silently_left_out(exercises: Exercises) -> None:
    exercises.week()
    exercises.path.joinpath("week05/sheet.ipynb").chmod(0o600)
    with pytest.raises(Refused, match=r"week05/sheet.ipynb cannot be read: .*as nobody"):
        snapshot(exercises.server, "week05")
    exercises.path.joinpath("week05/sheet.ipynb").chmod(0o644)
    for mode in (0o700, 0o744):
        exercises.path.joinpath("week05/data").chmod(mode)
        with pytest.raises(Refused, match="week05/data cannot be read"):
            snapshot(exercises.server, "week05")


def test_too_many_and_too_large_are_refused(
    exercises: Exercises, monkeypatch: pytest.MonkeyPatch
) -> None:
    exercises.week()
    with exercises.path.joinpath("week05/huge").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(Refused, match=r"week05/huge \(1099.5 GB\) makes the sheet larger"):
        snapshot(exercises.server, "week05")
    monkeypatch.setattr(making, "MOST_FILES", 1)
    with pytest.raises(Refused, match="more than 1 files"):
        snapshot(exercises.server, "week05")
    assert left_over(exercises) == []


def test_a_file_that_grows_forever_is_being_edited(
    exercises: Exercises, monkeypatch: pytest.MonkeyPatch
) -> None:
    exercises.week()
    exercises.write("week05/log", "x" * 60_000_000)  # long to read: it grows meanwhile
    monkeypatch.setattr(making, "_PAUSE", 0)
    grow = "import sys\nf=open(sys.argv[1],'a',buffering=1)\nwhile True: f.write('x\\n')"
    writer = subprocess.Popen([sys.executable, "-c", grow, str(exercises.path / "week05/log")])
    try:
        before = (exercises.path / "week05/log").stat().st_size
        while (exercises.path / "week05/log").stat().st_size == before:
            pass
        with pytest.raises(Refused, match=r"week05/log is being edited: save and try again\."):
            snapshot(exercises.server, "week05")
    finally:
        writer.kill()
        writer.wait()
    assert left_over(exercises) == []


def test_an_edit_while_reading_is_read_again(
    exercises: Exercises, monkeypatch: pytest.MonkeyPatch
) -> None:
    exercises.week()
    monkeypatch.setattr(making, "_PAUSE", 0)
    real, calls = making._write, list[str]()

    def write(files: Path, head: File, content: Iterator[bytes]) -> store.StoredFile:
        if not calls:  # the worker waits: its pipe is full
            exercises.write("week05/a-large", "new" * 500_000)
        calls.append(head.path)
        return real(files, head, content)

    exercises.write("week05/a-large", "old" * 500_000)
    monkeypatch.setattr(making, "_write", write)
    snapshot(exercises.server, "week05")
    assert calls.count("a-large") == 2
    assert files_of(exercises, "week05", 1)["a-large"] == "new" * 500_000


def test_a_full_disk_leaves_nothing(exercises: Exercises, monkeypatch: pytest.MonkeyPatch) -> None:
    exercises.week()

    def full(part: Path, manifest: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(making, "_finish", full)
    with pytest.raises(Refused, match="no space left for"):
        snapshot(exercises.server, "week05")
    assert left_over(exercises) == ["lock"]
    assert store.records(exercises.server) == {}


# --- looked at and not released -----------------------------------------------------------------


def test_a_preview_uses_up_no_number_and_no_space(exercises: Exercises) -> None:
    exercises.week()
    for text in ("one", "two", "three"):
        exercises.write("week05/sheet.ipynb", text)
        version = snapshot(exercises.server, "week05")
        assert version.number == 1
        assert files_of(exercises, "week05", 1)["sheet.ipynb"] == text
    assert left_over(exercises) == ["1", "lock", "sheet.json"]
    assert store.records(exercises.server)["week05"].versions == (version,)


def test_what_is_scheduled_keeps_its_version_and_number(exercises: Exercises) -> None:
    exercises.week()
    snapshot(exercises.server, "week05")
    entry = schedule.Entry(
        id="s1", sheets={"week05": 1}, when=stamp(NOON), zone="UTC", by="tutor", made=stamp(NOON)
    )
    write_document(schedule.path(exercises.server), schedule.Schedule(last=1, entries=(entry,)))
    for text in ("two", "three"):
        exercises.write("week05/sheet.ipynb", text)
        assert snapshot(exercises.server, "week05").number == 2
    assert files_of(exercises, "week05", 1)["sheet.ipynb"] == "{}"
    assert files_of(exercises, "week05", 2)["sheet.ipynb"] == "three"


def test_what_becomes_of_a_sheet_while_it_is_read_stays(
    exercises: Exercises, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A preview takes minutes; meanwhile somebody withdraws the sheet."""
    exercises.week()
    snapshot(exercises.server, "week05")
    store.set_fate(exercises.server, "week05", 1, Fate.RELEASED)
    exercises.write("week05/sheet.ipynb", "fixed")
    receive = making._receive

    def slowly(*words: Any) -> Any:
        store.set_fate(exercises.server, "week05", 1, Fate.WITHDRAWN)
        return receive(*words)

    monkeypatch.setattr(making, "_receive", slowly)
    snapshot(exercises.server, "week05")
    found = store.records(exercises.server)["week05"].versions
    assert [(v.number, v.fate) for v in found] == [(1, Fate.WITHDRAWN), (2, Fate.HELD)]


def test_a_version_that_is_released_while_it_is_read_again_keeps_its_number(
    exercises: Exercises, monkeypatch: pytest.MonkeyPatch
) -> None:
    exercises.week()
    snapshot(exercises.server, "week05")
    exercises.write("week05/sheet.ipynb", "half a sent")
    receive = making._receive

    def slowly(*words: Any) -> Any:
        store.set_fate(exercises.server, "week05", 1, Fate.RELEASED)
        return receive(*words)

    monkeypatch.setattr(making, "_receive", slowly)
    assert snapshot(exercises.server, "week05").number == 2
    assert files_of(exercises, "week05", 1)["sheet.ipynb"] == "{}"


def test_a_disk_that_others_fill_meanwhile_is_left_its_reserve(
    exercises: Exercises, monkeypatch: pytest.MonkeyPatch
) -> None:
    exercises.week()
    exercises.write("week05/a-large", "x" * 3_000_000)
    room = iter([True, True, False])
    monkeypatch.setattr(making, "KEPT_FREE", 8 << 20)
    monkeypatch.setattr(making, "_has_room", lambda *_: next(room, False))
    with pytest.raises(Refused, match="no space left"):
        snapshot(exercises.server, "week05")
    assert left_over(exercises) == []


def test_without_a_source_a_sentence_says_so(exercises: Exercises) -> None:
    exercises.with_release(source=exercises.path / "none")
    with pytest.raises(Refused, match=r"none does not exist: see release\.source"):
        snapshot(exercises.server, "week05")
    link = exercises.path / "link"
    link.symlink_to(exercises.path)
    exercises.with_release(source=link)
    with pytest.raises(Refused, match="link is a link, or no folder"):
        source.reader(exercises.server)


def test_a_folder_that_anybody_can_write_is_no_way_to_the_source(exercises: Exercises) -> None:
    exercises.week("below/week05")
    exercises.path.chmod(0o777)
    exercises.with_release(source=exercises.path / "below")
    with pytest.raises(Refused, match=r"mode 0777.* could put anything in its place"):
        source.reader(exercises.server)


# --- killed -------------------------------------------------------------------------------------


def test_what_a_killed_snapshot_left_is_removed(exercises: Exercises) -> None:
    exercises.week()
    snapshot(exercises.server, "week05")
    folder = store.folder(exercises.server, "week05")
    store.set_fate(exercises.server, "week05", 1, Fate.RELEASED)
    for name in ("new.part", "2"):  # killed while it wrote; or before the record named it
        (folder / name / "files/deep").mkdir(parents=True)
        (folder / name / "files/deep/x").write_text("half")
    exercises.write("week05/sheet.ipynb", "fixed")
    assert snapshot(exercises.server, "week05").number == 2
    assert left_over(exercises) == ["1", "2", "lock", "sheet.json"]
    assert files_of(exercises, "week05", 2)["sheet.ipynb"] == "fixed"


def test_killed_at_any_rename_the_next_one_is_whole(exercises: Exercises) -> None:
    """One that takes the place of a version that was only looked at, killed at each step."""
    exercises.week()
    snapshot(exercises.server, "week05")
    struck = 0
    while True:
        exercises.write("week05/sheet.ipynb", f"try {struck}")
        if (pid := os.fork()) == 0:
            _killed_at(struck)
            with contextlib.suppress(BaseException):
                snapshot(exercises.server, "week05")
            os._exit(0)
        whole = os.waitpid(pid, 0)[1] == 0
        for text in (f"try {struck}", f"try {struck}, and more"):
            exercises.write("week05/sheet.ipynb", text)
            version = snapshot(exercises.server, "week05")
            assert version.number == 1, struck
            assert files_of(exercises, "week05", 1)["sheet.ipynb"] == text
            assert left_over(exercises) == ["1", "lock", "sheet.json"]
            digest = store.digest_of(store.manifest(exercises.server, "week05", 1).files)
            assert store.records(exercises.server)["week05"].versions[-1].digest == digest
        if whole:
            break
        struck += 1
    assert struck >= 4


def _killed_at(rename: int) -> None:
    left = rename

    def strike(event: str, _: object) -> None:
        nonlocal left
        if event == "os.rename":
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1

    sys.addaudithook(strike)


def test_a_lost_record_is_no_reason_to_remove_versions(exercises: Exercises) -> None:
    exercises.week()
    snapshot(exercises.server, "week05")
    exercises.write("week05/sheet.ipynb", "fixed")
    store.set_fate(exercises.server, "week05", 1, Fate.RELEASED)
    snapshot(exercises.server, "week05")
    record = store.folder(exercises.server, "week05") / "sheet.json"
    record.unlink()
    with pytest.raises(StateError, match=r"sheet\.json does not name"):
        snapshot(exercises.server, "week05")
    record.write_text("{")
    with pytest.raises(StateError, match="is broken"):
        snapshot(exercises.server, "week05")
    assert left_over(exercises) == ["1", "2", "lock", "sheet.json"]


def test_two_at_once_do_not_remove_each_others_work(exercises: Exercises) -> None:
    exercises.week()
    folder = store.make_folder(exercises.server, "week05")
    with making._alone(folder, "week05"), pytest.raises(LockHeld, match="at this moment"):
        snapshot(exercises.server, "week05")


# --- the words of a stranger ---------------------------------------------------------------------

LIES = [
    b'{"t":"file","path":"../../x","size":1,"mtime":0,"executable":false}\nx',
    b'{"t":"file","path":"/etc/x","size":1,"mtime":0,"executable":false}\nx',
    b'{"t":"file","path":"a","size":-1,"mtime":0,"executable":false}\nx',
    b'{"t":"file","path":"a","size":1,"mtime":0,"executable":false}\nx' * 2,
    b'{"t":"file","path":"a","size":1,"mtime":0,"executable":false}\nx'
    b'{"t":"file","path":"a/b","size":1,"mtime":0,"executable":false}\nx',
    b'{"t":"file","path":"a","size":9,"mtime":0,"executable":false}\nx',
    b'{"t":"file","path":"a\\u0000b","size":1,"mtime":0,"executable":false}\nx',
    b'{"t":"other"}\n',
    b"no json\n",
    b"[" * 3_000_000,
    b"",
]


@pytest.mark.parametrize("lie", LIES, ids=range(len(LIES)))
def test_a_tutors_side_that_lies_writes_nothing(
    exercises: Exercises, monkeypatch: pytest.MonkeyPatch, lie: bytes
) -> None:
    exercises.week()
    said = exercises.path / "lie"
    said.write_bytes(lie)

    def lying(module: str, verb: str, *arguments: str) -> list[str]:
        return ["cat", str(said)] if verb == "pack" else command(module, verb, *arguments)

    monkeypatch.setattr(source, "command", lying)
    with pytest.raises(HubtuiError) as refused:
        snapshot(exercises.server, "week05")
    assert isinstance(refused.value, CommandFailed | Refused)
    assert left_over(exercises) == []


def test_a_tutors_side_that_stops_is_ended(
    exercises: Exercises, monkeypatch: pytest.MonkeyPatch
) -> None:
    by = source.reader(exercises.server)
    monkeypatch.setattr(source, "LOOKING", 0.3)
    monkeypatch.setattr(source, "command", lambda *_: ["sleep", "60"])
    with pytest.raises(CommandFailed, match="took longer than"):
        source.listing(by)


# --- fates --------------------------------------------------------------------------------------


def version(number: int, fate: Fate) -> Version:
    return Version(number=number, made="", by="", files=1, bytes=1, digest="", fate=fate)


@pytest.mark.parametrize(
    ("fates", "wanted"),
    [
        ("", None),
        ("h", None),
        ("r", 1),
        ("rr", 2),
        ("rth", 1),
        ("rw", None),
        ("w", None),
        ("wr", 2),
        ("rwh", None),
        ("rwr", 3),
    ],
)
def test_what_a_newcomer_gets(fates: str, wanted: int | None) -> None:
    words = {"h": Fate.HELD, "t": Fate.TRIAL, "r": Fate.RELEASED, "w": Fate.WITHDRAWN}
    versions = tuple(version(n, words[letter]) for n, letter in enumerate(fates, start=1))
    found = store.released(SheetRecord(sheet="x", versions=versions))
    assert (found.number if found else None) == wanted


def test_a_fate_is_noted_with_its_time(exercises: Exercises) -> None:
    exercises.week()
    snapshot(exercises.server, "week05")
    after = store.set_fate(exercises.server, "week05", 1, Fate.RELEASED)
    assert (after.fate, after.since) == (Fate.RELEASED, "2026-11-23T12:00:00Z")
    assert store.records(exercises.server)["week05"].versions == (after,)
    with pytest.raises(StateError, match="no version 7"):
        store.set_fate(exercises.server, "week05", 7, Fate.RELEASED)


def test_a_store_that_others_can_write_is_refused(exercises: Exercises) -> None:
    exercises.week()
    open_ = exercises.path.parent / "open"
    open_.mkdir()
    open_.chmod(0o777)
    exercises.with_release(store=open_ / "store")
    with pytest.raises(Refused, match="root alone may write"):
        snapshot(exercises.server, "week05")
    assert list(open_.iterdir()) == []


# --- names --------------------------------------------------------------------------------------

AWKWARD = st.text(st.sampled_from(["/", ".", "a", "ä", "\n", "\x9b", "\udce9", "%", "\0", " "]))


@given(st.one_of(AWKWARD, st.text(max_size=300), st.lists(AWKWARD).map("/".join)))
def test_a_path_that_fits_stays_below_its_sheet(path: str) -> None:
    if unfit(path):
        return
    path.encode()
    names = path.split("/")
    assert not {"", ".", ".."} & set(names)
    assert all(c.isprintable() or ord(c) > 0x9F for c in path)
    assert max(len(name.encode()) for name in names) <= 200
    assert os.path.normpath("/store/" + path) == "/store/" + path


@given(AWKWARD, AWKWARD)
def test_every_sheet_has_a_folder_of_its_own(one: str, two: str) -> None:
    for sheet in (one, two):
        if not unfit_sheet(sheet):
            folder = folder_of(sheet)
            assert "/" not in folder
            assert folder not in ("", ".", "..")
            assert len(folder.encode()) <= 255
    if one != two and not unfit_sheet(one) and not unfit_sheet(two):
        assert folder_of(one) != folder_of(two)


@pytest.mark.parametrize("path", ["a", "a/b.ipynb", "Übung 1/Lösung.ipynb", ".gitignore", "a..b"])
def test_ordinary_paths_fit(path: str) -> None:
    assert unfit(path) == ""
