"""Each disagreement is found by its name once it is really there, and nothing else is."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hubtui import course, drift, leaving
from hubtui.clock import stamp
from hubtui.drift.records import Code, Drift, Mends
from hubtui.findings import Severity
from hubtui.server import server_of
from hubtui.students import survey
from tests import drifts
from tests.course_on_disk import CONFIG, DATABASE, ROSTER, hubtui, make_course
from tests.drifts import PLANTERS, Ground, Planter
from tests.glances import look, need_somebody
from tests.sandboxed import Machine

SAID = {
    "authorised_without_an_account": "dora may log in and has no account: the server cannot start.",
    "known_to_the_hub_alone": "The hub knows dora, who has no sign-up: nobody can log in by that "
    "name, but an open session goes on.",
    "known_to_a_hub_that_lets_them_in": "The hub knows dora, who has no sign-up, and lets in whom "
    "it knows: whoever signs up as dora is let in at once.",
    "signed_up_twice": "2 sign-ups are named dora, and only one of them can log in: "
    "whose it is, only the students can say.",
    "authorised_as_an_account_of_somebody_else": "Whoever signed up as dora may log in and is then "
    "dora (uid 20001, /srv/dora), which is no account of this course.",
    "authorised_as_an_account_of_the_system": "Whoever signed up as daemon may log in and is then "
    "daemon (uid 1, /usr/sbin), which is an account of the system.",
    "still_at_work_though_taken_back": "dora may not log in, but the server still runs: "
    "who is logged in works on until it is stopped.",
    "without_a_line_in_shadow": "The account dora was not finished: it has no line in /etc/shadow, "
    "and no tool for accounts can change it.",
    "with_a_home_that_useradd_never_finished": "The home /home/dora of dora was not finished "
    "(root's, mode 0000): the server cannot start.",
    "in_the_roster_and_not_in_the_group": "dora is in the roster and not in the group all_user: "
    "what is open to that group alone stays closed.",
    "in_sudo": "dora is in the group sudo and could become root, with the files of everybody: "
    "is this a student?",
    "of_the_same_uid_as_another": "dora has the same uid 20001 as dora-too: "
    "each can change all that the other has, until one gets a uid of its own.",
    "beside_the_same_name_in_capitals": "Dora and dora are two accounts, and one name for the hub: "
    "whoever logs in as either works as dora; remove the other, once it is empty.",
    "locked_and_authorised": "dora is locked on this server and may log in to the hub all the "
    "same: the hub does not look at that.",
    "expired_and_authorised": "dora is expired on this server and may log in to the hub all the "
    "same: the hub does not look at that.",
    "without_a_home": "The home /home/dora of dora is missing: the server cannot start.",
    "with_a_link_as_home": "The home /home/dora of dora is a link: hubtui touches nothing there "
    "until you have looked whose it is and moved it away.",
    "with_a_file_as_home": "The home /home/dora of dora is no folder: hubtui touches nothing there "
    "until you have looked whose it is and moved it away.",
    "with_a_home_of_somebody_else": "The home /home/dora of dora belongs to uid 20990, not to "
    "20001: the server cannot start.",
    "with_a_home_that_is_open_to_others": "The home /home/dora is open to others (mode 0755): "
    "classmates can read what dora writes.",
    "a_home_without_an_account": "The folder /home/dora is no account's home and belongs to uid "
    "20001, which nobody has: it holds somebody's data, and keeps that name from being approved.",
    "in_the_group_and_not_in_the_roster": f"dora is not in the roster {ROSTER}: "
    "scripts that read it leave this student out.",
    "in_the_roster_and_nowhere_else": f"dora stands in the roster {ROSTER} and has no account: "
    "still to come, gone, or misspelt?",
    "in_the_roster_twice": f"dora stands 2 times in the roster {ROSTER}: "
    "scripts that read it count or serve this student as often.",
    "in_shadow_and_not_in_passwd": "dora still stands in /etc/shadow and is no account: "
    "whoever gets that name next inherits it, or cannot get it.",
    "with_uids_of_its_own_and_no_account": "dora still stands in /etc/subuid, /etc/subgid and is "
    "no account: whoever gets that name next inherits it, or cannot get it.",
    "with_a_group_that_was_left": "dora still stands in /etc/group and is no account: "
    "whoever gets that name next inherits it, or cannot get it.",
    "a_lock_that_nobody_holds": "/etc/passwd.lock is held by nobody and has no number in it: "
    "no account can be made or changed until it is gone.",
    "files_in_tmp_of_nobody": "The uid 20991 has no account any more and left 1 file (/tmp/dora): "
    "whoever gets this uid next inherits that.",
    "a_crontab_of_nobody": "The uid 20992 has no account any more and left 1 file "
    "(/var/spool/cron/crontabs/dora): whoever gets this uid next inherits that.",
    "an_at_job_of_nobody": "The uid 20993 has no account any more and left 1 file "
    "(/var/spool/cron/atjobs/a0000101c2f7a4): whoever gets this uid next inherits that.",
    "a_process_of_nobody": "The uid 20994 has no account any more and left processes that run: "
    "whoever gets this uid next inherits that.",
}
ALARMS = {
    Code.HUB_USER_LETS_IN,
    Code.FOREIGN_SIGN_UP,
    Code.POWERFUL,
    Code.SHARED_UID,
    Code.STALE_LOCK,
}
QUICK = set(Code) - {Code.HUB_USER_LETS_IN, Code.NOT_AUTHORISED, Code.LEFT_OF_UID}
"""What a survey alone shows; of servers the hub's own table does."""


