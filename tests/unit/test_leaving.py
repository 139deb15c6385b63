"""Who leaves, and who was here before: noted once, found by name, and gone in time."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubtui import formerly, leaving
from hubtui.errors import StateError
from hubtui.leaving import Leaving

from .surveys import NOON

SINCE = "2026-11-23T12:00:00Z"


def leaver(name: str, uid: int, until: str = "2026-12-01T00:00:00Z") -> Leaving:
    return Leaving(name=name, uid=uid, since=SINCE, until=until, run="r", keep_days=90)


def test_who_leaves_is_listed_until_taken_out(tmp_path: Path) -> None:
    assert leaving.read_leaving(tmp_path) == {}
    leaving.put(tmp_path, leaver("bert", 20002))
    leaving.put(tmp_path, leaver("anna", 20001))
    later = leaver("anna", 20001, "2027-01-01T00:00:00Z")
    leaving.put(tmp_path, later)
    assert list(leaving.read_leaving(tmp_path).items()) == [
        ("anna", later),
        ("bert", leaver("bert", 20002)),
    ]
    leaving.take_out(tmp_path, "anna", 20001)
    leaving.take_out(tmp_path, "anna", 20001)
    assert list(leaving.read_leaving(tmp_path)) == ["bert"]
    assert "anna" not in leaving.path(tmp_path).read_text()


def test_somebody_elses_entry_of_the_same_name_stays(tmp_path: Path) -> None:
    leaving.put(tmp_path, leaver("anna", 20001))
    leaving.take_out(tmp_path, "anna", 20002)
    assert leaving.read_leaving(tmp_path)["anna"].uid == 20001


def test_without_a_day_it_goes_at_once(tmp_path: Path) -> None:
    assert leaver("anna", 20001, SINCE).at_once
    assert not leaver("anna", 20001).at_once
    assert leaver("anna", 20001).goes.month == 12


def test_a_name_that_was_here_is_known_and_stands_nowhere(tmp_path: Path) -> None:
    formerly.note(tmp_path, "anna", 20001, NOON)
    found = formerly.read_formerly(tmp_path)
    gone = found.of("anna")
    assert gone is not None
    assert (gone.uid, gone.at) == (20001, SINCE)
    assert found.of("anne") is None
    for file in tmp_path.iterdir():
        assert b"anna" not in file.read_bytes()
        assert file.stat().st_mode & 0o777 == 0o600


def test_a_uid_is_noted_once_and_the_key_stays_the_same(tmp_path: Path) -> None:
    formerly.note(tmp_path, "anna", 20001, NOON)
    key = formerly.key_path(tmp_path).read_bytes()
    formerly.note(tmp_path, "anna", 20001, NOON + timedelta(days=1))
    formerly.note(tmp_path, "bert", 20002, NOON)
    assert len(formerly.read_formerly(tmp_path)) == 2
    assert formerly.key_path(tmp_path).read_bytes() == key
    assert len(key) == 32


def test_two_servers_hide_the_same_name_differently(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    assert formerly.hidden(one, "anna") != formerly.hidden(two, "anna")
    assert formerly.hidden(one, "anna") == formerly.hidden(one, "anna")


def test_after_a_year_it_is_forgotten_and_the_key_with_the_last(tmp_path: Path) -> None:
    formerly.note(tmp_path, "anna", 20001, NOON)
    formerly.note(tmp_path, "bert", 20002, NOON + timedelta(days=100))
    formerly.prune(tmp_path, NOON + formerly.KEPT - timedelta(seconds=1))
    assert len(formerly.read_formerly(tmp_path)) == 2
    formerly.prune(tmp_path, NOON + formerly.KEPT)
    found = formerly.read_formerly(tmp_path)
    assert found.of("anna") is None
    assert found.of("bert") is not None
    formerly.prune(tmp_path, NOON + formerly.KEPT + timedelta(days=100))
    assert len(formerly.read_formerly(tmp_path)) == 0
    assert not formerly.key_path(tmp_path).exists()
    formerly.prune(tmp_path / "nothing", NOON)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_key_that_is_none_is_named_and_stays(tmp_path: Path, size: int) -> None:
    formerly.key_path(tmp_path).write_bytes(b"x" * size)
    with pytest.raises(StateError, match=r"formerly\.key is not a key"):
        formerly.note(tmp_path, "anna", 20001, NOON)
    assert formerly.key_path(tmp_path).stat().st_size == size


@given(st.text())
def test_any_name_can_be_hidden(name: str) -> None:
    formerly.Formerly(b"k" * 32, {}).of(name)
