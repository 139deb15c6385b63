"""What doctor says of the hub's port, token and settings, to an old hub and to a new one."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import msgspec
import pytest

from hubtui.errors import HubDown, HubError
from hubtui.findings import Finding, Severity
from hubtui.reads import reading
from hubtui.reads.hubconfig import parse
from hubtui.server import Server, hubdb, server_of
from hubtui.server import hub as hubs
from hubtui.server.hubapi import CONFIG_ROLE, CONFIG_SERVICE, TokenRefused
from hubtui.setup.checks import check_accounts, check_hub, check_settings
from hubtui.setup.checks.subject import HubHere, NotSeen, Subject
from tests.unit.surveys import course, survey

# As `.schema users_info` and `users` say of JupyterHub 1.2.2 with NativeAuthenticator 0.0.5.
SCHEMA_1_2 = """
CREATE TABLE users (id INTEGER NOT NULL, name VARCHAR(255), admin BOOLEAN, created DATETIME,
  last_activity DATETIME, cookie_id VARCHAR(255) NOT NULL, state TEXT, encrypted_auth_state BLOB,
  PRIMARY KEY (id), UNIQUE (name), CHECK (admin IN (0, 1)), UNIQUE (cookie_id));
CREATE TABLE spawners (id INTEGER NOT NULL, user_id INTEGER, server_id INTEGER, state TEXT,
  name VARCHAR(255), started DATETIME, last_activity DATETIME, user_options TEXT, PRIMARY KEY (id));
CREATE TABLE users_info (id INTEGER NOT NULL, username VARCHAR NOT NULL, password BLOB NOT NULL,
  is_authorized BOOLEAN, email VARCHAR, has_2fa BOOLEAN, otp_secret VARCHAR(16), PRIMARY KEY (id),
  CHECK (is_authorized IN (0, 1)), CHECK (has_2fa IN (0, 1)));
INSERT INTO users VALUES (1, 'admin', 1, '2026-11-24 02:41:28.167557', NULL, 'c1', '{}', NULL),
  (2, 'anna', 0, '2026-11-24 02:41:32.946531', '2026-11-24 02:41:33.879232', 'c2', '{}', NULL);
INSERT INTO spawners VALUES (1, 2, 1, '{"pid": 114}', '', '2026-11-24 02:41:32.966659',
  '2026-11-24 02:41:33.879232', NULL), (2, 1, NULL, '{}', '', NULL, NULL, NULL);
INSERT INTO users_info VALUES (1, 'admin', X'24', 1, 'admin@x.org', 0, ''),
  (2, 'anna', X'25', 1, 'anna@x.org', 0, ''), (3, 'bert', X'26', 0, 'bert@x.org', 0, '');
