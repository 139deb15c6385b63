"""The verbs of ``hubtui release`` as a tutor may say them through sudo: names alone, no paths."""

from __future__ import annotations

import copy

import click

from hubtui.cli.base import App
from hubtui.cli.release import group as release
from hubtui.errors import Refused, UsageError
from hubtui.names import shown
from hubtui.trust import SAFE_PLACE

VERBS = {
    "list": {"as_json"},
    "preview": {"names", "files", "to", "as_json"},
    "push": {
        "names",
        "files",
        "to",
        "held",
        "again",
        "replace_open",
        "during_exam",
        "dry_run",
        "yes",
        "as_json",
    },
    "schedule": {"words", "as_of", "newer", "dry_run", "yes", "as_json"},
    "unschedule": {"word", "dry_run", "yes", "as_json"},
    "status": {"sheet", "as_json"},
    "cancel": {"run"},
    "withdraw": {"name", "sheet", "during_exam", "dry_run", "yes", "as_json"},
    "history": {"as_json"},
}
"""With their parameters. One that is not named here stops the program: somebody has to judge
first what a tutor could do with it."""


def program() -> click.Group:
    """The whole command line. Raises Refused."""

    @click.group(context_settings={"help_option_names": ["-h", "--help"]})
    @click.pass_context
    def tutor(context: click.Context) -> None:
        """Releases, for the tutors of the course."""
        context.ensure_object(App).config = str(SAFE_PLACE)

    for verb, known in VERBS.items():
        tutor.add_command(_narrowed(release.commands[verb], known), verb)
    return tutor


def _narrowed(command: click.Command, known: set[str]) -> click.Command:
    """A copy without --config, whose texts can be names only."""
    kept: list[click.Parameter] = []
    for parameter in command.params:
        name = parameter.name or ""
        if name == "config":
            continue
        if name not in known or parameter.callback is not None:
            raise Refused(f"{command.name} takes {name}, which is not known to be safe.")
        if isinstance(parameter.type, click.types.StringParamType):
            parameter = copy.copy(parameter)
            parameter.callback = _in_a_sheet if name == "files" else _name
        elif not isinstance(parameter.type, click.types.BoolParamType | click.Choice):
            raise Refused(f"{command.name} takes {name}, which is no name.")
        kept.append(parameter)
    found = copy.copy(command)
    found.params = kept
    return found


def _name(_context: click.Context, _parameter: click.Parameter, value: object) -> object:
    """A sheet, a student, a time: looked up later, and never part of a path."""
    for word in value if isinstance(value, tuple) else (value,):
        if isinstance(word, str) and ("/" in word or "\0" in word or word == ".."):
            raise UsageError(f"{shown(word, limit=60)} is a path: say names.")
    return value


def _in_a_sheet(_context: click.Context, _parameter: click.Parameter, value: object) -> object:
    """Files below a sheet."""
    for word in value if isinstance(value, tuple) else (value,):
        if isinstance(word, str) and (word.startswith("/") or ".." in word.split("/")):
            raise UsageError(f"{shown(word, limit=60)} leads out of the sheet.")
    return value
