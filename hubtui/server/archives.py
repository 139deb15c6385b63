"""Archives of folders that root alone can enter: by GNU tar and zstd, and read again whole.

A member's name begins with the folder's own name, a uid, so no archive names an account. What an
archive holds is what was there: a sum over every entry (hubtui.workers.tree) is taken before and
after, and once more while the archive is compared with the tree.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from hubtui.errors import CommandFailed, Refused
from hubtui.names import shown
from hubtui.server import disks, holders
from hubtui.server.run import ENVIRONMENT, Run, say
from hubtui.state import sync_folder
from hubtui.units import counted, megabytes
from hubtui.workers import tree
from hubtui.workers.drop import FOLDER
from hubtui.workers.tree import Sum
from hubtui.workers.verify import Different, compare

PART = ".part"
_LEAST_ROOM = 64 << 20
"""Bytes that stay free on the target."""
_HEADERS = 2048
"""Bytes of an entry in the archive besides its content."""
_SECONDS, _BYTES_A_SECOND = 600, 4 << 20
"""What a slow disk may take."""
_TRIES = 2


class Made(NamedTuple):
    """A verified archive, still called ``….part``."""

    sha256: str
    size: int
    """Of the file, in bytes."""
    tree: Sum
    """What it holds."""


Making = Generator[str, None, Made]
"""Says how far it is, and returns what was made."""


def argv(folder: Path, part: Path) -> list[str]:
    """The command that archives ``folder``."""
    return [
        "nice", "-n", "19",
        "tar", "--create", "--zstd", "--one-file-system", "--sparse",
        "--numeric-owner", "--acls", "--xattrs", "--xattrs-include=*",
        "--atime-preserve=system", "--warning=no-file-ignored", "--force-local",
        "--file", str(part), "--directory", str(folder.parent), "--", folder.name,
    ]  # fmt: skip


def part_of(target: Path) -> Path:
    """What an archive is called until it is verified."""
    return target.with_name(target.name + PART)


def make(run: Run, folder: Path, target: Path, *, hold: int | None = None) -> Making:
    """Archive ``folder`` as ``target.part`` and verify it; says how far it is.

    Where something changes meanwhile it is done once more. Raises Refused where there is no room,
    CommandFailed, ChangedSinceShown; nothing of the archive is left then.
    """
    part = part_of(target)
    try:
        for attempt in range(_TRIES):
            try:
                return (yield from _attempt(run, folder, part, hold))
            except Different as e:
                where = shown(f"{folder}/{e.path}" if e.path else str(folder), limit=200)
                if attempt == _TRIES - 1:
                    raise CommandFailed(
                        f"{where} is not in the archive as it is there: {e.why}. "
                        f"{holders.sentence(folder)}".rstrip()
                    ) from e
                yield f"once more: {where}: {e.why}"
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    raise AssertionError


def finish(target: Path) -> None:
    """Give a verified archive its name, on the disk. Raises OSError."""
    part = part_of(target)
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.rename(target)
    sync_folder(target.parent)


def sha256_of(file: Path) -> str:
    """Of the whole file. Raises OSError."""
    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()


def look(folder: Path) -> Sum:
    """What a folder of root's holds. Raises CommandFailed with the path that is in the way."""
    with opened(folder) as top:
        try:
            return tree.look(top)
        except OSError as e:
            where = shown(f"{folder}/{e.filename}", limit=200)
            raise CommandFailed(f"{where} cannot be looked at: {e.strerror}.") from e


@contextmanager
def opened(folder: Path) -> Iterator[int]:
    """An open descriptor of it. Raises OSError."""
    above = os.open(folder.parent, FOLDER)
    try:
        fd = tree.open_at(above, folder.name, FOLDER)
    finally:
        os.close(above)
    try:
        yield fd
    finally:
        os.close(fd)


def _attempt(run: Run, folder: Path, part: Path, hold: int | None) -> Making:
    before = look(folder)
    need_room(part.parent, before.files, before.bytes)
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600))
    yield f"{counted(before.files, 'file')}, {megabytes(before.bytes)}"
    result = run(argv(folder, part), timeout=_time_for(before), hold=hold)
    if "No space left" in result.err:
        raise CommandFailed(f"{shown(str(part.parent))} is full: {_HELP}")
    if result.code == 1:
        raise Different("", f"it changes while tar reads it ({result.why()})")
    result.check()
    yield "verified: read again whole, and compared"
    with opened(folder) as top, _unpacked(part) as stream:
        held = compare(stream, top, lambda name: name.partition("/")[2])
    if not before.text == held.text == look(folder).text:
        raise Different("", "something is missing, or changed meanwhile")
    return Made(sha256_of(part), part.stat().st_size, before)


_HELP = "make room there, or name a folder on another disk with --archive."


def need_room(folder: Path, files: int, size: int) -> None:
    """Raises Refused where so many files with so many bytes may not fit into an archive there."""
    seen = disks.look([folder])
    if not seen.disks:
        raise CommandFailed(f"The disk of {shown(str(folder))} does not answer.")
    need = size + files * _HEADERS + _LEAST_ROOM
    if (free := seen.disks[0].free) < need:
        raise Refused(
            f"{shown(str(folder))} has {megabytes(free)} free, and the archive may need "
            f"{megabytes(need)}: {_HELP}"
        )


def _time_for(wanted: Sum) -> float:
    return _SECONDS + wanted.bytes / _BYTES_A_SECOND


@contextmanager
def _unpacked(file: Path) -> Iterator[IO[bytes]]:
    """The tar in it. Raises Different where zstd finds it broken."""
    command = ["zstd", "--decompress", "--stdout", "--quiet", "--", str(file)]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
        cwd="/",
    )
    assert process.stdout is not None
    try:
        yield process.stdout
        if process.wait() != 0:
            raise Different("", f"{say(command)} finds the archive broken")
    finally:
        process.kill()
        process.communicate()
