"""All drift of a course, the worst first: quickly from a survey, or with what has to be looked for.

Of who leaves (``seen.leaving``) nothing is told but that they were authorised again: to be locked
and not authorised is meant so, and what a removal that broke off left is its own to end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hubtui.drift import accounts, hub, lines, live
from hubtui.drift.records import Code, Drift
from hubtui.findings import Severity
from hubtui.server import Server, uses
from hubtui.server.homes import Home
from hubtui.server.uses import Use
from hubtui.students import Missing, Survey

_SEVERITIES, _CODES = list(Severity), list(Code)


@dataclass(frozen=True)
class Found:
    """What there is, and what could not be looked at."""

    drift: tuple[Drift, ...] = ()
    """The worst first."""
    missing: tuple[Missing, ...] = ()
    """Beside ``Survey.missing``."""


def quick(seen: Survey, looked: Mapping[str, Home] | None = None) -> tuple[Drift, ...]:
    """What a survey shows, and one lstat for each home that is not ``looked`` at (by name).

    Cheap enough to ask each time the survey has changed. Raises nothing.
    """
    found = (*hub.of_the_hub(seen), *_of_accounts(seen, looked), *lines.of_lines(seen))
    return _in_order(seen, found)


def whole(server: Server, seen: Survey) -> tuple[Drift, ...]:
    """The same, and what needs a look at processes, mounts, the hub's configuration, strays."""
    return look(server, seen).drift


def look(server: Server, seen: Survey, used: Mapping[int, Use] | None = None) -> Found:
    """As ``whole``, with what could not be looked at; ``used``: what each uid's processes use."""
    missing: list[Missing] = []
    running = uses.by_uid() if used is None else used
    found = tuple(live.let_in(quick(seen), missing))
    more = (
        *live.still_at_work(seen, running, found),
        *live.mounted(seen, missing),
        *live.left_of_uids(server, seen, running),
    )
    return Found(drift=_in_order(seen, (*found, *more)), missing=tuple(missing))


def _of_accounts(seen: Survey, looked: Mapping[str, Home] | None) -> Iterable[Drift]:
    return () if "accounts" in seen.unseen else accounts.of_accounts(seen, looked)


def _in_order(seen: Survey, found: Iterable[Drift]) -> tuple[Drift, ...]:
    def place(one: Drift) -> tuple[int, int, str]:
        return _SEVERITIES.index(one.severity), _CODES.index(one.code), one.name

    going = {one.uid for one in seen.leaving.values()}
    stay = (one for one in found if not (one.uid in going or _leaves(seen, one)))
    again = (one for one in found if one.code is Code.LOCKED and one.uid in going)
    return tuple(sorted((*stay, *again), key=place))


def _leaves(seen: Survey, one: Drift) -> bool:
    """Lines and rows of the hub have a name alone."""
    return one.uid is None and one.name in seen.leaving
