"""Repairs as root, while the one whose home it is tries to have root do something else."""

from __future__ import annotations

import dataclasses
import os
import pwd
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest

from hubtui.drift.records import Code
from hubtui.errors import ChangedSinceShown, Refused
from hubtui.plan.plans import Plan
from hubtui.plan.steps import Chain, Step
from hubtui.repair.plan import Repair, repair_chain
from hubtui.server import Server, ledger
from hubtui.server.ledger import Given
from tests.course_on_disk import CourseOnDisk, make_course
from tests.drifts import Ground
from tests.repairs import drift, plan_for
from tests.sandboxed import Machine

GONE = 20900
SECRET = Path("/root/secret")


@pytest.fixture
def course(machine: Machine) -> CourseOnDisk:
    """Anna, who attacks; and a file of root's that she wants."""
    made = make_course()
    machine.add_group("all_user", 20000)
    ground = Ground(made.server)
    for name in ("anna", "bert"):
        uid = ground.student(name).stat().st_uid
        ledger.give(made.server.state, Given(uid=uid, name=name, made="2026-10-01T08:00:00Z"))
    SECRET.write_text("root's alone")
    SECRET.chmod(0o600)
    return made


def opened(server: Server, code: Code, name: str, word: str = "") -> Chain:
    """The chain of a plan that was shown a moment ago."""
    return chain_of(server, plan_for(server, drift(code, name, word)))


def chain_of(server: Server, plan: Plan) -> Chain:
    [subject] = plan.subjects_as(Repair)
    return repair_chain(server, subject)


def carried_out(step: Step) -> None:
    for _ in step.do():
        pass
    step.verify()


def of(kind: str, chain: Chain) -> Step:
    return next(step for step in chain.steps if step.kind == kind)


def is_untouched() -> bool:
    found = SECRET.stat()
    return (found.st_uid, found.st_gid, found.st_mode & 0o7777) == (0, 0, 0o600)


def swap(name: str, target: str) -> None:
    """What stood at the home's path is away, and a link is there."""
    Path("/home", name).rename(f"/home/{name}.away")
    Path("/home", name).symlink_to(target)


@pytest.mark.parametrize("target", ["/root", "/home/bert"])
def test_a_home_that_became_a_link_is_never_closed_through_it(
    course: CourseOnDisk, target: str
) -> None:
    Path("/home/anna").chmod(0o755)
    before = Path(target).stat().st_mode
    chain = opened(course.server, Code.HOME_OPEN, "anna")
    swap("anna", target)
    for step in (of("check", chain), of("close", chain)):
        if step.kind == "close":
            with pytest.raises(ChangedSinceShown, match="another one now"):
                carried_out(step)
    assert Path(target).stat().st_mode == before


def test_a_home_that_became_bert_s_folder_is_not_closed_as_anna_s(course: CourseOnDisk) -> None:
    Path("/home/anna").chmod(0o755)
    chain = opened(course.server, Code.HOME_OPEN, "anna")
    Path("/home/anna").rename("/home/anna.away")
    Path("/home/bert").rename("/home/anna")
    Path("/home/anna").chmod(0o750)
    with pytest.raises(ChangedSinceShown, match="another one now"):
        carried_out(of("close", chain))
    assert Path("/home/anna").stat().st_mode & 0o777 == 0o750


def test_a_missing_home_that_became_a_link_is_not_filled(course: CourseOnDisk) -> None:
    shutil.rmtree("/home/anna")
    chain = opened(course.server, Code.NO_HOME, "anna")
    Path("/home/anna").symlink_to("/root")
    with pytest.raises(Refused, match="is not a folder"):
        carried_out(of("home", chain))
    assert Path("/root").stat().st_uid == 0


# --- a home that changes hands -------------------------------------------------------------------


def owned_by_nobody(name: str = "anna") -> Path:
    """Its account was made anew with another uid; all in it has the old one."""
    home = Path("/home", name)
    work = home / "work"
    (work / "deep").mkdir(parents=True)
    (work / "deep" / "thesis.txt").write_text("a year of work")
    (home / "to-root").symlink_to(SECRET)
    subprocess.run(["chown", "-hR", f"{GONE}:{GONE}", str(home)], check=True)
    return home


def test_all_of_the_old_uid_and_nothing_else_changes_hands(course: CourseOnDisk) -> None:
    home = owned_by_nobody()
    (home / "root-made-this").write_text("by root")
    tool = home / "tool"
    tool.write_text("#!/bin/sh\n")
    os.chown(tool, GONE, GONE)
    tool.chmod(0o4755)
    chain = opened(course.server, Code.HOME_OWNER, "anna", "chown")
    for step in chain.steps:
        carried_out(step)
    uid = pwd.getpwnam("anna").pw_uid
    assert (home.stat().st_uid, home.stat().st_mode & 0o7777) == (uid, 0o700)
    assert (home / "work/deep/thesis.txt").stat().st_uid == uid
    assert (home / "to-root").lstat().st_uid == uid
    assert (home / "root-made-this").stat().st_uid == 0
    assert tool.stat().st_mode & 0o6000 == 0, "nobody becomes anna by it"
    assert is_untouched()
    assert all(step.done() for step in chain.steps if step.lasting)


@pytest.mark.parametrize("reached", [1, 2, 3, 4])
def test_killed_after_any_step_all_changes_hands_at_the_next_run(
    course: CourseOnDisk, reached: int
) -> None:
    home = owned_by_nobody()
    plan = plan_for(course.server, drift(Code.HOME_OWNER, "anna", "chown"))
    for step in chain_of(course.server, plan).steps[:reached]:
        carried_out(step)
    for step in chain_of(course.server, plan).steps:
        if not step.done():
            carried_out(step)
    uid = pwd.getpwnam("anna").pw_uid
    assert (home.stat().st_uid, home.stat().st_mode & 0o7777) == (uid, 0o700)
    assert (home / "work/deep/thesis.txt").stat().st_uid == uid


