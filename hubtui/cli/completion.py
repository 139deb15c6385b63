"""``hubtui completion SHELL``: click's own completion, for files that a shell reads by itself."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem, get_completion_class

from hubtui.cli.base import App
from hubtui.errors import HubtuiError, UsageError

if TYPE_CHECKING:
    from hubtui.setup.install.files import Installation

PROGRAM = "hubtui"
VARIABLE = "_HUBTUI_COMPLETE"
SHELLS = ("bash", "zsh", "fish")
_PLACES = {
    "bash": ("/usr/bin/bash", "/etc/bash_completion.d/hubtui"),
    "zsh": ("/usr/bin/zsh", "/usr/local/share/zsh/site-functions/_hubtui"),
    "fish": ("/usr/bin/fish", "/etc/fish/completions/hubtui.fish"),
}
"""Each shell, and the file that it looks for on Debian and Ubuntu."""
MANUAL = Path("/usr/local/share/man/man1/hubtui.1")


def script(shell: str) -> str:
    """What the shell has to read. Raises UsageError for one that click does not know."""
    found = get_completion_class(shell) if shell in SHELLS else None
    if found is None:
        raise UsageError(f"There is completion for {', '.join(SHELLS)}.")
    complete = found(click.Group(PROGRAM), {}, PROGRAM, VARIABLE)
    # Not source(): of bash it starts one, to ask for its version; any that we meet is new enough.
    text = complete.source_template % complete.source_vars()
    return text.strip() + "\n"


def installation() -> Installation:
    """Completion for the shells of this machine, and the man page; what root may not write to,
    because others could, is left out and said."""
    from hubtui.cli.manual import manual
    from hubtui.reads import reading
    from hubtui.setup.install.files import File, Installation

    wanted = [
        File(Path(place), script(shell))
        for shell, (program, place) in _PLACES.items()
        if os.path.lexists(program)
    ]
    wanted.append(File(MANUAL, manual(), instead="the man page: man hubtui"))
    flaws = {file.path: reading.flaw_of_rest(file.path.parent) for file in wanted}
    return Installation(
        tuple(file for file in wanted if flaws[file.path] is None),
        notes=tuple(f"{path} is left out: {flaw}." for path, flaw in flaws.items() if flaw),
    )


def sheets(context: click.Context, _parameter: click.Parameter, word: str) -> list[CompletionItem]:
    """Sheets that have a version: one folder to read, and nothing of the tutor's."""
    from hubtui.release import store

    try:
        names = store.records(context.ensure_object(App).server)
    except (HubtuiError, OSError):
        return []
    return [CompletionItem(n) for n in names if n.startswith(word) and n.isprintable()]


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print what makes SHELL complete nouns, verbs, options and sheets."""
    click.echo(script(shell), nl=False)
