"""What only a real hub can show: who is taken out of it is out, with session and server."""

from __future__ import annotations

import pwd
import sqlite3
from pathlib import Path

import pytest

from hubtui import course
from hubtui.demo.form import Session, log_in
from hubtui.demo.hub import EmbeddedHub
from hubtui.drift.records import Code
from hubtui.errors import Refused
from hubtui.events import Outcome
from hubtui.server import Server, hubdb, processes, server_of
from tests.course_on_disk import CONFIG, TEXT
from tests.drifts import PASSWORD, Ground
from tests.repairs import carried_out, drift, plan_for, repaired
from tests.sandboxed import Machine

pytestmark = pytest.mark.hub
"""Each test uses names of its own."""


@pytest.fixture
def server(machine: Machine, hub: EmbeddedHub) -> Server:
    """A course of that hub."""
    keys = f"  url: {hub.url}\n  api: {hub.api}\n  token_file: {hub.token_file}\n"
    CONFIG.parent.mkdir(exist_ok=True)
    CONFIG.write_text(
        TEXT.replace("  url: http://127.0.0.1:8000\n", keys).replace(
            "sqlite:////srv/hub/jupyterhub.sqlite", hub.database
        )
    )
    Path("/root/resources").mkdir(exist_ok=True)
    machine.add_group("all_user", 20000)
    return server_of(course.load(CONFIG))


def in_hub(server: Server, name: str) -> tuple[bool, int]:
    """Whether the hub knows the name, and how many sign-ups there are of it."""
    database = server.course.hub.database
    known = any(user.name == name for user in hubdb.hub_users(database))
    return known, sum(row.name == name for row in hubdb.sign_ups(database))


def is_logged_in(session: Session) -> bool:
    return "/hub/login" not in session.get("/hub/home").url


def test_who_was_taken_back_stops_and_is_out_for_good_where_that_is_chosen(
    server: Server, hub: EmbeddedHub
) -> None:
    ground = Ground(server)
    home = ground.student("dora")
    uid = home.stat().st_uid
    session = log_in(hub.url, "dora", PASSWORD)
    assert session.start_server().ok
    ground.sql("update users_info set is_authorized = 0 where username = 'dora'")
    repaired(server, drift(Code.NOT_AUTHORISED, "dora", "stop"))
    assert not [one for one in processes.of(uid) if one.is_server]
    assert (in_hub(server, "dora"), is_logged_in(session)) == ((True, 1), True)
    repaired(server, drift(Code.NOT_AUTHORISED, "dora", "discard"))
    assert (in_hub(server, "dora"), is_logged_in(session)) == ((False, 0), False)
    assert home.is_dir()


def test_a_user_that_the_hub_alone_knows_is_forgotten_unless_somebody_signed_up(
    server: Server,
) -> None:
    ground = Ground(server)
    ground.sign_up("emil", authorised=True)
    ground.hub_user("emil")
    plan = plan_for(server, found := drift(Code.HUB_USER_ALONE, "emil"))
    assert (in_hub(server, "emil")) == (True, 1)
    outcome, said = carried_out(server, plan)
    assert (outcome, said) == (Outcome.CHANGED, "Somebody has signed up as emil meanwhile.")
    ground.sql("delete from users_info where username = 'emil'")
    repaired(server, found)
    assert in_hub(server, "emil") == (False, 0)


def test_who_logged_in_as_an_account_of_the_system_is_out_at_once(
    server: Server, hub: EmbeddedHub
) -> None:
    ground = Ground(server)
    ground.sign_up("games", authorised=True)
    session = log_in(hub.url, "games", PASSWORD)
    assert is_logged_in(session)
    repaired(server, drift(Code.FOREIGN_SIGN_UP, "games", "discard"))
    assert (in_hub(server, "games"), is_logged_in(session)) == ((False, 0), False)
    assert pwd.getpwnam("games").pw_uid < 1000


def test_an_administrator_of_the_hub_is_never_deleted(server: Server) -> None:
    ground = Ground(server)
    ground.sign_up("franz", authorised=True)
    ground.hub_user("franz")
    plan = plan_for(server, drift(Code.FOREIGN_SIGN_UP, "franz", "discard"))
    with sqlite3.connect(server.course.hub.database.removeprefix("sqlite:///")) as database:
        database.execute("update users set admin = 1 where name = 'franz'")
    database.close()
    assert carried_out(server, plan)[0] is Outcome.CHANGED
    with pytest.raises(Refused, match="is an administrator of the hub"):
        plan_for(server, drift(Code.FOREIGN_SIGN_UP, "franz", "discard"))
    assert in_hub(server, "franz") == (True, 1)
