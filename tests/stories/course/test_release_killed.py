"""A release that is killed, that runs out of space, or that meets a student who saves: whole files,
nothing twice, and no line of anybody's lost."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hubtui.events import Outcome
from hubtui.plan import runs
from hubtui.release import late, ledger, store
from hubtui.release.desk import Job
from hubtui.server import Server
from hubtui.students import survey
from hubtui.workers import deliver as worker
from hubtui.workers import drop, one_student, place
from tests.course_on_disk import CONFIG
from tests.hostile_home import (
    another_rsync,
    as_student,
    deliver,
    desk,
    hold,
    job,
    kill,
    own,
    processes_of,
    staging_of,
    until,
)
from tests.release_on_disk import SOURCE, Teaching, teach, tree, write_as
from tests.sandboxed import Machine

HOME, OTHER = Path("/home/anna"), Path("/home/bert")
WEEK = HOME / "exercises/week01"
EXCHANGE = 2


@pytest.fixture
def course(machine: Machine) -> Teaching:
    """Anna and Bert."""
    return teach(machine, "anna", "bert")


# --- one delivery in a process of this test's ---------------------------------------------------

Hook = Callable[[str, tuple[Any, ...]], None]


def in_the_account(course: Teaching, asked: Job, hook: Hook) -> int:
    """Anna's side of a job, with ``hook`` called as her before each step; how it ended."""
    account = pwd.getpwnam("anna")
    setting = one_student.Setting(str(store.root(course.server)), "exercises", "/usr/bin/rsync")
    wanted = msgspec.to_builtins(asked)
    versions = worker.Store(setting.store)
    sheets = [versions.sheet(wanted, one) for one in wanted["sheets"]]
    files = [versions.files(one.name, one.version) for one in sheets]

    def hooked(name: str, step: Callable[..., Any]) -> Callable[..., Any]:
        def call(*words: Any, **more: Any) -> Any:
            hook(name, words)
            return step(*words, **more)

        return call

    pid = os.fork()
    if pid == 0:
        try:
            signal.signal(signal.SIGIO, signal.SIG_IGN)
            drop.become(account.pw_uid, account.pw_gid)
            place.rename = hooked("rename", place.rename)
            place.copy = hooked("copy", place.copy)
            place.close_staging = hooked("close", place.close_staging)
            for name in ("unlink", "rmdir", "mkdir"):
                setattr(os, name, hooked(name, getattr(os, name)))
            one_student.serve(wanted, setting, sheets, files, lambda *_: None)
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def is_exchange(step: str, words: tuple[Any, ...], name: str) -> bool:
    return step == "rename" and words[4] == EXCHANGE and words[1] == name


def save(path: Path, text: str) -> None:
    """As an editor does: a new file, then its name."""
    temporary = path.with_name("~editor")
    temporary.write_text(text)
    temporary.replace(path)


class After:
    """Calls something at the nth step; saves ``late.txt`` at the exchange it is in for."""

    def __init__(self, at: int, saves: Path | None = None) -> None:
        self.at, self.count, self.saves = at, 0, saves

    def __call__(self, step: str, words: tuple[Any, ...]) -> None:
        self.count += 1
        if self.count == self.at:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.saves is not None and (
            is_exchange(step, words, self.saves.name)
            or (step == "rename" and words[1] == self.saves.name)
        ):
            save(self.saves, "saved at the last moment")
            self.saves = None


FIRST = {"sheet.ipynb": "one", "notes.md": "notes", "late.txt": "late", "data/same.csv": "1\n"}
SECOND = FIRST | {
    "sheet.ipynb": "one, corrected",
    "notes.md": "notes, corrected",
    "late.txt": "late, corrected",
    "data/new/added.csv": "2\n",
}


@pytest.fixture
def corrected(course: Teaching) -> Teaching:
    """The first version is in the home, the second in the store."""
    course.sheet("week01", FIRST)
    course.push("week01")
    course.sheet("week01", SECOND)
    hold(course, "week01")
    write_as("anna", WEEK / "notes.md", "my notes")
    return course


