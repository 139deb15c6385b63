"""What drifted is repaired: each drift for real, mended by its plan, gone at the second look."""

from __future__ import annotations

import os
import pwd
import subprocess
from pathlib import Path

import pytest

from hubtui import changes
from hubtui.drift.records import Choice, Code, Drift, Mends
from hubtui.errors import Refused
from hubtui.events import Outcome
from hubtui.plan import plans, runs
from hubtui.plan.plans import Plan
from hubtui.repair.plan import repair_plan
from hubtui.server import Server
from hubtui.state import write_document
from tests.course_on_disk import ROSTER, CourseOnDisk, hubtui, make_course
from tests.sandboxed import Machine


@pytest.fixture
def course(machine: Machine) -> CourseOnDisk:
    """Anna has all that she needs."""
    made = make_course()
    machine.add_group("all_user", 20000)
    assert hubtui("accounts", "create", "anna", "--yes").returncode == 0
    made.sign_up("anna", authorised=True)
    return made


def drift(code: Code, name: str, mends: Mends = Mends.SAFELY, *words: str) -> Drift:
    choices = tuple(Choice(word=word, means=word) for word in words)
    return Drift(code=code, name=name, text=f"{name}: {code}.", mends=mends, choices=choices)


def repaired(server: Server, *found: Drift, **choices: str) -> Outcome:
    plan = repair_plan(server, found, {each.key: choices.get(each.name, "") for each in found})
    return carried_out(server, plan)


def carried_out(server: Server, plan: Plan) -> Outcome:
    plans.save(server.state, plan)
    record = runs.RunRecord(id=plan.id, by=plan.by, at=plan.at)
    write_document(runs.record_path(server.state, plan.id), record)
    return changes.carry_out(server, plan.id)


def lines_of(name: str, file: str) -> int:
    text = Path("/etc", file).read_text()
    return sum(line.startswith(f"{name}:") for line in text.splitlines())


def test_an_open_home_is_closed(course: CourseOnDisk) -> None:
    Path("/home/anna").chmod(0o755)
    found = drift(Code.HOME_OPEN, "anna")
    assert repaired(course.server, found) is Outcome.DONE
    assert Path("/home/anna").stat().st_mode & 0o7777 == 0o700
    assert repaired(course.server, found) is Outcome.ALREADY


def test_a_missing_home_begins_anew(course: CourseOnDisk) -> None:
    subprocess.run(["rm", "-r", "/home/anna"], check=True)
    assert repaired(course.server, drift(Code.NO_HOME, "anna")) is Outcome.DONE
    found = Path("/home/anna").stat()
    assert (found.st_uid, found.st_mode & 0o7777) == (pwd.getpwnam("anna").pw_uid, 0o700)
    assert Path("/home/anna/.bashrc").exists()


def test_an_account_without_shadow_is_made_whole(course: CourseOnDisk) -> None:
    shadow = Path("/etc/shadow")
    kept = [line for line in shadow.read_text().splitlines() if not line.startswith("anna:")]
    shadow.write_text("\n".join(kept) + "\n")
    Path("/home/anna").chmod(0)
    os.chown("/home/anna", 0, 0)
    assert repaired(course.server, drift(Code.HALF_MADE, "anna")) is Outcome.DONE
    assert lines_of("anna", "shadow") == 1
    assert Path("/home/anna").stat().st_uid == pwd.getpwnam("anna").pw_uid


def test_an_authorised_sign_up_gets_its_account(course: CourseOnDisk) -> None:
    course.sign_up("bert", authorised=True)
    assert repaired(course.server, drift(Code.NO_ACCOUNT, "bert")) is Outcome.DONE
    assert pwd.getpwnam("bert").pw_uid == 20001
    assert Path("/home/bert").stat().st_uid == 20001
    assert "bert" in ROSTER.read_text().split()
    course.sign_up("www-data", authorised=True)
    with pytest.raises(Refused, match="reserved"):
        repair_plan(course.server, [drift(Code.NO_ACCOUNT, "www-data")])


def test_who_is_in_no_group_and_no_roster_is_put_there(
    course: CourseOnDisk, machine: Machine
) -> None:
    machine.adduser("bert", 2000, mode=0o700)
    with ROSTER.open("a") as file:
        file.write("bert\n")
    assert repaired(course.server, drift(Code.NOT_IN_GROUP, "bert")) is Outcome.DONE
    ROSTER.write_text("# of 2026\nadmin\n")
    assert repaired(course.server, drift(Code.NOT_IN_ROSTER, "bert")) is Outcome.DONE
    assert ROSTER.read_text() == "# of 2026\nadmin\nbert\n"


def test_lines_of_the_roster_go_and_all_others_stay_byte_for_byte(course: CourseOnDisk) -> None:
    ROSTER.write_bytes(b"# of 2026\r\nadmin\ngone # moved away\nanna\r\n\nanna\ngone\nanna-maria")
    outcome = repaired(
        course.server, drift(Code.ROSTER_ALONE, "gone"), drift(Code.ROSTER_TWICE, "anna")
    )
    assert outcome is Outcome.DONE
    assert ROSTER.read_bytes() == b"# of 2026\r\nadmin\nanna\r\n\nanna-maria"


def test_lines_and_a_group_that_an_account_left_go(course: CourseOnDisk, machine: Machine) -> None:
    machine.add_group("gone", 3000)
    for file, line in {
        "shadow": "gone:*:19000:0:99999:7:::",
        "gshadow": "gone2:!::",
        "subuid": "gone:100000:65536",
        "subgid": "gone:100000:65536",
    }.items():
        with Path("/etc", file).open("a") as text:
            text.write(line + "\n")
    before = Path("/etc/shadow").read_text()
    both = (drift(Code.ORPHAN_LINE, "gone"), drift(Code.ORPHAN_LINE, "gone2"))
    assert repaired(course.server, *both) is Outcome.DONE
    for file in ("shadow", "gshadow", "subuid", "subgid", "group"):
        assert not lines_of("gone", file) + lines_of("gone2", file), file
    assert Path("/etc/shadow").read_text() == before.replace("gone:*:19000:0:99999:7:::\n", "")
    assert Path("/etc/shadow").stat().st_mode & 0o7777 == 0o640


def test_a_lock_that_nobody_holds_goes_and_one_that_is_held_stays(course: CourseOnDisk) -> None:
    lock = Path("/etc/passwd.lock")
    lock.write_text("")
    assert hubtui("accounts", "create", "bert", "--yes").returncode == 1
    found = drift(Code.STALE_LOCK, "/etc/passwd.lock")
    plan = repair_plan(course.server, [found])
    lock.write_text(str(os.getpid()))
    assert carried_out(course.server, plan) is Outcome.CHANGED
    assert lock.exists()
    lock.write_text("999999999")
    assert repaired(course.server, found) is Outcome.DONE
    assert hubtui("accounts", "create", "bert", "--yes").returncode == 0
