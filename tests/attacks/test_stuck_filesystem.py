"""A filesystem of somebody's own that never answers (FUSE): whoever waits in it cannot be killed.

A student, or a tutor, can have one in a folder of theirs. hubtui waits for none.
"""

from __future__ import annotations

import contextlib
import pwd
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.hostile_home import deliver, hold, stuck, takes_a_request, until
from tests.release_on_disk import SOURCE, Teaching, teach
from tests.sandboxed import Machine

HEAD = "import sys; from hubtui.release import source; source.LOOKING = 2.0\n"
LISTING = HEAD + "from hubtui.cli.main import main; sys.exit(main(['release', 'list']))"
INSIDE = """
from hubtui.server import accounts, as_student
try:
    print(as_student.look(accounts.read_accounts().by_name["anna"], timeout=2.0))
except Exception as e:
    print(type(e).__name__, e)
"""


@pytest.fixture
def course(machine: Machine) -> Teaching:
    made = teach(machine, "anna", "bert", "carl")
    made.sheet("week01", {"sheet.ipynb": "one"})
    return made


@pytest.mark.parametrize(
    ("folder", "owner", "code", "said"),
    [
        (SOURCE / "week01/zz", "tutor", LISTING, "took longer than 2 s"),
        (Path("/home/anna/zz"), "anna", INSIDE, "CommandFailed Looking into /home/anna as anna"),
    ],
    ids=["a tutor's", "a student's"],
)
def test_nobody_waits_for_a_folder_that_never_answers(
    course: Teaching, folder: Path, owner: str, code: str, said: str
) -> None:
    with stuck(folder, owner) as kernel:
        program = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        takes_a_request(kernel)
        began = time.monotonic()
        out, _ = program.communicate(timeout=30)
        assert time.monotonic() - began < 15
        assert said in out.decode()
        uid = pwd.getpwnam(owner).pw_uid
        left = [p for p in Path("/proc").glob("[0-9]*/status") if is_waiting(p, uid)]
        assert left, "nobody waited in it: no test"
    until(lambda: not any(p.exists() and is_waiting(p, uid) for p in left))


def test_a_delivery_goes_on_to_the_others(course: Teaching) -> None:
    hold(course, "week01")
    with stuck(Path("/home/anna/exercises"), "anna") as kernel, ThreadPoolExecutor() as pool:
        answering = pool.submit(deliver, course, "week01", "anna", "bert", "carl", limit=1)
        takes_a_request(kernel)
        answers = answering.result(timeout=10)
        waiting = [p for p in Path("/proc").glob("[0-9]*/status") if is_waiting(p, 20001)]
        assert waiting, "the control: it was killed, and is there"
    assert answers["anna"].error == "took longer than 1 s: ended"
    assert {answers[name].sheets[0].counts["new"] for name in ("bert", "carl")} == {1}


def is_waiting(status: Path, uid: int) -> bool:
    """Whether it is a process of that person which no signal reaches."""
    with contextlib.suppress(OSError):
        text = status.read_text()
        return f"Uid:\t{uid}\t" in text and "State:\tD" in text
    return False


def test_status_ends_where_homes_are_on_a_filesystem_that_never_answers(course: Teaching) -> None:
    """As of sshfs, or of a student where fuse.conf lets others in: nobody can kill who waits."""
    del course
    Path("/home/anna").rename("/home/anna.aside")
    with stuck(Path("/home/anna"), "anna", "allow_other") as kernel:
        argv = [sys.executable, "-m", "hubtui", "status"]
        began = time.monotonic()
        program = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        takes_a_request(kernel)
        out, _ = program.communicate(timeout=30)
        assert time.monotonic() - began < 10
        assert "students     no answer for" in out.decode()
