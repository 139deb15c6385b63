"""How far a run is: counted as its events come, for a bar that is painted four times a second."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import timedelta

from hubtui.events import Event, Outcome, What
from hubtui.tui.colours import BAD, WARN

_SOON = timedelta(seconds=2)
"""Before that nothing is said of how long the rest will take."""
_NOT_DONE = {
    Outcome.FAILED: ("failed", BAD),
    Outcome.CHANGED: ("changed", BAD),
    Outcome.HELD: ("held", BAD),
    Outcome.CANCELLED: ("cancelled", WARN),
    Outcome.DROPPED: ("dropped", WARN),
}


class Tally:
    """Of the subjects that count: in a release the students, not the sheets."""

    def __init__(self, counted: Collection[str]) -> None:
        self._counted, self.total = frozenset(counted), len(counted)
        self._ended: dict[str, Outcome] = {}
        self._outcomes: Counter[Outcome] = Counter()
        self.at_work: set[str] = set()

    def take(self, event: Event) -> None:
        """Count one event. A run that was carried on may end for somebody a second time."""
        key = event.subject
        if key not in self._counted:
            return
        if (before := self._ended.pop(key, None)) is not None:
            self._outcomes[before] -= 1
        self.at_work.discard(key)
        if event.event is What.END and event.outcome is not None:
            self._ended[key] = event.outcome
            self._outcomes[event.outcome] += 1
        else:
            self.at_work.add(key)

    @property
    def through(self) -> int:
        """For how many it is over, however it ended."""
        return len(self._ended)

    @property
    def done(self) -> int:
        """How many are as the plan wanted it."""
        return sum(count for outcome, count in self._outcomes.items() if outcome.good)

    def not_done(self, *, over: bool) -> list[tuple[str, str]]:
        """``1 failed``, ``5 cancelled``, each with its style; once it is ``over``, the rest too."""
        found = [(self._outcomes[outcome], *words) for outcome, words in _NOT_DONE.items()]
        if over:
            rest = self.total - self.through - len(self.at_work)
            found += [(len(self.at_work), "broke off", BAD), (rest, "not begun", WARN)]
        return [(f"{count} {word}", style) for count, word, style in found if count]

    def left(self, gone: timedelta) -> str:
        """How long the rest will take, after it went on for so long; empty where nobody knows."""
        if gone < _SOON or not self.through or self.through == self.total:
            return ""
        done = self.through + len(self.at_work) / 2  # those are half way, one with another
        seconds = gone.total_seconds() / done * (self.total - done)
        return f"about {seconds // 60 + 1:.0f} min" if seconds > 90 else f"about {seconds:.0f} s"
