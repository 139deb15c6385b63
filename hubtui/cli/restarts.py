"""hubtui watchdog history: every restart that is known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import click

from hubtui.cli import base
from hubtui.cli.base import App, json_option, verb
from hubtui.clock import moment, stamp
from hubtui.names import shown
from hubtui.units import in_two_units
from hubtui.watchdog.history import Line
from hubtui.watchdog.history import history as known
from hubtui.watchdog.oldlog import Unreadable

_MOST = 20
"""Unreadable lines that are named; --json has them all."""


@click.command("history")
@click.option("--since", type=click.IntRange(1, 3650), metavar="DAYS", help="Only the last DAYS.")
@click.option("--all", "everything", is_flag=True, help="Also what was over without a restart.")
@json_option
@verb
def history(app: App, since: int | None, everything: bool, as_json: bool) -> None:
    """Every restart that is known: when, why, by whom.

    And how long students were away; of older scripts as well.
    """
    base.need_sight("Looking at the restart history", app.server)
    now = app.server.clock()
    found = known(app.server, now - timedelta(days=since) if since is not None else None)
    lines = [line for line in found.lines if everything or line.restarted]
    if as_json:
        rows = [_record(line) for line in lines]
        base.write_json(app.server, "restarts", rows, [], now, unreadable=found.unreadable)
        return
    base.write_table(
        ["WHEN", "REASON", "CAUSE", "AWAY", "BY", "SOURCE"],
        [
            [
                moment(line.at, now),
                shown(line.reason, 60) + _ended(line),
                _title(line.cause),
                away(line.seconds_away),
                shown(line.by, 32),
                shown(line.source, 60),
            ]
            for line in lines
        ],
        "No restart is known.",
    )
    _name_unreadable(found.unreadable)


def away(seconds: float | None) -> str:
    """``34 s``, ``12 min``, ``3 h 5 min``; empty where it is not known."""
    return in_two_units(seconds) if seconds is not None else ""


def _ended(line: Line) -> str:
    return f" ({line.outcome})" if line.outcome not in ("", "up") else ""


def _title(cause: str) -> str:
    from hubtui.watchdog.causes import CAUSES

    return CAUSES[cause].title if cause in CAUSES else shown(cause, 40)


def _name_unreadable(found: Sequence[Unreadable]) -> None:
    for each in found[:_MOST]:
        where = f", line {each.line}" if each.line else ""
        click.echo(f"Not readable: {shown(each.source, 60)}{where}: {each.text}", err=True)
    if len(found) > _MOST:
        click.echo(f"Not readable: {len(found) - _MOST:,} more lines; see --json", err=True)


def _record(line: Line) -> dict[str, object]:
    return {
        "at": stamp(line.at),
        "reason": line.reason,
        "cause": line.cause,
        "seconds_away": line.seconds_away,
        "by": line.by,
        "source": line.source,
        "verdict": line.verdict,
        "outcome": line.outcome,
        "incident": line.incident,
        "exam": line.exam,
    }
