"""A run: a confirmed plan being carried out by a process of its own.

``runs/ID.json``    written on yes; its flock is held by the run's process while it lives
``runs/ID.jsonl``   its events
``runs/ID.cancel``  asks it to stop before the next step
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

import msgspec

from hubtui.clock import parse, stamp
from hubtui.errors import HubtuiError, StateError
from hubtui.events import Event, EventLog, Follower, Outcome, What, last
from hubtui.names import shown
from hubtui.plan import plans
from hubtui.plan.locks import is_held
from hubtui.plan.plans import Plan
from hubtui.state import make_dir, read_document, write_document

KEEP = timedelta(days=90)
_STARTING = 10.0
"""Seconds that a new process has to take its flock before its run counts as unfinished."""


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """``runs/ID.json``: that somebody said yes."""

    format: int = 1
    id: str
    by: str
    at: str


class Life(StrEnum):
    """What is known of a run from outside."""

    RUNNING = "running"
    UNFINISHED = "unfinished"
    OVER = "over"


def record_path(state_dir: Path, run: str) -> Path:
    """Where the run's record is; raises StateError on an id that is no id."""
    return state_dir / "runs" / plans.plan_path(state_dir, run).name


def events_path(state_dir: Path, run: str) -> Path:
    """Where the run's events are."""
    return record_path(state_dir, run).with_suffix(".jsonl")


def cancel_path(state_dir: Path, run: str) -> Path:
    """The file that asks the run to stop."""
    return record_path(state_dir, run).with_suffix(".cancel")


def start(state_dir: Path, config: Path, plan: Plan, at: datetime) -> subprocess.Popen[bytes]:
    """Say yes to ``plan``: keep it, and start the process that carries it out.

    The process has a session of its own and no terminal, so a hang-up does not reach it.
    """
    plans.save(state_dir, plan)
    write_document(record_path(state_dir, plan.id), RunRecord(id=plan.id, by=plan.by, at=stamp(at)))
    return resume(state_dir, config, plan.id)


def resume(state_dir: Path, config: Path, run: str) -> subprocess.Popen[bytes]:
    """Start the process of a run, the first time or after a kill."""
    cancel_path(state_dir, run).unlink(missing_ok=True)
    record = record_path(state_dir, run)
    if not record.exists():
        raise StateError(f"There is no run {run}; see: hubtui journal unfinished")
    os.utime(record)  # what life() takes as the start
    make_dir(state_dir / "runs")
    errors = os.open(
        record.with_suffix(".err"), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600
    )
    try:
        # -I: neither the working directory nor PYTHON* variables choose what root imports.
        return subprocess.Popen(
            [sys.executable, "-I", "-m", "hubtui", "--config", str(config), "run", run],
            stdin=subprocess.DEVNULL,
            stdout=errors,
            stderr=errors,
            start_new_session=True,
            cwd="/",
        )
    finally:
        os.close(errors)


def cancel(state_dir: Path, run: str) -> None:
    """Ask the run to stop before its next step."""
    cancel_path(state_dir, run).touch(mode=0o600)


def life(state_dir: Path, run: str) -> Life:
    """Whether the run is at work, over, or was left unfinished by a kill or a reboot."""
    record = record_path(state_dir, run)
    path = events_path(state_dir, run)
    end = last(path)  # of most runs it is their last word: then the rest need not be read
    if (end is not None and end.event is What.DONE) or is_over(Follower(path).new()):
        return Life.OVER
    if is_held(record):
        return Life.RUNNING
    with contextlib.suppress(OSError):
        if 0 <= time.time() - record.stat().st_mtime < _STARTING:
            return Life.RUNNING
    return Life.UNFINISHED


def follow(
    state_dir: Path, run: str, process: subprocess.Popen[bytes] | None = None, *, beat: float = 0.1
) -> Iterator[Event | None]:
    """The events of a run as they come, the last one being ``done``; None each ``beat`` seconds.

    Raises StateError where the run's process is gone without a last word.
    """
    follower = Follower(events_path(state_dir, run))
    while True:
        gone = process.poll() is not None if process else life(state_dir, run) is Life.UNFINISHED
        for event in follower.new():
            yield event
            if event.event is What.DONE:
                if process is not None:
                    process.wait()
                return
        if gone:
            raise StateError(
                f"Run {run} was ended before it was through{_last_words(state_dir, run)}. "
                f"Go on with: hubtui journal resume {run}"
            )
        yield None
        time.sleep(beat)


def _last_words(state_dir: Path, run: str) -> str:
    with contextlib.suppress(OSError):
        if lines := record_path(state_dir, run).with_suffix(".err").read_text().strip():
            return f" ({shown(lines.splitlines()[-1], limit=200)})"
    return ""


def is_over(events: Sequence[Event]) -> bool:
    """Whether the last word of the run is there (a run that was resumed has several)."""
    return any(event.event is What.DONE for event in events)


def unfinished(state_dir: Path) -> list[Plan]:
    """The plans that were confirmed and that a kill or a reboot left; oldest first."""
    found = []
    for path in sorted((state_dir / "runs").glob("*.json")):
        with contextlib.suppress(HubtuiError):
            if life(state_dir, path.stem) is Life.UNFINISHED:
                found.append(plans.load(state_dir, path.stem))
    return found


def running(state_dir: Path) -> list[str]:
    """The ids of the runs at work."""
    folder = state_dir / "runs"
    return [p.stem for p in sorted(folder.glob("*.json")) if is_held(p)]


def drop(state_dir: Path, run: str, at: datetime) -> None:
    """Give up an unfinished run; what it did so far stays. Raises StateError if it is at work."""
    if life(state_dir, run) is not Life.UNFINISHED:
        raise StateError(f"Run {run} is not unfinished: nothing to drop.")
    EventLog(events_path(state_dir, run), run).emit(
        What.DONE, outcome=Outcome.DROPPED, text="given up by a person", at=stamp(at)
    )


def prune(state_dir: Path, at: datetime) -> None:
    """Remove what is left of runs that were over KEEP ago."""
    for path in (state_dir / "runs").glob("*.json"):
        with contextlib.suppress(OSError, HubtuiError, ValueError):
            record = read_document(path, RunRecord)
            if record is None or at - parse(record.at) < KEEP:
                continue
            if life(state_dir, path.stem) is Life.OVER:
                for suffix in (".jsonl", ".err", ".cancel", ".json"):
                    path.with_suffix(suffix).unlink(missing_ok=True)
                plans.plan_path(state_dir, path.stem).unlink(missing_ok=True)
