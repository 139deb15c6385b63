"""Who is meant by a rule: real accounts, real shadow lines, the hub's real table."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from hubtui.errors import UsageError
from hubtui.retire.choose import Chosen, choose, day
from hubtui.server import Server, ledger, processes
from hubtui.server.ledger import Given
from hubtui.students import survey
from tests.course_on_disk import DATABASE, ROSTER, make_course

OCTOBER = datetime(2026, 10, 1, tzinfo=UTC)


@pytest.fixture
def server(machine: object) -> Server:
    """Anna came in September, Bert in October and Carl before anybody noted it; Dora is new."""
    server = make_course().server
    subprocess.run(["groupadd", "--gid", "20000", "--", "all_user"], check=True)
    for name, uid in (("anna", 20001), ("bert", 20002), ("carl", 1001), ("dora", 20003)):
        words = ["useradd", "--uid", str(uid), "--no-user-group", "--gid", "all_user"]
        subprocess.run([*words, "--create-home", "--", name], check=True)
    ROSTER.write_text("anna\nbert\ncarl\ndora\n")
    for name, uid, made in (("anna", 20001, "2026-09-20"), ("bert", 20002, "2026-10-12")):
        ledger.give(server.state, Given(uid=uid, name=name, made=f"{made}T08:00:00Z"))
    subprocess.run(["chage", "--lastday", "2025-10-03", "carl"], check=True)
    subprocess.run(["chage", "--lastday", "-1", "dora"], check=True)
    return server


def chosen(server: Server, **rules: object) -> Chosen:
    return choose(survey(server), **rules)  # type: ignore[arg-type]


def was_at_the_hub(name: str, day: str) -> None:
    with sqlite3.connect(DATABASE) as database:
        row = (name, f"{day} 09:00:00.000000")
        database.execute("insert into users (name, admin, last_activity) values (?, 0, ?)", row)
    database.close()


def test_all_but_some_are_all_others(server: Server) -> None:
    assert chosen(server, but=["bert"]).names == ("anna", "carl", "dora")
    assert chosen(server, but=["tutor"]).names == ("anna", "bert", "carl", "dora")


def test_a_slip_of_the_finger_in_all_but_removes_nobody(server: Server) -> None:
    with pytest.raises(UsageError, match="brt is not a course account"):
        chosen(server, but=["brt"])


def test_who_was_made_before_a_day_by_the_ledger_or_else_by_shadow(server: Server) -> None:
    found = chosen(server, made_before=OCTOBER)
    assert found.names == ("anna", "carl")
    assert found.left_out == ("dora: since when it has been here is not known",)


def test_who_was_not_at_the_hub_since_a_day(server: Server) -> None:
    was_at_the_hub("anna", "2026-10-20")
    was_at_the_hub("bert", "2026-09-30")  # made later than it was there: what the hub says counts
    was_at_the_hub("dora", "2026-09-30")
    found = chosen(server, inactive_since=OCTOBER)
    assert found.names == ("bert", "carl", "dora")  # Carl never was, and is here since 2025
    assert chosen(server, inactive_since=OCTOBER, made_before=OCTOBER).names == ("carl",)
    assert chosen(server, inactive_since=OCTOBER, but=["carl"]).names == ("bert", "dora")


def test_who_has_a_server_now_is_not_inactive(server: Server, serving: None) -> None:
    assert chosen(server, inactive_since=OCTOBER).names == ("anna",)


@pytest.fixture
def serving() -> Iterator[None]:
    """Carl's server, as far as anybody can see from outside."""
    words = [processes.SERVER, "-S", "-c", "import time; time.sleep(60)"]
    running = subprocess.Popen(words, executable=sys.executable, user=1001, cwd="/")
    until = time.monotonic() + 10
    while 1001 not in processes.serving():
        assert time.monotonic() < until, "it never ran"
        time.sleep(0.02)
    yield
    running.kill()
    running.wait()


def test_names_are_taken_as_they_are_and_never_beside_a_rule(server: Server) -> None:
    assert chosen(server, names=["carl", "anna", "carl"]).names == ("carl", "anna")
    with pytest.raises(UsageError, match="either names or a rule"):
        chosen(server, names=["anna"], but=["bert"])
    with pytest.raises(UsageError, match="Name the accounts, or say"):
        chosen(server)
    with pytest.raises(UsageError, match="'crl' is no account on this server"):
        chosen(server, names=["anna", "crl"])


def test_a_day_begins_where_the_course_is(server: Server) -> None:
    assert day("2026-10-01", server.course).hour in (0, 22)
    with pytest.raises(UsageError, match="write it as 2026-10-01"):
        day("1 October", server.course)
