"""hubtui watchdog pause [FOR] | resume | exam [FROM-TO]"""

from __future__ import annotations

import click
import msgspec

from hubtui import pauses
from hubtui.cli import base
from hubtui.cli.base import App, json_option, verb
from hubtui.clock import stamp
from hubtui.errors import UsageError
from hubtui.names import shown
from hubtui.pauses import Exam
from hubtui.plan.plans import operator
from hubtui.server import Server
from hubtui.when import parse_span, parse_until, written, zone_of


@click.command("pause")
@click.argument("words", metavar="[FOR]", nargs=-1)
@click.option("--why", default="", help="What others are told.")
@verb
def pause(app: App, words: tuple[str, ...], why: str) -> None:
    """Let the watchdog look, and restart nothing.

    For 30m or 2h, until 18:00 or "Mon 08:00"; without FOR until: hubtui watchdog resume
    """
    base.need_root("Pausing the watchdog")
    server, zone = app.server, zone_of(app.server.course)
    at = server.clock()
    until = parse_until(" ".join(words), zone, at) if words else None
    pauses.pause(server.state, until.at if until else None, operator(), why, at)
    if until is None:
        click.echo("The watchdog is paused, until: hubtui watchdog resume")
        return
    if until.note:
        click.echo(f"! {until.note}")
    click.echo(f"The watchdog is paused until {written(until.at, until.zone)}.")


@click.command("resume")
@verb
def resume(app: App) -> None:
    """Let the watchdog act again."""
    base.need_root("Resuming the watchdog")
    server = app.server
    ended = pauses.resume(server.state, operator(), server.clock())
    if ended is None:
        click.echo("The watchdog was not paused.")
    else:
        by = shown(ended.by, limit=40)
        since = pauses.clock(server.course, ended.at, server.clock())
        click.echo(f"The watchdog acts again; it was paused by {by} since {since}.")


@click.command("exam")
@click.argument("words", metavar="[FROM-TO]", nargs=-1)
@click.option("--students", type=click.IntRange(1, 100_000), help="How many will come.")
@click.option("--sheet", metavar="SHEET", help="The sheet that may be released while it runs.")
@click.option("--drop", metavar="ID", help="Take back one that was entered by hand.")
@click.option("--list", "listed", is_flag=True, help="All exams; so does exam alone.")
@json_option
@verb
def exam(
    app: App,
    words: tuple[str, ...],
    students: int | None,
    sheet: str | None,
    drop: str | None,
    listed: bool,
    as_json: bool,
) -> None:
    """Enter an exam, or list them.

    FROM-TO is such as 09:00-11:00 or "Mon 09:00-11:00". While it runs a dead hub is restarted at
    once, one that hangs is left to you, and releases, repairs and removals wait.
    """
    if bool(words) + (drop is not None) + listed > 1 or (not words and (students or sheet)):
        raise UsageError("Say a time, or --drop ID, or --list; --students and --sheet with a time.")
    server = app.server
    if words:
        base.need_root("Entering an exam")
        _add(server, " ".join(words), students, sheet)
    elif drop is not None:
        base.need_root("Taking back an exam")
        gone = pauses.drop_exam(server.state, drop, operator(), server.clock())
        click.echo(f"Taken back: the exam {_when(server, gone)}.")
    else:
        base.need_sight("Looking at the exams", server)
        _list(server, as_json=as_json)


def _add(server: Server, text: str, students: int | None, sheet: str | None) -> None:
    at = server.clock()
    begin, end = parse_span(text, zone_of(server.course), at)
    new = pauses.add_exam(
        server.state, begin.at, end.at, operator(), at, students=students, sheet=sheet
    )
    for note in filter(None, (begin.note, end.note)):
        click.echo(f"! {note}")
    click.echo(f"Entered: an exam {_when(server, new)} ({new.id}).")


def _list(server: Server, *, as_json: bool) -> None:
    at, found = server.clock(), pauses.exams(server.course, server.state)
    if as_json:
        rows = [
            {**msgspec.to_builtins(e), "from": stamp(e.from_), "to": stamp(e.to)} for e in found
        ]
        base.write_json(server, "exams", rows, [], at)
        return
    base.write_table(
        ["ID", "WHEN", "STUDENTS", "SHEET", "FROM", ""],
        [
            [
                e.id,
                _when(server, e),
                str(e.students or ""),
                shown(e.sheet or "", limit=60),
                e.source,
                "" if at < e.from_ else "runs" if at < e.to else "over",
            ]
            for e in found
        ],
        "There is no exam.",
    )


def _when(server: Server, found: Exam) -> str:
    """``Mon 01 Feb 2027, 09:00 (Europe/Berlin) to 11:00``."""
    begin = written(found.from_, zone_of(server.course).key)
    return f"{begin} to {pauses.clock(server.course, found.to, found.from_)}"
