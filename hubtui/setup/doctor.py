"""``hubtui doctor``: what is missing or wrong on this server, each with what mends it."""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from hubtui.course import Course, missing_files
from hubtui.errors import HubError, HubImpostor, HubtuiError
from hubtui.findings import Finding, Severity
from hubtui.names import shown
from hubtui.server import Server, homes, hub, hubdb
from hubtui.server.hubapi import CONFIG_ROLE, CONFIG_SERVICE
from hubtui.server.run import SEARCH
from hubtui.setup import discover
from hubtui.setup.hubconfig import HubConfig, read_config
from hubtui.students import Survey, survey

CRITICAL, WARNING, NOTE = Severity.CRITICAL, Severity.WARNING, Severity.NOTE


def examine(server: Server) -> list[Finding]:
    """All findings, worst first. A check that fails is a finding, too."""
    seen = survey(server)
    process = discover.hub_process()
    config = read_config(process.config) if process and process.config else None
    checks: list[Callable[[], Iterator[Finding]]] = [
        _root,
        _programs,
        lambda: _files(server.course),
        lambda: _survey(seen),
        lambda: _database(server.course),
        lambda: _process(process, config),
        lambda: _api(server.course),
        lambda: _versions(process),
        lambda: _settings(config, seen),
        lambda: _accounts(seen),
    ]
    found: list[Finding] = []
    for check in checks:
        try:
            found += check()
        except (HubtuiError, OSError) as e:
            found.append(Finding(id="doctor.check", severity=WARNING, text=str(e)))
    order = list(Severity)
    return sorted(found, key=lambda finding: order.index(finding.severity))


def _root() -> Iterator[Finding]:
    if os.geteuid() != 0:
        text = "hubtui runs without root: it can look, and change nothing."
        yield Finding(id="doctor.root", severity=WARNING, text=text, do="sudo hubtui doctor")


def _programs() -> Iterator[Finding]:
    path = ":".join(SEARCH)
    for program, package in (
        ("useradd", "passwd"), ("usermod", "passwd"), ("groupadd", "passwd"), ("du", "coreutils"),
        ("ionice", "util-linux"),
    ):  # fmt: skip
        if shutil.which(program, path=path) is None:
            text = f"{program} is not installed: accounts cannot be made."
            do = f"apt-get install {package}"
            yield Finding(id="doctor.program", severity=CRITICAL, text=text, do=do)


def _files(course: Course) -> Iterator[Finding]:
    for sentence in missing_files(course):
        yield Finding(id="course.file", severity=WARNING, text=sentence)
    if course.hub.token_file is None:
        yield Finding(
            id="hub.token",
            severity=NOTE,
            text="Without a token hubtui cannot ask the hub for servers, nor stop one through it.",
            do="(umask 077; openssl rand -hex 32 > /etc/hubtui/token); in the hub's configuration: "
            f"{CONFIG_SERVICE} {CONFIG_ROLE}; hub.token_file: /etc/hubtui/token; restart the hub",
        )
    elif course.hub.token_file.exists() and course.hub.token_file.stat().st_mode & 0o077:
        path = course.hub.token_file
        text = f"The token {path} can be read by others than root."
        yield Finding(id="hub.token", severity=CRITICAL, text=text, do=f"chmod 600 {path}")


def _survey(seen: Survey) -> Iterator[Finding]:
    for missing in seen.missing:
        yield Finding(id="doctor.look", severity=CRITICAL, text=f"{missing.what}: {missing.why}")
    if not seen.students:
        group = seen.course.accounts.group
        text = f"No course accounts: nobody is in the roster or in the group {group}."
        yield Finding(id="accounts.none", severity=NOTE, text=text)


def _database(course: Course) -> Iterator[Finding]:
    path = hubdb.database_file(course.hub.database)
    if not path.exists():
        return
    closed = any(not folder.stat().st_mode & 0o011 for folder in path.resolve().parents)
    if path.stat().st_mode & 0o044 and not closed:
        yield Finding(
            id="hub.database",
            severity=CRITICAL,
            text=f"{path} holds password hashes and can be read by every student.",
            do=f"chmod 700 {path.parent}, or: chmod 600 {path}",
        )
    if path.parent.stat().st_mode & stat.S_IWOTH:
        text = f"Everybody can write in {path.parent}, where the hub's database is."
        yield Finding(
            id="hub.database", severity=CRITICAL, text=text, do=f"chmod go-w {path.parent}"
        )


def _process(process: discover.Process | None, config: HubConfig | None) -> Iterator[Finding]:
    if process is None:
        text = "No hub runs here (no process called jupyterhub of root or a system account)."
        yield Finding(id="hub.down", severity=WARNING, text=text)
    elif config is not None and config.trouble:
        text = f"The hub's configuration {config.path} could not be read: {shown(config.trouble)}."
        yield Finding(id="hub.config", severity=WARNING, text=text)


