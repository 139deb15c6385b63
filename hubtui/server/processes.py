"""What runs under an account's uid: from /proc, through psutil."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from hubtui import workers
from hubtui.server.run import ENVIRONMENT

SERVER = "jupyterhub-singleuser"


@dataclass(frozen=True, slots=True)
class Process:
    """One process of a student."""

    pid: int
    uid: int
    name: str
    command: str
    """The whole command line; hostile text."""
    memory: int
    """Bytes that are its own: what ending it would free."""
    started: float

    @property
    def is_server(self) -> bool:
        """Whether it is the student's notebook server (or one that calls itself so)."""
        return self.name == SERVER[:15] or any(
            word.rpartition("/")[2] == SERVER for word in self.command.split(" ")[:2]
        )

    @property
    def is_kernel(self) -> bool:
        """Whether it is a notebook's kernel."""
        return "ipykernel" in self.command or "/kernel-" in self.command


def by_uid(uids: Iterable[int] | None = None) -> Mapping[int, list[Process]]:
    """All processes, or those of ``uids``, by real uid."""
    wanted = None if uids is None else set(uids)
    found: dict[int, list[Process]] = {}
    for process in psutil.process_iter():
        try:
            with process.oneshot():
                if process.status() == psutil.STATUS_ZOMBIE:
                    continue
                uid = process.uids().real
                if wanted is not None and uid not in wanted:
                    continue
                memory = process.memory_info()
                found.setdefault(uid, []).append(
                    Process(
                        pid=process.pid,
                        uid=uid,
                        name=process.name(),
                        command=" ".join(process.cmdline()),
                        memory=max(0, memory.rss - getattr(memory, "shared", 0)),
                        started=process.create_time(),
                    )
                )
        except psutil.Error:
            continue
    return found


def of(uid: int) -> list[Process]:
    """The processes of one uid."""
    return by_uid([uid]).get(uid, [])


def serving() -> set[int]:
    """The uids under which a notebook server runs: one quick pass, for many at once."""
    found: set[int] = set()
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            uid = folder.stat().st_uid
            if uid < 1000 or uid in found:
                continue
            words = (folder / "cmdline").read_bytes().split(b"\0")[:2]
            name = (folder / "comm").read_text(errors="replace").rstrip("\n")
        except OSError:
            continue
        if name == SERVER[:15] or any(w.rpartition(b"/")[2] == SERVER.encode() for w in words):
            found.add(uid)
    return found


def inside(folder: Path) -> set[int]:
    """The pids of all that stand in a folder, or hold open what lies in it, whoever they are."""
    found, real = set[int](), Path(os.path.realpath(folder))
    for process in Path("/proc").iterdir():
        if not process.name.isdecimal():
            continue
        with contextlib.suppress(OSError):  # it ended meanwhile
            for link in (process / "cwd", process / "root", *(process / "fd").iterdir()):
                with contextlib.suppress(OSError):
                    if link.readlink().is_relative_to(real):
                        found.add(int(process.name))
                        break
    return found - {os.getpid()}


def is_alive(process: Process) -> bool:
    """Whether it still runs; another process that got its pid does not count."""
    found = _same(process)
    try:
        return found is not None and found.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def signal(chosen: Iterable[Process], *, kill: bool) -> None:
    """Send TERM, or KILL, to exactly these processes."""
    for process in chosen:
        found = _same(process)
        if found is not None:
            with contextlib.suppress(psutil.Error):
                (found.kill if kill else found.terminate)()


def kill_all(uid: int) -> None:
    """Send KILL to all that runs under a uid, seen or not, by a process that is the account."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(
            workers.command("kill", str(uid)),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=ENVIRONMENT,
            cwd="/",
            start_new_session=True,
            timeout=10,
            check=False,
        )


def environment(process: Process) -> dict[str, str]:
    """The environment it was started with; hostile text, empty where it cannot be read."""
    found = _same(process)
    try:
        return found.environ() if found is not None else {}
    except (psutil.Error, OSError):
        return {}


def _same(process: Process) -> psutil.Process | None:
    try:
        found = psutil.Process(process.pid)
        return found if found.create_time() == process.started else None
    except psutil.Error:
        return None
