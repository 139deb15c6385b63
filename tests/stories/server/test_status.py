"""``hubtui status`` against a real hub: what it says, how it exits, that nothing holds it."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from hubtui.glance.sources import gatherer
from tests.course_on_disk import ROSTER, hubtui
from tests.sandboxed import Machine
from tests.watched import Watched, watched

pytestmark = pytest.mark.hub
PATIENCE = 6.0
"""Five seconds, and some for the machine of the tests."""


@pytest.fixture(scope="module")
def course(_machine: Machine) -> Iterator[Watched]:
    _machine.restore()
    with watched(_machine) as found:
        yield found


def said(*words: str, **more: Any) -> tuple[int, dict[str, Any]]:
    """Exit code and document of ``status --json``."""
    done = hubtui("status", "--json", *words, **more)
    document: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, document


def lines(document: dict[str, Any]) -> dict[str, str]:
    return {line["key"]: line["state"] for line in document["lines"]}


def ids(document: dict[str, Any]) -> set[str]:
    return {finding["id"] for finding in document["findings"]}


def test_a_hub_that_is_well_is_fine_and_nobody_waits_for_it(course: Watched) -> None:
    course.check()
    code, document = said()
    assert lines(document)["hub"] == "fine"
    assert (document["format"], document["course"]) == (1, "Test course")
    assert document["missing"] == []
    assert code == {"fine": 0, "warning": 1}[document["state"]]  # of this machine it may warn


def test_a_plain_user_is_told_what_was_not_seen(course: Watched) -> None:
    subprocess.run(["useradd", "--create-home", "plain"], check=True)
    done = hubtui("status", user="plain", group="plain", extra_groups=[], cwd="/")
    assert done.returncode == 3, done
    assert "hub          up, log-in page in" in done.stdout, done.stdout
    assert f"{ROSTER}: Permission denied" in done.stdout
    assert done.stdout.endswith("Root sees more: sudo hubtui status\n")
    done = hubtui(
        "status", "--put-off", "hub.down", "--until", "2h", user="plain", group="plain", cwd="/"
    )
    assert done.returncode == 1
    assert "needs root: sudo hubtui status --put-off" in done.stderr


def test_a_source_that_hangs_costs_its_own_lines_and_no_more_than_five_seconds(
    course: Watched,
) -> None:
    os.mkfifo(ROSTER, 0o600)  # whoever opens it waits for a writer
    try:
        began = time.monotonic()
        code, document = said()
        took = time.monotonic() - began
    finally:
        ROSTER.unlink()
    found = lines(document)
    assert took < PATIENCE
    assert (code, document["state"]) == (3, "unknown")
    assert found["students"] == "unknown"
    assert found["hub"] == "fine"
    assert "students" in {each["what"] for each in document["missing"]}


def test_a_hub_that_is_gone_is_critical_can_be_put_off_and_comes_back(course: Watched) -> None:
    course.kill(course.hub_pid)
    code, document = said()
    assert code == 2
    assert document["findings"][0]["id"] == "hub.down"
    assert hubtui("status", "--brief").stdout.startswith("CRITICAL - ")

    done = hubtui("status", "--put-off", "hub.down", "--until", "2h")
    assert done.returncode == 0, done.stderr
    code, document = said()
    assert code != 2
    assert "hub.down" not in ids(document)
    assert [each["finding"]["id"] for each in document["put_off"]] == ["hub.down"]
    assert lines(document)["hub"] == "critical"  # the line says what is so

    server = course.server
    later = dataclasses.replace(server, clock=lambda: server.clock() + timedelta(hours=2))
    assert "hub.down" in {f.id for f in gatherer(later).look(5, fresh=True).findings}

    assert hubtui("status", "--take-back", "hub.down").returncode == 0
    assert said()[0] == 2
    again = hubtui("status", "--take-back", "hub.down")
    assert (again.returncode, "not put off" in again.stderr) == (1, True)
    unknown = hubtui("status", "--put-off", "hub.up", "--until", "2h")
    assert (unknown.returncode, "no finding hub.up" in unknown.stderr) == (1, True)


def test_a_reader_that_is_gone_and_a_full_disk_are_no_traceback(course: Watched) -> None:
    for words, trouble in (("| true", ""), (">/dev/full", "No space left on device")):
        command = f"{sys.executable} -m hubtui status {words}"
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=30)
        assert "Traceback" not in done.stderr
        assert trouble in done.stderr
        assert done.stderr.count("\n") == bool(trouble)
