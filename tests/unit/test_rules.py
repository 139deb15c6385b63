"""What follows from a verdict: when the hub is restarted, and above all when it is not."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubtui.watchdog import rules
from hubtui.watchdog.judged import Judged
from hubtui.watchdog.patience import Patience
from hubtui.watchdog.records import Now, State, Verdict
from hubtui.watchdog.rules import CURED, IN_EXAM, Act, Decision, Given
from tests.unit.scenes import AT

PATIENCE = Patience()
MINUTE = timedelta(minutes=1)
NEVER = sorted(set(Verdict) - CURED)


def decided(verdict: Verdict, *, sure: bool = True, looks: int = 9, **given: Any) -> Decision:
    judged = Judged(verdict=verdict, text="A test.", sure=sure)
    return rules.decide(judged, Given(at=given.pop("at", AT), looks=looks, **given), PATIENCE)


def restarts(*minutes_ago: float) -> tuple[datetime, ...]:
    return tuple(AT - MINUTE * ago for ago in minutes_ago)


# --- never ---------------------------------------------------------------------------------------

JUDGED = st.builds(Judged, verdict=st.sampled_from(Verdict), text=st.just("."), sure=st.booleans())
TIMES = st.lists(st.integers(0, 90), max_size=9).map(
    lambda ago: restarts(*sorted(ago, reverse=True))
)
GIVEN = st.builds(
    Given,
    at=st.just(AT),
    looks=st.integers(1, 5),
    restarts=TIMES,
    hopeless=st.sampled_from(("", "disk-full")),
    exam=st.booleans(),
    paused=st.booleans(),
    acted=st.booleans(),
)


@given(JUDGED, GIVEN)
def test_nothing_is_restarted_that_no_restart_cures(judged: Judged, given: Given) -> None:
    decision = rules.decide(judged, given, PATIENCE)
    if decision.act in (Act.HUB, Act.PROXY):
        assert judged.verdict in CURED
        assert judged.sure
        assert not given.paused
        assert not given.acted
        assert given.looks > 1 or judged.verdict is not Verdict.HUB_DEAD
        assert not given.exam or judged.verdict in IN_EXAM
        assert decision.state is State.RESTARTING
    else:
        assert decision.state is not State.RESTARTING


@given(JUDGED, GIVEN)
def test_a_check_ends(judged: Judged, given: Given) -> None:
    """It looks again a few times at most, and never for longer than until the next check."""
    decision = rules.decide(judged, given, PATIENCE)
    if decision.act is Act.LOOK:
        assert given.looks <= len(PATIENCE.looks_again)
        assert 0 < decision.wait <= 20
    else:
        assert decision.wait == 0


@given(JUDGED, GIVEN)
def test_back_off_is_kept(judged: Judged, given: Given) -> None:
    decision = rules.decide(judged, given, PATIENCE)
    if decision.act not in (Act.HUB, Act.PROXY) or not given.restarts:
        return
    since = (AT - given.restarts[-1]).total_seconds()
    row = sorted(given.restarts)
    too_many = any(row[i + 4] - row[i] < timedelta(hours=1) for i in range(len(row) - 4))
    if given.exam:
        assert since >= min(60, PATIENCE.backoff[min(len(given.restarts), 4)])
    elif given.hopeless or too_many:
        assert judged.verdict in (Verdict.HUB_DEAD, Verdict.HUB_STUCK)
        assert since >= 1800
    else:
        assert since >= PATIENCE.backoff[min(len(given.restarts), 4)]


@pytest.mark.parametrize("verdict", NEVER)
@pytest.mark.parametrize("exam", [True, False])
def test_what_is_no_matter_of_a_restart_is_left_alone(verdict: Verdict, exam: bool) -> None:
    decision = decided(verdict, exam=exam)
    assert (decision.act, decision.wait, decision.until) == (Act.NOTHING, 0.0, None)
    well = {Verdict.UP: State.UP, Verdict.STARTING: State.STARTING}
    assert decision.state is well.get(verdict, State.DEGRADED)


def test_one_bad_look_at_the_web_is_suspect() -> None:
    assert decided(Verdict.WEB, sure=False, looks=1).state is State.SUSPECT
    assert decided(Verdict.WEB, sure=False, looks=1).act is Act.NOTHING
    assert decided(Verdict.WEB).state is State.DEGRADED


# --- looks before --------------------------------------------------------------------------------


def test_a_hub_that_is_gone_is_looked_at_once_more_after_three_seconds() -> None:
    first = decided(Verdict.HUB_DEAD, looks=1)
    assert (first.act, first.state, first.wait) == (Act.LOOK, State.SUSPECT, 3.0)
    second = decided(Verdict.HUB_DEAD, looks=2)
    assert (second.act, second.state) == (Act.HUB, State.RESTARTING)


@pytest.mark.parametrize("verdict", sorted(CURED - {Verdict.HUB_DEAD}))
def test_what_is_not_sure_is_looked_at_after_10_and_20_seconds_and_then_left(
    verdict: Verdict,
) -> None:
    row = [decided(verdict, sure=False, looks=looks) for looks in (1, 2, 3)]
    assert [one.wait for one in row] == [10.0, 20.0, 0.0]
    assert [one.act for one in row] == [Act.LOOK, Act.LOOK, Act.NOTHING]
    assert {one.state for one in row} == {State.SUSPECT}


def test_a_dead_hub_that_students_reach_is_left_alone() -> None:
    """verdict is not sure where the public address works: course.yaml names a wrong port."""
    decision = decided(Verdict.HUB_DEAD, sure=False)
    assert (decision.act, decision.state) == (Act.NOTHING, State.SUSPECT)


@pytest.mark.parametrize("verdict", sorted(CURED))
def test_what_is_sure_is_restarted(verdict: Verdict) -> None:
    decision = decided(verdict)
    assert decision.act is (Act.PROXY if verdict is Verdict.PROXY_HUNG else Act.HUB)


# --- pause and exam ------------------------------------------------------------------------------


@pytest.mark.parametrize("verdict", sorted(Verdict))
def test_nothing_is_done_while_it_is_paused(verdict: Verdict) -> None:
    until = AT + MINUTE
    decision = decided(verdict, paused=True, paused_until=until)
    assert (decision.act, decision.state, decision.until) == (Act.NOTHING, State.PAUSED, until)


@pytest.mark.parametrize("verdict", sorted(CURED))
def test_an_exam_restarts_what_is_dead_and_no_hung_hub(verdict: Verdict) -> None:
    decision = decided(verdict, exam=True)
    if verdict in (Verdict.HUB_HUNG, Verdict.PROXY_LOST):
        assert (decision.act, decision.state) == (Act.NOTHING, State.DOWN)
    else:
        assert decision.state is State.RESTARTING


@pytest.mark.parametrize("before", range(1, 9))
def test_in_an_exam_it_waits_a_minute_at_most_and_never_gives_up(before: int) -> None:
    ago = tuple(range(before - 1, -1, -1))
    for hopeless in ("", "disk-full"):
        waits = decided(Verdict.HUB_DEAD, exam=True, hopeless=hopeless, restarts=restarts(*ago))
        assert (waits.state, waits.until) == (State.BACKOFF, AT + MINUTE)
    later = decided(
        Verdict.HUB_DEAD, exam=True, hopeless="disk-full", restarts=restarts(*ago), at=AT + MINUTE
    )
    assert later.act is Act.HUB


# --- back-off ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("before", "minutes"), [(0, 0), (1, 2), (2, 5), (3, 10), (4, 30)])
def test_back_off(before: int, minutes: int) -> None:
    times = restarts(*range(before - 1, -1, -1))
    if minutes:
        decision = decided(Verdict.HUB_HUNG, restarts=times)
        assert (decision.act, decision.state) == (Act.NOTHING, State.BACKOFF)
        assert decision.until == AT + MINUTE * minutes
        short = decided(Verdict.HUB_HUNG, restarts=times, at=AT + MINUTE * (minutes - 0.1))
        assert short.act is Act.NOTHING
    after = decided(Verdict.HUB_HUNG, restarts=times, at=AT + MINUTE * minutes)
    assert after.act is Act.HUB


def test_a_check_that_has_restarted_does_not_do_so_again() -> None:
    decision = decided(Verdict.HUB_DEAD, acted=True, restarts=restarts(10))
    assert (decision.act, decision.state) == (Act.NOTHING, State.BACKOFF)
    systemd = decided(Verdict.HUB_DEAD, acted=True)
    assert (systemd.act, systemd.state) == (Act.NOTHING, State.DOWN)


FIVE = (50, 48, 43, 33, 3)


@pytest.mark.parametrize("verdict", sorted(CURED))
def test_after_five_restarts_within_an_hour_a_person_is_needed(verdict: Verdict) -> None:
    decision = decided(verdict, restarts=restarts(*FIVE))
    assert (decision.act, decision.state) == (Act.NOTHING, State.GAVE_UP)
    is_dead = verdict in (Verdict.HUB_DEAD, Verdict.HUB_STUCK)
    assert decision.until == (AT + MINUTE * 27 if is_dead else None)


def test_a_dead_hub_is_still_tried_every_half_hour() -> None:
    decision = decided(Verdict.HUB_DEAD, restarts=restarts(*FIVE), at=AT + MINUTE * 27)
    assert decision.act is Act.HUB
    hopeless = decided(Verdict.HUB_DEAD, hopeless="disk-full", restarts=restarts(29))
    assert (hopeless.act, hopeless.state) == (Act.NOTHING, State.GAVE_UP)
    assert decided(Verdict.HUB_DEAD, hopeless="disk-full", restarts=restarts(30)).act is Act.HUB


def test_what_gave_up_on_a_hung_hub_waits_for_a_person_and_does_not_forget() -> None:
    for later in (27, 60, 600):
        decision = decided(Verdict.HUB_HUNG, restarts=restarts(*FIVE), at=AT + MINUTE * later)
        assert (decision.act, decision.state) == (Act.NOTHING, State.GAVE_UP)


def test_five_restarts_in_a_day_are_not_too_many() -> None:
    decision = decided(Verdict.HUB_HUNG, restarts=restarts(400, 300, 200, 100, 40))
    assert decision.act is Act.HUB


@pytest.mark.parametrize(
    ("state", "minutes", "kept"),
    [(State.UP, 29, True), (State.UP, 30, False), (State.DEGRADED, 90, True)],
)
def test_all_is_forgiven_after_half_an_hour_of_being_up(
    state: State, minutes: int, kept: bool
) -> None:
    now = Now(
        at=AT,
        took=0.0,
        state=state,
        verdict=Verdict.UP,
        since=AT,
        text="",
        next_at=AT,
        restarts=restarts(3, 1),
    )
    counted = rules.still_counted(now, AT + MINUTE * minutes, PATIENCE)
    assert counted == (now.restarts if kept else ())
