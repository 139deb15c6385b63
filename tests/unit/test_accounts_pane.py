"""The accounts pane at the end of a year: its rows, its filter, and what is asked before a plan."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from rich.text import Text

from hubtui.drift.records import Code, Drift, Mends
from hubtui.errors import Refused, UsageError
from hubtui.server import Server
from hubtui.tui import account_rows
from hubtui.tui.accounts import AccountsPane
from hubtui.tui.app import HubtuiApp
from hubtui.tui.look import Look
from hubtui.tui.repairing import RepairDialog, planner
from hubtui.tui.retiring import RetireDialog, terms_of
from tests.snapshots import year_scenes
from tests.snapshots.scenes import HOSTILE, server_on_paper
from tests.snapshots.showing import CONFIG, Given, calm, doing
from tests.unit.surveys import NOON


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    return year_scenes.course_of(server_on_paper(tmp_path))


@pytest.fixture
def look(server: Server, tmp_path: Path) -> Look:
    return year_scenes.look(server, tmp_path)


def app_of(server: Server, look: Look, *, read_only: bool = False) -> HubtuiApp:
    given = Given(server, look)
    return HubtuiApp(
        server, CONFIG, pane="accounts", read_only=read_only, looker=given, gather=calm
    )


# --- rows -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_that_wants_to_do_harm_is_a_row_of_plain_letters(look: Look, name: str) -> None:
    strange = {name: (Drift(code=Code.HUB_USER_ALONE, name=name, text="x", short="alone"),)}
    entry = account_rows.rows(dataclasses.replace(look, strange=strange))[name]
    first = entry.row[0]
    assert isinstance(first, Text)
    assert first.plain.isprintable()
    assert not first.spans
    assert all(line.isprintable() for line in entry.detail().plain.splitlines())


def test_a_removal_that_did_not_end_is_a_row_though_the_account_is_gone(look: Look) -> None:
    begun = msgspec.structs.replace(look.survey.leaving["ruby-owl"], name="half-gone", uid=20099)
    seen = dataclasses.replace(look.survey, leaving={"half-gone": begun})
    entry = account_rows.rows(dataclasses.replace(look, survey=seen))["half-gone"]
    assert "removal not finished" in entry.search
    assert "x goes on with it" in entry.detail().plain


def test_who_leaves_is_told_with_the_date_and_is_nothing_to_look_at(look: Look) -> None:
    entry = account_rows.rows(look)["ruby-owl"]
    assert "goes sat 05 dec" in entry.search
    assert not entry.odd
    late = dataclasses.replace(look.survey, at=NOON + timedelta(days=30))
    assert (
        "due to go" in account_rows.rows(dataclasses.replace(look, survey=late))["ruby-owl"].search
    )


def test_a_removal_that_failed_is_not_said_to_be_only_switched_off(look: Look) -> None:
    one = look.survey.leaving["ruby-owl"]
    failed = msgspec.structs.replace(one, until=one.since)
    seen = dataclasses.replace(look.survey, leaving={"ruby-owl": failed})
    entry = account_rows.rows(dataclasses.replace(look, survey=seen))["ruby-owl"]
    assert "removal not finished" in entry.search
    assert "x goes on with it" in entry.detail().plain


def test_somebody_new_of_the_same_name_does_not_leave(look: Look) -> None:
    other = msgspec.structs.replace(look.survey.leaving["ruby-owl"], uid=1)
    seen = dataclasses.replace(look.survey, leaving={"ruby-owl": other})
    assert (
        "goes" not in account_rows.rows(dataclasses.replace(look, survey=seen))["ruby-owl"].search
    )


# --- the filter -----------------------------------------------------------------------------------


async def test_d_shows_what_is_to_be_looked_at_until_esc(server: Server, look: Look) -> None:
    app = app_of(server, look)
    async with app.run_test(size=(80, 24)) as pilot:
        await doing("d")(pilot)
        pane = app.screen
        assert isinstance(pane, AccountsPane)
        assert set(pane.table.keys) == set(look.strange)
        pane.seek("teal-crane")  # from the glance: somebody of whom all is well
        assert pane.table.cursor_key == "teal-crane"
        await pilot.press("d", "escape")
        assert len(pane.table.keys) == len(pane.entries)


# --- what is asked --------------------------------------------------------------------------------


async def test_nothing_is_decided_but_what_is_safe(server: Server, look: Look) -> None:
    found = [one for same in look.strange.values() for one in same]
    found.append(Drift(code=Code.SHARED_UID, name="x", text="x", do="getent passwd x"))
    dialog = RepairDialog(found)
    app = app_of(server, look)
    async with app.run_test(size=(80, 24)) as pilot:
        await doing(screen=lambda: dialog)(pilot)
        safe = {one.key for one in found if one.mends is Mends.SAFELY}
        assert set(dialog.answers) == safe
        await pilot.press("end", "1")  # by hand: there is nothing to choose
        assert set(dialog.answers) == safe
        dialog._table.move_to(year_scenes.OLD_HOME.key)
        await pilot.press("9", "2")
        assert dialog.answers[year_scenes.OLD_HOME.key] == "adopt"
        await pilot.press("0")
        assert set(dialog.answers) == safe


async def test_without_any_answer_there_is_no_plan(server: Server, look: Look) -> None:
    app = app_of(server, look)
    async with app.run_test(size=(80, 24)) as pilot:
        await doing("d", "end", "f", "enter")(pilot)
        assert isinstance(app.screen, RepairDialog)


@pytest.mark.parametrize("key", ["f", "x", "u"])
async def test_who_may_only_look_is_asked_nothing(server: Server, look: Look, key: str) -> None:
    app = app_of(server, look, read_only=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await doing("plus", key)(pilot)
        assert isinstance(app.screen, AccountsPane)
        assert "only looks" in str([each.message for each in app._notifications])


async def test_what_cannot_be_understood_is_said_and_stays(server: Server, look: Look) -> None:
    app = app_of(server, look)
    async with app.run_test(size=(80, 24)) as pilot:
        await doing("plus", "x", "x", "enter")(pilot)
        assert isinstance(app.screen, RetireDialog)


def test_it_is_mended_already(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hubtui.tui.repairing.survey", lambda _server: None)
    monkeypatch.setattr("hubtui.drift.whole", lambda _server, _seen: ())
    with pytest.raises(Refused, match="as it should be by now"):
        planner({})(server, ["home-open:anna"])


@pytest.mark.parametrize(
    ("when", "until"),
    [
        ("now", None),
        (" Now ", None),
        ("", None),
        ("14d", NOON + timedelta(days=14)),
        ("14 d", NOON + timedelta(days=14)),
        ("2026-12-24", datetime(2026, 12, 23, 23, tzinfo=UTC)),
        ("2026-12-24 08:00", datetime(2026, 12, 24, 7, tzinfo=UTC)),
    ],
)
def test_when_they_go(server: Server, when: str, until: datetime | None) -> None:
    assert terms_of(server.course, NOON, when, "90", "") == (until, 90, None)


@pytest.mark.parametrize(
    "typed",
    [("never", "90", ""), ("2020-01-01", "90", ""), ("now", "0", ""), ("now", "9999", ""),
     ("now", "soon", ""), ("now", "90", "archives")],
)  # fmt: skip
def test_what_is_no_answer(server: Server, typed: tuple[str, str, str]) -> None:
    with pytest.raises(UsageError):
        terms_of(server.course, NOON, *typed)
