"""What is withdrawn, cancelled, corrected and released again; accounts and disks that change."""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import signal
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

import pytest

from hubtui.events import Outcome
from hubtui.plan import plans, runs
from hubtui.plan.plans import Plan, new_plan
from hubtui.release import late, store
from hubtui.release.chosen import Subject
from hubtui.release.schedule import DueRecord, due_path
from hubtui.release.withdraw import withdraw_plan
from hubtui.state import write_document
from hubtui.students import survey
from hubtui.workers import drop, place
from hubtui.workers.compare import File, Folders, Sheet, State, compare
from tests.course_on_disk import ROSTER, hubtui
from tests.hostile_home import another_rsync, deliver, desk, hold, job, kill, until
from tests.release_on_disk import Teaching, teach, tree, write_as
from tests.sandboxed import Machine

ANNA, BERT, CLEO = (Path("/home", name, "exercises") for name in ("anna", "bert", "cleo"))
LONG_AGO = (1, 1)
HUBTUI = [sys.executable, "-m", "hubtui"]


@pytest.fixture
def course(machine: Machine) -> Teaching:
    made = teach(machine, "anna", "bert")
    made.sheet("week01", {"sheet.ipynb": "one", "data/table.csv": "1,2\n"})
    return made


def left_by_a_kill(course: Teaching, plan: Plan) -> None:
    """A run that was confirmed, and whose process is gone."""
    plans.save(course.server.state, plan)
    record = runs.record_path(course.server.state, plan.id)
    write_document(record, runs.RunRecord(id=plan.id, by="test", at=plan.at))
    os.utime(record, LONG_AGO)


# --- withdrawn ----------------------------------------------------------------------------------


def test_a_killed_release_that_is_resumed_after_a_withdrawal_hands_out_nothing(
    course: Teaching,
) -> None:
    plan = course.plan("week01")
    left_by_a_kill(course, plan)
    store.set_fate(course.server, "week01", 1, store.Fate.RELEASED)  # as far as it came
    assert hubtui("release", "withdraw", "week01", "--yes").returncode == 0
    done = hubtui("journal", "resume", plan.id)
    assert done.returncode == 1
    assert "Week01 was withdrawn since this was shown." in done.stderr
    assert late.released(course.server) == {}
    assert tree(ANNA) == {}


def test_a_killed_catch_up_hands_out_nothing_that_was_withdrawn(course: Teaching) -> None:
    course.push("week01")
    course.student("cleo", 20003)
    subject = Subject(key="cleo", name="cleo", uid=20003, sheets={"week01": 1})
    options = {"trial": False, "again": False, "replace_open": False}
    plan = new_plan("push", "Catch up 1 student", [subject], course.server.clock(), **options)
    left_by_a_kill(course, plan)
    write_document(due_path(course.server), DueRecord(catch_up=plan.id))
    course.withdraw("week01")
    done = hubtui("due")
    assert (done.returncode, done.stderr) == (0, "")
    assert tree(CLEO) == {}
    store.set_fate(course.server, "week01", 1, store.Fate.RELEASED)
    assert hubtui("due").returncode == 0
    assert len(tree(CLEO)) == 2, "she was given up for an hour, though nothing was tried"


def test_a_killed_withdrawal_takes_nothing_of_what_was_released_anew(course: Teaching) -> None:
    course.push("week01")
    plan = withdraw_plan(course.server, survey(course.server), "week01")
    left_by_a_kill(course, plan)
    course.withdraw("week01")
    time.sleep(1.1)  # what is noted is noted to the second
    course.push("week01")
    done = hubtui("journal", "resume", plan.id)
    assert done.returncode == 1
    assert "week01 was released anew since this was shown." in done.stderr
    assert len(tree(ANNA)) == 2


def test_copies_that_a_killed_run_left_unnoted_are_withdrawn_too(course: Teaching) -> None:
    hold(course, "week01")
    store.set_fate(course.server, "week01", 1, store.Fate.RELEASED)
    deliver(course, "week01", "anna")  # placed; the process was killed before it noted it
    assert course.given("anna", "week01") is None
    assert len(tree(ANNA)) == 2
    ended = course.withdraw("week01")
    assert tree(ANNA) == {}
    assert ended["anna"].text == "2 removed"
    assert ended["bert"].text == "had no copy of it"


