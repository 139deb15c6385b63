"""What a student can have left outside of her home, and what a classmate makes of that."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from hubtui.errors import ChangedSinceShown, HubtuiError
from hubtui.retire import kept
from hubtui.retire.records import Leaver
from hubtui.retire.strays import SweepStrays
from hubtui.server import Server, spools, sweeping
from hubtui.server.sweeping import Found, Whose
from tests.course_on_disk import make_course
from tests.gone import FENCED, HOW, UID, a_leaver, own, through
from tests.hostile_home import look_at, while_student
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
    session = Path("/run/user", str(UID))
    write(session / "bus")
    own(UID, session)
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
    assert not session.exists()
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


def test_a_message_queue_goes_and_is_noted(
    server: Server, anna: Leaver, monkeypatch: pytest.MonkeyPatch
) -> None:
    queues = Path("/srv/mqueue")
    queues.mkdir(exist_ok=True)
    if subprocess.run(["mount", "-t", "mqueue", "none", str(queues)], check=False).returncode:
        pytest.skip("this kernel has no message queues")
    monkeypatch.setattr(spools, "QUEUES", queues)
    try:
        for name, uid in (("hers", UID), ("his", BERT)):
            (queues / name).touch()
            own(uid, queues / name)
        assert swept(server, anna) == "1 stray removed"
        assert [queue.name for queue in queues.iterdir()] == ["his"]
        (queues / "his").unlink()
    finally:
        subprocess.run(["umount", str(queues)], check=True)
    rest = rest_of(server, server.state / "rest")
    assert (rest / "ipc.txt").read_text() == "mqueue: hers\n"


def test_nothing_outside_is_no_archive(server: Server, anna: Leaver) -> None:
    assert swept(server, anna) == "no strays"
    assert not (server.state / "archives").exists()


def test_others_files_stay_and_what_cannot_go_is_told(server: Server, anna: Leaver) -> None:
    hers = TMP / "hers"
    write(hers / "bert's", uid=BERT)
    write(hers / "own")
    own(UID, hers)
    theirs = TMP / "theirs"
    write(theirs / "anna's")
    own(BERT, theirs)
    closed = TMP / "closed"
    write(closed / "anna's")
    own(BERT, closed)
    closed.chmod(0o700)
    told = swept(server, anna)
    assert (hers / "bert's").read_text() == "hers"
    assert not (hers / "own").exists()
    assert (theirs / "anna's").exists()
    assert (closed / "anna's").exists()
    assert "2 left" in told
    assert f"find {TMP} /var/tmp" in told
    with tarfile.open(rest_of(server, server.state / "rest") / "tmp.tar") as files:
        assert set(files.getnames()) == {"hers", "hers/own", "theirs/anna's"}


def test_a_job_that_became_a_link_is_not_followed(server: Server, anna: Leaver) -> None:
    jobs = Path("/var/spool/cron/atjobs")
    jobs.mkdir(parents=True, exist_ok=True)
    (jobs / "a0003").symlink_to("/etc/shadow")
    own(UID, jobs / "a0003")
    swept(server, anna)
    assert Path("/etc/shadow").exists()
    assert not (server.state / "archives").exists()
    (jobs / "a0003").unlink()


def test_folders_that_are_moved_meanwhile_lead_nobody_astray(server: Server, anna: Leaver) -> None:
    target = Path("/home/bert/work")
    write(target / "canary", uid=BERT)
    shared = TMP / "shared"
    for number in range(200):
        write(shared / f"{number}/x")
        own(UID, shared / f"{number}")
    own(BERT, shared)
    shared.chmod(0o777)
    with while_student("bert", MOVING, str(shared), str(target)), contextlib.suppress(HubtuiError):
        through([SweepStrays(server, anna, HOW)])
    assert (target / "canary").exists()
    swept(server, anna)
    assert not [path for path in shared.rglob("*") if path.lstat().st_uid == UID]


MOVING = """
    import os, sys
    os.chdir(sys.argv[1])
    os.symlink(sys.argv[2], "link")
    print("ready", flush=True)
    while True:
        for number in range(200):
            for one, two in ((f"{number}", "away"), ("link", f"{number}"), (f"{number}", "link"),
                             ("away", f"{number}")):
                try:
                    os.rename(one, two)
                except OSError:
                    pass
"""


@pytest.mark.parametrize("where", ["archive", "remove"])
def test_killed_meanwhile_the_next_run_goes_on_though_the_account_is_gone(
    server: Server, anna: Leaver, where: str
) -> None:
    write(TMP / "hers")
    child = os.fork()
    if child == 0:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sweeping, where, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
            through([SweepStrays(server, anna, HOW)])
        os._exit(0)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
    subprocess.run(["userdel", "--force", "--", "anna"], check=True)
    assert swept(server, anna) == "1 stray removed"
    record = kept.read(server.state, UID)
    assert record is not None
    assert {Path(one.path) for one in record.archives} == set((server.state / "archives").iterdir())
    assert SweepStrays(server, anna, HOW).done()


def test_a_uid_that_is_somebody_elses_by_now_is_left_alone(server: Server, anna: Leaver) -> None:
    write(TMP / "hers")
    subprocess.run(["usermod", "--login", "carla", "anna"], check=True)
    with pytest.raises(ChangedSinceShown, match="somebody else's"):
        swept(server, anna)
    assert (TMP / "hers").exists()


def test_what_changes_after_it_was_archived_stays(
    server: Server, anna: Leaver, monkeypatch: pytest.MonkeyPatch
) -> None:
    hers = write(TMP / "hers")
    remove = sweeping.remove

    def late(whose: Whose, top: Path, found: Found) -> tuple[int, list[str]]:
        os.truncate(hers, 2)
        return remove(whose, top, found)

    monkeypatch.setattr(sweeping, "remove", late)
    assert "1 left" in swept(server, anna)
    assert hers.read_text() == "he"


def test_what_changes_while_it_is_archived_stays(
    server: Server, anna: Leaver, monkeypatch: pytest.MonkeyPatch
) -> None:
    hers = write(TMP / "hers")
    ask = sweeping._ask

    def late(whose: Whose, tops: Sequence[Path], verb: str, *more: Any) -> Any:
        if verb == "compare":
            os.truncate(hers, 2)
        return ask(whose, tops, verb, *more)

    monkeypatch.setattr(sweeping, "_ask", late)
    with pytest.raises(HubtuiError, match="mode, owner or time"):
        swept(server, anna)
    assert hers.read_text() == "he"


def test_a_folder_of_a_classmate_that_can_be_listed_and_not_entered_holds_up_nobody(
    server: Server, anna: Leaver
) -> None:
    trap, hers = TMP / "a-trap", write(TMP / "hers" / "hers")
    own(UID, hers.parent)
    for folder in (trap, trap / "below"):
        folder.mkdir()
        own(BERT, folder)
    trap.chmod(0o744)
    swept(server, anna)
    assert not hers.exists()
    assert trap.exists()
