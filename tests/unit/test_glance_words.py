"""What the glance says: a normal day of a small server is clean, and no name breaks a line."""

from __future__ import annotations

from dataclasses import replace as with_
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from hubtui import drift
from hubtui.drift.table import Found
from hubtui.findings import Finding, Severity, State
from hubtui.glance import certificate, machine, signups, sources, students, watchdog
from hubtui.glance.gather import Ground
from hubtui.glance.records import Part
from hubtui.server import Server, quick
from hubtui.server.disks import Disk
from hubtui.server.machine import Numbers
from hubtui.server.uses import Use
from hubtui.setup.install.timers import DUE
from hubtui.setup.install.watchdog_unit import CHECK
from hubtui.signups import FirstSeen
from hubtui.state import write_document
from hubtui.students import Survey
from tests.unit.surveys import NOON, account, course, sign_up, survey

GB, MB = 10**9, 10**6
NORMAL = Numbers(
    available=int(1.1 * GB),
    total=4 * GB,
    swap_free=int(1.6 * GB),
    swap_total=2 * GB,
    load=1.4,
    cpus=2,
    stalled_memory=0.5,
    stalled_cpu=4.0,
    uptime=20 * 86400,
    oom_kills=2,
)
"""A lesson on 4 GB: twelve servers with a kernel, of 130 MB each."""
STUDENTS = 12 * 130 * MB
ROOT = Disk(
    mount="/",
    size=50 * GB,
    free=19 * GB,
    inodes=3_200_000,
    inodes_free=2_300_000,
    read_only=False,
)


def of_machine(
    tmp_path: Path, numbers: Numbers = NORMAL, load: float = 0.7, disk: Disk = ROOT
) -> dict[str, Finding]:
    found = machine.of_numbers(course(tmp_path), numbers, STUDENTS, load, [disk])
    return {each.id: each for each in found}


def ground(tmp_path: Path, seen: Survey, uses: dict[int, Use] | None = None) -> Ground:
    server = Server(course=seen.course, state=tmp_path / "state", run=quick.run, clock=lambda: NOON)
    made = Ground(server)
    made.__dict__.update(_seen=seen, _uses=uses or {})
    return made


# --- a normal day -------------------------------------------------------------------------------


def test_a_lesson_on_a_small_server_is_a_normal_day(tmp_path: Path) -> None:
    assert of_machine(tmp_path) == {}


def test_so_is_a_class_with_its_largest_notebook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hubtui.server.machine.numbers", lambda: NORMAL)
    names = [f"student{n:02}" for n in range(40)]
    accounts = [account(tmp_path, name, 20000 + n) for n, name in enumerate(names)]
    seen = survey(tmp_path, accounts=accounts, roster=names, members={"all_user": frozenset(names)})
    uses = {20000 + n: Use(memory=130 * MB, server=True, kernels=1) for n in range(11)}
    uses[20011] = Use(memory=GB, server=True, kernels=2)
    monkeypatch.setattr(drift, "look", lambda *_: Found(drift=(), missing=()))
    part = students.look(ground(tmp_path, seen, uses))
    assert part.findings == ()
    assert part.line.text == (
        "40 accounts, 12 servers running; most memory: student11 1.0 GB, student00 130 MB, "
        "student01 130 MB"
    )


