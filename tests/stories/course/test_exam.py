"""An exam: what waits for its end and then goes by itself, what does not wait, and the commands."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from textual.widgets import Button, Static

from hubtui import changes, pauses
from hubtui import course as courses
from hubtui.decline import discard_plan
from hubtui.events import Event, Follower, Outcome, What
from hubtui.plan import plans, runs
from hubtui.release import schedule
from hubtui.release.due import due
from hubtui.release.schedule import Entry, State
from hubtui.release.withdraw import withdraw_plan
from hubtui.server import server_of
from hubtui.state import write_document
from hubtui.students import survey
from hubtui.tui.app import HubtuiApp
from hubtui.tui.dialogs import UnfinishedDialog
from hubtui.tui.release import ReleasePane
from hubtui.when import Moment
from tests.course_on_disk import CONFIG, STATE, CourseOnDisk, hubtui
from tests.piloted import back, confirmed, eventually, pane, plan, shows
from tests.release_on_disk import Teaching, teach, tree
from tests.sandboxed import Machine

ANNA = Path("/home/anna/exercises")
NINE = datetime(2026, 11, 30, 8, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@dataclasses.dataclass
class Exam:
    """A course whose clock is turned by the test; an exam from nine to eleven, with its sheet."""

    teaching: Teaching
    now: datetime = NINE - HOUR

    def __post_init__(self) -> None:
        self.server = dataclasses.replace(self.teaching.server, clock=lambda: self.now)
        self.teaching.server = self.server
        pauses.add_exam(STATE, NINE, NINE + 2 * HOUR, "ada", self.now, sheet="exam")

    def due(self, now: datetime | None = None) -> list[str]:
        """The timer fires."""
        self.now = now or self.now + MINUTE
        return due(self.server, changes.carry_out)

    def schedule(self, *sheets: str) -> None:
        """For nine."""
        schedule.add(self.server, sheets, Moment(at=NINE, zone="Europe/Berlin"))

    def entry(self, id_: str) -> Entry:
        return next(e for e in schedule.entries(self.server) if e.id == id_)


@pytest.fixture
def teaching(machine: Machine) -> Teaching:
    """Anna and Bert, an exercise and an exam."""
    teaching = teach(machine, "anna", "bert")
    for name in ("exam", "week01"):
        teaching.sheet(name, {"sheet.ipynb": name})
    return teaching


@pytest.fixture
def exam(teaching: Teaching) -> Exam:
    made = Exam(teaching)
    assert made.due() == []
    return made


# --- what is scheduled --------------------------------------------------------------------------


def test_the_exam_s_own_sheet_goes_at_its_hour_and_the_others_after_it(exam: Exam) -> None:
    exam.schedule("week01")
    exam.schedule("exam")
    assert exam.due(NINE) == []
    assert set(tree(ANNA)) == {"exam/sheet.ipynb"}
    assert exam.entry("s1").state is State.WAITING
    assert exam.entry("s1").why.startswith("An exam runs until ")
    for minute in range(1, 120, 17):
        assert exam.due(NINE + minute * MINUTE) == []
    assert set(tree(ANNA)) == {"exam/sheet.ipynb"}
    assert exam.due(NINE + 2 * HOUR) == []
    assert set(tree(ANNA)) == {"exam/sheet.ipynb", "week01/sheet.ipynb"}
    assert (exam.entry("s1").state, exam.entry("s1").why) == (State.DONE, "")


def test_an_entry_with_another_sheet_in_it_waits_whole(exam: Exam) -> None:
    exam.schedule("week01", "exam")
    exam.due(NINE)
    assert not ANNA.exists()
    exam.due(NINE + 2 * HOUR)
    assert set(tree(ANNA)) == {"exam/sheet.ipynb", "week01/sheet.ipynb"}


def test_an_exam_of_a_day_makes_nothing_late(exam: Exam) -> None:
    pauses.add_exam(STATE, NINE, NINE + 24 * HOUR, "ada", exam.now)
    exam.schedule("week01")
    exam.due(NINE)
    assert exam.due(NINE + 24 * HOUR + MINUTE) == []
    assert exam.entry("s1").state is State.DONE


def test_who_comes_late_gets_the_exam_s_sheet_and_the_others_afterwards(exam: Exam) -> None:
    exam.teaching.push("week01")
    exam.schedule("exam")
    exam.due(NINE)
    carl = exam.teaching.student("carl", 20003) / "exercises"
    exam.due()
    assert set(tree(carl)) == {"exam/sheet.ipynb"}
    exam.due(NINE + 2 * HOUR)
    assert set(tree(carl)) == {"exam/sheet.ipynb", "week01/sheet.ipynb"}


def test_a_file_that_cannot_be_read_is_said_once_and_releases_nothing(exam: Exam) -> None:
    exam.schedule("week01")
    whole = pauses.path(STATE).read_bytes()
    pauses.path(STATE).write_bytes(b"{")
    [said] = exam.due(NINE)
    assert "pauses.json is broken" in said
    assert not ANNA.exists()
    assert exam.due() == []
    pauses.path(STATE).write_bytes(whole)
    assert exam.due(NINE + 2 * HOUR) == []
    assert set(tree(ANNA)) == {"week01/sheet.ipynb"}


# --- what was confirmed before ------------------------------------------------------------------


def ended(exam: Exam, plan: plans.Plan) -> list[Event]:
    return [e for e in Follower(runs.events_path(STATE, plan.id)).new() if e.event is What.END]


def test_a_release_that_was_confirmed_before_does_not_slip_into_an_exam(exam: Exam) -> None:
    plan = exam.teaching.plan("week01")
    exam.now = NINE
    assert exam.teaching.carry_out(plan) is Outcome.HELD
    assert not ANNA.exists()
    assert {e.outcome for e in ended(exam, plan)} == {Outcome.HELD}
    assert "An exam runs until" in ended(exam, plan)[0].text
    assert runs.life(STATE, plan.id) is runs.Life.OVER
    aware = changes.aware(exam.server, exam.teaching.plan("week01"))
    assert aware.during_exam
    assert exam.teaching.carry_out(aware) is Outcome.DONE
    assert set(tree(ANNA)) == {"week01/sheet.ipynb"}


def test_the_exam_s_own_sheet_is_released_and_withdrawn_by_hand(exam: Exam) -> None:
    exam.now = NINE
    plan = exam.teaching.plan("exam")
    assert changes.aware(exam.server, plan) == plan
    assert exam.teaching.carry_out(plan) is Outcome.DONE
    plan = withdraw_plan(exam.server, survey(exam.server), "exam")
    assert exam.teaching.carry_out(plan) is Outcome.DONE
    assert not tree(ANNA)


def test_a_sign_up_is_discarded_during_an_exam(exam: Exam) -> None:
    exam.now = NINE
    CourseOnDisk(exam.server).sign_up("anan")
    plan = discard_plan(exam.server, survey(exam.server).sign_ups)
    assert exam.teaching.carry_out(plan) is Outcome.DONE


@pytest.mark.parametrize("kind", sorted(changes.CHANGES))
def test_of_every_change_it_was_decided_whether_it_waits(kind: str) -> None:
    assert changes.CHANGES[kind].waits == (kind in ("push", "withdraw", "repair", "retire"))


def test_what_a_kill_left_goes_on_after_the_exam(exam: Exam) -> None:
    exam.schedule("week01")
    killed: list[str] = []

    def kill(_server: object, run: str) -> Outcome:
        killed.append(run)
        os.utime(runs.record_path(STATE, run), (0, 0))
        return Outcome.FAILED

    exam.now = NINE - MINUTE
    entry = exam.entry("s1")
    with schedule.changing(exam.server) as (now, write):
        write(schedule.with_entry(now, msgspec.structs.replace(entry, when="2026-11-30T07:59:00Z")))
    due(exam.server, kill)
    assert len(killed) == 1
    assert exam.due(NINE + MINUTE) == []
    assert not ANNA.exists()
    exam.due(NINE + 2 * HOUR)
    assert set(tree(ANNA)) == {"week01/sheet.ipynb"}


# --- the command line ---------------------------------------------------------------------------


@pytest.fixture
def now_runs(teaching: Teaching) -> Teaching:
    """An exam runs at this moment, by course.yaml."""
    begin, end = datetime.now(UTC) - HOUR, datetime.now(UTC) + 2 * HOUR
    dates = f"[{{from: {begin:%Y-%m-%d %H:%M}, to: {end:%Y-%m-%d %H:%M}, sheet: exam}}]"
    with CONFIG.open("a") as file:
        file.write(f"timezone: UTC\nexam: {{dates: {dates}}}\n")
    return teaching


def test_a_release_is_refused_with_the_sentence_and_done_all_the_same_on_demand(
    now_runs: Teaching,
) -> None:
    for words in (["push", "week01"], ["push", "week01", "exam"]):
        done = hubtui("release", *words, "--yes")
        assert done.returncode == 1
        assert "An exam runs until" in done.stderr
        assert "--during-exam" in done.stderr
    seen = hubtui("release", "push", "week01", "--dry-run")
    assert (seen.returncode, seen.stderr[:14]) == (0, "! An exam runs")
    assert not ANNA.exists()
    assert hubtui("release", "push", "exam", "--yes").returncode == 0
    assert hubtui("release", "push", "week01", "--yes", "--during-exam").returncode == 0
    assert set(tree(ANNA)) == {"exam/sheet.ipynb", "week01/sheet.ipynb"}
    assert hubtui("release", "withdraw", "week01", "--yes").returncode == 1
    assert hubtui("release", "withdraw", "exam", "--yes").returncode == 0
    assert hubtui("release", "withdraw", "week01", "--yes", "--during-exam").returncode == 0


def test_a_student_who_comes_late_is_approved_and_gets_the_exam(now_runs: Teaching) -> None:
    assert hubtui("release", "push", "exam", "--yes").returncode == 0
    CourseOnDisk(now_runs.server).sign_up("carl")
    done = hubtui("signups", "approve", "carl", "--yes")
    assert "An exam" not in done.stdout + done.stderr
    assert Path("/home/carl/exercises/exam/sheet.ipynb").read_text() == "exam"


def test_an_unfinished_release_is_gone_on_with_after_the_exam(now_runs: Teaching) -> None:
    plan = now_runs.plan("week01")
    plans.save(STATE, plan)
    write_document(
        runs.record_path(STATE, plan.id), runs.RunRecord(id=plan.id, by="test", at=plan.at)
    )
    os.utime(runs.record_path(STATE, plan.id), (0, 0))
    done = hubtui("journal", "resume", plan.id)
    assert (done.returncode, "An exam runs until" in done.stderr) == (1, True)
    assert plan.id in hubtui("journal", "unfinished").stdout
    done = hubtui("journal", "resume", plan.id, "--during-exam")
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(tree(ANNA)) == {"week01/sheet.ipynb"}


def test_pause_and_exam_from_the_command_line(teaching: Teaching) -> None:
    done = hubtui("-h")
    assert "notify" in done.stdout
    said = say("pause", "2h", "--why", "a new kernel")
    assert re.fullmatch(r"The watchdog is paused until .*\.\n", said)
    held = pauses.paused(STATE, datetime.now(UTC))
    assert held is not None
    assert held.why == "a new kernel"
    assert "it was paused by" in say("resume")
    assert say("resume") == "The watchdog was not paused.\n"
    assert say("pause") == "The watchdog is paused, until: hubtui watchdog resume\n"
    assert "no time" in say("pause", "soon", code=2)
    assert say("exam") == "There is no exam.\n"
    said = say("exam", "tomorrow", "09:00-11:00", "--sheet", "exam", "--students", "40")
    found = re.fullmatch(r"Entered: an exam .*, 09:00 \(.*\) to 11:00 \((e\d+)\)\.\n", said)
    assert found
    assert found[1] in say("exam", "--list")
    [row] = json.loads(say("exam", "--json"))["exams"]
    assert (row["id"], row["students"], row["sheet"]) == (found[1], 40, "exam")
    assert "Say a time" in say("exam", "--drop", "e1", "--list", code=2)
    assert "There is no exam e1 " in say("exam", "--drop", "e1", code=1)
    assert say("exam", "--drop", found[1]).startswith("Taken back: the exam ")
    assert say("exam") == "There is no exam.\n"


def say(*words: str, code: int = 0) -> str:
    """What one of the watchdog's verbs says."""
    done = hubtui("watchdog", *words)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


