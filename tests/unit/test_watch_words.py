"""The watchdog's state in words, its picture, its rows, and what was saved of an incident."""

from __future__ import annotations

import dataclasses
import re
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubtui.pauses import Exam, Pause
from hubtui.tui.cause_rows import by_hour, cause_rows
from hubtui.tui.watch_evidence import sections
from hubtui.tui.watch_look import GRACE, Watch
from hubtui.tui.watch_picture import AWAY, UNSEEN, asked, axis, picture
from hubtui.tui.watch_rows import rows, short, summary
from hubtui.tui.watch_words import banners, checked, latencies, standing
from hubtui.units import in_two_units, seconds
from hubtui.watchdog.history import History, Line
from hubtui.watchdog.patterns import Patterns
from hubtui.watchdog.records import (
    Evidence,
    Got,
    Incident,
    Layer,
    Now,
    Probe,
    Sample,
    State,
    Verdict,
)

AT = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOSTILE = "\x1b[2J[red]x[/]\n\u202egnp"
UNSAFE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]")


_VERDICTS = {State.UP: Verdict.UP, State.DEGRADED: Verdict.FAILING}


def now(state: State = State.UP, **what: object) -> Now:
    found = Now(
        at=AT - timedelta(seconds=12),
        took=40.0,
        state=state,
        verdict=_VERDICTS.get(state, Verdict.HUB_DEAD),
        since=AT - timedelta(hours=2),
        text="All is well." if state is State.UP else "The hub is gone.",
        next_at=AT + timedelta(seconds=48),
    )
    return msgspec.structs.replace(found, **what)


def sample(minutes: int, public: float | None = 30.0, verdict: Verdict = Verdict.UP) -> Sample:
    return Sample(at=AT - minutes * MINUTE, state=State.UP, verdict=verdict, hub=3.0, public=public)


# --- how it is ------------------------------------------------------------------------------------


def test_every_state_has_a_sign_and_a_word() -> None:
    said = {state: standing(Watch(now=now(state)), AT).plain for state in State}
    assert len({text.split("  ")[0] for text in said.values()}) == len(State)
    assert said[State.UP].startswith("✓ UP  since ")
    assert said[State.DOWN].startswith("✗ DOWN  since ")


def test_down_is_whatever_keeps_students_out_though_no_restart_cures_it() -> None:
    said = standing(Watch(now=now(State.DEGRADED, verdict=Verdict.WEB)), AT).plain
    assert said.startswith("✗ DOWN  since ")
    assert standing(Watch(now=now(State.DEGRADED)), AT).plain.startswith("! NOT WELL  since ")


def test_what_to_do_stands_below_after_an_arrow() -> None:
    said = standing(Watch(now=now(State.GAVE_UP, do="Mend the configuration.")), AT).plain
    assert said.endswith("\n→ Mend the configuration.")


def test_a_check_that_does_not_come_is_a_watchdog_that_does_not_run() -> None:
    late = Watch(now=now())
    assert late.now is not None
    just = late.now.next_at + GRACE
    assert not late.is_silent(just)
    assert late.is_silent(just + timedelta(seconds=1))
    said = standing(late, AT + timedelta(minutes=14)).plain
    assert "NOBODY WATCHES" in said
    assert "last check 14 min ago" in said
    assert said.endswith("→ hubtui install watchdog")
    assert late.needs_you(AT + timedelta(minutes=14))


def test_without_a_check_it_is_not_installed() -> None:
    assert standing(Watch(), AT).plain.endswith("→ hubtui install watchdog")


def test_what_is_hidden_is_not_called_missing() -> None:
    said = standing(Watch(hidden=True), AT).plain
    assert "NOT SEEN" in said
    assert not Watch(hidden=True).needs_you(AT)


def test_the_mark_at_the_panes_name_comes_where_it_is_not_up() -> None:
    assert not Watch(now=now()).needs_you(AT)
    assert Watch(now=now(State.DEGRADED)).needs_you(AT)


