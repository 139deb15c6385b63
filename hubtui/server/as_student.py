"""What is done inside a student's home: by a small process that is the student, never by root.

The process (hubtui.workers.home) is started with a clean environment and a session of its own, gets
neither lock nor token, and has a time limit: a student can stop or kill it, which holds up nobody.
"""

from __future__ import annotations

import contextlib
import subprocess
from typing import TypeVar

import msgspec

from hubtui import typed, workers
from hubtui.errors import CommandFailed
from hubtui.names import shown
from hubtui.server.accounts import Account
from hubtui.workers import ending

_LARGEST = 4 << 20


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """What a home holds, as its owner sees it."""

    missing: list[str]
    """Entries of /etc/skel that are not there."""
    partial: list[str]
    """Copies of skel files that were cut short by a kill or a full disk."""
    files: int
    """Entries in all, folders included."""
    bytes: int
    """On the disk."""
    newest: float
    """The latest change (epoch seconds), 0 where the home is empty."""
    own: int
    """Entries that are not from /etc/skel."""
    examples: list[str]


class _Filled(msgspec.Struct):
    made: int


class _Error(msgspec.Struct):
    error: str = ""
    path: str = ""


T = TypeVar("T")


def look(account: Account, *, timeout: float = 20.0) -> Contents:
    """Count what the home holds. Raises CommandFailed where the student's side fails."""
    return _ask(account, "look", Contents, timeout)


def fill(account: Account, *, timeout: float = 20.0) -> int:
    """Copy what is missing of /etc/skel into the home; returns the number of entries made."""
    return _ask(account, "fill", _Filled, timeout).made


def command(account: Account, verb: str) -> list[str]:
    """The worker's command line."""
    return workers.command("home", str(account.uid), str(account.gid), str(account.home), verb)


def _ask(account: Account, verb: str, kind: type[T], timeout: float) -> T:
    process = subprocess.Popen(
        command(account, verb),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"},
        cwd="/",
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        raise CommandFailed(
            f"Looking into {account.home} as {account.name} took longer than {timeout:.0f} s."
        ) from None
    finally:
        ending.end(process)
    with contextlib.suppress(msgspec.DecodeError):
        failed = typed.decode(out[:_LARGEST], _Error)
        if failed.error:
            where = shown(failed.path or str(account.home), limit=120)
            raise CommandFailed(f"As {account.name}: {where}: {shown(failed.error, limit=120)}.")
        return typed.decode(out[:_LARGEST], kind)
    words = shown(err.decode(errors="replace").strip()[-200:])
    raise CommandFailed(f"The process that looks into {account.home} was ended. {words}".strip())
