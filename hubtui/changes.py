"""Every change that hubtui knows: from the kind of a plan to its chains, its lock and its words.

Both faces and ``hubtui run ID`` go through here, so what was shown is what is run.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, Literal

import msgspec

from hubtui import pauses
from hubtui.errors import ExamRuns, StateError
from hubtui.events import Outcome
from hubtui.plan import plans
from hubtui.plan.execute import execute
from hubtui.plan.plans import Plan
from hubtui.plan.steps import Chain
from hubtui.server import Server

Planner = Callable[[Server, Sequence[str]], Plan]
"""Makes the plan for some rows of a list; a face calls it, in a thread, when a key was pressed."""


@dataclasses.dataclass(frozen=True)
class Change:
    """One kind of change. Module and names are text: a face imports only what it is asked for."""

    module: str
    subject: str
    """The record of one subject."""
    chain: str
    """The function that makes a subject's chain."""
    lock: str = "accounts"
    loses: bool = False
    """Something goes away: the dialog's default is cancel."""
    typed: Literal["", "subject", "course"] = ""
    """What has to be typed: the subject's name, or the course's (``params["course"]``)."""
    secret: bool = False
    """The plan is removed once its run is over."""
    waits: bool = False
    """An exam holds it: a release, a repair, a removal. What a student needs to take part, or a
    server too many, does not wait."""
    width: int = 1
    """Chains at work at a time."""
    together: bool = False
    """The function makes all chains of the plan at once."""
    in_turn: bool = False
    """The lock is held for one chain at a time: others may have it in between."""


CHANGES = {
    "approve": Change("hubtui.enrol", "Enrolment", "approve_chain"),
    "create": Change("hubtui.enrol", "Creation", "create_chain"),
    "discard": Change("hubtui.decline", "Row", "discard_chain", loses=True),
    "stop": Change("hubtui.stop", "Stop", "stop_chain", lock="servers", loses=True),
    "reset-login": Change(
        "hubtui.reset_login", "Reset", "reset_chain", loses=True, typed="subject", secret=True
    ),
    "push": Change(
        "hubtui.release.push",
        "Subject",
        "push_chains",
        lock="release",
        waits=True,
        width=8,
        together=True,
    ),
    "withdraw": Change(
        "hubtui.release.withdraw",
        "Subject",
        "withdraw_chains",
        lock="release",
        loses=True,
        waits=True,
        width=8,
        together=True,
    ),
    "restart": Change(
        "hubtui.watchdog.restart_plan", "Target", "restart_chain", lock="watchdog", loses=True
    ),
    "try": Change("hubtui.exam.try_out", "Probe", "try_chain", lock="servers"),
    "take-back": Change("hubtui.decline", "Row", "take_back_chain", loses=True),
    "fix": Change("hubtui.fix", "Fix", "fix_chain"),
    "repair": Change("hubtui.repair.plan", "Repair", "repair_chain", waits=True),
    "retire": Change(
        "hubtui.retire.plan",
        "Leaver",
        "retire_chains",
        loses=True,
        typed="course",
        waits=True,
        together=True,
        in_turn=True,
    ),
    "restore": Change("hubtui.retire.restore", "Leaver", "restore_chain", in_turn=True),
}


def change_of(plan: Plan) -> Change:
    """What the plan's kind means. Raises StateError for one of a newer hubtui."""
    try:
        return CHANGES[plan.kind]
    except KeyError:
        raise StateError(f"Plan {plan.id} is of a kind that is not known: {plan.kind}.") from None


def chains(server: Server, plan: Plan) -> list[Chain]:
    """The steps of every subject, built anew from the plan."""
    change = change_of(plan)
    module = import_module(change.module)
    if change.together:
        together: Callable[[Server, Plan], list[Chain]] = getattr(module, change.chain)
        return together(server, plan)
    subject: type[msgspec.Struct] = getattr(module, change.subject)
    chain: Callable[..., Chain] = getattr(module, change.chain)
    return [chain(server, each, **plan.params) for each in plan.subjects_as(subject)]


class StepLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One step as it is shown before anybody says yes; nothing for the garbage collector."""

    kind: str
    say: str
    done: bool
    """Nothing to do: the state is so already."""
    counts: dict[str, int] = {}
    details: tuple[str, ...] = ()
    """Which files, and why; safe to show."""


class SubjectLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One subject of a plan with its steps, as they are shown."""

    key: str
    name: str
    steps: tuple[StepLine, ...]
    notes: tuple[str, ...] = ()


