"""What a student can have made of a home that is archived and removed by root."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import signal
import socket
import struct
import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import pytest

from hubtui.errors import ChangedSinceShown, CommandFailed, Refused
from hubtui.retire import kept
from hubtui.retire.archive import need_folder
from hubtui.retire.fence import Fence, Unfence
from hubtui.retire.kept import Keeping
from hubtui.retire.records import Archived, Leaver
from hubtui.server import Server, archives, homes
from hubtui.server.run import Result
from hubtui.workers import tree
from tests.course_on_disk import make_course
from tests.gone import FENCED, GOING, HOW, UID, a_leaver, own, removal, through, unpack
from tests.hostile_home import look_at, stuck, while_student
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
    with contextlib.suppress(OSError):  # tmpfs has them since Linux 6.6
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


# --- what is mounted, exchanged, closed ----------------------------------------------------------


def bind(source: Path, target: Path) -> None:
    subprocess.run(["mount", "--bind", str(source), str(target)], check=True)


def unbind(target: Path) -> None:
    subprocess.run(["umount", "--lazy", str(target)], check=True)


@pytest.mark.parametrize("at_work", ["fence", "archive", "remove"])
def test_what_is_mounted_inside_is_refused_by_name_and_stays(
    server: Server, anna: Leaver, at_work: str
) -> None:
    steps = removal(server, anna)
    position = ("fence", "archive", "remove").index(at_work)
    place = HOME / "shared"
    place.mkdir()
    through(steps[:position])
    if position:
        place = FENCED / "shared"
    bind(TREASURE, place)  # of the same disk: --one-file-system would walk into it
    treasure = look_at(TREASURE)
    try:
        with pytest.raises(Refused, match=f"umount -- {place}"):
            through(steps[position:])
    finally:
        unbind(place)
    assert look_at(TREASURE) == treasure
    through(steps)
    assert not HOME.exists()
    assert look_at(TREASURE) == treasure


def test_a_mount_that_nobody_saw_coming_is_not_walked_into(server: Server, anna: Leaver) -> None:
    write(HOME / "folder/file")
    (HOME / "zzz").mkdir()
    through([Fence(server, anna, HOW)])
    bind(TREASURE, FENCED / "zzz")
    fence = os.open(FENCED.parent, os.O_RDONLY)
    try:
        with pytest.raises(OSError, match="cross-device"):
            list(tree.remove(fence, str(UID)))
    finally:
        unbind(FENCED / "zzz")
        os.close(fence)
    assert (TREASURE / "canary").read_text() == "sings"


def test_a_filesystem_of_the_students_own_that_never_answers_is_refused_at_once(
    server: Server, anna: Leaver
) -> None:
    with stuck(HOME / "fuse", "anna"), pytest.raises(Refused, match="umount -- /home/anna/fuse"):
        through(removal(server, anna))
    assert HOME.exists()


def test_a_filesystem_of_a_students_own_as_home_hides_nobody_elses(
    server: Server, anna: Leaver
) -> None:
    """While no owner of a home was known, the next student could have got the uid of one."""
    with stuck(Path("/home/fused"), "anna"):
        assert homes.owners(Path("/home"))["anna"] == UID


def test_a_home_exchanged_since_it_was_shown_is_not_moved(server: Server, anna: Leaver) -> None:
    HOME.rename("/home/elsewhere")
    HOME.symlink_to(TREASURE)
    with pytest.raises(ChangedSinceShown, match="not the folder that was shown"):
        through(removal(server, anna))
    HOME.unlink()
    HOME.mkdir(mode=0o700)
    with pytest.raises(ChangedSinceShown, match="not the folder that was shown"):
        through(removal(server, anna))
    HOME.rmdir()
    with pytest.raises(ChangedSinceShown, match="not the folder that was shown"):
        through(removal(server, anna))
    assert (TREASURE / "canary").read_text() == "sings"
    assert kept.read(server.state, UID) is None


def test_a_classmate_with_a_folder_open_cannot_lead_the_removal_astray(
    server: Server, anna: Leaver, machine: Machine
) -> None:
    machine.adduser("bert", 20002)
    theirs = Path("/home/bert/work")
    theirs.mkdir()
    (theirs / "canary").write_text("sings")
    HOME.chmod(0o755)
    shared = HOME / "shared"
    (shared / "inner").mkdir(parents=True)
    shared.chmod(0o777)
    for number in range(300):
        write(shared / f"{number}/x/y")
    with while_student("bert", EXCHANGING, str(shared), str(theirs)):
        through([Fence(server, anna, HOW)])
        fence = os.open(FENCED.parent, os.O_RDONLY)
        for _ in range(20):
            with contextlib.suppress(OSError):
                list(tree.remove(fence, str(UID)))
        os.close(fence)
    assert (theirs / "canary").read_text() == "sings"
    assert theirs.is_dir()


def test_a_classmate_with_a_folder_open_gets_nothing_of_roots_into_an_archive(
    server: Server, anna: Leaver, machine: Machine
) -> None:
    machine.adduser("bert", 20002)
    shared = HOME / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    for number in range(300):
        write(HOME / f"{number}/x")
    HOME.chmod(0o755)
    archived = server.state / "archives"
    with while_student("bert", EXCHANGING, str(shared), str(TREASURE)):
        through([Fence(server, anna, HOW)])
        archived.mkdir(parents=True)
        for number in range(10):
            part = archived / f"{number}.tar.zst"
            server.run(archives.argv(FENCED, part))
            assert b"sings" not in unzipped(part).read()


EXCHANGING = """
    import os, sys
    os.chdir(sys.argv[1])
    os.mkdir("mine")
    os.symlink(sys.argv[2], "link")
    print("ready", flush=True)
    while True:
        for one, two in (("mine", "away"), ("link", "mine"), ("mine", "link"), ("away", "mine")):
            try:
                os.rename(one, two)
            except OSError:
                pass
        try:
            os.mkdir("mine")
        except OSError:
            pass
