"""The watchdog pane against a real hub: it is killed, restarted, paused; its log is followed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from textual.pilot import Pilot

from hubtui import course as courses
from hubtui import pauses
from hubtui.server import server_of
from hubtui.tui.app import HubtuiApp
from hubtui.tui.dialogs import SureDialog
from hubtui.tui.log_view import LogView
from hubtui.tui.watch_log import LogPage
from hubtui.tui.watchdog import WatchdogPane
from hubtui.watchdog.records import Outcome, State
from tests.course_on_disk import CONFIG
from tests.piloted import confirmed, eventually, typed
from tests.sandboxed import Machine
from tests.watched import Watched, watched

pytestmark = pytest.mark.hub


@pytest.fixture
def course(machine: Machine) -> Iterator[Watched]:
    with watched(machine) as found:
        yield found


def app(*, read_only: bool = False) -> HubtuiApp:
    server = server_of(courses.load(CONFIG))
    return HubtuiApp(server, CONFIG, pane="watchdog", read_only=read_only)


def shows(pilot: Pilot[int], state: State | None) -> Callable[[], bool]:
    """Whether the pane shows this state; None: that nobody watches."""

    def said() -> bool:
        screen = pilot.app.screen
        if not isinstance(screen, WatchdogPane) or screen.look is None:
            return False
        now = screen.look.watch.now
        return (now.state if now is not None else None) == state

    return said


async def test_a_hub_that_is_gone_comes_back_by_a_check_from_the_pane(course: Watched) -> None:
    course.check()
    async with app().run_test(size=(80, 24)) as pilot:
        await eventually(pilot, shows(pilot, State.UP))
        course.kill(course.hub_pid)
        await pilot.press("n")
        screen = pilot.app.screen
        assert isinstance(screen, WatchdogPane)
        await eventually(pilot, lambda: len(screen.entries) == 1, seconds=60)
        await eventually(pilot, lambda: course.is_up(), seconds=60)
        await eventually(pilot, shows(pilot, State.UP), seconds=60)
        (row,) = screen.entries.values()
        assert "watchdog" in row.search
        assert "restarted by watchdog" in row.detail().plain


async def test_where_nobody_watches_a_check_is_asked_for_first(course: Watched) -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        await eventually(pilot, shows(pilot, None))
        await pilot.press("n")
        await eventually(pilot, lambda: isinstance(pilot.app.screen, SureDialog))
        await pilot.press("tab", "enter")
        await eventually(pilot, shows(pilot, State.UP), seconds=60)


async def test_a_restart_is_a_plan_and_stands_in_the_history_with_who_asked(
    course: Watched,
) -> None:
    course.check()
    before = course.hub_pid
    async with app().run_test(size=(80, 24)) as pilot:
        await eventually(pilot, shows(pilot, State.UP))
        await pilot.press("R")
        dialog = await confirmed(pilot, "tab", "tab", "enter")
        assert dialog.outcome is not None
        assert dialog.outcome.good, dialog.states
        await pilot.press("escape")
        await eventually(pilot, lambda: isinstance(pilot.app.screen, WatchdogPane))
        screen = pilot.app.screen
        assert isinstance(screen, WatchdogPane)
        await eventually(pilot, lambda: len(screen.entries) == 1)
    assert course.hub_pid != before
    (incident,) = course.incidents()
    assert incident.restarts[-1].outcome is Outcome.UP
    assert incident.restarts[-1].by != "watchdog"


async def test_a_pause_holds_until_it_is_ended(course: Watched) -> None:
    course.check()
    server = course.server
    async with app().run_test(size=(80, 24)) as pilot:
        await eventually(pilot, shows(pilot, State.UP))
        await pilot.press("p")
        await typed(pilot, "2h")

        def paused() -> bool:
            screen = pilot.app.screen
            return (
                isinstance(screen, WatchdogPane)
                and screen.look is not None
                and screen.look.watch.pause is not None
            )

        await eventually(pilot, paused)
        assert pauses.paused(server.state, server.clock()) is not None
        await pilot.press("u")
        await eventually(pilot, lambda: isinstance(pilot.app.screen, SureDialog))
        await pilot.press("tab", "enter")
        await eventually(pilot, lambda: pauses.paused(server.state, server.clock()) is None)


async def test_who_may_only_look_changes_nothing(course: Watched) -> None:
    course.check()
    before, hub = course.now, course.hub_pid
    async with app(read_only=True).run_test(size=(80, 24)) as pilot:
        await eventually(pilot, shows(pilot, State.UP))
        await pilot.press("n", "R", "p", "u", "t")
        await pilot.pause(1)
        assert isinstance(pilot.app.screen, WatchdogPane)
        assert not {key.action for key in pilot.app.screen.keys} & {"check", "restart", "pause"}
    assert (course.now, course.hub_pid) == (before, hub)
    assert pauses.read(course.server.state).pause is None


async def test_the_log_is_followed_as_the_hub_writes_it(course: Watched) -> None:
    course.check()
    course.kill(course.hub_pid)
    course.check()  # its log is a file from now on
    async with app().run_test(size=(120, 40)) as pilot:
        await eventually(pilot, shows(pilot, State.UP))
        await pilot.press("l")
        await eventually(pilot, lambda: isinstance(pilot.app.screen, LogPage))
        view = pilot.app.screen.query_one(LogView)
        await eventually(pilot, lambda: view.count > 0)
        before = view.count
        course.is_up()  # asks for the log-in page, which the hub writes down
        await eventually(pilot, lambda: view.count > before)
        view.look_for("/hub/login")
        assert view.go_to_next(-1)
        began = time.monotonic()
        await pilot.press("escape")
        await eventually(pilot, lambda: isinstance(pilot.app.screen, WatchdogPane))
        assert time.monotonic() - began < 20
