"""The program's own options, its nouns, and errors as one sentence with an exit code."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

import click

from hubtui.cli.base import App, config_option
from hubtui.errors import HubtuiError
from hubtui.names import shown

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_NOUNS = {
    "signups": ("hubtui.cli.signups", "group", "Sign-ups: who waits, approve, discard."),
    "accounts": ("hubtui.cli.accounts", "group", "Unix accounts: list, create, stop, why."),
    "release": ("hubtui.cli.release", "group", "Sheets: what is new, preview, push, status."),
    "watchdog": ("hubtui.cli.watchdog", "group", "The hub: status, restarts, causes, pause."),
    "status": ("hubtui.cli.status", "status", "Is everything all right, and if not, what to do."),
    "init": ("hubtui.cli.setup", "init", "Write /etc/hubtui/course.yaml from what is here."),
    "doctor": ("hubtui.cli.doctor", "doctor", "What is missing or wrong, and what mends it."),
    "install": ("hubtui.cli.install", "install", "hubtui on this server, as one plan, or a part."),
    "uninstall": ("hubtui.cli.install", "uninstall", "Take away what install wrote."),
    "demo": ("hubtui.cli.setup", "demo", "A real hub and a class to play with, in a sandbox."),
    "due": ("hubtui.cli.due", "due", "Release what is due; run each minute by the timer."),
    "notify": ("hubtui.cli.notify", "notify", "Who is called when the hub is down; a test."),
    "completion": ("hubtui.cli.completion", "completion", "Completion for bash, zsh or fish."),
    "journal": ("hubtui.cli.journal", "group", "What was done, by whom, when."),
    "run": ("hubtui.cli.journal", "run", ""),
}


class Nouns(click.Group):
    """Imports a noun when it is asked for: each start pays for its own verbs only."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [noun for noun, (_, _, text) in _NOUNS.items() if text]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _NOUNS:
            return None
        module, attribute, _ = _NOUNS[cmd_name]
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        nouns = {"glance": "The first screen.", **{n: text for n, (_, _, text) in _NOUNS.items()}}
        found = [
            CompletionItem(noun, help=text)
            for noun, text in nouns.items()
            if text and noun.startswith(incomplete)
        ]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(noun, text) for noun, (_, _, text) in _NOUNS.items() if text])


def _version(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        from hubtui.cli.version import text

        click.echo(text(context.ensure_object(App).config))
        context.exit()


@click.command(cls=Nouns, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="What a bug report needs to say.",
)
@config_option
@click.pass_context
def program(context: click.Context) -> None:
    """The console of a JupyterHub course. Without a command: the app."""
    context.ensure_object(App)


def main(argv: list[str], command: click.Command = program, name: str = "hubtui") -> int:
    """Run a verb; returns the exit code. No traceback reaches a user."""
    try:
        code = command.main(args=argv, prog_name=name, standalone_mode=False)
    except click.ClickException as e:
        e.show()
        return e.exit_code if isinstance(e, click.UsageError) else 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("Nothing more is done.", err=True)
        return 1
    except HubtuiError as e:
        click.echo(f"{name}: {e}", err=True)
        return e.exit_code
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except OSError as e:  # the machine's: too many open files, a disk that fails
        where = f"{shown(str(e.filename))}: " if e.filename else ""
        click.echo(f"{name}: {where}{e.strerror or e}.", err=True)
        return 1
    return code if isinstance(code, int) else 0
