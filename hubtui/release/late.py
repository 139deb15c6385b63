"""Who lacks what: late joiners, homes that were full, runs that were killed – one code for all."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta

from hubtui.clock import parse
from hubtui.errors import HubtuiError
from hubtui.names import shown
from hubtui.plan.steps import Step
from hubtui.release import ledger, store
from hubtui.release.handout import Handout, account_of, complaint, in_words
from hubtui.release.ledger import Delivered
from hubtui.server import Server, accounts
from hubtui.students import Survey

AGAIN = timedelta(hours=1)
"""How long nothing is tried again where a home was full or blocked."""


def released(server: Server) -> dict[str, int]:
    """Sheet → version of everything that is released now."""
    found = {}
    for sheet, record in store.records(server).items():
        if (version := store.released(record)) is not None:
            found[sheet] = version.number
    return found


def wanting(
    server: Server, seen: Survey, given: Mapping[tuple[int, str], Delivered], at: datetime
) -> dict[str, dict[str, int]]:
    """By name of the course account: sheets, with versions, that it lacks and may get now."""
    sheets = released(server)
    found: dict[str, dict[str, int]] = {}
    for name, account in seen.attending.items():
        lacks = {
            sheet: version
            for sheet, version in sheets.items()
            if _lacks(given.get((account.uid, sheet)), version, at)
        }
        if lacks:
            found[name] = lacks
    return found


def without(
    seen: Survey, lacking: Mapping[str, dict[str, int]], left: Collection[tuple[int, str]]
) -> dict[str, dict[str, int]]:
    """The same without what a person decided to hand out no further: uid and sheet."""
    found = {
        name: {s: v for s, v in sheets.items() if (seen.students[name].uid, s) not in left}
        for name, sheets in lacking.items()
    }
    return {name: sheets for name, sheets in found.items() if sheets}


def _lacks(before: Delivered | None, version: int, at: datetime) -> bool:
    if before is None or before.version < version:
        return True
    return bool(before.lacking) and at - parse(before.at) > AGAIN


class HandOut(Step):
    """The last but one step of enrolling: everything that was released so far.

    It never keeps anybody from the course: what cannot be given now is given by the next
    ``hubtui due``, and the result says so.
    """

    kind = "hand out"

    def __init__(self, server: Server, name: str, uid: int) -> None:
        self.server, self.name, self.uid = server, name, uid

    def say(self) -> str:
        sheets = released(self.server)
        listed = ", ".join(shown(sheet, limit=60) for sheet in sorted(sheets)) or "nothing yet"
        return f"hand out what was released so far, as {self.name}: {listed}"

    def done(self) -> bool:
        return not self._lacking()

    def do(self) -> Iterator[str]:
        try:
            with Handout(self.server) as handout:
                account = account_of(self.server, self.name, self.uid)
                outcomes = handout.give(account, self._lacking())
        except HubtuiError as e:
            self.told = f"nothing was handed out: {e}"
            return
        self.told = complaint(outcomes) or in_words(outcomes)
        yield self.told

    def _lacking(self) -> dict[str, int]:
        sheets = released(self.server)
        if not sheets or self.name not in accounts.read_accounts().by_name:
            return sheets
        given = ledger.read(self.server.state)
        at = self.server.clock()
        return {s: v for s, v in sheets.items() if _lacks(given.get((self.uid, s)), v, at)}
