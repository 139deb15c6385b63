"""What a student can have left outside of her home, and what a classmate makes of that."""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hubtui.retire import kept
from hubtui.retire.records import Leaver
from hubtui.retire.strays import SweepStrays
from hubtui.server import Server
from tests.course_on_disk import make_course
from tests.gone import FENCED, HOW, UID, a_leaver, own, through
from tests.hostile_home import look_at
from tests.sandboxed import Machine

TMP, SHM = Path("/tmp"), Path("/dev/shm")
BERT = 20002
LIBC = ctypes.CDLL(None, use_errno=True)


@pytest.fixture
def server(machine: Machine) -> Iterator[Server]:
    before = {top: set(top.iterdir()) for top in (TMP, SHM)}
    machine.adduser("bert", BERT, mode=0o700)
    yield make_course().server
    for top, names in before.items():
        for left in set(top.iterdir()) - names:
            subprocess.run(["rm", "-rf", "--", str(left)], check=True)


@pytest.fixture
def anna(machine: Machine, server: Server) -> Leaver:
    return a_leaver(machine)


def write(path: Path, text: str = "hers", uid: int = UID) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    own(uid, path)
    return path


def swept(server: Server, anna: Leaver) -> str:
    (told,) = through([SweepStrays(server, anna, HOW)])
    assert not FENCED.parent.exists()
    return told


def rest_of(server: Server, into: Path) -> Path:
    """What the archive of the rest holds, unpacked."""
    record = kept.read(server.state, UID)
    assert record is not None
    (one,) = record.archives
    assert one.what == "rest"
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir()
    subprocess.run(["tar", "-x", "--zstd", "-f", one.path, "-C", str(into)], check=True)
    return into / str(UID)


def test_all_that_lies_outside_of_the_home_is_archived_and_goes(
    server: Server, anna: Leaver
) -> None:
    crontabs, jobs = Path("/var/spool/cron/crontabs"), Path("/var/spool/cron/atjobs")
    for folder in (crontabs, jobs, Path("/var/lib/systemd/linger")):
        folder.mkdir(parents=True, exist_ok=True)
    write(crontabs / "anna", "* * * * * id\n")
    theirs = write(crontabs / "bert", "* * * * * who\n", BERT)
    write(jobs / "a0001", "#!/bin/sh\n")
    kept_job = write(jobs / "a0002", "#!/bin/sh\n", BERT)
    write(Path("/var/mail/anna"), "From bert")
    Path("/var/lib/systemd/linger/anna").touch()
    work = write(TMP / "anna's/deep/work.csv", "1,2")
    own(UID, work.parent, work.parent.parent)
    closed = write(TMP / "closed/secret", "x")
    own(UID, closed.parent)
    closed.chmod(0)
    closed.parent.chmod(0)
    os.truncate(write(Path("/var/tmp/hole"), ""), 1 << 40)
    write(SHM / "sem.anna")
    for name in ("-rf", "two\nlines", os.fsdecode(b"\xff\xfe")):
        write(TMP / name)
    (TMP / "link").symlink_to("/root")
    own(UID, TMP / "link")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("/tmp/agent")
    own(UID, TMP / "agent")
    segment = shared_memory(anna.uid)
    before = look_at(Path("/home/bert"), Path("/root/resources"))

    told = swept(server, anna)

    assert "left" not in told
    for top in (TMP, Path("/var/tmp"), SHM):
        assert not [path for path in top.rglob("*") if path.lstat().st_uid == UID]
    assert not (crontabs / "anna").exists()
    assert not (jobs / "a0001").exists()
    assert not Path("/var/mail/anna").exists()
    assert not Path("/var/lib/systemd/linger/anna").exists()
    assert theirs.exists()
    assert kept_job.exists()
    assert look_at(Path("/home/bert"), Path("/root/resources")) == before
    assert f" {segment} " not in Path("/proc/sysvipc/shm").read_text()

    rest = rest_of(server, server.state / "rest")
    assert (rest / "crontab").read_text() == "* * * * * id\n"
    assert (rest / "mail").read_text() == "From bert"
    assert (rest / "at/cron-atjobs/a0001").exists()
    assert f"shmid={segment}" in (rest / "ipc.txt").read_text()
    with tarfile.open(rest / "tmp.tar") as files:
        names = set(files.getnames())
        assert {"anna's/deep/work.csv", "closed/secret", "-rf", "two\nlines", "link"} <= names
        assert "agent" not in names
    assert (rest / "var-tmp.tar").stat().st_size < 100_000
    assert (rest / "dev-shm.tar").exists()
    record = kept.read(server.state, UID)
    assert "anna" not in repr(record)


def shared_memory(uid: int) -> int:
    """A segment of the student's."""
    child = os.fork()
    if child == 0:
        os.setresuid(uid, uid, uid)
        os._exit(0 if LIBC.shmget(0x48554254, 4096, 0o1600) >= 0 else 1)
    assert os.waitpid(child, 0)[1] == 0
    for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]:
        words = line.split()
        if int(words[7]) == uid:
            return int(words[1])
    raise AssertionError
