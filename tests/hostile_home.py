"""What attackers and killers of a release need: student processes, canaries, another rsync."""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import stat
import struct
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Collection, Iterator
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from hubtui.release import store
from hubtui.release.desk import Answer, Desk, Job, SheetJob, Verb, job_for
from hubtui.release.store import Fate
from hubtui.server import accounts
from hubtui.workers.drop import libc
from tests.release_on_disk import Teaching

RSYNC = Path("/usr/bin/rsync")
REAL_RSYNC = Path("/srv/rsync")
GROUP = 20000


def as_student(name: str, code: str, *arguments: str) -> subprocess.Popen[bytes]:
    """A Python program of the student's."""
    account = pwd.getpwnam(name)
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", textwrap.dedent(code), *arguments],
        user=account.pw_uid,
        group=account.pw_gid,
        extra_groups=[account.pw_gid, GROUP],
        cwd="/",
        env={"HOME": account.pw_dir, "PATH": "/usr/bin:/bin"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )


@contextlib.contextmanager
def while_student(name: str, code: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """The student's program runs meanwhile; it has begun when it has said a line."""
    process = as_student(name, code, *arguments)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def own(name: str, *paths: Path) -> None:
    """Give these to the student, links themselves included."""
    account = pwd.getpwnam(name)
    for path in paths:
        os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)


Look = tuple[str, int, int, int, str]


def look_at(*tops: Path, but: Collection[Path] = ()) -> dict[str, Look]:
    """Kind, mode, owner, group and content of everything below; what a canary sings of."""
    found = {}
    for top in tops:
        for path in (top, *sorted(top.rglob("*"))):
            if any(path == each or each in path.parents for each in but):
                continue
            entry = path.lstat()
            content = ""
            if stat.S_ISREG(entry.st_mode) and entry.st_size < 1 << 30:
                content = sha256(path.read_bytes()).hexdigest()
            elif stat.S_ISLNK(entry.st_mode):
                content = str(path.readlink())
            kind = oct(stat.S_IFMT(entry.st_mode))
            found[str(path)] = (
                kind,
                stat.S_IMODE(entry.st_mode),
                entry.st_uid,
                entry.st_gid,
                content,
            )
    return found


# --- the desk alone -----------------------------------------------------------------------------


def job(
    course: Teaching,
    name: str,
    sheet: str,
    *,
    verb: Verb = "deliver",
    version: int = 0,
    has: int = 0,
    lacking: tuple[str, ...] = (),
    again: bool = False,
    beside: bool = False,
) -> Job:
    """One student, one sheet; the newest version where none is named."""
    record = store.record(course.server, sheet)
    assert record is not None
    numbers = tuple(v.number for v in record.versions)
    wanted = SheetJob(
        sheet=sheet,
        version=version or numbers[-1],
        versions=numbers,
        has=has,
        lacking=lacking,
        again=again,
    )
    account = accounts.read_accounts().by_name[name]
    return msgspec.structs.replace(job_for(account, verb, [wanted]), beside=beside)


def desk(course: Teaching, limit: float = 20) -> Desk:
    """One that gives up on a student early."""
    return Desk(course.server, str(store.root(course.server)), limit=limit)


def deliver(course: Teaching, sheet: str, *names: str, limit: float = 20) -> dict[str, Answer]:
    """To all of them, by a desk of its own."""
    with desk(course, limit) as at:
        return at.all({name: job(course, name, sheet) for name in names})


def hold(course: Teaching, sheet: str) -> int:
    """The sheet as it is now, in the store; known as delivered from now on."""
    from hubtui.release.snapshot import snapshot

    number = snapshot(course.server, sheet).number
    store.set_fate(course.server, sheet, number, Fate.RELEASED)
    return number


# --- another rsync ------------------------------------------------------------------------------


@contextlib.contextmanager
def another_rsync(code: str) -> Iterator[None]:
    """A program in rsync's place: what a student can make of the real one with a debugger.

    In it ``real()`` runs the real one, ``source`` and ``staging`` are the descriptors.
    """
    REAL_RSYNC.write_bytes(RSYNC.read_bytes())
    REAL_RSYNC.chmod(0o755)
    REAL_RSYNC.parent.chmod(0o755)
    program = REAL_RSYNC.with_name("another-rsync")
    head = f"""\
        #!{sys.executable} -IS
        import os, signal, subprocess, sys, time
        source, staging = (int(word.split("/")[-2]) for word in sys.argv[-2:])
        def real():
            argv = ["{REAL_RSYNC}", *sys.argv[1:]]
            return subprocess.run(argv, pass_fds=(source, staging)).returncode
        """
    program.write_text(textwrap.dedent(head) + textwrap.dedent(code))
    program.chmod(0o755)
    subprocess.run(["mount", "--bind", str(program), str(RSYNC)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(RSYNC)], check=True)


# --- waiting ------------------------------------------------------------------------------------


def until(found: Callable[[], object], seconds: float = 15) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end, "nothing came"
        time.sleep(0.005)


def processes_of(uid: int, word: str = "") -> list[int]:
    """Living processes of an account whose command line has the word."""
    found = []
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if folder.name.isdecimal() and f"\nUid:\t{uid}\t" in (folder / "status").read_text():
                line = (folder / "cmdline").read_bytes()
                if line and word.encode() in line:
                    found.append(int(folder.name))
    return found


def kill(pid: int) -> None:
    """One that this test started, itself or through hubtui."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def staging_of(home: Path) -> list[Path]:
    """Folders of our own in a home."""
    return list(home.rglob(".hubtui-*"))


# --- a filesystem of somebody's own --------------------------------------------------------------

_DETACH = 2


@contextlib.contextmanager
def stuck(folder: Path, owner: str, *options: str) -> Iterator[int]:
    """The folder takes one request, and never answers the next; yields the kernel's side."""
    if not Path("/dev/fuse").exists():
        pytest.skip("this kernel has no FUSE")
    account = pwd.getpwnam(owner)
    folder.mkdir()
    os.chown(folder, account.pw_uid, account.pw_gid)
    kernel = os.open("/dev/fuse", os.O_RDWR)
    ids = f"user_id={account.pw_uid},group_id={account.pw_gid}"
    data = ",".join((f"fd={kernel},rootmode=40000,{ids}", *options)).encode()
    if libc.mount(b"fuse", os.fsencode(folder), b"fuse", 0, data) != 0:
        os.close(kernel)
        pytest.skip("FUSE cannot be mounted here")
    try:
        yield kernel
    finally:
        libc.umount2(os.fsencode(folder), _DETACH)
        os.close(kernel)  # whoever waits is let go


def takes_a_request(kernel: int) -> None:
    """Say hello, as FUSE wants it, and leave the first real request without an answer."""
    _, _, unique = struct.unpack_from("<IIQ", os.read(kernel, 1 << 17))
    hello = struct.pack("<IIIIHHIIHH8I", 7, 31, 0, 0, 0, 0, 4096, 0, 0, 0, *[0] * 8)[:64]
    os.write(kernel, struct.pack("<IiQ", 16 + len(hello), 0, unique) + hello)
    os.read(kernel, 1 << 17)