def test_ages_are_said_to_the_second() -> None:
    assert checked(Watch(now=now()), AT) == "checked 12 s ago, next in 48 s"
    assert checked(Watch(now=now()), AT + MINUTE) == "checked 1 min ago, the next is due"


def test_pause_and_exam_each_have_a_line() -> None:
    pause = Pause(at=AT, until=AT + timedelta(hours=1), by=HOSTILE, why=HOSTILE)
    exam = Exam(from_=AT - MINUTE, to=AT + timedelta(hours=2))
    said = [line.plain for line in banners(Watch(pause=pause, exam=exam), AT)]
    assert len(said) == 2
    assert said[0].startswith("– Paused until today ")
    assert said[1].startswith("! Exam until today ")
    assert not any(UNSAFE.search(line) for line in said)


def test_what_failed_says_how() -> None:
    probes = (
        Probe(layer=Layer.PUBLIC, got=Got.STATUS, status=502),
        Probe(layer=Layer.HUB, got=Got.OK, ms=4.2),
        Probe(layer=Layer.PROXY, got=Got.UNASKED),
        Probe(layer=Layer.CHAIN, got=Got.SILENT),
    )
    said = latencies(now(probes=probes)).plain
    assert said == "hub 4 ms · log-in page ✗ no answer · public ✗ 502"


@pytest.mark.parametrize(
    ("length", "one", "two"),
    [
        (0, "0 s", "0 s"),
        (59.9, "59 s", "59 s"),
        (61, "1 min", "1 min"),
        (12_000, "3 h", "3 h 20 min"),
        (183_600, "2 d", "2 d 3 h"),
        (-5, "0 s", "0 s"),
    ],
)
def test_lengths(length: float, one: str, two: str) -> None:
    assert seconds(length) == one
    assert in_two_units(length) == two


# --- the picture ----------------------------------------------------------------------------------


def test_a_column_shows_its_worst_and_the_last_is_now() -> None:
    samples = [sample(25, 30.0), sample(24, 700.0), sample(1, 30.0)]
    assert picture(samples, Layer.PUBLIC, AT - MINUTE, 4).plain == f"{UNSEEN}▅{UNSEEN}▁"


def test_silence_of_a_layer_that_answers_otherwise_is_marked() -> None:
    samples = [sample(3), sample(2, None, Verdict.WEB), sample(1)]
    assert picture(samples, Layer.PUBLIC, AT - MINUTE, 1).plain == AWAY
    assert picture(samples, Layer.HUB, AT - MINUTE, 1).plain == "▁"


def test_a_layer_that_nobody_asks_has_no_picture() -> None:
    assert asked([sample(2), sample(1)]) == [Layer.HUB, Layer.PUBLIC]
    assert asked([]) == []


@given(st.lists(st.floats(0, 1e9) | st.none(), max_size=40), st.integers(1, 60))
def test_a_picture_is_as_wide_as_asked(found: list[float | None], columns: int) -> None:
    samples = [sample(len(found) - n, ms, Verdict.HUB_DEAD) for n, ms in enumerate(found)]
    assert len(picture(samples, Layer.PUBLIC, AT, columns).plain) == columns
    assert len(axis(AT, columns)) == columns or columns < 5


def test_samples_of_a_clock_that_was_ahead_break_nothing() -> None:
    assert picture([sample(-90), sample(1)], Layer.PUBLIC, AT - MINUTE, 3).plain.endswith("▁")


# --- the rows -------------------------------------------------------------------------------------


def watch(*lines: Line, **what: object) -> Watch:
    return dataclasses.replace(Watch(now=now(), history=History(lines)), **what)  # type: ignore[arg-type]


def test_a_row_of_each_kind() -> None:
    lines = (
        Line(at=AT - 3 * MINUTE, reason="Server down", source="restarts.log"),
        Line(at=AT - 2 * MINUTE, source="hubtui", outcome="not restarted", incident="a"),
        Line(at=AT - MINUTE, source="hubtui", outcome="failed", by="eva", incident="b"),
    )
    found = rows(watch(*lines), AT)
    by_age = sorted(found.values(), key=lambda entry: str(entry.sort[0]))
    assert sorted(str(entry.row[0]) for entry in found.values()) == ["", "!", "✗"]
    assert len(by_age) == 3
    assert {str(entry.row[5]) for entry in found.values()} == {"", "nobody", "eva"}


