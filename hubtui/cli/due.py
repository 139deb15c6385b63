"""hubtui due: what the timer runs each minute."""

from __future__ import annotations

from collections.abc import Callable

import click

from hubtui.cli import base
from hubtui.cli.base import App, verb
from hubtui.errors import HubtuiError
from hubtui.names import shown


@click.command("due")
@verb
def due(app: App) -> int:
    """Release what is due, give late joiners what they lack, call people, remove who is due."""
    from hubtui import changes, reminders, signups, usage
    from hubtui.release.due import due as do
    from hubtui.retire.due import due as retire

    base.need_root("Releasing what is due")
    server = app.server
    usage.note(server)
    signups.note(server)
    troubles = _tried(lambda: do(server, changes.carry_out))
    troubles += _tried(lambda: reminders.remind(server))
    troubles += _tried(lambda: retire(server, changes.carry_out))
    for trouble in troubles:
        click.echo(f"hubtui: {trouble}", err=True)
    return 1 if troubles else 0


def _tried(what: Callable[[], list[str]]) -> list[str]:
    """Its troubles; a timer's log gets one line, whatever breaks off."""
    try:
        return what()
    except HubtuiError as e:
        return [str(e)]
    except Exception as e:
        return [f"due broke off: {type(e).__name__}: {shown(str(e), limit=200)}"]
