"""A filesystem of somebody's own that never answers (FUSE): whoever waits in it cannot be killed.

A student, or a tutor, can have one in a folder of theirs. hubtui waits for none.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hubtui.workers.drop import libc
from tests.hostile_home import until
from tests.release_on_disk import SOURCE, Teaching, teach
from tests.sandboxed import Machine

_DETACH = 2
HEAD = "import sys; from hubtui.release import source; source.LOOKING = 2.0\n"
LISTING = HEAD + "from hubtui.cli.main import main; sys.exit(main(['release', 'list']))"
INSIDE = """
from hubtui.server import accounts, as_student
try:
    print(as_student.look(accounts.read_accounts().by_name["anna"], timeout=2.0))
except Exception as e:
    print(type(e).__name__, e)
"""


@pytest.fixture
def course(machine: Machine) -> Teaching:
    made = teach(machine, "anna")
    made.sheet("week01", {"sheet.ipynb": "one"})
    return made


@contextlib.contextmanager
def stuck(folder: Path, owner: str) -> Iterator[int]:
    """The folder takes one request, and never answers the next; yields the kernel's side."""
    if not Path("/dev/fuse").exists():
        pytest.skip("this kernel has no FUSE")
    account = pwd.getpwnam(owner)
    folder.mkdir()
    os.chown(folder, account.pw_uid, account.pw_gid)
    kernel = os.open("/dev/fuse", os.O_RDWR)
    ids = f"user_id={account.pw_uid},group_id={account.pw_gid}"
    options = f"fd={kernel},rootmode=40000,{ids}".encode()
    if libc.mount(b"fuse", os.fsencode(folder), b"fuse", 0, options) != 0:
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


@pytest.mark.parametrize(
    ("folder", "owner", "code", "said"),
    [
        (SOURCE / "week01/zz", "tutor", LISTING, "took longer than 2 s"),
        (Path("/home/anna/zz"), "anna", INSIDE, "CommandFailed Looking into /home/anna as anna"),
    ],
    ids=["a tutor's", "a student's"],
)
def test_nobody_waits_for_a_folder_that_never_answers(
    course: Teaching, folder: Path, owner: str, code: str, said: str
) -> None:
    with stuck(folder, owner) as kernel:
        program = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        takes_a_request(kernel)
        began = time.monotonic()
        out, _ = program.communicate(timeout=30)
        assert time.monotonic() - began < 15
        assert said in out.decode()
        uid = pwd.getpwnam(owner).pw_uid
        left = [p for p in Path("/proc").glob("[0-9]*/status") if is_waiting(p, uid)]
        assert left, "nobody waited in it: no test"
    until(lambda: not any(p.exists() and is_waiting(p, uid) for p in left))


def is_waiting(status: Path, uid: int) -> bool:
    """Whether it is a process of that person which no signal reaches."""
    with contextlib.suppress(OSError):
        text = status.read_text()
        return f"Uid:\t{uid}\t" in text and "State:\tD" in text
    return False
