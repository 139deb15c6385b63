"""The verdict: what may be done with a sign-up, for every way in which its name can exist."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given as forall
from hypothesis import strategies as st

from hubtui import formerly
from hubtui.errors import CommandFailed, Refused
from hubtui.leaving import Leaving
from hubtui.server import Server
from hubtui.server.accounts import Account
from hubtui.server.as_student import Contents
from hubtui.server.hubdb import UserRow
from hubtui.server.ledger import Given
from hubtui.server.run import run
from hubtui.signups import Judgement, Verdict, judge
from hubtui.students import Survey

from . import surveys as s

FREE = 23456
"""A uid under which nothing runs."""


def never(_: Account) -> Contents:
    raise AssertionError("nobody's home is looked at for this verdict")


def empty(_: Account) -> Contents:
    return s.contents()


def verdict(survey: Survey, look: object = never) -> Judgement:
    return judge(survey, survey.sign_ups[0], look)  # type: ignore[arg-type]


def test_a_free_name_is_ready(tmp_path: Path) -> None:
    found = verdict(s.survey(tmp_path, s.sign_up("anna")))
    assert (found.verdict, found.warnings) == (Verdict.READY, ())


@pytest.mark.parametrize(
    "name",
    ["root", "daemon", "www-data", "-rf", "$(id)", "bob;x", "a:b", "*", "müller", "😀", "e\u0301a",
     "\u202eanna", "an\u200bna", "anna\n", "\x9b31m", "a" * 300, "[@click=app.quit]free", "12345",
     "anna-", "Anna", "a", "", "../anna", "--help", "all_user", "jupyterhub", "nobody"],
)  # fmt: skip
def test_names_of_the_table_are_refused_with_a_sentence(tmp_path: Path, name: str) -> None:
    found = verdict(s.survey(tmp_path, s.sign_up(name)))
    assert found.verdict is Verdict.REFUSED
    assert found.why.isprintable()


def leaver(name: str, until: str) -> Leaving:
    since = "2026-11-20T12:00:00Z"
    return Leaving(name=name, uid=FREE, since=since, until=until, run="r", keep_days=90)


def test_who_leaves_is_brought_back_and_not_approved(tmp_path: Path) -> None:
    account = s.account(tmp_path, "anna", FREE)
    for accounts in ([account], []):  # also where the account is gone already
        one = leaver("anna", "2026-12-09T12:00:00Z")
        seen = s.survey(tmp_path, s.sign_up("anna"), accounts=accounts, leaving=[one])
        found = verdict(seen)
        assert found.verdict is Verdict.REFUSED
        assert "goes on 2026-12-09. To bring it back: hubtui accounts restore anna" in found.why
    one = leaver("anna", "2026-11-20T12:00:00Z")
    found = verdict(s.survey(tmp_path, s.sign_up("anna"), leaving=[one]))
    assert found.why.endswith("To finish that: hubtui accounts retire anna")


def test_a_name_that_was_here_before_is_said_of_who_comes_with_it(tmp_path: Path) -> None:
    formerly.note(tmp_path, "anna", FREE, s.NOON)
    known = formerly.read_formerly(tmp_path)
    found = verdict(s.survey(tmp_path, s.sign_up("anna"), formerly=known))
    assert found.verdict is Verdict.READY
    assert found.warnings == ("somebody of this name was here until 2026-11: the same person?",)
    assert verdict(s.survey(tmp_path, s.sign_up("anne"), formerly=known)).warnings == ()


def test_an_existing_account_that_is_not_of_the_course_is_never_given_away(tmp_path: Path) -> None:
    other = s.account(tmp_path, "eva", 1005, gid=100)
    found = verdict(s.survey(tmp_path, s.sign_up("eva"), accounts=[other]))
    assert found.verdict is Verdict.REFUSED
    assert "uid 1005" in found.why
    assert "Approving would give this person that account" in found.why


def test_a_group_of_that_name_refuses(tmp_path: Path) -> None:
    found = verdict(s.survey(tmp_path, s.sign_up("physics"), groups={"physics": 300}))
    assert (found.verdict, found.why) == (
        Verdict.REFUSED,
        "physics is already a group on this server.",
    )


def test_a_home_without_an_account_refuses(tmp_path: Path) -> None:
    survey = s.survey(tmp_path, s.sign_up("anna"))
    (tmp_path / "home" / "anna").mkdir()
    assert verdict(survey).verdict is Verdict.REFUSED
    assert "without an account" in verdict(survey).why


def test_so_does_a_dangling_link_where_the_home_would_be(tmp_path: Path) -> None:
    survey = s.survey(tmp_path, s.sign_up("anna"))
    (tmp_path / "home" / "anna").symlink_to("/nowhere")
    assert verdict(survey).verdict is Verdict.REFUSED


def test_an_unused_course_account_is_prepared(tmp_path: Path) -> None:
    survey = s.survey(tmp_path, s.sign_up("anna"), accounts=[s.account(tmp_path, "anna", FREE)])
    assert verdict(survey, empty).verdict is Verdict.PREPARED
    assert verdict(survey, empty).uid == FREE


def test_a_course_account_with_files_is_earlier(tmp_path: Path) -> None:
    survey = s.survey(tmp_path, s.sign_up("anna"), accounts=[s.account(tmp_path, "anna", FREE)])
    (tmp_path / "home" / "anna").mkdir()
    found = judge_with_home(survey, own=7)
    assert found.verdict is Verdict.EARLIER
    assert "7 files" in found.why


def judge_with_home(survey: Survey, own: int) -> Judgement:
    import os

    home = survey.course.accounts.homes / "anna"
    if os.geteuid() == 0:
        os.chown(home, FREE, s.GROUP)
    else:
        pytest.skip("giving a folder to another uid needs root")
    return verdict(survey, lambda _: s.contents(own=own))


def test_a_home_that_cannot_be_looked_at_is_never_prepared(tmp_path: Path) -> None:
    survey = s.survey(tmp_path, s.sign_up("anna"), accounts=[s.account(tmp_path, "anna", FREE)])
    (tmp_path / "home" / "anna").mkdir()

    def fails(_: Account) -> Contents:
        raise CommandFailed("As anna: permission denied.")

    judge_with_home(survey, own=0)
    assert verdict(survey, fails).verdict is Verdict.EARLIER


def test_one_that_the_hub_knows_is_earlier(tmp_path: Path) -> None:
    known = UserRow(name="anna", admin=False, last_activity=s.NOON, servers=0)
    survey = s.survey(
        tmp_path, s.sign_up("anna"), accounts=[s.account(tmp_path, "anna", FREE)], users=[known]
    )
    assert verdict(survey, empty).verdict is Verdict.EARLIER


def test_one_that_was_made_for_another_sign_up_is_earlier(tmp_path: Path) -> None:
    other = Given(uid=FREE, name="anna", made="2026-01-01T00:00:00Z", for_="somebody else's")
    survey = s.survey(
        tmp_path, s.sign_up("anna"), accounts=[s.account(tmp_path, "anna", FREE)], given=[other]
    )
    assert verdict(survey, empty).verdict is Verdict.EARLIER


def test_one_that_was_begun_for_this_sign_up_is_finished(tmp_path: Path) -> None:
    begun = Given(uid=FREE, name="anna", made="2026-01-01T00:00:00Z", for_="mine")
    survey = s.survey(
        tmp_path,
        s.sign_up("anna", digest="mine"),
        accounts=[s.account(tmp_path, "anna", FREE)],
        given=[begun],
    )
    assert verdict(survey).verdict is Verdict.READY
    assert verdict(survey).uid == FREE


def test_a_name_that_shares_its_uid_is_refused(tmp_path: Path) -> None:
    both = [s.account(tmp_path, "anna", FREE), s.account(tmp_path, "eva", FREE)]
    assert verdict(s.survey(tmp_path, s.sign_up("anna"), accounts=both)).verdict is Verdict.REFUSED


def test_a_course_account_in_sudo_is_refused(tmp_path: Path) -> None:
    survey = s.survey(
        tmp_path,
        s.sign_up("anna"),
        accounts=[s.account(tmp_path, "anna", FREE)],
        groups={"sudo": 27},
        members={"sudo": frozenset({"anna"})},
    )
    assert "group sudo" in verdict(survey).why


def test_staff_is_only_approved_as_its_owner(tmp_path: Path) -> None:
    survey = s.survey(tmp_path, s.sign_up("tutor"), accounts=[s.account(tmp_path, "tutor", 1000)])
    assert verdict(survey).verdict is Verdict.STAFF
    assert verdict(s.survey(tmp_path, s.sign_up("tutor"))).verdict is Verdict.REFUSED


def test_an_admin_of_the_hub_is_refused(tmp_path: Path) -> None:
    boss = UserRow(name="boss", admin=True, last_activity=None, servers=0)
    assert verdict(s.survey(tmp_path, s.sign_up("boss"), users=[boss])).verdict is Verdict.REFUSED


def test_two_sign_ups_of_one_name_are_for_a_person_to_decide(tmp_path: Path) -> None:
    survey = s.survey(tmp_path, s.sign_up("anna", 1), s.sign_up("anna", 2))
    assert "two sign-ups" in verdict(survey).why


def test_twins_and_unexpected_names_are_warnings_only(tmp_path: Path) -> None:
    survey = s.survey(
        tmp_path, s.sign_up("blue-fox", 1), s.sign_up("blue_fox", 2), expected=frozenset({"x"})
    )
    found = verdict(survey)
    assert found.verdict is Verdict.READY
    assert len(found.warnings) == 2


def test_numbered_pseudonyms_are_no_twins_of_each_other(tmp_path: Path) -> None:
    survey = s.survey(tmp_path, s.sign_up("dh01", 1), s.sign_up("dh02", 2))
    assert verdict(survey).warnings == ()


@forall(st.text(max_size=40))
def test_no_name_at_all_breaks_the_verdict_or_reaches_the_screen_raw(name: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        found = verdict(s.survey(Path(folder), s.sign_up(name)), empty)
        assert found.why.isprintable()


def test_a_plan_refuses_what_the_verdict_refuses(tmp_path: Path) -> None:
    from hubtui.enrol import approve_plan

    seen = s.survey(tmp_path, s.sign_up("root"))
    server = Server(course=seen.course, state=tmp_path, run=run)
    with pytest.raises(Refused):
        approve_plan(server, seen, [(seen.sign_ups[0], verdict(seen))])


def test_uids_are_counted_upwards_and_never_filled_in(tmp_path: Path) -> None:
    gone = Given(uid=20007, name="old", made="2025-01-01T00:00:00Z", retired="2026-01-01T00:00:00Z")
    seen = s.survey(tmp_path, given=[gone], homes={"stray": 20004, "nobody": 65534})
    uids = seen.free_uids()
    assert [next(uids), next(uids)] == [20008, 20009]


def test_a_used_up_range_is_a_sentence(tmp_path: Path) -> None:
    seen = s.survey(tmp_path, homes={"last": 29999})
    with pytest.raises(Refused, match="used up"):
        next(seen.free_uids())
