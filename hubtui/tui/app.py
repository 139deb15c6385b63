"""The app: its panes, the thread that looks, and the way from a key to a confirmed change."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import ClassVar, TypeVar, cast

from rich.text import Text
from textual import work
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.worker import get_current_worker

from hubtui import changes
from hubtui.changes import Planner
from hubtui.errors import HubtuiError
from hubtui.glance.records import Glance
from hubtui.names import shown
from hubtui.plan import runs
from hubtui.plan.plans import Plan
from hubtui.server import Server
from hubtui.tui.access import Access, AsRoot, Order
from hubtui.tui.accounts import AccountsPane
from hubtui.tui.bars import Key, clickable
from hubtui.tui.breath import keep, uncollected
from hubtui.tui.carrying import follow, propose_change, propose_order
from hubtui.tui.colours import follow_theme
from hubtui.tui.dialogs import AskDialog, SureDialog, UnfinishedDialog
from hubtui.tui.following import OwnRun
from hubtui.tui.frame import Frame
from hubtui.tui.glance import GlancePane
from hubtui.tui.glance_words import sign
from hubtui.tui.glancing import Gather, Glancing, gatherer
from hubtui.tui.look import Look, Looker, Shown
from hubtui.tui.pane import Pane
from hubtui.tui.release import ReleasePane
from hubtui.tui.signups import SignupsPane
from hubtui.tui.watchdog import WatchdogPane

_BEAT = 1.5
"""Seconds between two looks."""

T = TypeVar("T")


class HubtuiApp(App[int]):
    """hubtui on one course."""

    TITLE = "hubtui"
    ENABLE_COMMAND_PALETTE = True
    PANES: ClassVar[dict[str, tuple[str, type[Frame]]]] = {
        "glance": ("1", GlancePane),
        "signups": ("2", SignupsPane),
        "accounts": ("3", AccountsPane),
        "release": ("4", ReleasePane),
        "watchdog": ("5", WatchdogPane),
    }
    MODES = {name: pane for name, (_, pane) in PANES.items()}  # noqa: RUF012
    CSS = """
    ToastRack { dock: top; align: right top; margin: 1 0 0 0; }
    """
    """Sentences come at the top: the buttons of a dialog stand below."""
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(key, f"go('{name}')", show=False) for name, (key, _) in PANES.items()),
        Binding("ctrl+q", "leave", show=False, priority=True),
    ]

    def __init__(
        self,
        server: Server,
        config_file: Path,
        *,
        pane: str = "glance",
        read_only: bool = False,
        looker: Looker | None = None,
        gather: Gather = gatherer,
        access: Access | None = None,
    ) -> None:
        """``access``: of a tutor, who gets the release screen alone."""
        super().__init__()
        self.animation_level = "none"
        self.server, self.config_file = server, config_file
        self.read_only = read_only
        self.access: Access = access or AsRoot(server, config_file, self._refusal)
        self.panes = {
            name: found
            for name, found in self.PANES.items()
            if (access is None or name == "release")
            and (server.course.release is not None or name != "release")
        }
        """Those that this course, and whoever sits here, has."""
        self._first = pane if pane in self.panes else next(iter(self.panes))
        self._looker = looker or Looker(server)
        self.glancing = Glancing(self, gather)
        self._latest: tuple[Look, dict[str, Shown]] | None = None
        self._again = self._wanted = False
        web = os.environ.get("HUBTUI_DEMO", "")
        self.banner = f"DEMO  A real hub at {web} · sign up there · q ends it all" if web else ""

    def on_mount(self) -> None:
        """Take the first look, and leave the terminal as it was when we are told to end."""
        follow_theme(self)
        gc.freeze()  # what was imported stays: no need to look it through again and again
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            with suppress(NotImplementedError, ValueError):
                loop.add_signal_handler(number, self.exit, None, 128 + number)
        self.switch_mode(self._first)
        self._keep_looking()
        if "glance" in self.panes:
            self._keep_glancing()

    # --- looking --------------------------------------------------------------------------------

    @work(thread=True, exit_on_error=False, group="looking")
    def _keep_looking(self) -> None:
        worker = get_current_worker()
        self._offer_what_was_left()
        while not worker.is_cancelled:
            fresh, self._again, self._wanted = self._again, False, False
            self._looker.accounts_shown = self.current_mode == "accounts"
            self._looker.release_shown = self.current_mode == "release"
            self._looker.watchdog_shown = self.current_mode == "watchdog"
            if fresh or len(self.screen_stack) == 1:  # nothing moves below a dialog
                self._look_once(fresh=fresh)
            until = time.monotonic() + _BEAT
            while time.monotonic() < until and not (self._wanted or worker.is_cancelled):
                time.sleep(0.1)

    def _look_once(self, *, fresh: bool) -> None:
        with uncollected():
            look = self._looker.look(fresh=fresh)
            if look is None:
                return
            made = {name: self._made(name, kind, look) for name, kind in self._lists()}
            keep(len(look.judged))
        self.call_from_thread(self._took, look, made)

    def _lists(self) -> list[tuple[str, type[Pane]]]:
        """Those panes that show a look, each in its own way."""
        return [(name, kind) for name, (_, kind) in self.panes.items() if issubclass(kind, Pane)]

    def _made(self, name: str, pane: type[Pane], look: Look) -> Shown:
        if self._latest is not None and pane.same(look, self._latest[0]):
            return self._latest[1][name]
        return Shown(pane.build(look), pane.summary(look))

    def _took(self, look: Look, made: dict[str, Shown]) -> None:
        self._latest = (look, made)
        for screen in self.screen_stack:
            if isinstance(screen, Pane):
                self.show_latest(screen)
            elif isinstance(screen, Frame) and screen.is_mounted:
                screen.say_top()

    def show_latest(self, pane: Pane) -> None:
        """Give a pane what is known now."""
        if self._latest is not None and pane.is_mounted:
            look, made = self._latest
            pane.show(look, made[self.current_mode])

    @property
    def latest(self) -> Look | None:
        """What is known now."""
        return self._latest[0] if self._latest is not None else None

    def look_again(self) -> None:
        """Look at everything now rather than at the next beat."""
        self._again = self._wanted = True
        self.glancing.again()

    def look_soon(self) -> None:
        """Do not wait for the next beat: another pane is shown."""
        self._wanted = True

    @work(thread=True, exit_on_error=False, group="glancing")
    def _keep_glancing(self) -> None:
        self.glancing.keep_looking()

    def took_glance(self, glance: Glance) -> None:
        """The glance is otherwise than before."""
        self.glancing.latest = glance
        for screen in self.screen_stack:
            if isinstance(screen, Frame) and screen.is_mounted:
                screen.say_top()
                if isinstance(screen, GlancePane):
                    screen.show(glance)

    # --- what is on every pane ------------------------------------------------------------------

    def top_line(self, pane: Frame) -> Text:
        """Program, panes, course, configuration."""
        line = Text.assemble((" hubtui ", "bold reverse"))
        for name, (key, kind) in self.panes.items():
            here = "bold underline" if isinstance(pane, kind) else ""
            line.append("  ")
            line.append_text(clickable(f"{key} {kind.NOUN}", f"app.go('{name}')", here))
            if name == "glance" and self.glancing.latest is not None:
                line.append_text(sign(self.glancing.latest))
            if name == "signups" and self._latest and (waiting := self._latest[0].waiting):
                line.append(f" {waiting}", "bold")
            if name == "watchdog" and self._latest and self._latest[0].hub_needs_you:
                line.append(" !", "bold")
        if self.read_only:
            line.append("  read-only", "bold")
        line.append(f"   {shown(self.server.course.course, limit=60)}")
        line.append(f" · {shown(str(self.config_file))}", "dim")
        return line

    def action_go(self, pane: str) -> None:
        """Go to a pane."""
        if len(self.screen_stack) == 1 and pane in self.panes:
            self.switch_mode(pane)

    def go_to(self, pane: str, row: str) -> None:
        """Go to a row of a pane."""
        self.action_go(pane)
        if row and self.current_mode == pane and isinstance(self.screen, Pane):
            self.screen.seek(row)

    def get_system_commands(self, screen: Screen[object]) -> Iterator[SystemCommand]:
        """The command palette: what the keys of the screen do, and the panes, by name."""
        keys: Sequence[Key] = getattr(screen, "KEYS", ())
        for key in keys:
            if key.label:
                name, do = f"{key.label.capitalize()} ({key.cap})", screen.run_action
                yield SystemCommand(name, key.help, partial(do, key.action))
        for pane, (number, kind) in self.panes.items():
            what = f"Go to the pane ({number})"
            yield SystemCommand(kind.NOUN, what, partial(self.action_go, pane))
        yield SystemCommand("Running change", "Follow the change at work", self.follow_running)
        yield SystemCommand("Theme", "Other colours", self.action_change_theme)
        yield SystemCommand("Quit", "Leave; a change that is running goes on", self.leave)

    # --- changing -------------------------------------------------------------------------------

    def change(
        self, planner: Planner, keys: Sequence[str], *, after: Callable[[], None] | None = None
    ) -> None:
        """Plan a change for these rows, show it, and run it if somebody says yes.

        ``after`` is called once the run went well and its result was read.
        """
        if why := self._refusal():
            self.say(why)
        elif keys:
            propose_change(self, planner, keys, after)

    def carry(self, order: Order, *, after: Callable[[], None] | None = None) -> None:
        """The same for sheets: plan, show, and hand out or withdraw if somebody says yes."""
        if why := self.access.refusal:
            self.say(why)
        else:
            propose_order(self, order, after)

    def _refusal(self) -> str:
        if self.read_only:
            return "This hubtui only looks (--read-only)."
        return "" if os.geteuid() == 0 else "Changing something needs root: sudo hubtui"

    def _offer_what_was_left(self) -> None:
        """A change at work is followed again, one that was left is offered."""
        for plan in self._looker.running()[:1]:
            self.call_from_thread(follow, self, plan)
        for plan in self._looker.unfinished():
            self.call_from_thread(self._offer, plan)

    def follow_running(self) -> None:
        """The change that is at work, if one is."""

        def found(plans: list[Plan]) -> None:
            if plans and len(self.screen_stack) == 1:
                follow(self, plans[0])
            else:
                self.say("No change is running; the journal has those that were.")

        self.in_thread(self._looker.running, found)

    def _offer(self, plan: Plan) -> None:
        def decided(answer: str | None) -> None:
            state = self.server.state
            try:
                if answer == "continue" and (why := changes.held(self.server, plan)):
                    self.say(f"{why} To go on: hubtui journal resume {plan.id} --during-exam")
                elif answer == "continue" and not self.read_only:
                    process = runs.resume(state, self.config_file, plan.id)
                    follow(self, plan, OwnRun(state, plan.id, process))
                elif answer == "drop" and not self.read_only:
                    runs.drop(state, plan.id, self.server.clock())
            except HubtuiError as e:
                self.say(str(e))

        self.push_screen(UnfinishedDialog(plan), decided)

    # --- odds and ends --------------------------------------------------------------------------

    @work(thread=True, exit_on_error=False)
    def in_thread(
        self,
        what: Callable[[], T],
        then: Callable[[T], None],
        failed: Callable[[], None] = lambda: None,
    ) -> None:
        """Do something that may block, then something with its result on the screen."""
        try:
            result = what()
        except HubtuiError as e:
            self.call_from_thread(failed)
            self.call_from_thread(self.say, str(e))
        else:
            if not get_current_worker().is_cancelled:
                self.call_from_thread(then, result)

    def ask(
        self,
        question: str,
        take: Callable[[str], T],
        then: Callable[[T], None],
        *,
        value: str = "",
        hint: str = "Enter goes on to the plan",
    ) -> None:
        """Ask for one line; ``take`` makes something of it, in a thread, and ``then`` gets that.

        Where ``take`` raises, the line stays to be mended. Esc does nothing.
        """

        def answered(answer: object) -> None:
            if answer is not None:
                then(cast("T", answer))

        self.push_screen(AskDialog(question, take, value=value, hint=hint), answered)

    def say(self, sentence: str) -> None:
        """Tell something that went wrong or is not possible."""
        self.notify(shown(sentence), severity="warning", markup=False, timeout=8)

    def leave(self) -> None:
        """q: leave; asks while a change is running, though it goes on by itself."""

        def ask(busy: bool) -> None:
            if busy:
                self.push_screen(SureDialog("Leave now?", text, "Leave"), answered)
            else:
                self.exit(0)

        def answered(yes: bool | None) -> None:
            if yes:
                self.exit(0)

        text = "A change is running. It goes on by itself; the next hubtui shows how far it is."
        self.in_thread(self.access.is_busy, ask, failed=lambda: self.exit(0))

    def action_leave(self) -> None:
        """ctrl+q, from anywhere."""
        self.leave()


def run_app(server: Server, config_file: Path, *, pane: str, read_only: bool, mouse: bool) -> int:
    """Run the app to its end; returns the exit code."""
    from hubtui.tui.tutor import AsTutor, TutorLooker, is_tutor

    tutor = AsTutor(server, read_only=read_only) if is_tutor(server.course) else None
    looker = TutorLooker(server, tutor) if tutor else None
    app = HubtuiApp(
        server, config_file, pane=pane, read_only=read_only, looker=looker, access=tutor
    )
    app.run(mouse=mouse)
    return app.return_code or 0