def test_killed_at_any_step_and_done_again_it_is_whole_and_nothing_twice(
    corrected: Teaching,
) -> None:
    pristine = HOME / "pristine"
    shutil.copytree(WEEK, pristine)
    asked = job(corrected, "anna", "week01", has=1)
    steps, hidden = 0, 0
    with desk(corrected) as at:
        for number in range(1, 100):
            shutil.rmtree(WEEK)
            shutil.copytree(pristine, WEEK)
            own("anna", WEEK, *WEEK.rglob("*"))
            ended = in_the_account(corrected, asked, After(number, WEEK / "late.txt"))
            saved = any(text == b"saved at the last moment" for text in tree(WEEK).values())
            left = staging_of(HOME)
            look = at.submit(msgspec.structs.replace(asked, verb="look")).result()
            assert bool(look.sheets[0].why) == bool(left), "a look tells what lies there"
            hidden += saved and tree(WEEK)["late.txt"] == b"late, corrected"
            assert not at.submit(asked).result().error
            wanted = {**SECOND, "notes.md": "my notes", "notes.v2.md": SECOND["notes.md"]}
            if saved:
                wanted |= {
                    "late.txt": "saved at the last moment",
                    "late.v2.txt": SECOND["late.txt"],
                }
            assert tree(WEEK) == {path: text.encode() for path, text in wanted.items()}, number
            assert not staging_of(HOME)
            if ended == 0:
                break
            steps += 1
    assert steps > 12
    assert hidden, "one kill was between the exchange and the way back"


def test_a_withdrawal_killed_at_any_step_and_done_again_takes_copies_alone(
    corrected: Teaching,
) -> None:
    pristine = HOME / "pristine"
    shutil.copytree(WEEK, pristine)
    asked = job(corrected, "anna", "week01", verb="withdraw", version=1, has=1)
    steps = 0
    with desk(corrected) as at:
        for number in range(1, 100):
            shutil.rmtree(WEEK)
            shutil.copytree(pristine, WEEK)
            own("anna", WEEK, *WEEK.rglob("*"))
            ended = in_the_account(corrected, asked, After(number, WEEK / "late.txt"))
            saved = any(text == b"saved at the last moment" for text in tree(WEEK).values())
            assert not at.submit(asked).result().error
            wanted = {"notes.md": b"my notes"}
            if saved:
                wanted |= {"late.txt": b"saved at the last moment"}
            assert tree(WEEK) == wanted, number
            assert not staging_of(HOME)
            if ended == 0:
                break
            steps += 1
    assert steps > 8


def test_a_killed_run_that_has_all_in_place_but_a_save_in_its_hands_is_noticed(
    corrected: Teaching,
) -> None:
    """The copies are as they should be: only the folder that was left says there is more."""
    (WEEK / "notes.md").unlink()
    asked = job(corrected, "anna", "week01", has=1)
    way_back = False

    def killed(step: str, words: tuple[Any, ...]) -> None:
        nonlocal way_back
        if is_exchange(step, words, "sheet.ipynb"):
            if way_back:
                os.kill(os.getpid(), signal.SIGKILL)
            save(WEEK / "sheet.ipynb", "my answers")
            way_back = True

    for path in ("late.txt",):
        write_as("anna", WEEK / path, SECOND[path])
    assert in_the_account(corrected, asked, killed) == -signal.SIGKILL
    assert tree(WEEK)["sheet.ipynb"] == b"one, corrected"
    shutil.copytree(WEEK / "data", WEEK / "keep")
    own("anna", WEEK / "keep")
    (WEEK / "data/new").mkdir(exist_ok=True)
    write_as("anna", WEEK / "data/new/added.csv", "2\n")
    own("anna", WEEK / "data/new")
    ended = corrected.push("week01")
    assert ended["anna"].outcome is Outcome.DONE
    assert tree(WEEK)["sheet.ipynb"] == b"my answers"
    assert tree(WEEK)["sheet.v2.ipynb"] == b"one, corrected"
    assert not staging_of(HOME)


# --- what a student does in the very moment -----------------------------------------------------


def meanwhile(course: Teaching, *does: Callable[[Path], None]) -> dict[str, bytes]:
    """She does one thing before each exchange of ``sheet.ipynb``; what is there afterwards."""
    queue = list(does)

    def hook(step: str, words: tuple[Any, ...]) -> None:
        if is_exchange(step, words, "sheet.ipynb") and queue:
            queue.pop(0)(WEEK / "sheet.ipynb")

    assert in_the_account(course, job(course, "anna", "week01", has=1), hook) == 0
    assert not staging_of(HOME)
    found = tree(WEEK)
    return {path: text for path, text in found.items() if path.startswith("sheet")}


