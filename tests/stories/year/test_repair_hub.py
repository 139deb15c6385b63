"""What only a real hub can show: who is taken out of it is out, with session and server."""

from __future__ import annotations

import pwd

import pytest

from hubtui.demo.form import Session
from hubtui.drift.records import Code
from hubtui.errors import Refused
from hubtui.events import Outcome
from hubtui.server import Server, hubdb, processes
from tests.repairs import carried_out, drift, plan_for, repaired
from tests.yearly import Year


def in_hub(server: Server, name: str) -> tuple[bool, int]:
    """Whether the hub knows the name, and how many sign-ups there are of it."""
    database = server.course.hub.database
    known = any(user.name == name for user in hubdb.hub_users(database))
    return known, sum(row.name == name for row in hubdb.sign_ups(database))


def is_logged_in(session: Session) -> bool:
    return "/hub/login" not in session.get("/hub/home").url


def test_who_was_taken_back_stops_and_is_out_for_good_where_that_is_chosen(
    year: Year,
) -> None:
    server, home = year.server, year.student("dora")
    uid = home.stat().st_uid
    session = year.serve("dora")
    year.sql("update users_info set is_authorized = 0 where username = 'dora'")
    repaired(server, drift(Code.NOT_AUTHORISED, "dora", "stop"))
    assert not [one for one in processes.of(uid) if one.is_server]
    assert (in_hub(server, "dora"), is_logged_in(session)) == ((True, 1), True)
    repaired(server, drift(Code.NOT_AUTHORISED, "dora", "discard"))
    assert (in_hub(server, "dora"), is_logged_in(session)) == ((False, 0), False)
    assert home.is_dir()


def test_a_user_that_the_hub_alone_knows_is_forgotten_unless_somebody_signed_up(
    year: Year,
) -> None:
    server = year.server
    year.sign_up("emil")
    year.at_the_hub("emil")
    plan = plan_for(server, found := drift(Code.HUB_USER_ALONE, "emil"))
    assert in_hub(server, "emil") == (True, 1)
    outcome, said = carried_out(server, plan)
    assert (outcome, said) == (Outcome.CHANGED, "Somebody has signed up as emil meanwhile.")
    year.sql("delete from users_info where username = 'emil'")
    repaired(server, found)
    assert in_hub(server, "emil") == (False, 0)


def test_who_logged_in_as_an_account_of_the_system_is_out_at_once(year: Year) -> None:
    server = year.server
    year.sign_up("games")
    session = year.at_the_hub("games")
    repaired(server, drift(Code.FOREIGN_SIGN_UP, "games", "discard"))
    assert (in_hub(server, "games"), is_logged_in(session)) == ((False, 0), False)
    assert pwd.getpwnam("games").pw_uid < 1000


def test_an_administrator_of_the_hub_is_never_deleted(year: Year) -> None:
    server = year.server
    year.sign_up("franz")
    year.at_the_hub("franz")
    plan = plan_for(server, drift(Code.FOREIGN_SIGN_UP, "franz", "discard"))
    year.sql("update users set admin = 1 where name = 'franz'")
    assert carried_out(server, plan)[0] is Outcome.CHANGED
    with pytest.raises(Refused, match="is an administrator of the hub"):
        plan_for(server, drift(Code.FOREIGN_SIGN_UP, "franz", "discard"))
    assert in_hub(server, "franz") == (True, 1)
