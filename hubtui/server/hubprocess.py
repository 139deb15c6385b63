"""Hub and proxy as processes: who they are, how they run, where their output goes. From /proc.

A hub is found by the port that it listens on; where it does not, by its configuration and its uid.
Never by a pattern over command lines: ``pkill -f jupyterhub`` ends every student's server, an
admin's editor on the configuration, and another hub beside this one.
"""

from __future__ import annotations

import os
import select
import stat as modes
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from msgspec import Struct

from hubtui.server import listeners

HUB = "jupyterhub"
PROXY = "configurable-http-proxy"
CONFIG = "jupyterhub_config.py"
TICKS = os.sysconf("SC_CLK_TCK")
"""Clock ticks a second: the unit of CPU times in /proc."""
NO_ROOM = 1_000_000
"""Bytes on its disk below which a log is worse than none."""
_PAGE = os.sysconf("SC_PAGE_SIZE")
_PROC = Path("/proc")


class Process(Struct, frozen=True, kw_only=True):
    """One process, as /proc/PID/stat and status say."""

    pid: int
    parent: int
    state: str
    """R, S, D, T (stopped), Z (dead, not yet waited for)."""
    ticks: int
    """CPU time so far, in clock ticks."""
    began: int
    """Clock ticks after boot."""
    memory: int
    """Resident, in bytes."""


class Launch(Struct, frozen=True, kw_only=True):
    """How a process was started: enough to start it so again."""

    words: tuple[str, ...]
    cwd: str
    environment: dict[str, str]
    uid: int
    gid: int
    groups: tuple[int, ...] = ()
    output: str = ""
    unit: str = ""


def process(pid: int) -> Process | None:
    """The process, None where there is none of that number."""
    with suppress(OSError, ValueError, IndexError):
        text = (_PROC / str(pid) / "stat").read_text("utf-8", "replace")
        # The name stands in brackets and may hold anything; what follows its last bracket counts.
        words = text[text.rindex(")") + 2 :].split()
        return Process(
            pid=pid,
            parent=int(words[1]),
            state=words[0],
            ticks=int(words[11]) + int(words[12]),
            began=int(words[19]),
            memory=int(words[21]) * _PAGE,
        )
    return None


def is_same(pid: int, began: int) -> bool:
    """Whether that process still is there, and at work or stopped, not dead."""
    found = process(pid)
    return found is not None and found.began == began and found.state not in "ZX"


def listening(address: str, port: int) -> tuple[int, ...]:
    """The processes that hold the listening sockets there: seen by root alone, else empty."""
    inodes = {row.inode for row in listeners.listeners(address, port)}
    return tuple(_holders({f"socket:[{inode}]" for inode in inodes})) if inodes else ()


def holding(inode: int) -> tuple[int, ...]:
    """The processes that hold this socket: seen by root alone, else empty."""
    return tuple(_holders({f"socket:[{inode}]"}))


def holds(pid: int, inode: int) -> bool:
    """Whether this very process holds that socket: quicker than to look for who does."""
    return f"socket:[{inode}]" in _links(pid)


def hubs(uid: int, config: Path | None) -> list[int]:
    """Processes that are hubs of this uid with this configuration, oldest first.

    Without a configuration any hub of the uid counts.
    """
    found: list[tuple[int, int]] = []
    for pid in _pids():
        if uids(pid) != {uid} or not is_program(pid, HUB):
            continue
        at = process(pid)
        if at is None or at.state in "ZX":
            continue
        if config is None or config_of(words(pid), cwd(pid)) == config:
            found.append((at.began, pid))
    return [pid for _, pid in sorted(found)]


def is_program(pid: int, name: str) -> bool:
    """Whether this program is what was started: by itself, by an interpreter, or as a module.

    ``python3 -I /opt/hub/bin/jupyterhub -f …``; not a script that has the name as an argument.
    """
    said = words(pid)
    if not said or name not in (said[0].rpartition("/")[2], _told(said)):
        return False
    return _runs_code(pid)


def _told(said: tuple[str, ...]) -> str:
    """What an interpreter with this command line runs: a script's base name, or a module."""
    rest = iter(said[1:])
    for word in rest:
        if not word.startswith("-"):
            return word.rpartition("/")[2]
        if word in ("-c", "-e"):
            return ""  # what follows is code
        if word.endswith("m") and not word.startswith("--"):
            return next(rest, "")
        if word in ("-W", "-X"):
            next(rest, "")
    return ""


def in_container(pid: int) -> bool:
    """Whether its processes have numbers of their own: nothing here can start it again as it was.

    False also where it may not be looked at.
    """
    with suppress(OSError):
        return (_PROC / str(pid) / "ns/pid").readlink() != (_PROC / "self/ns/pid").readlink()
    return False


def _runs_code(pid: int) -> bool:
    """An interpreter or the program itself, not an editor that has the name as an argument."""
    try:
        program = (_PROC / str(pid) / "exe").readlink().name
    except OSError:
        return True  # without root it can't be seen
    return program.startswith(("python", "pypy", "node", HUB, PROXY))


def words(pid: int) -> tuple[str, ...]:
    """Its command line; empty where it cannot be seen."""
    with suppress(OSError):
        raw = (_PROC / str(pid) / "cmdline").read_bytes()
        return tuple(os.fsdecode(word) for word in raw.split(b"\0")[:-1])
    return ()


