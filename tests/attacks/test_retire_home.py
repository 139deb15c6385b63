"""What a student can have made of a home that is archived and removed by root."""

from __future__ import annotations

import os
import shutil
import socket
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hubtui.retire import kept
from hubtui.retire.records import Archived, Leaver
from hubtui.server import Server
from tests.course_on_disk import make_course
from tests.gone import FENCED, UID, a_leaver, own, removal, through, unpack
from tests.hostile_home import look_at
from tests.sandboxed import Machine

HOME = Path("/home/anna")
TREASURE = Path("/root/treasure")
ACL = struct.pack("<I", 2) + b"".join(
    struct.pack("<HHI", tag, may, who)
    for tag, may, who in (
        (1, 6, 0xFFFFFFFF),
        (2, 4, 1234),
        (4, 4, 0xFFFFFFFF),
        (16, 4, 0xFFFFFFFF),
        (32, 0, 0xFFFFFFFF),
    )
)


@pytest.fixture
def server(machine: Machine) -> Iterator[Server]:
    shutil.rmtree(TREASURE, ignore_errors=True)
    TREASURE.mkdir(mode=0o700)
    (TREASURE / "canary").write_text("sings")
    made = make_course().server
    yield made
    subprocess.run(["chattr", "-R", "-f", "-i", "-a", "/home"], check=False)


@pytest.fixture
def anna(machine: Machine, server: Server) -> Leaver:
    return a_leaver(machine)


def archive_of(server: Server) -> Archived:
    record = kept.read(server.state, UID)
    assert record is not None
    (one,) = record.archives
    return one


def write(path: Path, text: str = "work") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    own(UID, path)
    return path


def a_bit_of_everything() -> None:
    """All that a filesystem can hold, under names that are to be escaped, split, believed."""
    for name in ("-rf", "--checkpoint-action=exec=id", "two\nlines", "a b", "$(id)", "\x1b[31m"):
        write(HOME / name)
    Path(os.fsdecode(os.fsencode(HOME) + b"/bad\xff\xfename")).write_text("bytes")
    write(HOME / ("ü" * 90 + "/" + "x" * 255 + "/long"))
    write(HOME / "GNUSparseFile.1/x")
    work = write(HOME / "work")
    os.setxattr(work, "user.a=b%3D%c", b"\x00\xff\n=z")
    os.setxattr(work, "system.posix_acl_access", ACL)
    os.setxattr(work, "trusted.x", b"")
    (HOME / "folder").mkdir()
    os.setxattr(HOME / "folder", "system.posix_acl_default", ACL)
    os.link(work, HOME / "folder/the same")
    (HOME / "link").symlink_to(TREASURE)
    (HOME / "loop").symlink_to("loop")
    os.link(HOME / "link", HOME / "link too", follow_symlinks=False)
    os.mkfifo(HOME / "fifo")
    os.mknod(HOME / "null", 0o600 | 0o020000, os.makedev(1, 3))
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(HOME / "socket"))
    (HOME / "roots").write_text("root's own")
    (HOME / "secret").write_text("nobody may")
    (HOME / "secret").chmod(0)
    (HOME / "suid").write_text("x")
    (HOME / "suid").chmod(0o6755)
    sparse = os.open(HOME / "sparse", os.O_CREAT | os.O_RDWR)
    os.pwrite(sparse, b"far out", 1 << 39)
    os.ftruncate(sparse, 1 << 40)
    os.close(sparse)
    os.truncate(write(HOME / "hole", ""), 1 << 40)
    os.utime(HOME / "-rf", ns=(5, -1_500_000_001))
    os.utime(HOME / "link", ns=(7, 9), follow_symlinks=False)
    os.utime(HOME / "folder", ns=(7, 1_600_000_000_123_456_789))


def test_all_that_a_home_can_hold_is_archived_and_comes_back_as_it_was(
    server: Server, anna: Leaver
) -> None:
    a_bit_of_everything()
    before = everything_of(HOME)
    del before["socket"]  # holds nothing, and no archive can hold it
    treasure = look_at(TREASURE)

    told = through(removal(server, anna))

    assert not HOME.exists()
    assert not FENCED.parent.exists()
    assert look_at(TREASURE) == treasure
    one = archive_of(server)
    assert one.bytes == Path(one.path).stat().st_size < 100_000
    assert Path(one.path).stat().st_mode & 0o777 == 0o600
    assert one.files == len(before)
    assert "removed" in told[-1]
    assert everything_of(unpack(Path(one.path), server.state / "back")) == before
    shutil.rmtree(server.state / "back")


def everything_of(top: Path) -> dict[str, object]:
    """Every entry, with all that can be said of it."""
    found: dict[str, object] = {}
    linked: dict[int, str] = {}
    for path in (top, *sorted(top.rglob("*"))):
        entry, name = path.lstat(), str(path.relative_to(top))
        attributes = {
            key: os.getxattr(path, key, follow_symlinks=False)
            for key in os.listxattr(path, follow_symlinks=False)
        }
        same = linked.setdefault(entry.st_ino, name)
        content: object = None
        if path.is_symlink():
            content = str(path.readlink())
        elif path.is_file() and entry.st_size < 1 << 20:
            content = path.read_bytes()
        elif path.is_file():
            content = (entry.st_size, entry.st_blocks)
        found[name] = (
            *(entry.st_mode, entry.st_uid, entry.st_gid, entry.st_mtime_ns, entry.st_rdev),
            *(same, attributes, content),
        )
    return found
