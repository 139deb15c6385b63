"""What the watchdog pane orders: a check, a restart, a pause, its end, a call to try."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING

from textual.worker import get_current_worker

from hubtui import pauses
from hubtui.errors import CommandFailed
from hubtui.names import shown
from hubtui.plan.plans import operator
from hubtui.tui.coming import finished
from hubtui.tui.dialogs import SureDialog
from hubtui.tui.watch_look import Watch
from hubtui.watchdog import live
from hubtui.when import Moment, parse_until, written, zone_of

if TYPE_CHECKING:
    from hubtui.tui.app import HubtuiApp

_BEAT = 0.1
_MOST = 500
"""Bytes of what a check says on stderr."""


def check(app: HubtuiApp, watch: Watch) -> None:
    """One check in a process of its own, as the timer runs it; asks where no timer does so."""

    def answered(yes: bool | None) -> None:
        if yes:
            run()

    def run() -> None:
        app.notify("Checking …", markup=False, timeout=3)
        app.in_thread(lambda: _check(app), lambda said: finished(app, said))

    if watch.now is not None and not watch.is_silent(app.server.clock()):
        run()
        return
    text = "Nothing runs checks here by itself. A check that finds the hub dead restarts it."
    app.push_screen(SureDialog("Check the hub now?", text, "Check"), answered)


def _check(app: HubtuiApp) -> str:
    """What it found, in words. It goes on by itself where nobody waits for it any more."""
    words = [sys.executable, "-I", "-m", "hubtui", "--config", str(app.config_file)]
    worker = get_current_worker()
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [*words, "watchdog", "check"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
        )
        while process.poll() is None:
            if worker.is_cancelled:
                return ""
            time.sleep(_BEAT)
        errors.seek(0)
        said = shown(errors.read(_MOST).decode("utf-8", "replace").strip(), limit=300)
    now = live.read(app.server.live)
    if process.returncode != 0 or now is None:
        raise CommandFailed(said or f"The check ended with exit code {process.returncode}.")
    return f"Checked: {now.text}"


def restart(app: HubtuiApp) -> None:
    """The plan says what happens to the students' servers that run."""
    from hubtui.watchdog.restart_plan import restart_plan

    app.change(restart_plan, ["hub"])


def ask_pause(app: HubtuiApp) -> None:
    """Ask until when; Enter pauses."""
    server = app.server

    def take(text: str) -> Moment:
        meant = parse_until(text, zone_of(server.course), server.clock())
        pauses.pause(server.state, meant.at, operator(), "", server.clock())
        return meant

    def paused(meant: Moment) -> None:
        finished(app, f"Paused until {written(meant.at, meant.zone)}.")

    question = "Pause the watchdog for how long? (30m, 2h, 18:00, Mon 08:00)"
    app.ask(
        question, take, paused, value="1h", hint="Enter pauses: nothing is restarted until then"
    )


def resume(app: HubtuiApp) -> None:
    """End the pause, after a yes."""
    server = app.server

    def end() -> str:
        ended = pauses.resume(server.state, operator(), server.clock())
        return "The watchdog acts again." if ended else "It was not paused."

    def answered(yes: bool | None) -> None:
        if yes:
            app.in_thread(end, lambda said: finished(app, said))

    text = "From the next check on the watchdog restarts the hub again where that helps."
    app.push_screen(SureDialog("End the pause?", text, "Resume"), answered)


def call(app: HubtuiApp) -> None:
    """Call whoever is called, and say what came of each way."""
    from hubtui import notify

    def tried() -> list[tuple[str, str]]:
        return notify.test(app.server)

    def say(said: list[tuple[str, str]]) -> None:
        if not said:
            app.say("Nobody is called when the hub is down: set notify in course.yaml.")
        for way, wrong in said:
            app.say(f"{way}: {wrong}") if wrong else finished(app, f"{way}: sent. Did it arrive?")

    def answered(yes: bool | None) -> None:
        if yes:
            app.in_thread(tried, say)

    text = "Whoever is called when the hub is down gets a message that says that it is a test."
    app.push_screen(SureDialog("Try whether a call comes through?", text, "Call"), answered)
