"""The main job through the app, with pilot keys, against a real hub; and through the verbs."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from hubtui import course
from hubtui.demo.form import log_in, sign_up
from hubtui.demo.hub import EmbeddedHub
from hubtui.errors import HubError
from hubtui.server import server_of
from hubtui.tui.app import HubtuiApp
from hubtui.tui.bars import Line
from hubtui.tui.dialogs import Page, PlanDialog
from hubtui.tui.keyed_table import KeyedTable
from hubtui.tui.pane import Pane
from hubtui.tui.run_dialog import RunDialog
from tests.course_on_disk import CONFIG, ROSTER, TEXT, hubtui, listing
from tests.sandboxed import Machine

pytestmark = pytest.mark.hub
PASSWORD = "correct horse battery"


@pytest.fixture
def course_on_hub(machine: Machine, hub: EmbeddedHub) -> EmbeddedHub:
    """A fresh machine whose course.yaml leads to the real hub."""
    for folder, mode in ((CONFIG.parent, 0o755), (ROSTER.parent, 0o700)):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(mode)
    CONFIG.write_text(
        TEXT.replace("  url: http://127.0.0.1:8000\n", f"  url: {hub.url}\n  api: {hub.api}\n")
        .replace("sqlite:////srv/hub/jupyterhub.sqlite", hub.database)
        .replace("accounts:", f"  token_file: {hub.token_file}\n  log: {hub.log}\naccounts:", 1)
    )
    CONFIG.chmod(0o644)
    shutil.rmtree("/var/lib/hubtui", ignore_errors=True)
    machine.add_group("all_user", 20000)
    return hub


def app() -> HubtuiApp:
    return HubtuiApp(server_of(course.load(CONFIG)), CONFIG, pane="signups")


async def eventually(pilot: Pilot[int], what: Callable[[], bool], seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it never came"
        await pilot.pause(0.05)


def pane(pilot: Pilot[int]) -> Pane:
    found = pilot.app.screen
    assert isinstance(found, Pane)
    return found


async def go_to(pilot: Pilot[int], name: str) -> None:
    """Put the cursor on the sign-up of this name."""
    await eventually(pilot, lambda: name in [e.name for e in pane(pilot).entries.values()])
    key = next(k for k, e in pane(pilot).entries.items() if e.name == name)
    pane(pilot).table.move_to(key)
    await pilot.pause()


async def test_from_a_sign_up_to_a_notebook_server(course_on_hub: EmbeddedHub) -> None:
    hub = course_on_hub
    async with app().run_test(size=(120, 40)) as pilot:
        await eventually(pilot, lambda: pane(pilot).look is not None)
        began = time.monotonic()
        assert (await asyncio.to_thread(sign_up, hub.url, "app-anna", PASSWORD)).ok
        await go_to(pilot, "app-anna")
        assert time.monotonic() - began < 10  # against hanging; the beat is 1.5 s
        await pilot.press("a")
        await eventually(pilot, lambda: isinstance(pilot.app.screen, PlanDialog))
        await pilot.press("tab", "enter")
        await eventually(pilot, lambda: isinstance(pilot.app.screen, RunDialog))
        dialog = pilot.app.screen
        assert isinstance(dialog, RunDialog)
        await eventually(pilot, lambda: dialog.outcome is not None)
        assert dialog.outcome is not None
        assert dialog.outcome.good
        await pilot.press("escape")
        await eventually(pilot, lambda: isinstance(pilot.app.screen, Pane))

        session = await asyncio.to_thread(log_in, hub.url, "app-anna", PASSWORD)
        started = await asyncio.to_thread(session.start_server)
        assert started.ok, started.text
        assert await asyncio.to_thread(session.server_answers)
        uid = Path("/home/app-anna").stat().st_uid
        assert 20000 <= uid <= 20999
        servers = [p for p in psutil.process_iter() if p.name().startswith("jupyterhub-sing")]
        assert [p.uids().real for p in servers] == [uid]

        # The accounts pane sees the server, and stops it through the hub.
        await pilot.press("3")
        await eventually(pilot, lambda: "app-anna" in pane(pilot).entries)
        await eventually(pilot, lambda: "running" in pane(pilot).entries["app-anna"].search)
        await pilot.press("t")
        await eventually(pilot, lambda: isinstance(pilot.app.screen, PlanDialog))
        await pilot.press("tab", "tab", "enter")  # the default is cancel
        await eventually(pilot, lambda: isinstance(pilot.app.screen, RunDialog))
        stopping = pilot.app.screen
        assert isinstance(stopping, RunDialog)
        await eventually(pilot, lambda: stopping.outcome is not None, 60)
        assert stopping.outcome is not None
        assert stopping.outcome.good, stopping.states
    assert not [p for p in psutil.process_iter() if p.uids().real == uid]


def test_the_same_through_the_verbs(course_on_hub: EmbeddedHub) -> None:
    hub = course_on_hub
    assert sign_up(hub.url, "cli-bert", PASSWORD).ok
    row = next(r for r in listing("signups") if r["name"] == "cli-bert")
    assert row["verdict"] == "ready"
    assert hubtui("signups", "approve", "cli-bert", "--yes").returncode == 0
    session = log_in(hub.url, "cli-bert", PASSWORD)
    assert session.start_server().ok
    [account] = [r for r in listing("accounts") if r["name"] == "cli-bert"]
    assert account["server"] == "running"
    assert account["memory"] > 10_000_000
    idle = hubtui("accounts", "stop", "--idle", "60", "--yes")
    assert "No server has been idle" in idle.stdout, idle.stderr
    done = hubtui("accounts", "stop", "cli-bert", "--yes")
    assert done.returncode == 0, done.stderr
    why = hubtui("accounts", "why", "cli-bert")
    assert "✓ authorised" in why.stdout
    assert hubtui("signups", "take-back", "cli-bert", "--yes").returncode == 0
    with pytest.raises(HubError):
        log_in(hub.url, "cli-bert", PASSWORD)


def test_a_reset_log_in_works_once_it_is_shown(course_on_hub: EmbeddedHub) -> None:
    hub = course_on_hub
    assert sign_up(hub.url, "reset-carl", PASSWORD).ok
    assert hubtui("signups", "approve", "reset-carl", "--yes").returncode == 0
    done = hubtui("accounts", "reset-login", "reset-carl", "--yes")
    assert done.returncode == 0, done.stderr
    shown = next(line for line in done.stdout.splitlines() if line.startswith("One-time"))
    password = shown.rpartition(" ")[2]
    with pytest.raises(HubError):
        log_in(hub.url, "reset-carl", PASSWORD)
    assert log_in(hub.url, "reset-carl", password)
    kept = b"".join(p.read_bytes() for p in Path("/var/lib/hubtui").rglob("*") if p.is_file())
    assert password.encode() not in kept
    assert b"$2b$" not in kept


async def test_random_keys_without_a_confirmation_run_no_step(course_on_hub: EmbeddedHub) -> None:
    for name in ("keys-dora", "keys-emil"):
        sign_up(course_on_hub.url, name, PASSWORD)
    keys = [*"abceghijklmnoprstuwxyzATU23*+/?", "up", "down", "space", "escape", "home", "end"]
    chance = random.Random(7)
    async with app().run_test(size=(100, 30)) as pilot:
        await eventually(pilot, lambda: pane(pilot).look is not None)
        for _ in range(250):
            await pilot.press(chance.choice(keys))
        await pilot.pause(0.5)
    assert not list(Path("/var/lib/hubtui/runs").glob("*.json"))
    assert not list(Path("/home").glob("keys-*"))


async def test_an_account_in_use_wants_its_name_typed(
    course_on_hub: EmbeddedHub, machine: Machine
) -> None:
    home = machine.adduser("typed-fred", 1010, group="all_user")
    (home / "work").write_text("mine")
    sign_up(course_on_hub.url, "typed-fred", PASSWORD)
    async with app().run_test(size=(100, 30)) as pilot:
        await eventually(pilot, lambda: pane(pilot).look is not None)
        await go_to(pilot, "typed-fred")
        await pilot.press("a")
        await eventually(pilot, lambda: isinstance(pilot.app.focused, Input))
        assert pilot.app.screen.query_one("#yes").disabled
        await pilot.press(*"typed-fre")
        assert pilot.app.screen.query_one("#yes").disabled
        await pilot.press("d")
        await eventually(pilot, lambda: not pilot.app.screen.query_one("#yes").disabled)
        await pilot.press("escape")
        await eventually(pilot, lambda: isinstance(pilot.app.screen, Pane))
    assert not list(Path("/var/lib/hubtui/runs").glob("*.json"))


async def test_a_hub_that_is_locked_or_gone_is_said_and_keys_still_work(
    course_on_hub: EmbeddedHub,
) -> None:
    import sqlite3

    database = course_on_hub.database.removeprefix("sqlite:///")
    sign_up(course_on_hub.url, "locked-gina", PASSWORD)
    async with app().run_test(size=(100, 30)) as pilot:
        await eventually(pilot, lambda: pane(pilot).look is not None)
        holder = sqlite3.connect(database, isolation_level=None)
        holder.execute("begin exclusive")
        try:
            await pilot.press("r")
            await eventually(pilot, lambda: not pane(pilot).query_one("#notice").has_class("empty"))
            await pilot.press("question_mark")
            assert isinstance(pilot.app.screen, Page)
            await pilot.press("escape")
        finally:
            holder.execute("rollback")
            holder.close()
        await pilot.press("r")
        await eventually(pilot, lambda: pane(pilot).query_one("#notice").has_class("empty"))
        assert pane(pilot).query_one(KeyedTable).keys


async def test_a_hub_that_hangs_is_said_and_keys_still_work(course_on_hub: EmbeddedHub) -> None:
    pid = course_on_hub.pid
    assert pid is not None
    async with app().run_test(size=(120, 30)) as pilot:
        await eventually(pilot, lambda: pane(pilot).look is not None)
        os.kill(pid, signal.SIGSTOP)
        try:
            await pilot.press("3")
            await eventually(pilot, lambda: "in time" in notice(pilot), 40)
            began = time.monotonic()
            await pilot.press("question_mark")
            assert isinstance(pilot.app.screen, Page)
            assert time.monotonic() - began < 5  # against hanging
            await pilot.press("escape")
        finally:
            os.kill(pid, signal.SIGCONT)
        await pilot.press("r")
        await eventually(pilot, lambda: notice(pilot) == "", 40)


def notice(pilot: Pilot[int]) -> str:
    return pane(pilot).query_one("#notice", Line).text.plain