def test_a_save_in_the_very_moment_goes_back_to_its_place(corrected: Teaching) -> None:
    found = meanwhile(corrected, lambda path: save(path, "mine"))
    assert found == {"sheet.ipynb": b"mine", "sheet.v2.ipynb": b"one, corrected"}


def test_of_two_saves_the_newer_one_is_in_its_place(corrected: Teaching) -> None:
    found = meanwhile(corrected, lambda path: save(path, "1st"), lambda path: save(path, "2nd"))
    assert found == {"sheet.ipynb": b"2nd", "sheet.saved.ipynb": b"1st"}


def test_what_is_saved_aside_never_takes_a_name_that_is_taken(corrected: Teaching) -> None:
    write_as("anna", WEEK / "sheet.saved.ipynb", "of last week")
    found = meanwhile(corrected, lambda path: save(path, "1st"), lambda path: save(path, "2nd"))
    assert found == {
        "sheet.ipynb": b"2nd",
        "sheet.saved.ipynb": b"of last week",
        "sheet.saved2.ipynb": b"1st",
    }


def test_a_save_that_nobody_may_read_goes_back_all_the_same(corrected: Teaching) -> None:
    def closed(path: Path) -> None:
        save(path, "two")  # as long as what was delivered: it has to be read
        path.chmod(0)

    found = meanwhile(corrected, closed)
    assert found == {"sheet.ipynb": b"two", "sheet.v2.ipynb": b"one, corrected"}


@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
def test_what_takes_the_place_in_the_very_moment_stays(corrected: Teaching, kind: str) -> None:
    def put(path: Path) -> None:
        path.unlink()
        if kind == "link":
            path.symlink_to("/etc/hostname")
        elif kind == "pipe":
            os.mkfifo(path)
        else:
            path.mkdir()
            (path / "mine").write_text("mine")

    found = meanwhile(corrected, put)
    path = WEEK / "sheet.ipynb"
    assert {"link": path.is_symlink(), "folder": path.is_dir(), "pipe": path.is_fifo()}[kind]
    assert found.get("sheet.v2.ipynb") == b"one, corrected"


def test_what_is_deleted_in_the_very_moment_stays_deleted(corrected: Teaching) -> None:
    assert meanwhile(corrected, lambda path: path.unlink()) == {}


def test_what_a_program_has_open_for_writing_is_not_taken_from_it(corrected: Teaching) -> None:
    """A database, an array on the disk: opened before, written after, without a new name."""
    code = """
        import os, sys, time
        file = open(sys.argv[1], "r+")
        print("ready", flush=True)
        while not os.path.exists(sys.argv[2]):
            time.sleep(0.01)
        file.write("MINE")
        file.close()
        """
    writer = as_student("anna", code, str(WEEK / "sheet.ipynb"), str(GO))
    assert writer.stdout is not None
    assert writer.stdout.readline() == b"ready\n"
    answer = deliver_again(corrected)
    GO.touch()
    writer.communicate()
    assert (WEEK / "sheet.ipynb").read_text() == "MINE"
    assert (WEEK / "sheet.v2.ipynb").read_text() == "one, corrected"
    assert answer["beside"] == 2


def deliver_again(course: Teaching) -> dict[str, int]:
    with desk(course) as at:
        return at.submit(job(course, "anna", "week01", has=1)).result().sheets[0].counts


# --- saves, some hundreds of them ---------------------------------------------------------------

SAVER = """
    import os, random, sys
    top, rounds = sys.argv[1], int(sys.argv[2])
    names = sorted(os.listdir(top))
    print("ready", flush=True)
    # As soon as the delivery has its folder there: through all files, again and again.
    while not any(name.startswith(".hubtui-") for name in os.listdir(top)):
        pass
    last = {}
    for turn in range(rounds):
        for number, name in enumerate(names):
            text = f"{name} saved {turn}"
            path = f"{top}/{name}"
            if (number + turn) % 2:
                with open(path, "w") as file:
                    file.write(text)
            else:
                with open(f"{top}/~{name}", "w") as file:
                    file.write(text)
                os.replace(f"{top}/~{name}", path)
            last[name] = text
    print("done", *last.values(), sep="\\n", flush=True)
    """
PARTS = 64


