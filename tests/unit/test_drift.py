"""Drift, judged from surveys made by hand: hostile names, holes in the look, what only looks so."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hubtui import drift
from hubtui.course import Release
from hubtui.drift import live
from hubtui.drift.records import Code, Drift
from hubtui.drift.words import repair
from hubtui.findings import Severity
from hubtui.names import shown
from hubtui.reads import hubprocess
from hubtui.reads.hubconfig import HubConfig, parse
from hubtui.server.hubdb import UserRow
from hubtui.server.lines import Lines
from hubtui.server.shadow import Shadow
from hubtui.students import Missing, Survey
from tests.unit.surveys import GROUP, account, sign_up, survey

GOOD = Shadow(locked=False, expires="", changed=None)
CONFIG = "c = get_config()\n"


def user(name: str, *, admin: bool = False, servers: int = 0) -> UserRow:
    return UserRow(name=name, admin=admin, last_activity=None, servers=servers)


def keys(found: tuple[Drift, ...]) -> list[str]:
    return [one.key for one in found]


def with_lines(seen: Survey, names: Mapping[str, set[str]], **shadow: Shadow) -> Survey:
    frozen = {file: frozenset(listed) for file, listed in names.items()}
    return replace(seen, lines=Lines(shadow=shadow, names=frozen))


# --- hostile names ------------------------------------------------------------------------------


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.text(min_size=1, max_size=60))
def test_no_name_breaks_a_sentence_or_its_command(tmp_path: Path, name: str) -> None:
    seen = survey(
        tmp_path,
        sign_up(name, authorised=True),
        sign_up(name, 2),
        users=[user(f"{name}2")],
        roster=[name, f"{name}3"],
        homes={name.replace("\0", "").replace("/", ""): 20005},
    )
    for one in drift.quick(seen):
        said = [one.text, one.do, one.short, *(choice.means for choice in one.choices)]
        assert [shown(text) for text in said] == said
        words = shlex.split(one.do)
        assert words[:4] == ["sudo", "hubtui", "accounts", "repair"]
        assert words[4:] == [one.name] or words[4] in set(Code)


def test_a_command_that_could_not_be_pasted_names_the_kind() -> None:
    assert repair(Code.NO_ACCOUNT, "it's") == "sudo hubtui accounts repair 'it'\"'\"'s'"
    for name in ("a\nb", "-rf", "\u202ename", "x" * 300):
        assert repair(Code.NO_ACCOUNT, name) == "sudo hubtui accounts repair no-account"


# --- holes in the look --------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["sign-ups", "hub users", "accounts", "roster"])
def test_what_could_not_be_looked_at_disagrees_with_nothing(tmp_path: Path, what: str) -> None:
    anna = account(tmp_path, "anna", 20001)
    anna.home.mkdir(parents=True, mode=0o700)
    seen = survey(
        tmp_path,
        *([] if what == "sign-ups" else [sign_up("anna", authorised=True)]),
        accounts=[] if what == "accounts" else [anna],
        users=[] if what == "hub users" else [user("anna")],
        roster=[] if what == "roster" else ["anna"],
        homes={"anna": 20001},
    )
    told = {one.code for one in drift.quick(seen)} - {Code.HOME_OWNER}
    assert told or what == "hub users"
    unseen = replace(seen, missing=(Missing(what=what, why="locked"),))
    assert {one.code for one in drift.quick(unseen)} <= {Code.HOME_OWNER}


# --- the hub ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "lets_in"),
    [
        ("", False),
        ("c.Authenticator.allow_all = True", False),
        ("c.Authenticator.allow_existing_users = True", True),
        ("c.NativeAuthenticator.allow_existing_users = True", True),
        ("c.Authenticator.allow_all = c.Authenticator.allow_existing_users = True", False),
        ("c.Authenticator.allowed_users = {'eva'}", True),
        ("c.Authenticator.allowed_users = set(open('/etc/names'))", True),
        (
            "c.Authenticator.allowed_users = {'eva'}\nc.Authenticator.allow_existing_users = False",
            False,
        ),
    ],
)
def test_a_left_user_is_an_alarm_where_the_hub_lets_known_ones_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, lets_in: bool
) -> None:
    config = parse(f"{CONFIG}{text}\n".encode(), Path("x.py"))
    monkeypatch.setattr(hubprocess, "find", lambda: None)
    monkeypatch.setattr(hubprocess, "config_of", lambda _: config)
    missing: list[Missing] = []
    seen = survey(tmp_path, users=[user("anna"), user("admin", admin=True), user("tutor")])
    [one] = live.let_in(drift.quick(seen), missing)
    assert one.key == ("hub-user-lets-in:anna" if lets_in else "hub-user-alone:anna")
    assert (one.severity is Severity.CRITICAL) == lets_in
    assert missing == []


def test_who_stands_in_allowed_users_by_the_admins_hand_is_no_drift(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"{CONFIG}c.Authenticator.allowed_users = {{'anna'}}\n"
    monkeypatch.setattr(hubprocess, "find", lambda: None)
    monkeypatch.setattr(hubprocess, "config_of", lambda _: parse(text.encode(), Path("x.py")))
    found = drift.quick(survey(tmp_path, users=[user("anna"), user("bert")]))
    assert keys(tuple(live.let_in(found, []))) == ["hub-user-lets-in:bert"]


def test_a_configuration_that_cannot_be_read_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = HubConfig(Path("x.py"), trouble="x.py is not Python that can be read")
    monkeypatch.setattr(hubprocess, "find", lambda: None)
    monkeypatch.setattr(hubprocess, "config_of", lambda _: broken)
    missing: list[Missing] = []
    found = drift.quick(survey(tmp_path, users=[user("anna")]))
    assert tuple(live.let_in(found, missing)) == found
    assert [each.what for each in missing] == ["the hub's configuration"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("UPPER", "no account can have this name"),
        ("jupyterhub-too", "the name is kept for the system"),
        ("chess", "a group has this name"),
        ("moved", "is there already"),
    ],
)
def test_an_account_that_cannot_be_made_leaves_only_the_sign_up_to_discard(
    tmp_path: Path, name: str, words: str
) -> None:
    seen = survey(
        tmp_path, sign_up(name, authorised=True), groups={"chess": 3000}, homes={"moved": 20001}
    )
    one = next(one for one in drift.quick(seen) if one.code is Code.NO_ACCOUNT)
    assert words in one.text
    assert [choice.word for choice in one.choices] == ["discard"]


def test_an_account_that_is_not_listed_is_foreign_all_the_same(tmp_path: Path) -> None:
    [one] = drift.quick(survey(tmp_path, sign_up("daemon", authorised=True)))
    assert one.key == "foreign-sign-up:daemon", "this machine knows it, though the survey does not"


def test_admins_and_tutors_are_as_they_want_and_a_server_makes_a_choice(tmp_path: Path) -> None:
    seen = survey(
        tmp_path,
        sign_up("eva", authorised=True),
        users=[user("eva", admin=True), user("anna", servers=1), user("hiwi")],
    )
    release = Release(source=tmp_path, tutors=("hiwi",))
    seen = replace(seen, course=msgspec.structs.replace(seen.course, release=release))
    [one] = drift.quick(seen)
    assert one.key == "hub-user-alone:anna"
    assert [choice.word for choice in one.choices] == ["delete"], "what runs there would end"


def test_a_hand_made_account_outside_of_the_course_may_join_it(tmp_path: Path) -> None:
    hand = account(tmp_path, "hand", 1001, gid=1001)
    seen = survey(
        tmp_path, sign_up("hand", authorised=True), accounts=[hand], groups={"hand": 1001}
    )
    [one] = drift.quick(seen)
    assert (one.code, [choice.word for choice in one.choices]) == (
        Code.FOREIGN_SIGN_UP,
        ["discard", "join"],
    )
    strong = replace(
        seen, accounts=replace(seen.accounts, groups={"all_user": GROUP, "sudo": 1001})
    )
    [one] = drift.quick(strong)
    assert [choice.word for choice in one.choices] == ["discard"]


def test_before_there_is_a_group_nobody_is_missing_in_it(tmp_path: Path) -> None:
    anna = account(tmp_path, "anna", 20001, gid=1001)
    seen = survey(tmp_path, accounts=[anna], roster=["anna"])
    assert Code.NOT_IN_GROUP in {one.code for one in drift.quick(seen)}
    none = replace(seen, accounts=replace(seen.accounts, groups={}))
    assert Code.NOT_IN_GROUP not in {one.code for one in drift.quick(none)}


# --- /etc ---------------------------------------------------------------------------------------


def test_an_account_that_never_had_a_password_is_not_locked(tmp_path: Path) -> None:
    anna = account(tmp_path, "anna", 20001)
    seen = survey(tmp_path, sign_up("anna", authorised=True), accounts=[anna], roster=["anna"])

    def locked(line: Shadow) -> bool:
        found = drift.quick(with_lines(seen, {"passwd": {"anna"}}, anna=line))
        return Code.LOCKED in {one.code for one in found}

    bare = Shadow(locked=True, expires="", changed=None, empty=True)
    assert not locked(GOOD)
    assert not locked(bare), "useradd writes a single ! there"
    assert locked(bare._replace(empty=False))
    assert locked(GOOD._replace(expires="1"))
    assert not locked(GOOD._replace(expires="99999"))


def test_subordinate_ids_of_a_uid_and_of_a_directory_service_are_somebodys(tmp_path: Path) -> None:
    anna = account(tmp_path, "anna", 20001)
    seen = survey(tmp_path, accounts=[anna], roster=["anna"])
    told = with_lines(
        seen,
        {
            "passwd": {"anna", "half"},
            "subuid": {"20001", "20009", "anna", "root"},
            "gshadow": {"all_user", "old"},
        },
        anna=GOOD,
        gone=GOOD,
    )
    orphans = {one.name: one.text for one in drift.quick(told) if one.code is Code.ORPHAN_LINE}
    assert orphans.keys() == {"20009", "old"}
    assert "/etc/gshadow" in orphans["old"]


def test_only_a_group_that_was_an_accounts_own_is_left(tmp_path: Path) -> None:
    anna = account(tmp_path, "anna", 20001)
    seen = survey(
        tmp_path,
        accounts=[anna],
        roster=["anna"],
        groups={"next-year": 3000, "docker": 999, "team": 20500, "gone": 20600, "moved": 3001},
        members={"team": frozenset({"anna"})},
        homes={"moved": 1500},
    )
    left = [one.name for one in drift.quick(seen) if one.code is Code.ORPHAN_LINE]
    assert left == ["gone", "moved"]


# --- homes --------------------------------------------------------------------------------------


def test_a_folder_above_a_home_a_shared_one_and_a_hidden_one_are_nobodys_home(
    tmp_path: Path,
) -> None:
    top = tmp_path / "home"
    deep = replace(account(tmp_path, "deep", 3000), home=top / "others/deep")
    for name in ("others", "shared", ".trash", "left", "file"):
        (top / name).mkdir(parents=True) if name != "file" else (top / name).touch()
    owners = {"others": 1005, "shared": 0, ".trash": 1005, "left": 1005, "file": 1005}
    seen = survey(tmp_path, accounts=[deep], homes=owners)
    assert keys(drift.quick(seen)) == ["home-alone:left"]


def test_the_worst_comes_first(tmp_path: Path) -> None:
    anna, bert = account(tmp_path, "anna", 20001), account(tmp_path, "bert", 20002)
    for each in (anna, bert):
        each.home.mkdir(parents=True, mode=0o755)
    seen = survey(
        tmp_path,
        sign_up("gone", authorised=True),
        accounts=[bert, anna],
        roster=["bert"],
        members={"sudo": frozenset({"bert"}), "all_user": frozenset({"anna", "bert"})},
        groups={"sudo": 27},
    )
    codes = [one.code for one in drift.quick(seen)]
    assert codes == [
        Code.POWERFUL,
        Code.NO_ACCOUNT,
        Code.HOME_OWNER,
        Code.HOME_OWNER,
        Code.NOT_IN_ROSTER,
    ]
