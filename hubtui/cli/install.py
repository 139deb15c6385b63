"""hubtui install | uninstall, all as one plan or one part of it"""

from __future__ import annotations

from pathlib import Path

import click

from hubtui.cli import base
from hubtui.cli.base import App, verb
from hubtui.cli.carry import agreed
from hubtui.setup.install import files, timers, tutors, watchdog_unit
from hubtui.setup.install.files import Installation

_only_print = click.option("--print", "only_print", is_flag=True, help="Show it; write nothing.")
_yes = click.option("--yes", is_flag=True, help="Do not ask.")


_without = click.option(
    "--without", default="", metavar="PARTS", help="Leave parts out: token,tutors,…"
)


@click.group("install", invoke_without_command=True)
@_without
@click.option("--take-over", is_flag=True, help="Switch off the old script's line in the crontab.")
@_only_print
@_yes
@verb
@click.pass_context
def install(
    context: click.Context, app: App, without: str, take_over: bool, only_print: bool, yes: bool
) -> int | None:
    """Install hubtui on this server, as one plan: shown first, all of it back where a part fails.

    Or one part of it alone, by its name.
    """
    if context.invoked_subcommand is not None:
        _refuse_options(context)
        return None
    from hubtui.cli.guided import install_all

    return install_all(app, without=without, take_over=take_over, only_print=only_print, yes=yes)


@click.group("uninstall", invoke_without_command=True)
@_without
@_only_print
@_yes
@verb
@click.pass_context
def uninstall(
    context: click.Context, app: App, without: str, only_print: bool, yes: bool
) -> int | None:
    """Take away all that install wrote, or one part of it."""
    if context.invoked_subcommand is not None:
        _refuse_options(context)
        return None
    from hubtui.cli.guided import uninstall_all

    return uninstall_all(app, without=without, only_print=only_print, yes=yes)


def _refuse_options(context: click.Context) -> None:
    """Raise UsageError for options that stand before the part's name, where nobody reads them."""
    from hubtui.errors import UsageError

    if any(value for name, value in context.params.items() if name != "config"):
        part = context.invoked_subcommand
        raise UsageError(f"Options belong behind the part: hubtui {context.info_name} {part} …")


@install.command("token")
@_only_print
@_yes
@verb
def install_token(app: App, only_print: bool, yes: bool) -> int:
    """A token for hubtui, and the lines in the hub's configuration that know it."""
    from hubtui.cli.guided import carried
    from hubtui.setup.install import token

    if not only_print:
        base.need_root("Installing the token")
    if token.is_taken(app.server):
        click.echo("The hub takes hubtui's token already.")
        return 0
    found = token.way(app.server)
    if only_print or not yes:
        for line in token.lines(found):
            click.echo(line)
    each = token.stages(app.server, found)
    return carried(app, "token", each, "Install the token", only_print=only_print, yes=yes)


@uninstall.command("token")
@_only_print
@_yes
@verb
def uninstall_token(app: App, only_print: bool, yes: bool) -> int:
    """The lines in the hub's configuration, then the token."""
    from hubtui.cli.guided import carried
    from hubtui.setup.install import token_off

    if not only_print:
        base.need_root("Removing the token")
    each = token_off.stages_back(app.server)
    return carried(app, "token off", each, "Remove the token", only_print=only_print, yes=yes)


@install.command("timers")
@_only_print
@_yes
@verb
def install_timers(app: App, only_print: bool, yes: bool) -> int:
    """The minutely timer: hands out what is due, and what late joiners lack."""
    found = timers.timers(app.server, app.config_file)
    return _write(app, found, "hubtui due, each minute", only_print=only_print, yes=yes)


@install.command("tutors")
@_only_print
@_yes
@verb
def install_tutors(app: App, only_print: bool, yes: bool) -> int:
    """The sudo rule by which tutors release sheets."""
    found = tutors.tutors(app.server, app.config_file)
    return _write(app, found, "the tutors' way in", only_print=only_print, yes=yes)


@install.command("watchdog")
@click.option("--take-over", is_flag=True, help="Switch off the old script's line in the crontab.")
@_only_print
@_yes
@verb
def install_watchdog(app: App, take_over: bool, only_print: bool, yes: bool) -> int:
    """A look at the hub each minute, and a restart where one helps."""
    from hubtui.setup.install import restarters, takeover

    found = watchdog_unit.watchdog(app.server, app.config_file)
    if not only_print:
        base.need_root("Installing the watchdog")
    others = restarters.find(app.server.run, ours=watchdog_unit.CHECK.files)
    if not take_over:
        if not only_print:
            takeover.refuse_beside(others)
        return _write(app, found, "the watchdog", only_print=only_print, yes=yes)
    stages = takeover.stages(app.server, app.config_file, found, others)
    if only_print or not yes:
        _show(found)
        click.echo("in this order; where no good check is seen, all of it back:")
        for stage in stages:
            click.echo(f"  · {stage.say()}")
    if only_print or not _may("Take over from the old script", yes=yes):
        return int(not only_print)
    from hubtui.setup.install.stages import carry_out

    carry_out(app.server, "take-over", stages, click.echo)
    return 0


