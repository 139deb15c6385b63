"""The plan that mends drift."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from hubtui.drift.records import Code, Drift
from hubtui.plan.plans import Plan
from hubtui.plan.steps import Chain
from hubtui.server import Server


class Repair(msgspec.Struct, frozen=True, kw_only=True):
    """One drift as it was when the plan opened, and what was chosen for it."""

    key: str
    name: str
    code: Code
    choice: str = ""
    uid: int | None = None


def repair_plan(
    server: Server, chosen: Sequence[Drift], choices: Mapping[str, str] | None = None
) -> Plan:
    """A plan that mends these; ``choices``: by the drift's key, the word of what was chosen.

    Raises Refused for one that needs a choice that is not among ``choices``, or is done by hand.
    """
    raise NotImplementedError


def repair_chain(server: Server, subject: Repair) -> Chain:
    """The steps that mend one."""
    raise NotImplementedError
