"""kill -9 at each step of a removal: the next run goes on, and ends as if nothing had been."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from hubtui import changes
from hubtui.plan import runs
from hubtui.plan.plans import Plan
from hubtui.plan.steps import Chain, Step
from hubtui.retire import kept, receipt
from hubtui.server import Server
from tests.course_on_disk import hubtui
from tests.leavers import Leavers, digest
from tests.sandboxed import Machine
from tests.yearly import YearsHub

pytestmark = pytest.mark.hub
STEPS = (
    "note",
    "take back",
    "lock",
    "put away",
    "archive",
    "strays",
    "delete hub user",
    "remove home",
    "userdel",
    "roster",
    "retire uid",
    "farewell",
)
_uids = count(20100)


@pytest.fixture(scope="module")
def year(years_hub: YearsHub, _machine: Machine) -> Leavers:
    """One course for all of them: each has a student of its own."""
    return Leavers.of(years_hub, _machine)


def killing(kind: str) -> None:
    """In a child: the run dies when a step of this kind has done its work, unverified, unnoted."""
    original = changes.chains

    def deadly(step: Step) -> None:
        do = step.do

        def die() -> Iterator[str]:
            yield from do()
            os.kill(os.getpid(), signal.SIGKILL)

        step.do = die  # type: ignore[method-assign]

    def chains(server: Server, plan: Plan) -> list[Chain]:
        made = original(server, plan)
        steps = made[0].steps
        wanted = steps[-1] if kind == "farewell" else next(s for s in steps if s.kind == kind)
        deadly(wanted)
        return made

    changes.chains = chains


@pytest.mark.parametrize("kind", STEPS)
def test_killed_when_a_step_was_done_the_next_run_finishes(year: Leavers, kind: str) -> None:
    name, uid = f"killed-{kind.replace(' ', '-')}", next(_uids)
    year.student(name, uid, at_the_hub=True)
    plan = year.retire(name)
    year.confirm(plan)
    year.killed(plan, lambda: killing(kind))
    assert [one.id for one in runs.unfinished(year.server.state)] == [plan.id]
    done = hubtui("journal", "resume", plan.id)
    assert done.returncode == 0, done.stdout + done.stderr
    year.gone(name, uid)
    assert [one.what for one in kept.listed(year.server) if one.uid == uid] == ["home"]
    assert runs.unfinished(year.server.state) == []


@pytest.mark.parametrize("kind", ["note", "take back", "lock", "put away", "archive"])
def test_killed_on_the_way_and_dropped_it_comes_back_with_every_byte(
    year: Leavers, kind: str
) -> None:
    name = f"back-{kind.replace(' ', '-')}"
    before = digest(year.student(name, next(_uids), at_the_hub=True))
    plan = year.retire(name)
    year.confirm(plan)
    year.killed(plan, lambda: killing(kind))
    assert hubtui("journal", "drop", plan.id).returncode == 0
    done = hubtui("accounts", "restore", name, "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    year.as_ever(name, before)


def test_a_receipt_counts_what_an_earlier_run_had_removed_already(year: Leavers) -> None:
    home = year.student("twice-anna", next(_uids))
    files = sum(1 for _ in home.rglob("*")) + 1
    plan = year.retire("twice-anna")
    year.confirm(plan)
    year.killed(plan, lambda: killing("userdel"))
    assert hubtui("journal", "drop", plan.id).returncode == 0
    second = year.retire("twice-anna")
    [line, _] = changes.preview(year.server, second)
    assert line.notes == ("its home is archived and gone already",)
    year.done(second)
    written = receipt.read(year.server.state, second.id)
    assert written is not None
    assert [(one.files, len(one.archives)) for one in written.accounts] == [(files, 1)]


def test_a_power_cut_in_the_middle_of_userdel_leaves_no_line(year: Leavers) -> None:
    uid = next(_uids)
    year.student("cut-anna", uid, at_the_hub=True)
    plan = year.retire("cut-anna")
    year.confirm(plan)
    year.killed(plan, lambda: killing("remove home"))
    passwd = Path("/etc/passwd")  # written first; shadow, group and the others never were
    lines = passwd.read_text().splitlines(keepends=True)
    passwd.write_text("".join(line for line in lines if not line.startswith("cut-anna:")))
    assert hubtui("journal", "resume", plan.id).returncode == 0
    year.gone("cut-anna", uid)


def test_a_uid_that_no_ledger_knows_is_not_given_to_the_next_while_its_removal_waits(
    year: Leavers,
) -> None:
    uid = next(_uids) + 100
    year.by_hand("hand-made", uid)
    plan = year.retire("hand-made")
    year.confirm(plan)
    year.killed(plan, lambda: killing("userdel"))
    assert next(year.seen.free_uids()) > uid
    assert hubtui("journal", "resume", plan.id).returncode == 0
    year.gone("hand-made", uid)