def test_who_changed_hers_gets_the_corrected_one_beside_after_a_withdrawal(
    course: Teaching,
) -> None:
    course.push("week01")
    write_as("anna", ANNA / "week01/sheet.ipynb", "my answers")
    course.withdraw("week01")
    course.sheet("week01", {"sheet.ipynb": "corrected"})
    course.push("week01")
    assert tree(ANNA) == {
        "week01/sheet.ipynb": b"my answers",
        "week01/sheet.v2.ipynb": b"corrected",
        "week01/data/table.csv": b"1,2\n",  # taken back by us, not deleted by her
    }
    assert tree(BERT)["week01/sheet.ipynb"] == b"corrected"


def test_what_was_blocked_can_be_withdrawn_later(course: Teaching) -> None:
    course.push("week01")
    top = ANNA / "week01"
    top.chmod(0o555)
    assert course.withdraw("week01")["anna"].outcome is Outcome.FAILED
    top.chmod(0o755)
    assert course.withdraw("week01")["anna"].outcome is Outcome.DONE
    assert tree(ANNA) == {}


def test_who_left_the_course_is_named_when_a_sheet_is_withdrawn(course: Teaching) -> None:
    course.push("week01")
    subprocess.run(["gpasswd", "-d", "bert", "all_user"], check=True, capture_output=True)
    ROSTER.write_text(ROSTER.read_text().replace("bert\n", ""))
    done = hubtui("release", "withdraw", "week01", "--dry-run")
    assert "had it, and is no course account any more: bert" in done.stdout
    assert hubtui("release", "withdraw", "week01", "--yes").returncode == 0
    assert len(tree(BERT)) == 2


# --- cancelled ----------------------------------------------------------------------------------

HELD, GO = Path("/tmp/held"), Path("/tmp/go")
SLOW = f"""
open("{HELD}." + str(os.getuid()), "w").close()
while not os.path.exists("{GO}"):
    time.sleep(0.02)
sys.exit(real())
"""


def test_what_was_stopped_stays_stopped_until_it_is_released_again(
    course: Teaching, machine: Machine
) -> None:
    names = [f"c{number:02}" for number in range(10)]
    for uid, name in enumerate(names, 20010):
        course.student(name, uid)
    for file in (GO, *HELD.parent.glob("held.*")):
        file.unlink(missing_ok=True)
    with another_rsync(SLOW):
        release = subprocess.Popen(
            [*HUBTUI, "release", "push", "week01", "--yes"], stdout=subprocess.PIPE
        )
        until(lambda: len(list(HELD.parent.glob("held.*"))) == 8)  # as many as are at work
        done = hubtui("release", "cancel")
        assert done.stdout == "Release week01 to 12 students: stops before the next student.\n"
        GO.touch()
        out, _ = release.communicate(timeout=60)
    assert release.returncode == 1
    assert "cancel over" in hubtui("journal").stdout
    assert b"Whose turn did not come gets it when it is released again." in out

    def have() -> list[str]:
        return [name for name in ("anna", "bert", *names) if tree(Path("/home", name, "exercises"))]

    assert len(have()) == 8
    assert hubtui("due").returncode == 0
    assert len(have()) == 8
    course.student("late", 20030)
    assert hubtui("due").returncode == 0
    assert len(tree(Path("/home/late/exercises"))) == 2  # who joins later is another matter
    course.push("week01")
    assert len(have()) == 12


# --- accounts, homes, disks ---------------------------------------------------------------------


def test_a_new_student_with_the_uid_of_one_who_left_gets_everything(course: Teaching) -> None:
    course.push("week01")
    subprocess.run(["userdel", "-r", "bert"], check=True, capture_output=True)
    ROSTER.write_text(ROSTER.read_text().replace("bert\n", ""))
    course.student("cleo", 20002)
    assert course.given("cleo", "week01") is None
    assert not late.HandOut(course.server, "cleo", 20002).done()
    assert hubtui("due").returncode == 0
    assert len(tree(CLEO)) == 2


