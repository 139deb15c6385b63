"""Drifts as a test says them, and the plan that mends them carried out as ``hubtui run`` does."""

from __future__ import annotations

from hubtui import changes
from hubtui.drift.records import Choice, Code, Drift, Mends
from hubtui.events import Follower, Outcome, What
from hubtui.plan import plans, runs
from hubtui.plan.plans import Plan
from hubtui.repair.plan import repair_plan
from hubtui.server import Server
from hubtui.state import write_document


def drift(code: Code, name: str, word: str = "") -> Drift:
    """One that is mended safely or, with a word, by that choice."""
    return Drift(
        code=code,
        name=name,
        text=f"{name}: {code}.",
        mends=Mends.CHOICE if word else Mends.SAFELY,
        choices=(Choice(word=word, means=word),) if word else (),
    )


def plan_for(server: Server, *found: Drift) -> Plan:
    """The plan that mends these, each by the first of its choices."""
    words = {one.key: one.choices[0].word for one in found if one.choices}
    return repair_plan(server, found, words)


def carried_out(server: Server, plan: Plan) -> tuple[Outcome, str]:
    """How the run ended, and what it said of its subjects."""
    plans.save(server.state, plan)
    record = runs.RunRecord(id=plan.id, by=plan.by, at=plan.at)
    write_document(runs.record_path(server.state, plan.id), record)
    outcome = changes.carry_out(server, plan.id)
    events = Follower(runs.events_path(server.state, plan.id)).new()
    return outcome, " ".join(event.text for event in events if event.event is What.END)


def repaired(server: Server, *found: Drift) -> None:
    """They are mended, and a second time there is nothing to do."""
    plan = plan_for(server, *found)
    assert carried_out(server, plan)[0] is Outcome.DONE, carried_out(server, plan)
