"""Somebody signs up under a name that is another's, and the admin says yes to everything."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from hubtui.server.run import run
from tests.course_on_disk import CONFIG, CourseOnDisk, hubtui, listing, make_course

CANARY = "the owner's own words"


@pytest.fixture
def course(machine: object) -> CourseOnDisk:
    """A course with people in it, each with something to lose."""
    made = make_course()
    run(["groupadd", "--gid", "20000", "--", "all_user"]).check()
    run(["groupadd", "--gid", "3000", "--", "physics"]).check()
    for name, uid, group in (("tutor", 1000, "users"), ("eva", 1005, "users")):
        run(["useradd", "--uid", str(uid), "--gid", group, "--create-home", "--", name]).check()
        Path("/home", name, "canary").write_text(CANARY)
    run(["useradd", "--uid", "1010", "--gid", "all_user", "--create-home", "--", "oldie"]).check()
    Path("/home/oldie/canary").write_text(CANARY)
    Path("/home/orphan").mkdir()
    Path("/home/orphan/canary").write_text(CANARY)
    Path("/home/linked").symlink_to("/home/eva")
    return made


NAMES = ["root", "daemon", "www-data", "tutor", "eva", "oldie", "physics", "all_user", "orphan",
         "linked", "-rf", "--help", "$(id)", "bob;x", "../eva", "a:b", "*", "müller", "1005",
         "jupyterhub", "anna\n", "[@click=app.quit]free", "x" * 300]  # fmt: skip


def state_of_the_machine() -> list[bytes]:
    files = ("passwd", "group", "shadow", "gshadow")
    tree = subprocess.run(["ls", "-lanR", "/home"], capture_output=True, check=True).stdout
    return [*(Path("/etc", name).read_bytes() for name in files), tree]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_is_somebody_elses_is_refused_and_nothing_runs(
    course: CourseOnDisk, name: str
) -> None:
    [row] = course.sign_up(name)
    before = state_of_the_machine()
    one = hubtui("signups", "approve", "--yes", f"#{row}")
    everybody = hubtui("signups", "approve", "--all", "--yes")
    assert one.returncode != 0
    assert everybody.stdout == "Nothing to do.\n"
    assert course.authorised() == set()
    assert state_of_the_machine() == before


def test_a_name_that_becomes_somebody_elses_after_it_was_shown_is_not_approved(
    course: CourseOnDisk,
) -> None:
    from hubtui import enrol
    from hubtui.plan import runs
    from hubtui.server import as_student
    from hubtui.signups import judge
    from hubtui.students import survey

    course.sign_up("anna")
    seen = survey(course.server)
    row = seen.sign_ups[0]
    plan = enrol.approve_plan(course.server, seen, [(row, judge(seen, row, as_student.look))])
    run(["useradd", "--uid", "1020", "--gid", "users", "--create-home", "--", "anna"]).check()
    Path("/home/anna/canary").write_text(CANARY)
    process = runs.start(course.server.state, CONFIG, plan, course.server.clock())
    assert process.wait(timeout=60) == 1
    assert course.authorised() == set()
    assert pwd.getpwnam("anna").pw_uid == 1020


def test_a_sign_up_replaced_by_a_stranger_after_it_was_shown_is_not_approved(
    course: CourseOnDisk,
) -> None:
    import sqlite3

    from hubtui import enrol
    from hubtui.plan import runs
    from hubtui.server import as_student
    from hubtui.signups import judge
    from hubtui.students import survey
    from tests.course_on_disk import DATABASE

    [row_id] = course.sign_up("anna")
    seen = survey(course.server)
    row = seen.sign_ups[0]
    plan = enrol.approve_plan(course.server, seen, [(row, judge(seen, row, as_student.look))])
    with sqlite3.connect(DATABASE) as connection:
        connection.execute("delete from users_info")
        connection.execute(
            "insert into users_info (id, username, password, is_authorized) values (?,?,?,0)",
            (row_id, "anna", b"the stranger's hash"),
        )
    connection.close()
    process = runs.start(course.server.state, CONFIG, plan, course.server.clock())
    assert process.wait(timeout=60) == 1
    assert course.authorised() == set()
    assert not Path("/home/anna").exists()


def test_a_hostile_home_is_looked_at_as_its_owner_alone(course: CourseOnDisk) -> None:
    """A prepared-looking home with a link to a secret: root never reads through it."""
    hubtui("accounts", "create", "anna", "--yes")
    secret = Path("/root/secret")
    secret.write_text(CANARY)
    account = pwd.getpwnam("anna")
    bashrc = Path("/home/anna/.bashrc")
    bashrc.unlink()
    bashrc.symlink_to(secret)
    os.chown(bashrc, account.pw_uid, account.pw_gid, follow_symlinks=False)
    course.sign_up("anna")
    [row] = listing("signups")
    assert row["verdict"] == "earlier"
    assert secret.stat().st_atime_ns <= secret.stat().st_mtime_ns
    assert bashrc.is_symlink()


def test_a_course_yaml_in_a_students_folder_runs_nothing_as_root(
    course: CourseOnDisk, tmp_path: Path
) -> None:
    trap = Path("/home/eva/course.yaml")
    trap.write_text(CONFIG.read_text().replace("Test course", "Trap"))
    shown = hubtui("signups", "list", "--json", cwd="/home/eva")
    assert '"Test course"' in shown.stdout
    refused = hubtui("--config", str(trap), "signups", "list")
    assert refused.returncode == 2
    assert "/home/eva" in refused.stderr
    CONFIG.unlink()
    gone = hubtui("signups", "list", cwd="/home/eva")
    assert gone.returncode == 2
    assert "hubtui init" in gone.stderr


def test_a_module_in_the_working_folder_is_not_imported_by_the_run(course: CourseOnDisk) -> None:
    """The run's process starts isolated: a students' folder must not choose what root imports."""
    course.sign_up("anna")
    for name in ("hubtui.py", "sh.py", "msgspec.py"):
        Path("/home/eva", name).write_text("open('/root/owned', 'w').write('x')")
    console = Path(sys.executable).with_name("hubtui")
    subprocess.run(
        [str(console), "signups", "approve", "anna", "--yes"], cwd="/home/eva", check=True
    )
    assert course.authorised() == {"anna"}
    assert not Path("/root/owned").exists()
