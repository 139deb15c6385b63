"""Who is gone, and their names as words: what stands in a record, and what is put in its place.

The plans of removals are the list of who is to be forgotten: whoever stands there with a name, and
whose uid is retired, is not forgotten yet. So a kill at any point leaves the list to go on from.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from hubtui.names import shown
from hubtui.plan.plans import Plan
from hubtui.server import Server, accounts
from hubtui.server.ledger import Ledger, read_ledger
from hubtui.state import read_document

_WORD = re.compile(r"\w(?:[\w.-]*\w)?")
"""What a name is as a whole: ``anna`` is no part of ``anna-maria``, ``anna.b`` or ``änna``."""
_CALLED = r"(?<!\w)uid \d+"
"""What is written already is no name, also where somebody was called ``uid`` or ``2024``."""
_KIND = b'"kind":"retire"'
_HEAD = 200
"""Bytes of a plan in which its kind stands."""


class Gone(NamedTuple):
    """Somebody whose uid is retired."""

    name: str
    uid: int
    at: str
    """When, RFC 3339: what is younger is about somebody else of the same name."""


class Names:
    """Finds and replaces the names of who is gone: thousands of them cost no more than one."""

    def __init__(self, gone: Iterable[Gone], used: Collection[str] = ()) -> None:
        """``used``: names that somebody has now; in what has no date they stay."""
        self.gone = sorted(set(gone), key=lambda one: (one.at, one.uid))
        self._used = used
        self._of: defaultdict[str, list[Gone]] = defaultdict(list)
        for one in self.gone:
            for name in {one.name, shown(one.name)}:
                self._of[name].append(one)
        odd = sorted((name for name in self._of if not _WORD.fullmatch(name)), key=len)
        literal = [rf"(?<![\w.-]){re.escape(name)}(?![\w-])" for name in reversed(odd)]
        self._pattern = re.compile("|".join([_CALLED, *literal, _WORD.pattern]))
        self.odd = bool(odd)
        """Whether one of them is written otherwise in JSON than it reads."""

    def __bool__(self) -> bool:
        return bool(self._of)

    def uid(self, name: str, when: str | None) -> int | None:
        """Whose uid stands for this name in what was written then; None: nobody's who is gone."""
        if when is None and name in self._used:
            return None
        found = self._of.get(name, ())
        return next((one.uid for one in found if when is None or when <= one.at), None)

    def out(self, text: str, when: str | None = None) -> str:
        """The text with a uid in the place of each name, as a word."""

        def word(found: re.Match[str]) -> str:
            uid = self.uid(found[0], when)
            return found[0] if uid is None else called(uid)

        return self._pattern.sub(word, text)

    def stand_in(self, text: str, when: str | None = None) -> bool:
        """Whether one of them stands there."""
        words = set(self._pattern.findall(text))
        return any(self.uid(word, when) is not None for word in words & self._of.keys())


def called(uid: int) -> str:
    """What stands in the place of a name."""
    return f"uid {uid}"


def names_of(plans: Iterable[Plan], server: Server) -> Names:
    """Those who are gone, of plans of kind retire. Raises StateError."""
    known = read_ledger(server.state)
    found = [one for plan in plans for one in gone_of(plan, known)]
    return Names(found, accounts.read_accounts().by_name.keys() if found else ())


def gone_of(plan: Plan, known: Ledger) -> Iterator[Gone]:
    """Those of a plan who are gone, and not forgotten there."""
    for subject in plan.subjects:
        name, uid = subject.get("name"), subject.get("uid")
        if not isinstance(name, str) or not isinstance(uid, int) or name == called(uid):
            continue
        given = known.by_uid.get(uid)
        if given is not None and given.retired is not None:
            # At the earliest when the plan was made: a clock may have been put back since.
            yield Gone(name, uid, max(given.retired, plan.at))


def removals(state_dir: Path) -> list[Plan]:
    """The plans of removals that are kept, the oldest first. Raises StateError."""
    found = []
    for path in sorted((state_dir / "plans").glob("*.json")):
        with path.open("rb") as file:
            if _KIND not in file.read(_HEAD):
                continue
        if (plan := read_document(path, Plan)) is not None:
            found.append(plan)
    return found
