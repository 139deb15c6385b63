"""hubtui accounts list | create | stop | why | reset-login; the other verbs: beside this file."""

from __future__ import annotations

import click

from hubtui import course_accounts, enrol, reset_login, stop
from hubtui.cli import base, drift, receipts, repair, retire
from hubtui.cli.base import App, json_option, verb
from hubtui.cli.carry import carry, change_options
from hubtui.clock import ago, stamp
from hubtui.course_accounts import CourseAccount
from hubtui.errors import Refused, UsageError
from hubtui.names import shown
from hubtui.retire.words import day_of
from hubtui.server import hub, sizes
from hubtui.server.homes import Kind
from hubtui.students import Missing, Survey, survey
from hubtui.units import megabytes


@click.group("accounts")
@base.config_option
def group() -> None:
    """The course's Unix accounts."""


group.add_command(drift.check)
group.add_command(repair.repair)
group.add_command(retire.retire)
group.add_command(retire.restore)
group.add_command(receipts.receipts)


@group.command("list")
@click.option("--measure", is_flag=True, help="Measure the homes now.")
@json_option
@verb
def list_(app: App, measure: bool, as_json: bool) -> None:
    """The course's accounts with home, memory, server and what is not as it should be."""
    server = app.server
    if measure:
        base.need_root("Measuring homes")
        sizes.measure(server.run, server.course.accounts.homes, server.state, server.clock())
    seen, found, missing = _look(app)
    if as_json:
        rows = [_record(seen, one) for one in found]
        base.write_json(server, "accounts", rows, missing, seen.at)
        return
    base.write_table(
        ["NAME", "UID", "HOME", "SIZE", "MEMORY", "SERVER", "ACTIVE", "SIGN-UP", "TO LOOK AT"],
        [
            [
                shown(one.name),
                str(one.account.uid),
                _home(seen, one),
                megabytes(one.size),
                megabytes(one.memory) if one.processes else "",
                one.server,
                ago(one.last_activity, seen.at) if one.last_activity else "",
                one.sign_up,
                ", ".join([*_leaves(seen, one), *one.drift]),
            ]
            for one in found
        ],
        f"No course accounts: nobody in the roster or the group {server.course.accounts.group}.",
    )
    base.write_missing(missing)


@group.command()
@click.argument("names", nargs=-1)
@click.option("--from", "file", type=click.Path(allow_dash=True), help="Names, one a line.")
@change_options
@verb
def create(
    app: App, names: tuple[str, ...], file: str | None, dry_run: bool, yes: bool, as_json: bool
) -> int:
    """Make accounts ahead; a sign-up of that name is then ready as prepared."""
    wanted = base.read_names(names, file)
    if not wanted:
        raise UsageError("Name the accounts to make, or give a list with --from FILE.")
    plan = enrol.create_plan(app.server, survey(app.server), wanted)
    return carry(app, plan, dry_run=dry_run, yes=yes, as_json=as_json)


@group.command("stop")
@click.argument("names", nargs=-1)
@click.option(
    "--idle", type=click.IntRange(min=1), metavar="MINUTES", help="All idle for longer than this."
)
@click.option("--processes", "rest", is_flag=True, help="End the accounts' other processes too.")
@change_options
@verb
def stop_(
    app: App,
    names: tuple[str, ...],
    idle: int | None,
    rest: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Stop notebook servers: of NAMES, or of all that are idle and compute nothing."""
    if bool(names) == (idle is not None):
        raise UsageError("Say either names or --idle MINUTES.")
    seen, found, missing = _look(app)
    if idle is not None:
        chosen, left_out = stop.idle_for(found, idle, seen.at)
        for line in left_out:
            click.echo(f"Left alone: {line}.", err=True)
        if not chosen:
            click.echo(f"No server has been idle for more than {idle} minutes.")
            base.write_missing(missing)
            return 0
    else:
        by_name = {one.name: one for one in found}
        if unknown := [name for name in names if name not in by_name]:
            raise UsageError(f"{shown(unknown[0], limit=40)} is not a course account.")
        chosen = [by_name[name] for name in dict.fromkeys(names)]
    plan = stop.stop_plan(app.server, chosen, rest=rest, idle=idle is not None)
    return carry(app, plan, dry_run=dry_run, yes=yes, as_json=as_json)


@group.command()
@click.argument("name")
@json_option
@verb
def why(app: App, name: str, as_json: bool) -> int:
    """Why can NAME not log in or start? What mends it?"""
    from hubtui.why import why as ask

    answers = ask(app.server, name)
    if as_json:
        base.write_json(app.server, "why", answers, [], app.server.clock())
    else:
        for answer in answers:
            mark = {True: "✓", False: "✗", None: "·"}[answer.good]
            click.echo(f"{mark} {answer.what:<11} {answer.text}")
            if answer.do and answer.good is not True:
                click.echo(f"  {'':<11} → {shown(answer.do)}")
    return 1 if any(answer.good is False for answer in answers) else 0


@group.command("reset-login")
@click.argument("name")
@change_options
@verb
def reset(app: App, name: str, dry_run: bool, yes: bool, as_json: bool) -> int:
    """Give NAME a one-time password, shown once."""
    password = reset_login.one_time_password()
    plan = reset_login.reset_plan(app.server, survey(app.server), name, password)
    if not yes and not dry_run and click.prompt(f"Type {name} to reset its log-in") != name:
        raise Refused("That is another name: nothing was done.")
    code = carry(app, plan, dry_run=dry_run, yes=yes, as_json=as_json)
    if code == 0 and not dry_run:
        click.echo(f"One-time password of {name}: {password}")
        click.echo(
            f"It is not kept. To be changed at {app.server.course.hub.url}/hub/change-password"
        )
    return code


def _look(app: App) -> tuple[Survey, list[CourseAccount], list[Missing]]:
    server = app.server
    seen = survey(server)
    has_token = server.course.hub.token_file is not None
    now = course_accounts.live(
        server, seen, (lambda: hub.api(server.course)) if has_token else None
    )
    return seen, course_accounts.course_accounts(seen, now), [*seen.missing, *now.missing]


def _leaves(seen: Survey, one: CourseAccount) -> list[str]:
    """That it is switched off, and when it goes, or that its removal did not end."""
    if not seen.is_leaving(one.account):
        return []
    leaves = seen.leaving[one.name]
    if leaves.at_once:
        return ["removal not finished"]
    return [f"switched off, goes {day_of(leaves, seen.course)}"]


def _home(seen: Survey, one: CourseAccount) -> str:
    """The mode of its home, or what is in its place."""
    if one.home.mode:
        return f"{one.home.mode:04o}"
    is_away = one.home.kind is Kind.MISSING and seen.is_leaving(one.account)
    return "put away" if is_away else str(one.home.kind)


def _record(seen: Survey, one: CourseAccount) -> dict[str, object]:
    active = stamp(one.last_activity) if one.last_activity else None
    return {
        "name": one.name,
        "uid": one.account.uid,
        "home": str(one.home.path),
        "mode": f"{one.home.mode:04o}" if one.home.mode else None,
        "bytes": one.size,
        "bytes_at": stamp(one.size_at) if one.size_at else None,
        "memory": one.memory,
        "in_roster": one.in_roster,
        "signup": one.sign_up or None,
        "server": one.server or None,
        "idle_since": active if one.server == "running" else None,
        "last_activity": active,
        "leaves": seen.leaving[one.name].until if seen.is_leaving(one.account) else None,
        "drift": one.drift,
    }
