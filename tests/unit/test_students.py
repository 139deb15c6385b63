"""The survey: what cannot be read now stays as it was, and says since when."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from hubtui.leaving import Leaving
from hubtui.release import push
from hubtui.server import Server, hubdb, server_of
from hubtui.students import Missing, survey
from tests.unit.surveys import account, course
from tests.unit.surveys import survey as by_hand


@pytest.fixture
def server(tmp_path: Path) -> Server:
    with sqlite3.connect(tmp_path / "hub.sqlite") as connection:
        connection.execute(
            "create table users_info (id integer primary key, username text not null,"
            " password blob not null, is_authorized boolean)"
        )
        connection.execute(
            "create table users (id integer primary key, name text, admin boolean,"
            " last_activity text)"
        )
        connection.execute("insert into users_info values (1, 'anna', x'00', 0)")
    connection.close()
    (tmp_path / "accounts.txt").write_text("bert\n")
    return server_of(course(tmp_path))


def test_a_locked_hub_leaves_what_was_seen_and_says_when_that_was(
    server: Server, tmp_path: Path
) -> None:
    before = survey(server)
    holder = sqlite3.connect(tmp_path / "hub.sqlite", isolation_level=None)
    holder.execute("begin exclusive")
    try:
        locked = survey(server, before, anew=True)
        again = survey(server, locked)
    finally:
        holder.close()
    for seen in (locked, again):
        assert [s.name for s in seen.sign_ups] == ["anna"]
        assert [(m.what, m.as_of) for m in seen.missing] == [
            ("sign-ups", before.at),
            ("hub users", before.at),
        ]
    free = survey(server, again)
    assert free.missing == ()
    assert free.parts["sign-ups"].at == free.at


def test_a_change_is_never_planned_on_what_was_seen_before(server: Server, tmp_path: Path) -> None:
    holder = sqlite3.connect(tmp_path / "hub.sqlite", isolation_level=None)
    holder.execute("begin exclusive")
    try:
        seen = survey(server)
    finally:
        holder.close()
    assert seen.sign_ups == ()
    assert isinstance(seen.missing[0], Missing)
    assert seen.missing[0].as_of is None


def test_what_has_not_changed_is_not_read_again(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = survey(server)
    monkeypatch.setattr(hubdb, "sign_ups", lambda _url: pytest.fail("read again"))
    assert survey(server, before).sign_ups is before.sign_ups


def test_who_is_switched_off_is_a_course_account_that_attends_no_more(tmp_path: Path) -> None:
    anna, bert = account(tmp_path, "anna", 20001), account(tmp_path, "bert", 20002)
    off = Leaving(
        name="anna", uid=20001, since="2026-09-01T08:00:00Z", until="2026-09-15T08:00:00Z",
        run="1", keep_days=90,
    )  # fmt: skip
    seen = by_hand(tmp_path, accounts=[anna, bert], roster=["anna", "bert"])
    seen = replace(seen, leaving={"anna": off})
    assert (set(seen.students), set(seen.attending)) == ({"anna", "bert"}, {"bert"})
    assert push.why_not(seen, "anna") == "is switched off, and goes on 2026-09-15."
    another = replace(seen, leaving={"anna": msgspec.structs.replace(off, uid=20009)})
    assert "anna" in another.attending
