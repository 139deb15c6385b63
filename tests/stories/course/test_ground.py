"""The ground that all stories stand on: a machine of its own, and a real hub on it."""

from __future__ import annotations

import pwd
from pathlib import Path

import psutil
import pytest

from hubtui.demo.form import log_in, sign_up
from hubtui.demo.hub import EmbeddedHub
from hubtui.errors import HubError
from tests.sandboxed import Machine

PASSWORD = "correct horse battery"


@pytest.mark.hub
def test_a_sign_up_becomes_a_notebook_server_under_the_students_uid(
    machine: Machine, hub: EmbeddedHub
) -> None:
    assert sign_up(hub.url, "ground-anna", PASSWORD, "anna@example.org").ok
    with pytest.raises(HubError, match="not been authorized"):
        log_in(hub.url, "ground-anna", PASSWORD)

    machine.adduser("ground-anna", 20001, mode=0o700)
    hub.authorise("ground-anna")

    session = log_in(hub.url, "ground-anna", PASSWORD)
    started = session.start_server()
    assert started.ok, started.text
    assert session.server_answers()
    servers = [one for one in psutil.process_iter() if one.name().startswith("jupyterhub-sing")]
    assert [one.uids().real for one in servers] == [20001]
    for server in servers:
        server.kill()


@pytest.mark.hub
def test_without_an_account_the_server_does_not_start(machine: Machine, hub: EmbeddedHub) -> None:
    sign_up(hub.url, "ground-ghost", PASSWORD)
    hub.authorise("ground-ghost")
    started = log_in(hub.url, "ground-ghost", PASSWORD).start_server()
    assert not started.ok
    assert "500" in started.text
    assert "getpwnam" in hub.log.read_text()


@pytest.mark.hub
@pytest.mark.parametrize(
    "name",
    ["$(id)", "[@click=app.quit]free", "\N{RIGHT-TO-LEFT OVERRIDE}nimda", "two\nlines", "-rf"],
)
def test_the_form_takes_hostile_names(hub: EmbeddedHub, name: str) -> None:
    assert sign_up(hub.url, name, PASSWORD).ok
    again = sign_up(hub.url, name, PASSWORD)
    assert not again.ok
    assert "already in use" in again.text


@pytest.mark.hub
def test_the_hub_comes_back_on_the_same_ports(hub: EmbeddedHub) -> None:
    url = hub.url
    hub.stop()
    assert hub.pid is None
    hub.start()
    hub.wait_until_up(90)
    assert hub.url == url
    assert sign_up(hub.url, "ground-after-the-restart", PASSWORD).ok


def test_only_system_accounts_are_here_at_the_start(machine: Machine) -> None:
    assert [one.pw_name for one in pwd.getpwall() if 1000 <= one.pw_uid < 65534] == []
    assert "root:*:" in Path("/etc/shadow").read_text()


def test_each_test_gets_a_fresh_machine(machine: Machine) -> None:
    home = machine.adduser("ground-bert", 20002)
    assert home.stat().st_uid == 20002
    machine.restore()
    assert not home.exists()
    with pytest.raises(KeyError):
        pwd.getpwnam("ground-bert")
