"""The plan that retires accounts: at once, or first switched off until a date."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from hubtui.plan.plans import Plan
from hubtui.plan.steps import Chain
from hubtui.server import Server
from hubtui.students import Survey

KEEP_DAYS = 90
"""How long an archive is kept unless somebody says otherwise."""


def retire_plan(
    server: Server,
    seen: Survey,
    names: Sequence[str],
    *,
    until: datetime | None = None,
    keep_days: int = KEEP_DAYS,
    archive: Path | None = None,
) -> Plan:
    """A plan that removes these accounts; with ``until`` it only switches them off until then.

    Raises Refused with the reason where one of them must not, or cannot, be removed.
    """
    raise NotImplementedError


def retire_chains(server: Server, plan: Plan) -> list[Chain]:
    """A chain for each leaver; the last one forgets the names and writes the receipt."""
    raise NotImplementedError
