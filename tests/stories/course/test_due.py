"""The minutely ``hubtui due``: at its hour, exactly once, whatever is killed; late joiners."""

from __future__ import annotations

import dataclasses
import fcntl
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hubtui import changes
from hubtui.errors import Refused, UsageError
from hubtui.plan import plans, runs
from hubtui.release import chosen, push, schedule, store
from hubtui.release.due import due
from hubtui.release.schedule import Entry, State
from hubtui.release.withdraw import withdraw_plan
from hubtui.students import survey
from hubtui.when import Moment
from tests.course_on_disk import ROSTER, STATE, hubtui
from tests.release_on_disk import SOURCE, Teaching, teach, tree
from tests.sandboxed import Machine

ANNA, BERT = Path("/home/anna/exercises"), Path("/home/bert/exercises")
MONDAY = datetime(2026, 11, 30, 7, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@dataclasses.dataclass
class Course:
    """A course whose clock is turned by the test."""

    teaching: Teaching
    now: datetime = MONDAY - HOUR

    def __post_init__(self) -> None:
        self.server = dataclasses.replace(self.teaching.server, clock=lambda: self.now)
        self.real, self.teaching.server = self.teaching.server, self.server

    def due(self, now: datetime | None = None) -> list[str]:
        """The timer fires."""
        self.now = now or self.now + MINUTE
        return due(self.server, changes.carry_out)

    def schedule(self, *sheets: str, as_of_due: bool = False) -> Entry:
        """For Monday."""
        return schedule.add(
            self.server, sheets, Moment(at=MONDAY, zone="Europe/Berlin"), as_of_due=as_of_due
        )

    def entry(self, id_: str = "s1") -> Entry:
        """As it is in the file."""
        return next(e for e in schedule.entries(self.server) if e.id == id_)

    def runs(self) -> list[str]:
        """The titles of all runs so far."""
        return [
            plans.load(STATE, path.stem).title for path in sorted((STATE / "runs").glob("*.json"))
        ]


@pytest.fixture
def course(machine: Machine) -> Course:
    """Anna and Bert, a sheet, and a timer that has fired once."""
    teaching = teach(machine, "anna", "bert")
    teaching.sheet("week01", {"sheet.ipynb": "one"})
    made = Course(teaching)
    assert made.due() == []
    return made


# --- what keeps a sheet back --------------------------------------------------------------------


def test_one_sheet_of_several_keeps_no_other_back(course: Course) -> None:
    for name in ("week02", "week03", "week04"):
        course.teaching.sheet(name, {"sheet.ipynb": name})
    course.schedule("week01", "week02", "week03")
    course.schedule("week04", as_of_due=True)
    course.now += MINUTE
    course.teaching.sheet("week02", {"sheet.ipynb": "newer, by hand"})
    course.teaching.push("week02")
    said = course.due(MONDAY)
    assert said == ["Not released: a newer version of week02 was released since it was scheduled"]
    assert {"week01/sheet.ipynb", "week03/sheet.ipynb", "week04/sheet.ipynb"} <= set(tree(ANNA))
    assert tree(ANNA)["week02/sheet.ipynb"] == b"newer, by hand"
    assert course.entry("s1").state is State.DONE
    assert (course.entry("s3").sheets, course.entry("s3").state) == ({"week02": 1}, State.ASK)
    assert course.due() == []


def test_a_folder_that_is_gone_at_the_hour_waits_and_the_others_go(course: Course) -> None:
    course.teaching.sheet("week02", {"sheet.ipynb": "two"})
    course.schedule("week01", "week02", as_of_due=True)
    aside = SOURCE / "week01"
    aside.rename(SOURCE.with_name("aside"))
    [sentence] = course.due(MONDAY)
    assert "There is no sheet week01" in sentence
    assert set(tree(ANNA)) == {"week02/sheet.ipynb"}
    SOURCE.with_name("aside").rename(aside)
    assert course.due() == []
    assert set(tree(ANNA)) == {"week01/sheet.ipynb", "week02/sheet.ipynb"}
    assert {e.state for e in schedule.entries(course.server)} == {State.DONE}


def test_what_was_asked_and_then_done_by_hand_is_asked_no_more(course: Course) -> None:
    course.schedule("week01")
    course.teaching.sheet("week01", {"sheet.ipynb": "the next idea, half written"})
    assert len(course.due(MONDAY + 13 * HOUR)) == 1
    [finding] = schedule.findings(course.server)
    assert "--version week01=1" in finding.do
    versions = {"week01": chosen.held(course.server, "week01", 1)}
    plan = push.push_plan(course.server, survey(course.server), versions)
    course.teaching.carry_out(plan)
    assert tree(ANNA) == {"week01/sheet.ipynb": b"one"}
    assert course.due(MONDAY + 14 * HOUR) == []
    assert course.entry().state is State.DONE
    assert schedule.findings(course.server) == []


def test_who_is_blocked_for_days_is_tried_ever_more_rarely(course: Course) -> None:
    ANNA.symlink_to("/etc")
    course.teaching.push("week01")
    before = len(course.runs())
    for hour in range(1, 73):
        course.due(MONDAY + hour * HOUR)
    assert 3 <= len(course.runs()) - before <= 6
    ANNA.unlink()
    course.due(MONDAY + 97 * HOUR)
    assert set(tree(ANNA)) == {"week01/sheet.ipynb"}


def test_a_roster_that_cannot_be_read_is_said_and_those_known_get_theirs(course: Course) -> None:
    course.schedule("week01")
    ROSTER.unlink()
    ROSTER.mkdir()
    said = course.due(MONDAY)
    assert said
    assert "roster" in said[0]
    assert tree(ANNA) == {"week01/sheet.ipynb": b"one"}


# --- at its hour --------------------------------------------------------------------------------


def test_it_is_released_at_its_hour_and_once(course: Course) -> None:
    course.schedule("week01")
    assert course.due(MONDAY - MINUTE) == []
    assert not ANNA.exists()
    assert course.due(MONDAY) == []
    assert tree(ANNA) == tree(BERT) == {"week01/sheet.ipynb": b"one"}
    assert course.entry().state is State.DONE
    for _ in range(3):
        assert course.due() == []
    assert course.runs() == ["Release week01 to 2 students"]


def test_what_was_looked_at_is_released_whatever_the_tutor_writes_meanwhile(
    course: Course,
) -> None:
    entry = course.schedule("week01")
    assert schedule.changed_since(course.server, entry) == []
    course.teaching.sheet("week01", {"sheet.ipynb": "half of an idea"})
    texts = [finding.text for finding in schedule.findings(course.server)]
    assert texts == ["week01 was changed since it was scheduled: the older one is released."]
    course.due(MONDAY)
    assert tree(ANNA) == {"week01/sheet.ipynb": b"one"}


def test_the_newer_one_can_be_taken(course: Course) -> None:
    course.schedule("week01")
    course.teaching.sheet("week01", {"sheet.ipynb": "two"})
    assert schedule.take_newer(course.server, "week01").sheets == {"week01": 2}
    assert schedule.findings(course.server) == []
    course.due(MONDAY)
    assert tree(ANNA) == {"week01/sheet.ipynb": b"two"}


def test_a_file_that_was_only_saved_again_is_no_change(course: Course) -> None:
    entry = course.schedule("week01")
    os.utime(SOURCE / "week01/sheet.ipynb", (1, 1))
    assert schedule.changed_since(course.server, entry) == []


def test_as_of_due_is_read_at_the_hour(course: Course) -> None:
    course.schedule("week01", as_of_due=True)
    course.teaching.sheet("week01", {"sheet.ipynb": "the last word"})
    assert schedule.findings(course.server) == []
    course.due(MONDAY)
    assert tree(ANNA) == {"week01/sheet.ipynb": b"the last word"}
    assert course.entry().sheets == {"week01": 1}


def test_a_sheet_that_cannot_be_read_at_the_hour_is_said_once_and_tried_again(
    course: Course,
) -> None:
    course.schedule("week01", as_of_due=True)
    SOURCE.rename(SOURCE.with_name("elsewhere"))
    [sentence] = course.due(MONDAY)
    assert sentence.startswith("week01: ")
    assert course.due() == []
    SOURCE.with_name("elsewhere").rename(SOURCE)
    assert course.due() == []
    assert tree(ANNA) == {"week01/sheet.ipynb": b"one"}


def test_after_a_night_without_power_it_is_released_after_half_a_day_asked(course: Course) -> None:
    course.teaching.sheet("week02", {"two.ipynb": "two"})
    course.schedule("week01")
    assert course.due(MONDAY + 11 * HOUR) == []
    assert tree(ANNA) == {"week01/sheet.ipynb": b"one"}
    course.due(MONDAY - HOUR)
    course.schedule("week02")
    [sentence] = course.due(MONDAY + 13 * HOUR)
    assert sentence == (
        "week02 was not released: it was due 13 hours ago, and hubtui due did not run."
    )
    assert course.due() == []
    assert "week02/two.ipynb" not in tree(ANNA)
    [finding] = schedule.findings(course.server)
    push = "hubtui release push --version week02=1"
    assert finding.do == f"{push}, or: hubtui release unschedule s2"
    schedule.cancel(course.server, "week02")
    assert schedule.findings(course.server) == []


def test_a_release_at_work_is_waited_for(course: Course) -> None:
    course.schedule("week01")
    (STATE / "locks").mkdir(exist_ok=True)
    with (STATE / "locks/release").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert course.due(MONDAY) == []
        assert course.entry().state is State.WAITING
    assert course.due() == []
    assert course.entry().state is State.DONE


def test_a_run_that_found_the_lock_taken_is_begun_anew(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    course.schedule("week01")
    monkeypatch.setattr("hubtui.release.due.is_held", lambda _: False)
    with (STATE / "locks/release").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert course.due(MONDAY) == []
    assert course.entry().state is State.WAITING
    assert course.due() == []
    assert tree(ANNA) == {"week01/sheet.ipynb": b"one"}


def test_nothing_goes_back_to_an_older_version(course: Course) -> None:
    course.schedule("week01")
    course.teaching.sheet("week01", {"sheet.ipynb": "two"})
    course.teaching.push("week01")
    [sentence] = course.due(MONDAY)
    assert "a newer version of week01 was released" in sentence
    assert tree(ANNA) == {"week01/sheet.ipynb": b"two"}


def test_what_was_withdrawn_meanwhile_stays_so(course: Course) -> None:
    course.schedule("week01")
    course.teaching.push("week01")
    server = course.teaching.server
    course.teaching.carry_out(withdraw_plan(server, survey(server), "week01"))
    [sentence] = course.due(MONDAY)
    assert "week01 was withdrawn since it was scheduled" in sentence
    assert tree(ANNA) == {}


# --- the list -----------------------------------------------------------------------------------


def test_a_sheet_is_scheduled_once(course: Course) -> None:
    course.teaching.sheet("week02", {"two.ipynb": "two"})
    course.schedule("week01", "week02")
    course.schedule("week02")
    found = {entry.id: list(entry.sheets) for entry in schedule.entries(course.server)}
    assert found == {"s1": ["week01"], "s2": ["week02"]}
    assert list(schedule.cancel(course.server, "s2").sheets) == ["week02"]
    with pytest.raises(UsageError, match="week02 is not scheduled"):
        schedule.cancel(course.server, "week02")
    course.due(MONDAY)
    assert tree(ANNA) == {"week01/sheet.ipynb": b"one"}


def test_without_a_timer_nothing_can_be_scheduled(course: Course) -> None:
    course.now += HOUR
    with pytest.raises(Refused, match="sudo hubtui install timers"):
        course.schedule("week01")
    schedule.due_path(course.server).unlink()
    with pytest.raises(Refused, match="sudo hubtui install timers"):
        course.schedule("week01")


def test_a_schedule_whose_timer_stopped_is_a_finding(course: Course) -> None:
    course.schedule("week01")
    course.now += HOUR
    assert [finding.do for finding in schedule.findings(course.server)] == ["hubtui install timers"]


def test_a_sheet_that_is_not_there_is_refused(course: Course) -> None:
    for as_of_due in (False, True):
        with pytest.raises(Refused, match="no sheet week99"):
            course.schedule("week99", as_of_due=as_of_due)


# --- who lacks something ------------------------------------------------------------------------


def test_who_comes_late_catches_up(course: Course) -> None:
    course.teaching.push("week01")
    assert course.due() == []
    assert course.runs() == ["Release week01 to 2 students"]
    course.teaching.student("carla", 20003)
    assert course.due() == []
    assert tree(Path("/home/carla/exercises")) == {"week01/sheet.ipynb": b"one"}
    assert course.due() == []
    assert course.runs()[1:] == ["Catch up 1 student"]


def test_who_cannot_be_given_anything_is_not_tried_each_minute(course: Course) -> None:
    course.teaching.push("week01")
    home = course.teaching.student("carla", 20003)
    os.chown(home, 20001, 20001)
    assert course.due() == []
    for _ in range(5):
        assert course.due() == []
    assert course.runs()[1:] == ["Catch up 1 student"]
    os.chown(home, 20003, 20003)
    assert course.due(course.now + HOUR) == []
    assert tree(home / "exercises") == {"week01/sheet.ipynb": b"one"}


def test_a_blocked_student_keeps_nobody_waiting_and_gets_it_later(course: Course) -> None:
    ANNA.mkdir()
    (ANNA / "week01").symlink_to("/etc")
    course.schedule("week01")
    [sentence] = course.due(MONDAY)
    assert sentence.startswith("week01 was released: ")
    assert "1 failed" in sentence
    assert tree(BERT) == {"week01/sheet.ipynb": b"one"}
    (ANNA / "week01").unlink()
    os.chown(ANNA, 20001, 20001)
    assert course.due(MONDAY + HOUR + MINUTE) == []
    assert tree(ANNA) == {"week01/sheet.ipynb": b"one"}


def test_catching_up_never_holds_up_a_release_at_its_hour(course: Course) -> None:
    course.teaching.push("week01")
    course.teaching.sheet("week02", {"two.ipynb": "two"})
    course.schedule("week02")
    course.teaching.student("carla", 20003)
    assert course.due(MONDAY - MINUTE) == []
    assert not Path("/home/carla/exercises").exists()
    assert course.due(MONDAY) == []
    assert set(tree(Path("/home/carla/exercises"))) == {"week01/sheet.ipynb", "week02/two.ipynb"}


def test_a_trial_is_nobody_elses(course: Course) -> None:
    course.teaching.push("week01", to=["anna"])
    assert course.due() == []
    assert not BERT.exists()


# --- as a program -------------------------------------------------------------------------------


def soon(course: Course) -> None:
    """Schedule the first sheet by the real clock, a minute ago."""
    assert hubtui("due").returncode == 0
    at = datetime.now(UTC) - MINUTE
    schedule.add(course.real, ["week01"], Moment(at=at, zone="UTC"))


def test_it_is_quiet_where_there_is_nothing_to_do(course: Course) -> None:
    done = hubtui("due")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_two_at_once_do_it_once(course: Course) -> None:
    soon(course)
    words = [sys.executable, "-I", "-m", "hubtui", "due"]
    pair = [subprocess.Popen(words, stderr=subprocess.PIPE) for _ in range(2)]
    assert [(one.wait(60), one.communicate()[1]) for one in pair] == [(0, b""), (0, b"")]
    assert course.runs() == ["Release week01 to 2 students"]
    assert tree(ANNA) == {"week01/sheet.ipynb": b"one"}


def test_a_broken_schedule_is_one_sentence(course: Course) -> None:
    schedule.path(course.server).write_text("{")
    done = hubtui("due")
    assert done.returncode == 1
    assert done.stderr.startswith("hubtui: /var/lib/hubtui/schedule.json is broken")
    assert done.stderr.count("\n") == 1


def test_without_root_it_says_so(course: Course) -> None:
    done = hubtui("due", user="anna", cwd="/")
    assert done.returncode == 1
    assert "needs root" in done.stderr


KILLED = """
import os, signal, sys
left = int(sys.argv[1])
def strike(event, args):
    global left
    writes = event == "open" and str(args[0]).startswith("/var/lib/hubtui")
    writes = writes and args[2] & (os.O_WRONLY | os.O_RDWR)
    if writes or event in ("os.rename", "subprocess.Popen", "sqlite3.connect"):
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(strike)
from hubtui.cli.main import main
sys.exit(main(["due"]))
"""


def killed_at(point: int) -> int:
    """Run ``hubtui due`` and kill it before it writes for the ``point``-th time."""
    return subprocess.run([sys.executable, "-c", KILLED, str(point)], timeout=60).returncode


def minutes_later(sheet: str, server: object) -> None:
    """The timer fires until nothing is left to do; a run killed just now waits for the next."""
    for record in (STATE / "runs").glob("*.json"):
        then = time.time() - 60
        os.utime(record, (then, then))
    for _ in range(3):
        done = hubtui("due")
        assert (done.returncode, done.stderr) == (0, "")


def test_killed_at_any_point_it_is_released_exactly_once(course: Course) -> None:
    """Each round a new sheet, killed a little later, until nothing is left to be killed."""
    assert hubtui("due").returncode == 0
    point, step, struck = 1, 3, 0
    while True:
        sheet = f"sheet{point:03}"
        course.teaching.sheet(sheet, {"a.ipynb": sheet, "data/b.csv": "1,2\n"})
        server = course.real
        moment = Moment(at=datetime.now(UTC) - MINUTE, zone="UTC")
        schedule.add(server, [sheet], moment)
        before = len(course.runs())
        code = killed_at(point)
        assert code in (0, -9)
        minutes_later(sheet, server)
        [entry] = [e for e in schedule.entries(server) if sheet in e.sheets]
        assert entry.state is State.DONE, (point, entry)
        expected = {"a.ipynb": sheet.encode(), "data/b.csv": b"1,2\n"}
        for home in (ANNA, BERT):
            assert tree(home / sheet) == expected, point
        assert len(course.runs()) - before == 1, point
        assert runs.life(STATE, entry.run) is runs.Life.OVER
        record = store.record(server, sheet)
        assert record is not None
        assert [v.fate for v in record.versions] == [store.Fate.RELEASED]
        if code == 0:
            break
        struck += 1
        point += step
    assert struck > 8
    assert runs.unfinished(STATE) == []


def test_a_run_given_up_by_a_person_is_not_begun_again(course: Course) -> None:
    soon(course)
    plan_id = ""
    for point in range(8, 40, 2):
        assert killed_at(point) == -9
        plan_id = schedule.entries(course.real)[0].run
        if plan_id and runs.record_path(STATE, plan_id).exists():
            break
    then = time.time() - 60
    os.utime(runs.record_path(STATE, plan_id), (then, then))
    runs.drop(STATE, plan_id, datetime.now(UTC))
    said = hubtui("due")
    assert (said.returncode, said.stderr) == (
        1,
        "hubtui: week01 was not released: its run was dropped.\n",
    )
    minutes_later("week01", course.server)
    [entry] = schedule.entries(course.real)
    assert entry.state is State.ASK
    assert len(course.runs()) == 1
