"""Changing a file that is somebody else's: the hub's configuration, course.yaml.

Only where root alone could have written it; as a whole or not at all, with a copy of what it was
beside it, and its mode and owner as before.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from hubtui import state
from hubtui.errors import CommandFailed
from hubtui.reads import reading


def kept(path: Path, text: bytes, at: datetime) -> Path:
    """A copy of the file as it was, beside it, with the same mode and owner; returns where."""
    stem = f"{path.name}.before-hubtui-{at:%Y-%m-%d}"
    copies = (path.with_name(f"{stem}{more}") for more in ("", *(f".{n}" for n in range(2, 100))))
    for copy in copies:
        if not os.path.lexists(copy):
            _write(copy, text, path.stat())
            return copy
        if read(copy) == text:
            return copy
    raise CommandFailed(f"There are too many copies of {path} already: remove some.")


def put(path: Path, text: bytes) -> None:
    """Exchange the file's text as a whole; mode, owner and links to it stay. CommandFailed."""
    real = path.resolve()
    _write(real, text, real.stat())
    if read(path) != text:
        raise CommandFailed(f"{path} is not what was written: somebody else writes it.")


def _write(path: Path, text: bytes, like: os.stat_result) -> None:
    with as_sentence(path):
        owner = (like.st_uid, like.st_gid)
        state.replace_file(path, text, mode=stat.S_IMODE(like.st_mode), owner=owner)


def read(path: Path) -> bytes:
    """Its text; only where root alone could have written it. Raises Refused, CommandFailed."""
    with as_sentence(path):
        return reading.read(path)


@contextmanager
def as_sentence(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as e:
        raise CommandFailed(f"{path} cannot be read or written: {e.strerror}.") from e
