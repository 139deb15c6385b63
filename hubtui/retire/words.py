"""What a plan that retires means, in sentences: for whoever reads it before saying yes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import msgspec

from hubtui.clock import parse
from hubtui.course import Course
from hubtui.leaving import Leaving, read_leaving
from hubtui.names import shown
from hubtui.plan.plans import Plan
from hubtui.retire.records import Leaver
from hubtui.server import Server
from hubtui.units import counted, megabytes
from hubtui.when import written, zone_of

WARNING = "What goes is listed above; what is not in the archives is lost."


def leavers(plan: Plan) -> list[Leaver]:
    """Who goes by a plan of kind retire."""
    people = tuple(each for each in plan.subjects if not each.get("closing"))
    return msgspec.structs.replace(plan, subjects=people).subjects_as(Leaver)


def about(server: Server, plan: Plan) -> tuple[str, str]:
    """How much goes, and when, and what is kept of it until when."""
    zone = zone_of(server.course).key
    if plan.params["until"]:
        goes = written(parse(plan.params["until"]), zone)
        return amounts(leavers(plan)), (
            f"Only switched off now: they go {goes}, by hubtui due; until then all comes back."
        )
    days = timedelta(days=plan.params["keep_days"])
    kept = f"{server.clock().astimezone(zone_of(server.course)) + days:%d %b %Y}"
    where = shown(str(plan.params["archive"] or archives(server)), limit=60)
    found = leavers(plan)
    early = f", {number} before the day that was set" if (number := _early(server, found)) else ""
    return (
        f"{amounts(found)}{early}",
        f"They go now, for good. Archives: {where}, until {kept}.",
    )


def _early(server: Server, found: Sequence[Leaver]) -> int:
    """How many of them were given a day that has not come."""
    leaving, now = read_leaving(server.state), server.clock()
    return sum(one.name in leaving and leaving[one.name].goes > now for one in found)


def archives(server: Server) -> Path:
    """Where archives go unless somebody says otherwise."""
    return server.course.accounts.archive or server.state / "archives"


def day_of(one: Leaving, course: Course) -> str:
    """The day on which somebody goes, by the course's own clocks: ``2026-12-09``."""
    return f"{one.goes.astimezone(zone_of(course)):%Y-%m-%d}"


def amounts(found: Sequence[Leaver]) -> str:
    """``28 accounts, 1,214 files, 1.2 GB, 3 servers running now``."""
    said = [counted(len(found), "account")]
    known = [one for one in found if one.files is not None]
    if known:
        said.append(counted(sum(one.files or 0 for one in known), "file"))
        said.append(megabytes(sum(one.bytes or 0 for one in known)))
    if unknown := sum(one.files is None and one.inode != 0 for one in found):
        said.append(f"{counted(unknown, 'home')} that could not be measured")
    if running := sum(one.server for one in found):
        said.append(f"{counted(running, 'server')} running now")
    return ", ".join(said)


def amount(one: Leaver) -> str:
    """``214 files, 48 MB``; empty where that is not known."""
    if one.files is None:
        return ""
    return f"{counted(one.files, 'file')}, {megabytes(one.bytes)}"
