"""Trying a release on some students first: who, and what it would do there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from hubtui.errors import UsageError
from hubtui.tui.access import Order
from hubtui.tui.carrying import Proposal, ask, proposal

if TYPE_CHECKING:
    from hubtui.tui.app import HubtuiApp


def ask_whom(
    app: HubtuiApp, order: Order, what: str, after: Callable[[], None] | None = None
) -> None:
    """Ask for names until there are accounts of these names, then show what it would do."""
    if why := app.access.refusal:
        app.say(why)
        return

    def take(text: str) -> tuple[Order, Proposal]:
        names = tuple(text.replace(",", " ").split())
        if not names:
            raise UsageError("Say at least one name.")
        trial = replace(order, to=names, trial=True)
        return trial, proposal(app, trial)

    def show(found: tuple[Order, Proposal]) -> None:
        ask(app, *found, after)

    question = f"Try {what} on which student? (several: with blanks)"
    app.ask(question, take, show, hint="Enter shows what it would do")
