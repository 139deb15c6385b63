"""One check, from its lock to its last line: what the timer runs each minute.

It looks, judges, decides, and acts or looks again, until there is nothing more to do now. What it
finds is in the live state after each look; a check that is killed anywhere leaves the last one.
Nothing that fails here but the look itself keeps it from acting: a full disk least of all.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from hubtui import pauses
from hubtui.errors import HubtuiError, StateError
from hubtui.plan import locks
from hubtui.server import Server
from hubtui.server.hub import uid_of
from hubtui.watchdog import datedlogs, incidents, known, live, rules, scene, verdict, words
from hubtui.watchdog.judged import Judged
from hubtui.watchdog.keeping import Keeper
from hubtui.watchdog.patience import Patience, of
from hubtui.watchdog.records import Layer, Memory, Now, Restart, Sample, Scene, State, Verdict
from hubtui.watchdog.rules import Act, Decision, Given

if TYPE_CHECKING:
    from hubtui.watchdog.mending import Mended

LOCK = "check.lock"
EVERY = timedelta(minutes=1)
"""How often the timer checks."""
RESTARTS = "watchdog"
"""The lock of a restart that a person asked for."""
_LONGEST = 330.0
"""Seconds, and ``watchdog.grace``: longer than any restart, which ends what hangs."""


class Report(Struct, frozen=True, kw_only=True):
    """What a check found, for whoever reads the timer's output."""

    now: Now
    news: str
    """A sentence, where the state is another than before; empty: nothing to tell."""
    troubles: tuple[str, ...]
    """What went wrong with the checking itself."""


