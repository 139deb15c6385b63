"""Putting a finding off: it is gone until its time, and back at once where it gets worse."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hubtui.errors import Refused, StateError, UsageError
from hubtui.findings import Finding, Severity
from hubtui.glance.put_off import FILE, MOST, put_off, split, take_back
from hubtui.plan.journal import read_journal
from hubtui.server import Server
from hubtui.server.run import run
from tests.unit.surveys import NOON, course

HOUR = timedelta(hours=1)
DISK = Finding(id="machine.disk", severity=Severity.WARNING, text="Nearly full.", row="/home")
WORSE = msgspec.structs.replace(DISK, severity=Severity.CRITICAL)
findings = st.builds(
    Finding,
    id=st.sampled_from(["hub.down", "machine.disk", "students.memory"]),
    severity=st.sampled_from(list(Severity)),
    text=st.just("So it is."),
    row=st.text(max_size=6),
)


@pytest.fixture
def server(tmp_path: Path) -> Server:
    described = course(tmp_path)
    return Server(course=described, state=described.state_dir, run=run, clock=lambda: NOON)


def stand(server: Server, at: datetime, *found: Finding) -> list[Finding]:
    return split(server, at, found)[0]


def test_what_is_put_off_is_counted_apart_until_its_time(server: Server) -> None:
    put_off(server, DISK, NOON + HOUR, "ada")
    left, later = split(server, NOON, [DISK])
    assert left == []
    assert [(each.finding, each.until) for each in later] == [(DISK, NOON + HOUR)]
    assert stand(server, NOON + HOUR - timedelta(seconds=1), DISK) == []
    assert stand(server, NOON + HOUR, DISK) == [DISK]


def test_what_a_wrong_clock_put_off_for_years_stands(server: Server) -> None:
    far = NOON + timedelta(days=1500)  # as a machine's clock says that has lost its battery
    put_off(dataclasses.replace(server, clock=lambda: far), DISK, far + HOUR, "ada")
    assert stand(server, NOON, DISK) == [DISK]


def test_another_row_of_the_same_finding_stands(server: Server) -> None:
    put_off(server, DISK, NOON + HOUR, "ada")
    other = msgspec.structs.replace(DISK, row="/var")
    assert stand(server, NOON, DISK, other) == [other]


def test_one_that_gets_worse_is_back_at_once_and_one_that_gets_better_is_not(
    server: Server,
) -> None:
    put_off(server, DISK, NOON + HOUR, "ada")
    assert stand(server, NOON, WORSE) == [WORSE]
    put_off(server, WORSE, NOON + HOUR, "ada")
    assert stand(server, NOON, WORSE, DISK) == []


def test_it_can_be_taken_back_once(server: Server) -> None:
    put_off(server, DISK, NOON + HOUR, "ada")
    take_back(server, DISK.key, "ada")
    assert stand(server, NOON, DISK) == [DISK]
    with pytest.raises(Refused, match="not put off"):
        take_back(server, DISK.key, "ada")


@pytest.mark.parametrize("until", [NOON, NOON - HOUR, NOON + MOST + HOUR])
def test_a_time_that_is_over_or_years_away_is_refused(server: Server, until: datetime) -> None:
    with pytest.raises(UsageError):
        put_off(server, DISK, until, "ada")
    assert not (server.state / FILE).exists()


def test_the_journal_says_who_and_no_row_and_the_file_forgets_what_is_over(server: Server) -> None:
    hers = Finding(id="students.memory", severity=Severity.NOTE, text="Much.", row="bertha")
    put_off(server, hers, NOON + HOUR, "ada")
    lines = [(e.by, e.kind, e.subject, e.text) for e in read_journal(server.state)]
    assert lines == [("ada", "put off", "students.memory", "")]
    later = dataclasses.replace(server, clock=lambda: NOON + 2 * HOUR)
    put_off(later, DISK, NOON + 3 * HOUR, "ada")
    assert "bertha" not in (server.state / FILE).read_text()


def test_a_file_of_a_newer_hubtui_is_named_and_left(server: Server) -> None:
    put_off(server, DISK, NOON + HOUR, "ada")
    place = server.state / FILE
    place.write_text(json.dumps({"format": 2}))
    with pytest.raises(StateError, match="newer hubtui"):
        split(server, NOON, [DISK])
    assert json.loads(place.read_text()) == {"format": 2}


@given(
    found=st.lists(findings, max_size=6),
    chosen=st.lists(findings, max_size=4),
    after=st.integers(0, 7200),
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_nothing_is_ever_lost_between_the_two_lists(
    tmp_path_factory: pytest.TempPathFactory,
    found: list[Finding],
    chosen: list[Finding],
    after: int,
) -> None:
    described = course(tmp_path_factory.mktemp("put-off"))
    server = Server(course=described, state=described.state_dir, run=run, clock=lambda: NOON)
    for each in chosen:
        put_off(server, each, NOON + HOUR, "ada")
    left, later = split(server, NOON + timedelta(seconds=after), found)
    both = [*left, *(each.finding for each in later)]
    assert sorted(map(repr, both)) == sorted(map(repr, found))
    assert all(each.finding.key in {one.key for one in chosen} for each in later)
    assert not later or after < 3600
