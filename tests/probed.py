"""A hub whose token may start one account more, the probe, and a try with it."""

from __future__ import annotations

from pathlib import Path

from hubtui import changes
from hubtui.demo.hub import EmbeddedHub
from hubtui.events import Event, Follower, What
from hubtui.exam.try_out import FILE, try_plan
from hubtui.plan import plans, runs
from hubtui.server import processes
from hubtui.state import write_document
from tests.course_on_disk import STATE
from tests.watched import Watched

PROBE, PROBE_UID = "probe", 20900


def with_scopes(folder: Path) -> EmbeddedHub:
    """A hub whose token may make and start the probe, and nobody else."""
    return EmbeddedHub(folder, probe=PROBE)


def tried(course: Watched) -> Event:
    """Try it, as a run does; the last word on the probe. Nothing of it runs afterwards."""
    plan = try_plan(course.server)
    plans.save(STATE, plan)
    write_document(runs.record_path(STATE, plan.id), runs.RunRecord(id=plan.id, by="", at=plan.at))
    changes.carry_out(course.server, plan.id)
    events = Follower(runs.events_path(STATE, plan.id)).new()
    assert not processes.of(PROBE_UID)
    assert not (STATE / FILE).exists()
    (end,) = [event for event in events if event.event is What.END]
    return end