def test_three_hundred_saves_while_it_is_corrected_and_each_last_word_is_there(
    course: Teaching,
) -> None:
    met = 0
    course.sheet("week01", {f"{number:02}.txt": f"text {number}" for number in range(PARTS)})
    hold(course, "week01")
    course.sheet("week01", {f"{number:02}.txt": f"corrected {number}" for number in range(PARTS)})
    hold(course, "week01")
    with desk(course) as at:
        for _ in range(6):
            shutil.rmtree(HOME / "exercises", ignore_errors=True)
            at.submit(job(course, "anna", "week01", version=1)).result()
            process = as_student("anna", SAVER, str(WEEK), "3")
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            answer = at.submit(job(course, "anna", "week01", has=1)).result()
            said = process.communicate(timeout=20)[0].decode().splitlines()
            assert said[0] == "done"
            there = {text.decode() for text in tree(WEEK).values()}
            assert set(said[1:]) <= there, set(said[1:]) - there
            for text in said[1:]:
                assert (WEEK / text.split()[0]).read_text() == text, "and in its place"
            met += sum("meanwhile" in why for _, _, why in answer.sheets[0].listed)
            assert not staging_of(HOME)
    assert met, "some saves came in the very moment"


CARELESS = """
    import os, sys
    top = sys.argv[1]
    for number in range(64):
        path = f"{top}/{number:02}.txt"
        if open(path).read() == f"text {number}":
            with open(f"{top}/.new", "w") as file:
                file.write(f"corrected {number}")
            os.replace(f"{top}/.new", path)
    """


def test_control_a_careful_look_before_a_plain_rename_loses_some(course: Teaching) -> None:
    course.sheet("week01", {f"{number:02}.txt": f"text {number}" for number in range(PARTS)})
    hold(course, "week01")
    end = time.monotonic() + 30
    lost = 0
    while not lost and time.monotonic() < end:
        shutil.rmtree(HOME / "exercises", ignore_errors=True)
        deliver(course, "week01", "anna")
        saver = as_student("anna", SAVER, str(WEEK), "1")
        assert saver.stdout is not None
        assert saver.stdout.readline() == b"ready\n"
        copier = as_student("anna", CARELESS, str(WEEK))
        (WEEK / ".hubtui-go").mkdir()
        said = saver.communicate(timeout=20)[0].decode().splitlines()
        copier.communicate()
        lost += len(set(said[1:]) - {text.decode() for text in tree(WEEK).values()})
    assert lost


# --- kills from outside -------------------------------------------------------------------------

STAGES = {
    "begun": "wait(); sys.exit(real())",
    "half way": """
with open(f"/proc/self/fd/{staging}/.sheet.ipynb.AbCdE1", "w") as file:
    file.write(open(f"/proc/self/fd/{source}/sheet.ipynb").read()[:20])
wait()
sys.exit(real())
""",
    "through": "code = real(); wait(); sys.exit(code)",
}
HERE, GO = Path("/home/anna/.here"), Path("/home/anna/.go")
WAIT = f"""
def wait():
    if os.getuid() == 20001 and not os.path.exists("{HERE}"):
        open("{HERE}", "w").close()
        while not os.path.exists("{GO}"):
            time.sleep(0.01)
"""
WHOLE = {"sheet.ipynb": "one " * 2000, "data/table.csv": "1,2\n" * 5000}


@contextlib.contextmanager
def stopping(stage: str) -> Iterator[None]:
    """rsync waits at this stage of Anna's first delivery."""
    for file in (HERE, GO):
        file.unlink(missing_ok=True)
    with another_rsync(WAIT + STAGES[stage]):
        yield


def is_whole(*homes: Path) -> None:
    for home in homes:
        found = tree(home / "exercises")
        assert found == {f"week01/{path}": text.encode() for path, text in WHOLE.items()}
        assert not staging_of(home)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("victim", ["parent", "child", "rsync"])
def test_killed_from_outside_and_done_again_it_is_whole(
    course: Teaching, victim: str, stage: str
) -> None:
    course.sheet("week01", WHOLE)
    hold(course, "week01")
    with stopping(stage), ThreadPoolExecutor() as pool:
        at = desk(course)
        anna = pool.submit(at.submit(job(course, "anna", "week01")).exception)
        until(HERE.exists)
        if victim == "parent":
            kill(at._process.pid)
            assert anna.result() is not None
        else:
            rsyncs = processes_of(20001, "files-from")
            children = [p for p in processes_of(20001, "hubtui.workers") if p not in rsyncs]
            assert len(rsyncs) == len(children) == 1
            kill((children if victim == "child" else rsyncs)[0])
            assert anna.result() is None
        until(lambda: not processes_of(20001))
        at.close()
        assert not set(tree(HOME / "exercises/week01")) & set(WHOLE) or victim == "rsync"
        assert {a.error for a in deliver(course, "week01", "anna", "bert").values()} == {""}
    is_whole(HOME, OTHER)


