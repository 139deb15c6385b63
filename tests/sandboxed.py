"""The machine that stories and attacks work on: the sandbox's own, fresh for each test."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hubtui.demo.sandbox import MARKER, VARIABLE
from hubtui.reads import reading
from hubtui.setup.install import files

FILES = ("passwd", "group", "shadow", "gshadow", "subuid", "subgid")
EMPTIED = ("/home", "/var/lib/hubtui", "/etc/hubtui", "/root/resources")
WHY_NOT = "needs root and a mount namespace: run bin/test"


def in_sandbox() -> bool:
    """Whether accounts made here are the sandbox's own, with owners that mean something."""
    shows_owners = os.environ.get(VARIABLE) in ("root", "uidmap")
    return shows_owners and os.geteuid() == 0 and MARKER.exists()


@contextlib.contextmanager
def checkout_of_root() -> Iterator[None]:
    """What root's timers and tutors run has to be root's alone, wherever the checkout lies.

    A clone below /tmp is made so by closing the sandbox's own /tmp; elsewhere the test is skipped,
    and says why.
    """
    place = Path("/tmp")
    mode = place.stat().st_mode & 0o7777
    place.chmod(0o755)
    try:
        if flaw := reading.flaw(Path(files.__file__)):
            pytest.skip(f"this checkout is not root's alone: {flaw}")
        yield
    finally:
        place.chmod(mode)


@contextlib.contextmanager
def usr_local_of_its_own() -> Iterator[None]:
    """The sandbox shares /usr/local with the machine: cover what install writes into."""
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copytree("/usr/local/bin", Path(folder, "bin"), symlinks=True)
        Path(folder).chmod(0o755)
        subprocess.run(["mount", "--bind", str(copy), "/usr/local/bin"], check=True)
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/usr/local/share"], check=True)
        Path("/usr/local/share").chmod(0o755)
        try:
            yield
        finally:
            for place in ("/usr/local/share", "/usr/local/bin"):
                subprocess.run(["umount", "--lazy", place], check=True)


class Machine:
    """A machine with system accounts only."""

    def __init__(self) -> None:
        """Remember the account files as they are now."""
        assert in_sandbox(), WHY_NOT
        self._pristine = {name: Path("/etc", name).read_bytes() for name in FILES}

    def restore(self) -> None:
        """Make the account files as they were; empty homes and what belongs to hubtui."""
        for name, data in self._pristine.items():
            Path("/etc", name).write_bytes(data)
        for lock in Path("/etc").glob("*.lock"):
            lock.unlink()
        for folder in EMPTIED:
            if Path(folder).is_dir():
                _empty(Path(folder))

    def add_group(self, name: str, gid: int) -> None:
        """A group, by groupadd."""
        subprocess.run(["groupadd", "--gid", str(gid), "--", name], check=True)

    def adduser(self, name: str, uid: int, mode: int = 0o755, group: str = "") -> Path:
        """An account as made by hand: its own group, besides in ``group``; returns its home."""
        words = ["useradd", "--uid", str(uid), "--user-group", "--create-home"]
        words += ["--key", f"HOME_MODE={mode:04o}", "--shell", "/bin/bash"]
        words += ["--groups", group] if group else []
        subprocess.run([*words, "--", name], check=True)
        return Path("/home", name)


def _mount_points() -> Iterator[Path]:
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        escaped = line.split()[4]
        yield Path(escaped.encode().decode("unicode_escape"))


def _empty(folder: Path) -> None:
    # Interpreter and checkout may be mounted below /home or /root: they are the real ones.
    mounted = list(_mount_points())
    for entry in folder.iterdir():
        if any(point.is_relative_to(entry) for point in mounted):
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
