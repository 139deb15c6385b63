"""Who uses how much memory now, and whose notebook server runs: one quick pass over /proc.

Without psutil: ``hubtui status`` and the minutely job have no time for it. Students can call their
programs as they like, so what a process is said to be is their word; its uid is the kernel's.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from contextlib import suppress

from msgspec import Struct

SERVER = b"jupyterhub-singleuser"
_FIRST_PERSON = 1000


class Use(Struct, frozen=True, kw_only=True):
    """What all processes of one uid are together."""

    memory: int = 0
    """Bytes that are their own: what ending them would free."""
    server: bool = False
    """Whether a notebook server is among them."""
    kernels: int = 0


def by_uid() -> Mapping[int, Use]:
    """Of every uid from 1000 on that has a process."""
    found: dict[int, Use] = {}
    with os.scandir("/proc") as entries:
        for entry in entries:
            if entry.name.isdecimal():
                with suppress(OSError, ValueError, IndexError):
                    _add(found, entry.path)
    return found


def of(uses: Mapping[int, Use], uids: Collection[int]) -> Mapping[int, Use]:
    """Those of these uids alone."""
    return {uid: use for uid, use in uses.items() if uid in uids}


def _add(found: dict[int, Use], folder: str) -> None:
    # Not the owner of the folder: of a process that wants nobody to look into it that is root.
    status = _read(f"{folder}/status")
    uid = int(status.partition(b"\nUid:")[2].split(None, 1)[0])
    if uid < _FIRST_PERSON or b"\nState:\tZ" in status:
        return
    own = status.partition(b"\nRssAnon:")[2].split(None, 1)
    command = _read(f"{folder}/cmdline")
    before = found.get(uid, Use())
    found[uid] = Use(
        memory=before.memory + (int(own[0]) * 1024 if own else 0),
        server=before.server or _is_server(command),
        kernels=before.kernels + _is_kernel(command),
    )


def _read(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - hundreds of them, and quicker so
        return file.read(4096)


def _is_server(command: bytes) -> bool:
    return any(word.rpartition(b"/")[2] == SERVER for word in command.split(b"\0", 2)[:2])


def _is_kernel(command: bytes) -> bool:
    return b"ipykernel" in command or b"/kernel-" in command
