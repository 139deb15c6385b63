"""What the glance says of releases: whom they reached, what comes next, who carries it out."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hubtui import changes, pauses
from hubtui.findings import State
from hubtui.glance import exam_line
from hubtui.glance.gather import Ground
from hubtui.release import schedule
from hubtui.release.due import due
from hubtui.server import Server
from hubtui.when import Moment
from tests.course_on_disk import STATE
from tests.glances import look, need_somebody
from tests.release_on_disk import Teaching, teach
from tests.sandboxed import Machine

NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@dataclasses.dataclass
class Course:
    """A course whose clock is turned by the test."""

    teaching: Teaching
    now: datetime = NOW

    def __post_init__(self) -> None:
        self.server = dataclasses.replace(self.teaching.server, clock=lambda: self.now)
        self.teaching.server = self.server

    def due(self) -> None:
        """The timer fires, a minute later."""
        self.now += MINUTE
        due(self.server, changes.carry_out)


@pytest.fixture
def course(machine: Machine) -> Course:
    made = teach(machine, "anna", "bert", "carl")
    made.sheet("week01", {"sheet.ipynb": "one"})
    made.sheet("week02", {"sheet.ipynb": "two"})
    found = Course(made)
    found.due()
    return found


def said(server: Server) -> str:
    return look(server, "release").line.text


def needs(server: Server) -> dict[str, str]:
    """The findings that need somebody: by their ids, what they say."""
    found = need_somebody(look(server, "release").findings)
    return {id_: each.text for id_, each in found.items()}


def test_a_release_that_reached_all(course: Course) -> None:
    assert said(course.server) == "nothing released yet"
    course.teaching.push("week01")
    assert said(course.server).startswith("week01 to 3 of 3 (")
    assert needs(course.server) == {}


def test_a_student_whom_the_release_did_not_reach(course: Course) -> None:
    way = Path("/home/bert/exercises")
    way.write_text("a file where the folder should be")
    course.teaching.push("week01")
    part = look(course.server, "release")
    assert part.line.text.startswith("week01 to 2 of 3 (")
    assert part.line.state is State.WARNING
    (finding,) = part.findings
    assert finding.text == "week01 did not reach 1 student: 1 blocked."
    assert (finding.id, finding.pane, finding.row) == ("release.incomplete", "release", "week01")
    way.unlink()
    course.now += 2 * HOUR
    course.due()
    assert said(course.server).startswith("week01 to 3 of 3 (")
    assert needs(course.server) == {}


def test_who_comes_late_and_a_job_that_does_not_run(course: Course) -> None:
    course.teaching.push("week01")
    course.teaching.student("zoe", 20030)
    assert said(course.server).startswith("week01 to 3 of 4 (")
    assert needs(course.server) == {}, "the next minute gives it"
    course.now += 10 * MINUTE
    assert "who joins late gets nothing by itself" in needs(course.server)["release.due"]
    course.due()
    assert said(course.server).startswith("week01 to 4 of 4 (")
    assert needs(course.server) == {}


def test_what_comes_next_and_that_the_tutor_changed_it(course: Course) -> None:
    course.teaching.push("week01")
    entry = schedule.add(course.server, ["week02"], Moment(at=NOW + 20 * HOUR, zone="UTC"))
    assert "; next: week02, " in said(course.server)
    assert needs(course.server) == {}
    course.teaching.sheet("week02", {"sheet.ipynb": "two, and longer"})
    assert "the older one is released" in needs(course.server)["release.changed"]
    schedule.take_newer(course.server, entry.id)
    assert needs(course.server) == {}
    course.now += 10 * MINUTE
    assert needs(course.server).keys() == {"release.due"}
    course.due()
    assert needs(course.server) == {}


def test_a_release_that_was_missed_is_asked_about(course: Course) -> None:
    schedule.add(course.server, ["week02"], Moment(at=NOW + HOUR, zone="UTC"))
    course.now = NOW + 14 * HOUR
    course.due()
    assert (
        "week02 was not released: it was due 13 hours ago" in needs(course.server)["release.late"]
    )
    schedule.cancel(course.server, "week02")
    assert needs(course.server) == {}


def test_an_exam_that_is_near_stands_on_top(course: Course) -> None:
    def line() -> str | None:
        found = exam_line.look(Ground(course.server))
        return found.text if found is not None else None

    assert line() is None
    begin = course.now + 24 * HOUR + MINUTE
    exam = pauses.add_exam(STATE, begin, begin + 2 * HOUR, "ada", course.now)
    assert line() is None
    course.now = begin - 30 * MINUTE
    assert (line() or "").startswith("Exam in 30 min: NOT YET: "), "no hub runs here"
    course.now = begin + HOUR
    assert (line() or "").startswith("Exam, 1 h to go: NOT YET: ")
    course.now = exam.to
    assert line() is None
