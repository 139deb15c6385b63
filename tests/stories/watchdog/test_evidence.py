"""Evidence of a real hub with a real student: what is right in it, and what is not in it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import msgspec
import pytest

from hubtui.clock import now
from hubtui.server.run import Result
from hubtui.watchdog import causes, evidence, incidents, scene
from hubtui.watchdog.catalogue import CAUSES
from hubtui.watchdog.records import Evidence, Memory, Verdict
from tests.course_on_disk import STATE, hubtui
from tests.sandboxed import Machine
from tests.watched import Watched, eventually, log_in_page, watched

pytestmark = pytest.mark.hub

ID = "20261125T082207Z-1a2b"
HOLD = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute(sys.argv[2])
connection.execute("select * from users").fetchall()
print("held", flush=True)
time.sleep(600)
"""
LISTEN = """
import os, socket, sys, time
os.setgid(20001), os.setuid(20001)
with socket.socket() as one:
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind(("127.0.0.1", int(sys.argv[1])))
    one.listen()
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def course(machine: Machine) -> Iterator[Watched]:
    with watched(machine) as found:
        yield found


@contextmanager
def python(code: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A program that has said that it holds what it is to hold."""
    argv = [sys.executable, "-c", code, *words]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def collect(course: Watched, within: float = 20, verdict: Verdict = Verdict.UP) -> Evidence:
    server = course.server
    seen, memory = scene.look(server.course, server.state, 0, Memory(), now())
    return evidence.collect(
        server, seen, ID, verdict=verdict, before=memory, lowest_available=None, within=within
    )


def test_a_hub_with_a_student(course: Watched, machine: Machine) -> None:
    student = course.student(machine, "ada", 20001)
    course.check()
    found = collect(course)
    ports = {owner.pid: owner for owner in found.owners}
    hub, proxy = ports[course.hub_pid], ports[course.proxy_pid]
    assert (hub.uid, hub.user, hub.program) == (0, "root", "jupyterhub")
    assert (proxy.uid, proxy.program) == (0, "configurable-http-proxy")
    assert found.hub is not None
    assert found.hub.pid == course.hub_pid
    assert found.log_place == str(course.hub.log)
    assert any("JupyterHub is now running at" in line for line in found.log)
    assert any("/user/<name>/" in line for line in found.log)
    assert not any("ServerApp" in line for line in found.log)
    assert found.database_locked is False
    assert dict(found.memory_by_uid)[20001] > 10_000_000
    assert any(disk.path == "/" for disk in found.disks)
    without_dpkg = ("upgrades: /var/log/dpkg.log: No such file or directory.",)
    assert found.missing in ((), without_dpkg)
    whole = msgspec.json.encode(found).decode()
    assert "ada" not in whole.replace("adapt", "")
    assert course.hub.token not in whole
    assert student.server_answers()


def test_who_locks_the_database_is_found_and_the_hub_is_not_disturbed(course: Watched) -> None:
    course.check()
    database = str(course.hub.database_file)
    for how in ("begin immediate", "begin"):
        with python(HOLD, database, how) as holder:
            found = collect(course)
            assert found.database_locked is True, how
            assert found.database_holders == (f"python (process {holder.pid})",)
            assert log_in_page(course.hub.url)
            # Tests beside this one may use up a memory of their own: the kernel's count is one.
            alone = {"kernel": (), "oom_kills_before": found.oom_kills}
            named = causes.name(msgspec.structs.replace(found, verdict=Verdict.HUB_HUNG, **alone))
            assert (named.cause, named.sure) == ("database-locked", True)
            assert str(holder.pid) in named.why[0]
        assert collect(course).database_locked is False


def test_a_command_that_hangs_holds_up_no_restart(
    course: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hangs(
        argv: Sequence[str],
        *,
        timeout: float = 60.0,
        stdin: str | None = None,
        hold: int | None = None,
    ) -> Result:
        time.sleep(60)
        raise AssertionError

    server = replace(course.server, run=hangs)
    seen, memory = scene.look(server.course, server.state, 0, Memory(), now())
    began = time.monotonic()
    found = evidence.collect(server, seen, ID, before=memory, lowest_available=5, within=3)
    assert time.monotonic() - began < 10
    assert "kernel: no answer within 3 s." in found.missing
    assert found.log
    assert found.owners
    assert found.lowest_available == 5


def test_a_student_on_the_hubs_port_is_told_by_uid(course: Watched, machine: Machine) -> None:
    machine.adduser("ada", 20001)
    course.check()
    port = course.hub.api.rpartition(":")[2].partition("/")[0]
    course.kill(course.hub_pid)
    with python(LISTEN, port) as thief:
        now_ = course.check().now
        assert now_.verdict is Verdict.PORT_TAKEN
        found = collect(course, verdict=now_.verdict)
        (owner,) = [owner for owner in found.owners if owner.pid == thief.pid]
        assert (owner.uid, owner.user) == (20001, "")
        named = causes.name(found)
        assert (named.cause, named.sure) == ("hub-port-taken", True)
        assert "uid 20001" in named.why[0]
        assert "ada" not in msgspec.json.encode(found).decode()


def test_an_incident_is_told_with_its_evidence(course: Watched, machine: Machine) -> None:
    course.student(machine, "ada", 20001)
    course.check()
    course.kill(course.hub_pid)
    course.check()
    eventually(course.is_up)
    course.check()
    course.check()
    (incident,) = course.incidents()
    kept = incidents.evidence(STATE, incident.id)
    assert kept is not None
    assert kept.verdict is Verdict.HUB_DEAD
    assert (STATE / "incidents" / f"{incident.id}.json").stat().st_mode & 0o777 == 0o600
    listed = hubtui("watchdog", "causes")
    assert listed.returncode == 0, listed.stderr
    assert incident.id in listed.stdout
    told = hubtui("watchdog", "causes", incident.id)
    assert told.returncode == 0, told.stderr
    assert incident.cause in ("killed", "oom-kernel")  # the kernel's count is the whole machine's
    title = CAUSES[incident.cause].title
    for word in (f"Cause: {title}", "Processes", "Memory", "Disks", f"Log: {course.hub.log}"):
        assert word in told.stdout
    assert "ada" not in told.stdout.replace("adapt", "")
    as_json = hubtui("watchdog", "causes", incident.id, "--json")
    (row,) = msgspec.json.decode(as_json.stdout)["incidents"]
    assert row["evidence"]["id"] == incident.id
    unknown = hubtui("watchdog", "causes", "../../etc/passwd")
    assert unknown.returncode == 2
    assert "There is no incident" in unknown.stderr


def test_a_log_that_is_gone_is_said(course: Watched) -> None:
    course.check()
    course.hub.log.unlink()
    found = collect(course)
    assert found.log == ()
    assert os.fspath(course.hub.log) not in found.log_place
