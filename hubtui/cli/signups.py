"""hubtui signups list | approve | discard | take-back | expect"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import click

from hubtui import decline, enrol, signups
from hubtui.cli import base
from hubtui.cli.base import App, json_option, verb
from hubtui.cli.carry import carry, change_options
from hubtui.errors import HubtuiError, StateError, UsageError
from hubtui.expected import expect as keep_expected
from hubtui.names import impossible, shown
from hubtui.server import as_student
from hubtui.server.hubdb import SignUp
from hubtui.signups import Judgement, Verdict, judge
from hubtui.students import Survey, survey


@click.group("signups")
@base.config_option
def group() -> None:
    """Sign-ups: who waits, approve, discard, take back."""


@group.command("list")
@click.option("--pending", is_flag=True, help="Only those that wait.")
@click.option("--email", is_flag=True, help="With mail addresses.")
@json_option
@verb
def list_(app: App, pending: bool, email: bool, as_json: bool) -> None:
    """All sign-ups with their verdicts, those that wait first."""
    seen = survey(app.server)
    since: dict[str, str] = {}
    with contextlib.suppress(StateError):
        since = signups.first_seen(app.server, seen)
    wanted = [s for s in seen.sign_ups if not (pending and s.authorised)]
    wanted.sort(key=lambda s: (s.authorised, s.id))
    judged = [(s, judge(seen, s, as_student.look)) for s in wanted]
    if as_json:
        rows = [_record(s, j, since.get(s.digest), email=email) for s, j in judged]
        base.write_json(app.server, "signups", rows, seen.missing, seen.at)
        return
    columns = ["ID", "NAME", "VERDICT", "SINCE", *(["E-MAIL"] if email else []), "WHY"]
    table = []
    for sign_up, judgement in judged:
        cells = [str(sign_up.id), shown(sign_up.name, limit=32), str(judgement.verdict)]
        cells.append(since.get(sign_up.digest, "")[:16].replace("T", " "))
        if email:
            cells.append(shown(sign_up.email, limit=60))
        table.append([*cells, " · ".join([*filter(None, [judgement.why]), *judgement.warnings])])
    unseen = any(missing.what == "sign-ups" for missing in seen.missing)
    empty = "The sign-ups were not seen." if unseen else "Nobody has signed up."
    base.write_table(columns, table, empty)
    base.write_missing(seen.missing)


@group.command()
@click.argument("names", nargs=-1)
@click.option("--all", "everybody", is_flag=True, help="All that are ready.")
@click.option(
    "--as-owner", metavar="NAME", help="Approve NAME as the owner of the account that is there."
)
@change_options
@verb
def approve(
    app: App,
    names: tuple[str, ...],
    everybody: bool,
    as_owner: str | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Approve sign-ups: make the Unix account, then authorise."""
    seen = _survey(app)
    if everybody:
        if names or as_owner:
            raise UsageError("Say either --all or names, not both.")
        pending = [(s, judge(seen, s, as_student.look)) for s in seen.sign_ups if not s.authorised]
        chosen = [(s, j) for s, j in pending if j.verdict.ready]
    else:
        chosen = [
            (s, judge(seen, s, as_student.look))
            for s in _find(seen, [*names, *([as_owner] if as_owner else [])], authorised=False)
        ]
        _owners_named(chosen, as_owner)
    plan = enrol.approve_plan(app.server, seen, chosen)
    return carry(app, plan, dry_run=dry_run, yes=yes, as_json=as_json)


@group.command()
@click.argument("names", nargs=-1, required=True)
@change_options
@verb
def discard(app: App, names: tuple[str, ...], dry_run: bool, yes: bool, as_json: bool) -> int:
    """Delete pending sign-ups; a name, or #ID for one that cannot be typed."""
    chosen = _find(_survey(app), names, authorised=False)
    plan = decline.discard_plan(app.server, chosen)
    return carry(app, plan, dry_run=dry_run, yes=yes, as_json=as_json)


@group.command("take-back")
@click.argument("names", nargs=-1, required=True)
@click.option("--stop-servers", "stop", is_flag=True, help="End their sessions, too.")
@change_options
@verb
def take_back(
    app: App, names: tuple[str, ...], stop: bool, dry_run: bool, yes: bool, as_json: bool
) -> int:
    """Make authorised sign-ups pending again. Who is logged in stays so until stopped."""
    chosen = _find(_survey(app), names, authorised=True)
    plan = decline.take_back_plan(app.server, chosen, stop=stop)
    return carry(app, plan, dry_run=dry_run, yes=yes, as_json=as_json)


@group.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@verb
def expect(app: App, file: str) -> None:
    """Warn of sign-ups that are not in FILE (one pseudonym a line; an empty file: of none)."""
    base.need_root("Keeping the list")
    names = base.read_names([], file)
    for name in names:
        if why := impossible(name):
            raise UsageError(f"{file}: {shown(name, limit=40)} {why}")
    keep_expected(app.server.state, names)
    click.echo(f"{len(names)} names are expected." if names else "No names are expected any more.")


def _survey(app: App) -> Survey:
    seen = survey(app.server)
    for missing in seen.missing:
        raise HubtuiError(f"The {missing.what} cannot be read: {missing.why}")
    return seen


def _find(seen: Survey, wanted: Sequence[str], *, authorised: bool) -> list[SignUp]:
    """The sign-ups that are meant, in the order given; ``#12`` is the one with id 12."""
    if not wanted:
        raise UsageError("Name the sign-ups that you mean; see: hubtui signups list")
    found = []
    for name in dict.fromkeys(wanted):
        meant = [s for s in seen.sign_ups if name in (s.name, f"#{s.id}")]
        rows = [s for s in meant if s.authorised is authorised]
        if not rows:
            state = "authorised" if meant and meant[0].authorised else "pending"
            raise UsageError(
                f"{shown(name, limit=40)} is {state} already."
                if meant
                else f"There is no sign-up {shown(name, limit=40)}; see: hubtui signups list"
            )
        found += rows
    return found


def _owners_named(chosen: Sequence[tuple[SignUp, Judgement]], as_owner: str | None) -> None:
    """Who gets an account that is there must be named for it, and nobody else may be."""
    for sign_up, judgement in chosen:
        if judgement.verdict.as_owner and sign_up.name != as_owner:
            raise UsageError(
                f"{judgement.why} If you know it is, say: "
                f"hubtui signups approve --as-owner {sign_up.name}"
            )
        if sign_up.name == as_owner and judgement.verdict.ready:
            raise UsageError(f"{as_owner} has no account in use: approve it without --as-owner.")


def _record(
    sign_up: SignUp, judgement: Judgement, since: str | None, *, email: bool
) -> dict[str, object]:
    record: dict[str, object] = {
        "id": sign_up.id,
        "name": sign_up.name,
        "authorised": judgement.verdict is Verdict.AUTHORISED,
        "first_seen": since,
        "verdict": judgement.verdict,
        "why": judgement.why,
        "warnings": judgement.warnings,
    }
    return record | {"email": sign_up.email} if email else record
