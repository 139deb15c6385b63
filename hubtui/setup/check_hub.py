"""Checks of the hub: process, port, versions, token, database."""

from __future__ import annotations

import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

from hubtui.errors import HubDown, HubError, HubForeign, HubImpostor, HubLocked
from hubtui.findings import Finding
from hubtui.names import shown
from hubtui.server import hub as hubs
from hubtui.server import hubdb
from hubtui.server.hubapi import CONFIG_BEFORE_2, CONFIG_ROLE, CONFIG_SERVICE
from hubtui.setup import addresses, hubprocess, reading
from hubtui.setup.discover import database_of
from hubtui.setup.hubprocess import number
from hubtui.setup.subject import HubHere, NotSeen, Subject, critical, note, warning

TOKEN = Path("/etc/hubtui/token")
_WAL = 2  # the file's read version, https://www.sqlite.org/fileformat.html


def answers(subject: Subject) -> Iterator[Finding]:
    """Does it run, and is it itself who listens?"""
    hub, api = subject.hub, subject.course.hub.api
    if isinstance(hub.answer, HubImpostor):
        yield critical("hub.port", str(hub.answer), f"who is it, and since when: {_look(api)}")
    elif isinstance(hub.answer, HubDown):
        runs = f"process {hub.process.pid} runs" if hub.process else "no process of it runs here"
        configured = addresses.api(hub.config)[0] if hub.config else api
        other = f"in course.yaml: hub.api: {configured}" if configured != api else ""
        yield critical("hub.down", f"{hub.answer} ({runs})", other or "start the hub")
    elif isinstance(hub.answer, HubError):
        yield critical("hub.api", str(hub.answer))
    elif hub.process is None:
        yield note(
            "hub.process",
            "The hub answers, but no process jupyterhub of root or a system account is seen here: "
            "its configuration and the versions beside it are looked for in the usual places only.",
        )


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
        yield note("hub.versions", f"hubtui was not tried with JupyterHub {shown(version)}.")
    if hub.installed and not native:
        text = "NativeAuthenticator was not found beside JupyterHub: without it nobody signs up."
        yield note("hub.native", text)
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
        yield note("hub.token", text, _how(subject, TOKEN))
        return
    quoted = shlex.quote(str(path))
    try:
        status = path.stat()
    except FileNotFoundError:
        text = f"The token {shown(str(path))} does not exist."
        yield warning("hub.token", text, _how(subject, path))
        return
    if status.st_mode & 0o077:
        mode = stat.S_IMODE(status.st_mode)
        text = f"The token {shown(str(path))} is open to others than root (mode {mode:04o})."
        yield critical("hub.token.readable", text, f"chmod 600 {quoted}")
    if found := reading.flaw(path):
        text = f"The token {shown(str(path))} could be exchanged: {found}."
        yield critical("hub.token", text, found.mend())
        return
    if not isinstance(subject.hub.answer, str):
        raise NotSeen
    try:
        hubs.api(subject.course).users()
    except HubError as e:
        yield warning("hub.token", str(e))


def _how(subject: Subject, path: Path) -> str:
    old = (0,) < number(subject.hub.version) < (2,)
    config = subject.hub.config
    where = shown(str(config.path)) if config else "jupyterhub_config.py"
    quoted = shlex.quote(str(path))
    lines = [CONFIG_BEFORE_2] if old else [CONFIG_SERVICE, CONFIG_ROLE]
    return "\n".join(
        [
            f"(umask 077; head -c 32 /dev/urandom | sha256sum | cut -c1-64 > {quoted})",
            f"add to {where} (to the lists of services and roles, if there are any):",
            *(line.replace(str(TOKEN), str(path)) for line in lines),
            f"in course.yaml below hub: token_file: {path}; then restart the hub",
        ]
    )


def database(subject: Subject) -> Iterator[Finding]:
    """There, of a kind that is known, closed to students, the one that the hub uses."""
    url = subject.course.hub.database
    try:
        path = hubdb.database_file(url)
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
        yield critical("hub.database", str(e), "hub.database in course.yaml: is it right?")
        return
    used = database_of(subject.hub.process, subject.hub.config)
    if used.value and used.where.startswith("JupyterHub.db_url"):
        try:
            other = hubdb.database_file(used.value)
        except HubForeign:
            other = Path(used.value)
        if other.resolve() != path.resolve():
            text = f"The hub uses {shown(used.value)}, but hub.database is {shown(url)}."
            do = f"in course.yaml: hub.database: {shown(used.value)}"
            yield critical("hub.database", text, do)
    if path.read_bytes()[18:20] == bytes([_WAL, _WAL]):
        text = "The hub's database is in journal mode WAL; hubtui was measured with delete."
        yield note("hub.journal", text)


def _closed(path: Path, subject: Subject) -> Iterator[Finding]:
    uid = hubs.uid_of(subject.course)
    if found := reading.flaw(path, also=(uid,)):
        text = f"Others could exchange the hub's database {shown(str(path))}: {found}."
        yield critical("hub.database", text, found.mend(reading.owner(uid)))
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
        do = f"chmod 700 {shlex.quote(str(folder))}" if own else "move it to a folder of its own"
        yield note("hub.database.folder", text, do)
