"""hubtui notify [--test]"""

from __future__ import annotations

import click
import msgspec

from hubtui.cli import base
from hubtui.cli.base import App, json_option, verb

NOBODY = "Nobody is called: set notify in course.yaml (docs/notify.md shows how)."


@click.command("notify")
@click.option("--test", "test_", is_flag=True, help="Send a test to all of them.")
@json_option
@verb
def notify(app: App, test_: bool, as_json: bool) -> int:
    """Who is called when the hub is down, and how; try it with --test."""
    from hubtui import notify as calling

    server = app.server
    if not test_:
        found = calling.ways(server.course)
        if as_json:
            base.write_json(server, "ways", found, [], server.clock())
        else:
            click.echo("\n".join(f"Called {way}." for way in found) or NOBODY)
        return 0
    base.need_root("Sending a test")
    said = calling.test(server)
    if as_json:
        rows = [{"way": way, "sent": not trouble, "why": trouble} for way, trouble in said]
        click.echo(msgspec.json.encode({"format": 1, "test": rows}).decode())
    for way, trouble in () if as_json else said:
        click.echo(f"Not sent {way}: {trouble}" if trouble else f"Sent {way}.", err=bool(trouble))
    if not said and not as_json:
        click.echo(NOBODY, err=True)
    return 1 if not said or any(trouble for _, trouble in said) else 0
