"""The file that init writes: it loads, says where each value came from, and holds no secret."""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path
from typing import Any

import pytest

from hubtui import course
from hubtui.errors import Refused
from hubtui.setup import addresses, discover, reading
from hubtui.setup.discover import Discovery, Found
from hubtui.setup.hubconfig import HubConfig, parse
from hubtui.setup.hubprocess import HubProcess
from hubtui.setup.init import summary, text_of, write
from hubtui.setup.oldscripts import OldScripts, Said

NOTHING = Found(None, "nobody knows")
HUB = HubProcess(pid=1, uid=0, words=(), cwd=Path("/srv/hub"), log=None)


def said(text: str) -> HubConfig:
    return parse(text.encode(), Path("/etc/jupyterhub/jupyterhub_config.py"))


def discovery(**found: Any) -> Discovery:
    all_: dict[str, Any] = {field.name: NOTHING for field in dataclasses.fields(Discovery)}
    all_ |= {"process": None, "config": None, "sign_ups": (), "tutors": (), "students": ()}
    all_ |= {"unseen": "", "staff": {}, "left": {}, "group": Found("all_user", "made up")}
    all_ |= {"homes": Found("/home", "made up"), "api": Found("http://127.0.0.1:1/hub/api", "")}
    all_ |= {"proxy": Found("http://127.0.0.1:2", "")}
    return Discovery(**(all_ | found))


def written(tmp_path: Path, found: Discovery) -> course.Course:
    path = tmp_path / "course.yaml"
    write(path, text_of(found))
    return course.load(path, as_root=False)


def test_it_loads_even_where_nothing_was_found(tmp_path: Path) -> None:
    found = written(tmp_path, discovery())
    assert found.accounts.roster is None
    assert (tmp_path / "course.yaml").stat().st_mode & 0o777 == 0o644


def test_each_value_says_where_it_came_from_and_what_is_missing_what_to_do() -> None:
    text = text_of(discovery(uids=Found("30000-39999", "nobody has them")))
    assert "  # nobody has them\n  uids: 30000-39999\n" in text
    assert "  # NOT FOUND (nobody knows): fill this in\n  # roster: /root" in text


def test_settings_that_could_not_be_read_are_named_with_their_line() -> None:
    text = text_of(discovery(config=said("x = 1\nc.JupyterHub.db_url = secret()\n")))
    assert "JupyterHub.db_url could not be read from line 2" in text


@pytest.mark.parametrize("path", ["/srv/a: b # c", "/srv/- [x]", "/srv/ends ", '/srv/"', "/srv/ä"])
def test_awkward_paths_cannot_break_the_file(tmp_path: Path, path: str) -> None:
    found = written(tmp_path, discovery(source=Found(path, f"a script\n{path}: yes")))
    assert found.release is not None
    assert str(found.release.source) == path


def test_what_cannot_be_shown_is_left_to_be_filled_in(tmp_path: Path) -> None:
    hidden = Found("/srv/\N{RIGHT-TO-LEFT OVERRIDE}x", "a script")
    found = written(tmp_path, discovery(source=hidden, roster=hidden))
    assert found.release is None
    assert found.accounts.roster is None


def test_there_is_never_another_file_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "course.yaml"
    path.write_text("mine")
    with pytest.raises(Refused, match="exists"):
        write(path, "ours")
    assert path.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [path]


def test_of_many_at_once_one_writes(tmp_path: Path) -> None:
    path, refused = tmp_path / "course.yaml", []

    def one(text: str) -> None:
        try:
            write(path, text)
        except Refused as e:
            refused.append(e)

    threads = [threading.Thread(target=one, args=(str(at),)) for at in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 7
    assert path.read_text() in set("01234567")


def test_sign_ups_that_were_not_looked_at_are_not_counted_as_none(tmp_path: Path) -> None:
    told = "\n".join(summary(discovery(unseen="It is locked."), tmp_path / "course.yaml"))
    assert "Sign-ups and the hub's admins were not looked at: It is locked." in told
    assert "database: 0" not in told
    assert "database: 0" in "\n".join(summary(discovery(), tmp_path / "course.yaml"))


def test_a_database_of_another_kind_says_why_nobody_was_read() -> None:
    assert "SQLite databases only" in discover._from_database("postgresql://db/hub", None)[2]
    assert "not found" in discover._from_database(None, None)[2]


# --- the hub's database and addresses ------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("sqlite:///jupyterhub.sqlite", "sqlite:////srv/hub/jupyterhub.sqlite"),
        ("jupyterhub.sqlite", "sqlite:////srv/hub/jupyterhub.sqlite"),
        ("sqlite:////data/../x.sqlite?timeout=5", "sqlite:////x.sqlite"),
        ("sqlite:///:memory:", None),
        ("postgresql://hub:geheim@db.example.org/hub", "postgresql://db.example.org"),
        ("mysql+pymysql://hub:ge@heim@[/hub", "mysql+pymysql://localhost"),
    ],
)
def test_the_database_is_found_without_its_password(setting: str, value: str | None) -> None:
    found = discover.database_of(HUB, said(f"c.JupyterHub.db_url = {setting!r}\n"))
    assert found.value == value
    assert "heim" not in text_of(discovery(database=found))


def test_hub_and_proxy_are_named_by_number() -> None:
    config = said(
        "c.JupyterHub.bind_url = 'http://0.0.0.0:8888/jupyter/'\nc.JupyterHub.hub_port = 8099\n"
    )
    assert addresses.api(config)[0] == "http://127.0.0.1:8099/jupyter/hub/api"
    assert addresses.proxy(config)[0] == "http://127.0.0.1:8888/jupyter"
    assert addresses.api(None)[0] == "http://127.0.0.1:8081/hub/api"


@pytest.mark.parametrize("bound", ["http://[", "http://x:port", "", "unix+http://%2Fx"])
def test_an_address_that_is_none_is_the_default(bound: str) -> None:
    config = said(f"c.JupyterHub.hub_bind_url = {bound!r}\n")
    assert addresses.api(config)[0] == "http://127.0.0.1:8081/hub/api"


def test_the_public_address_is_that_of_the_site_which_leads_to_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sites.conf").write_text(
        "<VirtualHost *:443>\nServerName www.example.org\nDocumentRoot /var/www\n</VirtualHost>\n"
        "<VirtualHost *:443>\n  ServerName hub.example.org\n"
        "  ProxyPass / http://127.0.0.1:8000/\n</VirtualHost>\n"
    )
    monkeypatch.setattr(addresses, "SITES", tmp_path)
    monkeypatch.setattr(reading, "read", lambda path: path.read_bytes())
    assert addresses.public(OldScripts())[0] == "https://hub.example.org"


def test_without_apache_the_old_watchdog_knows_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(addresses, "SITES", tmp_path)
    old = OldScripts(url=Said("https://hub.example.org", Path("/root/watch.sh")))
    assert addresses.public(old) == ("https://hub.example.org", "URL in /root/watch.sh")
