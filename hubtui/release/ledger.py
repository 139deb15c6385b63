"""What each student was given: for each uid and sheet the version, and what is not as delivered.

``state_dir/ledger/deliveries.sqlite``. It says what a student *had*, so that what she deleted stays
deleted; what is in a home now is always looked at anew.
"""

from __future__ import annotations

import contextlib
import pwd
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from hubtui import typed
from hubtui.clock import stamp
from hubtui.errors import StateError
from hubtui.state import make_dir

if TYPE_CHECKING:
    from hubtui.release.desk import Outcome

FORMAT = 2
_TABLES = """
create table if not exists deliveries (
  uid integer not null, sheet text not null, version integer not null, at text not null,
  run text not null, counts text not null, listed text not null, why text not null,
  name text not null default '', primary key (uid, sheet)) without rowid;
"""
_FROM_1 = "alter table deliveries add column name text not null default ''"
_ROWS = {
    0: "select 1 where false",  # being begun, or by one that was killed
    1: "select uid, sheet, version, at, run, counts, listed, why, '' from deliveries",
    2: "select uid, sheet, version, at, run, counts, listed, why, name from deliveries",
}
"""By the format that is found."""
_WAIT = 10.0
"""Seconds to wait for another hubtui that writes at this moment."""


class Delivered(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one sheet in one home, the last time it was handed out."""

    uid: int
    sheet: str
    version: int
    at: str
    run: str
    counts: dict[str, int]
    """How many files ended in each state (workers.compare.State)."""
    listed: tuple[tuple[str, str, str], ...]
    """Path, state, why: of files that are neither new nor the same."""
    why: str = ""

    @property
    def lacking(self) -> list[str]:
        """Files that are not there by no will of the student's: given as soon as is possible."""
        return [path for path, state, _ in self.listed if state in (*LACKING, "remove")]

    @property
    def state(self) -> str:
        """The whole in a word, the worst first: see DELIVERY_STATES."""
        return state_of(self.counts)


LACKING = ("blocked", "no_space", "failed")
DELIVERY_STATES = (
    "failed",
    "no_space",
    "blocked",
    "beside",
    "kept",
    "delivered",
    "deleted",
    "same",
)


def state_of(counts: dict[str, int]) -> str:
    """One of DELIVERY_STATES: the worst of all files; deleted where the student left none."""
    for state in ("failed", "no_space", "blocked", "beside", "kept"):
        if counts.get(state):
            return state
    if counts.get("new") or counts.get("replace"):
        return "delivered"
    return "deleted" if counts.get("deleted") and not counts.get("same") else "same"


def path(state_dir: Path) -> Path:
    """Where the ledger is."""
    return state_dir / "ledger" / "deliveries.sqlite"


def read(state_dir: Path) -> dict[tuple[int, str], Delivered]:
    """Everything, by uid and sheet; nothing where no ledger was begun. Raises StateError.

    What the one before had who had this uid is left out: uids of accounts that were made and
    removed by hand are used again.
    """
    try:
        path(state_dir).stat()
    except FileNotFoundError:
        return {}
    except OSError as e:
        raise StateError(f"The ledger {path(state_dir)} cannot be read: {e.strerror}.") from e
    # Not "ro": who was killed in the middle of a write left a journal that has to be rolled back.
    with _said(state_dir):
        with contextlib.closing(_open(state_dir, "rw")) as connection:
            rows = connection.execute(_ROWS[_format(connection)]).fetchall()
        now = {(account.pw_uid, account.pw_name) for account in pwd.getpwall()}
        taken = {uid for uid, _ in now}
        return {
            (row[0], row[1]): _delivered(row)
            for row in rows
            if not row[8] or (row[0], row[8]) in now or row[0] not in taken
        }


def _delivered(row: tuple[int, str, int, str, str, str, str, str, str]) -> Delivered:
    uid, sheet, version, at, run, counts, listed, why, _ = row
    return Delivered(
        uid=uid,
        sheet=sheet,
        version=version,
        at=at,
        run=run,
        counts=typed.decode(counts, dict[str, int]),
        listed=typed.decode(listed, tuple[tuple[str, str, str], ...]),
        why=why,
    )


def forget_uids(state_dir: Path, whose: Iterable[tuple[int, str]]) -> None:
    """Take out what these uids were given under these names, and leave no trace of it in the file.

    Raises StateError.
    """
    if not path(state_dir).exists():
        return
    with _said(state_dir), contextlib.closing(_open(state_dir, "rw")) as connection:
        found = _format(connection)
        if found == 0:
            return
        connection.execute("pragma secure_delete = on")
        connection.execute("begin immediate")
        if found > 1:
            sql = "delete from deliveries where uid = ? and name in ('', ?)"
            connection.executemany(sql, whose)
        else:
            rows = [(uid,) for uid, _ in whose]
            connection.executemany("delete from deliveries where uid = ?", rows)
        connection.execute("commit")
        with contextlib.suppress(sqlite3.OperationalError):  # somebody reads: zeroed it is anyway
            connection.execute("vacuum")
            connection.execute("pragma wal_checkpoint(truncate)").fetchall()


class Ledger:
    """The writer's side, for one run; its threads share it."""

    def __init__(self, state_dir: Path) -> None:
        self._state = state_dir
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def note(
        self, uid: int, outcomes: Iterable[Outcome], run: str, at: datetime, *, name: str = ""
    ) -> None:
        """What became of these sheets in one home. Raises StateError."""
        rows = [
            (
                uid,
                each.sheet,
                each.version,
                stamp(at),
                run,
                msgspec.json.encode(each.counts).decode(),
                msgspec.json.encode(each.listed).decode(),
                each.why,
                name,
            )
            for each in outcomes
        ]
        sql = (
            "insert or replace into deliveries"
            " (uid, sheet, version, at, run, counts, listed, why, name)"
            " values (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        )
        self._write(sql, rows)

    def forget(self, uid: int, sheet: str) -> None:
        """A sheet was withdrawn: it was never given."""
        self._write("delete from deliveries where uid = ? and sheet = ?", [(uid, sheet)])

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _write(self, sql: str, rows: Sequence[tuple[object, ...]]) -> None:
        with self._lock, _said(self._state):
            if self._connection is None:
                make_dir(path(self._state).parent)
                self._connection = _open(self._state, "rwc")
            self._connection.execute("begin immediate")
            try:
                if (found := _format(self._connection)) < FORMAT:
                    self._connection.execute(_FROM_1 if found else _TABLES)
                    self._connection.execute(f"pragma user_version = {FORMAT}")
                self._connection.executemany(sql, rows)
                self._connection.execute("commit")
            except BaseException:
                self._connection.execute("rollback")
                raise


def _open(state_dir: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{path(state_dir)}?mode={mode}",
        uri=True,
        timeout=_WAIT,
        isolation_level=None,
        check_same_thread=False,  # a lock of ours stands before each use
    )
    found = _format(connection)
    if found > FORMAT:
        connection.close()
        raise StateError(
            f"{path(state_dir)} was written by a newer hubtui (format {found}; this one knows "
            f"{FORMAT}): update hubtui on this server."
        )
    if mode == "rwc":
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = normal")  # what is lost is found by looking
    return connection


def _format(connection: sqlite3.Connection) -> int:
    """0 where there is no table yet: both come at once."""
    return int(connection.execute("pragma user_version").fetchone()[0])


@contextlib.contextmanager
def _said(state_dir: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, msgspec.DecodeError) as e:
        raise StateError(f"The ledger {path(state_dir)} cannot be used: {e}.") from e