def cwd(pid: int) -> Path | None:
    """The folder that it works in."""
    with suppress(OSError):
        return (_PROC / str(pid) / "cwd").readlink()
    return None


def uids(pid: int) -> set[int]:
    """Its real, effective, saved and filesystem uids: one, unless it is set-uid."""
    return set(_ids(pid, "Uid:")[:4])


def config_of(said: tuple[str, ...], folder: Path | None) -> Path | None:
    """The configuration file that a hub with this command line reads."""
    named = CONFIG
    for word, after in pairwise((*said, "")):
        if word in ("-f", "--config"):
            named = after
        elif word.startswith(("--config=", "-f=")):
            named = word.partition("=")[2]
    path = Path(named)
    if path.is_absolute():
        return path
    return folder / path if folder is not None else None


def launch(pid: int) -> Launch | None:
    """How it was started. None: it is gone, or may not be looked at."""
    folder, said = cwd(pid), words(pid)
    if folder is None or not said:
        return None
    try:
        raw = (_PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return None
    pairs = (os.fsdecode(pair).partition("=") for pair in raw.split(b"\0") if b"=" in pair)
    user, group = _ids(pid, "Uid:"), _ids(pid, "Gid:")
    if not user or not group:
        return None
    return Launch(
        words=said,
        cwd=str(folder),
        environment={name: value for name, _, value in pairs},
        uid=user[0],
        gid=group[0],
        groups=tuple(_ids(pid, "Groups:")),
        output=output(pid),
        unit=unit(pid),
    )


def output(pid: int) -> str:
    """Where its standard output goes: ``file PATH``, ``pipe``, ``pipe without reader``,
    ``journal``, ``terminal``, ``terminal gone``, ``nowhere``; empty where it cannot be seen.

    A hub whose output nobody takes any more is a hub that will stand still: its proxy writes an
    error about an error for ever (configurable-http-proxy 388, 434).
    """
    link = _PROC / str(pid) / "fd" / "1"
    try:
        target = str(link.readlink())
        found = link.stat()
    except FileNotFoundError:
        return "nowhere"
    except OSError:
        return ""
    if modes.S_ISFIFO(found.st_mode):
        return "pipe" if _has_reader(link) else "pipe without reader"
    if modes.S_ISSOCK(found.st_mode):
        return "journal"
    if modes.S_ISCHR(found.st_mode):
        if target == "/dev/null":
            return "nowhere"
        return "terminal" if found.st_nlink else "terminal gone"
    return f"file {target}"


def room(pid: int) -> int | None:
    """Bytes that it can still write to the file that its standard output is; None: it is none."""
    link = _PROC / str(pid) / "fd" / "1"
    with suppress(OSError):
        if modes.S_ISREG(link.stat().st_mode):
            disk = os.statvfs(link)
            return disk.f_frsize * (disk.f_bfree if uids(pid) == {0} else disk.f_bavail)
    return None


def _has_reader(link: Path) -> bool:
    """Whether somebody has the other end: of a pipe without one, poll(2) tells its writers so."""
    try:
        fd = os.open(link, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:  # only a named pipe refuses to be opened
        return False
    try:
        poll = select.poll()
        poll.register(fd, select.POLLOUT)
        return not any(events & select.POLLERR for _, events in poll.poll(0))
    finally:
        os.close(fd)


def unit(pid: int) -> str:
    """The systemd service that it belongs to; empty for a login session or without systemd."""
    with suppress(OSError):
        for line in (_PROC / str(pid) / "cgroup").read_text("utf-8", "replace").splitlines():
            number, _, path = line.partition("::")
            if number != "0" and ":name=systemd:" not in line:
                continue
            last = (path or line.rpartition(":")[2]).rstrip("/").rpartition("/")[2]
            if last.endswith(".service") and "/user.slice/" not in line:
                return last
    return ""


def files(pid: int) -> int | None:
    """How many files it has open."""
    with suppress(OSError):
        return sum(1 for _ in os.scandir(_PROC / str(pid) / "fd"))
    return None


def files_limit(pid: int) -> int | None:
    """How many it may have open."""
    with suppress(OSError, ValueError, IndexError):
        for line in (_PROC / str(pid) / "limits").read_text("ascii", "replace").splitlines():
            if line.startswith("Max open files"):
                return int(line.split()[3])
    return None


def program(pid: int) -> str:
    """The base name of what runs: of the script rather than of its interpreter."""
    said = words(pid)
    for word in said[:3]:
        if word in ("-c", "-e"):
            break  # what follows is code
        name = word.rpartition("/")[2]
        if name and not name.startswith(("python", "pypy", "node", "-")):
            return name
    return said[0].rpartition("/")[2] if said else ""


def _ids(pid: int, head: str) -> list[int]:
    with suppress(OSError, ValueError):
        for line in (_PROC / str(pid) / "status").read_text("utf-8", "replace").splitlines():
            if line.startswith(head):
                return [int(word) for word in line.split()[1:]]
    return []


def _holders(wanted: set[str]) -> Iterator[int]:
    for pid in _pids():
        if any(link in wanted for link in _links(pid)):
            yield pid


def _links(pid: int) -> Iterator[str]:
    with suppress(OSError):
        for entry in os.scandir(_PROC / str(pid) / "fd"):
            with suppress(OSError):
                yield os.readlink(entry.path)  # noqa: PTH115 - many of them, and quicker so


def _pids() -> Iterator[int]:
    for entry in os.scandir(_PROC):
        if entry.name.isdecimal():
            yield int(entry.name)
