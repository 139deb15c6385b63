"""hubtui doctor"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click
import msgspec

from hubtui.cli.base import App, verb, write_document
from hubtui.cli.carry import carry, change_options
from hubtui.clock import now, stamp
from hubtui.errors import ConfigError, UsageError
from hubtui.findings import Severity

if TYPE_CHECKING:
    from hubtui.setup.doctor import Examination

_MARKS = {Severity.CRITICAL: "✗", Severity.WARNING: "!", Severity.NOTE: "·"}
_FIX = "sudo hubtui doctor --fix"


@click.command()
@click.option("--fix", is_flag=True, help="Mend what can be mended without harm, after asking.")
@change_options
@verb
def doctor(app: App, fix: bool, dry_run: bool, yes: bool, as_json: bool) -> int:
    """What is missing or wrong on this server, and the command that mends it."""
    if fix:
        return _fix(app, dry_run=dry_run, yes=yes, as_json=as_json)
    if dry_run or yes:
        raise UsageError("doctor changes nothing unless you say --fix.")
    return _show(*_examined(app), as_json=as_json)


def _examined(app: App) -> tuple[Examination, str]:
    """What is found, and the course's name."""
    from hubtui.setup.doctor import examine, examine_without_course

    do = "hubtui init"
    try:
        do = do if not app.config_file.exists() else ""
        return examine(app.server), app.server.course.course
    except ConfigError as e:
        return examine_without_course(str(e), do), ""


def _show(examined: Examination, course: str, *, as_json: bool) -> int:
    mended = {fix.mends for fix in examined.fixes}
    if as_json:
        write_document(
            {
                "format": 1,
                "course": course,
                "at": stamp(now()),
                "state": examined.state,
                "findings": examined.findings,
                "missing": examined.missing,
                "fix": sorted(mended),
            }
        )
    else:
        for finding in examined.findings:
            click.echo(f"{_MARKS[finding.severity]} {finding.text}")
            for line in finding.do.splitlines():
                click.echo(f"    → {line}")
            if finding.id in mended:
                click.echo(f"    → or: {_FIX}")
        for line in examined.fine:
            click.echo(f"✓ {line}")
    return 1 if examined.state == Severity.CRITICAL else 0


def _fix(app: App, *, dry_run: bool, yes: bool, as_json: bool) -> int:
    """Show the plan, ask, run it, look again."""
    from hubtui.fix import fix_plan
    from hubtui.setup.doctor import examine

    fixes = examine(app.server).fixes  # without a course.yaml it says so
    if not fixes:
        click.echo("There is nothing to mend that needs no decision of yours. See: hubtui doctor")
        return 0
    code = carry(app, fix_plan(app.server, fixes), dry_run=dry_run, yes=yes, as_json=as_json)
    if dry_run or code:
        return code
    examined, course = _examined(app)
    if as_json:
        left = {"format": 1, "state": examined.state, "left": examined.findings}
        click.echo(msgspec.json.encode(left).decode())
        return 1 if examined.state == Severity.CRITICAL else 0
    click.echo("What is left:" if examined.findings else "Nothing is left to do.")
    return _show(replace(examined, fine=()), course, as_json=False)
