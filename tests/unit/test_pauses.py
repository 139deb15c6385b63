"""Pause and exam: what holds at a moment, in the course's own time, and from a broken file."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hubtui import pauses
from hubtui.course import Accounts, Course, ExamDate, Hub
from hubtui.course import Exam as Exams
from hubtui.errors import Refused, StateError, UsageError
from hubtui.plan.journal import read_journal

NOW = datetime(2027, 2, 1, 8, 30, tzinfo=UTC)  # 09:30 in Berlin
HOUR = timedelta(hours=1)


def course(*dates: ExamDate) -> Course:
    return Course(
        course="Statistics 1",
        hub=Hub(database="/srv/hub.sqlite"),
        accounts=Accounts(group="all_user"),
        exam=Exams(dates=dates),
        timezone="Europe/Berlin",
    )


EXAM = ExamDate(from_="2027-02-01 09:00", to="2027-02-01 11:00", students=40, sheet="exam")


# --- pause --------------------------------------------------------------------------------------


def test_a_pause_holds_until_its_time_is_over(tmp_path: Path) -> None:
    pauses.pause(tmp_path, NOW + HOUR, "ada", "a new kernel", NOW)
    found = pauses.paused(tmp_path, NOW + HOUR - timedelta(seconds=1))
    assert found is not None
    assert (found.by, found.why, found.until) == ("ada", "a new kernel", NOW + HOUR)
    assert pauses.paused(tmp_path, NOW + HOUR) is None


def test_a_pause_without_an_end_holds_until_it_is_ended(tmp_path: Path) -> None:
    pauses.pause(tmp_path, None, "ada", "", NOW)
    assert pauses.paused(tmp_path, NOW + 1000 * HOUR) is not None
    ended = pauses.resume(tmp_path, "bob", NOW + HOUR)
    assert ended is not None
    assert ended.by == "ada"
    assert pauses.paused(tmp_path, NOW + HOUR) is None
    assert pauses.resume(tmp_path, "bob", NOW + HOUR) is None
    assert [(e.kind, e.by) for e in read_journal(tmp_path)] == [("pause", "ada"), ("resume", "bob")]


def test_the_last_pause_holds(tmp_path: Path) -> None:
    pauses.pause(tmp_path, None, "ada", "", NOW)
    pauses.pause(tmp_path, NOW + HOUR, "bob", "", NOW)
    assert pauses.paused(tmp_path, NOW + 2 * HOUR) is None


def test_a_pause_that_is_over_before_it_begins_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="over"):
        pauses.pause(tmp_path, NOW, "ada", "", NOW)
    assert not pauses.path(tmp_path).exists()


def test_what_is_said_of_a_pause_is_safe_to_show(tmp_path: Path) -> None:
    assert "\x1b" not in pauses.pause(tmp_path, None, "ada", "a\x1b[2Jb", NOW).why


# --- exams --------------------------------------------------------------------------------------


def test_an_exam_of_the_course_runs_by_the_course_s_clocks(tmp_path: Path) -> None:
    one = course(EXAM)
    begin, end = datetime(2027, 2, 1, 8, tzinfo=UTC), datetime(2027, 2, 1, 10, tzinfo=UTC)
    assert pauses.exam_at(one, tmp_path, begin - timedelta(seconds=1)) is None
    assert pauses.exam_at(one, tmp_path, end) is None
    found = pauses.exam_at(one, tmp_path, begin)
    assert found == pauses.Exam(
        from_=begin, to=end, students=40, sheet="exam", source=pauses.FROM_COURSE
    )


@pytest.mark.parametrize(
    ("from_", "to", "begin", "end"),
    [
        # clocks forward on 28 March 2027 at 02:00
        ("2027-03-28 01:30", "2027-03-28 03:30", (0, 30), (1, 30)),
        ("2027-03-28 02:30", "2027-03-28 04:00", (1, 30), (2, 0)),
        # clocks back on 31 October 2027 at 03:00: what is twice counts from the first to the last
        ("2027-10-31 02:30", "2027-10-31 02:45", (0, 30), (1, 45)),
    ],
)
def test_the_day_that_the_clocks_change(
    tmp_path: Path, from_: str, to: str, begin: tuple[int, int], end: tuple[int, int]
) -> None:
    [exam] = pauses.exams(course(ExamDate(from_=from_, to=to)), tmp_path)
    assert ((exam.from_.hour, exam.from_.minute), (exam.to.hour, exam.to.minute)) == (begin, end)


def test_an_exam_of_no_year_that_anybody_lives_in_stops_no_check(tmp_path: Path) -> None:
    dates = (
        ExamDate(from_="0001-01-01 00:00", to="0001-01-01 01:00"),
        ExamDate(from_="9999-12-31 23:00", to="9999-12-31 23:59"),
    )
    assert pauses.look(course(*dates), tmp_path, NOW).exam is None


def test_exams_by_hand_stand_beside_those_of_the_course(tmp_path: Path) -> None:
    late = pauses.add_exam(tmp_path, NOW + 5 * HOUR, NOW + 6 * HOUR, "ada", NOW, students=3)
    early = pauses.add_exam(tmp_path, NOW - 2 * HOUR, NOW + HOUR / 4, "ada", NOW)
    found = pauses.exams(course(EXAM), tmp_path)
    assert [exam.id for exam in found] == [early.id, "", late.id]
    running = pauses.exam_at(course(EXAM), tmp_path, NOW)
    assert running is not None
    assert running.source == pauses.FROM_COURSE, "of two the one that ends last"
    assert pauses.drop_exam(tmp_path, late.id, "ada", NOW) == late
    assert late not in pauses.exams(course(EXAM), tmp_path)
    with pytest.raises(Refused, match="no exam"):
        pauses.drop_exam(tmp_path, late.id, "ada", NOW)


@pytest.mark.parametrize("to", [NOW - 2 * HOUR, NOW - HOUR, NOW - HOUR / 2, NOW])
def test_an_exam_that_is_over_or_has_no_length_is_refused(tmp_path: Path, to: datetime) -> None:
    with pytest.raises(UsageError):
        pauses.add_exam(tmp_path, NOW - HOUR, to, "ada", NOW)


def test_an_exam_long_over_goes_when_another_is_entered(tmp_path: Path) -> None:
    old = pauses.add_exam(tmp_path, NOW, NOW + HOUR, "ada", NOW)
    later = NOW + timedelta(days=31)
    new = pauses.add_exam(tmp_path, later, later + HOUR, "ada", later)
    assert old.id != new.id
    assert pauses.exams(course(), tmp_path) == [new]


# --- what is held -------------------------------------------------------------------------------


def test_what_can_wait_is_held_and_the_exam_s_own_sheet_is_not(tmp_path: Path) -> None:
    one = course(EXAM)
    assert pauses.held(one, tmp_path, NOW) == (
        "An exam runs until 11:00: releases, repairs and removals wait until it is over."
    )
    assert pauses.held(one, tmp_path, NOW, ["exam"]) == ""
    assert pauses.held(one, tmp_path, NOW, ["exam", "week05"])
    assert pauses.held(one, tmp_path, NOW, []), "nothing is no sheet of the exam"
    assert pauses.held(one, tmp_path, NOW + 2 * HOUR) == ""


def test_an_exam_over_midnight_says_its_day(tmp_path: Path) -> None:
    one = course(ExamDate(from_="2027-02-01 09:00", to="2027-02-02 11:00"))
    assert "until Tue 02 Feb, 11:00" in pauses.held(one, tmp_path, NOW)


# --- a broken file ------------------------------------------------------------------------------

BROKEN = [
    b"",
    b"{",
    b"\xff\xfe",
    b"[]",
    b'{"format": 2}',
    b'{"format": 1, "pause": {"at": "2027-02-01T08:00:00", "by": "no zone"}}',
    b'{"format": 1, "pause": 3}',
]


@pytest.mark.parametrize("content", BROKEN)
def test_a_broken_file_stops_no_check_and_is_named(tmp_path: Path, content: bytes) -> None:
    pauses.path(tmp_path).write_bytes(content)
    with pytest.raises(StateError, match="pauses"):
        pauses.paused(tmp_path, NOW)
    seen = pauses.look(course(EXAM), tmp_path, NOW)
    assert seen.pause is None
    assert seen.exam is not None, "exams of course.yaml are known all the same"
    assert "pauses.json" in seen.trouble
    with pytest.raises(StateError):
        pauses.pause(tmp_path, None, "ada", "", NOW)
    assert pauses.path(tmp_path).read_bytes() == content, "it is left as it is"


def test_what_an_exam_held_is_late_from_its_end_on(tmp_path: Path) -> None:
    end = datetime(2027, 2, 1, 10, tzinfo=UTC)
    assert pauses.last_end(course(EXAM), tmp_path, end) == end
    assert pauses.last_end(course(EXAM), tmp_path, NOW) < end - timedelta(days=10_000)


def test_a_file_that_is_well_is_no_trouble(tmp_path: Path) -> None:
    assert pauses.look(course(), tmp_path, NOW) == pauses.Look(None, None, "")


def test_the_minutely_check_pays_for_no_screen_and_no_time_zones() -> None:
    heavy = "{'click', 'textual', 'rich', 'zoneinfo', 'psutil', 'sh'} & set(sys.modules)"
    code = f"import sys, hubtui.pauses; print({heavy})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
