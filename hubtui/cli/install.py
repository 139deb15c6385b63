"""hubtui install | uninstall timers | tutors"""

from __future__ import annotations

import os

import click

from hubtui.cli import base
from hubtui.cli.base import App, verb
from hubtui.cli.carry import agreed
from hubtui.setup import install as setup
from hubtui.setup.install import Installation

_PARTS = {
    "timers": (
        "hubtui due, each minute",
        (setup.CRON, *(setup.UNITS / u for u in setup.UNIT_NAMES)),
    ),
    "tutors": ("the tutors' way in", (setup.SUDOERS, setup.LAUNCHER)),
}


@click.command("install")
@click.argument("part", type=click.Choice(list(_PARTS)))
@click.option("--print", "only_print", is_flag=True, help="Show it; write nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@verb
def install(app: App, part: str, only_print: bool, yes: bool) -> int:
    """Write the minutely timer, or the sudo rule by which tutors release sheets."""
    found = _installation(app, part)
    if only_print or not yes:
        for line in found.lines():
            click.echo(line)
    if only_print:
        return 0
    what, _ = _PARTS[part]
    base.need_root(f"Installing {what}")
    if not yes and not agreed(f"Install {what}"):
        click.echo("Nothing was done.", err=True)
        return 1
    for line in setup.write(found, app.server.run):
        click.echo(line)
    for note in found.notes:
        click.echo(note, err=True)
    return 0


@click.command("uninstall")
@click.argument("part", type=click.Choice(list(_PARTS)))
@click.option("--yes", is_flag=True, help="Do not ask.")
def uninstall(part: str, yes: bool) -> int:
    """Remove what install wrote."""
    from hubtui.server.run import run

    what, paths = _PARTS[part]
    there = [path for path in paths if os.path.lexists(path)]
    if not there:
        click.echo("There is nothing to remove.")
        return 0
    base.need_root(f"Removing {what}")
    if not yes and not agreed(f"Remove {' and '.join(map(str, there))}"):
        click.echo("Nothing was done.", err=True)
        return 1
    for line in setup.remove(there, run):
        click.echo(line)
    return 0


def _installation(app: App, part: str) -> Installation:
    make = setup.timers if part == "timers" else setup.tutors
    return make(app.server, app.config_file)