"""
OLD, NEW = "1.2.2", "5.5.4"


def subject(
    tmp_path: Path, answer: str | HubError, *, text: str = "", token: Path | None = None
) -> Subject:
    made = course(tmp_path)
    made = msgspec.structs.replace(made, hub=msgspec.structs.replace(made.hub, token_file=token))
    server: Server = server_of(made)
    config = parse(text.encode(), Path("/etc/hub_config.py"))
    return Subject(server, survey(tmp_path), HubHere(None, config, answer))


def one(found: list[Finding]) -> Finding:
    [finding] = found
    return finding


def test_the_database_of_a_hub_1_2_is_read(tmp_path: Path) -> None:
    path = tmp_path / "jupyterhub.sqlite"
    with sqlite3.connect(path) as connection:
        connection.executescript(SCHEMA_1_2)
    url = f"sqlite:///{path}"
    signed_up = [(s.name, s.authorised, s.two_factor) for s in hubdb.sign_ups(url)]
    assert signed_up == [("admin", True, False), ("anna", True, False), ("bert", False, False)]
    admin, anna = hubdb.hub_users(url)
    assert (admin.admin, admin.last_activity, admin.servers) == (True, None, 0)
    assert anna.last_activity is not None
    assert (anna.admin, anna.last_activity.isoformat(), anna.servers) == (
        False, "2026-11-24T02:41:33.879232+00:00", 1
    )  # fmt: skip


# --- the token -----------------------------------------------------------------------------------


def test_without_a_token_doctor_says_what_makes_one(tmp_path: Path) -> None:
    for token in (None, tmp_path / "gone"):
        found = one(list(check_hub.token(subject(tmp_path, NEW, token=token))))
        assert (found.id, found.do) == ("hub.token", "sudo hubtui install token")


class Api:
    """A hub's API that takes the token for some things."""

    def __init__(self, refusal: HubError | None = None, *, missing: tuple[str, ...] = ()) -> None:
        self.refusal, self.missing, self.asked = refusal, missing, list[str]()

    def users(self) -> list[object]:
        self.asked.append("users")
        if self.refusal:
            raise self.refusal
        return []

    def missing_scopes(self) -> list[str]:
        self.asked.append("scopes")
        return list(self.missing)


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One that root alone can read; where it lies is not judged here."""
    monkeypatch.setattr(reading, "flaw", lambda path, also=(): None)
    path = tmp_path / "own-token"
    path.write_text("a" * 64)
    path.chmod(0o600)
    return path


def said(found: Subject, api: Api, monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    monkeypatch.setattr(hubs, "api", lambda course: api)
    return list(check_hub.token(found))


def test_a_refused_token_comes_with_the_lines_for_its_own_place(
    tmp_path: Path, token: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = Api(TokenRefused("The hub did not list its users (403): unknown", (CONFIG_SERVICE,)))
    found = one(said(subject(tmp_path, NEW, token=token), api, monkeypatch))
    assert found.text == "The hub did not list its users (403): unknown."
    assert f'open("{token}")' in found.do
    assert "/etc/hub_config.py" in found.do
    assert "restart the hub" in found.do


def test_a_role_that_lists_only_is_not_called_fine(
    tmp_path: Path, token: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = Api(missing=("delete:servers",))
    found = one(said(subject(tmp_path, NEW, token=token), api, monkeypatch))
    assert (found.id, found.severity) == ("hub.token.role", Severity.WARNING)
    assert "lacks delete:servers" in found.text
    assert CONFIG_ROLE in found.do


def test_without_any_role_the_users_are_not_asked_for(
    tmp_path: Path, token: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = Api(HubError("refused"), missing=("list:users", "read:users"))
    found = one(said(subject(tmp_path, NEW, token=token), api, monkeypatch))
    assert "lacks list:users, read:users" in found.text
    assert api.asked == ["scopes"]


def test_an_old_hub_is_not_asked_for_scopes(
    tmp_path: Path, token: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = Api(missing=("delete:servers",))
    assert said(subject(tmp_path, OLD, token=token), api, monkeypatch) == []
    assert api.asked == ["users"]


def test_the_refusal_of_the_api_has_both_in_one_text() -> None:
    refused = TokenRefused("The hub did not stop it (403): no scope", (CONFIG_ROLE,))
    assert isinstance(refused, HubError)
    said = str(refused)
    assert said.startswith("The hub did not stop it (403): no scope. Mend it with: sudo hubtui")
    assert CONFIG_ROLE in str(refused)


# --- the hub's port ------------------------------------------------------------------------------


def test_a_hub_that_is_down_is_started_or_its_other_address_named(tmp_path: Path) -> None:
    down = HubDown("Nobody answers at 127.0.0.1:8081: is the hub running?")
    found = one(list(check_hub.answers(subject(tmp_path, down))))
    assert found.text.endswith("running? No process of it runs here.")
    assert "start" in found.do
    moved = subject(tmp_path, down, text="c.JupyterHub.hub_port = 9081\n")
    do = one(list(check_hub.answers(moved))).do
    assert do == "in course.yaml below hub: api: http://127.0.0.1:9081/hub/api"


# --- settings and files --------------------------------------------------------------------------


def settings(text: str, version: str) -> dict[str, Finding]:
    config = parse(text.encode(), Path("/etc/hub_config.py"))
    return {each.id: each for each in check_settings.settings(HubHere(None, config, version))}


@pytest.mark.parametrize("trait", ["allowed_users", "whitelist"])
def test_before_5_a_list_of_names_keeps_the_approved_out(trait: str) -> None:
    """Seen with 1.2.2: anna was approved, and got 'Invalid username or password'."""
    text = f"c.Authenticator.{trait} = {{'carl'}}\n"
    found = settings(text, OLD)["hub.allowed_users"]
    assert found.do == f"take {trait} out of /etc/hub_config.py; then restart the hub"
    assert "hub.allowed_users" not in settings(text + "c.Authenticator.allow_all = True\n", NEW)
    assert "hub.allowed_users" not in settings("c.Authenticator.allowed_users = set()\n", OLD)


def test_no_roster_is_not_called_a_good_one(tmp_path: Path) -> None:
    with pytest.raises(NotSeen):
        list(check_accounts.roster(subject(tmp_path, NEW)))


@pytest.mark.parametrize(
    "line", ["c.NativeAuthenticator.open_signup = bool(1)", "load_subconfig('more.py')"]
)
def test_a_setting_that_could_let_strangers_in_and_was_not_read_is_not_called_fine(
    line: str,
) -> None:
    found = settings(f"c.Authenticator.allow_all = True\n{line}\n", NEW)["hub.unread"]
    assert "line 2 of /etc/hub_config.py" in found.text
    assert "False" in found.do


def test_admins_that_were_not_read_are_not_called_signed_up(tmp_path: Path) -> None:
    text = "c.Authenticator.admin_users = {'boss'}\n"
    found = one(list(check_settings.unclaimed(subject(tmp_path, NEW, text=text))))
    assert found.do.startswith("sign up as boss now at http://127.0.0.1:8000/hub/signup")
    more = subject(tmp_path, NEW, text="c.Authenticator.admin_users = set(open('/etc/admins'))\n")
    with pytest.raises(NotSeen):
        list(check_settings.unclaimed(more))
