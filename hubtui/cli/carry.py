"""A change from the command line: show the plan, ask, start the run, follow it to its end."""

from __future__ import annotations

import functools
import os
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

import click
import msgspec

from hubtui import changes
from hubtui.cli.base import App, need_root
from hubtui.errors import Refused, UsageError
from hubtui.events import Event, Outcome, What
from hubtui.names import shown
from hubtui.plan import runs
from hubtui.plan.plans import Plan
from hubtui.server import Server

F = TypeVar("F", bound=Callable[..., Any])

_LISTED = 20
"""Of more subjects a terminal shows only those that failed; how many went well is counted."""


def change_options(function: F) -> F:
    """--dry-run, --yes and --json, as every change has them."""
    for option in (
        click.option("--dry-run", is_flag=True, help="Show what would be done, and stop."),
        click.option("--yes", is_flag=True, help="Do not ask."),
        click.option("--json", "as_json", is_flag=True, help="The plan, or the events, as JSON."),
    ):
        function = option(function)
    return function


during_exam_option = click.option(
    "--during-exam", is_flag=True, help="Do it now, though an exam runs."
)


def carry(
    app: App,
    plan: Plan,
    *,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    word: str = "",
    why: str = "",
    during_exam: bool = False,
) -> int:
    """Show, ask, do; returns the exit code.

    ``word`` has to be typed by whoever sits at the terminal, ``why`` is said before.
    """
    server = app.server
    plan = msgspec.structs.replace(plan, during_exam=during_exam)
    if not plan.subjects:
        click.echo("Nothing to do.", err=as_json)
        return 0
    if dry_run or not yes:
        show(server, plan, changes.preview(server, plan), as_json=as_json and dry_run)
    exam = changes.held(server, plan)
    if dry_run:
        if exam:
            click.echo(f"! {exam}", err=True)
        return 0
    need_root(plan.title)
    if exam and not during_exam:
        raise Refused(f"{exam} To do it now all the same: --during-exam")
    if word and (not yes or is_terminal()):
        typed(word, why)
    elif not yes and not agreed(plan.title):
        click.echo("Nothing was done.", err=True)
        return 1
    process = runs.start(server.state, app.config_file, plan, server.clock())
    return follow(app, plan, functools.partial(runs.follow, process=process), as_json=as_json)


def follow(app: App, plan: Plan, events: Callable[..., Any], *, as_json: bool) -> int:
    """Print what a run says until it is over; returns the exit code."""
    names = {str(s.get("key")): changes.title_of(s) for s in plan.subjects}
    counted, ends = people(plan), dict[str, Outcome]()
    good = False
    coming = events(app.server.state, plan.id)
    bar = not as_json and changes.change_of(plan).width > 1 and sys.stdout.isatty()
    if bar:
        from hubtui.cli.progress import with_bar

        coming = with_bar(counted, coming)
    try:
        for event in coming:
            if event is None:
                continue
            if event.event is What.END and event.subject in counted:
                ends[event.subject] = event.outcome or Outcome.FAILED
            if as_json:
                click.echo(msgspec.json.encode(event).decode())
            elif event.event is What.END:
                fine = event.outcome is not None and event.outcome.good
                if not (bar and fine and len(names) > _LISTED):  # the failed ones stay in sight
                    _say_end(names.get(event.subject, event.subject), event)
            elif event.event is What.DONE:
                said = ", ".join(f"{n} {outcome}" for outcome, n in Counter(ends.values()).items())
                click.echo(f"{plan.title}: {said or event.text or event.outcome}.")
            if event.event is What.DONE:
                if plan.kind == "push" and Outcome.CANCELLED in ends.values() and not as_json:
                    click.echo("Whose turn did not come gets it when it is released again.")
                good = event.outcome is not None and event.outcome.good
    except KeyboardInterrupt:
        click.echo(f"\nThe change goes on. See: hubtui journal resume {plan.id}", err=True)
        return 1
    return 0 if good else 1


def people(plan: Plan) -> set[str]:
    """The subjects that are counted: not the sheets of a release, nor what closes a plan."""
    every = {str(s.get("key")): s for s in plan.subjects}
    return {key for key, s in every.items() if not changes.is_beside(s)} or {*every}


def show(server: Server, plan: Plan, lines: list[changes.SubjectLine], *, as_json: bool) -> None:
    """The plan on stdout: totals, then each subject with its steps."""
    if as_json:
        document = {"format": 1, "kind": plan.kind, "title": plan.title, "subjects": lines}
        if any("sheets" in subject for subject in plan.subjects):
            from hubtui.release.chosen import as_seen, versions_of

            document |= {"sheets": versions_of(plan), "versions": as_seen(server, plan)}
        click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())
        return
    click.echo(f"{plan.title}: {changes.totals(lines)}")
    for line in lines:
        click.echo(f"  {shown(line.name, limit=60)}")
        for note in line.notes:
            click.echo(f"    ! {note}")
        for step in line.steps:
            click.echo(f"    {'✓' if step.done else '·'} {step.say}")


def agreed(title: str) -> bool:
    """Ask a person. Raises UsageError where nobody can be asked."""
    if not is_terminal():
        raise UsageError("There is no terminal to ask on: say --yes, or look with --dry-run.")
    return click.confirm(f"{title}?", default=False, err=True)


def typed(word: str, warning: str) -> None:
    """Have a word typed. Raises UsageError where nobody can be asked, or another is typed."""
    if not is_terminal():
        raise UsageError("There is no terminal to ask on: say --yes, or look with --dry-run.")
    if warning:
        click.echo(warning, err=True)
    if click.prompt(f"Type “{word}” to go on", default="", show_default=False, err=True) != word:
        raise UsageError(f"That is not “{word}”. Nothing was done.")


def is_terminal() -> bool:
    """Whether a person sits there, who sees what is asked on stderr."""
    return sys.stdin.isatty() and os.isatty(2)


def _say_end(name: str, event: Event) -> None:
    outcome = event.outcome or Outcome.FAILED
    text = f": {shown(event.text)}" if event.text else ""
    click.echo(f"  {outcome:<9} {shown(name, limit=60)}{text}", err=not outcome.good)