@pytest.fixture
def ground(machine: Machine) -> Iterator[Ground]:
    """A course without a hub that runs; what is planted on it is gone afterwards."""
    made = make_course()
    machine.add_group("all_user", 20000)
    ROSTER.write_text("")
    found = Ground(made.server)
    yield found
    found.end()


def found(ground: Ground) -> tuple[Drift, ...]:
    return drift.whole(ground.server, survey(ground.server))


# --- the table ----------------------------------------------------------------------------------


@pytest.mark.parametrize("planter", PLANTERS, ids=lambda each: each.called)
def test_each_is_found_by_its_name_and_told_in_one_sentence(
    ground: Ground, planter: Planter
) -> None:
    name = planter(ground, "dora")
    [one] = found(ground)
    assert (one.code, one.name, one.text) == (planter.code, name, SAID[planter.called])
    assert (one.severity is Severity.CRITICAL) == (one.code in ALARMS)
    assert (one.mends is Mends.CHOICE) == bool(one.choices)
    if one.mends is Mends.BY_HAND:
        assert subprocess.run(["sh", "-c", one.do], capture_output=True, check=False).stdout
    else:
        assert one.do == f"sudo hubtui accounts repair {name}"
    if planter.code in QUICK:
        assert drift.quick(survey(ground.server)) == (one,)


def test_every_row_of_the_table_can_be_planted() -> None:
    assert {planter.code for planter in PLANTERS} == set(Code)
    assert {planter.called for planter in PLANTERS} == set(SAID)


def test_what_is_normal_is_no_drift(ground: Ground, machine: Machine) -> None:
    CONFIG.write_text(f"{CONFIG.read_text()}exam:\n  probe: probe\n")
    ground.server = server_of(course.load(CONFIG))
    ground.student("anna")
    machine.adduser("by-hand", 1001, 0o700, "all_user")
    ground.sign_up("by-hand", authorised=True)
    ground.hub_user("by-hand")
    ground.student("ahead")
    ground.sql("delete from users_info where username = 'ahead'")
    ground.student("waits", authorised=False)
    machine.adduser("tutor", 1000, 0o755)
    ground.sign_up("tutor", authorised=True)
    ground.student("probe")
    ground.sql("delete from users_info where username = 'probe'")
    ground.hub_user("probe")
    ground.sign_up("admin", authorised=True)
    ground.sql("insert into users (name, admin) values ('admin', 1)")
    ROSTER.write_text(f"{ROSTER.read_text()}by-hand\nadmin\ntutor\n")
    Path("/home/shared").mkdir()
    Path("/home/.snapshots").mkdir()
    drifts.run("groupadd", "--gid", "3000", "--", "next-year")
    files = Path("/tmp", "of-a-container")
    files.touch()
    os.chown(files, 5000, -1)  # nobody's of this course, and never was
    ground.made.append(files)
    assert found(ground) == ()
    done = hubtui("accounts", "check")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "✓ 5 course accounts, 5 sign-ups: nothing disagrees.\n"


