"""A verdict with its sentence, and the sentences that more than one look shares."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from hubtui.watchdog.patience import Patience
from hubtui.watchdog.pressure import is_short
from hubtui.watchdog.records import Scene, Seen, Verdict


class Judged(Struct, frozen=True, kw_only=True):
    """What a look means, and how sure that is."""

    verdict: Verdict
    text: str
    """A sentence."""
    do: str = ""
    sure: bool = True
    """False: look again before anything is done."""
    cause: str = ""
    """Of catalogue.CAUSES, where the look itself says it."""
    taken_by: int | None = None
    """The uid of a stranger; a name is said on the screen alone."""


def starting(text: str) -> Judged:
    """Too young to be judged."""
    return Judged(verdict=Verdict.STARTING, text=text)


def slow(scene: Scene, text: str, patience: Patience) -> Judged:
    """Never restarted: say what it waits for."""
    numbers = scene.machine
    short = is_short(scene, patience)
    why = "memory is short" if short else f"load {numbers.load:.1f} on {numbers.cpus} CPUs"
    do = "Stop idle servers: hubtui accounts" if short else "Wait: it is at work."
    cause = "memory-short" if short else ""
    return Judged(verdict=Verdict.SLOW, text=f"{text} It is at work: {why}.", do=do, cause=cause)


def is_young(process: Seen | None, grace: float) -> bool:
    """Whether it began less than ``grace`` seconds ago."""
    return process is not None and process.age < grace


def lasted(row: tuple[datetime, ...]) -> float:
    """Seconds from the first look of a row to its last."""
    return (row[-1] - row[0]).total_seconds() if row else 0.0


def minutes(seconds: float) -> str:
    """Seconds as a person says them."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
