"""Discarding a pending sign-up, and taking an authorised one back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from hubtui import names
from hubtui.errors import ChangedSinceShown, CommandFailed, Refused
from hubtui.plan.plans import Plan, new_plan
from hubtui.plan.steps import Chain, Step
from hubtui.server import Server, hubdb, processes
from hubtui.server.hubdb import SignUp
from hubtui.stop import Stop, StopServer
from hubtui.students import survey


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A sign-up as it was when the plan opened."""

    key: str
    id: int
    name: str
    digest: str


def row_of(sign_up: SignUp) -> Row:
    """The part of a sign-up that says which one it is."""
    return Row(key=str(sign_up.id), id=sign_up.id, name=sign_up.name, digest=sign_up.digest)


def discard_plan(server: Server, chosen: Sequence[SignUp]) -> Plan:
    """A plan that deletes pending sign-ups. Raises Refused for one that is authorised."""
    for sign_up in chosen:
        if sign_up.authorised:
            raise Refused(f"{names.shown(sign_up.name)} is authorised: take it back first.")
    return new_plan("discard", _title("Discard", chosen), _rows(chosen), server.clock())


def take_back_plan(server: Server, chosen: Sequence[SignUp], *, stop: bool = False) -> Plan:
    """A plan that makes authorised sign-ups pending again. Raises Refused for one that is not.

    ``stop`` ends their servers as well: taking back alone blocks new log-ins only.
    """
    for sign_up in chosen:
        if not sign_up.authorised:
            raise Refused(f"{names.shown(sign_up.name)} is not authorised: nothing to take back.")
    title = _title("Take back", chosen) + (" and stop the servers" if stop else "")
    return new_plan("take-back", title, _rows(chosen), server.clock(), stop=stop)


def discard_chain(server: Server, subject: Row) -> Chain:
    """One row deleted."""
    return Chain(subject=subject.key, steps=[Discard(server, subject)])


def take_back_chain(server: Server, subject: Row, *, stop: bool) -> Chain:
    """One row made pending; then, where asked for, the server of its account stopped."""
    steps: list[Step] = [TakeBack(server, subject)]
    account = survey(server).students.get(subject.name)
    if account is None:
        return Chain(subject=subject.key, steps=steps)
    running = any(process.is_server for process in processes.of(account.uid))
    notes = []
    if stop:
        whose = Stop(key=subject.key, name=account.name, uid=account.uid)
        steps.append(StopServer(server, whose, idle=False))
    elif running:
        notes.append(f"{account.name} is at work: the session goes on until the server is stopped")
    return Chain(subject=subject.key, steps=steps, uid=account.uid, notes=notes)


class RowStep(Step):
    """A step about one sign-up, exactly as it was shown."""

    def __init__(self, server: Server, subject: Row) -> None:
        self.database, self.subject = server.course.hub.database, subject
        self.who = f"sign-up {subject.id} ({names.shown(subject.name, limit=60)})"

    def _row(self) -> SignUp | None:
        row = self.subject
        return hubdb.find(self.database, row.id, row.name, row.digest)


class Discard(RowStep):
    """Delete a pending sign-up; the person may sign up again."""

    kind = "discard"

    def say(self) -> str:
        return f"delete {self.who} from the hub's database"

    def done(self) -> bool:
        return self._row() is None

    def do(self) -> Iterator[str]:
        row = self._row()
        if row is None:
            return
        if row.authorised:
            raise ChangedSinceShown(f"The {self.who} was authorised meanwhile.")
        hubdb.discard(self.database, row)
        yield from ()

    def verify(self) -> None:
        if not self.done():
            raise CommandFailed(f"The {self.who} is still there.")


class TakeBack(RowStep):
    """Make an authorised sign-up pending again: no new log-in. An open session goes on."""

    kind = "take back"

    def say(self) -> str:
        return f"make {self.who} pending again in the hub's database"

    def done(self) -> bool:
        row = self._row()
        return row is not None and not row.authorised

    def do(self) -> Iterator[str]:
        row = self._row()
        if row is None:
            raise ChangedSinceShown(f"The {self.who} is no longer there as it was shown.")
        hubdb.take_back(self.database, row)
        yield from ()

    def verify(self) -> None:
        if not self.done():
            raise CommandFailed(f"The {self.who} is still authorised.")


def _rows(chosen: Sequence[SignUp]) -> list[Row]:
    return [row_of(sign_up) for sign_up in chosen]


def _title(verb: str, chosen: Sequence[SignUp]) -> str:
    if len(chosen) == 1:
        return f"{verb} sign-up {names.shown(chosen[0].name, limit=40)}"
    return f"{verb} {len(chosen)} sign-ups"
