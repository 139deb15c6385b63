"""A line that goes leaves all others byte for byte."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from hubtui.server.roster import read_roster, remove

LINES = st.lists(
    st.sampled_from(
        [
            b"anna",
            b"anna-maria",
            b"bert # since 2025",
            b"# anna",
            b"",
            b" anna ",
            b"anna\r",
            b"\xff",
        ]
    ),
    max_size=8,
)


@settings(max_examples=60)
@given(lines=LINES, ended=st.booleans())
def test_exactly_the_lines_of_the_name_go(
    tmp_path_factory: object, lines: list[bytes], ended: bool
) -> None:
    path = Path(tmp_path_factory.mktemp("roster"), "accounts.txt")  # type: ignore[attr-defined]
    data = b"\n".join(lines) + (b"\n" if ended else b"")
    path.write_bytes(data)
    remove(path, "anna")
    assert "anna" not in read_roster(path)
    kept = [line for line in data.split(b"\n") if line.strip(b" \r") != b"anna"]
    assert path.read_bytes().rstrip(b"\n") == b"\n".join(kept).rstrip(b"\n")


def test_nothing_is_written_where_nobody_is_meant(tmp_path: Path) -> None:
    path = tmp_path / "accounts.txt"
    path.write_bytes(b"bert")
    before = path.stat().st_ino
    remove(path, "anna")
    assert (path.read_bytes(), path.stat().st_ino) == (b"bert", before)


def test_a_last_line_without_an_end_keeps_its_neighbours_whole(tmp_path: Path) -> None:
    path = tmp_path / "accounts.txt"
    path.write_bytes(b"bert\r\nanna-maria\nanna")
    remove(path, "anna")
    assert path.read_bytes() == b"bert\r\nanna-maria\n"
