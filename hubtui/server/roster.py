"""The roster: a list of account names, one a line, as the old scripts read it (accounts.txt).

Read as it is: a missing last newline, CRLF, blank lines, comments and doubles are all met in the
wild. hubtui adds and removes lines and leaves all others byte for byte.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from hubtui.errors import ChangedSinceShown, Refused, StateError
from hubtui.state import replace_file

_LARGEST = 1 << 20
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Roster:
    """The names in the file, in order, with the lines each stands on (1 is the first)."""

    lines: dict[str, tuple[int, ...]]

    def __contains__(self, name: object) -> bool:
        return name in self.lines


def read_roster(path: Path | None) -> Roster:
    """Read it; a roster that is not configured or does not exist is an empty one."""
    lines: dict[str, tuple[int, ...]] = {}
    for number, line in enumerate(_read(path).split(b"\n"), start=1):
        if name := _name(line):
            lines[name] = (*lines.get(name, ()), number)
    return Roster(lines)


def add(path: Path, name: str) -> None:
    """Append a line for ``name``, atomically, unless it is there. Raises Refused, StateError."""
    data = _read(path)
    if any(_name(line) == name for line in data.split(b"\n")):
        return
    ending = b"\r\n" if data.count(b"\r\n") * 2 > data.count(b"\n") else b"\n"
    if data and not data.endswith(b"\n"):
        data += ending
    _write(path, data + name.encode() + ending)


def remove(path: Path, name: str, *, keep: int = 0) -> None:
    """Take the lines of ``name`` out, atomically, but for the first ``keep`` of them.

    Raises Refused, StateError.
    """
    lines = io.BytesIO(_read(path)).readlines()  # at \n alone, as they are read
    own = [n for n, line in enumerate(lines) if _name(line.removesuffix(b"\n")) == name][keep:]
    if own:
        _write(path, b"".join(line for n, line in enumerate(lines) if n not in own))


def flaws(path: Path) -> list[str]:
    """What keeps other programs from reading it name for name, in phrases. Raises StateError."""
    data, found = _read(path), []
    if data.startswith(_BOM):
        found.append("it begins with a mark (BOM) that becomes part of the first name")
    lines = data.split(b"\n")
    if any(line.endswith(b"\r") for line in lines):
        found.append("its lines end as on Windows (CRLF), which becomes part of each name")
    if any(line.rstrip(b"\r").endswith((b" ", b"\t")) for line in lines):
        found.append("blanks follow a name")
    if data and not data.endswith(b"\n"):
        found.append("its last line has no end, so that a shell's loop leaves that student out")
    return found


def cleaned(data: bytes) -> bytes:
    """The same names and comments without any of these flaws; nothing else changes."""
    lines = data.removeprefix(_BOM).split(b"\n")
    text = b"\n".join(line.rstrip(b" \t\r") for line in lines)
    return text if not text or text.endswith(b"\n") else text + b"\n"


def clean(path: Path, digest: str, backup: Path) -> None:
    """Take the flaws out; what it was is kept in ``backup``, beside it, for root alone.

    ``digest``: of the text that somebody was shown. Raises ChangedSinceShown, Refused, StateError.
    """
    data = _read(path)
    if digest_of(data) != digest:
        raise ChangedSinceShown(f"The roster {path} was changed meanwhile.")
    try:
        if not backup.exists():
            replace_file(backup, data)
        elif backup.read_bytes() != data:
            raise ChangedSinceShown(f"{backup} is there meanwhile, with another text.")
    except OSError as e:
        raise StateError(f"{backup} cannot be written: {e.strerror}.") from e
    _write(path, cleaned(data))


def digest_of(data: bytes) -> str:
    """By which a text is known again."""
    return hashlib.sha256(data).hexdigest()


def seen(path: Path) -> str:
    """The digest of the roster as it is now. Raises StateError."""
    return digest_of(_read(path))


def _name(line: bytes) -> str:
    name, _, _ = line.decode("utf-8", "replace").partition("#")
    return name.strip("\ufeff \t\r\0")


def _read(path: Path | None) -> bytes:
    if path is None:
        return b""
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except FileNotFoundError:
        return b""
    except OSError as e:
        raise StateError(f"The roster {path} cannot be read: {e.strerror}.") from e
    if len(data) > _LARGEST:
        raise StateError(f"The roster {path} is larger than 1 MB: is accounts.roster right?")
    return data


def _write(path: Path, data: bytes) -> None:
    """Replace the file, keeping its owner and mode; only in a folder that is ours alone."""
    real = path.resolve()
    folder = real.parent.stat()
    group_may = folder.st_mode & stat.S_IWGRP and folder.st_gid != 0
    if folder.st_uid not in (0, os.geteuid()) or folder.st_mode & stat.S_IWOTH or group_may:
        raise Refused(
            f"The roster's folder {real.parent} can be written by others than root: hubtui does "
            "not write there. Move the roster to a folder of root's, and name it in course.yaml."
        )
    mode, owner = 0o600, None
    if real.exists():
        before = real.stat()
        mode, owner = stat.S_IMODE(before.st_mode), (before.st_uid, before.st_gid)
    try:
        replace_file(real, data, mode=mode, owner=owner)
    except OSError as e:
        raise StateError(f"The roster {real} cannot be written: {e.strerror}.") from e
