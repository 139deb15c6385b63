"""The pages for the admin, followed word by word on the server that scripts have run so far.

From the first hour to the end of the year on one server, since a page begins where the last one
ended; then hubtui goes, and the server is what it was. What is not there is said in a sentence.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import pages
from tests.called import sendmail
from tests.course_on_disk import CONFIG as COURSE
from tests.old_files import EXERCISES, ROSTER
from tests.old_server import FRONTS, OldServer, make_program, old_server
from tests.pages import Typed
from tests.sandboxed import Machine, checkout_of_root, usr_local_of_its_own
from tests.watched import eventually

YEAR = (
    "first-hour.md",
    "new-term.md",
    "weekly-release.md",
    "exam-day.md",
    "hub-crashed.md",
    "end-of-year.md",
)
MEANT = re.compile(
    r"/etc/(passwd|group|shadow|gshadow|subuid|subgid)-?|/root/resources/\w+\.txt"  # approved
    r"|/etc/hubtui(/course\.yaml)?|/etc/.*\.before-hubtui-[0-9.-]+"  # said to be kept
)
"""What may be other than before, for good reasons."""


WITHOUT_A_HUB = {
    "hubtui doctor": (1, "Nobody answers at 127.0.0.1:8081: is the hub running?"),
    "hubtui doctor --fix --yes": (0, "See: hubtui doctor"),
    "hubtui status": (2, "The hub is gone"),
    "hubtui status --exam 40": (2, "NOT YET: hub: "),
    "hubtui status --try": (1, "There is no probe account."),
    "hubtui signups list": (0, "The sign-ups were not seen.\nWithout sign-ups: The hub's database"),
    "hubtui signups approve --all": (1, "The sign-ups cannot be read"),
    "hubtui accounts why anna": (1, "· sign-up     could not be looked at"),
    "hubtui accounts check": (1, "Without sign-ups: The hub's database"),
    "hubtui accounts repair --all-safe --yes": (1, "The sign-ups cannot be read"),
    "hubtui accounts retire anna --yes --course x": (2, "nothing was done"),
    "hubtui accounts receipts": (0, "Nothing was removed yet."),
    "hubtui release list": (1, "course.yaml has no part release"),
    "hubtui release schedule week01 08:00": (1, "sudo hubtui install timers"),
    "hubtui notify --test": (1, "set notify in course.yaml"),
    "hubtui install token": (1, "No hub listens where course.yaml says (hub.api)"),
    "hubtui install tutors": (1, "in course.yaml: release: tutors: [NAME]"),
    "hubtui watchdog status": (3, "Install it: hubtui install watchdog"),
    "hubtui watchdog restart": (1, "start it once as you always did"),
    "hubtui watchdog causes": (0, "Nothing happened that is known."),
    "hubtui uninstall --yes": (0, "There is nothing to"),
}
BUSY = """\
limits:
  load: [100, 200]
  latency: [20000, 30000]
  memory_free: [2, 1]
"""
"""The machine itself is not the sandbox's own: other tests run on it."""


@contextlib.contextmanager
def server_behind(front: str, machine: Machine, folder: Path) -> Iterator[OldServer]:
    """With a mail program, as the first hour asks for."""
    if not FRONTS[front]:
        pytest.skip(f"{front} is missing: bin/setup dev")
    with checkout_of_root(), old_server(machine, front) as server, sendmail(folder):
        yield server


def assert_hubtui_goes_again(server: OldServer, before: dict[str, object]) -> None:
    """By uninstall: all is as before, and the hub runs on, in the old script's care."""
    hub = server.hub_pid
    gone = pages.run(Typed("", "hubtui uninstall --yes"))
    assert gone.code == 0, gone.text
    assert not changed(before, server.everything())
    assert server.hub_pid == hub
    assert server.is_up()
    server.minute()
    assert server.hub_pid == hub, "the old script restarts a hub that is well"


def changed(before: dict[str, object], after: dict[str, object]) -> set[str]:
    """What is other than it was, beside what is meant."""
    differ = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    return {name for name in differ if not MEANT.fullmatch(name)}


def happenings(server: OldServer) -> dict[str, Callable[[], object]]:
    """What the pages' comments say that happens before a command is typed."""
    return {
        "a minute later": lambda: a_minute(server),
        "after a crash": lambda: crash(server),
        "when it is mended": mend_the_sheet,
        "a home was opened": open_a_home,
    }


def a_minute(server: OldServer) -> None:
    """Cron's; for BUSY see there."""
    if BUSY not in (text := COURSE.read_text()):
        COURSE.write_text(text + BUSY)
    server.minute()


def crash(server: OldServer) -> None:
    """The hub is killed, as by the kernel for want of memory."""
    pid = server.hub_pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: server.hub_pid is None)


def mend_the_sheet() -> None:
    """The tutor corrects a line."""
    with (EXERCISES / "week03/letters.csv").open("a") as file:
        file.write("more letters,2\n")


def open_a_home() -> None:
    """A student lets others in."""
    Path("/home/amber-badger").chmod(0o755)


@pytest.mark.timeout(400)  # six pages, and forty accounts that are archived and removed
def test_an_admin_comes_through_the_year_by_the_pages_alone(
    machine: Machine, tmp_path: Path
) -> None:
    with server_behind("apache", machine, tmp_path) as server:
        before = server.everything()
        for page in YEAR:
            pages.follow(page, happenings(server))
        assert_hubtui_goes_again(server, before)
        crash(server)
        server.minute()
        eventually(server.is_up)


def test_behind_nginx_the_first_hour_is_the_same(machine: Machine, tmp_path: Path) -> None:
    with server_behind("nginx", machine, tmp_path) as server:
        before = server.everything()
        pages.follow(YEAR[0], happenings(server))
        assert_hubtui_goes_again(server, before)


@pytest.fixture
def nothing(machine: Machine) -> Iterator[None]:
    """hubtui, and no hub, no course.yaml, no accounts: who begins in the wrong place has that."""
    shutil.rmtree(COURSE.parent, ignore_errors=True)
    with checkout_of_root(), usr_local_of_its_own():
        make_program()
        ROSTER.parent.mkdir(exist_ok=True)
        (ROSTER.parent / "expected.txt").touch()  # the new term's page has it written
        yield
    shutil.rmtree(COURSE.parent, ignore_errors=True)


def test_without_a_course_every_command_of_the_pages_says_where_to_begin(nothing: None) -> None:
    typed = {one.command for page in YEAR for one in pages.read(page) if isinstance(one, Typed)}
    words = {command for command in typed if command.startswith("hubtui ")} - {"hubtui init"}
    assert len(words) > 30
    for command in sorted(words - {"hubtui doctor"}):
        came = pages.run(Typed("", command))
        *before, line = came.text.splitlines()
        assert not before, came.text
        assert line.endswith("write one with hubtui init, or name one with --config"), command
        assert came.code == (3 if "status" in command.split()[1] else 2), command
    looked = pages.run(Typed("", "hubtui doctor"))
    assert looked.code == 1
    assert "✗ There is no /etc/hubtui/course.yaml" in looked.text
    assert "    → hubtui init" in looked.text


def test_without_a_hub_each_command_says_what_is_missing(nothing: None) -> None:
    began = pages.run(Typed("", "hubtui init"))
    assert began.code == 0
    assert "Fill in hub.database in /etc/hubtui/course.yaml" in began.text
    for command, (code, words) in WITHOUT_A_HUB.items():
        came = pages.run(Typed("", command))
        assert words in came.text, f"{command}\n{came.text}"
        assert came.code == code, f"{command}\n{came.text}"
        assert "Traceback" not in came.text
