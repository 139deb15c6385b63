"""Bringing back who was switched off, before the date."""

from __future__ import annotations

from collections.abc import Sequence

from hubtui.plan.plans import Plan
from hubtui.plan.steps import Chain
from hubtui.retire.records import Leaver
from hubtui.server import Server
from hubtui.students import Survey


def restore_plan(server: Server, seen: Survey, names: Sequence[str]) -> Plan:
    """A plan that brings these accounts back as they were. Raises Refused where one is gone."""
    raise NotImplementedError


def restore_chain(server: Server, subject: Leaver) -> Chain:
    """Unlocked, authorised again, no longer on the list of who leaves."""
    raise NotImplementedError
