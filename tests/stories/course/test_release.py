"""The weekly release, on real homes with real rsync: everybody has it, nobody loses a line."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hubtui import changes
from hubtui.events import Outcome
from hubtui.release import late
from hubtui.release.withdraw import withdraw_plan
from hubtui.server import processes
from hubtui.students import survey
from tests.course_on_disk import DATABASE, hubtui
from tests.release_on_disk import SOURCE, Teaching, teach, tree, write_as
from tests.sandboxed import Machine

ANNA, BERT = Path("/home/anna/exercises"), Path("/home/bert/exercises")


@pytest.fixture
def course(machine: Machine) -> Teaching:
    """Anna and Bert, and a first sheet."""
    made = teach(machine, "anna", "bert")
    made.sheet("week01", {"sheet.ipynb": "one", "data/table.csv": "1,2\n"})
    return made


def test_everybody_gets_the_sheet_as_the_students_own(course: Teaching) -> None:
    plan = course.plan("week01")
    assert course.preview(plan) == {"anna": {"new": 2}, "bert": {"new": 2}}
    assert course.carry_out(plan) is Outcome.DONE
    for folder, uid in ((ANNA, 20001), (BERT, 20002)):
        assert tree(folder) == {"week01/sheet.ipynb": b"one", "week01/data/table.csv": b"1,2\n"}
        for path in (folder, *folder.rglob("*")):
            assert (path.stat().st_uid, path.stat().st_mode & 0o700) == (
                uid,
                0o700 if path.is_dir() else 0o600,
            )
    assert Path("/home/anna").stat().st_mode & 0o7777 == 0o700
    found = course.given("anna", "week01")
    assert found is not None
    assert (found.version, found.counts) == (1, {"new": 2})
    again = course.push("week01")
    assert {e.outcome for e in again.values()} == {Outcome.ALREADY}
    assert course.given("anna", "week01") == found


def test_a_students_work_is_never_touched(course: Teaching) -> None:
    (ANNA / "week01").mkdir(parents=True)
    subprocess.run(["chown", "-R", "anna:", str(ANNA)], check=True)
    write_as("anna", ANNA / "week01/sheet.ipynb", "my own")
    ended = course.push("week01")
    assert tree(ANNA)["week01/sheet.ipynb"] == b"my own"
    assert ended["anna"].outcome is Outcome.DONE
    assert "1 kept as the student has it" in ended["anna"].text


# --- correcting: each row of the table -----------------------------------------------------------


@pytest.fixture
def corrected(course: Teaching) -> Teaching:
    """The first version is out; the tutor has corrected the sheet."""
    course.push("week01")
    course.sheet("week01", {"sheet.ipynb": "one, corrected"})
    return course


def test_a_copy_as_delivered_is_replaced(corrected: Teaching) -> None:
    plan = corrected.plan("week01")
    assert corrected.preview(plan)["anna"] == {"replace": 1, "same": 1}
    assert corrected.carry_out(plan) is Outcome.DONE
    assert tree(ANNA)["week01/sheet.ipynb"] == b"one, corrected"
    assert set(tree(ANNA)) == {"week01/sheet.ipynb", "week01/data/table.csv"}


def test_a_changed_copy_is_kept_and_the_new_one_lies_beside(corrected: Teaching) -> None:
    write_as("anna", ANNA / "week01/sheet.ipynb", "one, with my answers")
    corrected.push("week01")
    assert tree(ANNA)["week01/sheet.ipynb"] == b"one, with my answers"
    assert tree(ANNA)["week01/sheet.v2.ipynb"] == b"one, corrected"
    (ANNA / "week01/sheet.v2.ipynb").unlink()
    corrected.push("week01")
    assert "week01/sheet.v2.ipynb" not in tree(ANNA)


def test_what_the_student_deleted_stays_deleted_until_given_again(corrected: Teaching) -> None:
    (ANNA / "week01/sheet.ipynb").unlink()
    corrected.push("week01")
    assert "week01/sheet.ipynb" not in tree(ANNA)
    corrected.push("week01", to=["anna"], again=True)
    assert tree(ANNA)["week01/sheet.ipynb"] == b"one, corrected"


def test_a_link_or_folder_in_its_place_is_kept_and_said(corrected: Teaching) -> None:
    (ANNA / "week01/sheet.ipynb").unlink()
    (ANNA / "week01/sheet.ipynb").symlink_to("/etc/hostname")
    (BERT / "week01/sheet.ipynb").unlink()
    (BERT / "week01/sheet.ipynb").mkdir()
    ended = corrected.push("week01")
    assert ended["anna"].outcome is Outcome.FAILED
    assert "a link has its name" in ended["anna"].text
    assert "a folder has its name" in ended["bert"].text
    assert (ANNA / "week01/sheet.ipynb").is_symlink()


def test_what_the_tutor_removed_is_left(course: Teaching) -> None:
    course.push("week01")
    Path("/home/tutor/exercises/week01/data/table.csv").unlink()
    course.push("week01")
    assert "week01/data/table.csv" in tree(ANNA)


def test_a_file_added_to_a_released_sheet_is_a_plain_addition(course: Teaching) -> None:
    course.push("week01")
    write_as("anna", ANNA / "week01/sheet.ipynb", "mine")
    course.sheet("week01", {"hint.md": "think"})
    plan = course.plan("week01")
    assert course.preview(plan)["anna"] == {"new": 1, "kept": 1, "same": 1}
    course.carry_out(plan)
    assert tree(ANNA)["week01/hint.md"] == b"think"
    assert tree(ANNA)["week01/sheet.ipynb"] == b"mine"


# --- who comes late, and what is taken back ------------------------------------------------------


def test_who_joins_late_gets_everything_released_so_far(course: Teaching) -> None:
    course.push("week01")
    course.sheet("week02", {"two.ipynb": "two"})
    course.push("week02", to=["bert"])  # a trial is nobody else's
    with sqlite3.connect(DATABASE) as connection:
        connection.execute(
            "insert into users_info (username, password, is_authorized, has_2fa)"
            " values ('carla', x'00', 0, 0)"
        )
    connection.close()
    done = hubtui("signups", "approve", "carla", "--yes")
    assert done.returncode == 0, done.stderr
    assert tree(Path("/home/carla/exercises")) == {
        "week01/sheet.ipynb": b"one",
        "week01/data/table.csv": b"1,2\n",
    }
    assert course.given("carla", "week01") is not None


def test_a_disk_that_is_too_small_is_said_before(
    course: Teaching, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = os.statvfs_result((4096, 4096, 9, 1, 1, 9, 9, 9, 0, 255))
    real = os.statvfs
    monkeypatch.setattr(os, "statvfs", lambda p: full if p == Path("/home") else real(p))
    unknown = "admin is in the roster, and there is no such account."
    assert changes.preview(course.server, course.plan("week01"))[0].notes == (unknown,)
    course.sheet("week01", {"film.bin": bytes(9000)})
    notes = changes.preview(course.server, course.plan("week01"))[0].notes
    assert "all together need 18 kB, and /home has 4 kB left" in notes[0]


def test_withdrawing_takes_copies_and_leaves_work(course: Teaching) -> None:
    course.push("week01")
    write_as("anna", ANNA / "week01/sheet.ipynb", "my answers")
    plan = withdraw_plan(course.server, survey(course.server), "week01")
    assert course.preview(plan) == {"anna": {"kept": 1, "remove": 1}, "bert": {"remove": 2}}
    assert course.carry_out(plan) is Outcome.DONE
    assert tree(ANNA) == {"week01/sheet.ipynb": b"my answers"}
    assert not (BERT / "week01").exists()
    assert course.given("bert", "week01") is None
    assert late.released(course.server) == {}
    course.push("week01")
    assert tree(BERT)["week01/sheet.ipynb"] == b"one"
    assert tree(ANNA)["week01/sheet.ipynb"] == b"my answers"


def test_withdrawing_takes_what_was_put_beside_and_what_the_tutor_removed(
    corrected: Teaching,
) -> None:
    write_as("anna", ANNA / "week01/sheet.ipynb", "my answers")
    (SOURCE / "week01/data/table.csv").unlink()
    corrected.push("week01")
    write_as("bert", BERT / "week01/sheet.v2.ipynb", "bert's own of that name")
    assert tree(ANNA)["week01/sheet.v2.ipynb"] == b"one, corrected"
    plan = withdraw_plan(corrected.server, survey(corrected.server), "week01")
    wanted = {"anna": {"kept": 1, "remove": 2}, "bert": {"kept": 1, "remove": 2}}
    assert corrected.preview(plan) == wanted
    corrected.carry_out(plan)
    assert tree(ANNA) == {"week01/sheet.ipynb": b"my answers"}
    assert tree(BERT) == {"week01/sheet.v2.ipynb": b"bert's own of that name"}


def test_nothing_is_withdrawn_from_under_a_running_server_but_later_it_can_be(
    course: Teaching,
) -> None:
    course.push("week01")
    with a_server_of("bert", 20002):
        ended = course.withdraw("week01")
    assert "server runs, withdraw it once more" in ended["bert"].text
    assert len(tree(BERT)) == 2
    assert tree(ANNA) == {}
    assert set(course.withdraw("week01")) == {"sheet week01", "bert"}
    assert tree(BERT) == {}


@contextlib.contextmanager
def a_server_of(name: str, uid: int) -> Iterator[None]:
    """Something that looks as the student's server does in /proc."""
    program = "exec -a jupyterhub-singleuser sleep 60"
    server = subprocess.Popen(["bash", "-c", program], user=name, group=20000)
    try:
        wait_until(lambda: uid in processes.serving())
        yield
    finally:
        server.kill()
        server.wait()


def test_an_open_notebook_is_not_replaced_but_gets_the_new_one_beside(
    corrected: Teaching,
) -> None:
    with a_server_of("anna", 20001):
        corrected.push("week01")
    assert tree(ANNA)["week01/sheet.ipynb"] == b"one"
    assert tree(ANNA)["week01/sheet.v2.ipynb"] == b"one, corrected"
    assert tree(BERT)["week01/sheet.ipynb"] == b"one, corrected"


def wait_until(what: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)
