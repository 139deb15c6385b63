"""hubtui release list | preview | push | status | history | withdraw; the schedule is beside it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import NamedTuple

import click
import msgspec

from hubtui import changes
from hubtui.changes import SubjectLine
from hubtui.cli import base, completion, meant
from hubtui.cli.base import App, json_option, need_root, verb
from hubtui.cli.carry import carry, change_options, during_exam_option
from hubtui.cli.matrix import by_sheet, of_sheet
from hubtui.cli.schedule import schedule, unschedule
from hubtui.clock import moment, parse, stamp
from hubtui.errors import HubtuiError, Refused
from hubtui.names import shown
from hubtui.plan import runs
from hubtui.plan.journal import Journal
from hubtui.plan.plans import Plan, operator
from hubtui.release import chosen, push, source, status, store
from hubtui.release import history as past
from hubtui.release import schedule as schedules
from hubtui.release.handout import WORDS
from hubtui.release.history import Past
from hubtui.release.sheets import Sheet, SheetState, sheets
from hubtui.release.withdraw import withdraw_plan
from hubtui.server import Server
from hubtui.students import survey
from hubtui.units import counted, megabytes

_STATES = {
    SheetState.NEVER: "not released",
    SheetState.RELEASED: "released",
    SheetState.ADDED: "files added",
    SheetState.CHANGED: "files changed",
}


@click.group("release")
@base.config_option
def group() -> None:
    """The weekly release: what is new, preview, push, who has what, withdraw."""


group.add_command(schedule)
group.add_command(unschedule)


@group.command("list")
@json_option
@verb
def list_(app: App, as_json: bool) -> None:
    """The tutor's sheets, how each stands to what was released, and what to look at first."""
    server = app.server
    source.release_of(server)
    found = sheets(server)
    now, planned = parse(found.at), _planned(server)
    if as_json:
        rows = [_sheet_record(one) for one in found.sheets]
        beside = {"gone": found.gone, "aside": found.aside}
        base.write_json(server, "sheets", rows, found.missing, now, **beside)
        return
    base.write_table(
        ["SHEET", "STATE", "VERSION", "FILES", "SIZE", "CHANGED", ""],
        [
            [
                ". (the exercises)" if one.name == "." else chosen.called(one.name),
                _STATES[one.state] + (", tried" if one.tried else ""),
                str(one.version or ""),
                str(one.files),
                megabytes(one.bytes),
                moment(datetime.fromtimestamp(one.newest, UTC), now) if one.files else "",
                ", ".join(["solution"] * one.solution + planned.get(one.name, [])),
            ]
            for one in found.sheets
        ],
        "There is no sheet in release.source.",
    )
    for one in found.sheets:
        for finding in one.findings:
            click.echo(f"! {chosen.called(one.name)}: {finding}")
    for name in found.gone:
        click.echo(f"! {chosen.called(name)}: released, and gone from release.source")
    for name in found.aside:
        click.echo(f"! {name}: no sheet, and never handed out")
    base.write_missing(found.missing)


_names = click.argument("names", metavar="[SHEET]…", nargs=-1, shell_complete=completion.sheets)
_files = click.option(
    "--file", "files", metavar="PATH", multiple=True, help="Only this file of the one sheet."
)
_to = click.option(
    "--to", metavar="NAME", multiple=True, help="Only to this student: try it on one first."
)


@group.command()
@_names
@_files
@_to
@json_option
@verb
def preview(
    app: App, names: tuple[str, ...], files: tuple[str, ...], to: tuple[str, ...], as_json: bool
) -> None:
    """What a release would bring to each student, file for file; everything new without SHEET."""
    plan = meant.plan(app, names, files, to, quiet=as_json)
    if plan is None:
        if as_json:
            base.write_json(app.server, "preview", [], [], app.server.clock(), totals={})
        return
    seen = _Preview.of(plan, changes.preview(app.server, plan))
    if as_json:
        rows = [
            {"name": line.name, "counts": counts, "why": line.notes, "files": files}
            for line, counts, files in seen.students
        ]
        beside = {
            "title": plan.title,
            "sheets": seen.sheets,
            "totals": seen.totals,
            "notes": seen.notes,
        }
        base.write_json(app.server, "preview", rows, [], app.server.clock(), **beside)
        return
    click.echo(f"{plan.title}: {_in_words(seen.totals)}")
    for sheet, number in seen.sheets.items():
        _say_version(app.server, sheet, number)
    for note in seen.notes:
        click.echo(f"! {note}")
    base.write_table(
        ["STUDENT", "WHAT", "WHY"],
        [
            [shown(line.name), _in_words(counts), _why(line, files)]
            for line, counts, files in sorted(seen.students, key=lambda one: not one[0].notes)
        ],
        "",
    )