# --- how it is told -----------------------------------------------------------------------------


def test_the_check_says_each_with_what_mends_it(ground: Ground) -> None:
    drifts.in_sudo(ground, "anna")
    drifts.with_a_home_that_is_open_to_others(ground, "bert")
    drifts.signed_up_twice(ground, "carl")
    drifts.without_a_home(ground, "emil")
    done = hubtui("accounts", "check")
    lines = done.stdout.splitlines()
    assert done.returncode == 1
    assert lines[0].startswith("✗ anna is in the group sudo")
    assert lines[1] == "    → sudo hubtui accounts repair anna"
    assert "      leave: anna leaves the group sudo; if that is you, name yourself in" in lines[2]
    assert any(line.startswith("! The home /home/bert is open to others") for line in lines)
    assert any(line.startswith("      keep-3: Sign-up 3 (authorised) stays") for line in lines)
    assert lines[-1] == (
        "4 disagreements (1 critical, 3 warnings) in 4 course accounts. "
        "Mends 2 of them: sudo hubtui accounts repair --all-safe"
    )
    rows = json.loads(hubtui("accounts", "check", "--json").stdout)["drift"]
    assert [(row["code"], row["name"]) for row in rows] == [
        ("powerful", "anna"),
        ("two-sign-ups", "carl"),
        ("no-home", "emil"),
        ("home-open", "bert"),
    ]
    listed = json.loads(hubtui("accounts", "list", "--json").stdout)["accounts"]
    assert {row["name"]: row["drift"] for row in listed} == {
        "anna": ["in the group sudo"],
        "bert": ["home open to others (0755)"],
        "carl": ["two sign-ups of this name"],
        "emil": ["home missing"],
    }


def test_what_could_not_be_looked_at_is_not_called_fine(ground: Ground) -> None:
    ground.student("anna")
    holder = sqlite3.connect(DATABASE, isolation_level=None)
    holder.execute("begin exclusive")
    try:
        done = hubtui("accounts", "check")
    finally:
        holder.close()
    assert done.returncode == 1
    assert "nothing disagrees, as far as could be seen" in done.stdout
    assert "Without sign-ups: The hub's database is locked" in done.stderr
    nobody = subprocess.run(
        [sys.executable, "-m", "hubtui", "accounts", "check"],
        capture_output=True,
        text=True,
        user=65534,
        group=65534,
        extra_groups=[],
        check=False,
    )
    assert nobody.returncode == 1
    assert "sudo hubtui accounts check" in nobody.stderr


def test_the_glance_tells_alarms_one_by_one_and_the_rest_together(ground: Ground) -> None:
    for name in ("anna", "bert"):
        drifts.in_sudo(ground, name)
        Path("/home", name).chmod(0o750)
    drifts.in_the_group_and_not_in_the_roster(ground, "carl")
    findings = look(ground.server, "students").findings
    alarms = [each for each in findings if each.severity is Severity.CRITICAL]
    assert [(each.id, each.row, each.pane) for each in alarms] == [
        ("students.powerful", "anna", "accounts"),
        ("students.powerful", "bert", "accounts"),
    ]
    assert alarms[0].do == "sudo hubtui accounts repair anna"
    rest = need_somebody(findings)["students.drift"]
    assert rest.text == (
        "2 accounts, sign-ups or homes are not as they should be: 2 × home open to others (0750)."
    )
    for number in range(3):
        drifts.in_sudo(ground, f"more{number}")
    now = look(ground.server, "students").findings
    assert [(each.id, each.text) for each in now if each.severity is Severity.CRITICAL] == [
        (
            "students.powerful",
            "5 accounts, sign-ups or homes are not as they should be: 5 × in the group sudo.",
        )
    ]


# --- what only looks like drift -----------------------------------------------------------------


