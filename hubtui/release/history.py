"""What was handed out and withdrawn, by whom, and how it ended: from the records of the runs.

Of runs so old that their records are gone the store still knows when a version was released.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from pathlib import Path

import msgspec

from hubtui.clock import stamp
from hubtui.errors import HubtuiError
from hubtui.events import Event, Follower, What
from hubtui.plan import plans, runs
from hubtui.plan.plans import Plan
from hubtui.plan.runs import Life, RunRecord
from hubtui.release import store
from hubtui.release.chosen import Subject
from hubtui.release.store import Fate, SheetRecord
from hubtui.server import Server
from hubtui.state import read_document
from hubtui.students import Missing


class Kind(StrEnum):
    """What was done."""

    RELEASED = "released"
    TRIED = "tried"
    """Given to some students only."""
    AGAIN = "given again"
    CAUGHT_UP = "caught up"
    """By ``hubtui due``: who lacked something."""
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class Ran:
    """One run that handed out or withdrew."""

    plan: Plan
    by: str
    at: str
    life: Life
    ends: Mapping[str, Event]
    """The last word on each subject, by its key."""
    last: Event | None
    """The last word on the whole; None while there is none."""

    @cached_property
    def subjects(self) -> list[Subject]:
        """Students, and the sheets that were released. Raises StateError."""
        return self.plan.subjects_as(Subject)

    @property
    def kind(self) -> Kind:
        """What was done. Raises StateError."""
        if self.plan.kind == "withdraw":
            return Kind.WITHDRAWN
        if self.plan.params.get("again"):
            return Kind.AGAIN
        if self.plan.params.get("trial"):
            return Kind.TRIED
        return Kind.RELEASED if any(not s.uid for s in self.subjects) else Kind.CAUGHT_UP


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the history."""

    run: str
    """Empty for what the store alone knows."""
    at: str
    """RFC 3339."""
    by: str
    what: Kind
    sheets: dict[str, int]
    """Sheet → version."""
    students: int | None
    """To how many, or from how many; None where that is not known any more."""
    state: str
    """How it ended: an outcome of events.py; or running, unfinished; empty where not known."""
    outcomes: dict[str, int]
    """How many students ended how."""


class History(msgspec.Struct, frozen=True, kw_only=True):
    """Everything, the newest first."""

    at: str
    past: tuple[Past, ...]
    missing: tuple[Missing, ...] = ()


def history(server: Server) -> History:
    """What was handed out and withdrawn; what cannot be read is in ``missing``."""
    found, missing = ran(server.state)
    past = []
    for one in found:
        try:
            past.append(_past(one))
        except HubtuiError as e:
            missing.append(Missing(what=f"run {one.plan.id}", why=str(e)))
    try:
        past += list(_forgotten(store.records(server).values(), past))
    except HubtuiError as e:
        missing.append(Missing(what="released versions", why=str(e)))
    past.sort(key=lambda one: one.at, reverse=True)
    return History(at=stamp(server.clock()), past=tuple(past), missing=tuple(missing))


def at_work(server: Server) -> list[Ran]:
    """What is being handed out or withdrawn at this moment."""
    return [one for one in ran(server.state)[0] if one.life is Life.RUNNING]


def ran(state_dir: Path, since: datetime | None = None) -> tuple[list[Ran], list[Missing]]:
    """The runs that handed out or withdrew, the newest first; those that were planned ``since``."""
    found: list[tuple[str, int, Ran]] = []
    missing = []
    oldest = f"{since:%Y%m%d-%H%M%S}" if since is not None else ""
    for path in (state_dir / "runs").glob("*.json"):
        if path.stem < oldest:
            continue
        try:
            one = of_run(state_dir, path.stem)
            if one is not None:  # of two in the same second the plan written later is the newer
                written = plans.plan_path(state_dir, path.stem).stat().st_mtime_ns
                found.append((one.at, written, one))
        except (HubtuiError, OSError) as e:
            missing.append(Missing(what=f"run {path.stem}", why=str(e)))
    found.sort(key=lambda each: each[:2], reverse=True)
    return [one for _, _, one in found], missing


def of_run(state_dir: Path, run: str) -> Ran | None:
    """What this run handed out or withdrew; None where it did something else. Raises StateError."""
    record = read_document(runs.record_path(state_dir, run), RunRecord)
    plan = read_document(plans.plan_path(state_dir, run), Plan)
    if record is None or plan is None or plan.kind not in ("push", "withdraw"):
        return None
    events = Follower(runs.events_path(state_dir, run)).new()
    done = [event for event in events if event.event is What.DONE]
    return Ran(
        plan=plan,
        by=record.by,
        at=record.at,
        life=Life.OVER if done else runs.life(state_dir, run),
        ends={event.subject: event for event in events if event.event is What.END},
        last=done[-1] if done else None,
    )


def _past(one: Ran) -> Past:
    students = [subject for subject in one.subjects if subject.uid]
    ends = (one.ends.get(subject.key) for subject in students)
    outcome = one.last.outcome if one.last else None
    return Past(
        run=one.plan.id,
        at=one.at,
        by=one.by,
        what=one.kind,
        sheets={sheet: n for subject in one.subjects for sheet, n in subject.sheets.items()},
        students=len(students),
        state=str(outcome or one.life),
        outcomes=dict(Counter(str(end.outcome) for end in ends if end and end.outcome)),
    )


_KINDS = {
    Fate.RELEASED: Kind.RELEASED,
    Fate.TRIAL: Kind.TRIED,
    Fate.WITHDRAWN: Kind.WITHDRAWN,
}


def _forgotten(records: Iterable[SheetRecord], known: Iterable[Past]) -> Iterator[Past]:
    """What became of versions, where no run is left that says so."""
    told = {(one.what, sheet, n) for one in known for sheet, n in one.sheets.items()}
    closed = {sheet for what, sheet, _ in told if what is Kind.WITHDRAWN}
    for record in records:
        for version in record.versions:
            what = _KINDS.get(version.fate)
            if what is None or (what, record.sheet, version.number) in told:
                continue
            if what is Kind.WITHDRAWN and record.sheet in closed:
                continue  # a run withdraws all versions, and names the newest
            yield Past(
                run="",
                at=version.since,
                by=version.by,
                what=what,
                sheets={record.sheet: version.number},
                students=None,
                state="",
                outcomes={},
            )
