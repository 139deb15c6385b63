"""Accounts that leave, on the sandbox's own disk, and the steps that take their data away."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

from hubtui.plan.steps import Step
from hubtui.retire.archive import Archive
from hubtui.retire.checks import identity
from hubtui.retire.fence import Fence
from hubtui.retire.home import RemoveHome
from hubtui.retire.kept import Keeping
from hubtui.retire.records import Leaver
from hubtui.server import Server
from tests.sandboxed import Machine

HOW = Keeping(run="20261125-120000-abcdef", by="admin", days=90)
UID = 20001
FENCED = Path(f"/home/.hubtui-retired/{UID}")
GOING = FENCED.with_name(f"{UID}.removing")


def a_leaver(machine: Machine, name: str = "anna", uid: int = UID) -> Leaver:
    """A real account with a home."""
    home = machine.adduser(name, uid, mode=0o700)
    return leaver_of(name, uid, home)


def leaver_of(name: str, uid: int, home: Path) -> Leaver:
    """Who has the home as it is now."""
    device, inode = identity(home) or (0, 0)
    return Leaver(key=name, name=name, uid=uid, gid=uid, home=str(home), device=device, inode=inode)


def through(steps: Iterable[Step]) -> list[str]:
    """As a run does them: what is done is left out. Returns what was told."""
    told = []
    for step in steps:
        if not step.done():
            list(step.do())
            step.verify()
        told.append(step.told)
    return told


def removal(server: Server, subject: Leaver, how: Keeping = HOW) -> list[Step]:
    """The steps of the home."""
    return [
        Fence(server, subject, how),
        Archive(server, subject, how),
        RemoveHome(server, subject, how),
    ]


def unpack(archive: Path, folder: Path) -> Path:
    """By the one documented command; returns where the home is then."""
    folder.mkdir(exist_ok=True)
    subprocess.run(
        [
            "tar", "--extract", "--zstd", "--preserve-permissions", "--numeric-owner",
            "--acls", "--xattrs", "--xattrs-include=*", "--sparse",
            "--directory", str(folder), "--file", str(archive),
        ],
        check=True,
    )  # fmt: skip
    return folder / archive.name.partition("-")[0]


def own(uid: int, *paths: Path) -> None:
    """Give these to a uid, links themselves included."""
    for path in paths:
        os.chown(path, uid, uid, follow_symlinks=False)
