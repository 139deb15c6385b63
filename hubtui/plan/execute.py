"""The loop inside the run's own process: it alone locks, acts, journals and writes events."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial
from itertools import groupby
from pathlib import Path
from types import FrameType

from hubtui.clock import Clock, stamp
from hubtui.errors import ChangedSinceShown, HubtuiError, LockHeld, StateError
from hubtui.events import EventLog, Outcome, What
from hubtui.plan import journal, runs
from hubtui.plan.journal import Journal
from hubtui.plan.locks import in_turns, lock, opened, take
from hubtui.plan.plans import Plan
from hubtui.plan.steps import Chain, Step

Build = Callable[[int], Sequence[Chain]]
"""Makes the chains, given the descriptor of the lock that the commands shall hold too."""
Turn = Callable[[], AbstractContextManager[None]]
"""Holds the lock for one chain."""

_PATIENCE = 300.0
"""Seconds that one chain waits for its turn: approving a whole class takes less."""


class _Terminated(BaseException):
    """The machine goes down: stop at once and leave the run unfinished."""


def execute(
    state_dir: Path,
    clock: Clock,
    plan: Plan,
    lock_name: str,
    build: Build,
    *,
    width: int = 1,
    in_turn: bool = False,
) -> Outcome:
    """Carry out ``plan``; returns how the run ended. Its subjects' outcomes are in the events.

    ``width``: how many chains are at work at a time. ``in_turn``: the lock is held for one chain
    at a time, and others have it in between.

    Raises LockHeld only where this very run is already at work in another process.
    """
    with _alone(runs.record_path(state_dir, plan.id)), _signals():
        events = EventLog(runs.events_path(state_dir, plan.id), plan.id)
        log = Journal(state_dir, clock, run=plan.id, kind=plan.kind, by=plan.by)
        worker = _Worker(state_dir, clock, plan, events, log)
        try:
            holder = f"{plan.title}, by {plan.by}, since {stamp(clock())}, pid {os.getpid()}"
            if in_turn:
                with opened(state_dir, lock_name) as fd:
                    turn = partial(in_turns, fd, lock_name, holder, patience=_PATIENCE)
                    outcome = worker.all(build(fd), 1, turn)
            else:
                with lock(state_dir, lock_name, holder) as fd:
                    outcome = worker.all(build(fd), width)
        except LockHeld as e:
            outcome = worker.none(Outcome.HELD, str(e))
        except ChangedSinceShown as e:
            outcome = worker.none(Outcome.CHANGED, str(e))
        except HubtuiError as e:
            outcome = worker.none(Outcome.FAILED, str(e))
        log.write("over", outcome=outcome)
        events.emit(What.DONE, outcome=outcome, text=worker.summary(), at=stamp(clock()))
        runs.prune(state_dir, clock())
        journal.prune(state_dir, clock())
        return outcome


class _Worker:
    """One pass over the chains of a plan."""

    def __init__(
        self, state_dir: Path, clock: Clock, plan: Plan, events: EventLog, log: Journal
    ) -> None:
        self.plan, self.events, self.log, self.clock = plan, events, log, clock
        self.cancel_file = runs.cancel_path(state_dir, plan.id)
        self.outcomes: dict[str, Outcome] = {}
        self._writing = threading.RLock()

    def all(self, chains: Sequence[Chain], width: int, turn: Turn = nullcontext) -> Outcome:
        """Every chain in turn, ``width`` at a time; one failure stops nobody else."""
        self.log.write("begin", text=f"{len(self.plan.subjects)} subjects")
        self.events.emit(What.PLAN, text=self.plan.title, at=stamp(self.clock()))
        for alone, group in groupby(chains, key=lambda chain: chain.alone or width == 1):
            if alone:
                for chain in group:
                    self._in_turn(chain, turn)
            else:
                self._together(list(group), width)
        return self._overall()

    def _together(self, chains: list[Chain], width: int) -> None:
        """By threads that end with the process: a TERM waits for none of them."""
        todo = deque(chains)

        def work() -> None:
            with suppress(IndexError):
                while True:
                    self._one(todo.popleft())

        threads = [threading.Thread(target=work, daemon=True) for _ in range(width)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if missing := [chain for chain in chains if chain.subject not in self.outcomes]:
            raise StateError(f"The run broke off before {missing[0].subject}.")

    def _in_turn(self, chain: Chain, turn: Turn) -> None:
        try:
            with turn():
                self._one(chain)
        except LockHeld as e:
            self._end(chain.subject, Outcome.HELD, str(e), uid=chain.uid)

    def _one(self, chain: Chain) -> None:
        outcome, text = self._chain(chain)
        files, sizes = zip((0, 0), *(step.moved for step in chain.steps), strict=True)
        self._end(chain.subject, outcome, text, uid=chain.uid, moved=(sum(files), sum(sizes)))

    def none(self, outcome: Outcome, text: str) -> Outcome:
        """The run could not begin: say so of each subject that has no outcome yet."""
        for subject in self.plan.subjects:
            if (key := str(subject.get("key", ""))) not in self.outcomes:
                self._end(key, outcome, text)
        return outcome

    def summary(self) -> str:
        """``38 done, 2 failed``."""
        return ", ".join(f"{n} {outcome}" for outcome, n in Counter(self.outcomes.values()).items())

    def _chain(self, chain: Chain) -> tuple[Outcome, str]:
        outcome, text = self._steps(chain)
        if not outcome.good:
            for step in chain.steps:
                if step.always:
                    try:
                        self._step(chain, step)
                    except (HubtuiError, OSError) as e:
                        text += f" Besides: {e}"
        return outcome, text

    def _steps(self, chain: Chain) -> tuple[Outcome, str]:
        changed_anything = False
        try:
            for step in chain.steps:
                if self.cancel_file.exists():
                    return Outcome.CANCELLED, "cancelled before: " + step.say()
                changed_anything |= self._step(chain, step)
        except ChangedSinceShown as e:
            return Outcome.CHANGED, str(e)
        except HubtuiError as e:
            return Outcome.FAILED, str(e)
        except OSError as e:
            where = f"{e.filename}: " if e.filename else ""
            return Outcome.FAILED, f"{where}{e.strerror or e}."
        told = ", ".join(step.told for step in chain.steps if step.told)
        return (Outcome.DONE if changed_anything else Outcome.ALREADY), told

    def _step(self, chain: Chain, step: Step) -> bool:
        """Do one step unless it is done; True where it changed something."""
        if step.done():
            return False
        subject = self._journal_name(chain.subject, chain.uid)
        with self._writing:
            self.events.emit(What.START, step=step.kind, subject=chain.subject, text=step.say())
            if step.lasting:
                self.log.write("step", subject=subject, step=step.kind, fsync=step.urgent)
        for text in step.do():
            with self._writing:
                self.events.emit(What.PROGRESS, step=step.kind, subject=chain.subject, text=text)
        step.verify()
        return step.lasting

    def _end(
        self,
        subject: str,
        outcome: Outcome,
        text: str,
        uid: int | None = None,
        moved: tuple[int, int] = (0, 0),
    ) -> None:
        name = self._journal_name(subject, uid)
        with self._writing:
            self.outcomes[subject] = outcome
            # Sentences name people: the journal keeps the outcome, the events the sentence.
            self.log.write("end", subject=name, outcome=outcome, fsync=False)
            self.events.emit(What.END, subject=subject, outcome=outcome, text=text, moved=moved)

    @staticmethod
    def _journal_name(subject: str, uid: int | None) -> str:
        return f"uid {uid}" if uid is not None else subject

    def _overall(self) -> Outcome:
        found = set(self.outcomes.values())
        for outcome in (Outcome.FAILED, Outcome.CHANGED, Outcome.HELD, Outcome.CANCELLED):
            if outcome in found:
                return outcome
        return Outcome.DONE if Outcome.DONE in found else Outcome.ALREADY


@contextmanager
def _alone(record: Path) -> Iterator[None]:
    """Hold the run's own record: says that it is alive, and keeps a second process out."""
    fd = os.open(record, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        if not take(fd):
            raise LockHeld(f"Run {record.stem} is already at work.")
        yield
    finally:
        os.close(fd)


@contextmanager
def _signals() -> Iterator[None]:
    """A hang-up or ctrl+c of some terminal is not for us; TERM leaves the run unfinished."""

    def terminated(_number: int, _frame: FrameType | None) -> None:
        raise _Terminated

    before = {
        signal.SIGHUP: signal.signal(signal.SIGHUP, signal.SIG_IGN),
        signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN),
        signal.SIGTERM: signal.signal(signal.SIGTERM, terminated),
    }
    try:
        yield
    except _Terminated:
        raise SystemExit(143) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
