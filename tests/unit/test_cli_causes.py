"""How causes are counted for ``hubtui watchdog causes``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hubtui.cli.causes import _by_cause, _id
from hubtui.watchdog.history import NOT_RESTARTED, Line

AT = datetime(2026, 11, 25, 8, 22, tzinfo=UTC)


def line(
    hours: float, cause: str = "", incident: str = "", verdict: str = "", outcome: str = ""
) -> Line:
    return Line(
        at=AT + timedelta(hours=hours),
        cause=cause,
        incident=incident,
        verdict=verdict,
        outcome=outcome,
        source="hubtui",
    )


def counted(*lines: Line) -> dict[str, int]:
    return {cause: len(cases) for cause, cases in _by_cause(lines)}


def test_restarts_that_follow_each_other_are_one_crash() -> None:
    found = counted(line(0, "oom-unit"), line(0.2), line(0.4), line(5), line(9, "oom-unit"))
    assert found == {"oom-unit": 2, "": 1}
    assert list(found) == ["oom-unit", ""]


def test_what_kept_nobody_out_counts_by_itself() -> None:
    full = line(1, "database-full", "a", verdict="failing", outcome=NOT_RESTARTED)
    assert counted(line(0, "killed", "b"), full) == {"killed": 1, "database-full": 1}


def test_the_newest_incident_is_named() -> None:
    lines = [line(0, "killed", "a"), line(5, "killed", "b"), line(9, "killed")]
    ((_, cases),) = _by_cause(lines)
    assert _id(cases) == "b"


def test_nothing() -> None:
    assert counted() == {}
