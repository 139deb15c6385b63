"""A tutor's folder that wants to be read with root's eyes, or to write with root's hands."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from hubtui.course import Release
from hubtui.errors import CommandFailed, HubtuiError, Refused
from hubtui.release import snapshot as making
from hubtui.release import source, store
from hubtui.release.sheets import sheets
from hubtui.release.snapshot import snapshot
from hubtui.release.store import Fate
from hubtui.server import Server, server_of
from hubtui.server.run import run
from hubtui.workers.place import rename
from tests.course_on_disk import STATE, make_course

CANARY = "what only its owner may read"
SOURCE = Path("/home/tutor/exercises")
WEEK = SOURCE / "week05"
TUTOR, EVA, ANNA = 1000, 1005, 20001
EXCHANGE = 2


@pytest.fixture
def server(machine: object) -> Server:
    """A tutor with a sheet; a colleague, a student and root with something to lose."""
    course = make_course().server.course
    run(["groupadd", "--gid", "20000", "--", "all_user"]).check()
    people = (("tutor", TUTOR, "users"), ("eva", EVA, "users"), ("anna", ANNA, "all_user"))
    for name, uid, group in people:
        run(["useradd", "--uid", str(uid), "--gid", group, "--create-home", "--", name]).check()
        Path("/home", name).chmod(0o711 if name == "tutor" else 0o700)
        secret(Path("/home", name, "canary"), uid)
    secret(Path("/root/canary"), 0)
    with as_user(TUTOR):
        WEEK.mkdir(parents=True)
        WEEK.joinpath("sheet.ipynb").write_text("{}")
    release = Release(source=SOURCE, tutors=("tutor",))
    return server_of(msgspec.structs.replace(course, release=release))


def secret(path: Path, uid: int) -> None:
    path.write_text(CANARY)
    path.chmod(0o600)
    os.chown(path, uid, -1)


@contextlib.contextmanager
def as_user(uid: int) -> Iterator[None]:
    """What is done here is done in the rights of that account."""
    gid = pwd.getpwuid(uid).pw_gid
    groups = os.getgroups()
    os.setgroups([gid])
    os.setegid(gid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


@contextlib.contextmanager
def running_as(uid: int, what: Callable[[], None]) -> Iterator[None]:
    """A process of that account does something without end."""
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            what()
        os._exit(1)
    try:
        time.sleep(0.2)
        yield
        assert os.waitpid(pid, os.WNOHANG) == (0, 0), "it had ended by itself"
    finally:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def moved_to(server: Server, path: Path) -> Server:
    release = msgspec.structs.replace(server.course.release, source=path)  # type: ignore[type-var]
    return server_of(msgspec.structs.replace(server.course, release=release))


def leaks(folder: Path) -> list[str]:
    """Files below that hold somebody's canary."""
    return [
        str(path)
        for path in folder.rglob("*")
        if not path.is_symlink() and path.is_file() and CANARY in path.read_text(errors="replace")
    ]


def naive_copy(*, looks: bool) -> list[str]:
    """What everybody writes first: root copies the tutor's folder. Where that leaks.

    ``looks``: with a check for links before. One level deep and regular files alone: a real
    ``cp -rL`` would fill the disk from /dev/zero.
    """
    target = Path("/root/naive")
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    for path in WEEK.iterdir():
        with contextlib.suppress(OSError):
            if looks and path.is_symlink():
                continue
            for each in path.iterdir() if path.is_dir() else [path]:
                if each.is_file():
                    target.joinpath(each.name).write_bytes(each.read_bytes())
    return leaks(target)


# --- links --------------------------------------------------------------------------------------


def test_links_to_what_others_own_are_left_out(server: Server) -> None:
    with as_user(TUTOR):
        WEEK.joinpath("shadow").symlink_to("/etc/shadow")
        WEEK.joinpath("root").symlink_to("/root/canary")
        WEEK.joinpath("eva").symlink_to("/home/eva")
        WEEK.joinpath("own").symlink_to("/home/tutor/canary")
        WEEK.joinpath("zero").symlink_to("/dev/zero")
        WEEK.joinpath("up").symlink_to("..")
        os.mkfifo(WEEK / "pipe")
        SOURCE.joinpath("sheet-of-eva").symlink_to("/home/eva")
    version = snapshot(server, "week05")
    assert (version.files, len(version.left_out)) == (1, 7)
    assert [f.path for f in store.manifest(server, "week05", 1).files] == ["sheet.ipynb"]
    assert leaks(STATE) == []
    assert [sheet.name for sheet in sheets(server, 1).sheets] == ["week05"]
    with pytest.raises(Refused, match="no sheet sheet-of-eva"):
        snapshot(server, "sheet-of-eva")
    assert naive_copy(looks=False)


