"""What ``release push SHEET --file PATH --to NAME`` means: looked up, never used as paths."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from difflib import get_close_matches

import click

from hubtui.cli.base import App, need_root
from hubtui.errors import Refused, UsageError
from hubtui.names import shown
from hubtui.plan.plans import Plan
from hubtui.release import chosen, push, schedule, source, status, store
from hubtui.release.desk import find_rsync
from hubtui.release.sheets import sheets
from hubtui.server import Server
from hubtui.students import Survey, survey


def ready(app: App, doing: str) -> Server:
    """The server, where homes can be looked into. Raises Refused where they cannot."""
    source.release_of(app.server)
    need_root(doing)
    find_rsync()
    return app.server


def plan(
    app: App,
    names: Sequence[str],
    files: Sequence[str],
    to: Sequence[str],
    *,
    again: bool = False,
    replace_open: bool = False,
    held: Sequence[str] = (),
    quiet: bool = False,
) -> Plan | None:
    """The plan that is meant; None, with a word, where nothing is new.

    ``held``: ``week05=2``, the version that a preview showed, whatever the sheet is by now.

    Raises UsageError for what is not known, Refused, CommandFailed, StateError.
    """
    server = ready(app, "Looking into homes")
    if files and (len(names) != 1 or again):
        raise UsageError("--file names files of one sheet: hubtui release push SHEET --file PATH")
    if held and (names or files):
        raise UsageError("--version says all that is handed out: no SHEET and no --file beside it.")
    seen = survey_of(server)
    students = _students(seen, to)
    names = list(dict.fromkeys(names))
    if held:
        versions = dict(_held(server, word) for word in held)
    elif again:
        versions = _out(server, names, trial=bool(to))
    else:
        versions = _versions(server, names, list(files))
    if not versions:
        click.echo("Nothing is new: every sheet is as it was released.", err=quiet)
        return None
    return push.push_plan(
        server,
        seen,
        versions,
        to=students or None,
        again=again,
        replace_open=replace_open,
        files=files,
    )


def _versions(server: Server, names: Sequence[str], files: Sequence[str]) -> dict[str, int]:
    """Of these sheets, as the tutor has them now; without names of everything new."""
    if not names:
        found = sheets(server)
        for missing in found.missing:
            raise Refused(missing.why)
        names = [sheet.name for sheet in found.sheets if sheet.to_do]
        for one in found.sheets:
            if one.withdrawn:
                said = f"{chosen.called(one.name)} was withdrawn: left out unless it is named."
                click.echo(said, err=True)
        for sheet in schedule.scheduled(server).intersection(names):
            said = f"{chosen.called(sheet)} is scheduled for later: left out unless it is named."
            click.echo(said, err=True)
            names.remove(sheet)
    else:
        listed = {each.name: each for each in source.listing(source.reader(server)).sheets}
        for name in names:
            known(name, list(listed), "is no sheet in release.source")
        for path in files:
            there = [entry.path for entry in listed[names[0]].entries]
            known(path, there, f"is no file of {chosen.called(names[0])}")
    return chosen.prepare(server, names, files=files or None)


def _held(server: Server, word: str) -> tuple[str, int]:
    """``week05=2``, or ``week05=2:1a2b3c`` with the beginning of its digest."""
    sheet, _, rest = word.rpartition("=")
    number, _, digest = rest.partition(":")
    if not (sheet and number.isascii() and number.isdecimal()):
        raise UsageError(
            f"--version {shown(word, limit=60)}: say a sheet and its version, week05=2"
        )
    known(sheet, list(store.records(server)), "has no version in the store")
    return sheet, chosen.held(server, sheet, int(number[:9]), digest)


def _out(server: Server, names: Sequence[str], *, trial: bool) -> dict[str, int]:
    """What students have of these sheets; without names of everything that is released."""
    found = {s.name: s.version for s in status.released(store.records(server)) if s.released}
    if trial and names:
        found = {s.name: s.version for s in status.released(store.records(server))}
    for name in names:
        known(name, list(found), "was not released: there is nothing to give again")
    return {name: found[name] for name in names or found}


def _students(seen: Survey, to: Sequence[str]) -> list[str]:
    """``--to anna --to bert``, or ``--to anna,bert``."""
    names = [name.strip() for each in to for name in each.split(",") if name.strip()]
    if to and not names:
        raise UsageError("--to needs the name of a course account.")
    for name in names:
        why = push.why_not(seen, name) if name not in seen.attending else ""
        known(name, sorted(seen.attending), why)
    return names


def known(name: str, there: Collection[str], otherwise: str) -> None:
    """Names are looked up, never used as paths. Raises UsageError with the nearest one."""
    if name not in there:
        near = get_close_matches(name[:200], there, 1)
        hint = f" Did you mean {shown(near[0], limit=60)}?" if near else ""
        raise UsageError(f"{shown(name, limit=60)} {otherwise.rstrip('.')}.{hint}")


def survey_of(server: Server) -> Survey:
    """Who there is. Raises Refused where it cannot be known who the students are."""
    seen = survey(server)
    for missing in seen.missing:
        if missing.what in ("accounts", "roster"):
            raise Refused(f"The {missing.what} cannot be read: {missing.why}")
    return seen
