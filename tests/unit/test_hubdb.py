"""The hub's database: only the row that was shown, nothing left open, sentences for the rest."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from hubtui.errors import ChangedSinceShown, HubDown, HubForeign, HubLocked
from hubtui.server import hubdb
from hubtui.server.hub import database_file

COLUMNS = {
    "1.3": "id integer primary key, username text not null, password blob not null, "
    "is_authorized boolean, login_email_sent boolean, email text, has_2fa boolean, "
    "otp_secret text",
    "0.0.5": "id integer primary key, username text not null, password blob not null, "
    "is_authorized boolean, email text, has_2fa boolean, otp_secret text",
    "0.0.4": "id integer primary key, username text not null, password blob not null, "
    "is_authorized boolean, email text",
}


@pytest.fixture(params=list(COLUMNS))
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    path = tmp_path / "jupyterhub.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute(f"create table users_info ({COLUMNS[request.param]})")
        connection.executemany(
            "insert into users_info (username, password, is_authorized, email) values (?,?,?,?)",
            [("anna", b"one", 0, "a@x.org"), ("bert", b"two", 1, None), ("carl", b"3", None, "")],
        )
    return f"sqlite:///{path}"


def rows(url: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(database_file(url)) as connection:
        return connection.execute(
            "select username, password, is_authorized from users_info order by id"
        ).fetchall()


def test_sign_ups_come_with_who_is_authorised_and_no_secret(database: str) -> None:
    found = hubdb.sign_ups(database)
    assert [(s.name, s.authorised, s.email) for s in found] == [
        ("anna", False, "a@x.org"),
        ("bert", True, ""),
        ("carl", False, ""),
    ]
    assert not any("one" in repr(s) for s in found)


def test_authorise_changes_exactly_one_row(database: str) -> None:
    anna = hubdb.sign_ups(database)[0]
    hubdb.authorise(database, anna)
    assert rows(database) == [("anna", b"one", 1), ("bert", b"two", 1), ("carl", b"3", None)]


def test_the_same_id_and_name_with_another_password_is_another_person(database: str) -> None:
    anna = hubdb.sign_ups(database)[0]
    with sqlite3.connect(database_file(database)) as connection:
        connection.execute("delete from users_info where id = ?", (anna.id,))
        connection.execute(
            "insert into users_info (id, username, password, is_authorized) values (?,?,?,0)",
            (anna.id, "anna", b"a stranger's"),
        )
    for change in (hubdb.authorise, hubdb.discard, hubdb.take_back):
        with pytest.raises(ChangedSinceShown):
            change(database, anna)
    assert rows(database)[0] == ("anna", b"a stranger's", 0)


def test_an_authorised_sign_up_cannot_be_discarded_by_accident(database: str) -> None:
    bert = hubdb.sign_ups(database)[1]
    with pytest.raises(ChangedSinceShown):
        hubdb.discard(database, bert)
    hubdb.take_back(database, bert)
    hubdb.discard(database, bert)
    assert [row[0] for row in rows(database)] == ["anna", "carl"]


def test_a_locked_database_is_a_sentence_and_does_not_take_long(database: str) -> None:
    holder = sqlite3.connect(database_file(database), isolation_level=None)
    holder.execute("begin exclusive")
    with pytest.raises(HubLocked, match="locked by another program"):
        hubdb.sign_ups(database)
    holder.close()


def test_nothing_stays_open_after_a_look(database: str) -> None:
    hubdb.sign_ups(database)
    other = sqlite3.connect(database_file(database), timeout=0, isolation_level=None)
    other.execute("begin exclusive")  # would fail beside an open read transaction
    other.execute("rollback")
    other.close()


def test_a_file_that_is_missing_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(HubDown, match="does not exist"):
        hubdb.sign_ups(f"sqlite:///{tmp_path}/none.sqlite")
    assert list(tmp_path.iterdir()) == []


def test_another_kind_of_database_is_refused_with_a_sentence() -> None:
    with pytest.raises(HubForeign, match="SQLite databases only"):
        hubdb.sign_ups("postgresql://hub:secret@localhost/hub")


def test_a_database_without_nativeauthenticator_is_recognised(tmp_path: Path) -> None:
    path = tmp_path / "hub.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("create table users (id integer)")
    with pytest.raises(HubForeign, match="no table users_info"):
        hubdb.sign_ups(str(path))


def test_garbage_is_not_a_database(tmp_path: Path) -> None:
    path = tmp_path / "hub.sqlite"
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(HubForeign, match="not a healthy SQLite database"):
        hubdb.sign_ups(str(path))


def test_the_refusal_of_a_database_never_shows_its_password() -> None:
    with pytest.raises(HubForeign) as refused:
        hubdb.sign_ups("mysql+pymysql://hub:secret@localhost/hub")
    assert "secret" not in str(refused.value)