def test_a_sheet_or_source_that_is_a_link_is_not_entered(server: Server) -> None:
    SOURCE.rename("/home/tutor/real")
    SOURCE.symlink_to("/home/eva")
    with pytest.raises(Refused, match="is a link"):
        snapshot(server, "week05")
    SOURCE.unlink()
    SOURCE.symlink_to("/home/tutor/real")
    with pytest.raises(Refused, match="is a link"):
        snapshot(moved_to(server, SOURCE / "week05"), ".")


def test_a_hard_link_to_anothers_file_is_refused(server: Server) -> None:
    """Debian forbids such links; a backup that was restored may have them all the same."""
    os.link("/home/eva/canary", WEEK / "notes.txt")
    with pytest.raises(Refused, match=r"week05/notes\.txt cannot be read: .*as tutor"):
        snapshot(server, "week05")
    assert "cannot be released" in "".join(sheets(server, 1).sheets[0].findings)
    assert leaks(STATE) == []


# --- races --------------------------------------------------------------------------------------


@contextlib.contextmanager
def swapping(one: Path, other: Path) -> Iterator[None]:
    """Somebody exchanges two names of the folder, without a pause."""
    ended = threading.Event()
    fd = os.open(one.parent, os.O_RDONLY)

    def swap() -> None:
        while not ended.is_set():
            rename(fd, one.name, fd, other.name, EXCHANGE)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        os.close(fd)


