"""The release that is running, as the pane and the bar count it."""

from __future__ import annotations

import fcntl
import os
from datetime import timedelta
from pathlib import Path

from hubtui.events import Event, EventLog, Outcome, What
from hubtui.plan import plans, runs
from hubtui.tui.at_work import AtWork
from hubtui.tui.tally import Tally
from tests.snapshots import release_scenes as scenes
from tests.snapshots.scenes import confirmed


def test_it_says_how_far_it_is_while_its_process_lives(tmp_path: Path) -> None:
    server, plan = scenes.server_with_release(tmp_path), scenes.push_plan()
    looker = AtWork(server.state)
    assert looker.sentence() == ""
    plans.save(server.state, plan)
    held = os.open(confirmed(server, plan), os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    assert looker.sentence() == "week04, week05 are being released: 0 of 17"
    scenes.half_way(server, plan)
    assert looker.sentence() == "week04, week05 are being released: 9 of 17"
    log = EventLog(runs.events_path(server.state, plan.id), plan.id)
    log.emit(What.END, subject=scenes.NAMES[9], outcome=Outcome.FAILED)
    assert looker.sentence() == "week04, week05 are being released: 10 of 17"
    os.close(held)
    assert looker.sentence() == ""


def event(subject: str, outcome: Outcome | None = None) -> Event:
    what = What.END if outcome else What.START
    return Event(run="x", seq=1, event=what, subject=subject, outcome=outcome)


def test_who_ends_twice_in_a_run_that_was_carried_on_counts_once() -> None:
    tally = Tally(["a", "b", "c"])
    for each in (event("sheet x"), event("a", Outcome.CANCELLED), event("a"), event("b")):
        tally.take(each)
    assert (tally.through, tally.at_work) == (0, {"a", "b"})
    tally.take(event("a", Outcome.DONE))
    assert (tally.through, tally.done, tally.at_work) == (1, 1, {"b"})
    assert tally.not_done(over=False) == []
    words = [said for said, _ in tally.not_done(over=True)]
    assert words == ["1 broke off", "1 not begun"]
    assert tally.left(timedelta(seconds=1)) == ""
    assert tally.left(timedelta(seconds=9)) == "about 9 s"
    assert tally.left(timedelta(minutes=9)) == "about 10 min"
