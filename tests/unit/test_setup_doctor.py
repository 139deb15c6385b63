"""Doctor's checks of settings, versions and files, each on a small hub made for it."""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from hubtui.errors import HubDown, Refused
from hubtui.findings import Finding, Severity
from hubtui.reads import hubprocess, reading
from hubtui.reads.hubconfig import parse
from hubtui.reads.hubprocess import HubProcess
from hubtui.reads.reading import Flaw
from hubtui.setup import doctor
from hubtui.setup.checks import check_accounts, check_hub, check_settings
from hubtui.setup.checks.subject import HubHere, NotSeen
from hubtui.setup.doctor import Check

GOOD = """\
c.JupyterHub.authenticator_class = "native"
c.Authenticator.allow_all = True
c.Authenticator.username_pattern = "^[a-z]+$"
c.JupyterHub.cleanup_servers = False
"""


def hub(text: str = GOOD, version: str = "5.5.4", process: HubProcess | None = None) -> HubHere:
    return HubHere(process, parse(text.encode(), Path("/etc/hub_config.py")), version)


def settings(text: str, version: str = "5.5.4") -> dict[str, Finding]:
    return {one.id: one for one in check_settings.settings(hub(text, version))}


def environment(tmp_path: Path, *infos: str) -> HubProcess:
    packages = tmp_path / "lib/python3.11/site-packages"
    packages.mkdir(parents=True)
    for info in infos:
        (packages / info).mkdir()
    words = (f"{tmp_path}/bin/python", f"{tmp_path}/bin/jupyterhub")
    return HubProcess(pid=1, uid=0, words=words, cwd=tmp_path, log=None)


def test_a_good_hub_has_no_findings() -> None:
    assert settings(GOOD) == {}


def test_without_allow_all_nobody_gets_in_from_5_on() -> None:
    text = GOOD.replace("c.Authenticator.allow_all = True", "")
    assert settings(text)["hub.allow_all"].severity is Severity.CRITICAL
    assert settings(text, version="")["hub.allow_all"].severity is Severity.WARNING
    assert "hub.allow_all" not in settings(text, version="4.1.6")


def test_allow_all_that_cannot_be_read_is_not_called_missing() -> None:
    text = GOOD.replace("= True", "= bool(1)")
    assert settings(text)["hub.allow_all"].severity is Severity.NOTE
    more = GOOD.replace("c.Authenticator.allow_all = True", "load_subconfig('x.py')")
    assert settings(more)["hub.allow_all"].severity is Severity.WARNING


@pytest.mark.parametrize("trait", ["allow_existing_users", "open_signup"])
def test_settings_that_let_strangers_in_are_warnings(trait: str) -> None:
    found = settings(GOOD + f"c.NativeAuthenticator.{trait} = True\n")[f"hub.{trait}"]
    assert found.severity is Severity.WARNING
    assert f"{trait} = False" in found.do


def test_a_pattern_without_an_end_is_no_pattern() -> None:
    assert "hub.pattern" in settings(GOOD.replace("+$", "+"))


def test_the_pair_that_logs_nobody_in_is_known(tmp_path: Path) -> None:
    process = environment(
        tmp_path, "jupyterhub-6.1.1.dist-info", "jupyterhub_nativeauthenticator-1.3.0.dist-info"
    )
    [found] = check_hub.versions(hub(version="", process=process))
    assert found.severity is Severity.CRITICAL
    assert f"{tmp_path}/bin/python -m pip install 'jupyterhub>=5,<6'" in found.do
    assert list(check_hub.versions(hub(version="5.5.4", process=process))) == []
    with pytest.raises(NotSeen):
        list(check_hub.versions(hub()))


def test_old_ways_of_installing_are_read_too(tmp_path: Path) -> None:
    process = environment(
        tmp_path,
        "jupyterhub-1.2.2-py3.8.egg-info",
        "jupyterhub_nativeauthenticator-0.0.5-py3.8.egg-info",
    )
    assert hubprocess.installed(process) == {
        "jupyterhub": "1.2.2",
        "jupyterhub_nativeauthenticator": "0.0.5",
    }


