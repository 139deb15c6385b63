"""What drifted is repaired: each drift for real, mended by its plan, gone at the second look."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hubtui.drift import whole
from hubtui.drift.records import Code, Mends
from hubtui.errors import Refused
from hubtui.events import Outcome
from hubtui.repair.plan import Repair, repair_chain, repair_plan
from hubtui.retire import kept
from hubtui.students import survey
from tests.course_on_disk import ROSTER, CourseOnDisk, hubtui, make_course
from tests.drifts import PLANTERS, Ground, Planter, planters
from tests.repairs import carried_out, drift, plan_for, repaired
from tests.sandboxed import Machine


@pytest.fixture
def course(machine: Machine) -> CourseOnDisk:
    """Anna has all that she needs."""
    made = make_course()
    machine.add_group("all_user", 20000)
    assert hubtui("accounts", "create", "anna", "--yes").returncode == 0
    made.sign_up("anna", authorised=True)
    return made


def lines_of(name: str, file: str) -> int:
    text = Path("/etc", file).read_text()
    return sum(line.startswith(f"{name}:") for line in text.splitlines())


# --- the whole table -----------------------------------------------------------------------------

ALONE = {Code.HUB_USER_ALONE, Code.HUB_USER_LETS_IN}
"""Only a hub that runs deletes its users: test_repair_hub.py."""
WORDS: dict[Code, tuple[str, ...]] = {
    Code.TWO_SIGN_UPS: ("keep-2", "keep-3"),
    Code.FOREIGN_SIGN_UP: ("discard",),
    Code.NOT_AUTHORISED: ("stop", "discard"),
    Code.POWERFUL: ("leave",),
    Code.LOCKED: ("unlock", "take-back"),
    Code.HOME_OWNER: ("chown", "archive"),
    Code.HOME_ALONE: ("adopt", "archive"),
    Code.ROSTER_ALONE: ("remove", "create"),
    Code.LEFT_OF_UID: ("archive",),
}
TABLE = [
    (planter, word)
    for planter in PLANTERS
    if planter.code not in ALONE
    for word in WORDS.get(planter.code, ("",))
]


@pytest.fixture
def ground(machine: Machine) -> Iterator[Ground]:
    """A course where nothing disagrees."""
    made = make_course()
    machine.add_group("all_user", 20000)
    ROSTER.write_text("")
    planted = Ground(made.server)
    planted.student("anna")
    yield planted
    planted.end()


@pytest.mark.parametrize(
    ("planter", "word"),
    TABLE,
    ids=lambda each: each or "safely" if isinstance(each, str) else each.called,
)
def test_each_is_mended_and_gone_at_the_second_look(
    ground: Ground, planter: Planter, word: str
) -> None:
    name, server = planter(ground, "dora"), ground.server
    [found] = [
        each for each in whole(server, survey(server)) if each.key == f"{planter.code}:{name}"
    ]
    if found.mends is Mends.BY_HAND:
        with pytest.raises(Refused, match="by hand"):
            repair_plan(server, [found])
        return
    assert (found.mends is Mends.SAFELY) == (word == "")
    plan = repair_plan(server, [found], {found.key: word})
    assert carried_out(server, plan)[0] is Outcome.DONE, carried_out(server, plan)
    assert [each.key for each in whole(server, survey(server))] == []
    assert Path("/home/anna").is_dir()


# --- from the command line -----------------------------------------------------------------------


def test_what_is_safe_is_mended_at_once_and_the_rest_is_asked(ground: Ground) -> None:
    ground.student("dora").chmod(0o755)
    with ROSTER.open("a") as file:
        file.write("dora\n")
    ground.sign_up("dora", authorised=False)
    assert hubtui("accounts", "repair").returncode == 2
    assert hubtui("accounts", "repair", "emil").returncode == 2
    shown = hubtui("accounts", "repair", "--all-safe", "--dry-run")
    assert "Repair 2 things: 1 close · 1 roster" in shown.stdout
    assert "chmod 0700 -- /home/dora (it is 0755)" in shown.stdout
    assert Path("/home/dora").stat().st_mode & 0o777 == 0o755

    done = hubtui("accounts", "repair", "--all-safe", "--yes")
    assert done.returncode == 0, done.stderr
    assert Path("/home/dora").stat().st_mode & 0o777 == 0o700
    asked = hubtui("accounts", "repair", "dora", "--yes")
    assert (asked.returncode, asked.stdout) == (
        1,
        "Nothing to mend without a decision of yours.\n",
    )
    assert "keep-2: Sign-up 2 (authorised) stays and 3 goes" in asked.stderr
    assert "→ hubtui accounts repair --choose two-sign-ups:dora=keep-2" in asked.stderr
    wrong = hubtui("accounts", "repair", "--choose", "two-sign-ups:dora=both", "--yes")
    assert (wrong.returncode, "both is no choice" in wrong.stderr) == (1, True)
    chosen = hubtui("accounts", "repair", "--choose", "two-sign-ups:dora=keep-2", "--yes")
    assert chosen.returncode == 0, chosen.stderr
    assert hubtui("accounts", "check").returncode == 0


@pytest.mark.parametrize("name", ["$(id)", "a=b:c", "-rf", "[red]x", "\x1b[31mred"])
def test_a_hostile_name_is_mended_by_its_key_and_shown_escaped(ground: Ground, name: str) -> None:
    ground.sign_up(name, authorised=True)
    key = f"no-account:{name}"
    done = hubtui("accounts", "repair", "--choose", f"{key}=discard", "--yes")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert hubtui("accounts", "check").returncode == 0


# --- uids ----------------------------------------------------------------------------------------


def test_a_new_account_never_gets_a_uid_of_which_anything_is_left(ground: Ground) -> None:
    planted = planters(Code.LEFT_OF_UID)
    ground.sign_up("bert", authorised=False)
    for planter in planted:
        uid = int(planter(ground, "dora"))
        assert hubtui("signups", "approve", "bert", "--dry-run").stdout.count(f"uid {uid + 1} ")


# --- one by one ----------------------------------------------------------------------------------


def test_an_open_home_is_closed(course: CourseOnDisk) -> None:
    Path("/home/anna").chmod(0o755)
    found = drift(Code.HOME_OPEN, "anna")
    repaired(course.server, found)
    assert Path("/home/anna").stat().st_mode & 0o7777 == 0o700
    assert carried_out(course.server, plan_for(course.server, found)) == (Outcome.ALREADY, "")


def test_a_missing_home_begins_anew(course: CourseOnDisk) -> None:
    subprocess.run(["rm", "-r", "/home/anna"], check=True)
    repaired(course.server, drift(Code.NO_HOME, "anna"))
    found = Path("/home/anna").stat()
    assert (found.st_uid, found.st_mode & 0o7777) == (pwd.getpwnam("anna").pw_uid, 0o700)
    assert Path("/home/anna/.bashrc").exists()


def test_an_account_without_shadow_is_made_whole(course: CourseOnDisk) -> None:
    shadow = Path("/etc/shadow")
    kept = [line for line in shadow.read_text().splitlines() if not line.startswith("anna:")]
    shadow.write_text("\n".join(kept) + "\n")
    Path("/home/anna").chmod(0)
    os.chown("/home/anna", 0, 0)
    repaired(course.server, drift(Code.HALF_MADE, "anna"))
    assert lines_of("anna", "shadow") == 1
    assert Path("/home/anna").stat().st_uid == pwd.getpwnam("anna").pw_uid


def test_an_authorised_sign_up_gets_its_account(course: CourseOnDisk) -> None:
    course.sign_up("bert", authorised=True)
    repaired(course.server, drift(Code.NO_ACCOUNT, "bert"))
    assert pwd.getpwnam("bert").pw_uid == 20001
    assert Path("/home/bert").stat().st_uid == 20001
    assert "bert" in ROSTER.read_text().split()
    course.sign_up("www-data", authorised=True)
    with pytest.raises(Refused, match="reserved"):
        plan_for(course.server, drift(Code.NO_ACCOUNT, "www-data"))


def test_who_is_in_no_group_and_no_roster_is_put_there(
    course: CourseOnDisk, machine: Machine
) -> None:
    machine.adduser("bert", 2000, mode=0o700)
    with ROSTER.open("a") as file:
        file.write("bert\n")
    repaired(course.server, drift(Code.NOT_IN_GROUP, "bert"))
    ROSTER.write_text("# of 2026\nadmin\n")
    repaired(course.server, drift(Code.NOT_IN_ROSTER, "bert"))
    assert ROSTER.read_text() == "# of 2026\nadmin\nbert\n"


def test_lines_of_the_roster_go_and_all_others_stay_byte_for_byte(course: CourseOnDisk) -> None:
    ROSTER.write_bytes(b"# of 2026\r\nadmin\ngone # moved away\nanna\r\n\nanna\ngone\nanna-maria")
    gone = drift(Code.ROSTER_ALONE, "gone", "remove")
    both = (gone, drift(Code.ROSTER_TWICE, "anna"))
    repaired(course.server, *both)
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
    repaired(course.server, *both)
    for file in ("shadow", "gshadow", "subuid", "subgid", "group"):
        assert not lines_of("gone", file) + lines_of("gone2", file), file
    assert Path("/etc/shadow").read_text() == before.replace("gone:*:19000:0:99999:7:::\n", "")
    assert Path("/etc/shadow").stat().st_mode & 0o7777 == 0o640


def test_a_lock_that_nobody_holds_goes_and_one_that_is_held_stays(course: CourseOnDisk) -> None:
    lock = Path("/etc/passwd.lock")
    lock.write_text("")
    assert hubtui("accounts", "create", "bert", "--yes").returncode == 1
    found = drift(Code.STALE_LOCK, "/etc/passwd.lock")
    plan = plan_for(course.server, found)
    lock.write_text(str(os.getpid()))
    outcome, said = carried_out(course.server, plan)
    assert (outcome, f"is held by the process {os.getpid()}" in said) == (Outcome.CHANGED, True)
    assert lock.exists()
    lock.write_text("999999999")
    repaired(course.server, found)
    assert hubtui("accounts", "create", "bert", "--yes").returncode == 0


@pytest.mark.parametrize("reached", [4, 5, 6, 7])
def test_a_home_of_a_gone_uid_is_in_its_archive_before_the_new_one_is_there(
    course: CourseOnDisk, reached: int
) -> None:
    home, server = Path("/home/anna"), course.server
    (home / "thesis.txt").write_text("a year of work")
    subprocess.run(["chown", "-R", "20900", str(home)], check=True)
    plan = plan_for(server, drift(Code.HOME_OWNER, "anna", "archive"))
    [subject] = plan.subjects_as(Repair)
    for step in repair_chain(server, subject).steps[:reached]:  # fenced, archived, gone, all
        list(step.do())
    assert carried_out(server, plan)[0] in (Outcome.DONE, Outcome.ALREADY)
    assert home.stat().st_uid == pwd.getpwnam("anna").pw_uid
    assert not (home / "thesis.txt").exists()
    assert (home / ".bashrc").exists()
    assert not Path("/home/.hubtui-retired").exists()
    [archived] = kept.listed(server)
    assert (archived.uid, archived.what) == (20900, "home")
    tar = subprocess.run(
        ["tar", "--extract", "--to-stdout", "--zstd", "--file", archived.path, "20900/thesis.txt"],
        check=True,
        capture_output=True,
    )
    assert tar.stdout == b"a year of work"


def test_what_belongs_to_somebody_who_is_here_is_theirs_to_say(ground: Ground) -> None:
    dora, emil = ground.student("dora"), ground.student("emil")
    os.chown(dora, emil.stat().st_uid, -1)
    Path("/home/left").mkdir()
    os.chown("/home/left", emil.stat().st_uid, -1)
    found = whole(ground.server, survey(ground.server))
    assert [(one.key, one.mends, one.choices) for one in found] == [
        ("home-owner:dora", Mends.BY_HAND, ()),
        ("home-alone:left", Mends.BY_HAND, ()),
    ]
    assert "belongs to uid 20003 (emil), not to 20002" in found[0].text
    assert [one.do for one in found] == ["ls -ld -- /home/dora", "ls -ld -- /home/left"]


def test_what_belongs_to_somebody_who_is_here_or_to_root_is_never_archived(
    course: CourseOnDisk, machine: Machine
) -> None:
    machine.adduser("bert", 2000)
    for name, uid, why in (("dora", 2000, "ask first"), ("emil", 0, "is the system's")):
        Path("/home", name).mkdir()
        os.chown(Path("/home", name), uid, -1)
        with pytest.raises(Refused, match=why):
            plan_for(course.server, drift(Code.HOME_ALONE, name, "archive"))
    Path("/home/dora/notes.txt").write_text("words")
    os.chown("/home/dora", 20900, -1)
    plan = plan_for(course.server, drift(Code.HOME_ALONE, "dora", "archive"))
    machine.adduser("carl", 20900)
    outcome, said = carried_out(course.server, plan)
    assert (outcome, "belongs to carl" in said) == (Outcome.CHANGED, True)
    assert Path("/home/dora/notes.txt").exists()
