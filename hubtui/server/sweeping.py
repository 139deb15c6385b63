"""What an account left in folders that everybody may write to: seen, archived and removed as it.

Root never opens anything there. The worker (hubtui.workers.strays) and tar are processes with the
account's uid, which need no line in passwd; a time limit ends one that somebody holds up.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeVar

import msgspec

from hubtui import typed, workers
from hubtui.errors import ChangedSinceShown, CommandFailed
from hubtui.names import shown
from hubtui.server.run import ENVIRONMENT
from hubtui.workers import ending
from hubtui.workers.strays import meant

TOPS = (Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"))  # noqa: S108
_LARGEST = 256 << 20
_LIMIT = 600.0
"""Seconds for one folder."""


class Whose(NamedTuple):
    """Of whom, by number alone."""

    uid: int
    gid: int


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What is an account's below one folder."""

    entries: list[tuple[str, str, bool]]
    """Path (hubtui.workers.strays.told), what a change would change, whether it is a folder."""
    files: int
    """Those that an archive can hold: no sockets."""
    bytes: int
    sum: str


class _Every(msgspec.Struct):
    found: list[Found]


class _Compared(msgspec.Struct):
    sum: str


class _Removed(msgspec.Struct):
    removed: int
    left: list[str]


class _Error(msgspec.Struct):
    error: str = ""
    path: str = ""


T = TypeVar("T")


def tops(uid: int) -> list[Path]:
    """Where to look, each folder once."""
    every = (*TOPS, runtime_folder(uid))
    return list(dict.fromkeys(Path(os.path.realpath(top)) for top in every if top.is_dir()))


def runtime_folder(uid: int) -> Path:
    """What systemd-logind makes for a session."""
    return Path("/run/user", str(uid))


def find(whose: Whose) -> dict[Path, Found]:
    """What is theirs, by the folder that it lies in. Raises CommandFailed."""
    places = tops(whose.uid)
    every = _ask(whose, places, "find", _Every).found
    return {top: found for top, found in zip(places, every, strict=True) if found.entries}


def archive(whose: Whose, top: Path, found: Found, file: Path) -> None:
    """A tar of it, compared with what is there. Raises CommandFailed, ChangedSinceShown."""
    names = b"".join(os.fsencode(meant(path)) + b"\0" for path, _, _ in found.entries)
    with file.open("xb") as out:
        argv = [
            "tar", "--create", "--no-recursion", "--sparse",
            "--numeric-owner", "--acls", "--xattrs", "--xattrs-include=*",
            "--warning=no-file-ignored", "--file", "-", "--directory", str(top),
            "--null", "--verbatim-files-from", "--files-from", "-",
        ]  # fmt: skip
        _, err, code = _run(
            argv,
            whose,
            stdin=names,
            stdout=out,
            user=whose.uid,
            group=whose.gid,
            extra_groups=(),
        )
    if code:
        first = shown((err.strip().splitlines() or [b""])[0], limit=200)
        raise CommandFailed(f"tar ended with {code} in {top}, as uid {whose.uid}: {first}.")
    with file.open("rb") as data:
        if _ask(whose, [top], "compare", _Compared, data).sum != found.sum:
            raise ChangedSinceShown(
                f"Files of uid {whose.uid} in {top} change while they are read."
            )


def remove(whose: Whose, top: Path, found: Found) -> tuple[int, list[str]]:
    """Remove exactly these; returns how many, and the paths of those that stay."""
    gone = _ask(whose, [top], "remove", _Removed, json.dumps(found.entries).encode())
    return gone.removed, [f"{top}/{meant(path)}" for path in gone.left]


def _ask(
    whose: Whose, tops: Sequence[Path], verb: str, kind: type[T], stdin: bytes | IO[bytes] = b""
) -> T:
    argv = workers.command("strays", str(whose.uid), str(whose.gid), verb, *map(str, tops))
    out, err, _ = _run(argv, whose, stdin=stdin)
    with contextlib.suppress(msgspec.DecodeError):
        failed = typed.decode(out[:_LARGEST], _Error)
        if failed.error:
            where = shown(meant(failed.path), limit=200) if failed.path else "its files"
            raise CommandFailed(f"As uid {whose.uid}: {where}: {shown(failed.error, limit=120)}.")
        return typed.decode(out[:_LARGEST], kind)
    words = shown(err.decode(errors="replace").strip()[-200:])
    raise CommandFailed(f"What looks for files of uid {whose.uid} was ended. {words}".strip())


def _run(
    argv: Sequence[str],
    whose: Whose,
    *,
    stdin: bytes | IO[bytes],
    stdout: int | IO[bytes] = subprocess.PIPE,
    **more: Any,
) -> tuple[bytes, bytes, int]:
    process = subprocess.Popen(
        argv,
        stdin=subprocess.PIPE if isinstance(stdin, bytes) else stdin,
        stdout=stdout,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
        cwd="/",
        start_new_session=True,
        **more,
    )
    data = stdin if isinstance(stdin, bytes) else None
    try:
        out, err = process.communicate(data, timeout=_LIMIT)
    except subprocess.TimeoutExpired:
        raise CommandFailed(
            f"Looking after files of uid {whose.uid} took longer than {_LIMIT:.0f} s."
        ) from None
    finally:
        ending.end(process)
    return out or b"", err, process.returncode
