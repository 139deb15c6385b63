"""Checks of the hub: process, port, versions, token, database."""

from __future__ import annotations

import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

from hubtui.errors import HubDown, HubError, HubForeign, HubImpostor, HubLocked
from hubtui.findings import Finding
from hubtui.names import shown
from hubtui.reads import addresses, hubprocess, reading
from hubtui.reads.hubprocess import number
from hubtui.server import hub as hubs
from hubtui.server import hubdb, hubtoken
from hubtui.server.hub import database_file
from hubtui.server.hubapi import CONFIG_ROLE, TokenRefused
from hubtui.setup.checks.subject import HubHere, NotSeen, Subject, critical, note, warning
from hubtui.setup.discover import database_of

TOKEN = Path("/etc/hubtui/token")
_INSTALL = "sudo hubtui install token"
_UNIT = "jupyterhub.service"
_UNITS = (Path("/etc/systemd/system"), Path("/usr/lib/systemd/system"))
_MOVE = (
    "move it into a folder of its own (mode 0700), and name the new place in c.JupyterHub.db_url "
    "and in course.yaml below hub: database"
)
_WAL = 2  # the file's read version, https://www.sqlite.org/fileformat.html


def answers(subject: Subject) -> Iterator[Finding]:
    """Does it run, and is it itself who listens?"""
    hub, api = subject.hub, subject.course.hub.api
    if isinstance(hub.answer, HubImpostor):
        yield critical("hub.port", str(hub.answer), f"who is it, and since when: {_look(api)}")
    elif isinstance(hub.answer, HubDown):
        runs = f"Its process {hub.process.pid}" if hub.process else "No process of it"
        do = _other_address(subject) or _start(subject)
        yield critical("hub.down", f"{hub.answer} {runs} runs here.", do)
    elif isinstance(hub.answer, HubError):
        yield critical("hub.api", str(hub.answer), _other_address(subject))
    elif hub.process is None:
        yield note(
            "hub.process",
            "The hub answers, but no process jupyterhub of root or a system account is seen here: "
            "its configuration and the versions beside it are looked for in the usual places only.",
        )


def _other_address(subject: Subject) -> str:
    """The address that the hub's own configuration says, where course.yaml has another one."""
    if subject.hub.config is None:
        return ""
    configured = addresses.api(subject.hub.config)[0]
    if configured == subject.course.hub.api:
        return ""
    return f"in course.yaml below hub: api: {configured}"


def _start(subject: Subject) -> str:
    """How to look why the hub does not answer, and how to start it."""
    log, unit = subject.course.hub.log, any(folder.joinpath(_UNIT).exists() for folder in _UNITS)
    lines = []
    if log is not None:
        lines.append(f"its last words: tail -n 30 {shown(shlex.quote(str(log)))}")
    elif unit:
        lines.append(f"its last words: journalctl -n 30 -u {_UNIT}")
    verb = "restart" if subject.hub.process else "start"
    lines.append(f"systemctl {verb} {_UNIT}" if unit else f"{verb} the hub as you always do")
    return "\n".join(lines)


def _look(api: str) -> str:
    return f"ss -ltnp 'sport = :{api.rpartition(':')[2].partition('/')[0]}'"


def versions(hub: HubHere) -> Iterator[Finding]:
    """The newest JupyterHub and NativeAuthenticator together cannot log anyone in."""
    version, native = hub.version, hub.native
    if number(version) >= (6,) and native and number(native) <= (1, 3):
        yield critical(
            "hub.versions",
            f"JupyterHub {shown(version)} with nativeauthenticator {shown(native)} logs nobody in: "
            "every log-in is an error 500 ('LoginHandler' object has no attribute 'statsd').",
            f"{_pip(hub)} install 'jupyterhub>=5,<6'; then restart the hub",
        )
    elif number(version) and not (1, 2) <= number(version) < (6,):
        text = f"hubtui was not tried with JupyterHub {shown(version)}."
        yield note("hub.versions", text, "approve one sign-up first, and log in as that student")
    if hub.installed and not native:
        text = "NativeAuthenticator was not found beside JupyterHub: without it nobody signs up."
        pinned = f"'jupyterhub=={shown(version)}' " if version else ""
        do = f"{_pip(hub)} install {pinned}jupyterhub-nativeauthenticator; then restart the hub"
        yield note("hub.native", text, do)
    elif not (version and native):
        raise NotSeen


def _pip(hub: HubHere) -> str:
    words = hub.process.words if hub.process else ()
    return f"{shlex.quote(words[0])} -m pip" if words and words[0].startswith("/") else "pip"


