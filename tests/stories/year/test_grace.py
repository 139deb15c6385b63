"""First only switched off, with a date: until then everything comes back as it was."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from hubtui import changes
from hubtui.demo.form import Session
from hubtui.errors import Refused
from hubtui.events import Outcome
from hubtui.leaving import read_leaving
from hubtui.plan import runs
from hubtui.retire.checks import fenced
from hubtui.retire.due import due
from hubtui.server import processes
from hubtui.server.shadow import read_shadow
from tests.course_on_disk import hubtui, listing
from tests.leavers import Leavers, digest
from tests.sandboxed import Machine
from tests.yearly import YearsHub

pytestmark = pytest.mark.hub


@pytest.fixture
def year(years_hub: YearsHub, _machine: Machine) -> Leavers:
    return Leavers.of(years_hub, _machine)


def test_who_is_switched_off_comes_back_with_every_byte(year: Leavers) -> None:
    home = year.student("grace-anna", 20001, at_the_hub=True)
    year.student("grace-otto", 20011, at_the_hub=True)
    browser = year.serve("grace-otto")  # which writes into its home
    (home / "link").symlink_to("/etc/shadow")
    os.setxattr(home / "work.ipynb", "user.note", b"mine")
    os.utime(home / "work.ipynb", ns=(1, 1_700_000_000_123_456_789))
    files = [Path("/etc", name) for name in ("passwd", "shadow", "group", "gshadow")]
    before, texts = digest(home), [file.read_bytes() for file in files]
    work = subprocess.Popen(
        [sys.executable, "-S", "-c", "import time; time.sleep(600)"], user=20001, cwd="/"
    )

    until = year.server.clock() + timedelta(days=14)
    year.done(year.retire("grace-anna", "grace-otto", until=until))
    assert not year.can_log_in("grace-anna")
    assert processes.by_uid([20001, 20011]) == {}
    assert work.wait(timeout=1) < 0
    assert read_shadow()["grace-anna"].locked
    assert "grace-anna" not in year.seen.attending
    assert due(year.server, changes.carry_out) == []
    assert not home.exists()
    assert digest(fenced(year.server, 20001)) == before
    starts_nothing(year, browser, 20011)
    year.hub.stop()  # it would wait for that server for a minute and a half
    year.hub.start()
    year.hub.wait_until_up(90)

    year.done(year.restore("grace-anna", "grace-otto"))
    assert [file.read_bytes() for file in files] == texts
    year.as_ever("grace-anna", before)
    assert read_leaving(year.server.state) == {}


def starts_nothing(year: Leavers, browser: Session, uid: int) -> None:
    """A browser that is still open may ask the hub for a server: without a home it ends."""
    began = year.hub.log.stat().st_size
    browser.get(f"/hub/spawn/{browser.path}")
    until = time.monotonic() + 60
    while b"PermissionError" not in year.hub.log.read_bytes()[began:] or processes.of(uid):
        assert time.monotonic() < until, "it was not even tried, or goes on"
        time.sleep(0.1)


def test_who_was_locked_before_stays_so_and_a_day_of_expiry_as_it_was(year: Leavers) -> None:
    year.student("grace-bert", 20002, at_the_hub=True)
    subprocess.run(["usermod", "--lock", "--expiredate", "2030-01-01", "grace-bert"], check=True)
    until = year.server.clock() + timedelta(days=14)
    year.done(year.retire("grace-bert", until=until))
    year.done(year.retire("grace-bert", until=until + timedelta(days=7)))  # another date
    assert read_leaving(year.server.state)["grace-bert"].goes > until
    year.done(year.restore("grace-bert"))
    line = read_shadow()["grace-bert"]
    assert (line.locked, line.expires) == (True, "21915")
    assert year.can_log_in("grace-bert")


def test_a_sign_up_that_was_discarded_meanwhile_is_told(year: Leavers) -> None:
    home = year.student("grace-carl", 20003, at_the_hub=True)
    before = digest(home)
    year.done(year.retire("grace-carl", until=year.server.clock() + timedelta(days=14)))
    assert hubtui("signups", "discard", "grace-carl", "--yes").returncode == 0
    back = year.restore("grace-carl")
    year.done(back)
    assert "it has to sign up again" in year.ends(back)["grace-carl"].text
    assert digest(home) == before
    assert not read_shadow()["grace-carl"].locked


def test_that_a_home_was_removed_by_hand_meanwhile_is_told(year: Leavers) -> None:
    year.student("grace-kurt", 20013)
    year.done(year.retire("grace-kurt", until=year.server.clock() + timedelta(days=14)))
    shutil.rmtree(fenced(year.server, 20013))
    back = year.restore("grace-kurt")
    year.done(back)
    assert year.ends(back)["grace-kurt"].text == "there is no home to bring back"


def test_only_who_is_switched_off_can_be_brought_back(year: Leavers) -> None:
    year.student("grace-dora", 20004, at_the_hub=True)
    with pytest.raises(Refused, match="is not switched off: nothing to bring back"):
        year.restore("grace-dora")


def test_what_would_go_on_has_to_be_dropped_before_somebody_comes_back(year: Leavers) -> None:
    year.student("grace-emil", 20005, at_the_hub=True)
    plan = year.retire("grace-emil", until=year.server.clock() + timedelta(days=14))
    year.done(plan)
    runs.events_path(year.server.state, plan.id).unlink()  # as if it had been killed at its end
    os.utime(runs.record_path(year.server.state, plan.id), (1, 1))
    with pytest.raises(Refused, match=f"hubtui journal drop {plan.id}"):
        year.restore("grace-emil")
    assert hubtui("journal", "drop", plan.id).returncode == 0
    year.done(year.restore("grace-emil"))
    assert year.can_log_in("grace-emil")


def test_a_removal_that_was_shown_before_somebody_came_back_does_nothing(year: Leavers) -> None:
    home = year.student("grace-fred", 20006, at_the_hub=True)
    before = digest(home)
    year.done(year.retire("grace-fred", until=year.server.clock() + timedelta(days=14)))
    stale = year.retire("grace-fred")
    year.done(year.restore("grace-fred"))
    assert year.carry_out(stale) is Outcome.CHANGED
    assert "was brought back" in year.ends(stale)["grace-fred"].text
    year.as_ever("grace-fred", before)


def test_who_was_authorised_meanwhile_is_not_removed_by_the_plan_shown_before(
    year: Leavers,
) -> None:
    home = year.student("grace-gina", 20007, at_the_hub=True)
    year.sql("update users_info set is_authorized = 0 where username = 'grace-gina'")
    before = digest(home)
    plan = year.retire("grace-gina")
    year.sql("update users_info set is_authorized = 1 where username = 'grace-gina'")
    assert year.carry_out(plan) is Outcome.CHANGED
    year.as_ever("grace-gina", before)


# --- the command line ---------------------------------------------------------------------------


def test_nobody_is_removed_by_a_yes_alone(year: Leavers) -> None:
    home = year.student("grace-hans", 20008, at_the_hub=True)
    before = digest(home)
    for words in (
        ("--yes",),
        ("--yes", "--course", "Another course"),
        ("--course", "Test course"),  # and nobody at the terminal
        (),
        ("--yes", "--course", "Test course", "--grace", ""),  # a script's empty variable
        ("--yes", "--course", "Test course", "--until", ""),
    ):
        done = hubtui("accounts", "retire", "grace-hans", *words, stdin=subprocess.DEVNULL)
        assert done.returncode == 2, done.stdout
    sure = ("--yes", "--course", "Test course")
    for rule in (("--all-but", ""), ("--all-but", "tutor", "--inactive-since", "")):
        assert hubtui("accounts", "retire", *rule, *sure).returncode == 2
    assert hubtui("accounts", "retire", "grace-hans", "--dry-run").returncode == 0
    year.as_ever("grace-hans", before)


def test_switched_off_and_brought_back_from_the_command_line(year: Leavers) -> None:
    home = year.student("grace-ida", 20009, at_the_hub=True)
    year.student("grace-jan", 20010, at_the_hub=True)
    before = digest(home)
    shown = hubtui("accounts", "retire", "--all-but", "grace-jan", "--grace", "14d", "--dry-run")
    assert "Switch off account grace-ida until" in shown.stdout
    assert "usermod --lock --expiredate 1 -- grace-ida" in shown.stdout
    assert "grace-jan" not in shown.stdout
    words = ("--grace", "14d", "--course", "Test course", "--yes")
    done = hubtui("accounts", "retire", "--all-but", "grace-jan", *words)
    assert done.returncode == 0, done.stderr
    assert not year.can_log_in("grace-ida")
    assert year.can_log_in("grace-jan")
    leaves = {row["name"]: row["leaves"] for row in listing("accounts")}
    assert leaves == {
        "grace-ida": year.seen.leaving["grace-ida"].until,
        "grace-jan": None,
    }
    done = hubtui("accounts", "restore", "grace-ida", "--yes")
    assert done.returncode == 0, done.stderr
    year.as_ever("grace-ida", before)
