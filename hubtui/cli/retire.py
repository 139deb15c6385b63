"""hubtui accounts retire | restore"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from hubtui.cli import base
from hubtui.cli.base import App, verb
from hubtui.cli.carry import carry, change_options, during_exam_option
from hubtui.course import Course
from hubtui.errors import UsageError
from hubtui.names import shown
from hubtui.retire import choose, closing, words
from hubtui.retire.plan import retire_plan
from hubtui.retire.records import KEEP_DAYS
from hubtui.retire.restore import restore_plan
from hubtui.students import survey


def _days(_context: click.Context, _parameter: click.Parameter, value: str) -> int:
    number = value.strip().removesuffix("d").strip()
    if not (number.isascii() and number.isdecimal() and 1 <= int(number) <= 3650):
        raise click.BadParameter(f"{shown(value, limit=40)!r} is no number of days: say 90d.")
    return int(number)


@click.command("retire")
@click.argument("names", nargs=-1)
@click.option("--all-but", "but", multiple=True, metavar="NAME", help="All but these.")
@click.option("--inactive-since", "inactive", metavar="DATE", help="Not at the hub since a day.")
@click.option("--made-before", "made", metavar="DATE", help="Made before a day.")
@click.option("--grace", metavar="14d", help="Only switch off now; they go after so long.")
@click.option("--until", metavar="WHEN", help="Only switch off now; they go then.")
@click.option(
    "--keep-archive",
    "keep_days",
    default=f"{KEEP_DAYS}d",
    show_default=True,
    metavar="DAYS",
    callback=_days,
    help="How long the archives are kept.",
)
@click.option(
    "--archive",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder for the archives; it may lie on another disk.",
)
@click.option("--course", "typed", metavar="NAME", help="The course's name, instead of typing it.")
@during_exam_option
@change_options
@verb
def retire(
    app: App,
    names: tuple[str, ...],
    but: tuple[str, ...],
    inactive: str | None,
    made: str | None,
    grace: str | None,
    until: str | None,
    keep_days: int,
    archive: Path | None,
    typed: str | None,
    during_exam: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Remove accounts with all their data, which is archived before; or switch them off until then.

    The course's name has to be typed. hubtui accounts restore brings back who is only switched off.
    """
    base.need_root("Removing accounts")
    server = app.server
    course = server.course
    if typed is not None and typed != course.course:
        raise UsageError("--course is not the name of this course: nothing was done.")
    if yes and typed is None:
        raise UsageError("To remove accounts without being asked, say --course NAME beside --yes.")
    seen = survey(server)
    chosen = choose.choose(
        seen,
        names,
        but=but or None,
        inactive_since=choose.day(inactive, course) if inactive is not None else None,
        made_before=choose.day(made, course) if made is not None else None,
    )
    for line in chosen.left_out:
        click.echo(f"Left alone: {line}.", err=True)
    if not chosen.names:
        click.echo("Nobody is meant: nothing to do.", err=as_json)
        return 0
    plan = retire_plan(
        server,
        seen,
        chosen.names,
        until=_until(grace, until, course, server.clock()),
        keep_days=keep_days,
        archive=archive.absolute() if archive else None,
    )
    if not as_json:
        for line in words.about(server, plan):
            click.echo(line)
    code = carry(
        app,
        plan,
        dry_run=dry_run,
        yes=yes,
        as_json=as_json,
        word=course.course if typed is None else "",
        why=words.WARNING if not plan.params["until"] else "",
        during_exam=during_exam,
    )
    if not dry_run:
        closing.finish(server)
    return code


@click.command("restore")
@click.argument("names", nargs=-1, required=True)
@change_options
@verb
def restore(app: App, names: tuple[str, ...], dry_run: bool, yes: bool, as_json: bool) -> int:
    """Bring back who was switched off and is not gone yet: NAMES as they were before."""
    base.need_root("Bringing accounts back")
    plan = restore_plan(app.server, survey(app.server), names)
    return carry(app, plan, dry_run=dry_run, yes=yes, as_json=as_json)


def _until(grace: str | None, until: str | None, course: Course, now: datetime) -> datetime | None:
    """The time from which they go; None: at once. Raises UsageError."""
    if grace is not None and until is not None:
        raise UsageError("Say either --grace or --until.")
    text = grace if grace is not None else until  # also an empty one, which is no time
    return None if text is None else choose.last_day(text, course, now)
