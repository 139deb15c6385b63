"""Before the exam: GO, or NOT YET with the name of what is missing; and the whole way tried out.

One real hub for all of them, with real JupyterLab servers, and a real Apache for what is about it.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from hubtui import pauses, usage
from hubtui.clock import now
from hubtui.demo.form import log_in, sign_up
from hubtui.errors import Refused
from hubtui.events import Outcome, What
from hubtui.exam import check, memory, probe
from hubtui.exam.records import Answer, Readiness
from hubtui.exam.try_out import try_plan
from hubtui.findings import State
from hubtui.pauses import Exam
from hubtui.plan import runs
from hubtui.release import schedule
from hubtui.server import processes
from hubtui.state import write_document
from hubtui.when import Moment
from tests.course_on_disk import CONFIG, ROSTER, STATE, hubtui
from tests.probed import PROBE, PROBE_UID, tried, with_scopes
from tests.release_on_disk import RELEASE, SOURCE, Teaching
from tests.sandboxed import FILES, Machine
from tests.watched import FOLDER, PASSWORD, Watched, eventually, watched
from tests.webserver import PROGRAM, apache

pytestmark = pytest.mark.hub

MORE = f"exam:\n  probe: {PROBE}\nnotify:\n  command: [/bin/true]\n{RELEASE}"
HOUR = timedelta(hours=1)
needs_apache = pytest.mark.skipif(not PROGRAM.exists(), reason="Apache is missing: apache2-bin")


@pytest.fixture(scope="module")
def _course(_machine: Machine) -> Iterator[Watched]:
    _machine.restore()
    with watched(_machine, make=with_scopes) as found:
        ROSTER.write_text(f"{PROBE}\n")
        _machine.adduser(PROBE, PROBE_UID, mode=0o700, group="all_user")
        _machine.adduser("tutor", 1100)
        SOURCE.mkdir()
        os.chown(SOURCE, 1100, 1100)
        for uid, name in enumerate(("anna", "ben"), 20001):
            _machine.adduser(name, uid, mode=0o700, group="all_user")
            sign_up(found.hub.url, name, PASSWORD)
            found.hub.authorise(name)
        yield found


@pytest.fixture
def course(_course: Watched) -> Watched:
    """A course where nothing is missing, and nothing is remembered of the test before."""
    for folder in (Path("/run/hubtui"), STATE):
        shutil.rmtree(folder, ignore_errors=True)
    _course.configure(MORE)
    assert not processes.of(PROBE_UID)
    return _course


@pytest.fixture
def people(_machine: Machine) -> Iterator[Machine]:
    """The machine, on which accounts that a test adds go with it."""
    files = {name: Path("/etc", name).read_bytes() for name in FILES}
    homes = set(Path("/home").iterdir())
    yield _machine
    for name, data in files.items():
        Path("/etc", name).write_bytes(data)
    for home in set(Path("/home").iterdir()) - homes:
        shutil.rmtree(home)


def look(course: Watched, students: int | None = None) -> Readiness:
    """Checked a moment after the watchdog looked; quick and thorough agree on what is wrong."""
    course.check()
    found = check.readiness(course.server, students)
    quick = check.readiness(course.server, students, quick=True)
    assert {one.key: one.state for one in quick.answers} == {
        one.key: one.state for one in found.answers if one.key != "clock"
    }
    return found


def answer(found: Readiness, key: str) -> Answer:
    return next(one for one in found.answers if one.key == key)


@contextmanager
def exam(course: Watched, sheet: str | None = None, students: int | None = None) -> Iterator[Exam]:
    """One that begins in an hour."""
    at = course.server.clock()
    made = pauses.add_exam(
        STATE, at + HOUR, at + 3 * HOUR, "ada", at, students=students, sheet=sheet
    )
    yield made
    pauses.drop_exam(STATE, made.id, "ada", course.server.clock())


def forget(course: Watched, name: str) -> None:
    """A sign-up less."""
    with closing(sqlite3.connect(course.hub.database_file, isolation_level=None)) as db:
        db.execute("delete from users_info where username=?", (name,))


# --- go, or not yet ------------------------------------------------------------------------------


def test_nothing_is_missing_so_it_is_go(course: Watched) -> None:
    with exam(course):
        found = look(course)
    assert found.state is State.FINE, found.answers
    assert (found.students, found.go) == (2, True)  # the probe is no student
    assert answer(found, "log-in").text == "All 2 students can."
    assert "150 MB each" in answer(found, "memory").text
    assert "assumed" in answer(found, "memory").text


def test_whom_something_is_missing_is_named(course: Watched, people: Machine) -> None:
    home = Path("/home/anna")
    home.rename("/home/elsewhere")
    sign_up(course.hub.url, "cleo", PASSWORD)
    course.hub.authorise("cleo")
    sign_up(course.hub.url, "dora", PASSWORD)
    people.adduser("dora", 20004, mode=0o700, group="all_user")
    try:
        found = answer(look(course), "log-in")
    finally:
        Path("/home/elsewhere").rename(home)
        for name in ("cleo", "dora"):
            forget(course, name)
    assert found.state is State.CRITICAL
    assert found.text == (
        "1 can, 3 cannot: anna has no home; cleo has no account; dora waits for approval."
    )
    assert dict(found.remedies) == {
        "anna": "hubtui accounts why anna",
        "cleo": "hubtui accounts create cleo",
        "dora": "hubtui signups approve dora",
    }
    assert (found.pane, found.row) == ("accounts", "anna")


def test_more_than_fit_are_too_many_and_what_helps_is_said(course: Watched) -> None:
    found = answer(look(course, students=5000), "memory")
    assert found.state is State.CRITICAL
    assert "750.1 GB are needed for 5,000 servers (150 MB each" in found.text
    commands = [command for _, command in found.remedies]
    assert any(str(course.hub.config) in command for command in commands)
    assert any("c.JupyterHub.active_server_limit = " in command for command in commands)
    assert any("-m pip install jupyterhub-idle-culler" in command for command in commands)


def test_servers_that_run_are_measured(course: Watched) -> None:
    anna = log_in(course.hub.url, "anna", PASSWORD)
    assert anna.start_server().ok
    server = probe.server_of(course.server.course, "anna", 20001)
    with server.kernel() as kernel:
        server.compute(kernel)
        found = answer(look(course), "memory")
        assert "measured, 1 now" in found.text
        assert 40e6 < memory.of_uid(20001) < 400e6
    later = dataclasses.replace(course.server, clock=lambda: now() + 2 * HOUR)
    helps = answer(check.readiness(later, 5000), "memory").remedies
    assert helps[0][0].startswith("Stop servers that nobody has used for 60 min (anna): ")
    assert helps[0][1] == "hubtui accounts stop --idle 60"
    assert hubtui("accounts", "stop", "anna", "--yes").returncode == 0


def test_the_peaks_of_the_last_weeks_count(course: Watched) -> None:
    day = usage.Day(day="2026-11-23", typical=2 * 10**12, server=3 * 10**12)
    write_document(STATE / usage.FILE, usage.Usage(days=(day,)))
    found = answer(look(course), "memory")
    assert found.state is State.CRITICAL
    assert "2000.0 GB each, the largest 3000.0 GB; measured in the last weeks" in found.text


def test_the_sheet_of_the_exam_has_to_be_out_or_planned(course: Watched, people: Machine) -> None:
    teaching = Teaching(course.server, people)
    teaching.sheet("final", {"exam.txt": "Discuss."})
    with exam(course, sheet="final") as made:
        found = answer(look(course), "released")
        assert (found.state, found.row) == (State.CRITICAL, "final")
        assert found.text == "It is neither released nor scheduled."
        assert found.remedies[0][1].startswith("hubtui release schedule final")
        assert hubtui("due").returncode == 0
        schedule.add(course.server, ["final"], Moment(at=made.from_, zone="UTC"))
        assert answer(look(course), "released").state is State.FINE
        schedule.cancel(course.server, "final")
        teaching.sheet("other", {"more.txt": "Later."})
        schedule.add(course.server, ["final", "other"], Moment(at=made.from_ + HOUR, zone="UTC"))
        found = answer(look(course), "released")  # together with others it waits until the end
        assert (found.state, found.text.partition(":")[0]) == (
            State.CRITICAL,
            "It is scheduled, but does not go out",
        )
        schedule.cancel(course.server, "final")
        schedule.cancel(course.server, "other")
        teaching.push("final")
        found = answer(look(course), "released")
        assert (found.state, found.text) == (State.FINE, "All 2 students have it.")
    people.adduser("late", 20005, mode=0o700, group="all_user")
    found = answer(look(course), "released")
    assert (found.state, found.text) == (State.WARNING, "1 of 3 students lack it: late.")


def test_a_watchdog_that_sleeps_is_no_guard(course: Watched) -> None:
    course.check()
    later = course.server.clock() + timedelta(minutes=12)
    found = check.readiness(dataclasses.replace(course.server, clock=lambda: later))
    one = answer(found, "watchdog")
    assert one.state is State.CRITICAL
    assert one.text == "It has not looked for 12 minutes: nobody would restart the hub."
    before = course.server.clock() - timedelta(hours=2)  # the clock was ahead, and was set right
    for quick in (False, True):
        set_back = dataclasses.replace(course.server, clock=lambda: before)
        assert answer(check.readiness(set_back, quick=quick), "watchdog").state is State.CRITICAL
    assert answer(check.readiness(set_back, quick=True), "hub").state is State.UNKNOWN
    pauses.pause(STATE, None, "ada", "", course.server.clock())
    one = answer(look(course), "watchdog")
    assert (one.state, one.remedies) == (
        State.CRITICAL,
        (("End the pause", "hubtui watchdog resume"),),
    )


@needs_apache
def test_a_certificate_has_to_outlast_the_exam(
    course: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    with apache(FOLDER / "apache") as web, exam(course):
        FOLDER.chmod(0o711)
        monkeypatch.setenv("SSL_CERT_FILE", str(web.ca_file))
        course.configure(MORE, hub_keys=f"  url: {web.url}\n")
        way = f"ProxyPass / {course.hub.url}/ upgrade=websocket"
        web.serve(way)
        assert answer(look(course), "certificate").state is State.FINE
        web.serve(way, certificate=web.certificate(days=0.1))
        found = answer(look(course), "certificate")
        assert found.state is State.CRITICAL
        assert found.text.startswith("It ends on ")
        # The whole way, as students go it.
        web.serve(way)
        end = tried(course)
        assert end.outcome is Outcome.DONE, end.text
        web.serve(f"ProxyPass / {course.hub.url}/")
        end = tried(course)
        assert end.outcome is Outcome.FAILED
        assert "compute: the public address passes no websocket on" in end.text
        web.serve("ProxyPass / http://127.0.0.1:9/")
        end = tried(course)
        assert end.outcome is Outcome.FAILED
        assert end.text == (
            "page: the public address answers 503 for the probe's server. The proxy reaches it, so "
            "the web server before it is the trouble: look at its log."
        )


# --- the whole way -------------------------------------------------------------------------------


def test_the_whole_way_works_and_each_stage_says_how_long_it_took(course: Watched) -> None:
    end = tried(course)
    assert end.outcome is Outcome.DONE, end.text
    stages = [word.split()[0] for word in end.text.split(", ")]
    assert stages == ["start", "page", "compute", "stop"]
    token = course.hub.token
    written = [path.read_text() for path in STATE.rglob("*") if path.is_file()]
    assert not any(token in text or "Authorization" in text for text in written)


def test_the_page_and_the_try_from_the_command_line(course: Watched) -> None:
    course.check()
    page = hubtui("status", "--exam", "2")
    assert page.returncode == 0, page.stdout + page.stderr
    assert page.stdout.startswith("An exam with 2 now: GO\n")
    page = hubtui("status", "--exam", "5000")
    assert page.returncode == 2
    assert page.stdout.startswith("An exam with 5000 now: NOT YET: memory: ")
    found = json.loads(hubtui("status", "--exam", "2", "--json").stdout)
    assert (found["format"], found["go"], found["students"]) == (1, True, 2)
    shown = hubtui("status", "--try", "--dry-run")
    assert shown.stdout.startswith("Try it with probe: 1 start · 1 page · 1 compute · 1 stop")
    assert not processes.of(PROBE_UID)


def test_a_hub_that_knows_no_token_refuses_the_start(course: Watched) -> None:
    other = FOLDER / "other.token"
    other.write_text("0" * 64)
    CONFIG.write_text(CONFIG.read_text().replace(str(course.hub.token_file), str(other)))
    end = tried(course)
    assert end.outcome is Outcome.FAILED
    assert end.text.startswith("start: ")
    assert "it does not know the token" in end.text


def test_a_token_without_the_right_says_the_line_that_gives_it(
    course: Watched, people: Machine
) -> None:
    people.adduser("other", 20901, mode=0o700, group="all_user")
    CONFIG.write_text(CONFIG.read_text().replace(f"probe: {PROBE}", "probe: other"))
    end = tried(course)
    assert end.outcome is Outcome.FAILED
    assert '"admin:users!user=other", "servers!user=other"' in end.text


def test_a_home_that_is_not_its_own_is_the_reason_that_is_named(course: Watched) -> None:
    home = Path("/home", PROBE)
    os.chown(home, 0, 0)
    try:
        end = tried(course)
    finally:
        os.chown(home, PROBE_UID, 20000)
    assert end.outcome is Outcome.FAILED
    assert end.text.startswith("start: ")
    assert "/home/probe belongs to uid 0: the server cannot start." in end.text


def test_a_broken_kernel_fails_at_computing(course: Watched) -> None:
    folder = Path("/home", PROBE, ".local/share/jupyter/kernels/python3")
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text(
        '{"argv": ["/nonexistent/python"], "display_name": "Broken", "language": "python"}'
    )
    for place in (folder / "kernel.json", folder, *folder.parents[:4]):
        os.chown(place, PROBE_UID, PROBE_UID)
    try:
        end = tried(course)
    finally:
        shutil.rmtree(folder)
    assert end.outcome is Outcome.FAILED
    assert "compute: its server starts no kernel (500)" in end.text
    assert f"runuser -u {PROBE} -- {sys.prefix}/bin/jupyter kernelspec list" in end.text


def test_a_run_that_was_killed_stops_it_when_it_goes_on(course: Watched) -> None:
    def killed(stage: str) -> str:
        plan = try_plan(course.server)
        process = runs.start(STATE, CONFIG, plan, course.server.clock())
        for event in runs.follow(STATE, plan.id, process):
            if event is not None and event.event is What.START and event.step == stage:
                if stage == "compute":  # a kernel that has just begun outlives its server
                    eventually(lambda: any(one.is_kernel for one in processes.of(PROBE_UID)))
                process.kill()
                break
        process.wait()
        assert processes.of(PROBE_UID)
        return plan.id

    done = hubtui("journal", "resume", killed("compute"))
    assert done.returncode == 0, done.stderr
    assert not processes.of(PROBE_UID)
    dropped = killed("page")
    os.utime(runs.record_path(STATE, dropped), (0, 0))  # as a minute later
    assert hubtui("journal", "drop", dropped).returncode == 0
    assert processes.of(PROBE_UID)
    assert tried(course).outcome is Outcome.DONE


def test_it_is_refused_where_it_would_do_harm(course: Watched) -> None:
    day = usage.Day(day="2026-11-23", typical=2 * 10**12)
    write_document(STATE / usage.FILE, usage.Usage(days=(day,)))
    with pytest.raises(Refused, match=r"Only .* of memory are free, and a server takes 2000\.0 GB"):
        try_plan(course.server)
    (STATE / usage.FILE).unlink()
    for name, why in (
        ("anna", "anna has signed up, so somebody logs in as it"),
        ("tutor", "tutor is staff"),
        ("nobody-yet", "hubtui accounts create nobody-yet"),
    ):
        CONFIG.write_text(CONFIG.read_text().replace(f"probe: {PROBE}", f"probe: {name}"))
        with pytest.raises(Refused, match=why):
            try_plan(course.server)
        course.configure(MORE)
    course.configure()
    with pytest.raises(Refused, match="There is no probe account"):
        try_plan(course.server)