# --- the app ------------------------------------------------------------------------------------


async def test_the_app_says_that_an_exam_runs_and_cancel_comes_first(now_runs: Teaching) -> None:
    app = HubtuiApp(server_of(courses.load(CONFIG)), CONFIG, pane="release")
    async with app.run_test(size=(100, 30)) as pilot:
        for sheet, warned in (("week01", True), ("exam", False)):
            await shows(pilot, sheet, "not released")
            pane(pilot).table.move_to(sheet)
            await pilot.press("p")
            dialog = await plan(pilot)
            said = [str(one.render()) for one in dialog.query(".warning").results(Static)]
            assert any("An exam holds this" in one for one in said) is warned
            first = dialog.query(Button).first().id
            assert first == ("no" if warned else "yes")
            await back(pilot)
        pane(pilot).table.move_to("week01")
        await pilot.press("p")
        run = await confirmed(pilot, "tab", "tab", "enter")
        assert run.outcome is Outcome.DONE
    assert set(tree(ANNA)) == {"week01/sheet.ipynb"}


async def test_the_app_does_not_go_on_with_what_waits(now_runs: Teaching) -> None:
    left = now_runs.plan("week01")
    plans.save(STATE, left)
    record = runs.RunRecord(id=left.id, by="test", at=left.at)
    write_document(runs.record_path(STATE, left.id), record)
    os.utime(runs.record_path(STATE, left.id), (0, 0))
    app = HubtuiApp(server_of(courses.load(CONFIG)), CONFIG, pane="release")
    async with app.run_test(size=(100, 30)) as pilot:
        await eventually(pilot, lambda: isinstance(pilot.app.screen, UnfinishedDialog))
        await pilot.click("#continue")
        await eventually(pilot, lambda: isinstance(pilot.app.screen, ReleasePane))
        await pilot.pause(0.5)
    assert runs.life(STATE, left.id) is runs.Life.UNFINISHED
    assert not ANNA.exists()
