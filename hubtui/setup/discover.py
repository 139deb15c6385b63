"""What can be found out about this server: each value with where it came from."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from hubtui import typed
from hubtui.errors import HubtuiError
from hubtui.names import is_reserved, shown
from hubtui.reads import addresses, hubprocess, reading
from hubtui.reads.hubconfig import HubConfig, read_config
from hubtui.reads.hubprocess import HubProcess
from hubtui.reads.oldscripts import OldScripts, read_old_scripts
from hubtui.server import accounts, homes, hubdb, roster
from hubtui.server.accounts import NOBODY, Account, Accounts
from hubtui.server.hub import database_file
from hubtui.server.hubdb import SignUp
from hubtui.server.listeners import expected_uid, listeners
from hubtui.values import AccountName

ROSTERS = (Path("/root/resources/accounts.txt"), Path("/root/accounts.txt"))
LOGS = Path("/root/logs")
GROUP = "all_user"
_DATABASES = ("/srv/jupyterhub", "/etc/jupyterhub", "/var/lib/jupyterhub")
_FILE = "jupyterhub.sqlite"
_ADMIN_GROUPS = frozenset({"sudo", "adm", "admin", "wheel"})
_FIRST_PERSON, _LAST_PERSON = 1000, 59_999


@dataclass(frozen=True)
class Found:
    """A value with where it came from; None where nothing was found, and then why."""

    value: str | None
    where: str


@dataclass(frozen=True)
class Discovery:
    """All of it."""

    process: HubProcess | None
    config: HubConfig | None
    sign_ups: tuple[SignUp, ...]
    unseen: str
    """Why sign-ups or the hub's admins could not be looked at, as a sentence; else empty."""
    url: Found
    api: Found
    proxy: Found
    database: Found
    hub_uid: Found
    hub_log: Found
    group: Found
    homes: Found
    uids: Found
    roster: Found
    source: Found
    tutors: tuple[str, ...]
    logs: Found
    staff: dict[str, str]
    """Name → why."""
    students: tuple[str, ...]
    """Whom hubtui would take for course accounts."""
    left: dict[str, str]
    """Names of the roster or the group whom it would not take → why."""


def discover() -> Discovery:
    """Look at everything; nothing is changed, and nothing of the hub is executed.

    What cannot be seen is not found; raises nothing for it.
    """
    old = read_old_scripts()
    process = hubprocess.find()
    config = hubprocess.config_of(process)
    if config is None and old.config is not None:
        config = read_config(Path(old.config.value))
    database = database_of(process, config)
    sign_ups, admins, unseen = _from_database(database.value, process)
    if config is not None:
        admins |= config.names("Authenticator.admin_users", "NativeAuthenticator.admin_users")

    known = accounts.read_accounts()
    people = {name: a for name, a in known.by_name.items() if _is_person(a)}
    list_ = _roster(old)
    listed = _listed(list_.value)
    source, tutors = _source(old, people)
    staff = _staff(known, people, admins, old, tutors)
    chosen = {
        name: account
        for name, account in people.items()
        if name not in staff and (name in listed or name in {s.name for s in sign_ups})
    }
    group = _group(known, chosen)
    parent = _homes(chosen or people)
    wanted = listed | known.in_group(group.value or "")
    left = {
        name: why
        for name in sorted(wanted)
        if (why := _not_taken(name, known.by_name.get(name), staff, Path(parent.value or "/home")))
    }
    api, proxy = addresses.api(config), addresses.proxy(config)
    logs = _logs(old)
    return Discovery(
        process=process,
        config=config,
        sign_ups=sign_ups,
        unseen=unseen,
        url=Found(*addresses.public(old, proxy[0])),
        api=Found(api[0], f"{api[1]}; {_listening(api[0])}"),
        proxy=Found(*proxy),
        database=database,
        hub_uid=_hub_uid(process, database.value),
        hub_log=_hub_log(process, logs),
        group=group,
        homes=parent,
        uids=_uids(known, Path(parent.value or "/home")),
        roster=list_,
        source=source,
        tutors=tutors,
        logs=logs,
        staff=staff,
        students=tuple(sorted(wanted - left.keys())),
        left=left,
    )


