"""What a log says of the cause; what all the evidence says together is in ``naming``.

Hub, proxy and all students' servers write into the same log, and a student can write into it what
she likes: so what is read here names a cause and never starts anything.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from msgspec import Struct

from hubtui.watchdog.catalogue import CAUSES
from hubtui.watchdog.cause import CERTAIN, HINT, LIKELY, Cause, Named

if TYPE_CHECKING:
    from hubtui.watchdog.records import Evidence

__all__ = [
    "CAUSES",
    "CERTAIN",
    "HINT",
    "LIKELY",
    "Cause",
    "Hit",
    "Named",
    "best",
    "farewell",
    "is_students",
    "name",
    "of_log",
    "signs",
]

LARGEST = 1 << 19
"""Characters of a log's end that are looked at."""
LATELY = timedelta(minutes=30)
"""What stands further before a log's last line caused nothing now."""

_UP = "JupyterHub is now running at "
_PROXY_UP = "New proxy back up and good to go"
_OF_PROXY = ("proxy-exited", "proxy-zombie")
_LIVES = re.compile(
    rf"(?P<up>{_UP})|(?P<start>Running JupyterHub version )|Received signal SIG|Exiting application"
)
# The clock of hub and students' servers, in local time; the proxy's own lines are in UTC.
_STAMP = re.compile(r"\[[DIWEC] (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\.\d")
_STUDENTS = re.compile(
    r"\[[DIWEC] [^\]]*(?:ServerApp|LabApp|IPKernelApp|SingleUser)|\[IPKernelApp]"
)
_SIGNS = [
    (cause, sign.weight, re.compile(sign.pattern))
    for cause in CAUSES.values()
    for sign in cause.signs
]


class Hit(Struct, frozen=True):
    """A line that speaks of a cause."""

    cause: str
    weight: int
    line: str
    before_start: bool
    """Whether the hub has come up since."""
    at: int
    """Where it stands: later counts more."""


def best(lines: Sequence[str]) -> Hit | None:
    """The line that says most of why the hub went away; None where there is none.

    A line since the hub came up for the last time goes before an earlier one, then what names the
    cause itself before what may be its effect, then the later one. Lines older than LATELY, going
    by the hub's own time stamps, do not count. Never raises.
    """
    text = "\n".join(lines)[-LARGEST:]
    found = _lately(text, [*_hits(text), *_silent_ends(text)])
    return max(found, key=lambda hit: (not hit.before_start, hit.weight, hit.at), default=None)


def of_log(lines: Sequence[str]) -> str:
    """The id of the cause that the lines of a log speak of; empty where none does.

    The lines may be those of hub, proxy, Apache, kernel or journal, oldest first.
    """
    hit = best(lines)
    return hit.cause if hit is not None else ""


def farewell(lines: Sequence[str]) -> str:
    """The line in which the hub says that it was told to stop, if it has not come up since."""
    for line in reversed(lines):
        if _UP in line:
            break
        if "JupyterHub app:" in line and "Received signal " in line:
            return line
    return ""


def is_students(line: str) -> bool:
    """Whether a student's server wrote this line into the hub's log."""
    return _STUDENTS.search(line) is not None


def signs(lines: Sequence[str]) -> tuple[str, ...]:
    """The causes, by id, for which a hub that answers does not work all the same."""
    text = "\n".join(lines)
    # One pattern after the other: each begins with plain text, an alternation of them does not.
    found = [cause.id for cause, _, sign in _SIGNS if cause.works_not and sign.search(text)]
    return tuple(dict.fromkeys(found))


def name(evidence: Evidence) -> Named:
    """The most likely cause, with what speaks for it; see naming.name()."""
    from hubtui.watchdog import naming

    return naming.name(evidence)


def _hits(text: str) -> Iterator[Hit]:
    up = text.rfind(_UP)
    proxy_up = max(up, text.rfind(_PROXY_UP))
    for cause, weight, pattern in _SIGNS:
        last = None
        for match in pattern.finditer(text):
            if not _STUDENTS.search(text, text.rfind("\n", 0, match.start()) + 1, match.start()):
                last = match.end() - 1
        if last is not None:
            before = last < (proxy_up if cause.id in _OF_PROXY else up)
            yield Hit(cause.id, weight, _line(text, last), before, last)


def _silent_ends(text: str) -> Iterator[Hit]:
    """A hub that was up and starts anew without having said that it ends."""
    for before, then in pairwise(_LIVES.finditer(text)):
        if before["up"] and then["start"]:
            at = then.start()
            yield Hit("killed", HINT, _line(text, at), before_start=True, at=at)


def _lately(text: str, hits: list[Hit]) -> list[Hit]:
    stamps = [(match.start(), match[1]) for match in _STAMP.finditer(text)] if hits else []
    if not stamps:
        return hits
    places = [place for place, _ in stamps]
    end = _time(stamps[-1][1])

    def is_late(hit: Hit) -> bool:
        at = bisect_right(places, hit.at)
        written = _time(stamps[at - 1][1]) if at else None
        return end is None or written is None or end - written <= LATELY

    return [hit for hit in hits if is_late(hit)]


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:  # 2026-99-99
        return None


def _line(text: str, at: int) -> str:
    end = text.find("\n", at)
    return text[text.rfind("\n", 0, at) + 1 : end if end >= 0 else None]
