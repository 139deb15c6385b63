"""hubtui release schedule [SHEET… WHEN] | unschedule ID"""

from __future__ import annotations

from collections.abc import Sequence

import click
import msgspec

from hubtui import pauses
from hubtui.cli import base
from hubtui.cli.base import App, verb
from hubtui.cli.carry import agreed, change_options
from hubtui.errors import HubtuiError, UsageError
from hubtui.names import shown
from hubtui.release import schedule as schedules
from hubtui.release.schedule import Entry, State
from hubtui.server import Server
from hubtui.students import Missing
from hubtui.when import EXAMPLES, is_day, parse_when, written, zone_of


@click.command("schedule")
@click.argument("words", metavar="[SHEET… WHEN]", nargs=-1)
@click.option(
    "--as-of",
    type=click.Choice(["now", "due"]),
    default="now",
    show_default=True,
    help="Which state of the sheet: as it is now, or when it is due.",
)
@click.option("--newer", metavar="ID", help="Take the sheet as it is now for what is scheduled.")
@change_options
@verb
def schedule(
    app: App,
    words: tuple[str, ...],
    as_of: str,
    newer: str | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Release sheets at a time, such as "Mon 08:00". Without arguments: what is scheduled."""
    if newer is not None:
        if words:
            raise UsageError("Say either --newer or sheets and a time, not both.")
        return _newer(app, newer, dry_run=dry_run, yes=yes, as_json=as_json)
    if not words:
        _list(app.server, as_json=as_json)
        return 0
    return _add(app, words, as_of == "due", dry_run=dry_run, yes=yes, as_json=as_json)


@click.command("unschedule")
@click.argument("word", metavar="ID|SHEET")
@change_options
@verb
def unschedule(app: App, word: str, dry_run: bool, yes: bool, as_json: bool) -> int:
    """Cancel what is scheduled: a whole entry, or one sheet of it."""
    entry = schedules.find(app.server, word)
    what = shown(word, limit=60) if word in entry.sheets else schedules.title(entry)
    asked = f"Cancel {what} on {schedules.when_of(entry)}"
    if not _confirmed(asked, dry_run=dry_run, yes=yes, as_json=as_json):
        return 0 if dry_run else 1
    _told(schedules.cancel(app.server, word), "Cancelled", as_json=as_json)
    return 0


def _add(
    app: App, words: Sequence[str], as_of_due: bool, *, dry_run: bool, yes: bool, as_json: bool
) -> int:
    sheets, when = _split(words)
    server = app.server
    moment = parse_when(when, zone_of(server.course), server.clock())
    at = written(moment.at, moment.zone)
    state = "as it is then" if as_of_due else "as it is now"
    asked = f"Release {', '.join(shown(s, limit=60) for s in sheets)} on {at}, {state}"
    notes = [moment.note] if moment.note else []
    if why := pauses.held(server.course, server.state, moment.at, sheets):
        notes.append(why)
    for entry in schedules.entries(server):
        if entry.open and (again := [s for s in sheets if s in entry.sheets]):
            names = ", ".join(shown(s, limit=60) for s in again)
            notes.append(f"In place of {names} on {schedules.when_of(entry)} ({entry.id}).")
    if not dry_run:
        schedules.need_due(server)
    if not _confirmed(asked, notes, dry_run=dry_run, yes=yes, as_json=as_json):
        return 0 if dry_run else 1
    entry = schedules.add(server, sheets, moment, as_of_due=as_of_due)
    _told(entry, "Scheduled", as_json=as_json)
    return 0


def _newer(app: App, word: str, *, dry_run: bool, yes: bool, as_json: bool) -> int:
    entry = schedules.find(app.server, word)
    asked = f"Take {schedules.title(entry)} as it is now, for {schedules.when_of(entry)}"
    if not _confirmed(asked, dry_run=dry_run, yes=yes, as_json=as_json):
        return 0 if dry_run else 1
    _told(schedules.take_newer(app.server, word), "Scheduled", as_json=as_json)
    return 0


def _split(words: Sequence[str]) -> tuple[list[str], str]:
    """Sheets, and the time: ``week05 Mon 08:00`` is understood without quotes, too."""
    *sheets, when = words
    if len(sheets) > 1 and ":" in when and " " not in when and is_day(sheets[-1]):
        when = f"{sheets.pop()} {when}"
    if not sheets:
        raise UsageError(f"Say which sheet, and when: hubtui release schedule week05 {EXAMPLES}.")
    return list(dict.fromkeys(sheets)), when


def _confirmed(
    asked: str, notes: Sequence[str] = (), *, dry_run: bool, yes: bool, as_json: bool
) -> bool:
    """Show what would be done; whether to do it."""
    if dry_run and as_json:
        click.echo(msgspec.json.encode({"format": 1, "title": asked, "notes": notes}).decode())
    elif dry_run or not yes:
        click.echo(f"{asked}.", err=not dry_run)
    if not as_json:
        for note in notes:
            click.echo(f"  ! {note}", err=not dry_run)
    if dry_run:
        return False
    base.need_root(asked)
    if yes or agreed("Do this"):
        return True
    click.echo("Nothing was done.", err=True)
    return False


def _told(entry: Entry, done: str, *, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode({"format": 1, "schedule": [_record(entry)]}).decode())
    else:
        click.echo(f"{done}: {schedules.title(entry)} on {schedules.when_of(entry)} ({entry.id}).")


def _list(server: Server, *, as_json: bool) -> None:
    entries = schedules.entries(server)
    changed: dict[str, list[str]] = {}
    missing = []
    for entry in entries:
        if entry.state is State.WAITING:
            try:
                changed[entry.id] = schedules.changed_since(server, entry)
            except HubtuiError as e:
                missing = [Missing(what="the source of the sheets", why=str(e))]
    if as_json:
        rows = [_record(entry, changed.get(entry.id, ())) for entry in entries]
        alive = schedules.is_alive(server)
        base.write_json(server, "schedule", rows, missing, server.clock(), alive=alive)
        return
    base.write_table(
        ["ID", "WHEN", "SHEETS", "BY", "STATE", "WHY"],
        [
            [
                entry.id,
                schedules.when_of(entry),
                schedules.title(entry),
                shown(entry.by, limit=32),
                entry.state,
                _why(entry, changed.get(entry.id, [])),
            ]
            for entry in entries
        ],
        "Nothing is scheduled.",
    )
    base.write_missing(missing)
    coming = [entry for entry in entries if entry.open]
    if coming and not schedules.is_alive(server):
        click.echo("hubtui due does not run each minute: sudo hubtui install timers", err=True)


def _why(entry: Entry, changed: Sequence[str]) -> str:
    said = [shown(entry.why, limit=300)] if entry.why else []
    if None in entry.sheets.values() and entry.open:
        said.append("as it is when due")
    for sheet in changed:
        name = shown(sheet, limit=60)
        said.append(f"{name} was changed since: hubtui release schedule --newer {entry.id}")
    return " · ".join(said)


def _record(entry: Entry, changed: Sequence[str] = ()) -> dict[str, object]:
    return {
        "id": entry.id,
        "sheets": [{"sheet": sheet, "version": n} for sheet, n in entry.sheets.items()],
        "when": entry.when,
        "zone": entry.zone,
        "by": entry.by,
        "made": entry.made,
        "state": entry.state,
        "run": entry.run,
        "why": entry.why,
        "changed": changed,
    }
