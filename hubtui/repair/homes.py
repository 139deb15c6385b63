"""Mending homes: one that is missing, one that is open to others."""

from __future__ import annotations

from pathlib import Path

from hubtui.account_steps import MakeHome
from hubtui.fix import Close, Fix
from hubtui.plan.steps import Step
from hubtui.repair.ground import SameAccount
from hubtui.repair.records import Repair
from hubtui.server import Server


def no_home(server: Server, subject: Repair) -> list[Step]:
    """A new one, as useradd makes it."""
    home = MakeHome(server, subject.name, subject.uid or 0, Path(subject.place))
    return [SameAccount(server, subject), home]


def home_open(server: Server, subject: Repair) -> list[Step]:
    """Mode 0700, on the folder that was shown."""
    return [SameAccount(server, subject), Close(closing(subject))]


def closing(subject: Repair) -> Fix:
    """The home as ``hubtui doctor --fix`` knows it."""
    return Fix(
        key=subject.key,
        name=subject.name,
        kind="home",
        mends="accounts.open",
        place=subject.place,
        uid=subject.owner,
        inode=subject.inode,
        mode=subject.mode,
    )
