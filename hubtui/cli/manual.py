"""The man page, made from the commands themselves: ``hubtui.1`` in roff.

Own, since click-man asks a group for a dict of its commands, which one that imports them late does
not have, and writes a page for each of sixty verbs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

from hubtui import __version__

PANES = ("glance", "signups", "accounts", "release", "watchdog")
_CODES = (
    ("0", "Done; of status: all is fine."),
    ("1", "Something failed, and stderr says what; of status: a warning."),
    ("2", "Wrong use, or course.yaml is wrong; of status: critical."),
    ("3", "Of status: something could not be looked at."),
)
_FILES = (
    ("/etc/hubtui/course.yaml", "What the course is; hubtui init writes it."),
    ("/etc/hubtui/token", "The hub's service token for hubtui."),
    ("/var/lib/hubtui", "What hubtui did and has to remember."),
    ("/run/hubtui", "What the watchdog saw last."),
)
_ENVIRONMENT = (
    ("HUBTUI_CONFIG", "The course.yaml to use; not read as root."),
    ("NO_COLOR", "Without colours."),
)


def manual() -> str:
    """The whole page; the same for the same hubtui."""
    from hubtui.cli.main import program

    context = click.Context(program, info_name="hubtui")
    lines = [
        f'.TH HUBTUI 1 "" "hubtui {__version__}" "User Commands"',
        ".SH NAME",
        f"hubtui \\- {_roff('the console of a JupyterHub course')}",
        ".SH SYNOPSIS",
        f".B hubtui\n[{_roff('|'.join(PANES))}] {_roff('[--read-only] [--no-mouse]')}",
        ".br",
        ".B hubtui\n.I COMMAND\n[ARGUMENT]...",
        ".SH DESCRIPTION",
        *_paragraphs(program.help or ""),
        *_paragraphs(
            "The app opens at the pane that is named. With --read-only it changes nothing; with "
            "--no-mouse the terminal keeps its own way to mark text."
        ),
        ".SH OPTIONS",
        *_options(program, context),
        ".SH COMMANDS",
        *_commands(program, context),
    ]
    for title, rows in (
        ("EXIT STATUS", _CODES),
        ("FILES", _FILES),
        ("ENVIRONMENT", _ENVIRONMENT),
    ):
        lines.append(f".SH {title}")
        lines += [f".TP\n.B {_roff(name)}\n{_roff(text)}" for name, text in rows]
    return "\n".join(lines) + "\n"


def commands(
    group: click.Command, context: click.Context
) -> Iterator[tuple[click.Command, click.Context]]:
    """Every command that can be asked for, in the order of the help."""
    if not isinstance(group, click.Group):
        return
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        if found is not None and not found.hidden:
            inner = click.Context(found, info_name=name, parent=context)
            yield found, inner
            yield from commands(found, inner)


def _commands(group: click.Command, context: click.Context) -> Iterator[str]:
    for command, inner in commands(group, context):
        if isinstance(command, click.Group) and not command.invoke_without_command:
            continue  # its verbs follow, and are all that it can do
        words = " ".join(piece for piece in command.collect_usage_pieces(inner) if piece)
        yield f".SS {_roff(inner.command_path)} {_roff(words)}"
        yield from _paragraphs(command.help or "")
        yield from _options(command, inner)


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        everywhere = context.parent is not None and "--config" in parameter.opts
        if record is None or not record[1] or everywhere or "--help" in parameter.opts:
            continue
        names, text = record
        yield f".TP\n.B {_roff(names)}\n{_roff(text)}"


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        yield ".PP"
        yield _roff(" ".join(paragraph.split()))


def _roff(text: str) -> str:
    """Plain text: no request, no escape; hyphens that can be copied."""
    safe = text.replace("\\", "\\e").replace("-", "\\-")
    safe = "".join(c if c.isascii() else f"\\[u{ord(c):04X}]" for c in safe)
    return f"\\&{safe}" if safe.startswith((".", "'")) else safe
