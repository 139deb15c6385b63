"""The pane reads the files again only where they changed, and never more than it shows."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from hubtui import pauses
from hubtui.server import Server
from hubtui.tui import watch_look
from hubtui.tui.watch_look import Watcher
from hubtui.watchdog import incidents
from hubtui.watchdog.records import State
from tests import watch_on_disk as disk
from tests.snapshots import watch_scenes


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return watch_scenes.server(tmp_path)


def test_where_nothing_changed_it_is_the_same_object(server: Server) -> None:
    watch_scenes.healthy(server)
    watcher = Watcher(server)
    first = watcher.look(shown=True)
    assert first.history is not None
    assert len(first.samples) > 1000
    assert watcher.look(shown=True) is first
    assert watcher.look(shown=True, fresh=True) is not first


def test_only_the_state_is_read_while_another_pane_is_shown(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch_scenes.healthy(server)
    monkeypatch.setattr(watch_look, "history", None)  # would fail if it were called
    seen = Watcher(server).look(shown=False)
    assert seen.now is not None
    assert (seen.samples, seen.history) == ((), None)


def test_a_new_check_is_seen_and_the_history_is_not_read_for_it(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch_scenes.healthy(server)
    watcher = Watcher(server)
    before = watcher.look(shown=True)
    monkeypatch.setattr(watch_look, "history", None)
    disk.now(server, state=State.DOWN, text="The hub is gone.")
    after = watcher.look(shown=True)
    assert after.now is not None
    assert after.now.state is State.DOWN
    assert after.history is before.history


def test_a_new_incident_is_seen(server: Server) -> None:
    found = disk.history(server)
    watcher = Watcher(server)
    before = watcher.look(shown=True)
    incidents.record(server.state, msgspec.structs.replace(found[0], id=f"{found[0].id}-again"))
    after = watcher.look(shown=True)
    assert len(after.incidents) == len(before.incidents) + 1


def test_a_broken_record_is_named_and_what_is_older_stays(server: Server) -> None:
    found = disk.history(server)
    watcher = Watcher(server)
    before = watcher.look(shown=True)
    month = server.state / incidents.FOLDER / f"{found[0].at:%Y-%m}.jsonl"
    month.write_text(month.read_text() + "{broken\n")
    after = watcher.look(shown=True)
    assert "broken" in after.missing[0].why
    assert after.incidents == before.incidents


def test_a_pause_is_over_when_its_time_is(server: Server) -> None:
    at = server.clock()
    pauses.pause(server.state, at + timedelta(minutes=5), "eva", "", at)
    now = [at]
    watcher = Watcher(dataclasses.replace(server, clock=lambda: now[0]))
    assert watcher.look(shown=True).pause is not None
    now[0] = at + timedelta(minutes=6)
    assert watcher.look(shown=True).pause is None


def test_a_folder_of_roots_is_hidden_and_not_empty(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_path: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "stat", refused)
    assert Watcher(server).look(shown=False).hidden


def test_nobody_is_called_where_nothing_is_set(tmp_path: Path) -> None:
    assert not Watcher(watch_scenes.server(tmp_path, called=False)).look(shown=False).called
    assert Watcher(watch_scenes.server(tmp_path)).look(shown=False).called
