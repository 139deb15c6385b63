"""From a sign-up to an account, killed anywhere, and tried by people who want somebody else's.

Real useradd, real files; the hub's database is the real table without a hub (test_ground has one).
"""

from __future__ import annotations

import grp
import os
import pty
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hubtui import changes, enrol
from hubtui.plan import plans, runs
from hubtui.plan.plans import Plan
from hubtui.plan.steps import Chain, Step
from hubtui.server import Server, as_student
from hubtui.server.run import Result, run
from hubtui.signups import judge
from hubtui.students import survey
from tests.course_on_disk import CONFIG, ROSTER, CourseOnDisk, hubtui, listing, make_course


@pytest.fixture
def course(machine: object) -> CourseOnDisk:
    """A fresh machine with a fresh course on it."""
    made = make_course()
    subprocess.run(["groupadd", "--gid", "20000", "--", "all_user"], check=True)
    return made


def plan_for(server: Server, *names: str) -> Plan:
    seen = survey(server)
    rows = [s for s in seen.sign_ups if s.name in names]
    return enrol.approve_plan(server, seen, [(s, judge(seen, s, as_student.look)) for s in rows])


def whole(name: str) -> None:
    """The account is exactly as a plan promises it."""
    account = pwd.getpwnam(name)
    home = Path("/home") / name
    assert 20000 <= account.pw_uid <= 20999
    assert account.pw_gid == grp.getgrnam("all_user").gr_gid
    assert (home.stat().st_uid, home.stat().st_mode & 0o7777) == (account.pw_uid, 0o700)
    for skel in Path("/etc/skel").iterdir():
        copy = home / skel.name
        assert copy.read_bytes() == skel.read_bytes()
        assert copy.stat().st_uid == account.pw_uid
    assert (
        sum(line.startswith(f"{name}:") for line in Path("/etc/shadow").read_text().splitlines())
        == 1
    )
    assert ROSTER.read_text().split().count(name) == 1


# --- the main job --------------------------------------------------------------------------------


def test_approving_makes_the_account_and_authorises(course: CourseOnDisk) -> None:
    course.sign_up("anna", "bert")
    done = hubtui("signups", "approve", "anna", "bert", "--yes")
    assert done.returncode == 0, done.stderr
    whole("anna")
    whole("bert")
    assert course.authorised() == {"anna", "bert"}


def test_a_dry_run_changes_nothing(course: CourseOnDisk) -> None:
    course.sign_up("anna")
    shown = hubtui("signups", "approve", "anna", "--dry-run").stdout
    assert "useradd --uid 20000" in shown
    assert "-- anna" in shown
    assert not Path("/home/anna").exists()
    assert course.authorised() == set()


def test_without_a_terminal_and_without_yes_nothing_is_done(course: CourseOnDisk) -> None:
    course.sign_up("anna")
    done = hubtui("signups", "approve", "anna", stdin=subprocess.DEVNULL)
    assert done.returncode == 2
    assert "--yes" in done.stderr
    assert course.authorised() == set()


def test_a_prepared_account_is_taken_over_and_an_earlier_one_is_not(course: CourseOnDisk) -> None:
    assert hubtui("accounts", "create", "anna", "bert", "--yes").returncode == 0
    Path("/home/bert/work.ipynb").write_text("a year of work")
    course.sign_up("anna", "bert")
    assert {r["name"]: r["verdict"] for r in listing("signups")} == {
        "anna": "prepared",
        "bert": "earlier",
    }
    done = hubtui("signups", "approve", "anna", "--yes")
    assert done.returncode == 0, done.stderr
    refused = hubtui("signups", "approve", "bert", "--yes")
    assert refused.returncode == 2
    assert course.authorised() == {"anna"}
    plan = hubtui("signups", "approve", "--as-owner", "bert", "--dry-run").stdout
    uid = pwd.getpwnam("bert").pw_uid
    assert f"gets all files and rights of bert. bert had an account earlier (uid {uid}: " in plan
    assert "1 file, " in plan
    assert "newest" in plan
    assert hubtui("signups", "approve", "--as-owner", "bert", "--yes").returncode == 0
    assert course.authorised() == {"anna", "bert"}
    assert Path("/home/bert/work.ipynb").read_text() == "a year of work"


