"""The rig itself: it is what such a server is, or the other stories here prove nothing."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hubtui.demo.form import log_in
from tests.old_files import ADMIN
from tests.old_server import FRONTS, PASSWORD, STUDENTS, OldServer, old_server
from tests.sandboxed import Machine
from tests.watched import eventually


@pytest.fixture(scope="module", params=list(FRONTS))
def server(request: pytest.FixtureRequest, _machine: Machine) -> Iterator[OldServer]:
    """Behind each of the web servers in turn."""
    if not FRONTS[request.param]:
        pytest.skip(f"{request.param} is missing: bin/setup dev")
    with old_server(_machine, request.param) as found:
        yield found


def test_students_log_in_through_tls_and_find_what_was_copied(server: OldServer) -> None:
    assert server.is_up()
    name = STUDENTS[7]
    assert server.student(name).server_answers()
    copied = Path("/home", name, "exercises/week02/lists.csv")
    assert copied.owner() == name
    assert log_in(server.proxy_url, ADMIN, PASSWORD)


def test_the_old_script_does_nothing_to_a_hub_that_is_well_and_restarts_a_dead_one(
    server: OldServer,
) -> None:
    before = server.hub_pid
    server.minute()
    assert server.hub_pid == before
    subprocess.run(["pkill", "-f", "jupyterhub"], check=True)
    eventually(lambda: not server.is_up())
    server.minute()
    eventually(server.is_up)
    assert server.hub_pid not in (None, before)
