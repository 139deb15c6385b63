"""The file that init writes: it loads, says where each value came from, and holds no secret."""

from __future__ import annotations

import dataclasses
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hubtui import course
from hubtui.errors import Refused, UsageError
from hubtui.reads import addresses, apacheconf, nginxconf, reading
from hubtui.reads.hubconfig import HubConfig, parse
from hubtui.reads.hubprocess import HubProcess
from hubtui.reads.oldscripts import OldScripts, Said
from hubtui.setup import discover
from hubtui.setup.answers import Answers, date, whom
from hubtui.setup.discover import Discovery, Found
from hubtui.setup.init import summary, text_of, write

NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
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


@pytest.fixture
def no_sites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No web server on this machine; files that are read whoever owns them."""
    monkeypatch.setattr(apacheconf, "MAIN", (tmp_path / "apache2.conf",))
    monkeypatch.setattr(nginxconf, "MAIN", tmp_path / "nginx.conf")
    monkeypatch.setattr(reading, "read", lambda path: path.read_bytes())
    return tmp_path


def test_the_public_address_is_that_of_the_site_which_leads_to_the_hub(no_sites: Path) -> None:
    (no_sites / "apache2.conf").write_text(
        "<VirtualHost *:443>\nServerName www.example.org\nDocumentRoot /var/www\n</VirtualHost>\n"
        "<VirtualHost *:443>\n  ServerName hub.example.org\n"
        "  ProxyPass / http://127.0.0.1:8000/\n</VirtualHost>\n"
    )
    assert addresses.public(OldScripts())[0] == "https://hub.example.org"


def test_of_several_sites_the_one_of_the_proxys_port_counts_and_the_others_are_named(
    no_sites: Path,
) -> None:
    (no_sites / "apache2.conf").write_text(
        "<VirtualHost *:443>\nServerName wiki.example.org\n"
        "ProxyPass / http://127.0.0.1:9000/\n</VirtualHost>\n"
    )
    (no_sites / "nginx.conf").write_text(
        "upstream jupyter { server 127.0.0.1:8000; }\n"
        "server { listen 443 ssl; server_name hub.example.org;\n"
        "  location / { proxy_pass http://jupyter; } }\n"
    )
    url, where = addresses.public(OldScripts(), "http://127.0.0.1:8000")
    assert url == "https://hub.example.org"
    assert where.startswith("server_name in ")
    assert where.endswith("also here: https://wiki.example.org")


def test_without_a_site_the_old_watchdog_knows_the_address(no_sites: Path) -> None:
    old = OldScripts(url=Said("https://hub.example.org", Path("/root/watch.sh")))
    assert addresses.public(old) == ("https://hub.example.org", "URL in /root/watch.sh")


# --- what was answered ---------------------------------------------------------------------------


def test_what_was_answered_stands_in_the_file(tmp_path: Path) -> None:
    answers = Answers(
        notify=whom("admin@example.org"), exam=date("2027-02-01 09:00-11:00", NOW, students=40)
    )
    path = tmp_path / "course.yaml"
    write(path, text_of(discovery(), answers))
    found = course.load(path, as_root=False)
    assert found.notify.mail == "admin@example.org"
    assert found.exam.dates == (
        course.ExamDate(from_="2027-02-01 09:00", to="2027-02-01 11:00", students=40),
    )


@pytest.mark.parametrize("address", ["https://ntfy.sh/a?b=c:d,-e", "null", "true", "a+b=c@x.org"])
def test_awkward_addresses_are_kept_as_they_are(tmp_path: Path, address: str) -> None:
    path = tmp_path / "course.yaml"
    write(path, text_of(discovery(), Answers(notify=whom(address))))
    found = course.load(path, as_root=False).notify
    assert address in (found.mail, found.webhook)


@pytest.mark.parametrize("text", ["nobody there", "-oQ/tmp@x", "http://evil.example.org", "a\nb@c"])
def test_what_is_no_address_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match=r"admin@example\.org"):
        whom(text)


def test_where_nothing_was_answered_the_file_shows_how() -> None:
    text = text_of(discovery())
    assert "#   mail: admin@example.org" in text
    assert "#     - {from: 2027-02-01 09:00, to: 2027-02-01 11:00, students: 40}" in text
