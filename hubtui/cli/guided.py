"""hubtui install | uninstall, without a part: all of them as one plan, shown, asked once, done."""

from __future__ import annotations

from collections.abc import Sequence

import click

from hubtui.cli import base, completion
from hubtui.cli.base import App
from hubtui.cli.carry import agreed
from hubtui.names import shown
from hubtui.server import hubtoken
from hubtui.setup.install import guided
from hubtui.setup.install.guided import Part
from hubtui.setup.install.stages import Stage, carry_out

_KEPT = "What was done so far stays"


def install_all(app: App, *, without: str, take_over: bool, only_print: bool, yes: bool) -> int:
    """Show the plan, ask, carry it out."""
    left = guided.names(without)
    if not only_print:
        base.need_root("Installing hubtui")
    server = app.server
    parts = guided.parts(
        server, app.config_file, completion.installation(), without=left, take_over=take_over
    )
    so = [part for part in parts if part.is_so]
    planned = [part for part in parts if not part.left_out and part not in so]
    for part in planned if only_print else ():
        click.echo(f"{part.name}: {part.title}")
        for line in part.lines:
            click.echo(f"    {line}")
    _overview(planned, so, [part for part in parts if part.left_out])
    if not planned:
        click.echo("There is nothing to do.")
        return _told(app)
    if only_print:
        return 0
    if not yes:
        click.echo("Each line of each file: hubtui install --print")
    if not (yes or agreed("Install this")):
        click.echo("Nothing was done.", err=True)
        return 1
    stages = [stage for part in planned for stage in part.stages]
    carry_out(server, "install", stages, click.echo)
    for note in dict.fromkeys(note for part in planned for note in part.notes):
        click.echo(note, err=True)
    return _told(app)


def uninstall_all(app: App, *, without: str, only_print: bool, yes: bool) -> int:
    """Show what goes, ask, take it away; what is kept is said."""
    left = guided.names(without)
    if not only_print:
        base.need_root("Removing hubtui")
    server = app.server
    stages = guided.stages_back(server, completion.installation(), without=left)
    code = carried(app, "uninstall", stages, "Do this", only_print=only_print, yes=yes)
    if code == 0 and not only_print:
        state, config = (shown(str(path)) for path in (server.state, server.course.file))
        click.echo(f"{_KEPT}, with {config}. Not that either: rm -r {state} {config}")
        click.echo("Files that were changed lie beside the new ones: NAME.before-hubtui-DATE.")
    return code


def carried(
    app: App, kind: str, stages: Sequence[Stage], title: str, *, only_print: bool, yes: bool
) -> int:
    """Show stages, ask, carry them out; returns the exit code."""
    if all(stage.done() for stage in stages):
        click.echo("There is nothing to do.")
        return _told(app)
    if only_print or not yes:
        _list(stages)
    if only_print:
        return 0
    if not (yes or agreed(title)):
        click.echo("Nothing was done.", err=True)
        return 1
    carry_out(app.server, kind, stages, click.echo)
    return _told(app)


def _overview(planned: Sequence[Part], so: Sequence[Part], out: Sequence[Part]) -> None:
    for part in so:
        click.echo(f"✓ {part.name}: is so already")
    for part in out:
        click.echo(f"· {part.name} is left out. {part.left_out}")
    _list([stage for part in planned for stage in part.stages])


def _list(stages: Sequence[Stage]) -> None:
    if stages:
        click.echo("In this order; where one fails, all of it back:")
    for number, stage in enumerate(stages, start=1):
        click.echo(f"  {number}. {stage.say()}")


def _told(app: App) -> int:
    """What is still to be done by a person."""
    if (finding := hubtoken.waiting(app.server)) is not None:
        click.echo(f"{finding.text}\n    → {finding.do}")
    return 0
