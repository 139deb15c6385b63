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
from tests.course_on_disk import ROSTER, hubtui, make_course
from tests.drifts import PLANTERS, Ground, planters
from tests.repairs import carried_out, drift, plan_for, repaired
from tests.sandboxed import Machine


def lines_of(name: str, file: str) -> int:
    text = Path("/etc", file).read_text()
    return sum(line.startswith(f"{name}:") for line in text.splitlines())


# --- the whole table -----------------------------------------------------------------------------

LAST = (Code.HOME_ALONE, Code.LEFT_OF_UID, Code.STALE_LOCK)
"""Those after which nobody should get the next uid, or can be added."""
TABLE = sorted(
    # Only a hub that runs deletes its users: test_repair_hub.py.
    (each for each in PLANTERS if each.code not in (Code.HUB_USER_ALONE, Code.HUB_USER_LETS_IN)),
    key=lambda each: (each.code in LAST, LAST.index(each.code) if each.code in LAST else 0),
)


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


@pytest.mark.parametrize("which", [0, -1], ids=["the first choice", "the last choice"])
def test_all_of_it_is_mended_by_one_plan_and_gone_at_the_second_look(
    ground: Ground, which: int
) -> None:
    server = ground.server
    planted = {f"{each.code}:{each(ground, f'student-{n}')}" for n, each in enumerate(TABLE)}
    found = {each.key: each for each in whole(server, survey(server))}
    assert planted <= found.keys()
    by_hand = {key for key, each in found.items() if each.mends is Mends.BY_HAND}
    for key in by_hand:
        with pytest.raises(Refused, match="This is done by hand"):
            repair_plan(server, [found[key]])
    words = {key: each.choices[which].word for key, each in found.items() if each.choices}
    plan = repair_plan(server, [each for key, each in found.items() if key not in by_hand], words)
    outcome, said = carried_out(server, plan)
    assert outcome is Outcome.DONE, said
    assert {each.key for each in whole(server, survey(server))} == by_hand


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
    assert "→ sudo hubtui accounts repair --choose two-sign-ups:dora=keep-2" in asked.stderr
    wrong = hubtui("accounts", "repair", "--choose", "two-sign-ups:dora=both", "--yes")
    assert (wrong.returncode, "both is no choice" in wrong.stderr) == (1, True)
    chosen = hubtui("accounts", "repair", "--choose", "two-sign-ups:dora=keep-2", "--yes")
    assert chosen.returncode == 0, chosen.stderr
    assert hubtui("accounts", "check").returncode == 0


def test_hostile_names_are_mended_by_their_keys_and_shown_escaped(ground: Ground) -> None:
    names = ["$(id)", "a=b:c", "-rf", "[red]x", "\x1b[31mred"]
    words = list[str]()
    for name in names:
        ground.sign_up(name, authorised=True)
        words += ["--choose", f"no-account:{name}=discard"]
    done = hubtui("accounts", "repair", *words, "--yes")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert whole(ground.server, survey(ground.server)) == ()


# --- uids ----------------------------------------------------------------------------------------


def test_a_new_account_never_gets_a_uid_of_which_anything_is_left(ground: Ground) -> None:
    planted = planters(Code.LEFT_OF_UID)
    ground.sign_up("bert", authorised=False)
    for planter in planted:
        uid = int(planter(ground, "dora"))
        assert hubtui("signups", "approve", "bert", "--dry-run").stdout.count(f"uid {uid + 1} ")


def test_a_new_account_never_gets_a_uid_of_which_there_is_an_archive(ground: Ground) -> None:
    home = Path("/home/dora")
    home.mkdir()
    os.chown(home, 20900, 20000)
    left = Path("/tmp/left")
    left.touch()
    os.chown(left, 20901, 20000)
    found = [each for each in whole(ground.server, survey(ground.server)) if each.choices]
    plan = repair_plan(ground.server, found, {each.key: "archive" for each in found})
    assert carried_out(ground.server, plan)[0] is Outcome.DONE
    assert not home.exists()
    assert not left.exists()
    assert next(survey(ground.server).free_uids()) == 20902


# --- one by one ----------------------------------------------------------------------------------


def test_an_authorised_sign_up_gets_its_account(ground: Ground) -> None:
    ground.sign_up("bert", authorised=True)
    repaired(ground.server, drift(Code.NO_ACCOUNT, "bert"))
    uid = pwd.getpwnam("bert").pw_uid
    assert uid == pwd.getpwnam("anna").pw_uid + 1
    assert Path("/home/bert").stat().st_uid == uid
    assert "bert" in ROSTER.read_text().split()
    ground.sign_up("www-data", authorised=True)
    with pytest.raises(Refused, match="reserved"):
        plan_for(ground.server, drift(Code.NO_ACCOUNT, "www-data"))


