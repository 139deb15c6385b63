"""A name is replaced as a word, wherever somebody may stand, and nothing else is touched."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubtui import expected, pauses, state
from hubtui.clock import parse, stamp
from hubtui.enrol import Creation, Enrolment
from hubtui.events import EventLog, Follower, Outcome, What
from hubtui.fix import Fix
from hubtui.plan import journal, plans, runs
from hubtui.plan.journal import Journal
from hubtui.plan.locks import lock
from hubtui.plan.plans import Plan, new_plan
from hubtui.plan.runs import RunRecord
from hubtui.release import ledger as deliveries
from hubtui.release.chosen import Subject
from hubtui.release.desk import Outcome as Handed
from hubtui.repair.records import Repair
from hubtui.retire import closing as last
from hubtui.retire import forget, receipt
from hubtui.retire.gone import Gone, Names, names_of, removals
from hubtui.retire.records import Closing, Leaver
from hubtui.server import Server, ledger, sizes
from hubtui.server.ledger import Given
from hubtui.server.run import run
from hubtui.signup_steps import Row
from hubtui.signups import Verdict
from hubtui.stop import Stop

from .surveys import NOON, course

AFTER = stamp(NOON + timedelta(hours=1))
ANNA = Gone("anna", 20001, AFTER)
OWN = ("push", "retire", "done", "step", "plan", "end", "name", "key", "uid", "home", "check")
"""Students may be called as hubtui calls what it does."""


@pytest.fixture
def server(tmp_path: Path) -> Server:
    found = course(tmp_path)
    found.state_dir.mkdir()
    return Server(
        course=found, state=found.state_dir, run=run, clock=lambda: NOON, live=tmp_path / "live"
    )


def names(*gone: str) -> Names:
    return Names(Gone(name, 20001 + n, AFTER) for n, name in enumerate(gone))


# --- words --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("anna", "uid 20001"),
        ("anna.", "uid 20001."),
        ("/home/anna/x", "/home/uid 20001/x"),
        ("Remove account anna, 'anna' and (anna)", None),
        ("home-alone:anna", "home-alone:uid 20001"),
        ("anna's server", "uid 20001's server"),
        ("anna@localhost", "uid 20001@localhost"),
    ],
)
def test_a_name_is_replaced_wherever_it_is_a_word(text: str, becomes: str | None) -> None:
    assert names("anna").out(text) == (becomes or text.replace("anna", "uid 20001"))


@pytest.mark.parametrize(
    "text",
    ["anna-maria", "annabel", "joanna", "Anna", "anna.maria", "maria.anna", "anna_2", "x-anna",
     "anna2", "joänna", "änna", "anna-maria.", "_anna"],
)  # fmt: skip
def test_another_name_is_never_touched(text: str) -> None:
    assert names("anna", "nna").out(text) == text


@pytest.mark.parametrize("name", ["a+b", "a b", "$(id)", "müller", "anna-", 'x"y', "[b]x", "20001"])
def test_odd_names_of_accounts_by_hand_go_as_well(name: str) -> None:
    assert names(name).out(f"Remove {name}, and {name}x") == f"Remove uid 20001, and {name}x"


@pytest.mark.parametrize("name", ["uid", "20001", "anna"])
def test_to_forget_twice_changes_nothing_more(name: str) -> None:
    once = names(name).out(f"Remove {name} and uid 20001")
    assert once == "Remove uid 20001 and uid 20001"
    assert names(name).out(once) == once
    assert not names(name).stand_in(once)


@given(st.lists(st.from_regex(r"[a-z][a-z0-9_-]{0,30}[a-z0-9]", fullmatch=True), unique=True))
def test_of_any_names_none_is_left_as_a_word(found: list[str]) -> None:
    every = names(*found)
    text = " ".join(found)
    assert every.stand_in(text) == bool(found)
    after = every.out(text)
    assert not every.stand_in(after)
    assert sorted(after.replace("uid ", "").split()) == sorted(
        str(20001 + n) for n in range(len(found))
    )


def test_whose_name_it_was_is_told_by_the_time() -> None:
    noon, one, two = stamp(NOON), AFTER, stamp(NOON + timedelta(hours=2))
    both = Names([Gone("anna", 20002, two), Gone("anna", 20001, one)], used={"anna"})
    assert both.out("anna", noon) == "uid 20001"
    assert both.out("anna", stamp(NOON + timedelta(minutes=90))) == "uid 20002"
    assert both.out("anna", stamp(NOON + timedelta(hours=3))) == "anna"
    assert both.out("anna") == "anna"  # nobody knows when that was, and somebody has it now


# --- plans and runs -----------------------------------------------------------------------------


def every_kind(name: str) -> list[Plan]:
    """A plan of each kind that names somebody."""
    subjects: dict[str, msgspec.Struct] = {
        "approve": Enrolment(
            key="3", id=3, name=name, digest="d", verdict=Verdict.EARLIER, uid=20001, note=name
        ),
        "create": Creation(key=name, name=name, uid=20001),
        "discard": Row(key="3", id=3, name=name, digest="d"),
        "stop": Stop(key=name, name=name, uid=20001),
        "push": Subject(key=name, name=name, uid=20001, sheets={"week01": 1}),
        "fix": Fix(key=name, name=name, kind="home", mends="d", place=f"/home/{name}"),
        "repair": Repair(key=f"home-open:{name}", name=name, code="home-open"),  # type: ignore[arg-type]
        "retire": leaver(name, 20001),
    }
    return [new_plan(kind, f"{kind} {name}", [one], NOON) for kind, one in subjects.items()]


def leaver(name: str, uid: int) -> Leaver:
    return Leaver(key=name, name=name, uid=uid, gid=20000, home=f"/home/{name}")


def over(server: Server, plan: Plan, name: str) -> None:
    """It was carried out, as far as files tell."""
    plans.save(server.state, plan)
    record = runs.record_path(server.state, plan.id)
    state.write_document(record, RunRecord(id=plan.id, by="root", at=plan.at))
    os.utime(record, (1, 1))
    log = EventLog(runs.events_path(server.state, plan.id), plan.id)
    log.emit(What.START, subject=name, step="check", text=f"check that {name} is there")
    log.emit(What.END, subject=name, outcome=Outcome.DONE, text=f"{name} is through")
    log.emit(What.DONE, outcome=Outcome.DONE, text="1 done")
    record.with_suffix(".err").write_text(f"hubtui: {name} was there\n")


def retired(server: Server, name: str, uid: int = 20001) -> None:
    ledger.give(server.state, Given(uid=uid, name=name, made=stamp(NOON)))
    ledger.give(server.state, Given(uid=uid, name="", made=stamp(NOON), retired=AFTER))


@pytest.mark.parametrize("name", ["anna", *OWN])
def test_plans_of_every_kind_can_be_read_as_before(server: Server, name: str) -> None:
    retired(server, name)
    before = every_kind(name)
    for plan in before:
        over(server, plan, name)
    found = names_of(removals(server.state), server)
    assert found.gone == [Gone(name, 20001, AFTER)]
    assert forget.forget(server, found) == []
    assert forget.left(server, found) == []
    for plan in before:
        after = plans.load(server.state, plan.id)
        assert (after.kind, after.at, after.by) == (plan.kind, plan.at, plan.by)
        assert after.title == names(name).out(plan.title)
        [was], [now] = plan.subjects, after.subjects
        assert now["name"] == "uid 20001"
        assert set(was) == set(now)
        for field in ("kind", "code", "verdict", "sheets", "digest", "uid"):
            assert was.get(field) == now.get(field)
        events = Follower(runs.events_path(server.state, plan.id)).new()
        assert [event.event for event in events] == [What.START, What.END, What.DONE]
        assert events[0].step == "check"
        assert {event.subject for event in events} == {"uid 20001", ""}
        assert events[1].text == "uid 20001 is through"
        errors = runs.record_path(server.state, plan.id).with_suffix(".err").read_text()
        assert errors == names(name).out(f"hubtui: {name} was there\n")
    assert not names_of(removals(server.state), server)


def test_what_may_be_carried_on_waits_and_the_list_of_whom_to_forget_with_it(
    server: Server,
) -> None:
    retired(server, "anna")
    removal, stop = every_kind("anna")[-1], every_kind("anna")[3]
    over(server, removal, "anna")
    plans.save(server.state, stop)
    record = runs.record_path(server.state, stop.id)
    state.write_document(record, RunRecord(id=stop.id, by="root", at=stop.at))
    before = plans.plan_path(server.state, stop.id).read_bytes()
    found = names_of(removals(server.state), server)
    assert forget.waiting(server, found) == [stop.id]
    assert forget.forget(server, found) == [stop.id]
    last.finish(server)
    assert plans.plan_path(server.state, stop.id).read_bytes() == before
    assert plans.load(server.state, removal.id).title == removal.title
    os.utime(record, (1, 1))
    runs.drop(server.state, stop.id, NOON)
    last.finish(server)
    assert forget.left(server, found) == []
    assert plans.load(server.state, removal.id).title == "retire uid 20001"


def test_a_plan_that_was_never_begun_is_settled_after_a_while(server: Server) -> None:
    stop = every_kind("anna")[3]
    plans.save(server.state, stop)
    path = plans.plan_path(server.state, stop.id)
    assert forget.forget(server, names("anna")) == [stop.id]
    os.utime(path, (1, 1))
    assert forget.forget(server, names("anna")) == []
    assert b"anna" not in path.read_bytes()
    assert path.stat().st_mtime == 1  # history sorts by it


# --- other files --------------------------------------------------------------------------------


def test_the_journal_names_a_uid_and_keeps_every_line(server: Server) -> None:
    log = Journal(server.state, server.clock, run="r", kind="push", by="root")
    for name in ("anna", "anna-maria", "push"):
        log.write("end", subject=name, outcome="done", text=f"{name} has it")
    path = server.state / "journal/2026-11.jsonl"
    with path.open("ab") as file:
        file.write(b'{"at":"torn anna')
    forget.forget(server, names("anna", "push"))
    log.write("over", subject="anna", outcome="done")
    found = list(journal.read_journal(server.state))
    assert [e.subject for e in found] == ["uid 20001", "anna-maria", "uid 20002", "anna"]
    assert [e.kind for e in found] == ["push"] * 4
    assert found[0].text == "uid 20001 has it"


def test_documents_with_a_lock_of_their_own_wait_for_it(server: Server) -> None:
    pauses.pause(server.state, None, "root", "anna looks at it", NOON)
    with lock(server.state, "pauses", "somebody"):
        assert forget.forget(server, names("anna")) == ["pauses.json"]
    assert forget.forget(server, names("anna")) == []
    kept = pauses.read(server.state).pause
    assert kept is not None
    assert kept.why == "uid 20001 looks at it"


def test_lists_lose_the_entry_and_nobody_else(server: Server) -> None:
    found = {"anna": 5, "anna-maria": 6}
    state.write_document(sizes.path(server.state), sizes.Sizes(at=AFTER, bytes=found))
    expected.expect(server.state, list(found))
    forget.forget(server, names("anna"))
    measured = sizes.read_sizes(server.state)
    assert measured is not None
    assert measured.bytes == {"anna-maria": 6}
    assert expected.read_expected(server.state) == frozenset({"anna-maria"})


def test_the_uid_ledger_keeps_that_a_uid_is_retired_and_no_name(server: Server) -> None:
    ledger.give(server.state, Given(uid=20001, name="anna", made=AFTER, for_="digest"))
    ledger.give(server.state, Given(uid=20002, name="anna", made=AFTER))
    ledger.give(server.state, Given(uid=20001, name="", made=AFTER, retired=AFTER))
    ledger.forget(server.state, {20001, 20002})
    found = ledger.read_ledger(server.state)
    assert found.by_uid[20001] == Given(uid=20001, name="", made=AFTER, retired=AFTER)
    assert found.by_uid[20002].name == "anna"  # who is not retired has its name
    assert b"digest" not in ledger.path(server.state).read_bytes()


def test_nothing_of_a_row_is_left_in_the_bytes_of_the_ledger_of_releases(server: Server) -> None:
    book = deliveries.Ledger(server.state)
    for sheet in ("w", "withdrawn"):
        for uid, name in ((20001, "anna-xyz"), (20002, "bert-xyz")):
            one = Handed(sheet=sheet, version=1, counts={}, listed=((name, "kept", "p" * 50000),))
            book.note(uid, [one], "run", NOON, name=name)
    book.close()
    with closing(sqlite3.connect(deliveries.path(server.state))) as found, found:
        found.execute("pragma secure_delete = off")  # as SQLite is built elsewhere than in Debian
        found.execute("delete from deliveries where sheet = 'withdrawn' or uid = 20001")
    assert b"anna-xyz" in _bytes(server.state / "ledger")
    book.note(20001, [Handed(sheet="w", version=2, counts={}, listed=())], "r", NOON, name="anna-x")
    deliveries.forget_uids(server.state, [(20001, "anna-x"), (20002, "anna-x")])
    assert b"anna-x" not in _bytes(server.state / "ledger")
    assert [uid for uid, _ in deliveries.read(server.state)] == [20002]
    book.note(20002, [Handed(sheet="v", version=1, counts={}, listed=())], "r", NOON, name="b")
    book.close()
    with closing(sqlite3.connect(deliveries.path(server.state))) as found:
        assert found.execute("pragma integrity_check").fetchone() == ("ok",)


def _bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


def test_a_ledger_that_was_never_begun_has_nothing_to_forget(server: Server) -> None:
    deliveries.forget_uids(server.state, [(20001, "anna")])
    assert not deliveries.path(server.state).exists()


def test_what_a_kill_left_is_removed_once_nobody_can_be_writing_it(server: Server) -> None:
    temporary = server.state / ".sizes.json.0badcafe"
    temporary.write_text("anna")
    own = server.state / ".hidden"
    own.write_text("bert")
    os.utime(own, (1, 1))
    forget.forget(server, names("anna"))
    assert temporary.exists()
    os.utime(temporary, (1, 1))
    forget.forget(server, names("anna"))
    assert not temporary.exists()
    assert own.exists()


def test_a_lock_says_nobody_any_more_but_one_that_is_held(server: Server) -> None:
    with lock(server.state, "accounts", "Remove account anna"):
        (server.state / "locks/release").write_text("Release to anna, killed")
        forget.forget(server, names("anna"))
        assert (server.state / "locks/accounts").read_text() == "Remove account anna"
        assert (server.state / "locks/release").read_text() == ""


def test_how_the_hub_runs_stays_though_a_word_of_it_was_a_name(server: Server) -> None:
    text = '{"format":1,"launch":{"words":["/srv/hub/bin/jupyterhub"]}}'
    (server.state / "hub.json").write_text(text)
    found = names("srv")
    forget.forget(server, found)
    assert (server.state / "hub.json").read_text() == text
    assert forget.left(server, found) == ["hub.json"]  # said, and left for a person


@pytest.mark.parametrize("data", [b"anna {", b'{"subject":"anna"', b"\xff anna", b"[1, anna]"])
def test_a_broken_file_stays_as_it_is_and_is_told(server: Server, data: bytes) -> None:
    (server.state / "calls.json").write_bytes(data)
    found = names("anna")
    assert forget.forget(server, found) == []
    assert (server.state / "calls.json").read_bytes() == data
    assert forget.left(server, found) == ["calls.json"]


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text() | st.just("anna, anna-m"),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["text", "subject", "kind", "x"]), inner)
    ),
)


@given(VALUES)
def test_only_texts_in_fields_that_may_be_about_somebody_change(value: Any) -> None:
    fields = frozenset({"text", "subject"})
    data = msgspec.json.encode(value) + b"\n"
    after = msgspec.json.decode(forget._document(data, names("anna"), fields, None))
    assert after == _by_hand(value, "")


def _by_hand(value: Any, field: str) -> Any:
    if isinstance(value, dict):
        return {key: _by_hand(each, key) for key, each in value.items()}
    if isinstance(value, list):
        return [_by_hand(each, field) for each in value]
    if value == "anna, anna-m" and field in ("text", "subject"):
        return "uid 20001, anna-m"
    return value


# --- the receipt --------------------------------------------------------------------------------


def a_removal(server: Server) -> Plan:
    """Anna went; bert's home was not the one that was shown."""
    retired(server, "anna")
    people = [leaver("anna", 20001), leaver("bert", 20002)]
    plan = new_plan("retire", "Remove 2 accounts", [*people, Closing()], NOON)
    over(server, plan, "anna")
    log = EventLog(runs.events_path(server.state, plan.id), plan.id)
    text = "/home/bert is not bert's home: [x](y) <b>"
    log.emit(What.END, subject="bert", outcome=Outcome.CHANGED, text=text)
    log.emit(What.DONE, outcome=Outcome.CHANGED)
    return plan