def check(
    server: Server,
    *,
    patience: Patience | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Report | None:
    """Check once. None: another check is at work, and nothing was done.

    Raises StateError where not even /run can be written, HubtuiError where the hub cannot be
    looked at at all.
    """
    try:
        live.make(server.live)
        with (
            _alone(server.live / LOCK) as is_alone,
            _limited(_LONGEST + server.course.watchdog.grace),
        ):
            return _Check(server, patience or of(server.course), sleep).run() if is_alone else None
    except OSError as e:
        raise StateError(f"{e.filename or server.live} cannot be written: {e.strerror}.") from e


class _Check:
    """The looks of one check, and what is done between them."""

    def __init__(self, server: Server, patience: Patience, sleep: Callable[[float], None]) -> None:
        self.server, self.patience, self.sleep = server, patience, sleep
        self.began, self.started = time.monotonic(), server.clock()
        self.keeper = Keeper(server)
        self.before = self.start = _cut(_sane(live.read(server.live), server.clock()))
        self.good = self.start.good if self.start is not None else 0
        self.uid = uid_of(server.course)
        self.looks = 0
        self.mended: Mended | None = None

    def run(self) -> Report:
        """Look until there is nothing more to do now."""
        while True:
            now, seen, judged, decision = self._look()
            if decision.act is Act.LOOK:
                self._write(now)
                self.sleep(decision.wait)
            elif decision.act is Act.NOTHING:
                now = self.keeper.settle(now, seen, judged)
                self._write(now)
                self._wind_up(now, seen)
                return self._report(now)
            else:
                self._mend(now, seen, judged, decision)

    def _mend(self, now: Now, seen: Scene, judged: Judged, decision: Decision) -> None:
        now = self.keeper.open(now, seen, judged)
        # Killed meanwhile, it counts all the same: else the next check would not wait its turn.
        self._write(replace(now, restarts=(*now.restarts, now.at)))
        with self.keeper.trouble():  # else what is up again in the same minute was never seen
            live.add(self.server.live, _sample(now, seen))
        from hubtui.watchdog.mending import mend  # most checks never need it

        self.mended = mend(self.server, self.keeper, now, seen, decision.act)
        counted = (self.mended.at,) if self.mended.counts else ()
        self.before = replace(
            now, restarts=(*now.restarts, *counted), hopeless=self.mended.hopeless
        )
        self.looks = 0

    def _report(self, now: Now) -> Report:
        old = self.start.state if self.start is not None else State.UP
        is_news = self.mended is not None or now.state not in (old, State.SUSPECT)
        troubles = tuple(self.keeper.troubles)
        return Report(now=now, news=now.text if is_news else "", troubles=troubles)

    def _look(self) -> tuple[Now, Scene, Judged, Decision]:
        self.looks += 1
        server, before = self.server, self.before
        at = server.clock()
        memory = before.memory if before is not None else Memory()
        seen, memory = scene.look(server.course, server.state, self.uid, memory, at)
        judged, memory = verdict.judge(seen, memory, self.patience)
        paused, exam, trouble = pauses.look(server.course, server.state, at)
        self.keeper.tell(trouble)
        counted = rules.still_counted(before, at, self.patience) if before is not None else ()
        given = Given(
            at=at,
            looks=self.looks,
            restarts=counted,
            hopeless=before.hopeless if before is not None else "",
            exam=exam is not None,
            paused=paused is not None,
            paused_until=paused.until if paused is not None else None,
            acted=self.mended is not None,
        )
        decision = rules.decide(judged, given, self.patience)
        if decision.act is not Act.NOTHING and (by := self._restarted_by()):
            decision = Decision(act=Act.NOTHING, state=State.RESTARTING)
            judged = replace(judged, text=f"{judged.text} It is being restarted: {by}.")
        now = self._now(at, seen, judged, decision, given)
        self.before = now = replace(now, memory=memory)
        return now, seen, judged, decision

    def _now(
        self, at: datetime, seen: Scene, judged: Judged, decision: Decision, given: Given
    ) -> Now:
        before = self.before
        well = judged.verdict is Verdict.UP
        bad = not well and judged.verdict is not Verdict.STARTING
        if not well:
            self.good = 0
        same = before is not None and before.state is decision.state
        return Now(
            at=at,
            took=round((time.monotonic() - self.began) * 1000, 1),
            state=decision.state,
            verdict=judged.verdict,
            since=before.since if before is not None and same else at,
            text=words.text(self.server.course, judged, decision, given, self._last(decision)),
            do=words.advice(judged, decision, given),
            next_at=self.started + EVERY,
            until=decision.until,
            probes=tuple(seen.probes.values()),
            failures=(before.failures if before else 0) + 1 if bad else 0,
            bad_since=((before.bad_since if before else None) or at) if bad else None,
            good=self.good + 1 if well else 0,
            good_since=((before.good_since if before else None) or at) if well else None,
            last_good=at if well else (before.last_good if before else None),
            incident=before.incident if before else "",
            restarts=given.restarts,
            cut=before.cut if before and not well else 0,
            hopeless=before.hopeless if before and not well else "",
            exam=given.exam,
        )

    def _last(self, decision: Decision) -> Restart | None:
        """The incident's last restart, where what came of it is said."""
        if decision.state not in (State.BACKOFF, State.GAVE_UP) or self.before is None:
            return None
        return self.keeper.last_restart(self.before)

    def _restarted_by(self) -> str:
        """Who restarts the hub at this moment, so that two do not."""
        path = self.server.state / "locks" / RESTARTS
        if not locks.is_held(path):
            return ""
        with contextlib.suppress(OSError):
            return path.read_text("utf-8", "replace") or "by a person"
        return "by a person"

    def _write(self, now: Now) -> None:
        live.write(self.server.live, now)

    def _wind_up(self, now: Now, seen: Scene) -> None:
        """What is left once it is known how things stand: samples, memory of the hub, old files."""
        folder, keep = self.server.live, self.keeper
        with keep.trouble():
            live.add(folder, _sample(now, seen))
        with keep.trouble():
            self._remember(seen)
        if now.at.minute == 0:
            live.prune(folder, now.at)
            incidents.prune(self.server.state, now.at)
            logs = self.server.course.watchdog.logs
            if logs is not None:
                writing = Path(seen.log_place) if seen.log_place.startswith("/") else None
                with keep.trouble():
                    datedlogs.prune(logs, self.server.course.watchdog.keep_days, now.at, writing)

    def _remember(self, seen: Scene) -> None:
        """How this hub runs, once for each start of it."""
        if seen.hub is None or not seen.probes[Layer.HUB].ok:
            return
        before = known.read(self.server.state)
        proxy = seen.proxy
        own = proxy is not None and proxy.unit and proxy.unit != seen.hub.unit
        unit = proxy.unit if proxy is not None and own else ""
        memory = self.before.memory.hub if self.before is not None else None
        if memory is None or (
            before is not None
            and (before.pid, before.began, before.proxy_unit) == (memory.pid, memory.began, unit)
        ):
            return
        from hubtui.watchdog import ways  # once for each start

        if ways.is_startable(self.server, seen.hub):
            known.remember(self.server.state, seen.hub.pid, seen.at, unit)


def _sane(before: Now | None, at: datetime) -> Now | None:
    """What the last check left, without times of a clock that was set back since."""
    if before is None or before.at <= at + timedelta(seconds=5):
        return before
    old = before.memory
    memory = Memory(hub=old.hub, proxy=old.proxy, log_place=old.log_place, log_at=old.log_at)
    return replace(
        before, at=at, since=at, bad_since=None, good_since=None, restarts=(), memory=memory
    )


def _cut(before: Now | None) -> Now | None:
    """After a check that was ended in the middle of its restart: the first time at once again.

    From the second on it waits its turn, for something ends it each time.
    """
    if before is None or before.state is not State.RESTARTING:
        return before
    kept = before.restarts[:-1] if before.cut == 0 else before.restarts
    return replace(before, restarts=kept, cut=before.cut + 1)


def _sample(now: Now, seen: Scene) -> Sample:
    times = {layer: probe.ms if probe.ok else None for layer, probe in seen.probes.items()}
    numbers = seen.machine
    return Sample(
        at=now.at,
        state=now.state,
        verdict=now.verdict,
        hub=times.get(Layer.HUB),
        proxy=times.get(Layer.PROXY),
        chain=times.get(Layer.CHAIN),
        public=times.get(Layer.PUBLIC),
        available=numbers.available,
        swap_used=numbers.swap_total - numbers.swap_free,
        load=round(numbers.load, 2),
    )


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[bool]:
    """Whether no other check is at work; the lock ends with the process, however that ends."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        yield locks.take(fd)
    finally:
        os.close(fd)


class _TooLong(BaseException):
    """Past everything that catches errors: the check ends as if it was killed."""


@contextlib.contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """End a check that hangs, by the clock of the machine: the next one goes on from there."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise _TooLong

    old = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except _TooLong:
        raise HubtuiError(f"The check took longer than {seconds:.0f} s: stopped.") from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
