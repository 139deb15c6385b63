"""All sources at once, each in a thread with its own time limit: what hangs delays its own line.

A thread that hangs (a mount that does not answer, a name server) is left behind and not started a
second time: the line says so, with what was known before, until it comes back.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Generic, TypeVar

import msgspec

from hubtui.errors import HubtuiError
from hubtui.findings import Finding, State, worst_first
from hubtui.glance.records import ExamLine, Glance, Line, Part, PutOff
from hubtui.names import shown
from hubtui.server import Server, uses
from hubtui.server.uses import Use
from hubtui.students import Missing, Survey, survey

T = TypeVar("T")
_EXAM = 3.0
"""Seconds after which the exam check counts as not answering."""


class Ground:
    """What several sources stand on, looked at once: by the first that asks."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.at = server.clock()
        self._lock, self._uses_lock = threading.Lock(), threading.Lock()

    @property
    def seen(self) -> Survey:
        """Sign-ups, accounts, homes, roster."""
        with self._lock:
            return self._seen

    @cached_property
    def _seen(self) -> Survey:
        return survey(self.server)

    @property
    def uses(self) -> Mapping[int, Use]:
        """What each uid's processes use."""
        with self._uses_lock:
            return self._uses

    @cached_property
    def _uses(self) -> Mapping[int, Use]:
        return uses.by_uid()


@dataclass(frozen=True)
class Source:
    """One line of the glance."""

    key: str
    title: str
    look: Callable[[Ground], Part]
    pane: str = ""
    limit: float = 3.0
    """Seconds after which it counts as not answering."""
    every: float = 5.0
    """Seconds between two looks, where the glance stays on the screen."""


PutOffs = Callable[[Server, datetime, Sequence[Finding]], tuple[list[Finding], list[PutOff]]]
"""Parts findings into those that stand and those that are put off."""


class Gatherer:
    """Looks again and again; ``hubtui status`` once."""

    def __init__(
        self,
        server: Server,
        sources: Iterable[Source],
        exam: Callable[[Ground], ExamLine | None],
        put_offs: PutOffs,
    ) -> None:
        self.server = server
        self._put_offs = put_offs
        self._sources = {source.key: source for source in sources}
        self._jobs = {key: _Job(source.look) for key, source in self._sources.items()}
        self._exam: _Job[ExamLine | None] = _Job(exam)

    def look(self, patience: float, *, fresh: bool = False) -> Glance:
        """Look at what is due (``fresh``: at everything), wait ``patience`` seconds at most.

        What has not answered by then is shown as it was before, or as *unknown* once its own
        limit is over. Raises nothing.
        """
        ground, end = Ground(self.server), time.monotonic() + patience
        for key, job in self._jobs.items():
            job.begin(ground, 0.0 if fresh else self._sources[key].every)
        self._exam.begin(ground, 0.0 if fresh else 15.0)
        for key, job in self._jobs.items():
            job.wait(min(end, job.began + self._sources[key].limit))
        self._exam.wait(end)
        return self._together(ground)

    @property
    def is_complete(self) -> bool:
        """Whether every source has answered at least once, or is over its limit."""
        return all(
            job.answer is not None or job.hangs(self._sources[key].limit)
            for key, job in self._jobs.items()
        )

    @property
    def is_busy(self) -> bool:
        """Whether a source is still being looked at."""
        return self._exam.is_busy or any(job.is_busy for job in self._jobs.values())

    def _together(self, ground: Ground) -> Glance:
        parts = [self._part(key, ground.at) for key in self._jobs]
        trouble = tuple(missing for one in parts for missing in one.missing)
        found = worst_first(finding for one in parts for finding in one.findings)
        try:
            stand, put_off = self._put_offs(self.server, ground.at, found)
        except HubtuiError as e:
            stand, put_off = found, []
            trouble = (*trouble, Missing(what="what is put off", why=str(e)))
        exam, unseen = self._exam_line()
        return Glance(
            at=ground.at,
            lines=tuple(one.line for one in parts),
            findings=tuple(stand),
            put_off=tuple(put_off),
            missing=(*trouble, *unseen),
            elsewhere=tuple(shown(word, 40) for word in self.server.course.machine.elsewhere),
            exam=exam,
        )

    def _exam_line(self) -> tuple[ExamLine | None, tuple[Missing, ...]]:
        """As the exam check answered; one that hangs or fails is no GO, whatever it said before."""
        job, answer = self._exam, self._exam.answer
        why = answer.trouble if answer else ""
        if job.hangs(_EXAM):
            why = f"no answer for {time.monotonic() - job.began:.0f} s"
        if not why:
            return (answer.value if answer else None), ()
        line = ExamLine(text=f"Exam: NOT YET known, {why}", go=None)
        return line, (Missing(what="exam check", why=why),)

    def _part(self, key: str, at: datetime) -> Part:
        source, job = self._sources[key], self._jobs[key]
        answer = job.answer
        if answer is None:
            if not job.hangs(source.limit):
                line = Line(
                    key=key, title=source.title, state=State.UNKNOWN, text="…", pane=source.pane
                )
                return Part(line=line)
            return _unknown(source, f"no answer for {time.monotonic() - job.began:.0f} s")
        if answer.trouble:
            return _unknown(source, answer.trouble)
        assert answer.value is not None
        if not job.hangs(source.limit):
            return answer.value
        why = f"no answer for {time.monotonic() - job.began:.0f} s"
        line = msgspec.structs.replace(answer.value.line, state=State.UNKNOWN, as_of=answer.at)
        missing = Missing(what=source.title, why=why, as_of=answer.at)
        return Part(line=line, findings=answer.value.findings, missing=(missing,))


def _unknown(source: Source, why: str) -> Part:
    line = Line(key=source.key, title=source.title, state=State.UNKNOWN, text=why, pane=source.pane)
    return Part(line=line, missing=(Missing(what=source.title, why=why),))


@dataclass(frozen=True)
class _Answer(Generic[T]):
    at: datetime
    value: T | None = None
    trouble: str = ""


@dataclass
class _Job(Generic[T]):
    """One source's thread, and what it answered last."""

    look: Callable[[Ground], T]
    answer: _Answer[T] | None = None
    began: float = float("-inf")
    _over: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._over.set()

    def begin(self, ground: Ground, every: float) -> None:
        """Start a look, unless one is at work or the last one is young enough."""
        now = time.monotonic()
        if not self._over.is_set() or now - self.began < every:
            return
        self.began, self._over = now, threading.Event()
        threading.Thread(target=self._work, args=(ground, self._over), daemon=True).start()

    def wait(self, until: float) -> None:
        """Until it has answered, or until then."""
        self._over.wait(max(0.0, until - time.monotonic()))

    @property
    def is_busy(self) -> bool:
        """Whether a look is at work."""
        return not self._over.is_set()

    def hangs(self, limit: float) -> bool:
        """Whether a look is at work for longer than that."""
        return not self._over.is_set() and time.monotonic() - self.began >= limit

    def _work(self, ground: Ground, over: threading.Event) -> None:
        try:
            self.answer = _Answer(ground.at, self.look(ground))
        except HubtuiError as e:
            self.answer = _Answer(ground.at, trouble=str(e))
        except OSError as e:
            where = f"{shown(str(e.filename))}: " if e.filename else ""
            self.answer = _Answer(ground.at, trouble=f"{where}{e.strerror or e}.")
        except Exception as e:  # one source that is wrong must not take the others along
            self.answer = _Answer(ground.at, trouble=f"hubtui's own mistake: {type(e).__name__}")
        finally:
            over.set()