def test_a_sheet_with_more_folders_than_a_process_may_have_open(course: Teaching) -> None:
    course.sheet("many", {f"d{n:04}/file.txt": str(n) for n in range(1100)})
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, before[1]))  # as a login shell may have it
    try:
        ended = course.push("many")
        assert ended["anna"].outcome is Outcome.DONE, ended["anna"].text
        assert len(tree(ANNA)) == 1100
        course.sheet("many", {f"d{n:04}/file.txt": f"{n}, corrected" for n in range(1100)})
        assert course.push("many")["anna"].outcome is Outcome.DONE
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert tree(ANNA)["many/d0777/file.txt"] == b"777, corrected"


def test_a_version_that_was_damaged_in_the_store_reaches_nobody(course: Teaching) -> None:
    hold(course, "week01")
    deliver(course, "week01", "bert")
    files = store.folder(course.server, "week01") / "1/files"
    (files / "sheet.ipynb").write_text("onX")
    found = deliver(course, "week01", "anna")["anna"].sheets[0]
    assert ("sheet.ipynb", "failed", "the copy is not whole") in found.listed
    assert tree(ANNA) == {"week01/data/table.csv": b"1,2\n"}
    (files / "sheet.ipynb").write_text("one")
    store.set_fate(course.server, "week01", 1, store.Fate.RELEASED)
    course.sheet("week01", {"sheet.ipynb": "two!"})
    assert hold(course, "week01") == 2
    (store.folder(course.server, "week01") / "2/files/sheet.ipynb").write_text("twX!")
    with desk(course) as at:
        answer = at.all({"bert": job(course, "bert", "week01", version=2, has=1)})["bert"]
    assert answer.sheets[0].counts["failed"] == 1
    assert tree(BERT)["week01/sheet.ipynb"] == b"one"  # her copy of the first one is as it was


def test_what_a_power_cut_leaves_of_a_copy_is_made_whole(course: Teaching) -> None:
    course.push("week01")
    copies = [ANNA / "week01/sheet.ipynb", BERT / "week01/sheet.ipynb"]
    delivered = copies[0].stat().st_mtime_ns
    for copy in copies:
        os.truncate(copy, 0)
    os.utime(copies[0], ns=(delivered, delivered))  # its time was written, its bytes were not
    course.push("week01")
    assert copies[0].read_bytes() == b"one"
    assert copies[1].read_bytes() == b"", "bert emptied his, which is his to do"


def test_the_tutors_own_file_of_a_name_beside_is_not_lost_behind_a_copy(course: Teaching) -> None:
    course.push("week01")
    write_as("anna", ANNA / "week01/sheet.ipynb", "mine")
    course.sheet("week01", {"sheet.ipynb": "two", "sheet.v2.ipynb": "another sheet"})
    plan = course.plan("week01")
    assert course.preview(plan)["anna"] == {"new": 1, "kept": 1, "same": 1}
    course.carry_out(plan)
    assert tree(ANNA)["week01/sheet.v2.ipynb"] == b"another sheet"
    found = course.given("anna", "week01")
    assert found is not None
    assert found.counts == {"new": 1, "kept": 1, "same": 1}


def test_a_large_sheet_comes_in_parts_and_a_kill_costs_one_part(course: Teaching) -> None:
    parts = {f"part{n}.bin": bytes([n]) * (40 << 20) for n in range(3)}
    course.sheet("large", parts)
    hold(course, "large")
    once = f"""
if os.getuid() == 20001 and not os.path.exists("{HELD}"):
    names = sys.stdin.buffer.read()
    if b"part1" in names:  # the second part
        open("{HELD}", "w").close()
        time.sleep(60)
    sys.stdin = open(os.memfd_create("names"), "w+")
    sys.stdin.write(names.decode()); sys.stdin.flush(); sys.stdin.seek(0)
    os.dup2(sys.stdin.fileno(), 0)
sys.exit(real())
"""
    HELD.unlink(missing_ok=True)
    far = []
    with another_rsync(once), desk(course, limit=60) as at:
        asked = job(course, "anna", "large")
        begun = at.submit(asked, lambda *words: far.append(words))
        until(HELD.exists)
        until(lambda: far)
        kill(at._process.pid)
        assert begun.exception() is not None
    there = tree(ANNA)
    assert there["large/part0.bin"] == parts["part0.bin"]  # what came before the kill stays
    assert far[0] == ("large", 0, 3 * (40 << 20))
    HELD.touch()
    answer = deliver(course, "large", "anna")["anna"]
    assert answer.sheets[0].counts["same"] >= 1
    assert {path: tree(ANNA)[f"large/{path}"] for path in parts} == parts


