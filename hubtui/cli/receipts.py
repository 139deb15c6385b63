"""hubtui accounts receipts [RUN]"""

from __future__ import annotations

import click
import msgspec

from hubtui.cli import base
from hubtui.cli.base import App, json_option, verb
from hubtui.errors import UsageError
from hubtui.names import shown
from hubtui.retire import receipt
from hubtui.retire.receipt_text import markdown
from hubtui.retire.records import Receipt
from hubtui.units import megabytes


@click.command("receipts")
@click.argument("run", required=False)
@json_option
@verb
def receipts(app: App, run: str | None, as_json: bool) -> None:
    """What was removed, when and by whom: all receipts, or the one of RUN in full."""
    server = app.server
    base.need_sight("Reading receipts", server)
    if run is not None:
        found = receipt.read(server.state, run)
        if found is None:
            raise UsageError(
                f"There is no receipt {shown(run, limit=60)}; see: hubtui accounts receipts"
            )
        if as_json:
            base.write_document(msgspec.to_builtins(found))
        else:
            click.echo(markdown(found), nl=False)
        return
    every = receipt.every(server.state)
    if as_json:
        base.write_json(server, "receipts", every, [], server.clock())
        return
    base.write_table(
        ["RUN", "WRITTEN", "BY", "REMOVED", "NOT REMOVED", "SIZE"],
        [_row(one) for one in every],
        "Nothing was removed yet.",
    )


def _row(one: Receipt) -> list[str]:
    removed = [account for account in one.accounts if account.removed]
    return [
        one.run,
        one.written,
        shown(one.by, limit=20),
        str(len(removed)),
        str(len(one.accounts) - len(removed)),
        megabytes(sum(account.bytes for account in removed)),
    ]
