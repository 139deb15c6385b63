"""Students who want the hub to stay down, or the watchdog to act for them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from hubtui.watchdog.records import State, Verdict
from tests.sandboxed import Machine
from tests.watched import Watched, watched

pytestmark = pytest.mark.hub

# Listens as uid 20001 at [::] for IPv6 alone, beside whoever has the port for IPv4.
BESIDE = """
import os, socket, sys
os.setgroups([]); os.setgid(20001); os.setuid(20001)
s = socket.socket(socket.AF_INET6)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
s.bind(("::", int(sys.argv[1]))); s.listen()
print("listens", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def course(machine: Machine) -> Iterator[Watched]:
    with watched(machine) as found:
        yield found


@contextmanager
def acting(program: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A student's program, once it said that it is where it wants to be."""
    with subprocess.Popen(
        [sys.executable, "-c", program, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline(), "it could not"
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("which", ["hub", "proxy"])
def test_a_listener_for_ipv6_alone_blinds_nobody(course: Watched, which: str) -> None:
    course.check()
    port = urlsplit(course.hub.api if which == "hub" else course.hub.url).port
    with acting(BESIDE, str(port)):
        now = course.check().now
        assert (now.state, now.verdict) == (State.UP, Verdict.UP), now.text
        course.kill(course.hub_pid)
        course.checks_until(lambda now: now.state is State.UP)
        assert course.is_up()
