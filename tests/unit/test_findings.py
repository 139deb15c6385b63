"""How bad it is: the worst counts, notes do not, and a limit never judges better what is worse."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubtui import limits
from hubtui.findings import Finding, Severity, State, state_of, worst, worst_first

RANK = {None: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}


def finding(severity: Severity) -> Finding:
    return Finding(id=f"x.{severity}", severity=severity, text="Something.")


def test_nothing_found_is_fine_and_a_note_too() -> None:
    assert state_of([]) is State.FINE
    assert state_of([finding(Severity.NOTE)]) is State.FINE


def test_the_worst_counts_and_what_was_not_seen_is_worse_than_a_warning() -> None:
    assert state_of(map(finding, Severity)) is State.CRITICAL
    assert worst([State.FINE, State.WARNING, State.UNKNOWN]) is State.UNKNOWN
    assert worst([State.UNKNOWN, State.CRITICAL]) is State.CRITICAL


def test_worst_stands_first_and_equals_stay_in_their_order() -> None:
    found = [finding(Severity.NOTE), finding(Severity.WARNING), finding(Severity.CRITICAL)]
    assert [one.severity for one in worst_first(found)] == list(Severity)


def test_a_row_is_put_off_without_the_others() -> None:
    one = Finding(id="disk.low", severity=Severity.WARNING, text="", row="/home")
    assert one.key == "disk.low:/home"
    assert finding(Severity.NOTE).key == "x.note"


@pytest.mark.parametrize("name", sorted(limits.KNOWN))
@given(values=st.tuples(st.floats(0, 1e6, allow_nan=False), st.floats(0, 1e6, allow_nan=False)))
def test_what_is_worse_is_never_judged_better(name: str, values: tuple[float, float]) -> None:
    good, bad = sorted(values, reverse=limits.KNOWN[name].low)
    assert RANK[limits.judge({}, name, good)] <= RANK[limits.judge({}, name, bad)]


def test_course_yaml_has_the_last_word() -> None:
    assert limits.judge({}, "disk_free", 12) is Severity.WARNING
    assert limits.judge({"disk_free": (10, 5)}, "disk_free", 12) is None
    assert limits.judge({"disk_free": (30, 20)}, "disk_free", 12) is Severity.CRITICAL
