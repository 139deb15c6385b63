"""What runs under an account's uid: from /proc, through psutil."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import psutil

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
        """Whether it is the student's notebook server itself."""
        return (
            self.name.startswith("jupyterhub-singl") or SERVER in self.command.split(" ")[0:2][-1]
        )

    @property
    def is_kernel(self) -> bool:
        """Whether it is a notebook's kernel."""
        return "ipykernel" in self.command or ("-f " in self.command and "kernel-" in self.command)


def by_uid(uids: Iterable[int] | None = None) -> Mapping[int, list[Process]]:
    """All processes, or those of ``uids``, by real uid."""
    wanted = None if uids is None else set(uids)
    found: dict[int, list[Process]] = {}
    for process in psutil.process_iter():
        try:
            with process.oneshot():
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
