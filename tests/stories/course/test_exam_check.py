"""Before the exam: GO, or NOT YET with the name of what is missing; and the whole way tried out.

One real hub for all of them, with real JupyterLab servers.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hubtui.demo.form import sign_up
from hubtui.demo.hub import EmbeddedHub
from hubtui.exam import check
from hubtui.exam.records import Answer, Readiness
from tests.course_on_disk import ROSTER
from tests.sandboxed import WHY_NOT, Machine, in_sandbox
from tests.watched import PASSWORD, Watched, watched

pytestmark = [pytest.mark.sandbox, pytest.mark.hub]
PROBE, PROBE_UID = "probe", 20900
MORE = f"exam:\n  probe: {PROBE}\nnotify:\n  command: [/bin/true]\n"


def with_scopes(folder: Path) -> EmbeddedHub:
    """A hub whose token may make and start the probe, and no other."""
    hub = EmbeddedHub(folder)
    more = f'"admin:users!user={PROBE}", "servers!user={PROBE}", '
    hub.config.write_text(hub.config.read_text().replace('"scopes": [', f'"scopes": [{more}'))
    return hub


@pytest.fixture(scope="module")
def course() -> Iterator[Watched]:
    """A course with a probe and one student, whom nothing is missing."""
    if not in_sandbox():
        pytest.skip(WHY_NOT)
    machine = Machine()
    with watched(machine, make=with_scopes) as found:
        found.configure(MORE)
        ROSTER.write_text("anna\nprobe\n")
        machine.adduser(PROBE, PROBE_UID, mode=0o700, group="all_user")
        machine.adduser("anna", 20001, mode=0o700, group="all_user")
        sign_up(found.hub.url, "anna", PASSWORD)
        found.hub.authorise("anna")
        yield found
    machine.restore()


def look(course: Watched, students: int | None = None, *, quick: bool = False) -> Readiness:
    """Checked a moment after the watchdog looked."""
    course.check()
    return check.readiness(course.server, students, quick=quick)


def answer(found: Readiness, key: str) -> Answer:
    return next(one for one in found.answers if one.key == key)


def test_go(course: Watched) -> None:
    found = look(course)
    for one in found.answers:
        print(one)
    assert found.students == 1
    assert found.go
