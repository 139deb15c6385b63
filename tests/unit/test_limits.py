"""Limits: worse numbers are never judged milder; those of course.yaml take the defaults' place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubtui import limits
from hubtui.findings import Severity

NAMES = st.sampled_from(sorted(limits.KNOWN))
NUMBERS = st.floats(0, 1e6, allow_nan=False)


def badness(severity: Severity | None) -> int:
    return 0 if severity is None else 2 - list(Severity).index(severity)


@given(NAMES, NUMBERS, NUMBERS, st.none() | st.tuples(NUMBERS, NUMBERS))
def test_a_worse_number_is_never_judged_milder(
    name: str, one: float, other: float, own: tuple[float, float] | None
) -> None:
    low = limits.KNOWN[name].low
    better, worse = sorted((one, other), reverse=low)
    said = {name: (max(own), min(own)) if low else (min(own), max(own))} if own else {}
    assert badness(limits.judge(said, name, better)) <= badness(limits.judge(said, name, worse))


@given(NAMES)
def test_each_bound_itself_counts(name: str) -> None:
    known = limits.KNOWN[name]
    assert limits.judge({}, name, known.warning) is Severity.WARNING
    assert limits.judge({}, name, known.critical) is Severity.CRITICAL


def test_what_course_yaml_says_holds() -> None:
    assert limits.judge({"load": (10, 20)}, "load", 9) is None
    assert limits.judge({"load": (10, 20)}, "load", 20) is Severity.CRITICAL
    assert limits.of({"load": (10, 20)}, "load").source == "course.yaml"


@pytest.mark.parametrize("known", limits.KNOWN.values(), ids=list(limits.KNOWN))
def test_each_says_what_it_is_about_and_why(known: limits.Limit) -> None:
    assert known.warning != known.critical
    assert known.unit
    assert known.what
    assert known.source
