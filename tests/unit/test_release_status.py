"""The matrix of students and sheets, and the history, from records of every kind."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hubtui.course import Course
from hubtui.events import Event, EventLog, Outcome, What
from hubtui.plan import plans, runs
from hubtui.plan.plans import Plan
from hubtui.plan.runs import Life, RunRecord
from hubtui.release import status, store
from hubtui.release.history import History, Ran, history, ran
from hubtui.release.ledger import Delivered
from hubtui.release.status import Released, Row, Standing, Trouble, rows, troubles, why
from hubtui.release.store import Fate, SheetRecord, Version
from hubtui.server import Server, server_of
from hubtui.state import write_document
from tests.unit.surveys import course

NOON = "2026-11-23T12:00:00Z"
LATER = "2026-11-23T13:00:00Z"
WEEK01 = Released("week01", 2, NOON, released=True)


def delivered(version: int = 2, at: str = NOON, run: str = "r1", **more: Any) -> Delivered:
    more = {"counts": {"new": 1}, "listed": ()} | more
    return Delivered(uid=20001, sheet="week01", version=version, at=at, run=run, **more)


def row(given: Delivered | None, trouble: Trouble | None = None, sheet: Released = WEEK01) -> Row:
    standing = Standing(
        at=datetime(2026, 11, 23, 12, tzinfo=UTC),
        sheets=[sheet],
        students={"anna": 20001},
        deliveries={(20001, "week01"): given} if given else {},
        troubles={(20001, "week01"): trouble} if trouble else {},
    )
    (found,) = rows(standing)
    return found


# --- one cell ------------------------------------------------------------------------------------


def test_nothing_was_given() -> None:
    found = row(None)
    assert (found.name, found.uid, found.sheet) == ("anna", 20001, "week01")
    assert (found.version, found.state, found.behind, found.why) == (None, None, False, "")


@pytest.mark.parametrize(
    ("counts", "state"),
    [
        ({"new": 2, "same": 1}, "delivered"),
        ({"same": 3}, "same"),
        ({"kept": 1, "new": 2}, "kept"),
        ({"beside": 1, "kept": 1}, "beside"),
        ({"blocked": 1, "beside": 1}, "blocked"),
        ({"no_space": 1, "blocked": 1}, "no_space"),
        ({"failed": 1, "no_space": 1}, "failed"),
    ],
)
def test_the_worst_file_gives_the_word(counts: dict[str, int], state: str) -> None:
    assert row(delivered(counts=counts)).state == state


def test_who_has_an_older_version_is_behind() -> None:
    assert row(delivered(version=1)).behind
    assert not row(delivered(version=2)).behind
    assert not row(delivered(version=3)).behind  # a newer one was tried on her
    tried = Released("week01", 2, NOON, released=False)
    assert not row(delivered(version=1), sheet=tried).behind


def test_the_reason_is_of_the_state_and_safe_to_show() -> None:
    listed = (
        ("a.ipynb", "kept", ""),
        ("b\x1b[31m.ipynb", "blocked", "a link has its name"),
        ("c.ipynb", "blocked", "a folder has its name"),
    )
    found = row(delivered(counts={"blocked": 2, "kept": 1}, listed=listed))
    assert found.why == "b\\x1b[31m.ipynb: a link has its name, and 1 more"
    assert why(delivered(counts={"kept": 1}, listed=listed[:1])) == (
        "a.ipynb: kept as the student has it"
    )
    assert why(delivered()) == ""


def test_a_run_that_failed_without_a_delivery_is_told_until_something_came_later() -> None:
    trouble = Trouble("r2", NOON, "failed", "took longer than 600 s: ended")
    assert row(None, trouble).state == "failed"
    assert row(None, trouble).version is None
    before = row(delivered(version=1, at=NOON, run="r1"), trouble)
    assert (before.state, before.why, before.version, before.behind) == (
        "failed",
        "took longer than 600 s: ended",
        1,
        True,
    )
    assert row(delivered(at=LATER, run="r3"), trouble).state == "delivered"
    of_the_same_run = delivered(run="r2", counts={"blocked": 1})
    assert row(of_the_same_run, trouble).state == "blocked"


# --- runs ----------------------------------------------------------------------------------------


def release(
    *names: str,
    kind: str = "push",
    sheets: Mapping[str, int] | None = None,
    of_sheets: bool = True,
    **params: Any,
) -> Plan:
    sheets = dict(sheets or {"week01": 1})
    subjects: list[dict[str, Any]] = [
        {"key": f"sheet {s}", "name": s, "uid": 0, "sheets": {s: n}}
        for s, n in sheets.items()
        if of_sheets
    ]
    subjects += [
        {"key": name, "name": name, "uid": 20001 + i, "sheets": sheets}
        for i, name in enumerate(names)
    ]
    return Plan(
        id="r1",
        kind=kind,
        title="Release week01",
        params={"trial": False, "again": False, "replace_open": False} | params,
        subjects=tuple(subjects),
        by="eva",
        at=NOON,
    )


def a_run(plan: Plan, life: Life = Life.OVER, **ends: Outcome) -> Ran:
    said = {
        name: Event(run=plan.id, seq=1, event=What.END, subject=name, outcome=o, text=f"{o}!")
        for name, o in ends.items()
    }
    return Ran(plan=plan, by="eva", at=NOON, life=life, ends=said, last=None)


def test_which_ends_are_trouble() -> None:
    plan = release("anna", "bert", "carla", "dora")
    found = troubles(
        [
            a_run(
                plan,
                anna=Outcome.DONE,
                bert=Outcome.FAILED,
                carla=Outcome.CANCELLED,
                dora=Outcome.ALREADY,
            )
        ]
    )
    assert {uid: (each.state, each.why) for (uid, _), each in found.items()} == {
        20002: ("failed", "failed!"),
        20003: ("interrupted", "the run was cancelled"),
    }


def test_who_was_never_reached_was_interrupted() -> None:
    plan = release("anna")
    (left,) = troubles([a_run(plan, Life.UNFINISHED)]).values()
    assert (left.state, left.why) == (
        "interrupted",
        "the run was broken off: hubtui journal resume r1",
    )
    (dropped,) = troubles([a_run(plan, Life.OVER)]).values()
    assert dropped.why == "the run was broken off"
    assert troubles([a_run(plan, Life.RUNNING)]) == {}


def test_only_the_latest_run_counts_and_one_that_did_not_begin_is_none() -> None:
    plan = release("anna")
    good, bad = a_run(plan, anna=Outcome.DONE), a_run(plan, anna=Outcome.FAILED)
    held = a_run(plan, anna=Outcome.HELD)
    assert troubles([good, bad]) == {}
    assert len(troubles([bad, good])) == 1
    assert len(troubles([held, bad])) == 1
    assert troubles([held, good, bad]) == {}


def test_what_went_wrong_before_a_withdrawal_is_no_longer_wanted() -> None:
    bad = a_run(release("anna", sheets={"week01": 1, "week02": 1}), anna=Outcome.FAILED)
    withdrawal = a_run(release("bert", kind="withdraw"), bert=Outcome.DONE)
    assert set(troubles([withdrawal, bad])) == {(20001, "week02")}


# --- sheets --------------------------------------------------------------------------------------


def record(sheet: str, *fates: Fate, since: str = NOON) -> SheetRecord:
    versions = (
        Version(
            number=n, made=NOON, by="eva", files=1, bytes=1, digest=str(n), fate=fate, since=since
        )
        for n, fate in enumerate(fates, 1)
    )
    return SheetRecord(sheet=sheet, versions=tuple(versions))


def test_the_sheets_that_are_out_the_newest_first() -> None:
    records = {
        each.sheet: each
        for each in (
            record("old", Fate.RELEASED),
            record("new", Fate.RELEASED, Fate.TRIAL, Fate.HELD, since=LATER),
            record("tried", Fate.TRIAL),
            record("held", Fate.HELD),
            record("gone", Fate.WITHDRAWN),
        )
    }
    found = status.released(records)
    assert [(s.name, s.version, s.released) for s in found] == [
        ("new", 1, True),
        ("old", 1, True),
        ("tried", 1, False),
    ]


# --- history -------------------------------------------------------------------------------------


@pytest.fixture
def server(tmp_path: Path) -> Server:
    found: Course = course(tmp_path)
    return server_of(found)


def keep(
    server: Server, plan: Plan, at: str, *ends: tuple[str, Outcome], over: bool = True
) -> None:
    plan = msgspec.structs.replace(plan, id=f"r{at[11:13]}")
    plans.save(server.state, plan)
    write_document(
        runs.record_path(server.state, plan.id), RunRecord(id=plan.id, by=plan.by, at=at)
    )
    log = EventLog(runs.events_path(server.state, plan.id), plan.id)
    for name, outcome in ends:
        log.emit(What.END, subject=name, outcome=outcome)
    if over:
        log.emit(What.DONE, outcome=ends[-1][1], at=at)


def words(found: History) -> list[tuple[str, int | None, str]]:
    return [(str(one.what), one.students, one.state) for one in found.past]


def test_every_kind_of_run_the_newest_first(server: Server) -> None:
    done = Outcome.DONE
    keep(server, release("anna", trial=True), "2026-11-23T08:00:00Z", ("anna", done))
    keep(
        server,
        release("anna", "bert"),
        "2026-11-23T09:00:00Z",
        ("anna", done),
        ("bert", Outcome.FAILED),
    )
    keep(server, release("anna", again=True, trial=True), "2026-11-23T10:00:00Z", ("anna", done))
    keep(server, release("carla", of_sheets=False), "2026-11-23T11:00:00Z", ("carla", done))
    keep(server, release("anna", kind="withdraw"), "2026-11-23T12:00:00Z", ("anna", done))
    keep(server, release("anna", kind="approve"), "2026-11-23T13:00:00Z", ("anna", done))
    found = history(server)
    assert found.missing == ()
    assert words(found) == [
        ("withdrawn", 1, "done"),
        ("caught up", 1, "done"),
        ("given again", 1, "done"),
        ("released", 2, "failed"),
        ("tried", 1, "done"),
    ]
    assert found.past[3].outcomes == {"done": 1, "failed": 1}
    assert found.past[3].by == "eva"


def test_a_run_that_was_killed_is_unfinished(server: Server) -> None:
    keep(server, release("anna"), NOON, over=False)
    assert words(history(server)) == [("released", 1, "running")]  # it may be starting
    os.utime(runs.record_path(server.state, "r12"), (1, 1))
    assert words(history(server)) == [("released", 1, "unfinished")]


def test_what_no_run_knows_any_more_the_store_does(server: Server) -> None:
    keep(server, release("anna", sheets={"week02": 1}), LATER, ("anna", Outcome.DONE))
    for each in (
        record("week01", Fate.RELEASED, Fate.HELD),
        record("week02", Fate.RELEASED),
        record("week03", Fate.WITHDRAWN),
    ):
        store.folder(server, each.sheet).mkdir(parents=True)
        store.write(store.folder(server, each.sheet) / "sheet.json", each)
    found = history(server)
    assert [(one.run, str(one.what), one.sheets, one.students) for one in found.past] == [
        ("r13", "released", {"week02": 1}, 1),
        ("", "released", {"week01": 1}, None),
        ("", "withdrawn", {"week03": 1}, None),
    ]


def test_a_record_that_cannot_be_read_is_named_and_hides_no_other(server: Server) -> None:
    keep(server, release("anna"), NOON, ("anna", Outcome.DONE))
    (server.state / "runs/broken.json").write_text("{")
    found, missing = ran(server.state)
    assert [one.plan.id for one in found] == ["r12"]
    assert [each.what for each in missing] == ["run broken"]
    (server.state / "plans/r12.json").write_text("[]")
    assert {each.what for each in history(server).missing} == {"run broken", "run r12"}
