"""The end of a year through the app: what drifted is mended, who leaves is switched off, comes
back, and goes; each by the keys, at a real hub."""

from __future__ import annotations

import pwd
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from hubtui.leaving import read_leaving
from hubtui.tui.accounts import AccountsPane
from hubtui.tui.app import HubtuiApp
from hubtui.tui.dialogs import Page, PlanDialog
from hubtui.tui.repairing import RepairDialog
from tests.course_on_disk import CONFIG, ROSTER
from tests.leavers import Leavers, digest
from tests.piloted import back, confirmed, eventually
from tests.sandboxed import Machine
from tests.yearly import YearsHub

pytestmark = pytest.mark.hub


@pytest.fixture
def year(years_hub: YearsHub, _machine: Machine) -> Leavers:
    return Leavers.of(years_hub, _machine)


def pane(pilot: Pilot[int]) -> AccountsPane:
    found = pilot.app.screen
    assert isinstance(found, AccountsPane)
    return found


async def row(pilot: Pilot[int], name: str, words: str) -> None:
    """Wait until the row is there and says so, and put the cursor on it."""

    def said() -> bool:
        found = pilot.app.screen
        if not isinstance(found, AccountsPane) or name not in found.entries:
            return False
        return words in found.entries[name].search

    await eventually(pilot, said)
    pane(pilot).seek(name)
    await pilot.pause()


async def asked(pilot: Pilot[int], when: str) -> PlanDialog:
    """x was pressed: say when, and wait for the plan."""
    await eventually(pilot, lambda: bool(pilot.app.screen.query("#when")))
    pilot.app.screen.query_one("#when", Input).value = when
    await pilot.press("enter")
    await eventually(pilot, lambda: bool(pilot.app.screen.query("#typed")))
    found = pilot.app.screen
    assert isinstance(found, PlanDialog)
    return found


async def typed(pilot: Pilot[int], course: str, then: type = AccountsPane) -> None:
    """Type the course's name; Enter goes to the button, a second one presses it."""
    pilot.app.screen.query_one("#typed", Input).value = course
    await pilot.pause()
    dialog = await confirmed(pilot, "enter", "enter")
    assert dialog.outcome is not None
    assert dialog.outcome.good, dialog.states
    await back(pilot, then)


async def test_a_year_ends_by_its_keys(year: Leavers) -> None:
    homes = {name: year.student(name, at_the_hub=True) for name in ("app-anna", "app-bert")}
    homes["app-anna"].chmod(0o755)
    with ROSTER.open("a") as file:
        file.write("app-gone\n")
    uid, course = pwd.getpwnam("app-bert").pw_uid, year.server.course.course
    app = HubtuiApp(year.server, CONFIG, pane="accounts")
    async with app.run_test(size=(120, 40)) as pilot:
        # What is safe is mended at once; what is to be decided is asked for.
        await row(pilot, "app-anna", "home open to others")
        await row(pilot, "app-gone", "in the roster")
        await pilot.press("d")
        assert set(pane(pilot).table.keys) == {"app-anna", "app-gone"}
        await pilot.press("plus", "f")
        await eventually(pilot, lambda: isinstance(app.screen, RepairDialog))
        await pilot.press("1", "enter")
        dialog = await confirmed(pilot, "tab", "tab", "enter")  # cancel stands first
        assert dialog.outcome is not None
        assert dialog.outcome.good, dialog.states
        await back(pilot, AccountsPane)
        await eventually(pilot, lambda: not pane(pilot).table.keys)
        assert homes["app-anna"].stat().st_mode & 0o777 == 0o700
        assert "app-gone" not in ROSTER.read_text().split()
        await pilot.press("escape")

        # Both are switched off for two weeks, one comes back.
        before = digest(homes["app-anna"])
        await eventually(pilot, lambda: len(pane(pilot).table.keys) == 2)
        await pilot.press("plus", "x")
        plan = await asked(pilot, "14d")
        assert "Only switched off now" in plan._words.about[1]
        await typed(pilot, course)
        assert set(read_leaving(year.server.state)) == {"app-anna", "app-bert"}
        assert not year.can_log_in("app-anna")
        await row(pilot, "app-anna", "goes")
        await pilot.press("u")
        await confirmed(pilot)
        await back(pilot, AccountsPane)
        year.as_ever("app-anna", before)

        # The other goes before its time.
        await row(pilot, "app-bert", "goes")
        await pilot.press("x")
        plan = await asked(pilot, "now")
        assert plan._words.about[0].endswith(", 1 before the day that was set")
        assert "They go now, for good" in plan._words.about[1]
        await typed(pilot, course, then=Page)
        receipt = str(app.screen.query(Static)[1].render())
        assert str(uid) in receipt
        assert "app-bert" not in receipt
        await back(pilot, AccountsPane)
        await eventually(pilot, lambda: list(pane(pilot).entries) == ["app-anna"])
    year.gone("app-bert", uid)
    kept = (file for file in year.server.state.rglob("*") if file.is_file())
    assert not [file for file in kept if b"app-bert" in file.read_bytes()]
    [archive] = (year.server.state / "archives").glob(f"{uid}-*.tar.zst")
    assert archive.stat().st_size > 0
    assert Path("/home/app-anna/work.ipynb").exists()
