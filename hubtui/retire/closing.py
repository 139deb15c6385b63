"""The last chain of a removal: the names are forgotten, and the receipt is written.

Done also where others failed, or somebody cancelled: whoever is gone by then is forgotten. What
that run itself keeps is rewritten once it is over, by ``finish``.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from hubtui.clock import stamp
from hubtui.errors import CommandFailed, LockHeld
from hubtui.plan import runs
from hubtui.plan.locks import lock
from hubtui.plan.plans import Plan
from hubtui.plan.steps import Chain, Step
from hubtui.retire import forget, receipt
from hubtui.retire.gone import Names, names_of, removals
from hubtui.retire.records import Closing
from hubtui.server import Server
from hubtui.units import counted


def closing_chain(server: Server, plan: Plan) -> Chain:
    """The names go, then the receipt says what went."""
    steps = [Forget(server), WriteReceipt(server, plan)]
    return Chain(subject=Closing().key, steps=steps, alone=True)


class Forget(Step):
    """In hubtui's own records a uid stands for the name of whoever is gone."""

    kind = "forget"
    always = True

    def __init__(self, server: Server) -> None:
        self.server = server

    def say(self) -> str:
        return f"put uids in the place of names in hubtui's own records in {self.server.state}"

    def do(self) -> Iterator[str]:
        names = names_of(removals(self.server.state), self.server)
        yield counted(len(names.gone), "name")
        forget.forget(self.server, names)


class WriteReceipt(Step):
    """What was removed, without names."""

    kind = "receipt"
    always = True

    def __init__(self, server: Server, plan: Plan) -> None:
        self.server, self.plan = server, plan
        self.place = receipt.path(server.state, plan.id)

    def say(self) -> str:
        return f"write the receipt {self.place}"

    def do(self) -> Iterator[str]:
        yield from ()
        every = removals(self.server.state)
        found = forget.left(self.server, names_of(every, self.server))
        own = {file for plan in every for file in forget.files_of(self.server.state, plan.id)}
        made = receipt.make(self.server, self.plan, [file for file in found if file not in own])
        receipt.write(self.server, made)
        self.told = f"hubtui accounts receipts {self.plan.id}"

    def verify(self) -> None:
        if receipt.read(self.server.state, self.plan.id) is None:
            raise CommandFailed(f"The receipt {self.place} is not there.")


def finish(server: Server) -> None:
    """Forget what removals that are over keep themselves; write the receipt of one that was given
    up before its own.

    For the minutely job, and for whoever followed such a run to its end. Does nothing while a run
    that names one of them may still be carried on. Raises StateError, OSError.
    """
    state = server.state
    every = [plan for plan in removals(state) if runs.life(state, plan.id) is runs.Life.OVER]
    names = names_of(every, server)
    if not names or forget.waiting(server, names):
        return
    try:
        with lock(state, "accounts", "names are forgotten", patience=0):
            _finish(server, every, names)
    except LockHeld:
        return  # the next minute is early enough


def _finish(server: Server, every: list[Plan], names: Names) -> None:
    closings = [plan for plan in every if any(each.get("closing") for each in plan.subjects)]
    for plan in closings:
        if receipt.read(server.state, plan.id) is None:
            receipt.write(server, receipt.make(server, plan, ()))
    forget.forget(server, names)
    left = tuple(forget.left(server, names))
    for plan in closings:
        before = receipt.read(server.state, plan.id)
        if before is not None and before.still_named != left:
            now = stamp(server.clock())
            receipt.write(server, msgspec.structs.replace(before, still_named=left, written=now))