def token(subject: Subject) -> Iterator[Finding]:
    """Without one hubtui lists and approves; with one it sees and stops servers."""
    path = subject.course.hub.token_file
    if path is None:
        text = "Without a token hubtui cannot ask the hub for servers, nor stop one through it."
        yield note("hub.token", text, _INSTALL)
        return
    quoted = shlex.quote(str(path))
    try:
        status = path.stat()
    except FileNotFoundError:
        text = f"The token {shown(str(path))} does not exist."
        yield warning("hub.token", text, _INSTALL)
        return
    if status.st_mode & 0o077:
        mode = stat.S_IMODE(status.st_mode)
        text = f"The token {shown(str(path))} is open to others than root (mode {mode:04o})."
        yield critical("hub.token.readable", text, f"chmod 600 {quoted}")
    if found := reading.flaw(path, also=(hubs.uid_of(subject.course),)):
        text = f"The token {shown(str(path))} could be exchanged: {found}."
        then = "in course.yaml below hub: token_file"
        yield critical("hub.token", text, found.mend(then=then))
        return
    if not isinstance(subject.hub.answer, str):
        raise NotSeen
    try:
        api = hubs.api(subject.course)
        # First whose it is: of an unknown token 2.0 says that its role lacks a scope. Before that
        # there are no roles, and 1.2 answers this question with an error of its own.
        missing = api.missing_scopes() if number(subject.hub.version) >= (2,) else []
        if "list:users" not in missing:
            api.users()
    except TokenRefused as e:
        if (waiting := hubtoken.waiting(subject.server)) is not None:
            yield waiting
            return
        ours = hubtoken.read(subject.server.state) is not None
        do = _INSTALL if ours else _add(subject, path, e.lines)
        yield warning("hub.token", f"{e.sentence}.", do)
    except HubError as e:
        yield warning("hub.token", str(e))
    else:
        if missing:
            lacks = ", ".join(missing)
            text = f"The token's role lacks {lacks}: to see and stop servers, to remove accounts."
            yield warning("hub.token.role", text, _add(subject, path, (CONFIG_ROLE,)))


def _add(subject: Subject, path: Path, lines: tuple[str, ...]) -> str:
    """What to add to the hub's configuration, which may have such lists already."""
    config = subject.hub.config
    where = shown(str(config.path)) if config else "jupyterhub_config.py"
    lists = " or ".join(line.partition(" =")[0].rpartition(".")[2] for line in lines)
    told = [line.replace(str(TOKEN), shown(str(path))) for line in lines]
    head = f"add to {where} (if {lists} is set there, to that list), then restart the hub:"
    return "\n".join([head, *told])


def database(subject: Subject) -> Iterator[Finding]:
    """There, of a kind that is known, closed to students, the one that the hub uses."""
    url = subject.course.hub.database
    used = database_of(subject.hub.process, subject.hub.config)
    try:
        path = database_file(url)
        if path.exists():
            yield from _closed(path, subject)
        hubdb.sign_ups(url)
        hubdb.hub_users(url)
    except HubLocked as e:
        yield warning("hub.database", str(e))
        return
    except HubForeign as e:
        yield critical("hub.database", str(e))
        return
    except (HubError, OSError) as e:
        do = f"in course.yaml below hub: database: {shown(used.value)}" if used.value else ""
        yield critical("hub.database", str(e), "" if used.value == url else do)
        return
    if used.value and used.where.startswith("JupyterHub.db_url"):
        try:
            other = database_file(used.value)
        except HubForeign:
            other = Path(used.value)
        if other.resolve() != path.resolve():
            text = f"The hub uses {shown(used.value)}, but hub.database is {shown(url)}."
            do = f"in course.yaml below hub: database: {shown(used.value)}"
            yield critical("hub.database", text, do)
    if path.read_bytes()[18:20] == bytes([_WAL, _WAL]):
        text = "The hub's database is in journal mode WAL; hubtui was measured with delete."
        yield note("hub.journal", text)


def _closed(path: Path, subject: Subject) -> Iterator[Finding]:
    uid = hubs.uid_of(subject.course)
    if found := reading.flaw(path, also=(uid,)):
        text = f"Others could exchange the hub's database {shown(str(path))}: {found}."
        then = "in c.JupyterHub.db_url and in course.yaml below hub: database"
        yield critical("hub.database", text, found.mend(reading.owner(uid), then=then))
    # Upgrades leave copies with a date behind the name; journals have the mode of the database.
    copies = sorted(path.parent.glob(f"{path.name}*"))
    readable = [copy for copy in copies if copy.is_file() and reading.open_to_people(copy)]
    if readable:
        names = ", ".join(shown(str(copy)) for copy in readable)
        yield critical(
            "hub.database.readable",
            f"Students can read the password hashes and two-factor secrets in {names}.",
            "chmod 600 " + " ".join(shlex.quote(str(copy)) for copy in readable),
        )
    elif path.parent.stat().st_mode & 0o077 and path.stat().st_mode & 0o077 == 0:
        folder = path.parent
        text = f"The database is closed, but a new one in {shown(str(folder))} would not be."
        needed = subject.hub.process and any(
            place.is_relative_to(folder) for place in hubprocess.prefixes(subject.hub.process)
        )
        own = len(folder.parts) > 2 and not needed
        do = f"chmod 700 {shlex.quote(str(folder))}" if own else _MOVE
        yield note("hub.database.folder", text, do)
