"""Where a process writes to, and whether anybody takes it: seen of real processes."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hubtui.server import hubprocess


@contextmanager
def writer(output: int) -> Iterator[int]:
    """A process that could write there."""
    waits = [sys.executable, "-I", "-S", "-c", "input()"]
    process = subprocess.Popen(waits, stdin=subprocess.PIPE, stdout=output)
    try:
        yield process.pid
    finally:
        process.kill()
        process.communicate()


def test_a_pipe_with_and_without_a_reader() -> None:
    ours, theirs = os.pipe()
    with writer(theirs) as pid:
        assert hubprocess.output(pid) == "pipe"
        os.close(ours)
        assert hubprocess.output(pid) == "pipe without reader"
    os.close(theirs)


def test_a_pipe_that_is_full_has_its_reader_still() -> None:
    ours, theirs = os.pipe()
    os.set_blocking(theirs, False)
    with writer(theirs) as pid:
        os.write(theirs, b"x" * 65536)
        assert hubprocess.output(pid) == "pipe"
    os.close(ours)
    os.close(theirs)


def test_a_named_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    ours = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    theirs = os.open(tmp_path / "pipe", os.O_WRONLY)
    with writer(theirs) as pid:
        assert hubprocess.output(pid) == "pipe"
        os.close(ours)
        assert hubprocess.output(pid) == "pipe without reader"
    os.close(theirs)


def test_a_terminal_that_is_closed() -> None:
    ours, theirs = pty.openpty()
    with writer(theirs) as pid:
        assert hubprocess.output(pid) == "terminal"
        os.close(ours)
        assert hubprocess.output(pid) == "terminal gone"
    os.close(theirs)


def test_a_file_and_the_room_that_it_has(tmp_path: Path) -> None:
    log = tmp_path / "hub.log"
    with log.open("wb") as file, writer(file.fileno()) as pid:
        assert hubprocess.output(pid) == f"file {log}"
        room = hubprocess.room(pid)
        assert room is not None
        assert room > hubprocess.NO_ROOM
    with writer(subprocess.DEVNULL) as pid:
        assert hubprocess.output(pid) == "nowhere"
        assert hubprocess.room(pid) is None
