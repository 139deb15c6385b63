"""Files of the state: whole or not at all; a torn tail is cut, a broken file is named and kept."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubtui import state
from hubtui.errors import StateError


class Line(msgspec.Struct, frozen=True):
    n: int


class Document(msgspec.Struct, frozen=True):
    n: int
    format: int = 1


def lines(path: Path) -> list[int]:
    return [line.n for line in state.read_log(path, Line)]


def test_a_log_begins_with_its_format_and_keeps_what_was_appended(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    state.append(path, Line(1))
    state.append(path, Line(2), Line(3))
    assert path.read_text().splitlines()[0] == '{"format":1}'
    assert lines(path) == [1, 2, 3]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_log_that_does_not_exist_is_empty(tmp_path: Path) -> None:
    assert lines(tmp_path / "none.jsonl") == []


@given(st.integers(min_value=0, max_value=40))
def test_a_log_cut_anywhere_keeps_its_whole_lines_and_goes_on(cut: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.jsonl"
        state.append(path, Line(1), Line(2))
        whole = path.read_bytes()
        path.write_bytes(whole[: max(0, len(whole) - cut)])
        before = lines(path)
        state.append(path, Line(9))
        assert lines(path) == [*before, 9]
        assert before == [1, 2][: len(before)]


def test_a_broken_line_is_named_and_the_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "uids.jsonl"
    state.append(path, Line(1))
    with path.open("a") as file:
        file.write("garbage\n")
    content = path.read_bytes()
    with pytest.raises(StateError, match=r"uids\.jsonl, line 3 is broken"):
        lines(path)
    assert path.read_bytes() == content


def test_a_newer_format_is_refused_with_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "first-seen.json"
    path.write_text('{"format": 2, "n": 1}')
    with pytest.raises(StateError, match="written by a newer hubtui"):
        state.read_document(path, Document)


def test_a_document_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "below" / "a.json"
    state.write_document(path, Document(1))
    state.write_document(path, Document(2))
    assert state.read_document(path, Document) == Document(2)
    assert [p.name for p in path.parent.iterdir()] == ["a.json"]


def test_a_log_is_never_written_through_a_link(tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    target.write_text("mine")
    (tmp_path / "log.jsonl").symlink_to(target)
    with pytest.raises(StateError):
        state.append(tmp_path / "log.jsonl", Line(1))
    assert target.read_text() == "mine"


def test_who_appends_while_a_log_is_rewritten_loses_no_line(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    state.append(path, Line(1))
    waiting = [threading.Thread(target=state.append, args=(path, Line(n))) for n in range(2, 6)]

    def change(data: bytes) -> bytes:
        for thread in waiting:  # they open the file that is about to be replaced
            thread.start()
        time.sleep(0.3)
        assert all(thread.is_alive() for thread in waiting)
        return data.replace(b'"n":1', b'"n":100')

    state.rewrite_log(path, change)
    for thread in waiting:
        thread.join(10)
    assert sorted(lines(path)) == [2, 3, 4, 5, 100]
    assert path.stat().st_mode & 0o777 == 0o600
