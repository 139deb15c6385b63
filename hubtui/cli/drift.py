"""hubtui accounts check: where sign-ups, hub, accounts, homes, groups and roster disagree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import click

from hubtui import drift
from hubtui.cli import base
from hubtui.cli.base import App, json_option, verb
from hubtui.drift.records import Drift, Mends
from hubtui.findings import Severity
from hubtui.names import shown
from hubtui.students import Missing, Survey, survey
from hubtui.units import counted

_MARKS = {Severity.CRITICAL: "✗", Severity.WARNING: "!", Severity.NOTE: "·"}


@click.command()
@json_option
@verb
def check(app: App, as_json: bool) -> int:
    """Where sign-ups, hub, accounts, homes, groups and roster disagree, and what mends it.

    Exit 0: nowhere, 1: somewhere, or not everything could be looked at.
    """
    base.need_root("Looking at all of that")
    seen = survey(app.server)
    found = drift.look(app.server, seen)
    unseen = [each for each in (*seen.missing, *found.missing) if each.what != "expected names"]
    if as_json:
        base.write_json(app.server, "drift", found.drift, unseen, seen.at)
    else:
        for one in found.drift:
            _write(one)
        click.echo(_summary(seen, found.drift, unseen))
        base.write_missing(unseen)
    return 1 if found.drift or unseen else 0


def _write(one: Drift) -> None:
    click.echo(f"{_MARKS[one.severity]} {one.text}")
    click.echo(f"    → {one.do}")
    for choice in one.choices:
        click.echo(f"      {shown(choice.word)}: {choice.means}")


def _counted(number: int, severity: Severity) -> str:
    """Critical is no noun."""
    critical = severity is Severity.CRITICAL
    return f"{number} {severity}" if critical else counted(number, severity)


def _summary(seen: Survey, found: Sequence[Drift], unseen: Sequence[Missing]) -> str:
    looked = counted(len(seen.students), "course account")
    if not found:
        mark, so_far = ("?", ", as far as could be seen") if unseen else ("✓", "")
        sign_ups = counted(len(seen.sign_ups), "sign-up")
        return f"{mark} {looked}, {sign_ups}: nothing disagrees{so_far}."
    counts = Counter(one.severity for one in found)
    said = ", ".join(_counted(counts[each], each) for each in Severity if counts[each])
    safe = sum(one.mends is Mends.SAFELY for one in found)
    text = f"{counted(len(found), 'disagreement')} ({said}) in {looked}."
    if safe > 1:
        return f"{text} Mends {safe} of them: sudo hubtui accounts repair --all-safe"
    return text
