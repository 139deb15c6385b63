"""What the watchdog says of itself: the sentences of a check, and ``hubtui watchdog status``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hubtui.cli.watchdog import _code, _stands
from hubtui.watchdog import words
from hubtui.watchdog.judged import Judged
from hubtui.watchdog.records import Got, Layer, Now, Outcome, Probe, Restart, State, Verdict
from hubtui.watchdog.rules import Act, Decision, Given
from tests.unit.surveys import course

AT = datetime(2026, 11, 25, 8, 22, tzinfo=UTC)
GONE = Judged(verdict=Verdict.HUB_DEAD, text="The hub is gone.", do="Restart the hub.")
Said = Callable[[State, Given, Restart], str]
FAILED = Restart(at=AT, outcome=Outcome.FAILED, text="The new hub ended again after 3 s.")


@pytest.fixture
def said(tmp_path: Path) -> Said:
    def said(state: State, given: Given, last: Restart) -> str:
        decision = Decision(act=Act.NOTHING, state=state, until=AT + timedelta(minutes=5))
        return words.text(course(tmp_path), GONE, decision, given, last)

    return said


def given(restarts: int = 1, *, hopeless: str = "") -> Given:
    return Given(at=AT, looks=1, restarts=(AT,) * restarts, hopeless=hopeless)


def test_what_came_of_a_restart_is_said_with_the_reason(said: Said) -> None:
    one = said(State.BACKOFF, given(), FAILED)
    assert one.startswith("The hub is gone. A restart failed: The new hub ended again after 3 s. ")
    assert "The last of 3 restarts failed" in said(State.BACKOFF, given(3), FAILED)


def test_a_restart_that_worked_and_did_not_last_was_not_in_vain(said: Said) -> None:
    up = Restart(at=AT, outcome=Outcome.UP, up_at=AT)
    assert "2 restarts did not keep it up. The next try is at " in said(State.BACKOFF, given(2), up)


def test_what_no_restart_cures_is_called_so(said: Said) -> None:
    assert "No restart cures that: a person is needed." in said(
        State.GAVE_UP, given(hopeless="disk-full"), FAILED
    )
    assert "No restart" not in said(State.GAVE_UP, given(5), FAILED)


@pytest.mark.parametrize(
    ("state", "do"),
    [
        (State.SUSPECT, "Wait: it looks again, and then restarts what a restart cures."),
        (State.RESTARTING, "Wait until it answers."),
        (State.BACKOFF, "To try now: hubtui watchdog restart"),
        (State.DOWN, "Restart the hub."),
    ],
)
def test_nobody_is_told_to_do_what_is_being_done(state: State, do: str) -> None:
    assert words.advice(GONE, Decision(act=Act.NOTHING, state=state), given()) == do


def test_who_gave_up_says_what_cures_it_where_that_is_known() -> None:
    gave_up = Decision(act=Act.NOTHING, state=State.GAVE_UP)
    assert "course.yaml" in words.advice(GONE, gave_up, given(hopeless="start-unknown"))
    assert "hubtui watchdog causes" in words.advice(GONE, gave_up, given(5))


# --- hubtui watchdog status ---------------------------------------------------------------------


def now(state: State, verdict: Verdict, seconds: float = 12) -> Now:
    at = AT - timedelta(seconds=seconds)
    return Now(
        at=at,
        took=50,
        state=state,
        verdict=verdict,
        since=at,
        text="What was found.",
        do="What to do.",
        next_at=at + timedelta(minutes=1),
        probes=(Probe(layer=Layer.CHAIN, got=Got.OK, ms=31, status=200),),
    )


def test_status_speaks_as_the_pane_does() -> None:
    first, *rest = _stands(now(State.SUSPECT, Verdict.HUB_DEAD), AT)
    assert first.startswith("NOT WELL, LOOKING AGAIN  since ")
    assert rest == [
        "  What was found.",
        "  → What to do.",
        "  checked 12 s ago, next in 48 s",
        "  log-in page  31 ms",
    ]


def test_what_an_old_check_found_is_not_how_it_stands() -> None:
    first, *rest = _stands(now(State.UP, Verdict.UP, 3600), AT)
    assert first.startswith("NOBODY WATCHES  the last check was ")
    assert first.endswith(": UP then")
    assert "  does the timer run? hubtui doctor" in rest


@pytest.mark.parametrize(
    ("state", "verdict", "code"),
    [
        (State.UP, Verdict.UP, 0),
        (State.DEGRADED, Verdict.SLOW, 1),
        (State.DEGRADED, Verdict.WEB, 2),
        (State.DEGRADED, Verdict.PORT_TAKEN, 2),
        (State.GAVE_UP, Verdict.HUB_DEAD, 2),
    ],
)
def test_the_exit_code_says_whether_students_get_in(
    state: State, verdict: Verdict, code: int
) -> None:
    assert _code(now(state, verdict), AT) == code
    assert _code(now(state, verdict, 3600), AT) == 3