def test_discard_and_take_back_touch_one_row(course: CourseOnDisk) -> None:
    course.sign_up("anna", "bert", "$(id)")
    hubtui("signups", "approve", "anna", "--yes")
    assert hubtui("signups", "discard", "$(id)", "--yes").returncode == 0
    assert hubtui("signups", "take-back", "anna", "--yes").returncode == 0
    assert [r["name"] for r in listing("signups")] == ["anna", "bert"]
    assert course.authorised() == set()
    whole("anna")
    assert hubtui("signups", "approve", "anna", "--yes").returncode == 0
    whole("anna")


# --- killed anywhere -----------------------------------------------------------------------------

# check, uid, useradd, roster, authorise of anna, then of bert; the homes (3, 9) useradd has made.
STEPS = (0, 1, 2, 4, 5, 6, 7, 8, 10, 11)
POINTS = [(number, when) for number in STEPS for when in ("before", "after")]


@pytest.mark.parametrize(("number", "when"), POINTS)
def test_killed_at_a_step_the_next_run_finishes_it(
    course: CourseOnDisk, number: int, when: str
) -> None:
    course.sign_up("anna", "bert")
    plan = plan_for(course.server, "anna", "bert")
    killed_run(course.server, plan, number, when)
    assert [p.id for p in aged(course.server)] == [plan.id]
    done = hubtui("journal", "resume", plan.id)
    assert done.returncode == 0, done.stdout + done.stderr
    whole("anna")
    whole("bert")
    assert course.authorised() == {"anna", "bert"}
    assert (pwd.getpwnam("anna").pw_uid, pwd.getpwnam("bert").pw_uid) == (20000, 20001)
    assert aged(course.server) == []


def test_killed_and_given_up_the_sign_up_is_ready_again_with_its_uid(course: CourseOnDisk) -> None:
    course.sign_up("anna")
    plan = plan_for(course.server, "anna")
    killed_run(course.server, plan, 2, "after")  # the account is there, nothing else
    age(course.server, plan)
    assert hubtui("journal", "drop", plan.id).returncode == 0
    [row] = listing("signups")
    assert (row["verdict"], "begun" in row["why"]) == ("ready", True)
    assert hubtui("signups", "approve", "anna", "--yes").returncode == 0
    whole("anna")
    assert pwd.getpwnam("anna").pw_uid == 20000


@pytest.mark.parametrize("milliseconds", [0.5, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20])
def test_useradd_killed_in_its_middle_is_completed(
    course: CourseOnDisk, milliseconds: float
) -> None:
    course.sign_up("anna")
    plan = plan_for(course.server, "anna")
    plans.save(course.server.state, plan)

    def deadly(argv: list[str], **_: object) -> Result:
        process = subprocess.Popen(["/usr/sbin/" + argv[0], *argv[1:]])
        time.sleep(milliseconds / 1000)
        process.kill()
        process.wait()
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError

    in_a_child(course.server, plan, lambda server: swap(server, deadly))
    done = hubtui("journal", "resume", plan.id)
    if "lock" in done.stdout + done.stderr:  # useradd's own lock file, of a pid that is gone
        pytest.fail(done.stdout + done.stderr)
    assert done.returncode == 0, done.stdout + done.stderr
    whole("anna")


def killed_run(server: Server, plan: Plan, number: int, when: str) -> None:
    """A run that is killed -9 before or after it does its step ``number``."""
    count = iter(range(1000))

    def deadly(step: Step) -> Step:
        here, original = next(count), step.do

        def do() -> object:
            if here == number and when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            yield from original()
            if here == number:
                os.kill(os.getpid(), signal.SIGKILL)

        step.do = do  # type: ignore[method-assign, assignment]
        return step

    def patch(server: Server) -> Server:
        original = changes.chains

        def chains(server: Server, plan: Plan) -> list[Chain]:
            made = original(server, plan)
            for chain in made:
                for step in chain.steps:
                    deadly(step)
            return made

        changes.chains = chains
        return server

    in_a_child(server, plan, patch)


