"""Plan: a change as it was shown and confirmed, kept in ``plans/ID.json``."""

from __future__ import annotations

import os
import pwd
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from hubtui import typed
from hubtui.clock import stamp
from hubtui.errors import StateError
from hubtui.state import read_document, write_document

S = TypeVar("S", bound=msgspec.Struct)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Kind, parameters and the chosen subjects exactly as they were when it opened.

    The steps are not kept: they are built anew from kind and subjects, and each is asked whether
    it is done, so a plan can be carried on after a kill at any point.
    """

    format: int = 1
    id: str
    kind: str
    """``approve``, ``discard``, …: a key of hubtui.changes."""
    title: str
    """One line for a person: ``Approve 3 sign-ups``."""
    params: dict[str, Any] = {}
    subjects: tuple[dict[str, Any], ...]
    """Each with ``key``, unique in the plan."""
    by: str
    at: str
    during_exam: bool = False
    """Whoever said yes knew that an exam runs, or will."""

    def subjects_as(self, kind: type[S]) -> list[S]:
        """The subjects as records of the use case. Raises StateError where they do not fit."""
        try:
            return [typed.convert(subject, kind) for subject in self.subjects]
        except msgspec.ValidationError as e:
            raise StateError(f"Plan {self.id} cannot be read: {e}.") from e


def new_plan(
    kind: str, title: str, subjects: Sequence[msgspec.Struct], at: datetime, **params: Any
) -> Plan:
    """A plan that nobody has confirmed yet; nothing is written."""
    return Plan(
        id=f"{at:%Y%m%d-%H%M%S}-{os.urandom(3).hex()}",
        kind=kind,
        title=title,
        params=params,
        subjects=tuple(msgspec.to_builtins(subject) for subject in subjects),
        by=operator(),
        at=stamp(at),
    )


def operator() -> str:
    """Who asks: SUDO_USER where root was reached by sudo, else the login's user, else ours."""
    name = os.environ.get("SUDO_USER", "")
    if os.geteuid() == 0 and name:
        return name
    try:
        uid = int(Path("/proc/self/loginuid").read_text())
    except (OSError, ValueError):
        uid = -1
    if not 0 <= uid < 2**32 - 1:
        uid = os.getuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def plan_path(state_dir: Path, plan_id: str) -> Path:
    """Where a plan is kept. Raises StateError on an id that is no id."""
    if not plan_id.replace("-", "").isalnum():
        raise StateError(f"{plan_id!r} is not the id of a plan; see: hubtui journal unfinished")
    return state_dir / "plans" / f"{plan_id}.json"


def save(state_dir: Path, plan: Plan) -> None:
    """Write the plan to the disk."""
    write_document(plan_path(state_dir, plan.id), plan)


def load(state_dir: Path, plan_id: str) -> Plan:
    """Read a plan. Raises StateError where there is none of that id."""
    plan = read_document(plan_path(state_dir, plan_id), Plan)
    if plan is None:
        raise StateError(f"There is no plan {plan_id}; see: hubtui journal unfinished")
    return plan
