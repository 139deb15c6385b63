"""A roster as editors of other systems leave it: what is wrong, and the same names after."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubtui.server import roster


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\xef\xbb\xbfanna\n", "BOM"),
        (b"anna\r\nzoe\r\n", "CRLF"),
        (b"anna \t\r\n", "blanks follow"),
        (b"anna\nzoe", "leaves that student out"),
    ],
)
def test_each_flaw_is_named_and_goes(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "accounts.txt"
    path.write_bytes(data)
    assert said in "; ".join(roster.flaws(path))
    path.write_bytes(roster.cleaned(data))
    assert roster.flaws(path) == []


@given(
    st.lists(st.sampled_from(["anna", "zoe", "# x", "\r", "\n", " ", "\t", "\ufeff"])).map("".join)
)
def test_no_name_is_lost_or_changed(text: str) -> None:
    data = text.encode()

    def names(of: bytes) -> list[str]:
        return [name for line in of.split(b"\n") if (name := roster._name(line))]

    assert names(roster.cleaned(data)) == names(data)
    assert roster.cleaned(roster.cleaned(data)) in (roster.cleaned(data), roster.cleaned(data)[3:])
