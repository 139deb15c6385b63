"""The ledger of deliveries: what a kill in the middle of a write leaves, and what is carried on."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hubtui.errors import StateError
from hubtui.release import ledger
from hubtui.release.desk import Outcome
from hubtui.release.ledger import Ledger

AT = datetime(2026, 11, 23, 8, tzinfo=UTC)
KILLED = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("pragma journal_mode = delete")
connection.execute("pragma cache_size = 1")  # pages go to the disk before the end
connection.execute("begin immediate")
connection.execute("delete from deliveries")
connection.execute("create table filler (text)")
connection.executemany("insert into filler values (?)", [("x" * 4000,)] * 200)
os.kill(os.getpid(), signal.SIGKILL)
"""
"""What the first write of all does, stopped where its pages are half written."""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    book = Ledger(tmp_path)
    book.note(20001, [outcome(new=12)], "run-1", AT)
    book.close()
    return tmp_path


def outcome(version: int = 1, **counts: int) -> Outcome:
    return Outcome(sheet="week01", version=version, counts=counts)


def test_what_a_kill_left_half_written_is_rolled_back_by_whoever_looks(state: Path) -> None:
    file = ledger.path(state)
    killed = subprocess.run([sys.executable, "-c", KILLED, str(file)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert Path(f"{file}-journal").stat().st_size, "there is no half-written page: no test"
    with pytest.raises(sqlite3.OperationalError, match="readonly"):  # the positive control
        sqlite3.connect(f"file:{file}?mode=ro", uri=True).execute("select * from deliveries")
    found = ledger.read(state)
    assert found[20001, "week01"].counts == {"new": 12}


def test_no_ledger_is_begun_by_looking(tmp_path: Path) -> None:
    assert ledger.read(tmp_path) == {}
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_ledger_is_named_and_left(state: Path) -> None:
    ledger.path(state).write_bytes(b"something else" * 100)
    with pytest.raises(StateError, match=r"deliveries\.sqlite cannot be used"):
        ledger.read(state)
    assert ledger.path(state).read_bytes().startswith(b"something else")


def test_a_newer_ledger_is_refused(state: Path) -> None:
    connection = sqlite3.connect(ledger.path(state))
    connection.execute("pragma user_version = 9")
    connection.close()
    with pytest.raises(StateError, match="newer hubtui"):
        ledger.read(state)


def test_readers_and_a_writer_do_not_wait_for_each_other(state: Path) -> None:
    writer = Ledger(state)
    writer.note(20002, [outcome(new=1)], "run-2", AT)
    assert writer._connection is not None
    writer._connection.execute("begin immediate")
    assert set(ledger.read(state)) == {(20001, "week01"), (20002, "week01")}
    writer._connection.execute("rollback")
    writer.close()
    assert [file.name for file in (state / "ledger").iterdir()] == ["deliveries.sqlite"]
