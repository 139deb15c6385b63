"""hubtui accounts repair"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click

from hubtui.cli import base
from hubtui.cli.base import App, verb
from hubtui.cli.carry import carry, change_options, during_exam_option
from hubtui.drift import whole
from hubtui.drift.records import Drift, Mends
from hubtui.errors import UsageError
from hubtui.names import shown
from hubtui.repair.plan import repair_plan, safe
from hubtui.server.run import say
from hubtui.students import survey


@click.command()
@click.argument("what", metavar="[NAME|KIND]…", nargs=-1)
@click.option("--all-safe", is_flag=True, help="All that needs no decision of yours.")
@click.option(
    "--choose", "choices", metavar="KIND:NAME=WORD", multiple=True, help="How one is mended."
)
@during_exam_option
@change_options
@verb
def repair(
    app: App,
    what: tuple[str, ...],
    all_safe: bool,
    choices: tuple[str, ...],
    during_exam: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Mend what does not fit together, of some names or kinds; `accounts check` lists it."""
    if not (what or all_safe or choices):
        raise UsageError("Say what to mend, or --all-safe; see: hubtui accounts check")
    base.need_root("Repairing accounts")
    server, chosen = app.server, choices_of(choices)
    found = whole(server, survey(server))
    wanted, left_out = meant_of(found, what, chosen), list[str]()
    if all_safe:
        fine, left_out = safe(server, [one for one in found if one not in wanted])
        wanted += fine
    for line in left_out:
        click.echo(f"Left as it is: {line}", err=True)
    ready = [one for one in wanted if one.mends is Mends.SAFELY or one.key in chosen]
    for one in wanted:
        if one not in ready:
            _say_undecided(one)
    if not ready:
        nothing = "Nothing to mend without a decision of yours." if wanted else "Nothing to do."
        click.echo(nothing, err=as_json)
        return int(bool(wanted or left_out))
    plan = repair_plan(server, ready, chosen)
    code = carry(app, plan, dry_run=dry_run, yes=yes, as_json=as_json, during_exam=during_exam)
    return code or int(bool(left_out) or len(ready) < len(wanted))


def choices_of(texts: Sequence[str]) -> dict[str, str]:
    """By the drift's key, the word. Raises UsageError."""
    found = {}
    for text in texts:
        key, _, word = text.rpartition("=")
        if not word or ":" not in key:
            raise UsageError(f"--choose wants KIND:NAME=WORD, not {shown(text, limit=60)}.")
        found[key] = word
    return found


def meant_of(
    found: Sequence[Drift], what: Sequence[str], choices: Mapping[str, str]
) -> list[Drift]:
    """What is meant by names, codes, keys and choices. Raises UsageError where nothing is, or where
    it could be a name as well as a code."""
    for word in (*what, *choices):
        named = [one for one in found if one.name == word]
        if named and any(one.code == word for one in found):
            raise UsageError(f"{word} is a name and a kind: say KIND:NAME, as in {named[0].key}")
        if not named and not any(word in (one.code, one.key) for one in found):
            raise UsageError(
                f"Nothing that is called {shown(word, limit=60)} is to be mended; "
                "see: hubtui accounts check"
            )
    words = {*what, *choices}
    return [one for one in found if words & {one.name, one.code, one.key}]


def _say_undecided(one: Drift) -> None:
    """The choices with what they mean, or what is done by hand."""
    click.echo(f"! {one.text}", err=True)
    for each in one.choices:
        click.echo(f"    {each.word}: {each.means}", err=True)
    if one.choices:
        chosen = f"{one.key}={one.choices[0].word}"
        click.echo(
            f"    → {say(['sudo', 'hubtui', 'accounts', 'repair', '--choose', chosen])}", err=True
        )
    elif one.do:
        click.echo(f"    → {one.do}", err=True)
