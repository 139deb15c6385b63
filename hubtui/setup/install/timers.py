"""``hubtui install timers``: what is due is handed out each minute."""

from __future__ import annotations

from pathlib import Path

from hubtui.server import Server
from hubtui.setup.install import minutely
from hubtui.setup.install.files import Installation
from hubtui.setup.install.minutely import Job

DUE = Job(
    name="hubtui-due",
    part="timers",
    verb="due",
    description="hubtui: releases that are due, late joiners",
    service="""\
# A release that is at work when the machine goes down is carried on after the start.
KillMode=mixed
TimeoutStartSec=infinity
""",
    when="minutely",
    cron="hubtui",
)


CRON = minutely.CRON / DUE.cron


def timers(_: Server, config: Path) -> Installation:
    """What runs ``hubtui due`` each minute. Raises Refused."""
    return minutely.installation(DUE, config)
