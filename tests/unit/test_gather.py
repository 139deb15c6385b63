"""All sources of the glance at once: what hangs, fails or is slow touches its own line alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hubtui.course import Accounts, Course, Hub
from hubtui.errors import HubError, StateError
from hubtui.findings import Finding, Severity, State
from hubtui.glance import gather
from hubtui.glance.gather import Gatherer, Ground, Source
from hubtui.glance.records import ExamLine, Glance, Part, PutOff, part
from hubtui.server import Server
from hubtui.server.run import run

AT = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
BAD = Finding(id="hub.down", severity=Severity.CRITICAL, text="The hub is down.")
ODD = Finding(id="disk.low", severity=Severity.WARNING, text="Little space.", row="/home")
HANGING = 30.0


@pytest.fixture
def server(tmp_path: Path) -> Server:
    hub = Hub(database="/srv/hub.sqlite")
    course = Course(course="Statistics 1", hub=hub, accounts=Accounts(group="all_user"))
    return Server(course=course, state=tmp_path, run=run, clock=lambda: AT)


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """Ends what hangs."""
    event = threading.Event()
    yield event
    event.set()


def fine(key: str) -> Source:
    return Source(key=key, title=key, look=lambda _: part(key, key, "well"))


def source(
    key: str, look: Callable[[Ground], Part], *, limit: float = 3.0, every: float = 5.0
) -> Source:
    return Source(key=key, title=key, look=look, limit=limit, every=every)


def none_put_off(
    _: Server, __: datetime, found: Sequence[Finding]
) -> tuple[list[Finding], list[PutOff]]:
    return list(found), []


def gatherer(server: Server, *sources: Source, exam: ExamLine | None = None) -> Gatherer:
    return Gatherer(server, sources, lambda _: exam, none_put_off)


def line(glance: Glance, key: str) -> tuple[State, str]:
    return next((one.state, one.text) for one in glance.lines if one.key == key)


def test_lines_come_in_the_order_of_the_sources_and_findings_worst_first(server: Server) -> None:
    odd = source("machine", lambda _: part("machine", "machine", "full", findings=(ODD,)))
    bad = source("hub", lambda _: part("hub", "hub", "down", findings=(BAD,)))
    glance = gatherer(server, odd, bad, fine("release")).look(5)
    assert [one.key for one in glance.lines] == ["machine", "hub", "release"]
    assert glance.findings == (BAD, ODD)
    assert glance.state is State.CRITICAL


def test_what_hangs_is_unknown_and_the_rest_is_there_in_time(
    server: Server, release: threading.Event
) -> None:
    def hang(_: Ground) -> Part:
        release.wait(HANGING)
        return part("disk", "disk", "late")

    hanging = source("disk", hang, limit=0.2)
    looks = gatherer(server, hanging, fine("hub"))
    began = time.monotonic()
    glance = looks.look(5)
    assert time.monotonic() - began < HANGING / 3
    assert line(glance, "hub") == (State.FINE, "well")
    state, text = line(glance, "disk")
    assert state is State.UNKNOWN
    assert text.startswith("no answer for")
    assert glance.state is State.UNKNOWN
    assert [missing.what for missing in glance.missing] == ["disk"]


def test_what_hangs_is_not_started_again_and_comes_back_by_itself(
    server: Server, release: threading.Event
) -> None:
    looks = 0

    def hang(_: Ground) -> Part:
        nonlocal looks
        looks += 1
        if looks == 2:
            release.wait(HANGING)
        return part("disk", "disk", f"look {looks}")

    found = gatherer(server, source("disk", hang, limit=0.1, every=0.0))
    assert line(found.look(5), "disk") == (State.FINE, "look 1")
    stuck = [found.look(0.3) for _ in range(3)][-1]
    assert looks == 2
    assert line(stuck, "disk") == (State.UNKNOWN, "look 1")  # as it was, and said to be old
    assert stuck.lines[0].as_of == AT
    release.set()
    end = time.monotonic() + HANGING
    while line(found.look(0.3), "disk")[0] is State.UNKNOWN and time.monotonic() < end:
        time.sleep(0.01)
    assert line(found.look(0.3), "disk")[0] is State.FINE


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (HubError("The hub says nothing."), "The hub says nothing."),
        (PermissionError(13, "Permission denied", "/srv/x\x1b[2J"), "/srv/x\\x1b[2J"),
        (KeyError("x"), "hubtui's own mistake: KeyError"),
    ],
)
def test_what_fails_is_unknown_with_its_reason(server: Server, error: Exception, said: str) -> None:
    def fail(_: Ground) -> Part:
        raise error

    glance = gatherer(server, source("hub", fail), fine("machine")).look(5)
    state, text = line(glance, "hub")
    assert state is State.UNKNOWN
    assert said in text
    assert "\x1b" not in text
    assert line(glance, "machine") == (State.FINE, "well")


def test_before_anything_has_answered_each_line_has_its_place(
    server: Server, release: threading.Event
) -> None:
    def slow(_: Ground) -> Part:
        release.wait(HANGING)
        return part("hub", "hub", "well")

    looks = gatherer(server, source("hub", slow))
    glance = looks.look(0)
    assert line(glance, "hub") == (State.UNKNOWN, "…")
    assert not glance.missing
    assert not looks.is_complete


def test_a_young_look_is_not_repeated_unless_asked_for(server: Server) -> None:
    looks: list[datetime] = []

    def count(ground: Ground) -> Part:
        looks.append(ground.at)
        return part("hub", "hub", "well")

    found = gatherer(server, source("hub", count, every=60.0))
    found.look(5)
    found.look(5)
    assert len(looks) == 1
    found.look(5, fresh=True)
    assert len(looks) == 2


def test_what_is_put_off_does_not_count(server: Server) -> None:
    bad = source("hub", lambda _: part("hub", "hub", "down", findings=(BAD,)))
    until = AT + timedelta(days=1)
    looks = Gatherer(
        server,
        [bad],
        lambda _: None,
        lambda _, __, found: ([], [PutOff(finding=one, until=until) for one in found]),
    )
    glance = looks.look(5)
    assert glance.state is State.FINE
    assert [one.until for one in glance.put_off] == [until]


def test_where_it_is_not_known_what_is_put_off_everything_stands(server: Server) -> None:
    def broken(*_: object) -> tuple[list[Finding], list[PutOff]]:
        raise StateError("put-off.json is broken.")

    bad = source("hub", lambda _: part("hub", "hub", "down", findings=(BAD,)))
    glance = Gatherer(server, [bad], lambda _: None, broken).look(5)
    assert glance.findings == (BAD,)
    assert [missing.why for missing in glance.missing] == ["put-off.json is broken."]


def test_an_exam_that_is_near_has_its_line(server: Server) -> None:
    said = ExamLine(text="Exam in 30 min: GO", go=True)
    assert gatherer(server, fine("hub"), exam=said).look(5).exam == said


def test_an_exam_that_was_go_is_not_go_while_nobody_can_tell(
    server: Server, release: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A home on a dead disk holds up the exam check; its GO of before would be believed."""
    monkeypatch.setattr(gather, "_EXAM", 0.05)
    looks = 0

    def hang(_: Ground) -> ExamLine:
        nonlocal looks
        looks += 1
        if looks == 2:
            release.wait(HANGING)
            raise StateError("pauses.json is broken.")
        return ExamLine(text="Exam in 30 min: GO", go=True)

    found = Gatherer(server, (), hang, none_put_off)
    assert found.look(5, fresh=True).state is State.FINE
    for said in ("no answer for", "pauses.json is broken."):
        glance = found.look(0.1, fresh=looks == 1)
        assert glance.exam is not None
        assert (glance.exam.go, glance.state) == (None, State.UNKNOWN)
        assert said in glance.exam.text
        assert glance.missing[0].what == "exam check"
        release.set()
        found._exam.wait(time.monotonic() + HANGING)


def test_several_sources_stand_on_one_survey(server: Server) -> None:
    grounds: list[int] = []

    def see(ground: Ground) -> Part:
        grounds.append(id(ground.seen))
        return part("x", "x", "well")

    gatherer(server, source("students", see), source("signups", see)).look(10)
    assert len(grounds) == 2
    assert len(set(grounds)) == 1
