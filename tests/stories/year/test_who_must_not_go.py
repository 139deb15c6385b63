"""Whatever would take somebody else's files along, or the course's own, is refused with the reason.

Each is real: accounts by useradd, a mount, a link, a line by hand. No hub is needed to say no.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from hubtui.errors import ChangedSinceShown, Refused
from hubtui.retire.checks import need_token
from hubtui.retire.plan import refusals
from hubtui.retire.records import Leaver
from hubtui.retire.steps import Check
from hubtui.server import Server
from hubtui.students import survey
from tests.course_on_disk import DATABASE, ROSTER, make_course

ANNA = Path("/home/anna")
Fault = Callable[["Ground"], None]


@dataclass
class Ground:
    """Anna and Bert, who may go."""

    server: Server
    mounted: list[Path] = field(default_factory=list)

    def add(self, name: str, uid: int, home: str = "", *more: str) -> None:
        """An account by useradd, in the roster."""
        words = ["useradd", "--uid", str(uid), "--no-user-group", "--gid", "all_user", *more]
        words += ["--home-dir", home or f"/home/{name}", "--create-home"]
        subprocess.run([*words, "--key", "HOME_MODE=0700", "--", name], check=True)
        with ROSTER.open("a") as file:
            file.write(f"{name}\n")

    def mount(self, where: Path) -> None:
        """A filesystem of its own there."""
        where.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(where)], check=True)
        self.mounted.append(where)

    def course(self, **changes: object) -> None:
        """Another course.yaml, as if it had said so from the beginning."""
        import dataclasses

        course = msgspec.structs.replace(self.server.course, **changes)
        self.server = dataclasses.replace(self.server, course=course)


@pytest.fixture
def ground(machine: object) -> Iterator[Ground]:
    made = Ground(make_course().server)
    subprocess.run(["groupadd", "--gid", "20000", "--", "all_user"], check=True)
    made.add("anna", 20001)
    made.add("bert", 20002)
    try:
        yield made
    finally:
        for where in reversed(made.mounted):
            subprocess.run(["umount", str(where)], check=True)


def usermod(*words: str) -> None:
    subprocess.run(["usermod", *words], check=True)


def home_is_a_link(_: Ground) -> None:
    shutil.move(ANNA, "/home/elsewhere")
    ANNA.symlink_to("/home/elsewhere")


def home_is_a_file(_: Ground) -> None:
    shutil.rmtree(ANNA)
    ANNA.write_text("no folder")


def home_is_linked_from(_: Ground) -> None:
    """Bert's home is a link to Anna's."""
    shutil.rmtree("/home/bert")
    Path("/home/bert").symlink_to(ANNA)


def linked_into(_: Ground) -> None:
    """Bert's home is a link to a folder in Anna's."""
    shutil.move("/home/bert", ANNA / "bert")
    Path("/home/bert").symlink_to(ANNA / "bert")


def is_an_admin(_: Ground) -> None:
    with sqlite3.connect(DATABASE) as database:
        database.execute("insert into users (name, admin) values ('anna', 1)")
    database.close()


def is_elsewhere(_: Ground) -> None:
    ROSTER.write_text("admin\n")
    usermod("--gid", "users", "--", "anna")


def in_no_file(_: Ground) -> None:
    """NSS knows Anna from elsewhere: the sandbox has another source than the files."""
    lines = Path("/etc/passwd").read_text().splitlines(keepends=True)
    Path("/etc/passwd").write_text("".join(one for one in lines if not one.startswith("anna:")))


def course_with(section: str, **changes: object) -> Fault:
    def fault(ground: Ground) -> None:
        part = getattr(ground.server.course, section)
        ground.course(**{section: msgspec.structs.replace(part, **changes)})

    return fault


FAULTS: dict[str, tuple[Fault, str]] = {
    "is staff": (course_with("accounts", staff=("tutor", "anna")), "anna is staff"),
    "is the probe": (course_with("exam", probe="anna"), "anna is the probe"),
    "is the system's": (lambda _: usermod("--uid", "900", "anna"), "account of the system"),
    "is nobody of the course": (is_elsewhere, "not a course account"),
    "is not there": (in_no_file, "is no account on this server"),
    "is an admin of the hub": (is_an_admin, "anna is an admin of the hub"),
    "can become root": (lambda _: usermod("--append", "--groups", "sudo", "anna"), "group sudo"),
    "shares its uid": (
        lambda g: g.add("twin", 20001, "", "--non-unique"),
        "anna shares uid 20001 with twin",
    ),
    "has its home outside": (
        lambda _: usermod("--home", "/srv/anna", "anna"),
        "its home /srv/anna, which is not in /home",
    ),
    "shares its home": (
        lambda _: usermod("--home", "/home/anna", "bert"),
        "/home/anna is the home of bert as well",
    ),
    "shares its home in other words": (
        lambda _: usermod("--home", "/home/bert/../anna/", "bert"),
        "/home/anna is the home of bert as well",
    ),
    "has its home linked from": (home_is_linked_from, "/home/anna is the home of bert as well"),
    "has another's home inside": (
        lambda _: usermod("--home", "/home/anna/b/bert", "bert"),
        "The home of bert lies inside /home/anna",
    ),
    "has a service's home inside": (
        lambda g: g.add("service", 950, "/home/anna/service"),
        "The home of service lies inside /home/anna",
    ),
    "has another's home linked inside": (linked_into, "The home of bert lies inside /home/anna"),
    "lies inside another's home": (
        lambda _: usermod("--home", "/home", "bert"),
        "/home/anna lies inside the home of bert",
    ),
    "has a link for a home": (home_is_a_link, "/home/anna is not a folder (link)"),
    "has a file for a home": (
        home_is_a_file,
        "/home/anna is not a folder (other)",
    ),
    "has another's folder for a home": (
        lambda _: os.chown(ANNA, 20002, 20000),
        "/home/anna belongs to uid 20002, not to anna",
    ),
    "has root's folder for a home": (lambda _: os.chown(ANNA, 0, 0), "belongs to uid 0"),
    "is a mount": (lambda g: g.mount(ANNA), "/home/anna is mounted in /home/anna"),
    "has a mount inside": (
        lambda g: g.mount(ANNA / "data set"),
        "/home/anna/data set is mounted in /home/anna",
    ),
    "holds the roster": (
        course_with("accounts", roster=ANNA / "accounts.txt"),
        "/home/anna/accounts.txt, which the course needs, lies in /home/anna",
    ),
    "holds the archives": (
        course_with("accounts", archive=ANNA / "archives"),
        "/home/anna/archives, which the course needs, lies in /home/anna",
    ),
}


def subject(ground: Ground) -> Leaver:
    found = ANNA.lstat()
    return Leaver(
        key="anna",
        name="anna",
        uid=20001,
        gid=20000,
        home=str(ANNA),
        device=found.st_dev,
        inode=found.st_ino,
    )


def test_who_may_go_is_not_refused_and_a_neighbour_is_none_inside(ground: Ground) -> None:
    ground.add("anna-maria", 20003)  # /home/anna is no folder above /home/anna-maria
    assert refusals(ground.server, survey(ground.server), ["anna", "bert", "anna-maria"]) == {}


@pytest.mark.parametrize("what", FAULTS)
def test_who_must_not_go_is_refused_with_the_reason(ground: Ground, what: str) -> None:
    plant, reason = FAULTS[what]
    before = subject(ground)
    plant(ground)
    seen = survey(ground.server)
    found = refusals(ground.server, seen, ["anna"])
    assert reason in found.get("anna", "")
    check = Check(ground.server, before, "a-run")
    with pytest.raises(ChangedSinceShown):  # what came after the plan was shown stops the run
        check.look(seen)


def test_all_that_are_refused_are_named_at_once(ground: Ground) -> None:
    usermod("--append", "--groups", "sudo", "anna")
    os.chown("/home/bert", 0, 0)
    assert set(refusals(ground.server, survey(ground.server), ["anna", "bert"])) == {"anna", "bert"}


def test_a_home_that_was_replaced_since_it_was_shown_is_another_folder(ground: Ground) -> None:
    before = subject(ground)
    ANNA.rename("/home/anna-before")
    ANNA.mkdir(mode=0o700)
    os.chown(ANNA, 20001, 20000)
    with pytest.raises(ChangedSinceShown, match="another folder than was shown"):
        Check(ground.server, before, "a-run").look(survey(ground.server))


def test_an_account_that_somebody_removed_by_hand_stops_the_run(ground: Ground) -> None:
    before = subject(ground)
    subprocess.run(["userdel", "anna"], check=True)
    with pytest.raises(ChangedSinceShown, match="no longer the account with uid 20001"):
        Check(ground.server, before, "a-run").look(survey(ground.server))


def test_a_uid_that_somebody_else_got_meanwhile_stops_the_run(ground: Ground) -> None:
    before = subject(ground)
    subprocess.run(["userdel", "anna"], check=True)
    ground.add("carl", 20001)
    with pytest.raises(ChangedSinceShown, match="uid 20001 is somebody else's now"):
        Check(ground.server, before, "a-run").look(survey(ground.server))


def test_without_a_token_nobody_goes(ground: Ground) -> None:
    with pytest.raises(Refused, match="hubtui install token"):
        need_token(ground.server)
