"""hubtui journal [unfinished | resume ID | drop ID], and the internal ``hubtui run ID``"""

from __future__ import annotations

import functools

import click
import msgspec

from hubtui import changes
from hubtui.cli import base
from hubtui.cli.base import App, json_option, verb
from hubtui.cli.carry import during_exam_option, follow
from hubtui.errors import Refused
from hubtui.names import shown
from hubtui.plan import plans, runs
from hubtui.plan.journal import read_journal


@click.group("journal", invoke_without_command=True)
@click.option("--last", default=50, show_default=True, help="How many lines.")
@json_option
@base.config_option
@click.pass_context
def group(context: click.Context, last: int, as_json: bool) -> None:
    """What was done, by whom, when."""
    if context.invoked_subcommand is not None:
        return
    app = context.ensure_object(App)
    entries = list(read_journal(app.server.state))[-last:]
    if as_json:
        base.write_json(app.server, "journal", entries, [], app.server.clock())
        return
    base.write_table(
        ["WHEN", "BY", "WHAT", "WHO", "STEP", "OUTCOME"],
        [
            [e.at, shown(e.by), f"{e.kind} {e.event}", shown(e.subject), e.step, e.outcome]
            for e in entries
        ],
        "Nothing was done yet.",
    )


@group.command()
@json_option
@verb
def unfinished(app: App, as_json: bool) -> None:
    """Changes that a kill or a reboot left; go on with: hubtui journal resume ID"""
    left = runs.unfinished(app.server.state)
    if as_json:
        rows = [{"id": p.id, "title": p.title, "by": p.by, "at": p.at} for p in left]
        base.write_json(app.server, "unfinished", rows, [], app.server.clock())
        return
    rows_ = [[p.id, shown(p.title), shown(p.by), p.at] for p in left]
    base.write_table(["ID", "WHAT", "BY", "WHEN"], rows_, "Nothing is unfinished.")


@group.command()
@click.argument("run")
@during_exam_option
@json_option
@verb
def resume(app: App, run: str, during_exam: bool, as_json: bool) -> int:
    """Go on with an unfinished change, or follow one that is at work."""
    base.need_root("Going on with a change")
    state = app.server.state
    plan = plans.load(state, run)
    # One that was killed a moment ago is not waited for: two at once keep each other out.
    if runs.life(state, run) is runs.Life.OVER or run in runs.running(state):
        return follow(app, plan, runs.follow, as_json=as_json)
    if why := changes.held(app.server, plan):
        if not during_exam:
            raise Refused(f"{why} To go on during the exam: --during-exam")
        plans.save(state, msgspec.structs.replace(plan, during_exam=True))
    process = runs.resume(state, app.config_file, run)
    return follow(app, plan, functools.partial(runs.follow, process=process), as_json=as_json)


@group.command()
@click.argument("run")
@verb
def drop(app: App, run: str) -> None:
    """Give up an unfinished change; what it did so far stays."""
    base.need_root("Giving up a change")
    runs.drop(app.server.state, run, app.server.clock())
    click.echo(f"{run} is given up.")


@click.command(hidden=True)
@click.argument("run_id")
@verb
def run(app: App, run_id: str) -> int:
    """Carry out a confirmed plan; started by hubtui itself."""
    base.need_root("A change")
    return 0 if changes.carry_out(app.server, run_id).good else 1
