"""Forty students who log in at once: the machine is late with everything, and nothing is restarted.

Real: the hub, its proxy, forty accounts with homes, forty passwords checked by bcrypt with the
twelve rounds that sign-ups have, forty log-ins over the form, each followed by a server that the
hub starts as the student; checks at the watchdog's own times and with its own limits for an answer,
each as soon as the one before is over. Stricter than in a course: there is no time of grace for the
hub's start, and an answer has to come within two seconds instead of ten.

Not real: only three of the servers are JupyterHub's own, 110 MB each. The others are a small web
server in its place, which starts the same way and costs the hub the same; forty true ones would
take a machine of two cores some minutes. The load of the notebooks themselves is not simulated.
"""

from __future__ import annotations

import contextlib
import sqlite3
import stat
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import bcrypt
import pytest
from msgspec.structs import replace

from hubtui.demo.form import log_in
from hubtui.demo.hub import EmbeddedHub
from hubtui.errors import HubError
from hubtui.watchdog.patience import Patience
from hubtui.watchdog.records import Now, State, Verdict
from tests.pressure import NoPressure, memory_pressure
from tests.sandboxed import Machine
from tests.watched import PASSWORD, Watched, watched

pytestmark = [pytest.mark.hub, pytest.mark.timeout(400)]

NAMES = [f"student-{number:02}" for number in range(40)]
FIRST_UID = 20101
TRUE = 3
"""Students with a true notebook server."""
REAL = replace(Patience(), grace=0)
CALM = (State.UP, State.DEGRADED, State.SUSPECT)
"""Nothing is done yet, or at all."""
LIGHT = """\
#!{python} -IS
import http.server, os, sys, urllib.parse
if os.environ["JUPYTERHUB_USER"] in {true!r}:
    os.execv({server!r}, [{server!r}, *sys.argv[1:]])
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *_):
        pass
place = urllib.parse.urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
http.server.ThreadingHTTPServer((place.hostname, place.port), Answer).serve_forever()
"""


@pytest.fixture
def course(machine: Machine) -> Iterator[Watched]:
    with watched(machine, make=hub) as found:
        for uid, name in enumerate(NAMES, FIRST_UID):
            machine.adduser(name, uid)
        sign_up_all(found.hub)
        yield found


def hub(folder: Path) -> EmbeddedHub:
    """One whose students get a light server, but for some."""
    made = EmbeddedHub(folder)
    server = Path(sys.prefix, "bin/jupyterhub-singleuser")
    light = Path("/srv/light-server")
    light.write_text(LIGHT.format(python=sys.executable, true=NAMES[:TRUE], server=str(server)))
    light.chmod(light.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    light.parent.chmod(0o755)
    with made.config.open("a") as config:
        config.write(f"c.Spawner.cmd = [{str(light)!r}]\n")
    return made


def sign_up_all(hub: EmbeddedHub) -> None:
    """As the form does it, but with one password for all that was hashed once."""
    secret = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(12))
    with contextlib.closing(sqlite3.connect(hub.database_file, timeout=30)) as database, database:
        database.executemany(
            "insert into users_info (username, password, is_authorized, login_email_sent, has_2fa)"
            " values (?, ?, 1, 0, 0)",
            [(name, secret) for name in NAMES],
        )


def test_forty_log_ins_at_once_are_no_reason_for_a_restart(course: Watched) -> None:
    come_and_look(course)


def test_neither_are_they_while_memory_is_short(course: Watched, tmp_path: Path) -> None:
    """The pressure is real and the kernel's own measure of it, but none of it is the hub's.

    What is *available* is not simulated: that would need a machine that is really full, on which
    the kernel ends processes as it likes.
    """
    try:
        with memory_pressure(tmp_path, 2 * REAL.stalled_memory):
            seen = come_and_look(course)
    except NoPressure as e:
        pytest.skip(f"Memory pressure cannot be made here: {e}.")
    slow = [now.text for now in seen if now.verdict is Verdict.SLOW]
    assert not slow or any("memory is short" in text for text in slow)


def come_and_look(course: Watched) -> list[Now]:
    """All come at once, and are looked at as long as they come; returns what was seen."""
    assert course.check(REAL).now.state is State.UP
    hub, proxy = course.hub_pid, course.proxy_pid
    door = threading.Barrier(len(NAMES))
    seen: list[Now] = []
    with ThreadPoolExecutor(len(NAMES)) as pool:
        coming = [pool.submit(come, course.hub.url, name, door) for name in NAMES]
        while not all(one.done() for one in coming):
            seen.append(course.check(REAL).now)
    refused = [said for one in coming if (said := _said(one))]
    # Beside other tests the machine may be too slow for some: a person would try again.
    assert len(refused) <= len(NAMES) / 2, refused
    assert [now.text for now in seen if now.state not in CALM] == []
    now = course.checks_until(lambda now: now.state is State.UP, patience=REAL)
    assert now.restarts == ()
    assert (course.hub_pid, course.proxy_pid) == (hub, proxy)
    assert not any(incident.restarts for incident in course.incidents())
    return seen


def come(url: str, name: str, door: threading.Barrier) -> str:
    """Log in, again where the proxy waited for the hub in vain, and start a server; returns what
    went wrong."""
    door.wait()
    until = time.monotonic() + 200
    while True:
        try:
            answer = log_in(url, name, PASSWORD).start_server(200)
        except HubError:
            if time.monotonic() > until:
                raise
            time.sleep(1)
        else:
            return "" if answer.ok else f"{name}: {answer.text}"


def _said(one: Future[str]) -> str:
    error = one.exception()
    return str(error) if error is not None else one.result()
