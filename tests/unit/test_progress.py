"""What a terminal is told of a change of many subjects."""

from __future__ import annotations

import pytest

from hubtui.cli.progress import with_bar
from hubtui.events import Event, Outcome, What


def end(seq: int, name: str, outcome: Outcome, files: int = 0) -> Event:
    return Event(
        run="r", seq=seq, event=What.END, subject=name, outcome=outcome, files=files, bytes=files
    )


def test_the_failed_ones_come_first_and_all_come_once() -> None:
    events = [
        None,
        Event(run="r", seq=1, event=What.PLAN),
        end(2, "sheet week01", Outcome.DONE),
        end(3, "anna", Outcome.DONE, 2),
        end(4, "bert", Outcome.FAILED),
        None,
        end(5, "carla", Outcome.ALREADY),
        Event(run="r", seq=6, event=What.DONE, outcome=Outcome.FAILED),
    ]
    found = list(with_bar({"anna", "bert", "carla"}, events))
    assert [each.subject for each in found[:-1]] == ["bert", "sheet week01", "anna", "carla"]
    assert found[-1].event is What.DONE


def test_a_run_that_breaks_off_is_told() -> None:
    def events() -> object:
        yield end(1, "anna", Outcome.DONE)
        raise RuntimeError("the run is gone")

    with pytest.raises(RuntimeError, match="gone"):
        list(with_bar({"anna"}, events()))  # type: ignore[arg-type]