def test_an_account_made_by_hand_joins_the_course(ground: Ground, machine: Machine) -> None:
    machine.adduser("bert", 2000, mode=0o700)
    ground.sign_up("bert", authorised=True)
    [found] = whole(ground.server, survey(ground.server))
    assert (found.code, [each.word for each in found.choices]) == (
        Code.FOREIGN_SIGN_UP,
        ["discard", "join"],
    )
    repaired(ground.server, drift(Code.FOREIGN_SIGN_UP, "bert", "join"))
    assert whole(ground.server, survey(ground.server)) == ()
    assert "bert" in survey(ground.server).students


def test_lines_of_the_roster_go_and_all_others_stay_byte_for_byte(ground: Ground) -> None:
    ROSTER.write_bytes(b"# of 2026\r\nadmin\ngone # moved away\nanna\r\n\nanna\ngone\nanna-maria")
    gone = drift(Code.ROSTER_ALONE, "gone", "remove")
    both = (gone, drift(Code.ROSTER_TWICE, "anna"))
    repaired(ground.server, *both)
    assert ROSTER.read_bytes() == b"# of 2026\r\nadmin\nanna\r\n\nanna-maria"


def test_lines_and_a_group_that_an_account_left_go(ground: Ground, machine: Machine) -> None:
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
    repaired(ground.server, *both)
    for file in ("shadow", "gshadow", "subuid", "subgid", "group"):
        assert not lines_of("gone", file) + lines_of("gone2", file), file
    assert Path("/etc/shadow").read_text() == before.replace("gone:*:19000:0:99999:7:::\n", "")
    assert Path("/etc/shadow").stat().st_mode & 0o7777 == 0o640


def test_a_lock_that_nobody_holds_goes_and_one_that_is_held_stays(ground: Ground) -> None:
    lock = Path("/etc/passwd.lock")
    lock.write_text("")
    assert hubtui("accounts", "create", "bert", "--yes").returncode == 1
    found = drift(Code.STALE_LOCK, "/etc/passwd.lock")
    plan = plan_for(ground.server, found)
    lock.write_text(str(os.getpid()))
    outcome, said = carried_out(ground.server, plan)
    assert (outcome, f"is held by the process {os.getpid()}" in said) == (Outcome.CHANGED, True)
    assert lock.exists()
    lock.write_text("999999999")
    repaired(ground.server, found)
    assert hubtui("accounts", "create", "bert", "--yes").returncode == 0


@pytest.mark.parametrize("reached", [4, 5, 6, 7])
def test_a_home_of_a_gone_uid_is_in_its_archive_before_the_new_one_is_there(
    ground: Ground, reached: int
) -> None:
    home, server = Path("/home/anna"), ground.server
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
    ground: Ground, machine: Machine
) -> None:
    machine.adduser("bert", 2000)
    for name, uid, why in (("dora", 2000, "ask first"), ("emil", 0, "is the system's")):
        Path("/home", name).mkdir()
        os.chown(Path("/home", name), uid, -1)
        with pytest.raises(Refused, match=why):
            plan_for(ground.server, drift(Code.HOME_ALONE, name, "archive"))
    Path("/home/dora/notes.txt").write_text("words")
    os.chown("/home/dora", 20900, -1)
    plan = plan_for(ground.server, drift(Code.HOME_ALONE, "dora", "archive"))
    machine.adduser("carl", 20900)
    outcome, said = carried_out(ground.server, plan)
    assert (outcome, "belongs to carl" in said) == (Outcome.CHANGED, True)
    assert Path("/home/dora/notes.txt").exists()


def test_a_home_without_account_is_not_archived_with_what_is_somebody_elses(ground: Ground) -> None:
    old, server = Path("/home/old"), ground.server
    old.mkdir()
    os.chown(old, 20900, 20000)
    ground.student("bert")
    subprocess.run(["usermod", "--home", "/home/old/bert", "--move-home", "bert"], check=True)
    with pytest.raises(Refused, match="The home of bert lies inside /home/old"):
        plan_for(server, drift(Code.HOME_ALONE, "old", "archive"))
    subprocess.run(["usermod", "--home", "/home/bert", "--move-home", "bert"], check=True)
    plan = plan_for(server, drift(Code.HOME_ALONE, "old", "archive"))
    subprocess.run(["usermod", "--home", "/home/old/bert", "--move-home", "bert"], check=True)
    assert carried_out(server, plan)[0] is Outcome.CHANGED
    assert Path("/home/old/bert/.bashrc").exists()