def _api(course: Course) -> Iterator[Finding]:
    try:
        api = hub.api(course)
        api.version()
        if course.hub.token_file is not None:
            api.users()
    except HubImpostor as e:
        yield Finding(id="hub.port", severity=CRITICAL, text=str(e))
    except HubError as e:
        yield Finding(id="hub.api", severity=WARNING, text=str(e))


def _versions(process: discover.Process | None) -> Iterator[Finding]:
    """The newest JupyterHub and NativeAuthenticator together cannot log anyone in."""
    found = installed(process)
    hub_version, native = (
        found.get("jupyterhub", ""),
        found.get("jupyterhub_nativeauthenticator", ""),
    )
    if _number(hub_version) >= (6,) and native and _number(native) <= (1, 3):
        yield Finding(
            id="hub.versions",
            severity=CRITICAL,
            text=f"JupyterHub {hub_version} with nativeauthenticator {native} logs nobody in: "
            "every log-in is an error 500 ('LoginHandler' has no attribute 'statsd').",
            do="in the hub's environment: pip install 'jupyterhub>=5,<6'; then restart the hub",
        )


def installed(process: discover.Process | None) -> dict[str, str]:
    """Versions in the environment of the hub's process, by the names of its dist-info folders."""
    if process is None:
        return {}
    try:
        words = Path(f"/proc/{process.pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return {}
    found: dict[str, str] = {}
    for word in words[:2]:
        prefix = Path(os.fsdecode(word)).parent.parent
        for info in prefix.glob("lib/python3*/site-packages/jupyterhub*.dist-info"):
            if match := re.fullmatch(r"([A-Za-z_]+)-([0-9][0-9.]*).*\.dist-info", info.name):
                found.setdefault(match[1].lower(), match[2])
    return found


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())


def _settings(config: HubConfig | None, seen: Survey) -> Iterator[Finding]:
    if config is None or config.trouble:
        return
    where = shown(str(config.path))
    if config.get("Authenticator.allow_all", "NativeAuthenticator.allow_all") is not True:
        yield Finding(
            id="hub.allow_all",
            severity=WARNING,
            text="JupyterHub 5 lets nobody in without allow_all, not even an approved student.",
            do=f"in {where}: c.Authenticator.allow_all = True",
        )
    if config.get("Authenticator.allow_existing_users", "NativeAuthenticator.allow_existing_users"):
        yield Finding(
            id="hub.allow_existing_users",
            severity=WARNING,
            text="With allow_existing_users a stranger who signs up under a removed student's "
            "name is authorised at once.",
            do=f"in {where}: c.Authenticator.allow_existing_users = False",
        )
    if config.get("NativeAuthenticator.open_signup", "Authenticator.open_signup"):
        text = "With open_signup everybody who signs up is authorised at once, without you."
        do = f"in {where}: c.NativeAuthenticator.open_signup = False"
        yield Finding(id="hub.open_signup", severity=WARNING, text=text, do=do)
    taken = {sign_up.name for sign_up in seen.sign_ups}
    for key in ("Authenticator.admin_users", "Authenticator.allowed_users"):
        for name in sorted(map(str, config.get(key) or ())):
            if name not in taken:
                yield Finding(
                    id="hub.unclaimed",
                    severity=WARNING,
                    text=f"{shown(name, limit=40)} is in {key.partition('.')[2]} and has not "
                    "signed up: whoever registers that name first has it, authorised at once.",
                    do=f"sign up as {shown(name, limit=40)} now, or take it out of {where}",
                )
    if config.get("JupyterHub.cleanup_servers") is not False:
        text = "When the hub is stopped, all students' servers stop with it."
        do = f"in {where}: c.JupyterHub.cleanup_servers = False"
        yield Finding(id="hub.cleanup_servers", severity=NOTE, text=text, do=do)


def _accounts(seen: Survey) -> Iterator[Finding]:
    rules = seen.course.accounts
    found = rules.homes.stat()
    if found.st_uid != 0 or found.st_mode & 0o022:
        yield Finding(
            id="accounts.homes",
            severity=CRITICAL,
            text=f"{rules.homes} can be written by others than root: homes could be swapped.",
            do=f"chown root {rules.homes}; chmod 755 {rules.homes}",
        )
    opened = [a.name for a in seen.students.values() if homes.look(a.home).open_to_others]
    if opened:
        names = ", ".join(opened[:5]) + (" …" if len(opened) > 5 else "")
        yield Finding(
            id="accounts.open",
            severity=WARNING,
            text=f"{len(opened)} homes are open to classmates: {names}.",
            do=f"chmod 700 -- {rules.homes}/NAME, for each",
            pane="accounts",
        )
    next(seen.free_uids())
