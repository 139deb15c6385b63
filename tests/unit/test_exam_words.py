"""The exam check in words, and what decides that an upgrade or a restart falls into the exam."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hubtui.clock import Clock
from hubtui.exam import cpu, logins, upkeep, words
from hubtui.exam.records import Answer, Readiness
from hubtui.exam.subject import Subject
from hubtui.findings import State
from hubtui.pauses import Exam
from hubtui.reads import hubconfig, hubprocess
from hubtui.server import Server, systemd
from hubtui.server.run import Result
from tests.unit import surveys

NINE = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
EXAM = Exam(from_=NINE, to=NINE + timedelta(hours=2), students=40, sheet="exam")


def readiness(*states: State, exam: Exam | None = EXAM) -> Readiness:
    answers = tuple(
        Answer(key=f"k{number}", question=f"Question {number}?", state=state, text="so it is.")
        for number, state in enumerate(states)
    )
    return Readiness(at=NINE, exam=exam, students=40, answers=answers)


@pytest.mark.parametrize(
    ("states", "line"),
    [
        ((State.FINE,), "Exam in 30 min: GO"),
        ((State.FINE, State.WARNING), "Exam in 30 min: GO (1 to look at)"),
        ((State.WARNING, State.CRITICAL), "Exam in 30 min: NOT YET: k1: so it is."),
        ((State.UNKNOWN, State.FINE), "Exam in 30 min: NOT YET: k0: so it is."),
        ((State.UNKNOWN, State.CRITICAL), "Exam in 30 min: NOT YET: k1: so it is."),
    ],
)
def test_one_line(states: Sequence[State], line: str) -> None:
    assert words.one_line(readiness(*states), NINE - timedelta(minutes=30)) == line


def test_while_it_runs_and_on_any_day() -> None:
    found = readiness(State.FINE)
    assert words.one_line(found, NINE + timedelta(minutes=40)) == "Exam, 1 h 20 min to go: GO"
    assert words.one_line(readiness(State.FINE, exam=None), NINE) == "An exam with 40 now: GO"


# --- upgrades -----------------------------------------------------------------------------------


class Machine:
    """What apt and systemd of a machine say."""

    def __init__(self, **settings: str) -> None:
        self.settings, self.next = settings, ""

    def __call__(self, argv: Sequence[str], **_: Any) -> Result:
        if argv[0] == "apt-config":
            lines = (
                f'{key.replace("__", "::").replace("_", "-")} "{value}";'
                for key, value in self.settings.items()
            )
            return Result(tuple(argv), 0, "\n".join(lines), "")
        return Result(tuple(argv), 0, f"NextElapseUSecRealtime={self.next}\n", "")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """It has unattended-upgrades, which are switched on, and systemd."""
    monkeypatch.setattr(upkeep, "REBOOT", Path("/nonexistent"))
    monkeypatch.setattr(shutil, "which", lambda *_, **__: "/usr/bin/unattended-upgrade")
    monkeypatch.setattr(systemd, "is_running", lambda: True)
    return Machine(APT__Periodic__Unattended_Upgrade="1")


def subject(tmp_path: Path, run: Any, at: datetime = NINE - timedelta(days=2)) -> Subject:
    course = surveys.course(tmp_path)
    clock: Clock = lambda: at  # noqa: E731
    server = Server(course=course, state=tmp_path / "state", run=run, clock=clock)
    return Subject(
        server=server,
        at=at,
        exam=EXAM,
        students=40,
        seen=surveys.survey(tmp_path),
        quick=False,
    )


@pytest.mark.parametrize(
    ("next_", "hit"),
    [
        ("Sun 2026-11-29 10:12:34 UTC", True),  # daily: so on Monday as well
        ("Mon 2026-11-30 08:20:00 UTC", True),  # its spread, and what it takes
        ("Sun 2026-11-29 06:30:00 UTC", False),
        ("Sun 2026-11-29 11:00:00 UTC", False),
        ("", False),
    ],
)
def test_upgrades_during_the_exam(tmp_path: Path, machine: Machine, next_: str, hit: bool) -> None:
    machine.next = next_
    found = upkeep.restart(subject(tmp_path, machine))
    assert (found.state is State.WARNING) == hit, found
    if hit:
        assert "Upgrades install themselves about Mon 30 Nov" in found.text
        assert found.remedies[0][1] == "systemctl stop apt-daily-upgrade.timer"


def test_upgrades_that_are_switched_off_are_no_matter(tmp_path: Path, machine: Machine) -> None:
    machine.next = "Mon 2026-11-30 10:00:00 UTC"
    machine.settings["APT__Periodic__Unattended_Upgrade"] = "0"
    assert upkeep.restart(subject(tmp_path, machine)).state is State.FINE


def test_a_machine_that_restarts_itself_at_ten(tmp_path: Path, machine: Machine) -> None:
    here = (NINE + timedelta(hours=1)).astimezone()
    machine.settings["Unattended_Upgrade__Automatic_Reboot"] = "true"
    machine.settings["Unattended_Upgrade__Automatic_Reboot_Time"] = f"{here:%H:%M}"
    found = upkeep.restart(subject(tmp_path, machine))
    assert found.state is State.CRITICAL
    assert f"may restart itself at {here:%H:%M}" in found.text


def test_a_hub_that_refuses_some_of_them_is_no_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit, refuses in ((39, True), (40, False), (0, False)):
        said = f"c.JupyterHub.active_server_limit = {limit}\n".encode()
        config = hubconfig.parse(said, Path("/etc/jupyterhub/jupyterhub_config.py"))
        monkeypatch.setattr(hubprocess, "config_of", lambda _, config=config: config)
        found = cpu.start(subject(tmp_path, None))
        assert (found.state is State.CRITICAL) == refuses, found
        if refuses:
            assert "the hub runs 39 servers at most" in found.text
            assert "c.JupyterHub.active_server_limit = 40" in found.remedies[0][1]


# --- who cannot log in --------------------------------------------------------------------------


def test_who_cannot_log_in_is_named_with_what_mends_it(tmp_path: Path) -> None:
    homes = surveys.course(tmp_path).accounts.homes
    accounts = [
        surveys.account(tmp_path, name, uid)
        for uid, name in enumerate(("anna", "ben", "cleo", "dora"), 20001)
    ]
    (homes / "ben").mkdir(mode=0o700)  # ours, not ben's
    seen = surveys.survey(
        tmp_path,
        surveys.sign_up("anna", 1, authorised=True),
        surveys.sign_up("ben", 2, authorised=True),
        surveys.sign_up("cleo", 3),
        surveys.sign_up("eve", 4, authorised=True),
        surveys.sign_up("stranger", 5),
        surveys.sign_up("\x1b[31mred", 6, authorised=True),
        surveys.sign_up("tutor", 7, authorised=True),
        accounts=accounts,
    )
    looked = dataclasses.replace(subject(tmp_path, None), seen=seen)
    found = logins.log_in(looked)
    assert found.state is State.CRITICAL
    why = {one.name: (one.state, one.why, one.do) for one in logins.cannot(looked)}
    critical, warning = State.CRITICAL, State.WARNING
    assert why["anna"] == (critical, "has no home", "hubtui accounts why anna")
    assert why["ben"][1].startswith("does not own the home")
    assert why["cleo"] == (critical, "waits for approval", "hubtui signups approve cleo")
    assert why["eve"] == (critical, "has no account", "hubtui accounts create eve")
    assert why["stranger"][0] is warning
    assert why["dora"] == (warning, "has not signed up", "hubtui accounts why dora")
    assert "tutor" not in why
    assert "\x1b" not in found.text
    assert len(found.remedies) == logins.LISTED
    assert "0 can, 6 cannot: " in found.text
    assert found.text.endswith("; and 1 more. 1 sign-up waits besides: students, or strangers?")
    assert not any("red" in command for _, command in found.remedies)
    assert all(command for _, command in found.remedies)


def test_the_expected_who_wait_are_approved_by_one_command_and_others_one_by_one(
    tmp_path: Path,
) -> None:
    names = ("anna", "ben", "cleo", "stranger")
    seen = surveys.survey(
        tmp_path,
        *(surveys.sign_up(name, number) for number, name in enumerate(names, 1)),
        accounts=[surveys.account(tmp_path, "cleo", 20001)],
    )
    seen = dataclasses.replace(seen, expected=frozenset({"anna", "ben", "cleo"}))
    found = logins.log_in(dataclasses.replace(subject(tmp_path, None), seen=seen))
    assert found.remedies == (
        ("The 2 that you expect", "hubtui signups approve anna ben"),
        ("cleo", "hubtui signups approve cleo"),
        ("stranger", "hubtui signups approve stranger"),
    )
