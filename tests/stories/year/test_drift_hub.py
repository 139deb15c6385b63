"""What the sentences say of the hub is so: tried with a real one that lets in whom it knows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from hubtui import drift
from hubtui.demo.form import log_in, sign_up
from hubtui.demo.hub import EmbeddedHub
from hubtui.drift.records import Code
from hubtui.server import hub as hubs
from hubtui.server import hubdb
from hubtui.students import survey
from tests.sandboxed import Machine
from tests.watched import PASSWORD, Watched, watched


@pytest.fixture
def course(machine: Machine) -> Iterator[Watched]:
    """A hub with ``allow_existing_users``, whose token may add dora."""
    pytest.importorskip("jupyterhub", reason="JupyterHub is missing: install hubtui[demo]")

    def make(folder: Path) -> EmbeddedHub:
        hub = EmbeddedHub(folder, probe="dora")
        with hub.config.open("a") as file:
            file.write("c.Authenticator.allow_all = False\n")
            file.write("c.Authenticator.allow_existing_users = True\n")
        return hub

    with watched(machine, make=make) as found:
        yield found


def test_whoever_signs_up_under_a_name_that_was_left_is_let_in_and_works_on(
    course: Watched, machine: Machine
) -> None:
    server = course.server
    hubs.api(server.course).add_user("dora")
    machine.adduser("dora", 20001, 0o700, "all_user")
    Path("/root/resources/accounts.txt").write_text("dora\n")
    [alarm] = drift.whole(server, survey(server))
    assert alarm.code is Code.HUB_USER_LETS_IN
    assert alarm.text.endswith(
        "whoever signs up as dora is let in at once, with all files of that account."
    )
    assert sign_up(course.hub.url, "dora", PASSWORD).ok
    assert [(s.name, s.authorised) for s in hubdb.sign_ups(course.hub.database)] == [("dora", True)]
    assert log_in(course.hub.url, "dora", PASSWORD).start_server().ok
    assert drift.whole(server, survey(server)) == (), "now she is like everybody"
    with sqlite3.connect(course.hub.database_file) as database:
        database.execute("update users_info set is_authorized = 0")
    database.close()
    [goes_on] = drift.quick(survey(server))
    assert (goes_on.code, goes_on.name) == (Code.NOT_AUTHORISED, "dora")