def in_a_child(server: Server, plan: Plan, patch: Callable[[Server], Server]) -> None:
    """Carry out the plan in a child that is meant to die."""
    from hubtui.state import write_document

    plans.save(server.state, plan)
    record = runs.RunRecord(id=plan.id, by=plan.by, at=plan.at)
    write_document(runs.record_path(server.state, plan.id), record)
    child = os.fork()
    if child == 0:
        try:
            changes.carry_out(patch(server), plan.id)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "the run was meant to be killed"
    age(server, plan)


def swap(server: Server, other: object) -> Server:
    import dataclasses

    return dataclasses.replace(server, run=other)  # type: ignore[arg-type]


def age(server: Server, plan: Plan) -> None:
    """As if the run had been started long ago."""
    os.utime(runs.record_path(server.state, plan.id), (1, 1))


def aged(server: Server) -> list[Plan]:
    return runs.unfinished(server.state)


# --- two at once, and a terminal that goes away --------------------------------------------------


def test_two_at_once_on_one_name_make_one_account(course: CourseOnDisk) -> None:
    course.sign_up("anna")
    made = [plan_for(course.server, "anna") for _ in range(3)]
    processes = [
        runs.start(course.server.state, CONFIG, plan, course.server.clock()) for plan in made
    ]
    codes = [process.wait(timeout=60) for process in processes]
    assert 0 in codes
    whole("anna")
    assert course.authorised() == {"anna"}


def test_who_comes_second_is_told_who_holds_the_lock(course: CourseOnDisk) -> None:
    from hubtui.plan.locks import lock

    course.sign_up("anna")
    with lock(course.server.state, "accounts", "Approve 40 sign-ups, by eva, pid 7"):
        done = hubtui("signups", "approve", "anna", "--yes")
    assert done.returncode == 1
    assert "Approve 40 sign-ups, by eva" in done.stderr
    assert course.authorised() == set()


def test_a_terminal_that_hangs_up_in_mid_approval_changes_nothing(course: CourseOnDisk) -> None:
    names = [f"student{n}a" for n in range(12)]
    course.sign_up(*names)
    pid, terminal = pty.fork()
    if pid == 0:
        words = [sys.executable, "-m", "hubtui", "signups", "approve", "--all", "--yes"]
        os.execv(sys.executable, words)
    until = time.monotonic() + 30
    while not Path("/home/student1a").exists() and time.monotonic() < until:
        time.sleep(0.005)
    os.close(terminal)  # the SSH session is gone: SIGHUP to everything in it
    os.waitpid(pid, 0)
    while len(course.authorised()) < len(names) and time.monotonic() < until:
        time.sleep(0.1)
    assert course.authorised() == set(names)
    for name in names:
        whole(name)


# --- forty who were here before ------------------------------------------------------------------


def test_forty_accounts_made_by_hand_are_listed_and_left_alone(course: CourseOnDisk) -> None:
    names = [f"old{n:02}" for n in range(40)]
    for number, name in enumerate(names):
        argv = ["useradd", "--uid", str(1001 + number), "--user-group", "--create-home"]
        run([*argv, "--key", "HOME_MODE=0755", "--", name]).check()
    ROSTER.write_text("\r\n".join([*names, "", "# staff", "admin", "nobody-here"]))
    before = [Path(p).read_bytes() for p in ("/etc/passwd", "/etc/group", "/etc/shadow", ROSTER)]
    rows = listing("accounts")
    assert [row["name"] for row in rows] == names
    assert all("home open to others (0755)" in row["drift"] for row in rows)
    course.sign_up("newcomer")
    assert hubtui("signups", "list").returncode == 0
    after = [Path(p).read_bytes() for p in ("/etc/passwd", "/etc/group", "/etc/shadow", ROSTER)]
    assert before == after
    assert {Path("/home", name).stat().st_mode & 0o7777 for name in names} == {0o755}
