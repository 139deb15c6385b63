"""Programs of a student's who is switched off, that try not to end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hubtui.retire.records import Leaver
from hubtui.retire.steps import EndAll
from hubtui.server import Server
from tests.course_on_disk import make_course
from tests.gone import a_leaver, through
from tests.hostile_home import while_student
from tests.sandboxed import Machine

BEATS = Path("/dev/shm/beats")


@pytest.fixture
def server(machine: Machine) -> Iterator[Server]:
    yield make_course().server
    BEATS.unlink(missing_ok=True)


def test_what_is_born_anew_all_the_time_ends_as_well(server: Server, machine: Machine) -> None:
    """Its pid is gone before it can be signalled, and often before it is seen."""
    anna: Leaver = a_leaver(machine)
    with while_student("anna", ROLLING, str(BEATS)) as first:
        first.wait()
        through([EndAll(server, anna)])
        before = BEATS.stat().st_size
        time.sleep(1)
        assert BEATS.stat().st_size == before


ROLLING = """
    import os, signal, sys, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    beats = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    print("ready", flush=True)
    for _ in range(4):
        if os.fork() == 0:
            break
    end = time.time() + 40
    while time.time() < end:
        os.write(beats, b".")
        if os.fork():
            os._exit(0)
"""
