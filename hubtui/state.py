"""Files below ``state_dir``: written whole or not at all, each beginning with its format number.

Two shapes. A *document* is one JSON object with a ``format`` member, replaced atomically. A *log*
is JSON lines, the first one ``{"format": 1}``, only ever appended to. A record of a log is complete
when its newline is there; a tail without one was never acknowledged (a kill, a full disk), so
readers skip it and the next writer cuts it off.

A broken or newer file is named in a StateError and left as it is.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from hubtui import typed
from hubtui.errors import StateError

FORMAT = 1
T = TypeVar("T")


class _Header(msgspec.Struct):
    format: int


def make_dir(path: Path, mode: int = 0o700) -> Path:
    """Make a folder of the state (and its parents) and give it exactly ``mode``."""
    try:
        path.mkdir(mode=mode, parents=True, exist_ok=True)
        if path.stat().st_mode & 0o7777 != mode and path.stat().st_uid == os.geteuid():
            path.chmod(mode)
    except OSError as e:
        raise StateError(f"{path} cannot be made: {e.strerror}.") from e
    return path


def replace_file(
    path: Path, data: bytes, *, mode: int = 0o600, owner: tuple[int, int] | None = None
) -> None:
    """Replace ``path``: temp file, fsync, rename, fsync of the folder. Raises OSError."""
    temp = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    fd = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(fd, "wb") as file:
            os.fchmod(fd, mode)
            if owner is not None:
                os.fchown(fd, *owner)
            file.write(data)
            file.flush()
            os.fsync(fd)
        temp.rename(path)
    except BaseException:
        temp.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames and new names in ``folder`` survive a power cut."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_document(path: Path, record: msgspec.Struct) -> None:
    """Write a record that has a ``format`` field as the whole content of ``path``."""
    make_dir(path.parent)
    try:
        replace_file(path, msgspec.json.encode(record) + b"\n")
    except OSError as e:
        raise StateError(f"{path} cannot be written: {e.strerror}.") from e


def read_document(path: Path, kind: type[T]) -> T | None:
    """The record in ``path``, None where the file does not exist."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as e:
        raise StateError(f"{path} cannot be read: {e.strerror}.") from e
    _check_format(path, data)
    return _decode(path, data, kind)


def append(path: Path, *records: msgspec.Struct, fsync: bool = True) -> None:
    """Append records to a log in one write, made with its header where it is new."""
    make_dir(path.parent)
    data = b"".join(msgspec.json.encode(record) + b"\n" for record in records)
    try:
        fd = _claimed(path)
    except OSError as e:
        raise StateError(f"{path} cannot be opened: {e.strerror}.") from e
    try:
        end = _end_of_last_record(fd)
        if end == 0:
            data = msgspec.json.encode(_Header(FORMAT)) + b"\n" + data
        try:
            os.ftruncate(fd, end)
            written = os.pwrite(fd, data, end)
            if written != len(data):
                os.ftruncate(fd, end)
                raise StateError(f"{path} cannot be written: no space left on the disk.")
            if fsync:
                os.fsync(fd)
        except OSError as e:
            raise StateError(f"{path} cannot be written: {e.strerror}.") from e
        if end == 0 and fsync:
            sync_folder(path.parent)
    finally:
        os.close(fd)


def rewrite_log(path: Path, change: Callable[[bytes], bytes]) -> None:
    """Replace a log by what ``change`` makes of it; who appends meanwhile waits, and loses nothing.

    Raises OSError.
    """
    fd = _claimed(path)
    try:
        before = path.read_bytes()
        if (after := change(before)) != before:
            replace_file(path, after)
    finally:
        os.close(fd)


def read_log(path: Path, kind: type[T]) -> Iterator[T]:
    """The complete records of a log, oldest first; nothing where the file does not exist."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return
    except OSError as e:
        raise StateError(f"{path} cannot be read: {e.strerror}.") from e
    for number, line in enumerate(data.split(b"\n")[:-1], start=1):
        if number == 1:
            _check_format(path, line)
        else:
            yield _decode(path, line, kind, number)


def append_now(path: Path, line: bytes) -> None:
    """Append one line that nobody has to find after a power cut, without locks or fsync."""
    with contextlib.suppress(OSError), path.open("ab", buffering=0) as file:
        file.write(line + b"\n")


def _claimed(path: Path) -> int:
    """A log, made where it is missing, with its lock: the file that has the name now.

    Who waited for the lock of one that was replaced takes the new one. Raises OSError.
    """
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(fd), path.lstat()):
                    return fd
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)


def _end_of_last_record(fd: int) -> int:
    end = os.fstat(fd).st_size
    while end:
        start = max(0, end - 65536)
        cut = os.pread(fd, end - start, start).rfind(b"\n")
        if cut >= 0:
            return start + cut + 1
        end = start
    return 0


def _check_format(path: Path, head: bytes) -> None:
    header = _decode(path, head, _Header)
    if header.format > FORMAT:
        raise StateError(
            f"{path} was written by a newer hubtui (format {header.format}; this one knows "
            f"{FORMAT}): update hubtui on this server."
        )


def _decode(path: Path, data: bytes, kind: type[T], line: int | None = None) -> T:
    try:
        return typed.decode(data, kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as e:
        where = f"{path}, line {line}" if line else str(path)
        raise StateError(
            f"{where} is broken ({e}): hubtui leaves it as it is; "
            "look at it, repair it or move it away."
        ) from e


def to_builtins(record: Any) -> Any:
    """A record as plain JSON types, for ``--json``."""
    return msgspec.to_builtins(record)
