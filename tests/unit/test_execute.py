"""Plans being carried out: one failure stops nobody else, a second pass does nothing twice."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import msgspec
import pytest

from hubtui.clock import now
from hubtui.errors import ChangedSinceShown, CommandFailed, LockHeld
from hubtui.events import Follower, Outcome, What
from hubtui.plan import runs
from hubtui.plan.execute import execute
from hubtui.plan.journal import read_journal
from hubtui.plan.locks import is_held, lock
from hubtui.plan.plans import Plan, new_plan, save
from hubtui.plan.steps import Chain, Step
from hubtui.state import write_document


class Subject(msgspec.Struct):
    key: str


@dataclass
class Fake(Step):
    """A step on a set of words, so that its doing can be counted."""

    name: str
    world: list[str] = field(default_factory=list)
    fails: Exception | None = None
    kind = "fake"

    def say(self) -> str:
        return f"do {self.name}"

    def done(self) -> bool:
        return self.name in self.world

    def do(self) -> Iterator[str]:
        if self.fails:
            raise self.fails
        self.world.append(self.name)
        yield "half way"


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    made = new_plan("test", "Test three", [Subject("a"), Subject("b"), Subject("c")], now())
    save(tmp_path, made)
    write_document(runs.record_path(tmp_path, made.id), runs.RunRecord(id=made.id, by="me", at=""))
    return made


def ends(state: Path, plan: Plan) -> dict[str, Outcome | None]:
    events = Follower(runs.events_path(state, plan.id)).new()
    return {e.subject: e.outcome for e in events if e.event is What.END}


def test_one_failure_stops_nobody_else(tmp_path: Path, plan: Plan) -> None:
    world: list[str] = []
    chains = [
        Chain("a", [Fake("a1", world), Fake("a2", world)]),
        Chain("b", [Fake("b1", world, CommandFailed("useradd failed.")), Fake("b2", world)]),
        Chain("c", [Fake("c1", world)]),
    ]
    assert execute(tmp_path, now, plan, "accounts", lambda _: chains) is Outcome.FAILED
    assert world == ["a1", "a2", "c1"]
    assert ends(tmp_path, plan) == {"a": "done", "b": "failed", "c": "done"}
    assert runs.life(tmp_path, plan.id) is runs.Life.OVER


def test_what_is_done_already_is_not_done_again(tmp_path: Path, plan: Plan) -> None:
    world = ["a1"]
    outcome = execute(tmp_path, now, plan, "accounts", lambda _: [Chain("a", [Fake("a1", world)])])
    assert (outcome, world) == (Outcome.ALREADY, ["a1"])


def test_a_ground_that_moved_is_said_as_such(tmp_path: Path, plan: Plan) -> None:
    step = Fake("a", [], ChangedSinceShown("anna was ready, and is now refused."))
    execute(tmp_path, now, plan, "accounts", lambda _: [Chain("a", [step])])
    assert ends(tmp_path, plan) == {"a": "changed"}


def test_an_operating_system_error_is_a_sentence_too(tmp_path: Path, plan: Plan) -> None:
    step = Fake("a", [], OSError(28, "No space left on device", "/home/anna"))
    execute(tmp_path, now, plan, "accounts", lambda _: [Chain("a", [step])])
    events = Follower(runs.events_path(tmp_path, plan.id)).new()
    assert "/home/anna: No space left on device." in [e.text for e in events]


def test_cancel_stops_before_the_next_step(tmp_path: Path, plan: Plan) -> None:
    world: list[str] = []
    runs.cancel(tmp_path, plan.id)
    execute(tmp_path, now, plan, "accounts", lambda _: [Chain("a", [Fake("a1", world)])])
    assert (world, ends(tmp_path, plan)) == ([], {"a": "cancelled"})


class PutsBack(Fake):
    """What is carried out whatever was before."""

    always = True


def test_what_puts_back_is_done_after_a_failure_too(tmp_path: Path, plan: Plan) -> None:
    world: list[str] = []
    broken = Fake("a1", world, CommandFailed("a1 failed."))
    chain = Chain("a", [broken, Fake("a2", world), PutsBack("a3", world)])
    execute(tmp_path, now, plan, "accounts", lambda _: [chain])
    assert (world, ends(tmp_path, plan)) == (["a3"], {"a": "failed"})


def test_what_puts_back_is_done_where_somebody_cancelled(tmp_path: Path, plan: Plan) -> None:
    world: list[str] = []
    runs.cancel(tmp_path, plan.id)
    chain = Chain("a", [Fake("a1", world), PutsBack("a2", world)])
    execute(tmp_path, now, plan, "accounts", lambda _: [chain])
    assert (world, ends(tmp_path, plan)) == (["a2"], {"a": "cancelled"})


def test_where_putting_back_fails_both_are_said(tmp_path: Path, plan: Plan) -> None:
    broken = Fake("a1", [], CommandFailed("a1 failed."))
    back = PutsBack("a2", [], CommandFailed("a2 failed."))
    execute(tmp_path, now, plan, "accounts", lambda _: [Chain("a", [broken, back])])
    events = Follower(runs.events_path(tmp_path, plan.id)).new()
    [text] = [event.text for event in events if event.event is What.END]
    assert text == "a1 failed. Besides: a2 failed."


def test_a_held_lock_is_told_with_its_holder(tmp_path: Path, plan: Plan) -> None:
    with lock(tmp_path, "accounts", "Approve 3, by eva, pid 7"):
        outcome = execute(tmp_path, now, plan, "accounts", lambda _: [])
    assert outcome is Outcome.HELD
    last = Follower(runs.events_path(tmp_path, plan.id)).new()[0]
    assert "Approve 3, by eva" in last.text


def test_a_change_in_turns_lets_others_have_the_lock_in_between(tmp_path: Path, plan: Plan) -> None:
    free: list[bool] = []

    class Looks(Fake):
        def do(self) -> Iterator[str]:
            free.append(not is_held(tmp_path / "locks" / "accounts"))
            yield from super().do()

    def between() -> Iterator[Chain]:
        for key in ("a", "b"):
            yield Chain(key, [Looks(f"{key}1", [])])
            with lock(tmp_path, "accounts", "Approve 1", patience=0):
                free.append(True)

    outcome = execute(
        tmp_path, now, plan, "accounts", lambda _: cast("list[Chain]", between()), in_turn=True
    )
    assert outcome is Outcome.DONE
    assert free == [False, True, False, True]


def test_who_does_not_get_a_turn_holds_up_nobody(
    tmp_path: Path, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hubtui.plan.execute._PATIENCE", 0.0)
    turns = contextlib.ExitStack()
    turns.enter_context(lock(tmp_path, "accounts", "Approve 3"))

    def one_after_another() -> Iterator[Chain]:
        yield Chain("a", [Fake("a1", [])])
        turns.close()
        yield Chain("b", [Fake("b1", [])])

    chains = cast("list[Chain]", one_after_another())
    outcome = execute(tmp_path, now, plan, "accounts", lambda _: chains, in_turn=True)
    assert outcome is Outcome.HELD
    assert ends(tmp_path, plan) == {"a": "held", "b": "done"}


def test_the_same_run_never_works_twice_at_once(tmp_path: Path, plan: Plan) -> None:
    def nested(_: int) -> list[Chain]:
        with pytest.raises(LockHeld):
            execute(tmp_path, now, plan, "other", lambda _: [])
        return []

    execute(tmp_path, now, plan, "accounts", nested)


def test_the_journal_says_who_when_what_and_no_arguments(tmp_path: Path, plan: Plan) -> None:
    chains = [Chain("a", [Fake("secret-name", [])], uid=20001)]
    execute(tmp_path, now, plan, "accounts", lambda _: chains)
    entries = list(read_journal(tmp_path))
    assert [e.event for e in entries] == ["begin", "step", "end", "over"]
    assert entries[1].subject == "uid 20001"
    assert "secret-name" not in repr(entries)
    assert {e.by for e in entries} == {plan.by}


def test_a_run_without_a_last_word_is_unfinished_until_it_is_dropped(
    tmp_path: Path, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "_STARTING", 0.0)
    assert [p.id for p in runs.unfinished(tmp_path)] == [plan.id]
    runs.drop(tmp_path, plan.id, now())
    assert runs.unfinished(tmp_path) == []


def test_a_plan_id_is_never_a_path(tmp_path: Path) -> None:
    from hubtui.errors import StateError

    with pytest.raises(StateError):
        runs.record_path(tmp_path, "../../etc/passwd")
