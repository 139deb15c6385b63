"""The first screen with pilot keys: what stays where, what hangs, where a key leads."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.strip import Strip
from textual.widgets import Input

from hubtui.findings import Finding, Severity
from hubtui.glance import put_off
from hubtui.glance.gather import Gatherer, PutOffs, Source
from hubtui.glance.records import PutOff, part
from hubtui.server import Server
from hubtui.tui.accounts import AccountsPane
from hubtui.tui.app import HubtuiApp
from hubtui.tui.bars import Detail, Line
from hubtui.tui.dialogs import AskDialog, SureDialog
from hubtui.tui.exam_page import ExamPage
from hubtui.tui.finding_list import FindingList
from hubtui.tui.glance import FindingPage, GlancePane
from hubtui.tui.glance_words import line as words_of
from hubtui.tui.pane import Pane
from tests.snapshots import glance_scenes as glances
from tests.snapshots import scenes
from tests.snapshots.showing import CONFIG, Given

SIZE = (80, 24)


def _nothing(
    _server: Server, _at: datetime, found: Sequence[Finding]
) -> tuple[list[Finding], list[PutOff]]:
    return list(found), []


class Told:
    """A glance of one source, which finds what it is told to. ``split``: what is put off."""

    def __init__(self, *findings: Finding, split: PutOffs = _nothing) -> None:
        self.findings, self._split = findings, split
        self.text = "fine"

    def __call__(self, server: Server) -> Gatherer:
        def look(_ground: object) -> Any:
            return part("hub", "hub", self.text, findings=self.findings)

        sources = [Source("hub", "hub", look, every=0.0)]
        return Gatherer(server, sources, lambda _: None, self._split)


def finding(name: str, severity: Severity = Severity.WARNING, **more: str) -> Finding:
    return Finding(id=name, severity=severity, text=f"This is {name}.", **more)


def some(count: int) -> list[Finding]:
    return [finding(f"a{number:02}") for number in range(count)]


def app_of(tmp_path: Path, told: Callable[[Server], Gatherer], **more: Any) -> HubtuiApp:
    server = scenes.server_on_paper(tmp_path)
    given = Given(server, scenes.class_on_a_bad_day(tmp_path))
    return HubtuiApp(server, CONFIG, looker=given, gather=told, **more)


async def until(pilot: Pilot[Any], what: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it never came"
        await pilot.pause(0.02)
    await pilot.pause()


def pane(pilot: Pilot[Any]) -> GlancePane:
    found = pilot.app.screen
    assert isinstance(found, GlancePane)
    return found


def listed(pilot: Pilot[Any]) -> FindingList:
    return pane(pilot).query_one(FindingList)


async def shows(pilot: Pilot[Any], count: int) -> None:
    await until(pilot, lambda: len(listed(pilot).items) == count)


async def tells(pilot: Pilot[Any], told: Told, *findings: Finding) -> None:
    """The source finds something else, and is looked at again."""
    told.findings = findings
    await pilot.press("r")
    wanted = {each.key for each in findings}
    await until(pilot, lambda: {item.key for item in listed(pilot).items} == wanted)


def seen(pilot: Pilot[Any]) -> list[str]:
    """The keys of the findings that are on the screen, from the top."""
    found = listed(pilot)
    return [item.key for item in found.items[found.top :][: found.fitting]]


# --- what stays where -----------------------------------------------------------------------------


async def test_the_glance_comes_first(tmp_path: Path) -> None:
    async with app_of(tmp_path, Told()).run_test(size=SIZE) as pilot:
        await until(pilot, lambda: isinstance(pilot.app.screen, GlancePane))
        assert pilot.app.focused is listed(pilot)


async def test_the_cursor_stays_on_its_finding(tmp_path: Path) -> None:
    told = Told(*some(3))
    async with app_of(tmp_path, told).run_test(size=SIZE) as pilot:
        await shows(pilot, 3)
        await pilot.press("down")
        assert listed(pilot).cursor_key == "a01"
        await tells(pilot, told, finding("worse", Severity.CRITICAL), *some(3))
        assert listed(pilot).items[0].key == "worse"
        assert listed(pilot).cursor_key == "a01"


async def test_a_cursor_that_nobody_moved_stays_on_the_worst(tmp_path: Path) -> None:
    told = Told(*some(3))
    async with app_of(tmp_path, told).run_test(size=SIZE) as pilot:
        await shows(pilot, 3)
        await tells(pilot, told, finding("worse", Severity.CRITICAL), *some(3))
        assert listed(pilot).cursor_key == "worse"


async def test_the_cursor_goes_to_the_next_where_its_finding_is_gone(tmp_path: Path) -> None:
    told = Told(*some(3))
    async with app_of(tmp_path, told).run_test(size=SIZE) as pilot:
        await shows(pilot, 3)
        await pilot.press("down")
        await tells(pilot, told, *[f for f in some(3) if f.key != "a01"])
        assert listed(pilot).cursor_key == "a02"


async def test_what_is_on_the_screen_stays_where_it_is(tmp_path: Path) -> None:
    told = Told(*some(12))
    async with app_of(tmp_path, told).run_test(size=SIZE) as pilot:
        await shows(pilot, 12)
        await pilot.press(*["down"] * 9, "up")
        before = seen(pilot)
        assert before == ["a05", "a06", "a07", "a08", "a09"]
        worse = [finding(f"b{number}", Severity.CRITICAL) for number in range(2)]
        await tells(pilot, told, *worse, *some(12))
        assert seen(pilot) == before
        assert listed(pilot).cursor_key == "a08"


async def test_at_most_five_are_shown_and_the_rest_counted(tmp_path: Path) -> None:
    async with app_of(tmp_path, Told(*some(8))).run_test(size=SIZE) as pilot:
        await shows(pilot, 8)
        assert seen(pilot) == ["a00", "a01", "a02", "a03", "a04"]
        last = "".join(segment.text for segment in listed(pilot).render_line(10))
        assert last.strip() == "and 3 more"


async def test_what_has_not_changed_is_not_painted_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    painted: list[int] = []
    paint = FindingList.render_line

    def noted(self: FindingList, y: int) -> Strip:
        painted.append(y)
        return paint(self, y)

    monkeypatch.setattr(FindingList, "render_line", noted)
    told = Told(*some(3))
    async with app_of(tmp_path, told).run_test(size=SIZE) as pilot:
        await shows(pilot, 3)
        await pilot.pause(0.3)
        painted.clear()
        told.text = "otherwise"
        await pilot.press("r")
        await until(pilot, lambda: "otherwise" in _lines(pilot))
        assert painted == []
        await pilot.press("down")
        await pilot.pause()
        assert sorted(painted) == [0, 1, 2, 3]


def _lines(pilot: Pilot[Any]) -> str:
    glance = pane(pilot).glance
    assert glance is not None
    return "\n".join(words_of(each, glance.at).plain for each in glance.lines)


# --- what hangs -----------------------------------------------------------------------------------


async def test_a_source_that_hangs_delays_its_own_line_alone(tmp_path: Path) -> None:
    hangs = threading.Event()
    found = glances.parts(glances.WELL, {})
    found["machine"] = hangs
    beats: list[float] = []

    async def beat() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.005)
            beats.append(time.perf_counter() - began)

    async with app_of(tmp_path, glances.gathers(found)).run_test(size=SIZE) as pilot:
        beating = asyncio.create_task(beat())
        began = time.monotonic()
        await until(pilot, lambda: pane(pilot).glance is not None)
        lines = pane(pilot).query_one("#lines", Detail)
        place = lines.region
        await until(pilot, lambda: "61 days" in _lines(pilot))
        assert time.monotonic() - began < 5  # against hanging
        await until(pilot, lambda: "no answer for" in _lines(pilot))
        assert "could not be looked at" in listed(pilot).items[0].text
        assert lines.region == place
        await pilot.press("2")
        await until(pilot, lambda: isinstance(pilot.app.screen, Pane))
        top = pilot.app.screen.query_one("#top", Line).text.plain
        assert "1 Glance ?" in top
        await pilot.press("1")
        hangs.set()
        await until(pilot, lambda: "4.1 GB" in _lines(pilot))
        await until(pilot, lambda: not listed(pilot).items)
        beating.cancel()
    assert max(beats) < 2  # it never waited for the source


# --- where a key leads ----------------------------------------------------------------------------


async def test_g_leads_to_the_row(tmp_path: Path) -> None:
    told = Told(finding("it", pane="accounts", row="moved"))
    async with app_of(tmp_path, told).run_test(size=SIZE) as pilot:
        await shows(pilot, 1)
        assert listed(pilot).items[0].cap == "3 ›"
        await pilot.press("g")
        await until(pilot, lambda: isinstance(pilot.app.screen, AccountsPane))
        accounts = pilot.app.screen
        assert isinstance(accounts, AccountsPane)
        await until(pilot, lambda: accounts.table.cursor_key == "moved")
        await pilot.press("up", "1")
        await until(pilot, lambda: isinstance(pilot.app.screen, GlancePane))
        await pilot.press("enter", "g")
        await until(pilot, lambda: isinstance(pilot.app.screen, AccountsPane))
        await until(pilot, lambda: accounts.table.cursor_key == "moved")


async def test_a_filter_that_hides_the_row_is_taken_away(tmp_path: Path) -> None:
    told = Told(finding("it", pane="accounts", row="moved"))
    async with app_of(tmp_path, told).run_test(size=SIZE) as pilot:
        await shows(pilot, 1)
        await pilot.press("3")
        await until(pilot, lambda: isinstance(pilot.app.screen, AccountsPane))
        accounts = pilot.app.screen
        assert isinstance(accounts, AccountsPane)
        await until(pilot, lambda: bool(accounts.table.keys))
        await pilot.press("slash", *"tidy", "enter", "1", "g")
        await until(pilot, lambda: accounts.table.cursor_key == "moved")


async def test_a_row_that_is_not_there_leads_to_the_pane(tmp_path: Path) -> None:
    told = Told(finding("it", pane="accounts", row="gone"), finding("other", pane="nowhere"))
    async with app_of(tmp_path, told).run_test(size=SIZE) as pilot:
        await shows(pilot, 2)
        await pilot.press("down", "g")
        assert isinstance(pilot.app.screen, GlancePane)
        await pilot.press("up", "g")
        await until(pilot, lambda: isinstance(pilot.app.screen, AccountsPane))


async def test_a_click_chooses_and_a_click_on_the_key_goes(tmp_path: Path) -> None:
    told = Told(finding("one"), finding("two", pane="accounts"))
    async with app_of(tmp_path, told).run_test(size=SIZE) as pilot:
        await shows(pilot, 2)
        await pilot.click(FindingList, offset=(10, 3))
        await until(pilot, lambda: listed(pilot).cursor_key == "two")
        await pilot.click(FindingList, offset=(10, 2))
        await until(pilot, lambda: isinstance(pilot.app.screen, FindingPage))
        await pilot.press("escape")
        await pilot.click(FindingList, offset=(77, 2))
        await until(pilot, lambda: isinstance(pilot.app.screen, AccountsPane))


async def test_y_copies_the_command_alone(tmp_path: Path) -> None:
    told = Told(finding("one", do="At night: sudo reboot"), finding("two", do="Wait a minute."))
    async with app_of(tmp_path, told).run_test(size=SIZE) as pilot:
        await shows(pilot, 2)
        await pilot.press("y")
        assert pilot.app.clipboard == "sudo reboot"
        await pilot.press("down", "enter", "y")
        assert pilot.app.clipboard == "sudo reboot"


async def test_who_may_only_look_puts_nothing_off(tmp_path: Path) -> None:
    app = app_of(tmp_path, Told(finding("one")), read_only=True)
    async with app.run_test(size=SIZE) as pilot:
        await shows(pilot, 1)
        await pilot.press("p")
        await pilot.press("t")
        assert isinstance(pilot.app.screen, GlancePane)


async def test_e_opens_the_exam_check_and_escape_leads_back(tmp_path: Path) -> None:
    async with app_of(tmp_path, Told()).run_test(size=SIZE) as pilot:
        await until(pilot, lambda: pane(pilot).glance is not None)
        await pilot.press("e")
        await until(pilot, lambda: isinstance(pilot.app.screen, ExamPage))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, GlancePane))


async def test_nothing_is_looked_at_below_a_dialog(tmp_path: Path) -> None:
    told = Told(*some(2))
    app = app_of(tmp_path, told)
    async with app.run_test(size=SIZE) as pilot:
        await shows(pilot, 2)
        await pilot.press("question_mark")
        told.findings = ()
        app.glancing.soon()
        await pilot.pause(0.5)
        below = app.screen_stack[0].query_one(FindingList)
        assert len(below.items) == 2
        await pilot.press("escape")
        await shows(pilot, 0)


async def test_until_when_is_asked(tmp_path: Path) -> None:
    async with app_of(tmp_path, Told(finding("one"))).run_test(size=SIZE) as pilot:
        await shows(pilot, 1)
        await pilot.press("p")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskDialog))


async def test_what_is_put_off_goes_and_can_be_brought_back(tmp_path: Path) -> None:
    told = Told(finding("one"), finding("two"), split=put_off.split)
    (tmp_path / "state").mkdir(mode=0o711)
    async with app_of(tmp_path, told).run_test(size=SIZE) as pilot:
        await shows(pilot, 2)
        await pilot.press("down", "p")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskDialog))
        pilot.app.screen.query_one(Input).value = "yesterday"
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.screen.has_class("wrong"))
        pilot.app.screen.query_one(Input).value = "2 d"
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, GlancePane))
        await shows(pilot, 1)
        assert listed(pilot).cursor_key == "one"
        await pilot.press("o", "end")
        await shows(pilot, 2)
        assert "put off until Wed 25 Nov, 12:00" in listed(pilot).items[1].do
        await pilot.press("p")
        await until(pilot, lambda: isinstance(pilot.app.screen, SureDialog))
        await pilot.press("tab", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, GlancePane))
        await until(pilot, lambda: "put off" not in listed(pilot).items[1].do)