@pytest.mark.parametrize(
    ("words", "path"),
    [
        (("python", "jupyterhub", "-f", "/etc/x.py"), "/etc/x.py"),
        (("python", "jupyterhub", "--config=y.py"), "/srv/hub/y.py"),
        (("python", "jupyterhub"), "/srv/hub/jupyterhub_config.py"),
    ],
)
def test_the_configuration_is_that_of_the_command_line(words: tuple[str, ...], path: str) -> None:
    process = HubProcess(pid=1, uid=0, words=words, cwd=Path("/srv/hub"), log=None)
    assert process.config == Path(path)


def test_subordinate_uids_in_the_range_are_named(tmp_path: Path) -> None:
    table = tmp_path / "subuid"
    table.write_text("anna:100000:65536\neva:19000:1001\nbad line\nzoe:x:y\n")
    assert check_accounts._delegated(table, 20000, 29999) == ["eva"]


def test_a_check_that_fails_is_a_finding_and_the_others_go_on() -> None:
    def refuses(_: object) -> Iterator[Finding]:
        yield from ()
        raise HubDown("Nobody answers.")

    def breaks(_: object) -> Iterator[Finding]:
        Path("/nowhere/at/all").stat()
        yield from ()

    def cannot_look(_: object) -> Iterator[Finding]:
        yield from ()
        raise NotSeen

    checks = [Check("a", refuses), Check("b", breaks), Check("c", lambda _: iter(()))]
    checks.append(Check("d", cannot_look))
    examined = doctor._sorted(*doctor._run(checks, object()))
    assert [one.id for one in examined.findings] == ["doctor.check"] * 2
    assert "/nowhere/at/all" in examined.findings[1].text
    assert examined.fine == ("c",)
    assert examined.state == "warning"


# --- reading as root -----------------------------------------------------------------------------

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root is careful about it")


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(tmp_path / "socket"))
    for name in ("fifo", "socket"):
        with pytest.raises((Refused, OSError)):
            reading.read(tmp_path / name)


@ROOT
def test_a_way_through_a_students_folder_or_link_has_a_flaw(tmp_path: Path) -> None:
    """Judged relative to / on; /tmp itself is open, so only the first flaw is looked for."""
    assert reading.flaw(Path("/etc/passwd")) is None
    found = reading.flaw(tmp_path)
    assert found is not None
    assert found.place == Path("/tmp")


def test_what_lies_in_a_home_is_moved_and_the_home_stays_its_owners(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home/tutor"
    (home / "lists").mkdir(parents=True)
    tutor = pwd.struct_passwd(("tutor", "x", 1100, 1100, "", str(home), "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwall", lambda: [tutor])
    roster = home / "lists/accounts.txt"
    for place in (home, home / "lists", Path("/tmp")):
        do = Flaw(place, "belongs to tutor", roster).mend(then="in course.yaml")
        assert do.startswith(f"move {roster} into a folder of root's")
        assert do.endswith("name the new place in course.yaml")
    own = Flaw(tmp_path, "belongs to hub", tmp_path / "x").mend("hub", then="")
    assert own == f"chown hub {tmp_path} && chmod go-w {tmp_path}"
    assert Flaw(roster, "belongs to tutor", roster).mend(then="").startswith("chown root ")


def test_a_link_is_given_to_root_and_not_what_it_leads_to(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("/etc")
    do = Flaw(link, "belongs to eva", link / "x").mend(then="")
    assert do == f"chown --no-dereference root {link}"


@ROOT
def test_a_students_link_to_a_good_file_is_refused() -> None:
    place = Path("/var/lib") if Path("/var/lib").is_dir() else Path("/srv")
    folder = place / f"hubtui-test-{os.getpid()}"
    folder.mkdir()
    try:
        link = folder / "link"
        link.symlink_to("/etc/passwd")
        assert reading.flaw(link) is None
        os.chown(link, 12345, 12345, follow_symlinks=False)
        found = reading.flaw(link)
        assert found is not None
        assert "uid 12345" in str(found)
        assert reading.flaw(link, also=(12345,)) is None
    finally:
        link.unlink()
        folder.rmdir()