@group.command("push")
@_names
@_files
@_to
@click.option(
    "--version",
    "held",
    metavar="SHEET=N",
    multiple=True,
    help="This version, as a preview showed it, and not the sheet as it is by now.",
)
@click.option("--again", is_flag=True, help="What is released once more, deleted files too.")
@click.option(
    "--replace-open", is_flag=True, help="Replace copies even where the student's server runs."
)
@during_exam_option
@change_options
@verb
def push_(
    app: App,
    names: tuple[str, ...],
    files: tuple[str, ...],
    to: tuple[str, ...],
    held: tuple[str, ...],
    again: bool,
    replace_open: bool,
    during_exam: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Hand out sheets to all course accounts; everything new without SHEET."""
    plan = meant.plan(
        app,
        names,
        files,
        to,
        again=again,
        replace_open=replace_open,
        held=held,
        quiet=as_json,
    )
    if plan is None:
        if as_json:
            nothing = {"format": 1, "kind": "push", "title": "", "subjects": [], "sheets": {}}
            click.echo(msgspec.json.encode({**nothing, "versions": []}).decode())
        return 0
    if yes and not dry_run and not to:  # else the plan says so
        for name, why in push.left_out(survey(app.server)).items():
            click.echo(f"! {shown(name, limit=40)} {why}", err=True)
    return carry(
        app,
        plan,
        dry_run=dry_run,
        yes=yes,
        as_json=as_json,
        word="replace" if replace_open else "",
        why="Who has a notebook open will be asked: overwrite or revert?",
        during_exam=during_exam,
    )


@group.command("status")
@click.option(
    "--sheet",
    metavar="SHEET",
    shell_complete=completion.sheets,
    help="Only this sheet, with what became of its files.",
)
@json_option
@verb
def status_(app: App, sheet: str | None, as_json: bool) -> None:
    """Who has which sheet, and why not."""
    source.release_of(app.server)
    found = status.standing(app.server)
    if sheet is not None and found.sheets:
        meant.known(sheet, [each.name for each in found.sheets], "was not released")
    if as_json:
        rows = list(status.rows(found, sheet))
        base.write_json(app.server, "deliveries", rows, found.missing, found.at)
        return
    if not found.sheets:
        click.echo("Nothing was released yet.")
    elif sheet is not None:
        of_sheet(found, sheet)
    else:
        by_sheet(found)
    base.write_missing(found.missing)


@group.command("history")
@json_option
@verb
def history(app: App, as_json: bool) -> None:
    """What was released and withdrawn: when, by whom, to how many, and how it ended."""
    source.release_of(app.server)
    found = past.history(app.server)
    now = parse(found.at)
    if as_json:
        base.write_json(app.server, "history", found.past, found.missing, now)
        return
    base.write_table(
        ["WHEN", "BY", "WHAT", "SHEETS", "STUDENTS", "HOW IT ENDED"],
        [
            [
                moment(parse(one.at), now),
                shown(one.by, limit=32),
                one.what,
                _listed(one.sheets),
                "" if one.students is None else str(one.students),
                _ended(one),
            ]
            for one in found.past
        ],
        "Nothing was released yet.",
    )
    base.write_missing(found.missing)


@group.command()
@click.argument("name", metavar="SHEET", shell_complete=completion.sheets)
@during_exam_option
@change_options
@verb
def withdraw(
    app: App, name: str, during_exam: bool, dry_run: bool, yes: bool, as_json: bool
) -> int:
    """Take back a sheet: copies as delivered go, whatever a student changed stays."""
    server = meant.ready(app, "Withdrawing a sheet")
    meant.known(name, list(store.records(server)), "was not released")
    plan = withdraw_plan(server, meant.survey_of(server), name)
    return carry(app, plan, dry_run=dry_run, yes=yes, as_json=as_json, during_exam=during_exam)


@group.command()
@click.argument("run", metavar="[RUN]", required=False)
@verb
def cancel(app: App, run: str | None) -> None:
    """Stop what is being handed out or withdrawn, before the next student; whole files only."""
    source.release_of(app.server)
    need_root("Stopping a release")
    found = [one for one in past.at_work(app.server) if run in (None, one.plan.id)]
    if not found:
        raise Refused("Nothing is being handed out or withdrawn at this moment.")
    for one in found:
        log = Journal(
            app.server.state, app.server.clock, run=one.plan.id, kind="cancel", by=operator()
        )
        log.write("over", outcome="done")  # before it: who stopped a release is asked later
        runs.cancel(app.server.state, one.plan.id)
        click.echo(f"{shown(one.plan.title)}: stops before the next student.")


# --- in words ------------------------------------------------------------------------------------


class _Preview(NamedTuple):
    """A plan's preview, put together for a person."""

    sheets: dict[str, int]
    notes: list[str]
    totals: dict[str, int]
    students: list[tuple[SubjectLine, dict[str, int], list[str]]]
    """Each with the counts of files by state, and the files that are neither new nor the same."""

    @classmethod
    def of(cls, plan: Plan, lines: Sequence[SubjectLine]) -> _Preview:
        subjects = {one.key: one for one in plan.subjects_as(chosen.Subject)}
        found = cls({}, [], {}, [])
        found.sheets.update(chosen.versions_of(plan))
        for line in lines:
            subject = subjects[line.key]
            if not subject.uid:
                found.notes.extend(line.notes)
                continue
            counts: dict[str, int] = {}
            for step in line.steps:
                for state, count in step.counts.items():
                    counts[state] = counts.get(state, 0) + count
                    found.totals[state] = found.totals.get(state, 0) + count
            details = [detail for step in line.steps for detail in step.details]
            found.students.append((line, counts, details))
        return found


def _why(line: SubjectLine, files: Sequence[str]) -> str:
    if line.notes or not files:
        return "; ".join(line.notes)
    return files[0] + (f", and {len(files) - 1} more" if len(files) > 1 else "")


def _in_words(counts: dict[str, int]) -> str:
    return ", ".join(f"{n} {WORDS.get(state, state)}" for state, n in counts.items() if n)


def _say_version(server: Server, sheet: str, number: int) -> None:
    version = store.version(store.record(server, sheet), number)
    if version is None:
        return
    what, size = counted(version.files, "file"), megabytes(version.bytes)
    click.echo(f"  {chosen.called(sheet)}, version {number}: {what}, {size}")
    for left in version.left_out:
        click.echo(f"  ! not in it: {left}")


def _planned(server: Server) -> dict[str, list[str]]:
    """When a sheet is to be released; nothing where only root could see it."""
    found: dict[str, list[str]] = {}
    with suppress(HubtuiError):
        for entry in schedules.entries(server):
            for sheet in entry.sheets if entry.open else ():
                found.setdefault(sheet, []).append(f"scheduled: {schedules.when_of(entry)}")
    return found


def _listed(found: dict[str, int]) -> str:
    names = [chosen.title_of({sheet: n}) for sheet, n in found.items()]
    return ", ".join(names) if len(names) <= 3 else f"{len(names)} sheets"


def _ended(one: Past) -> str:
    counts = ", ".join(f"{n} {outcome}" for outcome, n in one.outcomes.items())
    if one.state == "unfinished":
        return f"unfinished ({counts or 'nobody yet'}): hubtui journal resume {one.run}"
    return f"{one.state} ({counts})" if counts and len(one.outcomes) > 1 else one.state


def _sheet_record(one: Sheet) -> dict[str, object]:
    newest = stamp(datetime.fromtimestamp(one.newest, UTC)) if one.files else None
    return {
        "name": one.name,
        "state": one.state,
        "version": one.version,
        "since": one.since,
        "files": one.files,
        "bytes": one.bytes,
        "changed_at": newest,
        "new": one.new,
        "changed": one.changed,
        "tried": one.tried,
        "withdrawn": one.withdrawn,
        "solution": one.solution,
        "findings": one.findings,
    }