@pytest.mark.parametrize("homes", ["/home", "/srv/homes"])
def test_while_somebody_is_in_it_nothing_changes_hands(course: CourseOnDisk, homes: str) -> None:
    Path("/srv/homes").symlink_to("/home")
    subprocess.run(["usermod", "--home", f"{homes}/anna", "anna"], check=True)
    rules = msgspec.structs.replace(course.server.course.accounts, homes=Path(homes))
    changed = msgspec.structs.replace(course.server.course, accounts=rules)
    server = dataclasses.replace(course.server, course=changed)
    home = owned_by_nobody()
    home.chmod(0o777)
    chain = opened(server, Code.HOME_OWNER, "anna", "chown")
    uid = pwd.getpwnam("bert").pw_uid
    inside = subprocess.Popen(["sleep", "600"], cwd=home / "work", user=uid, group=uid)
    try:
        with pytest.raises(ChangedSinceShown, match=f"are at work in {homes}/anna"):
            carried_out(of("take", chain))
        assert (home.stat().st_uid, home.stat().st_mode & 0o7777) == (GONE, 0o777)
    finally:
        inside.kill()
        inside.wait()
        Path("/srv/homes").unlink()


def test_the_files_change_hands_in_a_folder_of_root_s_alone(course: CourseOnDisk) -> None:
    home = owned_by_nobody()
    chain = opened(course.server, Code.HOME_OWNER, "anna", "chown")
    with pytest.raises(ChangedSinceShown, match="not root's alone"):
        carried_out(of("chown", chain))
    carried_out(of("take", chain))
    assert (home.stat().st_uid, home.stat().st_mode & 0o7777) == (0, 0o700)
    home.rename("/home/anna.away")
    home.symlink_to("/root")
    with pytest.raises(ChangedSinceShown, match="not root's alone"):
        carried_out(of("chown", chain))
    assert is_untouched()


def test_of_a_home_of_root_s_a_file_with_a_second_name_stays_root_s(course: CourseOnDisk) -> None:
    home = Path("/home/anna")
    shutil.rmtree(home)
    home.mkdir(mode=0o755)
    (home / "own.txt").write_text("words")
    Path("/home/secret").write_text("root's alone")
    os.link("/home/secret", home / "planted")
    chain = opened(course.server, Code.HOME_OWNER, "anna", "chown")
    for step in chain.steps:
        carried_out(step)
    uid = pwd.getpwnam("anna").pw_uid
    assert (home.stat().st_uid, (home / "own.txt").stat().st_uid) == (uid, uid)
    assert Path("/home/secret").stat().st_uid == 0


def test_where_students_can_exchange_homes_nothing_changes_hands(course: CourseOnDisk) -> None:
    home = owned_by_nobody()
    chain = opened(course.server, Code.HOME_OWNER, "anna", "chown")
    Path("/home").chmod(0o777)
    try:
        with pytest.raises(ChangedSinceShown, match="/home is not root's alone"):
            carried_out(of("check", chain))
    finally:
        Path("/home").chmod(0o755)
    assert home.stat().st_uid == GONE


def test_the_home_of_another_student_is_not_given_away(course: CourseOnDisk) -> None:
    os.chown("/home/anna", pwd.getpwnam("bert").pw_uid, -1)
    with pytest.raises(Refused, match="belongs to bert"):
        plan_for(course.server, drift(Code.HOME_OWNER, "anna", "chown"))
    os.chown("/home/anna", GONE, -1)
    plan = plan_for(course.server, drift(Code.HOME_OWNER, "anna", "chown"))
    os.chown("/home/anna", pwd.getpwnam("bert").pw_uid, -1)
    for step in chain_of(course.server, plan).steps[1:2]:
        with pytest.raises(ChangedSinceShown, match="another one now"):
            carried_out(step)


# --- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../../root", "a/../../root", "..", "root\n", "-rf", "$(id)"])
def test_no_name_of_a_sign_up_leads_anywhere(course: CourseOnDisk, name: str) -> None:
    course.sign_up(name, authorised=True)
    with pytest.raises(Refused):
        plan_for(course.server, drift(Code.NO_ACCOUNT, name))


def test_a_home_of_a_staff_member_s_or_system_s_uid_is_nobody_s_to_adopt(
    course: CourseOnDisk,
) -> None:
    for name, uid in (("carl", 0), ("dora", 33), ("emil", pwd.getpwnam("bert").pw_uid)):
        home = Path("/home", name)
        home.mkdir()
        os.chown(home, uid, -1)
        with pytest.raises(Refused, match="which is no gone student's"):
            plan_for(course.server, drift(Code.HOME_ALONE, name, "adopt"))


def test_an_adopted_home_is_of_who_had_its_uid_and_of_nobody_else(course: CourseOnDisk) -> None:
    uid = pwd.getpwnam("bert").pw_uid
    subprocess.run(["userdel", "bert"], check=True)
    Path("/home/bert").rename("/home/carl")
    with pytest.raises(Refused, match="was somebody else's"):
        plan_for(course.server, drift(Code.HOME_ALONE, "carl", "adopt"))
    Path("/home/carl").rename("/home/bert")
    plan = plan_for(course.server, drift(Code.HOME_ALONE, "bert", "adopt"))
    for step in chain_of(course.server, plan).steps:
        carried_out(step)
    assert pwd.getpwnam("bert").pw_uid == uid
