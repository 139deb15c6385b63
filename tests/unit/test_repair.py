"""What repairs read and write as text: choices on the command line, lines of the roster."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubtui.cli.repair import choices_of, meant_of
from hubtui.drift.records import Code, Drift
from hubtui.errors import UsageError
from hubtui.repair.plan import MENDING
from hubtui.server import roster

LINES = st.lists(st.sampled_from([b"anna", b"anna # twice", b"anna-maria", b"# anna", b"", b"\r"]))


@given(lines=LINES, keep=st.integers(0, 2), ended=st.booleans())
def test_lines_of_one_name_go_and_all_others_stay(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], keep: int, ended: bool
) -> None:
    path = tmp_path_factory.mktemp("roster") / "accounts.txt"
    data = b"\n".join(lines) + (b"\n" if ended else b"")
    path.write_bytes(data)
    roster.remove(path, "anna", keep=keep)
    own = [line for line in lines if line in (b"anna", b"anna # twice")]
    left = path.read_bytes()
    assert len(roster.read_roster(path).lines.get("anna", ())) == min(keep, len(own))
    rest = [line for line in lines if line not in own]
    assert [line for line in left.split(b"\n") if line and line not in own] == [
        line for line in rest if line
    ]


def test_a_choice_is_a_key_and_a_word_whatever_the_name_is() -> None:
    assert choices_of(["home-alone:bob=archive", "no-account:a=b:c=discard"]) == {
        "home-alone:bob": "archive",
        "no-account:a=b:c": "discard",
    }
    for text in ("home-alone", "bob=archive", "home-alone:bob", "home-alone:bob="):
        with pytest.raises(UsageError, match="--choose wants"):
            choices_of([text])


def test_every_kind_is_mended_or_a_person_s_to_mend() -> None:
    by_hand = {Code.HOME_NOT_FOLDER, Code.SHARED_UID, Code.CASE_TWINS}
    assert set(Code) - set(MENDING) == by_hand


def test_a_word_that_is_a_name_and_a_kind_means_neither() -> None:
    found = [
        Drift(code=Code.NO_HOME, name="anna", text="."),
        Drift(code=Code.HOME_OPEN, name="no-home", text="."),
    ]
    with pytest.raises(UsageError, match="is a name and a kind"):
        meant_of(found, ["no-home"], {})
    assert meant_of(found, ["no-home:anna"], {}) == found[:1]
    assert meant_of(found, ["home-open"], {}) == found[1:]
    assert meant_of(found, ["anna"], {"home-open:no-home": "x"}) == found
