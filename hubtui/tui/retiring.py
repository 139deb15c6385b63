"""Removing accounts: now or at a date, how long the archives are kept; and bringing back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple, cast

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from hubtui.changes import Planner
from hubtui.course import Course
from hubtui.errors import HubtuiError, Refused, UsageError
from hubtui.names import shown
from hubtui.plan.plans import Plan
from hubtui.retire import choose, words
from hubtui.retire.choose import Chosen
from hubtui.retire.records import KEEP_DAYS, Closing
from hubtui.server import Server
from hubtui.students import survey
from hubtui.tui.account_rows import old
from hubtui.tui.bars import Line
from hubtui.tui.colours import WARN
from hubtui.tui.dialogs import FRAME, Page
from hubtui.tui.look import Look
from hubtui.units import counted, megabytes
from hubtui.when import written, zone_of

if TYPE_CHECKING:
    from hubtui.tui.app import HubtuiApp

GRACE = "14 d"
"""Offered: so long everything can be brought back."""
_HINT = "Enter goes on to the plan · Tab to the next line · Esc cancels"
_LONGEST = 3650
_NAMED = 6
"""Names that are listed; the plan has all."""
_NOW = ("", "now")
_CLOSING = Closing().key
_MADE = "made"
_WHO = f"""\
Mark all who were not at the hub since a day: 2026-10-01
or whose account was made before it: {_MADE} 2026-10-01"""


class Terms(NamedTuple):
    """How somebody wants it."""

    until: datetime | None
    """They are only switched off until then; None: they go at once."""
    keep_days: int
    archive: Path | None


def retire(app: HubtuiApp, look: Look, names: Sequence[str]) -> None:
    """Ask how, then show the plan."""
    if why := app.access.refusal:
        app.say(why)
        return

    def answered(terms: Terms | None) -> None:
        if terms is not None:
            after = (lambda: _removed(app)) if terms.until is None else None
            app.change(planner(terms), names, after=after)

    app.push_screen(RetireDialog(look, names), answered)


def _removed(app: HubtuiApp) -> None:
    """What the run itself kept of their names goes too; then the receipt is shown."""

    def finish() -> None:
        from hubtui.retire import closing

        with suppress(HubtuiError, OSError):  # the minutely job does it, and says so
            closing.finish(app.server)

    app.in_thread(finish, lambda _: receipt(app))


def planner(terms: Terms) -> Planner:
    """Plans for these names, on a look of its own."""

    def plan(server: Server, names: Sequence[str]) -> Plan:
        from hubtui.retire.plan import retire_plan  # not at the start of the app

        leave = [name for name in names if name != _CLOSING]
        return retire_plan(
            server,
            survey(server),
            leave,
            until=terms.until,
            keep_days=terms.keep_days,
            archive=terms.archive,
        )

    return plan


def ask_who(app: HubtuiApp, then: Callable[[Chosen], None]) -> None:
    """Who is meant by a day: away from the hub since then, or made before it."""
    server = app.server

    def take(text: str) -> Chosen:
        word, _, rest = text.partition(" ")
        is_made = word.lower() == _MADE
        day = choose.day(rest.strip() if is_made else text, server.course)
        seen = survey(server)
        if is_made:
            return choose.choose(seen, made_before=day)
        return choose.choose(seen, inactive_since=day)

    app.ask(_WHO, take, then, hint="Enter marks them")


def restore(server: Server, names: Sequence[str]) -> Plan:
    """The plan that brings these back."""
    from hubtui.retire.restore import restore_plan

    return restore_plan(server, survey(server), names)


def receipt(app: HubtuiApp) -> None:
    """The newest receipt, on a page; earlier ones are named below it."""
    folder = app.server.state / "receipts"

    def read() -> tuple[str, str]:
        found = sorted(folder.glob("*.md"), reverse=True)
        if not found:
            raise Refused("There is no receipt yet: one is written when accounts are removed.")
        earlier = [each.stem for each in found[1:]]
        text = shown_lines(found[0].read_text(errors="replace"))
        if earlier:
            text += "\n\nEarlier: " + ", ".join(earlier)
            text += "\nhubtui accounts receipts ID shows one."
        return found[0].stem, text

    def show(found: tuple[str, str]) -> None:
        title, text = found
        app.push_screen(Page(f"Receipt {title}", Text(text)))

    app.in_thread(read, show)


def shown_lines(text: str) -> str:
    """Line by line, safe to show."""
    return "\n".join(shown(line) for line in text.splitlines())


def terms_of(course: Course, now: datetime, when: str, keep: str, archive: str) -> Terms:
    """What was typed. Raises UsageError with what is wrong."""
    until = None
    if when.strip().lower() not in _NOW:
        until = choose.last_day(when, course, now)
    days = keep.strip().removesuffix("d").strip()
    if not (days.isascii() and days.isdecimal() and 1 <= int(days) <= _LONGEST):
        raise UsageError(f"{shown(keep, limit=40)!r} is no number of days: say 90.")
    folder = Path(archive.strip()) if archive.strip() else None
    if folder is not None and not folder.is_absolute():
        raise UsageError(f"{shown(archive, limit=60)} is no whole path: begin it with a slash.")
    return Terms(until, int(days), folder)


class RetireDialog(ModalScreen[Terms]):
    """When they go, and what is kept of them for how long."""

    DEFAULT_CSS = (
        FRAME.format("RetireDialog")
        + """
    RetireDialog .asked { height: 1; margin-top: 1; }
    RetireDialog .asked Static { width: 26; }
    RetireDialog .asked Input {
        width: 1fr; height: 1; border: none; padding: 0 1; background: $panel;
    }
    RetireDialog #means { height: auto; min-height: 2; margin-top: 1; }
    """
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "no", show=False),
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
    ]

    def __init__(self, look: Look, names: Sequence[str]) -> None:
        """Who is switched off already is offered to go now, others after a while."""
        super().__init__()
        self._look, self._names = look, names
        off = all(name in look.survey.leaving for name in names)
        self._asked = (
            ("when", "They go now, or after", _NOW[-1] if off else GRACE),
            ("keep", "Archives are kept, days", str(KEEP_DAYS)),
            ("archive", "Archives go to", ""),
        )

    def compose(self) -> ComposeResult:
        holders = {"when": _NOW[-1], "archive": str(words.archives(self._server))}
        with Vertical(id="box"):
            yield Static(f"Remove {counted(len(self._names), 'account')}", id="title", markup=False)
            yield Static(self._what_goes(), id="goes", markup=False)
            for key, label, value in self._asked:
                with Horizontal(classes="asked"):
                    yield Static(label, markup=False)
                    yield Input(value, placeholder=holders.get(key, ""), id=key)
            yield Static(id="means", markup=False)
            yield Line(
                "Enter goes on to the plan · Tab to the next line · Esc cancels",
                id="hint",
                classes="quiet",
            )

    @property
    def _server(self) -> Server:
        return cast("HubtuiApp", self.app).server

    def _what_goes(self) -> Text:
        found = {one.name: one for one in self._look.accounts}
        there = [found[name] for name in self._names if name in found]
        listed = ", ".join(shown(name, limit=40) for name in self._names[:_NAMED])
        more = f" and {len(self._names) - _NAMED} more" if len(self._names) > _NAMED else ""
        text = Text(f"{listed}{more}")
        said = []
        sizes = [one.size for one in there if one.size is not None]
        if sizes and (measured := self._look.live.sizes):
            age = old(measured.taken, self._look.survey.at)
            said.append(f"{megabytes(sum(sizes))} in their homes ({age})")
        if running := sum(bool(one.server) for one in there):
            said.append(f"{counted(running, 'server')} running now")
        if said:
            text.append(f"\n{' · '.join(said)}")
        return text

    def on_mount(self) -> None:
        """Say what the first answer means."""
        self.query_one("#when", Input).focus()
        self._say_means()

    @on(Input.Changed)
    def _typed(self) -> None:
        self._say_means()

    def _say_means(self) -> None:
        line = self.query_one("#means", Static)
        try:
            terms = self._terms()
        except HubtuiError as e:
            line.update(Text(f"! {e}", WARN))
            return
        if terms.until is None:
            line.update(
                "They go at once, for good. All they have is archived before, and each archive is "
                "verified; what is in no archive is lost."
            )
            return
        goes = written(terms.until, zone_of(self._server.course).key)
        line.update(
            f"Now they are only switched off: no log-in, no server. They go {goes}; until then "
            "u brings them back as they were."
        )

    def _terms(self) -> Terms:
        when, keep, archive = (self.query_one(f"#{key}", Input).value for key, *_ in self._asked)
        return terms_of(self._server.course, self._server.clock(), when, keep, archive)

    @on(Input.Submitted)
    def submitted(self) -> None:
        """On to the plan, once all answers can be understood."""
        try:
            self.dismiss(self._terms())
        except HubtuiError:
            self._say_means()

    def action_no(self) -> None:
        """Esc: nothing is done."""
        self.dismiss(None)
