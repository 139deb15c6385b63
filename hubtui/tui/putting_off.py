"""The questions of the glance's key: until when a finding is put off, and whether it comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hubtui.findings import Finding
from hubtui.glance import put_off
from hubtui.names import shown
from hubtui.plan.plans import operator
from hubtui.tui.dialogs import SureDialog
from hubtui.when import Moment, parse_until, written, zone_of

if TYPE_CHECKING:
    from hubtui.tui.app import HubtuiApp

_ANY_TIME = "tomorrow 08:00"


def ask_until(app: HubtuiApp, finding: Finding) -> None:
    """Ask until when; Enter puts it off."""
    server = app.server
    if why := app.access.refusal:
        app.say(why)
        return

    def take(text: str) -> Moment:
        meant = parse_until(text, zone_of(server.course), server.clock())
        put_off.put_off(server, finding, meant.at, operator())
        return meant

    def done(meant: Moment) -> None:
        _said(app, f"Put off until {written(meant.at, meant.zone)}, or until it is worse.")

    question = f"Put it off until when? (2 d, 12 h, Mon 08:00)\n\n{shown(finding.text)}\n"
    app.ask(question, take, done, value=_ANY_TIME, hint="Enter puts it off: it is back then")


def bring_back(app: HubtuiApp, finding: Finding) -> None:
    """Show it again at once, after a yes."""
    server = app.server
    if why := app.access.refusal:
        app.say(why)
        return

    def answered(yes: bool | None) -> None:
        if yes:
            app.in_thread(
                lambda: put_off.take_back(server, finding.key, operator()),
                lambda _: _said(app, "It needs you again."),
            )

    app.push_screen(SureDialog("Bring it back now?", shown(finding.text), "Bring back"), answered)


def _said(app: HubtuiApp, sentence: str) -> None:
    app.notify(sentence, markup=False, timeout=5)
    app.glancing.again()
