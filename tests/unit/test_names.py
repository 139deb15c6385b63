"""Names as the real form accepts them: what is shown, what is refused, what looks alike."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubtui.names import IMPOSSIBLE, RESERVED, TwinIndex, impossible, is_reserved, shown, twins

# What NativeAuthenticator's form let through on a real hub, and how a person gets to see it.
ACCEPTED_BY_THE_FORM = [
    ("-rf", "-rf"),
    ("$(id)", "$(id)"),
    ("bob;x", "bob;x"),
    ("a:b", "a:b"),
    ("*", "*"),
    ("jürgen", "jürgen"),
    ("😀", "😀"),
    ("café", "café"),
    ("cafe\u0301", "cafe\u0301"),
    ("\u202eanna", "\\u202eanna"),
    ("an\u200bna", "an\\u200bna"),
    ("an\u2066na", "an\\u2066na"),
    ("anna\nroot", "anna\\nroot"),
    ("anna\n", "anna\\n"),
    ("\x9b31m", "\\x9b31m"),
    ("\x1b[31m", "\\x1b[31m"),
    ("x" * 300, "x" * 300),
    ("[@click=app.quit]free", "[@click=app.quit]free"),
    ("--help", "--help"),
    ("../anna", "../anna"),
    ("12345", "12345"),
    ("1anna", "1anna"),
    ("anna-", "anna-"),
    ("anna_", "anna_"),
    ("Anna", "Anna"),
    ("аnna", "аnna"),  # a Cyrillic letter
    ("anna１", "anna１"),  # a full-width digit
    ("a", "a"),
    ("", ""),
    (".", "."),
    ("a b", "a b"),
    ("a" * 33, "a" * 33),
]


@pytest.mark.parametrize(("name", "on_screen"), ACCEPTED_BY_THE_FORM)
def test_a_hostile_name_is_shown_escaped_and_refused(name: str, on_screen: str) -> None:
    assert shown(name) == on_screen
    reason = impossible(name)
    assert reason is not None
    assert reason.startswith("can't be a Unix account")
    assert reason.endswith("Ask the student to sign up again.")


@pytest.mark.parametrize("name", ["anna", "ab", "a1", "anna-b_c9", "x" + "-" * 30 + "y", "root"])
def test_a_name_of_the_pattern_can_be_an_account(name: str) -> None:
    assert impossible(name) is None


def test_the_reason_says_what_is_wrong_with_the_end() -> None:
    assert impossible("1anna") == IMPOSSIBLE
    assert "ends with" in str(impossible("anna-"))


@given(st.text())
def test_only_plain_ascii_ever_passes(name: str) -> None:
    if impossible(name) is None:
        assert name.isascii()
        assert 2 <= len(name) <= 32
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-")
        assert name[0].isalpha()
        assert name[-1].isalnum()


@pytest.mark.parametrize(
    "name",
    "root daemon nobody www-data sshd postfix docker sudo admin jupyterhub hubtui "
    "systemd-network systemd-something-new".split(),
)
def test_names_of_the_system_are_reserved(name: str) -> None:
    assert is_reserved(name)


def test_people_are_not_reserved_and_no_reserved_name_is_misspelt() -> None:
    assert not any(is_reserved(name) for name in ("anna", "tutor", "systems", "student01"))
    assert not [name for name in RESERVED if impossible(name)]


# --- showing ------------------------------------------------------------------------------------

anything = st.one_of(st.text(st.characters()), st.binary())


@given(anything, st.none() | st.integers(-1, 40))
def test_what_is_shown_is_one_printable_line_within_its_limit(
    text: str | bytes, limit: int | None
) -> None:
    safe = shown(text, limit)
    assert safe.isprintable()
    assert len(safe.splitlines()) <= 1
    safe.encode()  # no surrogate is left
    assert safe == "" or unicodedata.category(safe[0])[0] != "M"
    assert limit is None or len(safe) <= max(limit, 0)


@given(anything)
def test_a_limit_that_is_not_reached_changes_nothing(text: str | bytes) -> None:
    whole = shown(text)
    assert shown(text, len(whole)) == whole
    assert whole == "" or shown(text, len(whole) - 1) != whole


@given(st.text(st.sampled_from("abcXYZ019 -_[]\\/$;äöüß漢😀")))
def test_harmless_text_is_shown_as_it_is(text: str) -> None:
    assert shown(text) == text


def test_every_code_point_is_shown_as_something_printable() -> None:
    wrong = [code for code in range(0x110000) if not shown(chr(code)).isprintable()]
    assert wrong == []


@pytest.mark.parametrize(
    "char",
    "\t\r\x00\x7f\x85\x9b\u200e\u200f\u2028\u2029\u202a\u2069\u061c\ufeff\u00ad\u034f\u3164\ufe0f"
    "\ud800\udcff\ue000\uffff\u2800\U000e0001\U000e0100",
)
def test_what_nobody_can_see_is_escaped(char: str) -> None:
    assert shown(f"a{char}b") == f"a{char.encode('unicode_escape').decode()}b"


def test_a_mark_without_a_letter_is_escaped_and_one_on_a_letter_is_not() -> None:
    assert shown("\u0301x") == "\\u0301x"
    assert shown(" \u0301") == " \\u0301"
    assert shown("\n\u0301") == "\\n\\u0301"
    assert shown("e\u0301") == "e\u0301"


def test_marks_do_not_pile_up_over_the_rows_above() -> None:
    assert shown("e" + "\u0301" * 50).count("\u0301") < 10


def test_bytes_that_are_not_utf8_are_shown_as_such() -> None:
    assert shown(b"caf\xc3\xa9 \xff\x9b31m") == "café \\xff\\x9b31m"


def test_a_long_text_is_cut_and_says_so_and_an_escape_is_never_cut_in_two() -> None:
    assert shown("abcdef", 4) == "abc…"
    assert shown("ä" * 10, 4) == "äää…"
    assert shown("ab\u202ecd", 6) == "ab…"
    assert shown("abc", 0) == ""


# --- looking alike ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    [
        "anna",  # one more
        "annabel",  # one less
        "anneb",  # another
        "annba",  # swapped
        "nanab",  # swapped at the start
        "ann-ab",
        "a_n_n_a_b",
        "-anna_b-",
        "ANNAB",
        "ａｎｎａｂ",
    ],
)
def test_twins_are_found_both_ways(other: str) -> None:
    name = "annabe" if other == "annabel" else "annab"
    assert twins(name, ["zoe", other]) == [other]
    assert twins(other, ["zoe", name]) == [name]


def test_digits_that_look_like_letters_make_twins() -> None:
    assert twins("b0bl1", ["bobll"]) == ["bobll"]
    assert twins("o10", ["0lo"]) == ["0lo"]


def test_two_spellings_of_unicode_are_twins() -> None:
    assert twins("caf\u00e9", ["cafe\u0301"]) == ["cafe\u0301"]


def test_a_name_is_not_its_own_twin_and_two_edits_are_none() -> None:
    assert twins("anna", ["anna", "annabe", "hanne", "nana-x"]) == []


few_letters = st.text("ab0o-_Aé", max_size=6)


@given(few_letters, st.lists(few_letters, max_size=12))
def test_the_index_answers_as_the_plain_question_does(name: str, others: list[str]) -> None:
    assert TwinIndex(others).of(name) == twins(name, others)


@given(st.text("abc", max_size=8), st.data())
def test_every_single_edit_is_a_twin(name: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(name)))
    letter = data.draw(st.sampled_from("abcd"))
    edits = {
        name[:at] + letter + name[at:],
        name[:at] + name[at + 1 :],
        name[:at] + letter + name[at + 1 :],
        name[:at] + name[at + 1 : at + 2] + name[at : at + 1] + name[at + 2 :],
    } - {name}
    assert twins(name, edits) == sorted(edits)


def test_a_flood_of_long_names_is_answered_at_once() -> None:
    flood = [f"{n:04}" + "x" * 5_000 for n in range(2_000)]
    start = time.monotonic()
    assert TwinIndex([*flood, "anna"]).of("anne") == ["anna"]
    assert TwinIndex(flood).of(flood[0]) == []
    assert time.monotonic() - start < 20  # hanging would be minutes
