"""What is scheduled, sheet by sheet, for the release pane; and the questions of its key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from hubtui.errors import HubtuiError
from hubtui.names import shown
from hubtui.release import schedule
from hubtui.release.schedule import State
from hubtui.server import Server
from hubtui.tui.dialogs import SureDialog
from hubtui.tui.titles import listed
from hubtui.when import Moment, parse_when, written, zone_of

if TYPE_CHECKING:
    from hubtui.tui.app import HubtuiApp

_ANY_TIME = "tomorrow 08:00"
"""A time that is one."""


class Coming(NamedTuple):
    """A sheet that stands in the schedule."""

    short: str
    """``Mon 30, 08:00``: fits into a column."""
    when: str
    changed: bool = False
    """The tutor changed it after its version was made."""
    why: str = ""
    """Why a person is asked what becomes of it."""


def coming(server: Server) -> Mapping[str, Coming]:
    """By sheet. Raises StateError where the schedule cannot be read."""
    found: dict[str, Coming] = {}
    for entry in schedule.entries(server):
        if not entry.open:
            continue
        try:
            changed = schedule.changed_since(server, entry)
        except HubtuiError:
            changed = []  # what is wrong with the source is said already
        why = entry.why if entry.state is State.ASK else ""
        for sheet in entry.sheets:
            found[sheet] = in_words(entry.at, entry.zone, changed=sheet in changed, why=why)
    return found


def in_words(at: datetime, zone: str, *, changed: bool, why: str) -> Coming:
    """A time in the zone that it was said in."""
    here = at.astimezone(ZoneInfo(zone))
    return Coming(f"{here:%a %d, %H:%M}", written(at, zone), changed, shown(why, limit=200))


def meant(server: Server, text: str) -> Moment:
    """When that is. Raises UsageError for what is no time, Refused where nothing would do it."""
    schedule.need_due(server)
    return parse_when(text, zone_of(server.course), server.clock())


def ask_when(app: HubtuiApp, sheets: Sequence[str]) -> None:
    """Ask for the time, show the moment that is meant, and schedule it on yes.

    Where nothing would carry it out, that is said before anybody thinks of a time.
    """
    what = listed(sheets, 3)

    def ask(_: Moment) -> None:
        question = f"Release {what} when? (Mon 08:00, tomorrow 08:00, 2026-11-30 08:00)"
        app.ask(question, app.access.meant, sure, hint="Enter shows which moment is meant")

    def sure(when: Moment) -> None:
        said = written(when.at, when.zone)
        many = "them" if len(sheets) > 1 else "it"
        they = "they are" if len(sheets) > 1 else "it is"
        note = f"{when.note}\n" if when.note else ""
        text = (
            f"{what}\n{note}Students get {many} as {they} now. "
            f"If you change {many} later, N takes the newer one."
        )

        def answered(yes: bool | None) -> None:
            if yes:
                done = f"{what}: {said}."
                app.in_thread(
                    lambda: app.access.schedule(sheets, when), lambda _: finished(app, done)
                )

        app.push_screen(SureDialog(f"Release on {said}?", text, "Schedule"), answered)

    app.in_thread(lambda: app.access.meant(_ANY_TIME), ask)


def ask_cancel(app: HubtuiApp, sheet: str, entry: Coming) -> None:
    """Take a sheet out of the schedule."""

    def answered(yes: bool | None) -> None:
        if yes:
            done = f"{listed([sheet], 1)} is not scheduled any more."
            app.in_thread(lambda: app.access.unschedule(sheet), lambda _: finished(app, done))

    text = f"It is to be released on {entry.when}."
    app.push_screen(SureDialog(f"Unschedule {listed([sheet], 1)}?", text, "Unschedule"), answered)


def ask_newer(app: HubtuiApp, sheet: str, entry: Coming) -> None:
    """Make a version of the sheet as it is now, to be released at the same time."""
    name = listed([sheet], 1)

    def answered(yes: bool | None) -> None:
        if yes:
            done = f"On {entry.when} {name} goes out as it is now."
            app.in_thread(lambda: app.access.newer(sheet), lambda _: finished(app, done))

    text = f"On {entry.when} {name} goes out as it is now."
    app.push_screen(SureDialog(f"Take the newer {name}?", text, "Take it"), answered)


def finished(app: HubtuiApp, sentence: str) -> None:
    """Say it, and look again."""
    app.notify(sentence, markup=False, timeout=5)
    app.look_again()