def test_who_leaves_is_meant_to_be_locked_and_not_authorised(ground: Ground) -> None:
    home = ground.student("dora", authorised=False)
    drifts.run("usermod", "--lock", "--expiredate", "1", "--", "dora")
    leaves(ground, "dora")
    ground.serve("dora")
    shutil.rmtree(home)
    assert found(ground) == ()
    ground.sql("update users_info set is_authorized = 1")
    [again] = found(ground)
    assert again.code is Code.LOCKED
    assert "was authorised again: whoever logs in can work until then." in again.text
    assert again.do == "sudo hubtui signups take-back dora"


def test_what_a_removal_that_broke_off_left_is_its_own_to_end(ground: Ground) -> None:
    home = ground.student("dora", authorised=False)
    uid = pwd.getpwnam("dora").pw_uid
    ground.hub_user("dora")
    ground.sql("delete from users_info")
    leaves(ground, "dora")
    ground.work(uid, "sleeper")
    drifts.run("userdel", "--force", "--", "dora")
    assert home.is_dir()
    assert found(ground) == ()
    leaving.take_out(ground.server.state, "dora", uid)
    assert {one.code for one in found(ground)} == {
        Code.HUB_USER_ALONE,
        Code.HOME_ALONE,
        Code.ROSTER_ALONE,
        Code.LEFT_OF_UID,
    }


def leaves(ground: Ground, name: str) -> None:
    """As retiring notes it before anything else."""
    until = stamp(datetime.now(UTC) + timedelta(days=14))
    uid = pwd.getpwnam(name).pw_uid
    one = leaving.Leaving(name=name, uid=uid, since=until, until=until, run="1", keep_days=90)
    leaving.put(ground.server.state, one)


def test_where_all_homes_are_missing_it_is_a_disk_that_is(ground: Ground) -> None:
    for name in ("anna", "bert", "carl"):
        shutil.rmtree(ground.student(name))
    everybody = found(ground)
    assert [one.name for one in everybody] == ["anna", "bert", "carl"]
    assert {(one.mends, one.do) for one in everybody} == {(Mends.BY_HAND, "sudo mount --all")}
    assert everybody[0].text.endswith("is missing, as all others are: is a disk missing?")


def test_a_lock_whose_holder_runs_is_no_drift_and_neither_is_what_it_has_begun(
    ground: Ground,
) -> None:
    drifts.without_a_line_in_shadow(ground, "dora")
    lock = Path("/etc/passwd.lock")
    lock.write_text(str(os.getpid()))
    assert found(ground) == ()
    gone = subprocess.Popen(["true"])
    gone.wait()
    lock.write_text(str(gone.pid))
    told = {one.key: one for one in found(ground)}
    assert told.keys() == {"half-made:dora", "stale-lock:/etc/passwd.lock"}
    assert told["stale-lock:/etc/passwd.lock"].severity is Severity.NOTE
    drifts.run("useradd", "--", "somebody")  # as the sentence says
    assert not lock.exists()


def test_lines_of_an_account_that_is_being_made_are_no_orphans(ground: Ground) -> None:
    drifts.in_shadow_and_not_in_passwd(ground, "dora")
    Path("/etc/shadow.lock").write_text(str(os.getpid()))
    assert found(ground) == ()


def test_what_a_uid_of_a_directory_service_has_in_tmp_is_its_own(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    drifts.files_in_tmp_of_nobody(ground, "dora")
    monkeypatch.setattr(pwd, "getpwuid", lambda _uid: None)  # a service that lists nobody
    assert found(ground) == ()


def test_a_home_that_is_a_mount_is_named(ground: Ground) -> None:
    home = ground.student("dora")
    uid = str(pwd.getpwnam("dora").pw_uid)
    drifts.run("mount", "-t", "tmpfs", "-o", f"uid={uid},mode=0700", "tmpfs", str(home))
    try:
        [one] = found(ground)
    finally:
        drifts.run("umount", str(home))
    assert (one.code, one.severity) == (Code.HOME_NOT_FOLDER, Severity.NOTE)
    assert one.do == "findmnt --mountpoint /home/dora"


def test_an_administrator_in_the_roster_is_asked_for_and_not_shut_out(ground: Ground) -> None:
    """accounts.txt had the admin's own name among the others."""
    drifts.in_sudo(ground, "admin")
    [one] = found(ground)
    assert one.mends is Mends.CHOICE, "or --all-safe would take root from the only admin"
    assert "if that is you, name yourself in accounts.staff" in one.choices[0].means