@pytest.mark.parametrize(
    ("numbers", "load", "disk", "id_", "severity"),
    [
        (replace(NORMAL, available=390 * MB), 0.7, ROOT, "machine.memory", Severity.WARNING),
        (replace(NORMAL, available=190 * MB), 0.7, ROOT, "machine.memory", Severity.CRITICAL),
        (replace(NORMAL, swap_free=GB - 1), 0.7, ROOT, "machine.swap", Severity.WARNING),
        (replace(NORMAL, swap_free=0), 0.7, ROOT, "machine.swap", Severity.CRITICAL),
        (NORMAL, 2.5, ROOT, "machine.load", Severity.WARNING),
        (NORMAL, 7, ROOT, "machine.load", Severity.CRITICAL),
        (NORMAL, 0.7, replace(ROOT, free=6 * GB), "machine.disk", Severity.WARNING),
        (NORMAL, 0.7, replace(ROOT, free=2 * GB), "machine.disk", Severity.CRITICAL),
        (NORMAL, 0.7, replace(ROOT, inodes_free=99), "machine.inodes", Severity.CRITICAL),
        (
            NORMAL,
            0.7,
            replace(ROOT, inodes_free=99, free=6 * GB),
            "machine.inodes",
            Severity.CRITICAL,
        ),
        (
            NORMAL,
            0.7,
            replace(ROOT, read_only=True, free=0),
            "machine.read_only",
            Severity.CRITICAL,
        ),
    ],
)
def test_each_number_that_is_not_normal_is_one_finding(
    tmp_path: Path, numbers: Numbers, load: float, disk: Disk, id_: str, severity: Severity
) -> None:
    (finding,) = of_machine(tmp_path, numbers, load, disk).values()
    assert (finding.id, finding.severity) == (id_, severity)
    assert finding.text.endswith(".")
    assert finding.do


def test_no_swap_and_a_filesystem_without_a_number_of_files_are_no_findings(tmp_path: Path) -> None:
    bare = replace(NORMAL, swap_total=0, swap_free=0)
    assert of_machine(tmp_path, bare, disk=replace(ROOT, inodes=0, inodes_free=0)) == {}


# --- names --------------------------------------------------------------------------------------


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.text(st.characters(exclude_characters="/.\0", codec="utf-8"), min_size=1, max_size=60))
def test_whatever_a_name_is_the_line_is_safe_to_show(tmp_path: Path, name: str) -> None:
    write_document(
        tmp_path / "state/first-seen.json", FirstSeen(seen={"d": "2026-11-01T00:00:00Z"})
    )
    own = survey(
        tmp_path,
        sign_up(name, digest="d"),
        accounts=[account(tmp_path, name, 20001)],
        roster=[name],
    )
    seen = with_(own, course=replace(own.course, limits={"student_memory": (0, 90)}))
    here = ground(tmp_path, seen, {20001: Use(memory=MB, server=True)})
    for part in (students.look(here), signups.look(here)):
        assert safe(part)
    (greedy, *_) = students.look(here).findings
    assert greedy.row == name, "the key of the row is the name itself"


def safe(part: Part) -> bool:
    said = [part.line.text, *(text for each in part.findings for text in (each.text, each.do))]
    return all(text.isprintable() for text in said)


def test_what_a_mount_is_called_is_quoted_in_the_command(tmp_path: Path) -> None:
    disk = replace(ROOT, mount="/mnt/$(reboot)\n", free=0)
    finding = of_machine(tmp_path, disk=disk)["machine.disk"]
    assert "sudo du -xhd1 '/mnt/$(reboot)" in finding.do
    assert finding.text.isprintable()
    assert finding.do.isprintable()


# --- what is not configured ---------------------------------------------------------------------


def test_what_is_not_configured_is_said_quietly_and_is_fine(tmp_path: Path) -> None:
    seen = survey(tmp_path)
    here = ground(
        tmp_path, with_(seen, course=replace(seen.course, hub=replace(seen.course.hub, url=None)))
    )
    part = certificate.look(here)
    assert (part.line.state, part.line.text) == (State.FINE, "no public address in course.yaml")
    assert part.findings == ()


def test_the_watchdog_is_looked_for_where_install_puts_it() -> None:
    assert set(watchdog.INSTALLED) <= set(CHECK.files)
    assert not set(watchdog.INSTALLED) & set(DUE.files)


def test_the_lines_stand_in_the_order_of_the_screen() -> None:
    keys = [source.key for source in sources.SOURCES]
    assert keys == ["hub", "machine", "students", "signups", "release", "watchdog", "certificate"]
    assert all(source.every >= timedelta(seconds=5).total_seconds() for source in sources.SOURCES)
