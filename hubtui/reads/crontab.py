"""Root's own crontab, through crontab(1): lines are switched off by a mark, and on again.

All else in it stays as it is, byte for byte; so its bytes do not go through ``server.run``, which
reads and writes text.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

from hubtui.errors import CommandFailed
from hubtui.names import shown
from hubtui.server.run import ENVIRONMENT
from hubtui.state import make_dir, replace_file

NAME = "root's crontab"
MARK = b"#hubtui-off# "
BACKUP = "crontab.before"
"""In state_dir: the crontab as it was before hubtui first touched it."""


def read() -> bytes:
    """What ``crontab -l`` says; empty where root has none, or where there is no cron.

    Raises CommandFailed.
    """
    if os.geteuid() != 0:
        return b""
    try:
        done = _crontab("-l")
    except FileNotFoundError:
        return b""
    if done.returncode and b"no crontab for" not in done.stderr:
        raise CommandFailed(f"crontab -l failed: {_why(done)}.")
    return done.stdout if done.returncode == 0 else b""


def write(text: bytes) -> None:
    """Install it as root's crontab. Raises CommandFailed: refused, or other than it was given."""
    try:
        done = _crontab("-", text=text)
    except FileNotFoundError:
        raise CommandFailed("crontab is not installed: apt-get install cron") from None
    if done.returncode:
        raise CommandFailed(f"crontab does not take it: {_why(done)}.")
    if read() != text:
        raise CommandFailed("root's crontab is not what was written: somebody else writes it.")


def without(text: bytes, numbers: Iterable[int]) -> bytes:
    """The same with these lines (from 1) switched off; what is off already stays so."""
    wanted = set(numbers)
    return b"".join(
        MARK + line if number in wanted and not line.startswith(MARK) else line
        for number, line in enumerate(text.splitlines(keepends=True), start=1)
    )


def restored(text: bytes) -> bytes:
    """The same with every line switched on again that hubtui switched off."""
    return b"".join(line.removeprefix(MARK) for line in text.splitlines(keepends=True))


def off(text: bytes) -> list[tuple[int, str]]:
    """The lines that hubtui switched off, with their numbers, safe to show."""
    return [
        (number, shown(line.removeprefix(MARK).decode("utf-8", "replace"), 200))
        for number, line in enumerate(text.splitlines(), start=1)
        if line.startswith(MARK)
    ]


def keep(state_dir: Path, text: bytes) -> None:
    """Back it up below ``state_dir``, unless there is a backup. Raises StateError, OSError."""
    backup = make_dir(state_dir, 0o711) / BACKUP
    if not backup.exists():
        replace_file(backup, text)


def _crontab(word: str, text: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    argv = ["crontab", "-u", "root", word]
    try:
        return subprocess.run(
            argv, input=text, env=ENVIRONMENT, cwd="/", capture_output=True, timeout=30, check=False
        )
    except subprocess.TimeoutExpired:
        raise CommandFailed("crontab took longer than 30 s: stopped.") from None


def _why(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = done.stderr.decode("utf-8", "replace").split("\n")
    return shown(next((line for line in lines if line.strip()), "it does not say why"), 200)
