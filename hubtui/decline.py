"""Discarding a pending sign-up, and taking an authorised one back."""

from __future__ import annotations

from collections.abc import Sequence

from hubtui import names
from hubtui.errors import Refused
from hubtui.plan.plans import Plan, new_plan
from hubtui.plan.steps import Chain, Step
from hubtui.server import Server, processes
from hubtui.server.hubdb import SignUp
from hubtui.signup_steps import Discard, Row, TakeBack, row_of
from hubtui.stop import Stop, StopServer
from hubtui.students import survey


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


def _rows(chosen: Sequence[SignUp]) -> list[Row]:
    return [row_of(sign_up) for sign_up in chosen]


def _title(verb: str, chosen: Sequence[SignUp]) -> str:
    if len(chosen) == 1:
        return f"{verb} sign-up {names.shown(chosen[0].name, limit=40)}"
    return f"{verb} {len(chosen)} sign-ups"
