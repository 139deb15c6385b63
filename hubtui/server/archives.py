"""Archives: a folder packed by tar and zstd, verified against what was packed, for root alone.

Written as ``X.part`` and renamed only once zstd has tested it, tar has compared it with the folder
and it is on the disk: an archive by its own name is whole. Everything runs with idle priority.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from hubtui.errors import CommandFailed, Refused
from hubtui.names import shown
from hubtui.server.run import Result, Run
from hubtui.state import make_dir, sync_folder
from hubtui.units import megabytes

QUIETLY = ("nice", "-n", "19", "ionice", "-c", "3")
"""A class at work must not notice."""
_LONG = 6 * 3600.0
"""Seconds that one home may take: 100 GB at 5 MB/s."""
_CHANGED = 1
"""tar's exit code where a file changed while it was read, or differs from the archive."""
_WHOLE = (
    "--one-file-system",
    "--numeric-owner",
    "--acls",
    "--xattrs",
    "--xattrs-include=*",
    "--warning=no-file-ignored",  # a socket is no data
)


class Packed(NamedTuple):
    """An archive that was verified."""

    path: Path
    sha256: str
    bytes: int


def create_argv(part: Path, parent: Path, member: str) -> list[str]:
    """Pack ``parent/member``; holes stay holes, and are not read."""
    what = ["--create", "--zstd", "--sparse", *_WHOLE, "--file", str(part)]
    return [*QUIETLY, "tar", *what, "--directory", str(parent), "--", member]


def compare_argv(archive: Path, parent: Path) -> list[str]:
    """Compare what is packed with what is there: contents, sizes, times, owners, modes, links."""
    what = ["--compare", "--zstd", *_WHOLE, "--file", str(archive)]
    return [*QUIETLY, "tar", *what, "--directory", str(parent)]


def test_argv(archive: Path) -> list[str]:
    """Have zstd read all of it and check its sums."""
    return [*QUIETLY, "zstd", "--quiet", "--test", "--", str(archive)]


def part_of(archive: Path) -> Path:
    """Its name until it is verified."""
    return archive.with_name(archive.name + ".part")


def pack(run: Run, parent: Path, member: str, archive: Path, *, hold: int | None = None) -> Packed:
    """Pack a folder and verify it. Raises CommandFailed; then nothing of the archive is left.

    A file that is written to meanwhile makes it try once more.
    """
    part = part_of(archive)
    try:
        part.unlink(missing_ok=True)  # of a try that was killed
        for last in (False, True):
            result = run(create_argv(part, parent, member), timeout=_LONG, hold=hold)
            if result.code == 0:
                result = run(compare_argv(part, parent), timeout=_LONG, hold=hold)
            if result.code == 0:
                break
            if last or result.code != _CHANGED:
                raise CommandFailed(f"{member} could not be archived: {_why(result, part)}")
        return keep(run, part, archive, hold=hold)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def keep(run: Run, part: Path, archive: Path, *, hold: int | None = None) -> Packed:
    """Test what was written as ``part``, and give it its name. Raises CommandFailed, OSError."""
    run(test_argv(part), timeout=_LONG, hold=hold).check()
    fd = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(fd, "rb") as file:
        os.fchmod(fd, 0o600)
        os.fsync(fd)
        digest, size = hashlib.file_digest(file, "sha256").hexdigest(), os.fstat(fd).st_size
    part.rename(archive)
    sync_folder(archive.parent)
    return Packed(archive, digest, size)


def compare(run: Run, archive: Path, parent: Path, *, hold: int | None = None) -> None:
    """See that the folder still is what was packed. Raises CommandFailed."""
    result = run(compare_argv(archive, parent), timeout=_LONG, hold=hold)
    if result.code:
        raise CommandFailed(f"{archive.name} is not what is there any more: {result.why()}.")


def digest_of(archive: Path) -> str:
    """Its sha256, read now. Raises OSError."""
    with archive.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def make_folder(place: Path) -> Path:
    """The folder for archives, made where it is missing; root's alone. Raises Refused, StateError.

    All folders on the way have to be root's, too: whoever may rename one could exchange an archive.
    """
    if not place.exists():
        make_dir(place)
    for folder in (real := place.resolve(), *real.parents):
        found = folder.stat()
        others = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        sticky = found.st_mode & stat.S_ISVTX and folder != real
        if found.st_uid not in (0, os.geteuid()) or (others and not sticky):
            raise Refused(
                f"{shown(str(folder))} can be written by others than root: archives of students' "
                "files are not kept there. Name another folder: --archive FOLDER"
            )
    if stat.S_IMODE(real.stat().st_mode) & 0o077:
        raise Refused(
            f"{shown(str(real))} can be read by others than root: chmod 700 {shown(str(real))}"
        )
    return real


def need_room(place: Path, size: int) -> None:
    """See that ``size`` bytes fit, were nothing of them compressed. Raises Refused."""
    found = os.statvfs(place)
    free = found.f_bavail * found.f_frsize
    if free < size:
        raise Refused(
            f"{shown(str(place))} has {megabytes(free)} free, and the home has {megabytes(size)}: "
            "name a folder on another disk, with --archive FOLDER"
        )


def _why(result: Result, part: Path) -> str:
    found = os.statvfs(part.parent)
    if found.f_bavail * found.f_frsize < 1 << 20:
        return f"the disk of {shown(str(part.parent))} is full."
    return f"{_program(result.argv)} ended with {result.why()}."


def _program(argv: Sequence[str]) -> str:
    return argv[len(QUIETLY)]
