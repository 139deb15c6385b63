"""hubtui due: what the timer runs each minute."""

from __future__ import annotations

import click

from hubtui.cli import base
from hubtui.cli.base import App, verb
from hubtui.names import shown


@click.command("due")
@verb
def due(app: App) -> int:
    """Release what is due, and give late joiners what they lack; for the timer, each minute."""
    from hubtui import changes
    from hubtui.errors import HubtuiError
    from hubtui.release.due import due as do

    base.need_root("Releasing what is due")
    try:
        troubles = do(app.server, changes.carry_out)
    except HubtuiError:
        raise
    except Exception as e:  # a timer's log gets one line, whatever it is
        troubles = [f"due broke off: {type(e).__name__}: {shown(str(e), limit=200)}"]
    for trouble in troubles:
        click.echo(f"hubtui: {trouble}", err=True)
    return 1 if troubles else 0
