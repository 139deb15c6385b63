"""Archiving and removing homes beside ``tar --zstd`` and ``userdel -r`` by hand, in the same run.

    python -m tests.bench.archives 50      so many homes; bin/bench measures with fewer

Both begin with the same homes, twice as many as are counted; hubtui's share has in it what by hand
nobody does: every archive is read again and compared, hashed twice, and strays are looked for.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from hubtui.plan.steps import Step
from hubtui.retire.strays import SweepStrays
from hubtui.server import Server
from tests.bench.figure import Figure
from tests.course_on_disk import make_course
from tests.gone import HOW, leaver_of, removal, through
from tests.sandboxed import Machine

HOMES = 4
SIZE, FILES = 200_000_000, 400
"""Bytes and files of one home: half of it is noise, as pictures are, half of it text."""
BY_HAND = Path("/root/by-hand")


def archives(machine: Machine, homes: int = HOMES) -> Iterator[Figure]:
    """CPU and wall time as a share of that by hand. hubtui's tar is nice: on a machine that is at
    work the wall time says more of that than of hubtui."""
    machine.restore()
    server = make_course().server
    shutil.rmtree(BY_HAND, ignore_errors=True)
    BY_HAND.mkdir(mode=0o700)
    theirs: list[tuple[float, float]] = []
    ours: list[tuple[float, float]] = []
    for number in range(homes):
        uid = 20001 + 2 * number
        for name, whose, what in (("hand", uid, _by_hand), ("anna", uid + 1, _hubtui)):
            _make(machine, f"{name}{number}", whose)
            spent = _spent(partial(what, server, f"{name}{number}", whose))
            (ours if what is _hubtui else theirs).append(spent)
        for archive in (*BY_HAND.iterdir(), *(server.state / "archives").iterdir()):
            archive.unlink()
    size = f"{homes} homes of {SIZE // 10**6} MB archived and removed"
    for position, what_of, most in ((0, "CPU", 2.0), (1, "time", 3.0)):
        shares = [sum(each[position] for each in both) for both in (ours, theirs)]
        yield Figure(f"{size}, {what_of}: share of by hand", shares[0] / shares[1], most)


def _make(machine: Machine, name: str, uid: int) -> None:
    home = machine.adduser(name, uid, mode=0o700)
    chance = random.Random(uid)
    for number in range(FILES):
        folder = home / f"week{number % 14:02}"
        folder.mkdir(exist_ok=True)
        noise = chance.randbytes(SIZE // FILES // 2)
        text = b"".join(b"cell %d: x = %d\n" % (n, n * number) for n in range(20_000))
        (folder / f"{number}.ipynb").write_bytes(noise + text[: SIZE // FILES // 2])
    subprocess.run(["chown", "-R", f"{uid}:{uid}", str(home)], check=True)


def _by_hand(_server: Server, name: str, _uid: int) -> None:
    archive = ["tar", "--create", "--zstd", "--numeric-owner", "--acls", "--xattrs"]
    where = ["--file", str(BY_HAND / f"{name}.tar.zst"), "--directory", "/home", "--", name]
    subprocess.run([*archive, *where], check=True)
    subprocess.run(["userdel", "-r", "--", name], check=True, stderr=subprocess.DEVNULL)


def _hubtui(server: Server, name: str, uid: int) -> None:
    subject = leaver_of(name, uid, Path("/home", name))
    fence, archive, remove = removal(server, subject)
    steps: list[Step] = [fence, archive, SweepStrays(server, subject, HOW), remove]
    through(steps)
    subprocess.run(["userdel", "--", name], check=True)


def _spent(what: Callable[[], None]) -> tuple[float, float]:
    """Seconds of CPU, of its programs as well, and by the wall."""
    os.sync()
    before, began = os.times(), time.perf_counter()
    what()
    os.sync()
    cpu = sum(after - first for after, first in zip(os.times()[:4], before[:4], strict=True))
    return cpu, time.perf_counter() - began


if __name__ == "__main__":
    for figure in archives(Machine(), int(sys.argv[1]) if len(sys.argv) > 1 else HOMES):
        print(figure)  # noqa: T201
