"""After a removal hubtui itself knows a uid where a name stood; the receipt says what went."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from hubtui import changes, expected
from hubtui.clock import now
from hubtui.events import Outcome
from hubtui.findings import Finding, Severity
from hubtui.glance import put_off
from hubtui.plan import journal, plans, runs
from hubtui.plan.steps import Chain
from hubtui.release import ledger as deliveries
from hubtui.release.desk import Outcome as Handed
from hubtui.retire import closing as last
from hubtui.retire import forget, kept, receipt
from hubtui.retire import plan as retire
from hubtui.retire.gone import names_of, removals
from hubtui.server import Server, sizes
from hubtui.stop import Stop
from tests.course_on_disk import STATE, hubtui
from tests.leavers import Leavers
from tests.sandboxed import Machine
from tests.yearly import YearsHub

pytestmark = pytest.mark.hub
COURSE = ("--course", "Test course", "--yes")


@pytest.fixture
def year(years_hub: YearsHub, _machine: Machine) -> Leavers:
    return Leavers.of(years_hub, _machine)


def standing(name: str) -> list[Path]:
    """Files below state_dir in which a name stands as a word, whatever kind of file it is."""
    words = ["grep", "--recursive", "--text", "--files-with-matches", "--perl-regexp"]
    skipped = ["--exclude-dir=archives", "--exclude-dir=releases"]
    pattern = rf"(?<![\w-]){name}(?![\w-])"
    found = subprocess.run(
        [*words, *skipped, "--", pattern, str(STATE)], capture_output=True, text=True, check=False
    )
    return [Path(line) for line in found.stdout.splitlines()]


def a_year(year: Leavers, *names: str) -> None:
    """Everything that hubtui writes down about students in a year, by its own commands."""
    for name in names:
        year.sign_up(name, authorised=False)
    assert hubtui("signups", "approve", *names, "--yes").returncode == 0
    for name in names:
        year.at_the_hub(name)
    sizes.measure(year.server.run, Path("/home"), STATE, now())
    expected.expect(STATE, list(names))
    for name in names:
        finding = Finding(
            id="accounts.home", severity=Severity.WARNING, text=f"{name} is open", row=name
        )
        put_off.put_off(year.server, finding, now() + timedelta(days=9), "root")
    given(year, *names)
    (STATE / "incidents").mkdir(mode=0o700, exist_ok=True)
    (STATE / ".sizes.json.0badcafe").write_text(" ".join(names))  # as a kill leaves it
    os.utime(STATE / ".sizes.json.0badcafe", (1, 1))
    (STATE / "locks/release").write_text(f"Release week01 to {names[0]}, by root, pid 1")


def given(year: Leavers, *names: str) -> None:
    """A row of the ledger for each, and one that was replaced by it."""
    book = deliveries.Ledger(STATE)
    for name in names:
        uid = year.seen.accounts.by_name[name].uid
        for version in (1, 2):
            one = Handed(
                sheet="week01",
                version=version,
                counts={"new": 1},
                listed=((f"for-{name}.ipynb", "kept", f"{name} changed it"),),
            )
            book.note(uid, [one], "run", now(), name=name)
    book.close()


def test_nothing_that_hubtui_keeps_names_who_is_gone(year: Leavers) -> None:
    goes, stays = ("ada", "bob-x"), ("ada-marie", "bob")
    a_year(year, *goes, *stays)
    uids = {name: year.seen.accounts.by_name[name].uid for name in (*goes, *stays)}
    assert hubtui("accounts", "stop", "ada").returncode != 0  # a plan that came to nothing
    assert hubtui("accounts", "retire", "ada", "--grace", "9d", *COURSE).returncode == 0
    assert hubtui("accounts", "restore", "ada", "--yes").returncode == 0
    before = {name: len(standing(name)) for name in (*goes, *stays)}
    assert min(before.values()) > 5, before

    done = hubtui("accounts", "retire", *goes, *COURSE)
    assert done.returncode == 0, done.stdout + done.stderr

    for name in goes:
        year.gone(name, uids[name])
        assert standing(name) == [], name
        assert not list(STATE.rglob(f"*{name}*"))
    for name in stays:
        assert len(standing(name)) >= before[name] - 2, name  # but for the two that lay about
        row = deliveries.read(STATE)[uids[name], "week01"]
        assert name in row.listed[0][0]
    assert {uid for uid, _ in deliveries.read(STATE)} == {uids[name] for name in stays}
    assert expected.read_expected(STATE) == frozenset(stays)
    for file in (STATE / "plans").glob("*.json"):
        plan = plans.load(STATE, file.stem)
        assert runs.life(STATE, plan.id) is runs.Life.OVER
        if plan.kind in ("approve", "restore", "retire"):
            changes.chains(year.server, plan)  # it can still be read as what it was
    approved = [e for e in journal.read_journal(STATE) if e.kind == "approve" and e.event == "end"]
    assert len(approved) == len(uids)

    said = hubtui("accounts", "receipts").stdout
    [made] = receipt.every(STATE)
    assert made.run in said
    steps = {kind: text for one in made.accounts for kind, _, text in one.steps}
    assert "removed" in steps["remove home"], "what is done is not said to be begun"
    page = hubtui("accounts", "receipts", made.run).stdout
    assert page == receipt.path(STATE, made.run).read_text()
    listed = json.loads(hubtui("accounts", "receipts", "--json").stdout)
    assert [one["run"] for one in listed["receipts"]] == [made.run]
    assert made.still_named == ()
    for one in made.accounts:
        assert one.removed
        assert one.uid in (uids["ada"], uids["bob-x"])
        assert one.files
        assert f"### uid {one.uid}" in page
        for archive in one.archives:
            assert archive.sha256 in page
            assert Path(archive.path).exists()
    assert {len(one.archives) for one in made.accounts} == {1}


def test_who_failed_keeps_its_name_and_the_receipt_says_why_without_it(year: Leavers) -> None:
    a_year(year, "fine-anna", "stuck-bert")
    uids = {n: year.seen.accounts.by_name[n].uid for n in ("fine-anna", "stuck-bert")}
    plan = year.retire("fine-anna", "stuck-bert")
    Path("/home/stuck-bert").rename("/home/stuck-bert-2")
    Path("/home/stuck-bert").mkdir(mode=0o700)
    os.chown("/home/stuck-bert", uids["stuck-bert"], 20000)
    assert year.carry_out(plan) is Outcome.CHANGED
    own = {STATE / file for file in forget.files_of(STATE, plan.id)}
    assert set(standing("fine-anna")) <= own  # until it is over, for who follows it
    assert hubtui("due").returncode == 0
    assert standing("fine-anna") == []
    assert "stuck-bert" in plans.plan_path(STATE, plan.id).read_text()
    found = receipt.read(STATE, plan.id)
    assert found is not None
    by_uid = {one.uid: one for one in found.accounts}
    assert by_uid[uids["fine-anna"]].removed
    stuck = by_uid[uids["stuck-bert"]]
    assert not stuck.removed
    assert f"/home/uid {uids['stuck-bert']}" in stuck.why
    assert "stuck-bert" not in receipt.path(STATE, plan.id).read_text()


@pytest.mark.parametrize("kind", ["forget", "receipt"])
def test_killed_in_the_last_chain_the_next_run_ends_it(year: Leavers, kind: str) -> None:
    a_year(year, "late-anna")
    plan = year.retire("late-anna")
    year.confirm(plan)
    year.killed(plan, lambda: killing(kind))
    assert standing("late-anna")
    assert hubtui("due").returncode == 0  # an unfinished run is not due's, and is left alone
    assert standing("late-anna")
    done = hubtui("journal", "resume", plan.id)
    assert done.returncode == 0, done.stdout + done.stderr
    assert hubtui("due").returncode == 0
    assert standing("late-anna") == []
    found = receipt.read(STATE, plan.id)
    assert found is not None
    assert [one.removed for one in found.accounts] == [True]


def killing(kind: str) -> None:
    """In a child: the run dies when this step of the last chain has done its work."""
    original = last.closing_chain

    def deadly(server: Server, plan: plans.Plan) -> Chain:
        chain = original(server, plan)
        step = next(step for step in chain.steps if step.kind == kind)
        do = step.do

        def die() -> Iterator[str]:
            yield from do()
            os.kill(os.getpid(), signal.SIGKILL)

        step.do = die  # type: ignore[method-assign]
        return chain

    vars(retire)["closing_chain"] = deadly


def test_a_run_that_was_given_up_is_forgotten_and_has_its_receipt(year: Leavers) -> None:
    a_year(year, "drop-anna")
    plan = year.retire("drop-anna")
    year.confirm(plan)
    year.killed(plan, lambda: killing("forget"))
    assert hubtui("journal", "drop", plan.id).returncode == 0
    assert hubtui("due").returncode == 0
    assert standing("drop-anna") == []
    assert receipt.read(STATE, plan.id) is not None


def test_a_run_that_may_still_be_carried_on_is_waited_for(year: Leavers) -> None:
    a_year(year, "push-anna", "push-bert")
    uid = year.seen.accounts.by_name["push-anna"].uid
    other = plans.new_plan(
        "stop", "Stop 2 servers", _stops(year, "push-anna", "push-bert"), now(), rest=True
    )
    year.confirm(other)
    os.utime(runs.record_path(STATE, other.id), (1, 1))  # a kill left it before it began
    year.done(year.retire("push-anna"))
    assert hubtui("due").returncode == 0
    assert "push-anna" in plans.plan_path(STATE, other.id).read_text()
    assert hubtui("journal", "drop", other.id).returncode == 0
    assert hubtui("due").returncode == 0
    assert standing("push-anna") == []
    subjects = plans.load(STATE, other.id).subjects
    assert [subject["name"] for subject in subjects] == [f"uid {uid}", "push-bert"]
    assert not names_of(removals(STATE), year.server)


def _stops(year: Leavers, *names: str) -> list[msgspec.Struct]:
    by_name = year.seen.accounts.by_name
    return [Stop(key=name, name=name, uid=by_name[name].uid) for name in names]


def test_who_has_the_name_now_is_not_taken_for_who_had_it(year: Leavers) -> None:
    a_year(year, "twice-anna")
    old = year.seen.accounts.by_name["twice-anna"].uid
    year.done(year.retire("twice-anna"))
    time.sleep(1.1)  # what was written in that second is about the one before
    a_year(year, "twice-anna")
    new = year.seen.accounts.by_name["twice-anna"].uid
    assert new != old
    assert hubtui("due").returncode == 0
    approvals = [p for p in map(_load, (STATE / "plans").glob("*.json")) if p.kind == "approve"]
    found = {p.subjects[0]["uid"]: p.subjects[0]["name"] for p in approvals}
    assert found == {old: f"uid {old}", new: "twice-anna"}
    assert expected.read_expected(STATE) == frozenset({"twice-anna"})
    with closing(sqlite3.connect(deliveries.path(STATE))) as ledger:
        assert ledger.execute("select uid, name from deliveries").fetchall() == [
            (new, "twice-anna")
        ]
    year.done(year.retire("twice-anna"))
    assert hubtui("due").returncode == 0
    assert standing("twice-anna") == []
    assert {one.uid for one in kept.listed(year.server)} == {old, new}


def _load(path: Path) -> plans.Plan:
    return plans.load(STATE, path.stem)


def test_who_is_switched_off_is_told_so_and_nobody_approves_it(year: Leavers) -> None:
    year.student("off-anna", 20300)
    assert hubtui("accounts", "retire", "off-anna", "--grace", "9d", *COURSE).returncode == 0
    asked = hubtui("accounts", "why", "off-anna")
    assert "is switched off since" in asked.stdout
    assert "hubtui accounts restore off-anna" in asked.stdout
    assert "install -d" not in asked.stdout  # its home is behind the fence, and is to come back
    refused = hubtui("signups", "approve", "off-anna", "--yes")
    assert refused.returncode == 1
    assert "To bring it back: hubtui accounts restore off-anna" in refused.stderr
    assert hubtui("accounts", "restore", "off-anna", "--yes").returncode == 0
    assert year.can_log_in("off-anna")
