"""What can be found out about this server: the hub's process, files, group, roster, staff."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import psutil

from hubtui.errors import HubtuiError
from hubtui.names import is_reserved
from hubtui.server import accounts, hubdb, roster
from hubtui.server.accounts import NOBODY, Account, Accounts
from hubtui.server.hubdb import SignUp
from hubtui.setup.hubconfig import HubConfig, read_config

CONFIGS = (
    "/etc/jupyterhub/jupyterhub_config.py",
    "/srv/jupyterhub/jupyterhub_config.py",
    "/opt/jupyterhub/etc/jupyterhub/jupyterhub_config.py",
)
ROSTERS = ("/root/resources/accounts.txt", "/root/accounts.txt")
_ADMIN_GROUPS = ("sudo", "adm", "admin", "wheel")


@dataclass(frozen=True)
class Found:
    """A value with where it came from; the value is None where nothing was found."""

    value: str | None
    where: str


@dataclass(frozen=True)
class Process:
    """A hub that runs."""

    pid: int
    uid: int
    cwd: Path
    config: Path | None


@dataclass(frozen=True)
class Server:
    """All of it."""

    process: Process | None
    config: HubConfig | None
    accounts: Accounts
    sign_ups: tuple[SignUp, ...]
    url: Found
    api: Found
    database: Found
    group: Found
    homes: Found
    uids: Found
    roster: Found
    logs: Found
    staff: tuple[str, ...]
    students: tuple[str, ...]
    """Whom hubtui would take for course accounts."""


def hub_process() -> Process | None:
    """The hub that runs here: a process called exactly ``jupyterhub`` of root or a system uid."""
    for process in psutil.process_iter():
        try:
            if process.name() != "jupyterhub" or process.uids().real >= 1000:
                continue
            words, cwd = process.cmdline(), Path(process.cwd())
        except psutil.Error:
            continue
        return Process(process.pid, process.uids().real, cwd, _config_of(words, cwd))
    return None


def _config_of(words: list[str], cwd: Path) -> Path | None:
    for word, after in zip(words, [*words[1:], ""], strict=True):
        if word in ("-f", "--config") and after:
            return cwd / after
        if word.startswith(("--config=", "-f=")):
            return cwd / word.partition("=")[2]
    return cwd / "jupyterhub_config.py"


def discover() -> Server:
    """Look at everything; nothing is changed and nothing of the hub is executed."""
    process = hub_process()
    candidates = [process.config] if process and process.config else []
    candidates += [Path(path) for path in CONFIGS]
    path = next((path for path in candidates if path.is_file()), None)
    config = read_config(path) if path else None
    known = accounts.read_accounts()
    database = _database(process, config)
    sign_ups: tuple[SignUp, ...] = ()
    admins: set[str] = set(config.get("Authenticator.admin_users") or ()) if config else set()
    if database.value is not None:
        try:
            sign_ups = tuple(hubdb.sign_ups(database.value))
            admins |= {user.name for user in hubdb.hub_users(database.value) if user.admin}
        except HubtuiError:
            pass
    list_ = next((path for path in ROSTERS if Path(path).is_file()), None)
    listed = set(roster.read_roster(Path(list_) if list_ else None).lines)
    people = {
        a.name: a for a in known.by_name.values() if 1000 <= a.uid < 60000 and a.uid != NOBODY
    }
    powerful = {name for g in _ADMIN_GROUPS for name in known.members.get(g, ())}
    staff = tuple(sorted(name for name in people if name in admins | powerful))
    candidates_ = {
        name: account
        for name, account in people.items()
        if name not in staff and (name in listed or name in {s.name for s in sign_ups})
    }
    group = _group(known, candidates_)
    homes = _homes(candidates_ or people)
    members = known.in_group(group.value or "")
    students = tuple(
        sorted(
            name
            for name, account in people.items()
            if name not in staff
            and (name in listed or name in members)
            and str(account.home.parent) == homes.value
        )
    )
    return Server(
        process=process,
        config=config,
        accounts=known,
        sign_ups=sign_ups,
        url=_url(),
        api=_api(config),
        database=database,
        group=group,
        homes=homes,
        uids=_uids(people),
        roster=Found(list_, "it is there" if list_ else "none of the usual places has one"),
        logs=Found("/root/logs", "it is there")
        if Path("/root/logs").is_dir()
        else Found(None, "there is no /root/logs"),
        staff=staff,
        students=students,
    )


def _database(process: Process | None, config: HubConfig | None) -> Found:
    """``JupyterHub.db_url``, relative to where the hub runs; else the usual places."""
    cwd = process.cwd if process else (config.path.parent if config else Path("/"))
    url = config.get("JupyterHub.db_url") if config else None
    if isinstance(url, str):
        where = f"JupyterHub.db_url in {config.path if config else ''}"
        if url.startswith("sqlite:///") and not url.startswith("sqlite:////"):
            return Found(f"sqlite:///{cwd / url.removeprefix('sqlite:///')}", where)
        if "://" not in url:
            return Found(f"sqlite:///{cwd / url}", where)
        return Found(url, where)
    places = [cwd, Path("/srv/jupyterhub"), Path("/etc/jupyterhub"), Path("/var/lib/jupyterhub")]
    for place in places:
        path = place / "jupyterhub.sqlite"
        if path.is_file():
            return Found(f"sqlite:///{path}", f"found in {place}")
    return Found(None, "no jupyterhub.sqlite in the usual places")


def _api(config: HubConfig | None) -> Found:
    url = config.get("JupyterHub.hub_bind_url") if config else None
    port = config.get("JupyterHub.hub_port") if config else None
    if isinstance(url, str) and (found := re.search(r"//127\.0\.0\.1:(\d+)", url)):
        return Found(f"http://127.0.0.1:{found[1]}/hub/api", "JupyterHub.hub_bind_url")
    if isinstance(port, int):
        return Found(f"http://127.0.0.1:{port}/hub/api", "JupyterHub.hub_port")
    return Found("http://127.0.0.1:8081/hub/api", "JupyterHub's default")


def _url() -> Found:
    """Apache's ServerName of the site that leads to a hub."""
    for path in sorted(Path("/etc/apache2/sites-enabled").glob("*.conf")):
        try:
            text = path.read_text(errors="replace")
        except OSError:
            continue
        name = re.search(r"^\s*ServerName\s+([A-Za-z0-9.-]+)\s*$", text, re.M)
        if name and re.search(r"^\s*(ProxyPass|RewriteRule).*127\.0\.0\.1|localhost", text, re.M):
            return Found(f"https://{name[1]}", f"ServerName in {path}")
    return Found(None, "no site of Apache leads to a hub")


def _group(known: Accounts, chosen: dict[str, Account]) -> Found:
    """The group that most of the course's accounts share."""
    if "all_user" in known.groups:
        return Found("all_user", "a group of that name exists")
    shared = Counter(
        group
        for group in known.groups
        if not is_reserved(group)
        for name in known.in_group(group) & chosen.keys()
        if name != group
    )
    for group, count in shared.most_common(1):
        if count * 2 > len(chosen):
            return Found(group, f"{count} of {len(chosen)} course accounts are in it")
    return Found("all_user", "no group is shared by the accounts: this one will be made")


def _homes(chosen: dict[str, Account]) -> Found:
    parents = Counter(str(account.home.parent) for account in chosen.values())
    for parent, count in parents.most_common(1):
        return Found(parent, f"{count} of {len(chosen)} homes are there")
    return Found("/home", "the usual place")


def _uids(people: dict[str, Account]) -> Found:
    """A thousand at least that nobody has."""
    used = {account.uid for account in people.values()}
    for first in (20000, 30000, 40000, 50000):
        if not any(first <= uid <= first + 9999 for uid in used):
            return Found(f"{first}-{first + 9999}", "nobody has a uid of this range")
    return Found(None, "no range of 10,000 uids is free")
