"""What was given a date goes by itself then, and not before; what cannot go is told once."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from hubtui import changes, pauses
from hubtui.findings import Finding
from hubtui.glance import students
from hubtui.glance.gather import Ground
from hubtui.leaving import put, read_leaving
from hubtui.plan import runs
from hubtui.plan.plans import Plan
from hubtui.plan.steps import Chain
from hubtui.retire import kept
from hubtui.retire.due import due
from hubtui.retire.overdue import overdue
from hubtui.server import Server
from tests.course_on_disk import hubtui
from tests.leavers import Leavers, digest
from tests.sandboxed import Machine
from tests.yearly import YearsHub

pytestmark = pytest.mark.hub
LATER = timedelta(minutes=1)


@pytest.fixture
def year(years_hub: YearsHub, _machine: Machine) -> Leavers:
    return Leavers.of(years_hub, _machine)


def leaving(year: Leavers, *names: str) -> None:
    """They go in two weeks, and the two weeks are over."""
    for number, name in enumerate(names):
        year.student(name, 20200 + number, at_the_hub=True)
    now = year.server.clock()
    year.done(year.retire(*names, until=now + timedelta(days=14)))
    year.clock(now + timedelta(days=14))


def troubles(year: Leavers) -> list[str]:
    return due(year.server, changes.carry_out)


def test_on_the_day_they_go_and_not_a_minute_before(year: Leavers) -> None:
    stays = digest(year.student("due-eva", 20210, at_the_hub=True))
    leaving(year, "due-anna", "due-bert")
    at = year.server.clock()
    year.clock(at - LATER)
    assert troubles(year) == []
    assert set(read_leaving(year.server.state)) == {"due-anna", "due-bert"}
    year.clock(at)
    assert troubles(year) == []
    year.gone("due-anna", 20200)
    year.gone("due-bert", 20201)
    year.as_ever("due-eva", stays)


def test_an_exam_holds_it(year: Leavers) -> None:
    leaving(year, "exam-anna")
    now = year.server.clock()
    pauses.add_exam(year.server.state, now - LATER, now + LATER, "eva", now - 2 * LATER)
    assert troubles(year) == []
    assert "exam-anna" in read_leaving(year.server.state)
    year.clock(now + LATER)
    assert troubles(year) == []
    year.gone("exam-anna", 20200)


def test_who_was_authorised_again_stays_and_that_is_told_once(year: Leavers) -> None:
    leaving(year, "again-anna", "again-bert")
    year.sql("update users_info set is_authorized = 1 where username = 'again-anna'")
    [told] = troubles(year)
    assert "again-anna is authorised again: bring it back with hubtui accounts restore" in told
    year.gone("again-bert", 20201)
    for hours in (1, 3, 30):
        year.clock(year.server.clock() + timedelta(hours=hours))
        assert troubles(year) == []
    assert read_leaving(year.server.state)["again-anna"].uid == 20200
    year.done(year.restore("again-anna"))
    assert year.can_log_in("again-anna")
    assert troubles(year) == []


def test_who_is_still_here_after_the_date_is_a_finding_until_gone(year: Leavers) -> None:
    leaving(year, "late-anna", "late-bert")
    assert late(year) == []
    year.clock(year.server.clock() + timedelta(minutes=20))
    assert late(year) == ["hubtui due did not run since."] * 2
    year.sql("update users_info set is_authorized = 1 where username = 'late-anna'")
    troubles(year)
    [why] = late(year)
    assert "late-anna is authorised again" in why
    found = findings(year)["students.overdue"]
    assert (found.row, found.do) == ("late-anna", "sudo hubtui accounts retire late-anna")
    year.done(year.retire("late-anna"))
    assert late(year) == []


def late(year: Leavers) -> list[str]:
    return [why for _, why in overdue(year.server, year.seen.leaving)]


def findings(year: Leavers) -> dict[str, Finding]:
    return {one.id: one for one in students.look(Ground(year.server)).findings}


def test_what_fails_is_tried_again_ever_more_rarely(year: Leavers) -> None:
    leaving(year, "hard-anna")
    subprocess.run(["usermod", "--append", "--groups", "sudo", "hard-anna"], check=True)
    [told] = troubles(year)
    assert "hard-anna is due and not removed: hard-anna is in the group sudo" in told
    subprocess.run(["gpasswd", "--delete", "hard-anna", "sudo"], check=True)
    year.clock(year.server.clock() + timedelta(minutes=59))
    assert troubles(year) == []
    assert "hard-anna" in read_leaving(year.server.state)  # an hour is not over yet
    year.clock(year.server.clock() + LATER)
    assert troubles(year) == []
    year.gone("hard-anna", 20200)


def test_a_kill_in_its_middle_is_made_good_by_the_next_minute(year: Leavers) -> None:
    leaving(year, "kill-anna", "kill-bert")

    child = os.fork()
    if child == 0:
        original = changes.chains

        def chains(server: Server, plan: Plan) -> list[Chain]:
            made = original(server, plan)
            [step] = [one for one in made[1].steps if one.kind == "archive"]

            def die() -> Iterator[str]:
                os.kill(os.getpid(), signal.SIGKILL)
                yield ""

            step.do = die  # type: ignore[method-assign]
            return made

        changes.chains = chains
        try:
            troubles(year)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    assert len(unfinished(year)) == 1
    year.gone("kill-anna", 20200)
    assert troubles(year) == []
    year.gone("kill-bert", 20201)
    assert unfinished(year) == []


def unfinished(year: Leavers) -> list[str]:
    """As if every run had begun long ago."""
    for record in (year.server.state / "runs").glob("*.json"):
        os.utime(record, (1, 1))
    return [plan.id for plan in runs.unfinished(year.server.state)]


def test_the_minutely_job_does_it_all(year: Leavers) -> None:
    year.student("job-anna", 20200)
    year.done(year.retire("job-anna", until=year.server.clock() + timedelta(days=14)))
    entry = read_leaving(year.server.state)["job-anna"]
    long_ago = {"since": "2026-01-01T00:00:00Z", "until": "2026-01-15T00:00:00Z"}
    put(year.server.state, msgspec.structs.replace(entry, **long_ago))
    done = hubtui("due")
    assert done.returncode == 0, done.stderr
    year.gone("job-anna", 20200)


def test_an_archive_goes_on_its_day_and_a_disk_that_is_away_is_told_once(year: Leavers) -> None:
    for number, name in enumerate(("old-anna", "old-bert")):
        year.student(name, 20220 + number, at_the_hub=True)
    disk = Path("/root/disk")
    disk.mkdir(mode=0o700)
    mount = ["mount", "-t", "tmpfs", "-o", "mode=0700", "tmpfs", str(disk)]
    subprocess.run(mount, check=True)
    try:
        year.done(year.retire("old-anna"))
        year.done(year.retire("old-bert", archive=disk))
        [here] = [Path(one.path) for one in kept.listed(year.server) if one.uid == 20220]
        now = year.server.clock()
        year.clock(now + timedelta(days=89))
        assert troubles(year) == []
        assert here.exists()
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    for at in (timedelta(days=4000), timedelta(), timedelta(days=91)):  # the first is a mistake
        year.clock(now + at)
        assert troubles(year) == []
        assert here.exists()
    year.clock(now + timedelta(days=91, hours=1))
    [told] = troubles(year)
    assert "its disk is not mounted" in told
    assert not here.exists()
    assert troubles(year) == []
    assert [one.uid for one in kept.listed(year.server)] == [20221]


def test_who_has_the_name_by_now_does_not_go_on_the_day_of_who_had_it(year: Leavers) -> None:
    leaving(year, "due-anna")
    subprocess.run(["userdel", "--", "due-anna"], check=True)  # by hand, in the two weeks
    home = year.prepared("due-anna", 20250)
    before = digest(home)
    (told,) = troubles(year)
    assert "another account" in told
    assert digest(home) == before
    assert year.seen.accounts.by_name["due-anna"].uid == 20250
    assert troubles(year) == []