@install.command("hub-unit")
@click.option("--at", "when", metavar="WHEN", help="Then: 03:00, Mon 03:00. Until then as now.")
@_only_print
@_yes
@verb
def install_hub_unit(app: App, when: str | None, only_print: bool, yes: bool) -> int:
    """A service of systemd for the hub, with what keeps students' servers alive."""
    from hubtui.setup.install import hub_switch, hub_unit, restarters, takeover
    from hubtui.setup.install.stages import carry_out

    base.need_root("Installing a unit for the hub")
    hub = hub_unit.here(app.server)
    hub_unit.refuse_broken(hub)
    others = restarters.find(app.server.run, ours=watchdog_unit.CHECK.files)
    if not only_print:
        takeover.refuse_beside(others)
    found = hub_unit.installation(app.server, hub)
    stages = hub_switch.stages(app.server, hub, found)
    if only_print or not yes:
        _show(found)
        click.echo("in this order; where the hub does not come up, all of it back:")
        for stage in stages:
            click.echo(f"  · {stage.say()}")
    if only_print:
        return 0
    if when is not None:
        return _later(app, when, yes=yes)
    if not _may("Install the hub's unit now", yes=yes):
        return 1
    carry_out(app.server, "hub-unit", stages, click.echo)
    for note in found.notes:
        click.echo(note, err=True)
    return 0


@uninstall.command("timers")
@_yes
def uninstall_timers(yes: bool) -> int:
    """The minutely timer."""
    return _remove(timers.DUE.files, "hubtui due, each minute", yes=yes)


@uninstall.command("tutors")
@_yes
def uninstall_tutors(yes: bool) -> int:
    """The tutors' way in."""
    return _remove((tutors.SUDOERS, tutors.LAUNCHER), "the tutors' way in", yes=yes)


@uninstall.command("hub-unit")
@_yes
@verb
def uninstall_hub_unit(app: App, yes: bool) -> int:
    """The hub's unit, or what hubtui added to it; the hub is started by hand as before."""
    from hubtui.setup.install import hub_switch
    from hubtui.setup.install.stages import carry_out

    base.need_root("Removing the hub's unit")
    stages = hub_switch.stages_back(app.server)
    if not stages:
        click.echo("There is nothing to remove.")
        return 0
    if not yes:
        for stage in stages:
            click.echo(f"  · {stage.say()}")
    if not _may("Do this", yes=yes):
        return 1
    carry_out(app.server, "hub-unit off", stages, click.echo)
    if len(stages) > 1:
        click.echo("Nothing starts the hub with the machine now, but what did before.", err=True)
    return 0


@uninstall.command("watchdog")
@click.option("--old-script", is_flag=True, help="Switch the old script's line on again.")
@_yes
def uninstall_watchdog(old_script: bool, yes: bool) -> int:
    """The watchdog's timer; with --old-script the old line is on again."""
    from hubtui.reads import crontab
    from hubtui.setup.install import takeover

    base.need_root("Removing the watchdog")
    lines = crontab.off(crontab.read())
    if lines and not old_script:
        click.echo("Nothing restarts the hub then; --old-script switches the old line on again:")
        for number, line in lines:
            click.echo(f"    {crontab.NAME}, line {number}: {line}")
    code = _remove(watchdog_unit.CHECK.files, "the watchdog", yes=yes)
    if code == 0 and old_script:
        for number, line in takeover.old_script_back():
            click.echo(f"{crontab.NAME}, line {number} is on again: {line}")
    return code


def _later(app: App, when: str, *, yes: bool) -> int:
    from hubtui.setup.install import hub_switch
    from hubtui.when import parse_when, written, zone_of

    zone = zone_of(app.server.course)
    at = parse_when(when, zone, app.server.clock()).at
    if not _may(f"Install the hub's unit on {written(at, zone.key)}", yes=yes):
        return 1
    app.server.run(hub_switch.later(app.config_file, at)).check()
    click.echo(
        f"On {written(at, zone.key)}, unless the machine is started anew before. "
        f"Not then: systemctl stop {hub_switch.LATER}.timer; what came of it: "
        f"journalctl -u {hub_switch.LATER}"
    )
    return 0


def _write(app: App, found: Installation, what: str, *, only_print: bool, yes: bool) -> int:
    if only_print or not yes:
        _show(found)
    if only_print:
        return 0
    base.need_root(f"Installing {what}")
    if not _may(f"Install {what}", yes=yes):
        return 1
    for line in files.write(found, app.server.run):
        click.echo(line)
    for note in found.notes:
        click.echo(note, err=True)
    return 0


def _remove(paths: tuple[Path, ...], what: str, *, yes: bool) -> int:
    from hubtui.server.run import run

    there = [path for path in paths if path.exists() or path.is_symlink()]
    if not there:
        click.echo("There is nothing to remove.")
        return 0
    base.need_root(f"Removing {what}")
    if not _may(f"Remove {' and '.join(map(str, there))}", yes=yes):
        return 1
    for line in files.remove(there, run):
        click.echo(line)
    return 0


def _show(found: Installation) -> None:
    for line in found.lines():
        click.echo(line)


def _may(title: str, *, yes: bool) -> bool:
    if yes or agreed(title):
        return True
    click.echo("Nothing was done.", err=True)
    return False