"""


def test_what_cannot_be_changed_is_named_with_the_command_and_goes_at_the_next_try(
    server: Server, anna: Leaver
) -> None:
    locked = write(HOME / "folder/locked")
    if subprocess.run(["chattr", "+i", str(locked)], check=False).returncode:
        pytest.skip("this filesystem knows no immutable files")
    with pytest.raises(CommandFailed) as caught:
        through(removal(server, anna))
    command = str(caught.value).rpartition("with: ")[2]
    assert command == f"chattr -R -i -a -- {GOING}"
    assert "folder/locked cannot be removed" in str(caught.value)
    with pytest.raises(Refused, match="being removed"):
        through([Unfence(server, anna)])
    subprocess.run(command.split(), check=True)
    through(removal(server, anna))
    assert not GOING.exists()


def test_a_home_that_cannot_be_moved_says_so(server: Server, anna: Leaver) -> None:
    if subprocess.run(["chattr", "+i", str(HOME)], check=False).returncode:
        pytest.skip("this filesystem knows no immutable files")
    with pytest.raises(CommandFailed, match="chattr -i -a -- /home/anna"):
        through(removal(server, anna))


def test_a_tree_deeper_than_any_path_goes_as_well(server: Server, anna: Leaver) -> None:
    dig(HOME, 2200, "d")
    through(removal(server, anna))
    assert not FENCED.parent.exists()
    with tarfile.open(mode="r|", fileobj=unzipped(Path(archive_of(server).path))) as archive:
        assert max(member.name.count("/") for member in archive) == 2201


def test_a_tree_beyond_all_measure_is_left_and_named(server: Server, anna: Leaver) -> None:
    dig(HOME, 100, "d" * 250)
    with pytest.raises(CommandFailed, match="a path of more than"):
        through(removal(server, anna))
    assert FENCED.is_dir()
    assert not list((server.state / "archives").iterdir())
    through([Unfence(server, anna)])
    assert HOME.is_dir()


def dig(top: Path, levels: int, name: str) -> None:
    """Folders in folders, and a file at the end."""
    here = os.open(top, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir(name, dir_fd=here)
        below = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)


def unzipped(file: Path) -> IO[bytes]:
    process = subprocess.Popen(["zstd", "-dcq", "--", str(file)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    return process.stdout


# --- nothing goes that is not in a whole archive -------------------------------------------------


def test_an_archive_cut_short_is_made_anew(server: Server, anna: Leaver) -> None:
    write(HOME / "work")
    fence, archive, remove = removal(server, anna)
    through([fence, archive])
    first = Path(archive_of(server).path)
    os.truncate(first, first.stat().st_size - 1)
    with pytest.raises(Refused, match="No archive of this removal"):
        list(remove.do())
    assert (FENCED / "work").exists()
    through([fence, archive, remove])
    record = kept.read(server.state, UID)
    assert record is not None
    assert [one.path for one in record.archives if kept.is_whole(one)] != [str(first)]


def test_an_archive_with_one_byte_exchanged_keeps_the_home(server: Server, anna: Leaver) -> None:
    write(HOME / "work")
    fence, archive, remove = removal(server, anna)
    through([fence, archive])
    file = Path(archive_of(server).path)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(Refused, match="is not what was archived"):
        through([fence, archive, remove])
    assert (FENCED / "work").exists()
    file.unlink()
    through([fence, archive, remove])
    assert not FENCED.parent.exists()


def test_what_came_after_the_archive_is_archived_before_it_goes(
    server: Server, anna: Leaver
) -> None:
    write(HOME / "work")
    fence, archive, remove = removal(server, anna)
    through([fence, archive])
    write(FENCED / "late")
    with pytest.raises(ChangedSinceShown, match="changed since it was archived"):
        list(remove.do())
    through([fence, archive, remove])
    record = kept.read(server.state, UID)
    assert record is not None
    assert (unpack(Path(record.archives[-1].path), server.state / "back") / "late").exists()


@pytest.mark.parametrize("times", [1, 2])
def test_what_changes_while_it_is_read_is_read_once_more(
    server: Server, anna: Leaver, times: int
) -> None:
    write(HOME / "work")
    left = [None] * times

    def writing(argv: Sequence[str], **more: Any) -> Result:
        result = server.run(argv, **more)
        if "tar" in argv and left:
            left.pop()
            write(FENCED / f"late{len(left)}")
        return result

    steps = removal(dataclasses.replace(server, run=writing), anna)
    if times == 2:
        with pytest.raises(CommandFailed, match="is not in the archive as it is there"):
            through(steps)
        assert (FENCED / "work").exists()
        assert not list((server.state / "archives").iterdir())
    else:
        through(steps)
        assert (unpack(Path(archive_of(server).path), server.state / "back") / "late0").exists()


def test_a_tar_that_skips_a_file_is_found_out(server: Server, anna: Leaver) -> None:
    write(HOME / "work")
    write(HOME / "thesis")

    def careless(argv: Sequence[str], **more: Any) -> Result:
        words = ["--exclude=thesis" if word == "--acls" else word for word in argv]
        return server.run(words, **more)

    with pytest.raises(CommandFailed, match="something is missing"):
        through(removal(dataclasses.replace(server, run=careless), anna))
    assert (FENCED / "thesis").exists()


# --- where archives go ---------------------------------------------------------------------------


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """Another disk of 8 MB."""
    disk = Path("/root/disk")
    disk.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=0700", "x", str(disk)], check=True)
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def on(folder: Path) -> Keeping:
    return dataclasses.replace(HOW, folder=folder)


def test_a_disk_that_is_too_small_is_seen_before(
    server: Server, anna: Leaver, small_disk: Path
) -> None:
    with pytest.raises(Refused, match="free, and the archive may need"):
        through(removal(server, anna, on(small_disk)))
    assert not list(small_disk.iterdir())


def test_a_disk_that_is_full_meanwhile_keeps_the_home_and_nothing_half(
    server: Server, anna: Leaver, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (HOME / "noise").write_bytes(os.urandom(12 << 20))
    monkeypatch.setattr(archives, "need_room", lambda *_: None)
    with pytest.raises(CommandFailed, match=f"{small_disk} is full"):
        through(removal(server, anna, on(small_disk)))
    assert (FENCED / "noise").stat().st_size == 12 << 20
    assert not list(small_disk.iterdir())
    (FENCED / "noise").write_bytes(b"little")
    through(removal(server, anna, on(small_disk)))
    assert Path(archive_of(server).path).parent == small_disk


@pytest.mark.parametrize(
    ("mode", "owner", "why"),
    [(0o755, 0, "chmod 700"), (0o700, UID, "belongs to anna"), (0o777, 0, "written by others")],
)
def test_archives_go_only_where_root_alone_can_look(
    server: Server, anna: Leaver, mode: int, owner: int, why: str
) -> None:
    folder = Path("/srv/archives")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    folder.chmod(mode)
    os.chown(folder, owner, owner)
    with pytest.raises(Refused, match=why):
        through(removal(server, anna, on(folder)))
    assert FENCED.is_dir()


def test_nobodys_home_and_no_tmp_is_to_be_made_roots_own_for_archives(
    server: Server, anna: Leaver
) -> None:
    for folder in (HOME, Path("/tmp")):
        with pytest.raises(Refused, match="archives go into a folder of root's own") as refused:
            need_folder(server, on(folder))
        assert "chown" not in str(refused.value)
    with pytest.raises(Refused, match="make it, with: mkdir -p -m 700 -- /srv/none/such"):
        need_folder(server, on(Path("/srv/none/such")))


# --- killed anywhere, and the account gone -------------------------------------------------------

KILLED = {
    "before tar": "hubtui.server.archives.look",
    "before it is verified": "hubtui.server.archives.compare",
    "before the note": "hubtui.retire.kept.note_archive",
    "before it has its name": "hubtui.server.archives.finish",
    "before it is doomed": "hubtui.retire.home.sync_folder",
    "while it goes": "hubtui.workers.tree.os.unlink",
    "at the end": "hubtui.retire.home.drop_fence",
}


@pytest.mark.parametrize("where", KILLED)
def test_killed_at_any_point_the_next_run_goes_on_though_the_account_is_gone(
    server: Server, anna: Leaver, where: str
) -> None:
    for number in range(20):
        write(HOME / f"folder{number}/work")
    before = everything_of(HOME)
    child = os.fork()
    if child == 0:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(KILLED[where], lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
            through(removal(server, anna))
        os._exit(0)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
    subprocess.run(["userdel", "--force", "--", "anna"], check=True)

    through(removal(server, anna))

    assert not HOME.exists()
    assert not FENCED.parent.exists()
    record = kept.read(server.state, UID)
    assert record is not None
    whole = [one for one in record.archives if kept.is_whole(one)]
    assert [one.path for one in whole] == [str(p) for p in (server.state / "archives").iterdir()]
    assert everything_of(unpack(Path(whole[0].path), server.state / "back")) == before
    assert "anna" not in repr(record)


def test_what_is_fenced_comes_back_as_it_was(server: Server, anna: Leaver) -> None:
    a_bit_of_everything()
    before = everything_of(HOME)
    fence, archive, _ = removal(server, anna)
    through([fence, archive, Unfence(server, anna)])
    assert everything_of(HOME) == before
    assert not FENCED.parent.exists()
    through([Unfence(server, anna)])


def test_what_is_half_removed_stays_where_only_an_older_archive_is_left(
    server: Server, anna: Leaver
) -> None:
    write(HOME / "work")
    through(removal(server, anna)[:2])
    through([Unfence(server, anna)])  # she came back, and worked on
    write(HOME / "thesis")
    again = dataclasses.replace(HOW, run="20261126-120000-abcdef")
    through(removal(server, anna, again)[:2])
    FENCED.rename(GOING)  # a kill on the way
    newer = kept.archive_of(server, UID, again, "home")
    assert newer is not None
    Path(newer.path).unlink()  # or its disk is away
    with pytest.raises(Refused, match="The archive of anna is gone"):
        through(removal(server, anna, again))
    assert (GOING / "thesis").exists()


def test_a_home_made_anew_meanwhile_is_not_overwritten(server: Server, anna: Leaver) -> None:
    through([Fence(server, anna, HOW)])
    HOME.mkdir()
    with pytest.raises(Refused, match="is there again"):
        through([Unfence(server, anna)])
    assert FENCED.is_dir()


def test_who_goes_on_writing_is_named(server: Server, anna: Leaver, machine: Machine) -> None:
    machine.adduser("bert", 20002)
    HOME.chmod(0o777)
    with while_student("bert", WRITING, str(HOME)) as process:
        with pytest.raises(CommandFailed, match=f"with: kill {process.pid}"):
            through(removal(server, anna))
        assert FENCED.is_dir()
    through(removal(server, anna))
    assert not FENCED.parent.exists()


def test_as_long_as_somebody_stands_in_it_nothing_goes(
    server: Server, anna: Leaver, machine: Machine
) -> None:
    work = write(HOME / "work")
    own(UID, HOME)
    HOME.chmod(0o755)
    machine.adduser("bert", 20002)
    with while_student("bert", STANDING, str(HOME)) as process:
        with pytest.raises(Refused, match=f"with: kill {process.pid}"):
            through(removal(server, anna))
        assert (FENCED / work.name).exists()
    through(removal(server, anna))
    assert not FENCED.parent.exists()


STANDING = """
    import os, sys, time
    os.chdir(sys.argv[1])
    print("ready", flush=True)
    time.sleep(60)
"""
WRITING = """
    import os, sys
    os.chdir(sys.argv[1])
    print("ready", flush=True)
    while True:
        with open("growing", "a") as file:
            file.write("x" * 1000)
"""
