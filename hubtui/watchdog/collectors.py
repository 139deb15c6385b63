"""The looks that evidence is made of, each for a thread of its own: what fails, raises."""

from __future__ import annotations

import os
import pwd
import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from hubtui.course import Course
from hubtui.errors import CommandFailed, HubForeign
from hubtui.names import is_reserved, shown
from hubtui.server import filelocks, hubprocess, listeners, roster
from hubtui.server.hub import database_file
from hubtui.server.machine import Filesystem, filesystem
from hubtui.server.run import Run
from hubtui.watchdog import causes, hublog
from hubtui.watchdog.hublog import Place
from hubtui.watchdog.records import Owner, Seen

SYSTEMD = Path("/run/systemd/system")
"""Is there where systemd runs the machine: sd_booted(3)."""
LINES = 200
"""Of the log's end that are kept."""
_HOUR = 3600.0
_FIRST_PERSON = 1000
_NOBODY = 65534
_LOCKED = 1.0
"""Seconds after which a lock on the database is more than a moment's."""
_DPKG = Path("/var/log/dpkg.log")
_DPKG_TAIL = 512_000
_MEMORY = re.compile(r"of memory: Killed process|invoked oom-killer|oom-kill:constraint=")
_SINCE_BOOT = re.compile(r"\[ *(\d+\.\d+)\] (.*)")
_SETTINGS = ("Result", "KillMode", "OOMPolicy", "LimitNOFILE", "Restart")


def names(course: Course) -> frozenset[str]:
    """Account names that are people's: of all accounts from uid 1000 on, and of the roster."""
    people = {
        entry.pw_name
        for entry in pwd.getpwall()
        if entry.pw_uid >= _FIRST_PERSON and entry.pw_uid != _NOBODY
    }
    listed = roster.read_roster(course.accounts.roster).lines
    return frozenset(name for name in people.union(listed) if not is_reserved(name))


def log(place: Place, run: Run) -> list[str]:
    """The last lines of hub and proxy; what students' servers write is left out."""
    lines = hublog.tail(place, 4 * LINES, run)
    return [line for line in lines if not causes.is_students(line)][-LINES:]


def kernel(run: Run, uptime: float, within: float) -> list[str]:
    """The kernel's lines of the last hour on memory that ran out."""
    argv = ["journalctl", "--dmesg", "--since=-1h", "--output=cat", "--no-pager", "--quiet"]
    with suppress(CommandFailed):
        lines = run(argv, timeout=within / 2).check().out.splitlines()
        if lines:
            return [line for line in lines if _MEMORY.search(line)][-20:]
    text = run(["dmesg"], timeout=within / 2).check().out
    return [line for line in _lately(text, uptime) if _MEMORY.search(line)][-20:]


def _lately(text: str, uptime: float) -> Iterator[str]:
    for line in text.splitlines():
        match = _SINCE_BOOT.match(line)
        if match is not None and float(match[1]) >= uptime - _HOUR:
            yield match[2]


def owners(course: Course) -> tuple[Owner, ...]:
    """Who listens on the ports of hub, proxy and public address; people by their uid alone."""
    hub, proxy = (listeners.place_of(url, "", 0) for url in (course.hub.api, course.hub.proxy))
    ports = {hub.port, proxy.port}
    if course.hub.url is not None:
        public = urlsplit(course.hub.url)
        ports.add(public.port or (443 if public.scheme == "https" else 80))
    text = ""
    for table in ("tcp", "tcp6"):
        with suppress(FileNotFoundError):  # a kernel without IPv6
            text += Path("/proc/net", table).read_text("ascii", "replace")
    rows = [row for row in listeners.parse(text) if row.port in ports]
    pids = {row.inode: min(hubprocess.holding(row.inode), default=None) for row in rows}
    return tuple(_owner(row, pids[row.inode]) for row in rows)


def _owner(row: listeners.Listener, pid: int | None) -> Owner:
    user = ""
    if row.uid < _FIRST_PERSON:
        with suppress(KeyError):
            user = shown(pwd.getpwuid(row.uid).pw_name, 40)
    program = shown(hubprocess.program(pid), 40) if pid is not None else ""
    return Owner(
        address=row.address, port=row.port, uid=row.uid, user=user, pid=pid, program=program
    )


def database_holders(course: Course, hub: Seen | None) -> tuple[str, ...]:
    """Who else than the hub holds a lock on its database for longer than a moment.

    A reader counts: it keeps the hub from writing. Raises HubForeign where it is no SQLite.
    """
    file = database_file(course.hub.database)
    first = filelocks.holders(file)
    if not first:
        return ()
    time.sleep(_LOCKED)
    still = first & filelocks.holders(file)
    pids = sorted({held.pid for held in still} - {hub.pid if hub is not None else 0})
    programs = {pid: shown(hubprocess.program(pid), 40) or "a process" for pid in pids}
    return tuple(f"{program} (process {pid})" for pid, program in programs.items())


def folders(course: Course, place: Place | None, proxy: Seen | None) -> list[Path]:
    """The folders that must not be full."""
    found = [Path("/"), Path("/tmp"), course.state_dir, course.accounts.homes]  # noqa: S108
    with suppress(HubForeign):  # another kind of database
        found.append(database_file(course.hub.database).parent)
    if course.watchdog.logs is not None:
        found.append(course.watchdog.logs)
    if place is not None and place.file is not None:
        found.append(place.file.parent)
    if proxy is not None and proxy.output.startswith("file /"):
        found.append(Path(proxy.output.removeprefix("file ")).parent)
    return list(dict.fromkeys(found))


def disk(folder: Path) -> Filesystem:
    """The filesystem of a folder, called by where it is mounted; of one that is not there yet, that
    of the folder above it."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    device = folder.stat().st_dev
    while folder != folder.parent and folder.parent.stat().st_dev == device:
        folder = folder.parent
    return filesystem(folder)


def memory_by_uid() -> tuple[tuple[int, int], ...]:
    """The eight uids whose processes have the most memory, in bytes; what they share counts each
    time."""
    sums = Counter[int]()
    for entry in os.scandir("/proc"):
        if entry.name.isdecimal():
            with suppress(OSError):
                found = hubprocess.process(int(entry.name))
                sums[entry.stat().st_uid] += found.memory if found is not None else 0
    return tuple(sums.most_common(8))


def upgraded(at: datetime) -> tuple[str, ...]:
    """Packages that dpkg installed or upgraded in the day before, the last ones first."""
    with _DPKG.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _DPKG_TAIL))
        text = file.read().decode("utf-8", "replace")
    # Its time stamps are local and sort as text.
    since = f"{(at - timedelta(days=1)).astimezone():%Y-%m-%d %H:%M:%S}"
    found = []
    for line in text.splitlines():
        words = line.split(" ")
        if len(words) > 3 and words[2] in ("install", "upgrade") and line[:19] >= since:
            found.append(shown(words[3].partition(":")[0], 60))
    return tuple(dict.fromkeys(reversed(found)))[:30]


def unit_state(run: Run, unit: str, within: float) -> dict[str, str]:
    """How the unit's last run ended, and its settings that matter here."""
    argv = ["systemctl", "show", f"--property={','.join(_SETTINGS)}", "--", unit]
    lines = run(argv, timeout=within).check().out.splitlines()
    pairs = (line.partition("=") for line in lines)
    return {key: shown(value, 40) for key, _, value in pairs if key in _SETTINGS}
