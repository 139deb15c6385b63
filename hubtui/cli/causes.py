"""hubtui watchdog causes [ID]: why the hub was away, by cause; and the evidence of one incident."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

import click

from hubtui.cli import base
from hubtui.cli.base import App, json_option, verb
from hubtui.cli.restarts import away
from hubtui.clock import moment, stamp
from hubtui.errors import UsageError
from hubtui.names import shown
from hubtui.server import Server
from hubtui.state import to_builtins
from hubtui.watchdog import causes as known
from hubtui.watchdog import incidents, patterns, telling
from hubtui.watchdog.causes import CAUSES, Named
from hubtui.watchdog.history import Line, history
from hubtui.watchdog.records import Evidence, Incident

_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{4}", re.ASCII)
_LINES = 30
"""Of the log; --json has them all."""


@click.command("causes")
@click.argument("incident", required=False)
@click.option("--since", type=click.IntRange(1, 3650), metavar="DAYS", help="Only the last DAYS.")
@json_option
@verb
def causes(app: App, incident: str | None, since: int | None, as_json: bool) -> None:
    """Why the hub was away, and what to do about it.

    Each cause with how often it was; or all about one INCIDENT, by its id.
    """
    base.need_sight("Looking at the causes", app.server)
    server = app.server
    if incident is not None:
        _one(server, incident, as_json)
        return
    now = server.clock()
    found = history(server, now - timedelta(days=since) if since is not None else None)
    by_cause = _by_cause(found.lines)
    sentences = patterns.patterns(server, found).sentences
    if as_json:
        rows = [_record(cause, cases) for cause, cases in by_cause]
        base.write_json(server, "causes", rows, [], now, patterns=sentences)
        return
    base.write_table(
        ["TIMES", "CAUSE", "LAST", "INCIDENT", "WHAT TO DO"],
        [
            [str(len(cases)), _title(cause), moment(_last(cases), now), _id(cases), _do(cause)]
            for cause, cases in by_cause
        ],
        "Nothing happened that is known.",
    )
    for sentence in sentences:
        click.echo(shown(sentence))
    for each in found.unreadable[:1]:
        more = f" ({len(found.unreadable):,} in all: hubtui watchdog history)"
        click.echo(f"Not readable: {shown(each.source, 60)}: {each.text}{more}", err=True)


def _by_cause(lines: Sequence[Line]) -> list[tuple[str, list[list[Line]]]]:
    """What a person would call one crash counts once; the most frequent cause first."""
    cases = patterns.cases(lines)
    told = {line.incident for case in cases for line in case}
    counted = {id(line) for case in cases for line in case}
    cases += [[line] for line in lines if id(line) not in counted and line.incident not in told]
    found: dict[str, list[list[Line]]] = {}
    for case in sorted(cases, key=lambda case: case[0].at):
        cause = next((line.cause for line in case if line.cause), "")
        found.setdefault(cause, []).append(case)
    return sorted(found.items(), key=lambda pair: -len(pair[1]))


def _last(cases: Sequence[Sequence[Line]]) -> datetime:
    return cases[-1][0].at


def _id(cases: Sequence[Sequence[Line]]) -> str:
    """The newest incident of it: its evidence is the likeliest to be kept."""
    return next((line.incident for case in reversed(cases) for line in case if line.incident), "")


def _title(cause: str) -> str:
    if not cause:
        return "not known"
    return CAUSES[cause].title if cause in CAUSES else shown(cause, 40)


def _do(cause: str) -> str:
    if cause in CAUSES:
        return CAUSES[cause].do
    return "hubtui watchdog causes ID says what to switch on." if not cause else ""


def _record(cause: str, cases: Sequence[Sequence[Line]]) -> dict[str, object]:
    return {
        "cause": cause,
        "title": _title(cause),
        "times": len(cases),
        "last": stamp(_last(cases)),
        "incident": _id(cases),
        "do": _do(cause),
        "curable": CAUSES[cause].curable if cause in CAUSES else None,
    }


# --- one incident --------------------------------------------------------------------------------


def _one(server: Server, identity: str, as_json: bool) -> None:
    incident = incidents.find(server.state, identity) if _ID.fullmatch(identity) else None
    if incident is None:
        raise UsageError(
            f"There is no incident {shown(identity, 40)}: hubtui watchdog causes lists the last "
            "one of each cause."
        )
    evidence = incidents.evidence(server.state, identity)
    named = known.name(evidence) if evidence is not None else None
    now = server.clock()
    if as_json:
        row = {
            "incident": to_builtins(incident),
            "evidence": to_builtins(evidence),
            "named": to_builtins(named),
        }
        base.write_json(server, "incidents", [row], [], now)
        return
    _tell(incident, named, now)
    if evidence is None:
        days = incidents.KEEP_EVIDENCE.days
        click.echo(f"\nIts evidence is not there: it is deleted after {days} days.")
    else:
        _show(evidence)


def _tell(incident: Incident, named: Named | None, now: datetime) -> None:
    lasted = away(incident.seconds)
    click.echo(f"{moment(incident.at, now)}{f', for {lasted}' if lasted else ', not over'}")
    click.echo(f"  {shown(incident.text)}")
    for restart in incident.restarts:
        what = f"restarted {moment(restart.at, now)} by {shown(restart.by, 32)}"
        said = f": {shown(restart.text)}" if restart.text else ""
        click.echo(f"  {what}, {shown(restart.how, 60)}, {restart.outcome}{said}")
    sure = "" if named is None or named.sure or not incident.cause else " (likely, not sure)"
    click.echo(f"\nCause: {_title(incident.cause)}{sure}")
    cause = CAUSES.get(incident.cause)
    if cause is not None:
        click.echo(f"  {cause.sentence}")
    for why in incident.why:
        click.echo(f"  – {shown(why)}")
    if cause is not None:
        click.echo(f"  Do: {cause.do}")
    if named is not None and named.switch_on and not named.sure:
        click.echo(f"  To know more next time: {named.switch_on}")


def _show(evidence: Evidence) -> None:
    for section in telling.sections(evidence):
        click.echo(f"\n{section.title}")
        if len(section.lines) > _LINES:
            click.echo(f"  … {len(section.lines) - _LINES} lines before: --json has them")
        for line in section.lines[-_LINES:]:
            click.echo(f"  {line}")