def test_the_receipt_of_a_run_that_was_given_up_is_written_before_the_name_goes(
    server: Server,
) -> None:
    plan = a_removal(server)
    last.finish(server)
    found = receipt.read(server.state, plan.id)
    assert found is not None
    assert [(one.uid, one.removed) for one in found.accounts] == [(20001, True), (20002, False)]
    assert found.accounts[1].why.startswith("/home/uid 20002 is not uid 20002's home")
    page = receipt.path(server.state, plan.id).read_text()
    assert "anna" not in page
    assert "bert" not in page
    assert r"\[x\](y) \<b\>" in page
    assert "/etc/passwd-" in page
    subjects = plans.load(server.state, plan.id).subjects
    assert [one["name"] for one in subjects] == ["uid 20001", "bert", "Receipt"]
    written = receipt.path(server.state, plan.id).stat().st_mtime_ns
    last.finish(server)
    assert receipt.path(server.state, plan.id).stat().st_mtime_ns == written


def test_a_clock_that_was_put_back_since_the_plan_leaves_no_name_in_it(server: Server) -> None:
    retired(server, "anna")
    made = parse(AFTER) + timedelta(hours=1)
    over(server, new_plan("retire", "Remove anna", [leaver("anna", 20001)], made), "anna")
    last.finish(server)
    assert b"anna" not in _bytes(server.state / "plans") + _bytes(server.state / "runs")


def test_the_receipt_says_where_a_name_is_left(server: Server) -> None:
    plan = a_removal(server)
    (server.state / "notes.txt").write_text("anna was here")
    last.finish(server)
    found = receipt.read(server.state, plan.id)
    assert found is not None
    assert found.still_named == ("notes.txt",)
    assert "- notes.txt" in receipt.path(server.state, plan.id).read_text()


def test_while_accounts_are_changed_it_is_left_for_the_next_minute(server: Server) -> None:
    path = plans.plan_path(server.state, a_removal(server).id)
    before = path.read_bytes()
    with lock(server.state, "accounts", "somebody"):
        last.finish(server)
    assert path.read_bytes() == before
