"""A server as it is today, with accounts made by hand: init writes for it, doctor looks at it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hubtui import course
from tests.course_on_disk import CONFIG, DATABASE, ROSTER, CourseOnDisk, hubtui, make_course
from tests.sandboxed import Machine

NAMES = [f"old{number:02}" for number in range(40)]
FILES = ("passwd", "group", "shadow")


@pytest.fixture
def server(machine: Machine) -> CourseOnDisk:
    """Forty accounts in all_user, an accounts.txt without a last newline, a hub's database."""
    made = make_course()
    CONFIG.unlink()
    places = Path("/srv/jupyterhub")
    places.mkdir(mode=0o700, exist_ok=True)
    (places / "jupyterhub.sqlite").write_bytes(DATABASE.read_bytes())
    machine.add_group("all_user", 900)
    machine.adduser("boss", 1000, group="sudo")
    for uid, name in enumerate(NAMES, 1001):
        machine.adduser(name, uid, group="all_user")
    ROSTER.write_text("\n".join(["boss", *NAMES]))
    return made


def test_init_writes_a_course_that_loads_and_lists_all_forty(server: CourseOnDisk) -> None:
    before = [Path("/etc", name).read_bytes() for name in FILES]
    done = hubtui("init")
    assert done.returncode == 0, done.stderr
    assert "Course accounts: 40" in done.stdout
    assert "Staff, never changed: boss" in done.stdout
    found = course.load(CONFIG)
    assert found.accounts.staff == ("boss",)
    assert found.accounts.roster == ROSTER
    assert found.hub.database == "sqlite:////srv/jupyterhub/jupyterhub.sqlite"
    listed = json.loads(hubtui("accounts", "list", "--json").stdout)["accounts"]
    assert [row["name"] for row in listed] == NAMES
    assert [Path("/etc", name).read_bytes() for name in FILES] == before
    assert CONFIG.stat().st_mode & 0o777 == 0o644


def test_init_never_overwrites(server: CourseOnDisk) -> None:
    CONFIG.write_text("mine")
    done = hubtui("init")
    assert done.returncode == 1
    assert "exists" in done.stderr
    assert CONFIG.read_text() == "mine"
    assert "course:" in hubtui("init", "--print").stdout


def test_doctor_names_what_is_wrong_with_the_command_that_mends_it(server: CourseOnDisk) -> None:
    hubtui("init")
    database = Path("/srv/jupyterhub/jupyterhub.sqlite")
    database.parent.chmod(0o755)
    database.chmod(0o644)
    done = hubtui("doctor", "--json")
    findings = {each["id"]: each for each in json.loads(done.stdout)["findings"]}
    assert done.returncode == 1
    assert "can be read by every student" in findings["hub.database"]["text"]
    assert "chmod 700 /srv/jupyterhub" in findings["hub.database"]["do"]
    assert "40 homes are open" in findings["accounts.open"]["text"]
    database.parent.chmod(0o700)
    again = hubtui("doctor", "--json")
    assert "hub.database" not in again.stdout
    assert again.returncode == 0