def test_one_who_stops_the_look_holds_up_neither_a_withdrawal_nor_others(
    course: Teaching,
) -> None:
    course.push("week01")
    stopping = subprocess.Popen(
        ["python3", "-c", STOPS_HER_OWN], user="anna", group=20000, stdout=subprocess.PIPE
    )
    try:
        assert stopping.stdout is not None
        assert stopping.stdout.readline()
        withdraw = subprocess.Popen(
            [*HUBTUI, "release", "withdraw", "week01", "--yes"], stdout=subprocess.DEVNULL
        )
        began = time.monotonic()
        until(lambda: not (BERT / "week01").exists())
        assert late.released(course.server) == {}
        assert time.monotonic() - began < 10  # a look alone may take 30 s
    finally:
        stopping.kill()
        stopping.communicate()
        for pid in _of(20001):
            os.kill(pid, signal.SIGCONT)  # let her worker go on
        withdraw.wait(60)
    assert tree(ANNA) == {}


STOPS_HER_OWN = """
import os, signal, sys
print("ready", flush=True)
while True:
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        try:
            if os.stat(f"/proc/{pid}").st_uid in (0, os.getuid()) and int(pid) != os.getpid():
                os.kill(int(pid), signal.SIGSTOP)
        except OSError:
            pass
"""


def _of(uid: int) -> list[int]:
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            if f"Uid:\t{uid}\t" in status.read_text():
                found.append(int(status.parent.name))
        except OSError:
            continue
    return found


# --- disks that cannot rename as Linux's own can ------------------------------------------------


class _NoFlags:
    """A C library on a filesystem such as NFS: renameat2 takes no flags."""

    def __init__(self, libc: object) -> None:
        self._libc = libc

    def __getattr__(self, name: str) -> object:
        return getattr(self._libc, name)

    def renameat2(self, *_: object) -> int:
        ctypes.set_errno(errno.EINVAL)
        return -1


def test_on_a_disk_without_exchange_new_files_come_and_corrections_lie_beside(
    course: Teaching, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, "libc", _NoFlags(drop.libc))
    home, staging = tmp_path / "home", tmp_path / "staging"
    for folder in (home, staging):
        folder.mkdir()
    (home / "old.txt").write_text("one")
    for name in ("old.txt", "new.txt"):
        (staging / name).write_text("two")
    two = {n: File(n, 3, _sha("two"), 1) for n in ("old.txt", "new.txt")}
    known = {"old.txt": frozenset({(3, _sha("one")), (3, _sha("two"))})}
    sheet = Sheet("week01", 2, two, {"old.txt": File("old.txt", 3, _sha("one"), 1)}, known, True)
    top, staged = (os.open(folder, os.O_RDONLY) for folder in (home, staging))
    folders = Folders(top)
    found = list(compare(folders, sheet))
    assert {one.file.path: one.state for one in found} == {
        "old.txt": State.REPLACE,
        "new.txt": State.NEW,
    }
    place.place(folders, top, staged, sheet, found)
    assert {p.name: p.read_text() for p in home.iterdir()} == {
        "old.txt": "one",
        "old.v2.txt": "two",
        "new.txt": "two",
    }
    assert {one.file.path: one.state for one in found} == {
        "old.txt": State.BESIDE,
        "new.txt": State.NEW,
    }
    assert not list(staging.iterdir())


def _sha(text: str) -> str:
    return sha256(text.encode()).hexdigest()