# --- the hub -------------------------------------------------------------------------------------


def database_of(process: HubProcess | None, config: HubConfig | None) -> Found:
    """``JupyterHub.db_url``, relative to where the hub runs; else the usual places.

    Of another kind of database only the kind and the host: its password belongs in no other file.
    """
    cwd = process.cwd if process else None
    setting = "JupyterHub.db_url"
    url = config.get(setting) if config else None
    if config is not None and isinstance(url, str):
        where = f"{setting} in {config.path}"
        kind, slashes, rest = url.partition("://")
        if slashes and kind.partition("+")[0] != "sqlite":
            return Found(f"{kind}://{_host(url)}", f"{where}, without user and password")
        file = rest.partition("?")[0].removeprefix("/") if slashes else url
        if not file or file == ":memory:":
            return Found(None, f"{where} keeps it in memory only")
        if not file.startswith("/") and cwd is None:
            return Found(None, f"{where} is {file}, relative to where the hub is started")
        return Found(f"sqlite:///{posixpath.normpath(posixpath.join(str(cwd), file))}", where)
    unread = config.line_of_unread(setting) if config else None
    unsure = f"; {setting} could not be read from line {unread}" if unread else ""
    for place in [*([str(cwd)] if cwd else []), *_DATABASES]:
        if Path(place, _FILE).is_file():
            return Found(f"sqlite:///{Path(place, _FILE)}", f"found in {place}{unsure}")
    return Found(None, f"no {_FILE} in the usual places{unsure}")


def _host(url: str) -> str:
    try:
        host = urlsplit(url).hostname or "localhost"
    except ValueError:
        return "localhost"
    return host if re.fullmatch(r"[A-Za-z0-9.-]+", host) else "localhost"


def _from_database(
    url: str | None, process: HubProcess | None
) -> tuple[tuple[SignUp, ...], set[str], str]:
    """The sign-ups, who the hub's admins are, and why not; nothing of a file that anybody could
    exchange."""
    if url is None:
        return (), set(), "The hub's database was not found."
    sign_ups: tuple[SignUp, ...] = ()
    try:
        path = database_file(url)
        if flaw := reading.flaw(path, also=(process.uid,) if process else ()):
            return (), set(), f"{shown(str(path))} is not read as root: {flaw}."
        sign_ups = tuple(hubdb.sign_ups(url))
        return sign_ups, {user.name for user in hubdb.hub_users(url) if user.admin}, ""
    except HubtuiError as e:
        return sign_ups, set(), str(e)
    except OSError as e:
        return sign_ups, set(), f"{shown(str(e.filename))}: {e.strerror}."


def _listening(api: str) -> str:
    parts = urlsplit(api)
    try:
        found = listeners(parts.hostname or "", parts.port or 80)
    except HubtuiError:
        return "who listens there can't be seen"
    uids = sorted({one.uid for one in found})
    return f"uid {uids[0]} listens there" if len(uids) == 1 else "nobody listens there now"


def _hub_uid(process: HubProcess | None, database: str | None) -> Found:
    """Only where hubtui would not guess it by itself."""
    if process is None:
        return Found(None, "no hub runs now")
    path = Path(database.removeprefix("sqlite:///")) if database else None
    if expected_uid(None, path) == process.uid:
        return Found(None, "the owner of its database, or root")
    return Found(str(process.uid), "the owner of the hub's process")


def _hub_log(process: HubProcess | None, logs: Found) -> Found:
    log = process.log if process else None
    if log is None or str(log.parent) == logs.value:
        return Found(None, "the journal, or a new file for each start")
    return Found(str(log), "where the hub's output goes")


# --- the course ----------------------------------------------------------------------------------


def _is_person(account: Account) -> bool:
    return account.uid >= _FIRST_PERSON and account.uid != NOBODY


def _roster(old: OldScripts) -> Found:
    places = [(path, "it is there") for path in ROSTERS]
    if old.roster is not None:
        places.insert(0, (Path(old.roster.value), f"named in {old.roster.by}"))
    why = "none of the usual places has one"
    for path, where in places:
        if not path.is_file():
            continue
        if flaw := reading.flaw(path):
            why = f"{path} is not used: {flaw}"
        else:
            return Found(str(path), where)
    return Found(None, why)