def preview(server: Server, plan: Plan) -> list[SubjectLine]:
    """What the plan would do now, for a dialog or ``--dry-run``: the same steps as the run's."""
    names = {str(subject.get("key")): title_of(subject) for subject in plan.subjects}
    return [
        SubjectLine(
            key=chain.subject,
            name=names[chain.subject],
            steps=tuple(
                StepLine(
                    kind=step.kind,
                    say=step.say(),
                    done=step.done(),
                    counts=dict(step.counts()),
                    details=tuple(step.details()),
                )
                for step in chain.steps
            ),
            notes=tuple(chain.notes),
        )
        for chain in chains(server, plan)
    ]


SHORT = {
    "new": "new",
    "replace": "replaced",
    "beside": "beside",
    "remove": "removed",
    "kept": "kept",
    "deleted": "stay deleted",
    "same": "as it should be",
    "blocked": "blocked",
    "no_space": "no space",
    "failed": "failed",
}
"""What becomes of files, in few words and in the order in which it is said; handout.WORDS has the
same words at length."""


UNCOUNTED = ("check", "note", "wait")
"""Kinds of steps that change nothing for anybody."""
FILES = ("deliver", "take back")
"""Kinds of steps that count files, and may find none."""


def in_short(counts: Mapping[str, int]) -> str:
    """``6 new · 1 replaced · 1 stays deleted``: amounts in an order that is always the same."""
    order = [*(state for state in SHORT if state in counts), *(w for w in counts if w not in SHORT)]
    return " · ".join(
        f"{counts[what]} {_word(what, counts[what])}" for what in order if counts[what]
    )


def _word(what: str, count: int) -> str:
    return "stays deleted" if what == "deleted" and count == 1 else SHORT.get(what, what)


def totals(lines: Sequence[SubjectLine]) -> str:
    """``12 useradd · 12 home · 12 authorise``: what is still to be done."""
    total: Counter[str] = Counter()
    for line in lines:
        for step in line.steps:
            if not step.done and step.kind not in UNCOUNTED:
                total.update(step.counts or {step.kind: int(step.kind not in FILES)})
    return in_short(total) or "nothing to do"


def to_be_typed(plan: Plan) -> str:
    """The name that a person has to type before this plan may run; empty where a yes is enough.

    An account that is there changes hands: never by a key alone.
    """
    for subject in plan.subjects:
        if subject.get("verdict") in ("earlier", "staff"):
            return title_of(subject)
    match change_of(plan).typed:
        case "subject":
            return title_of(plan.subjects[0])
        case "course":
            return str(plan.params.get("course", ""))
        case _:
            return ""


def is_beside(subject: Mapping[str, Any]) -> bool:
    """Whether it is nobody: a sheet of a release, or what closes a plan."""
    return ("sheets" in subject and not subject.get("uid")) or bool(subject.get("closing"))


def title_of(subject: dict[str, Any]) -> str:
    """What a person calls a subject of a plan."""
    return str(subject.get("name") or subject.get("key", ""))


def held(server: Server, plan: Plan) -> str:
    """Why an exam holds this plan now, as a sentence; empty where it does not."""
    if not change_of(plan).waits:
        return ""
    try:
        return pauses.held(server.course, server.state, server.clock(), sheets_of(plan))
    except StateError as e:
        return f"Whether an exam runs is not known: {e}"


def aware(server: Server, plan: Plan) -> Plan:
    """The plan for a face that says that an exam runs before it asks: a yes means during it."""
    return msgspec.structs.replace(plan, during_exam=True) if held(server, plan) else plan


def sheets_of(plan: Plan) -> set[str]:
    """The sheets that a plan hands out or takes back; none where it is about something else."""
    found: set[str] = set()
    for subject in plan.subjects:
        found.update(subject.get("sheets") or ())
    return found


def carry_out(server: Server, run: str) -> Outcome:
    """Run a confirmed plan in this process; what ``hubtui run ID`` does.

    One that somebody said yes to before an exam does not slip into it: it ends as held.
    """
    plan = plans.load(server.state, run)

    def build(lock: int) -> list[Chain]:
        if not plan.during_exam and (why := held(server, plan)):
            raise ExamRuns(why)
        return chains(dataclasses.replace(server, lock=lock), plan)

    change = change_of(plan)
    outcome = execute(
        server.state,
        server.clock,
        plan,
        change.lock,
        build,
        width=change.width,
        in_turn=change.in_turn,
    )
    if change.secret:
        plans.plan_path(server.state, run).unlink(missing_ok=True)
    return outcome