def until(happened: Callable[[], object], seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if happened():
            return True
    return False


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_is_swapped_for_a_link_meanwhile_is_never_followed(
    server: Server, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(making, "_PAUSE", 0)
    with as_user(TUTOR):
        if kind == "file":
            WEEK.joinpath("a").write_text("harmless")
            WEEK.joinpath(".b").symlink_to("/home/eva/canary")
        else:
            WEEK.joinpath("a").mkdir()
            WEEK.joinpath("a/canary").write_text("harmless")
            WEEK.joinpath(".b").symlink_to("/home/eva")
    with swapping(WEEK / "a", WEEK / ".b"):
        for _ in range(15):
            with contextlib.suppress(HubtuiError):
                snapshot(server, "week05")
        assert until(lambda: naive_copy(looks=True))
    assert leaks(STATE) == []


def test_a_file_that_grows_or_shrinks_forever_is_refused(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = 60_000_000  # so long to read that the other one has its turn, on a busy machine too
    monkeypatch.setattr(making, "_PAUSE", 0)
    with as_user(TUTOR):
        WEEK.joinpath("log").write_text("x" * size)

    def busy() -> None:
        file = os.open(WEEK / "log", os.O_WRONLY)
        while True:
            os.ftruncate(file, size - 10)
            os.ftruncate(file, size)

    with (
        running_as(TUTOR, busy),
        pytest.raises(Refused, match="week05/log is being edited: save and try again"),
    ):
        snapshot(server, "week05")
    assert [p.name for p in store.folder(server, "week05").iterdir()] == []


# --- names --------------------------------------------------------------------------------------


def test_strange_names_stay_names(server: Server) -> None:
    strange = [
        " ",
        "-rf",
        "--help",
        "$(id)",
        "*",
        "a\\b",
        "[red]",
        "%2E%2E",
        "...",
        "ü",
        "~",
        "a'b",
    ]
    with as_user(TUTOR):
        for name in strange:
            WEEK.joinpath(name).write_text(name)
        Path(os.fsdecode(b"/home/tutor/exercises/week05/\xff\xfe")).write_text("x")
        WEEK.joinpath("a\nb").write_text("x")
        WEEK.joinpath("x" * 255).write_text("x")
        SOURCE.joinpath("%2E").mkdir()
        SOURCE.joinpath("%2E/x").write_text("x")
        SOURCE.joinpath("flat").write_text("flat")
    version = snapshot(server, "week05")
    assert version.files == len(strange) + 1
    assert len(version.left_out) == 3
    files = store.folder(server, "week05") / "1/files"
    assert {p.name for p in files.iterdir()} == {*strange, "sheet.ipynb"}
    snapshot(server, "%2E")
    snapshot(server, ".")
    assert {p.name for p in store.root(server).iterdir()} == {"week05", "%252E", "%2E"}


@pytest.mark.parametrize("sheet", ["..", "../../eva", "/home/eva", "week05/../../..", "\0"])
def test_a_sheet_is_a_name_and_no_path(server: Server, sheet: str) -> None:
    with pytest.raises(Refused):
        snapshot(server, sheet)
    assert leaks(STATE) == []


def test_a_bottomless_folder_is_refused_or_left_out(server: Server) -> None:
    with as_user(TUTOR):
        WEEK.joinpath(*["d"] * 60).mkdir(parents=True)
        WEEK.joinpath(*["d"] * 60, "x").write_text("x")
    version = snapshot(server, "week05")
    assert version.files == 1
    assert "its path is too long" in version.left_out[0]


# --- whose folder -------------------------------------------------------------------------------


def test_a_source_below_a_students_folder_is_refused(server: Server) -> None:
    place = Path("/home/anna/exercises")
    shutil.copytree(SOURCE, place)
    for path in (place, *place.rglob("*")):
        os.chown(path, TUTOR, -1)
    with pytest.raises(Refused, match=r"/home/anna .* could put anything in its place"):
        snapshot(moved_to(server, place), "week05")


@pytest.mark.parametrize("uid", [ANNA, EVA, 33, 65534])
def test_a_source_of_somebody_who_is_no_tutor_is_refused(server: Server, uid: int) -> None:
    os.chown(SOURCE, uid, -1)
    with pytest.raises(Refused, match=r"nobody but root and those in release\.tutors"):
        snapshot(server, "week05")


def test_a_source_of_root_is_read_as_nobody(server: Server) -> None:
    place = Path("/srv/exercises")
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(SOURCE, place)
    for path in (place, *place.rglob("*")):
        os.chown(path, 0, 0)
        path.chmod(0o755 if path.is_dir() else 0o644)
    by_root = moved_to(server, place)
    assert snapshot(by_root, "week05").files == 1
    place.joinpath("week05/draft").write_text(CANARY)
    place.joinpath("week05/draft").chmod(0o600)
    place.joinpath("week05/link").symlink_to("/root/canary")
    with pytest.raises(Refused, match=r"week05/draft cannot be read: .*as nobody"):
        snapshot(by_root, "week05")
    assert leaks(STATE) == []


def test_a_system_account_is_no_reader_even_if_it_is_listed(server: Server) -> None:
    release = msgspec.structs.replace(server.course.release, tutors=("www-data",))  # type: ignore[type-var]
    listed = server_of(msgspec.structs.replace(server.course, release=release))
    os.chown(SOURCE, pwd.getpwnam("www-data").pw_uid, -1)
    with pytest.raises(Refused, match="nobody but root and those"):
        snapshot(listed, "week05")


# --- the process --------------------------------------------------------------------------------


@pytest.mark.parametrize("signal_", [signal.SIGSTOP, signal.SIGKILL])
def test_a_tutor_who_stops_or_kills_the_reader_holds_up_nobody(
    server: Server, monkeypatch: pytest.MonkeyPatch, signal_: int
) -> None:
    monkeypatch.setattr(source, "LOOKING", 2.0)

    def hunt() -> None:
        while True:
            for pid in filter(str.isdigit, (p.name for p in Path("/proc").iterdir())):
                with contextlib.suppress(OSError):
                    if int(pid) != os.getpid():
                        os.kill(int(pid), signal_)

    with as_user(TUTOR):
        for number in range(3000):
            WEEK.joinpath(f"file{number}").write_text("x")
    by = source.reader(server)
    with running_as(TUTOR, hunt):
        began = time.monotonic()
        with pytest.raises(CommandFailed, match=r"was ended|took longer than"):
            source.listing(by)
        assert time.monotonic() - began < 10
    monkeypatch.setattr(source, "LOOKING", 30.0)
    assert snapshot(server, "week05").files == 3001


def test_students_reach_no_version_at_any_time(server: Server) -> None:
    with as_user(TUTOR):
        WEEK.joinpath("sheet.ipynb").write_text(CANARY)
    snapshot(server, "week05")
    inside = store.folder(server, "week05") / "1"
    for fate in Fate:
        store.set_fate(server, "week05", 1, fate)
        assert stat.S_IMODE(inside.stat().st_mode) == 0o700
        for uid in (ANNA, TUTOR):
            with as_user(uid), pytest.raises(PermissionError):
                inside.joinpath("files/sheet.ipynb").read_text()
            with as_user(uid), pytest.raises(PermissionError):
                inside.parent.joinpath("sheet.json").read_text()


# --- killed -------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [0.05, 0.15, 0.25, 0.3, 0.35, 0.4, 0.5, 0.7])
def test_killed_at_any_point_the_next_snapshot_is_whole(server: Server, after: float) -> None:
    with as_user(TUTOR):
        for number in range(1500):
            WEEK.joinpath(f"file{number}").write_text(f"text {number}")
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            snapshot(server, "week05")
        os._exit(0)
    time.sleep(after)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    record = store.record(server, "week05")
    assert record is None or record.versions[0].files == 1501
    version = snapshot(server, "week05")
    assert (version.number, version.files) == (1, 1501)
    folder = store.folder(server, "week05")
    assert sorted(p.name for p in folder.iterdir()) == ["1", "lock", "sheet.json"]
    there = {p.name: p.read_text() for p in folder.joinpath("1/files").iterdir()}
    assert len(there) == 1501
    assert there["file700"] == "text 700"