def test_what_lasts_is_away_now() -> None:
    incident = Incident(id="a", at=AT - MINUTE, verdict=Verdict.HUB_DEAD, text="The hub is gone.")
    line = Line(at=incident.at, source="hubtui", outcome="not restarted", incident="a")
    (entry,) = rows(watch(line, incidents={"a": incident}), AT).values()
    assert str(entry.row[4]) == "now"


@given(st.text(max_size=60), st.text(max_size=30))
def test_nothing_unsafe_reaches_a_cell_or_the_details(reason: str, by: str) -> None:
    line = Line(at=AT, reason=reason + HOSTILE, by=by, source=HOSTILE, cause=HOSTILE)
    (entry,) = rows(watch(line), AT).values()
    cells = "".join(str(cell) for cell in entry.row)
    assert not UNSAFE.search(cells + entry.detail().plain)
    assert "\n" not in cells


def test_the_same_restart_has_the_same_key_at_every_look() -> None:
    line = Line(at=AT, source="hubtui", incident="a")
    assert rows(watch(line), AT).keys() == rows(watch(line), AT + MINUTE).keys()


def test_a_hundred_percent_is_said_only_where_it_was_up_all_the_time() -> None:
    whole = summary(watch(began=AT - timedelta(days=20)), AT).plain
    assert whole.startswith("up 100% of 7 days, 100% of 20 · 0 restarts")
    blip = Incident(
        id="a", at=AT - MINUTE, over=AT - 0.9 * MINUTE, verdict=Verdict.HUB_DEAD, text=""
    )
    almost = summary(watch(began=AT - timedelta(days=20), incidents={"a": blip}), AT).plain
    assert almost.startswith("up 99.99% of 7 days, 99.99% of 20")


def test_who_watches_since_an_hour_does_not_speak_of_days() -> None:
    assert summary(watch(began=AT - timedelta(hours=1)), AT).plain.startswith("up 100% of 1 h ·")


def test_times_fit_their_column() -> None:
    for days in (0, 3, 30, 300, 3000):
        assert len(short(AT - timedelta(days=days), AT)) <= 13


# --- causes and evidence --------------------------------------------------------------------------


def patterns() -> Patterns:
    grid = [[0] * 24 for _ in range(7)]
    grid[0][10], grid[4][16] = 5, 12
    return Patterns(
        cases=17,
        by_cause=(("", 9), ("oom-kernel", 8)),
        by_hour=(),
        by_weekday=(),
        grid=tuple(map(tuple, grid)),
        sentences=(),
    )


def test_the_week_shows_numbers_beside_shades() -> None:
    head, *days = by_hour(patterns()).plain.split("\n")
    assert len(days) == 7
    assert days[0][5 + 20 : 5 + 22] == "▒5"
    assert days[4][5 + 32 : 5 + 34] == "█+"
    assert head.index("9") == 5 + 2 * 9 + 1
    assert {len(day) for day in days} == {5 + 48}


def test_known_causes_stand_before_the_unknown() -> None:
    assert list(cause_rows(patterns(), History(()), AT)) == ["oom-kernel", ""]


def test_evidence_of_strangers_is_shown_safely() -> None:
    found = Evidence(
        id="a",
        at=AT,
        verdict=Verdict.HUB_DEAD,
        log=(HOSTILE,),
        kernel=(HOSTILE,),
        log_place=HOSTILE,
        upgraded=(HOSTILE,),
        missing=(HOSTILE,),
        unit=HOSTILE,
        unit_settings={HOSTILE: HOSTILE},
        memory_by_uid=((1001, 5), (1002, 6)),
    )
    said = sections(found, {1001: HOSTILE}).plain
    assert not UNSAFE.search(said)
    assert "uid 1002" in said