def _listed(path: str | None) -> set[str]:
    try:
        return set(roster.read_roster(Path(path) if path else None).lines)
    except (HubtuiError, OSError):
        return set()


def _source(old: OldScripts, people: dict[str, Account]) -> tuple[Found, tuple[str, ...]]:
    """The folder of the exercises, and whose home it lies in: a tutor."""
    if old.source is None:
        return Found(None, "no old script names it (exsource=)"), ()
    source = Path(old.source.value)
    if not source.is_dir():
        return Found(None, f"{old.source.by} names {source}, which is not there"), ()
    owners = [name for name, a in people.items() if source.is_relative_to(a.home) and a.home.name]
    return Found(str(source), f"exsource in {old.source.by}"), tuple(owners)


def _logs(old: OldScripts) -> Found:
    if old.logs is not None and Path(old.logs.value).is_dir():
        return Found(old.logs.value, f"named in {old.logs.by}")
    if LOGS.is_dir():
        return Found(str(LOGS), "it is there")
    return Found(None, f"there is no {LOGS}")


def _staff(
    known: Accounts,
    people: dict[str, Account],
    admins: set[str],
    old: OldScripts,
    tutors: tuple[str, ...],
) -> dict[str, str]:
    """Who must never be changed or removed, and why."""
    found: dict[str, str] = {}
    for name in sorted(admins):
        # Without an account as well: hubtui never makes one for a stranger who takes that name.
        if _can_be_written(name) and (name in people or name not in known.by_name):
            found[name] = "admin of the hub"
    for group in sorted(_ADMIN_GROUPS & known.groups.keys()):
        for name in sorted(known.in_group(group) & people.keys()):
            found.setdefault(name, f"in the group {group}")
    for said in old.left_out:
        if said.value in people:
            found.setdefault(said.value, f"left out by {said.by}")
    for name in tutors:
        found.setdefault(name, "the exercises lie in this home")
    return {name: why for name, why in found.items() if _can_be_written(name)}


def _can_be_written(name: str) -> bool:
    try:
        typed.convert(name, AccountName)
    except msgspec.ValidationError:
        return False
    return True


def _group(known: Accounts, chosen: dict[str, Account]) -> Found:
    """The group that most of the course's accounts share."""
    if GROUP in known.groups:
        return Found(GROUP, "a group of that name exists")
    shared = Counter(
        group
        for group in known.groups
        if not is_reserved(group) and _can_be_written(group)
        for name in known.in_group(group) & chosen.keys()
        if name != group
    )
    for group, count in shared.most_common(1):
        if count > 1 and count * 2 > len(chosen):
            return Found(group, f"{count} of {len(chosen)} course accounts are in it")
    return Found(GROUP, "no group is shared by the accounts: this one will be made when needed")


def _homes(chosen: dict[str, Account]) -> Found:
    parents = Counter(str(account.home.parent) for account in chosen.values())
    for parent, count in parents.most_common(1):
        if parent.startswith("/") and parent != "/":
            return Found(parent, f"{count} of {len(chosen)} homes are there")
    return Found("/home", "the usual place")


def _not_taken(
    name: str, account: Account | None, staff: dict[str, str], parent: Path
) -> str | None:
    """Why an account is no course account; the same rule as in students.Survey."""
    if name in staff:
        return f"staff: {staff[name]}"
    if account is None:
        return "there is no such account"
    if not _is_person(account):
        return f"an account of the system (uid {account.uid})"
    if account.home.parent != parent:
        return f"its home is {shown(str(account.home))}"
    return None


def _uids(known: Accounts, parent: Path) -> Found:
    """Ten thousand that nobody has, neither an account nor what lies below the homes."""
    used = {account.uid for account in known.by_name.values()} | set(homes.owners(parent).values())
    for first in range(20_000, _LAST_PERSON, 10_000):
        last = first + 9_999
        if not any(first <= uid <= last for uid in used):
            return Found(f"{first}-{last}", "nobody has a uid of this range")
    return Found(None, "each of 20000-29999 to 50000-59999 is in use in part; choose a free range")