@pytest.mark.parametrize("stage", STAGES)
def test_a_run_that_is_killed_goes_on_where_it_was(course: Teaching, stage: str) -> None:
    course.sheet("week01", WHOLE)
    plan = course.plan("week01")
    with stopping(stage):
        process = runs.start(course.server.state, CONFIG, plan, course.server.clock())
        until(HERE.exists)
        until((OTHER / "exercises/week01/sheet.ipynb").exists)
        process.kill()
        process.wait()
        again = runs.resume(course.server.state, CONFIG, plan.id)
        assert again.wait(timeout=30) == 0, course.ends(plan)
        GO.touch()
        until(lambda: not processes_of(20001))
    is_whole(HOME, OTHER)
    found = course.given("anna", "week01")
    assert found is not None
    assert found.state == "delivered"


def test_a_ledger_that_was_begun_and_no_more_is_an_empty_one(course: Teaching) -> None:
    file = ledger.path(course.server.state)
    file.parent.mkdir(parents=True)
    file.touch()
    assert ledger.read(course.server.state) == {}
    course.sheet("week01", WHOLE)
    assert course.push("week01")["anna"].outcome is Outcome.DONE
    assert course.given("anna", "week01") is not None


# --- no space -----------------------------------------------------------------------------------


@contextlib.contextmanager
def small(home: Path, options: str) -> Iterator[None]:
    """The home is a disk of its own."""
    words = ["mount", "-t", "tmpfs", "-o", f"{options},mode=700,uid=20001,gid=20001", "tmpfs"]
    subprocess.run([*words, str(home)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(home)], check=True)


BIG = {f"{number}.bin": os.urandom(200_000) for number in range(6)}
FILLED = """
if os.getuid() == 20001 and not os.path.exists("/home/anna/fill"):
    with open("/home/anna/fill", "wb", buffering=0) as file:
        file.write(bytes(1_200_000))
sys.exit(real())
"""


def lacks(course: Teaching, server: Server, hours: float) -> dict[str, dict[str, int]]:
    at = course.server.clock() + timedelta(hours=hours)
    return late.wanting(server, survey(server), ledger.read(server.state), at)


@pytest.mark.parametrize(
    ("options", "filled"),
    [("size=1m", False), ("size=2m", True), ("size=4m,nr_inodes=2", False)],
    ids=["seen before", "in the middle", "no inodes"],
)
def test_a_full_disk_leaves_whole_files_and_is_made_up_for(
    course: Teaching, options: str, filled: bool
) -> None:
    course.sheet("week01", BIG)
    with small(HOME, options):
        plan = course.plan("week01")
        with another_rsync(FILLED) if filled else contextlib.nullcontext():
            course.carry_out(plan)
        ended = course.ends(plan)
        assert ended["bert"].outcome is Outcome.DONE
        assert ended["anna"].outcome is Outcome.FAILED
        assert "no space" in ended["anna"].text.lower()
        found = course.given("anna", "week01")
        assert found is not None
        assert found.state == "no_space"
        there = tree(HOME / "exercises")
        assert all(BIG[path.removeprefix("week01/")] == text for path, text in there.items())
        assert len(there) == (found.counts.get("new", 0))
        assert not staging_of(HOME)
        assert lacks(course, course.server, 0.5) == {}
        assert lacks(course, course.server, 2) == {"anna": {"week01": 1}}
        (HOME / "fill").unlink(missing_ok=True)
        subprocess.run(["mount", "-o", "remount,size=9m,nr_inodes=99", str(HOME)], check=True)
        assert course.push("week01")["anna"].outcome is Outcome.DONE
        assert tree(HOME / "exercises/week01") == BIG
        assert lacks(course, course.server, 2) == {}


def test_control_a_plain_copier_leaves_half_a_file_on_a_full_disk(course: Teaching) -> None:
    course.sheet("week01", BIG)
    with small(HOME, "size=1m"):
        with pytest.raises((OSError, shutil.Error)):
            shutil.copytree(SOURCE / "week01", HOME / "week01")
        assert any(BIG[path] != text for path, text in tree(HOME / "week01").items())


@pytest.fixture(autouse=True)
def _nothing_is_left_running() -> Iterator[None]:
    yield
    for pid in processes_of(20001):
        kill(pid)
