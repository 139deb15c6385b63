"""The app: its panes, the thread that looks, and the way from a key to a confirmed change."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import work
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widget import Widget
from textual.worker import get_current_worker

from hubtui import changes
from hubtui.changes import SubjectLine
from hubtui.errors import HubtuiError
from hubtui.names import shown
from hubtui.plan import runs
from hubtui.plan.plans import Plan
from hubtui.server import Server
from hubtui.tui.bars import clickable
from hubtui.tui.dialogs import PlanDialog, UnfinishedDialog
from hubtui.tui.look import Entry, Look, Looker
from hubtui.tui.pane import Pane
from hubtui.tui.run_dialog import RunDialog
from hubtui.tui.signups import SignupsPane

_BEAT = 2.0
"""Seconds between two looks."""

Planner = Callable[[Server, Sequence[str]], Plan]
"""Makes the plan for some rows of a pane; called in a thread."""


class HubtuiApp(App[int]):
    """hubtui on one course."""

    TITLE = "hubtui"
    ENABLE_COMMAND_PALETTE = True
    PANES: ClassVar[dict[str, tuple[str, type[Pane]]]] = {
        "signups": ("2", SignupsPane),
    }
    MODES = {name: pane for name, (_, pane) in PANES.items()}  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(key, f"go('{name}')", show=False) for name, (key, _) in PANES.items()),
        Binding("ctrl+q", "leave", show=False, priority=True),
    ]

    def __init__(
        self, server: Server, config_file: Path, *, pane: str = "signups", read_only: bool = False
    ) -> None:
        super().__init__()
        self.set_reactive(Widget.auto_links, False)
        self.animation_level = "none"
        self.server, self.config_file = server, config_file
        self.read_only = read_only
        self._first = pane if pane in self.PANES else "signups"
        self._looker = Looker(server)
        self._latest: tuple[Look, dict[str, dict[str, Entry]]] | None = None
        self._again = False
        web = os.environ.get("HUBTUI_DEMO", "")
        self.banner = f"DEMO  A real hub at {web} · sign up there · q ends it all" if web else ""

    def on_mount(self) -> None:
        """Take the first look, and leave the terminal as it was when we are told to end."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            with suppress(NotImplementedError, ValueError):
                loop.add_signal_handler(number, self.exit, None, 128 + number)
        self.switch_mode(self._first)
        self._keep_looking()

    # --- looking --------------------------------------------------------------------------------

    @work(thread=True, exit_on_error=False, group="looking")
    def _keep_looking(self) -> None:
        worker = get_current_worker()
        self._offer_unfinished()
        while not worker.is_cancelled:
            fresh, self._again = self._again, False
            if fresh or len(self.screen_stack) == 1:  # nothing moves below a dialog
                self._look_once(fresh=fresh)
            until = time.monotonic() + _BEAT
            while time.monotonic() < until and not self._again and not worker.is_cancelled:
                time.sleep(0.1)

    def _look_once(self, *, fresh: bool) -> None:
        look = self._looker.look(fresh=fresh)
        if look is None:
            return
        built = {name: pane.build(look) for name, (_, pane) in self.PANES.items()}
        self.call_from_thread(self._took, look, built)

    def _took(self, look: Look, built: dict[str, dict[str, Entry]]) -> None:
        self._latest = (look, built)
        for screen in self.screen_stack:
            if isinstance(screen, Pane):
                self.show_latest(screen)

    def show_latest(self, pane: Pane) -> None:
        """Give a pane what is known now."""
        if self._latest is not None and pane.is_mounted:
            look, built = self._latest
            pane.show(look, built[self.current_mode])

    def look_again(self) -> None:
        """Look at everything now rather than at the next beat."""
        self._again = True

    # --- what is on every pane ------------------------------------------------------------------

    def top_line(self, pane: Pane) -> Text:
        """Program, panes, course, configuration."""
        line = Text(" hubtui ", style="bold reverse")
        for name, (key, kind) in self.PANES.items():
            here = "bold underline" if isinstance(pane, kind) else ""
            line.append("  ")
            line.append_text(clickable(f"{key} {kind.NOUN}", f"app.go('{name}')", here))
            if name == "signups" and self._latest and (waiting := self._latest[0].waiting):
                line.append(f" {waiting}", "bold")
        if self.read_only:
            line.append("  read-only", "bold")
        line.append(f"   {shown(self.server.course.course, limit=60)}")
        line.append(f" · {shown(str(self.config_file))}", "dim")
        return line

    def action_go(self, pane: str) -> None:
        """Go to a pane."""
        if len(self.screen_stack) == 1:
            self.switch_mode(pane)

    def get_system_commands(self, screen: Screen[object]):  # type: ignore[no-untyped-def]
        """The command palette: the panes by name, beside Textual's own."""
        for name, (key, kind) in self.PANES.items():
            yield SystemCommand(
                kind.NOUN, f"Go to the pane ({key})", lambda n=name: self.action_go(n)
            )
        yield from super().get_system_commands(screen)

    # --- changing -------------------------------------------------------------------------------

    def change(self, planner: Planner, keys: Sequence[str], *, note: str = "") -> None:
        """Plan a change for these rows, show it, and run it if somebody says yes."""
        if not keys:
            return
        if self.read_only:
            self.say("This hubtui only looks (--read-only).")
        elif os.geteuid() != 0:
            self.say("Changing something needs root: sudo hubtui")
        else:
            self._plan(planner, list(keys), note)

    @work(thread=True, exit_on_error=False, group="planning", exclusive=True)
    def _plan(self, planner: Planner, keys: list[str], note: str) -> None:
        try:
            plan = planner(self.server, keys)
            lines = changes.preview(self.server, plan)
        except HubtuiError as e:
            self.call_from_thread(self.say, str(e))
            return
        if not get_current_worker().is_cancelled:
            self.call_from_thread(self._ask, plan, lines, planner, note)

    def _ask(self, plan: Plan, lines: list[SubjectLine], planner: Planner, note: str) -> None:
        change = changes.change_of(plan)

        def answered(yes: bool | None) -> None:
            if yes:
                self._start(plan, planner)

        if len(self.screen_stack) == 1:
            typed = changes.to_be_typed(plan)
            self.push_screen(
                PlanDialog(plan, lines, loses=change.loses, typed=typed, note=note), answered
            )

    @work(thread=True, exit_on_error=False, group="starting")
    def _start(self, plan: Plan, planner: Planner | None) -> None:
        """Say yes: the run is a process of its own from here on."""
        try:
            process = runs.start(self.server.state, self.config_file, plan, self.server.clock())
        except HubtuiError as e:
            self.call_from_thread(self.say, str(e))
            return
        self.call_from_thread(self._follow, plan, process, planner)

    def _follow(self, plan: Plan, process: object, planner: Planner | None) -> None:
        def closed(again: list[str] | None) -> None:
            if again and planner is not None:
                self.change(planner, again)

        self.push_screen(RunDialog(plan, process), closed)  # type: ignore[arg-type]
        for screen in self.screen_stack:
            if isinstance(screen, Pane):
                screen.table.clear_marks()

    def _offer_unfinished(self) -> None:
        for plan in self._looker.unfinished():
            self.call_from_thread(self._offer, plan)

    def _offer(self, plan: Plan) -> None:
        def decided(answer: str | None) -> None:
            state = self.server.state
            try:
                if answer == "continue" and not self.read_only:
                    process = runs.resume(state, self.config_file, plan.id)
                    self._follow(plan, process, None)
                elif answer == "drop" and not self.read_only:
                    runs.drop(state, plan.id, self.server.clock())
            except HubtuiError as e:
                self.say(str(e))

        self.push_screen(UnfinishedDialog(plan), decided)

    # --- looking closer -------------------------------------------------------------------------

    @work(thread=True, exit_on_error=False, group="explaining", exclusive=True)
    def explain(self, name: str) -> None:
        """Why can this student not log in or start? Found out in a thread, shown on a page."""

    # --- odds and ends --------------------------------------------------------------------------

    def say(self, sentence: str) -> None:
        """Tell something that went wrong or is not possible."""
        self.notify(shown(sentence), severity="warning", markup=False, timeout=8)

    def leave(self) -> None:
        """q: leave; a change that runs goes on by itself."""
        self.exit(0)

    def action_leave(self) -> None:
        """ctrl+q, from anywhere."""
        self.leave()


def run_app(server: Server, config_file: Path, *, pane: str, read_only: bool, mouse: bool) -> int:
    """Run the app to its end; returns the exit code."""
    app = HubtuiApp(server, config_file, pane=pane, read_only=read_only)
    app.run(mouse=mouse)
    return app.return_code or 0
