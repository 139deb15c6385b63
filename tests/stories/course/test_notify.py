"""Who is called: by a real sendmail, a real program and real POSTs; what due calls people for."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from hubtui import course as courses
from hubtui import notify, reminders, ways
from hubtui.course import Notify
from hubtui.errors import StateError
from hubtui.notify import Kind, Message
from hubtui.plan import plans, runs
from hubtui.release import chosen, push
from hubtui.server import Server, server_of
from hubtui.state import write_document
from hubtui.students import survey
from hubtui.watchdog import check, live
from hubtui.watchdog.records import Now, State, Verdict
from tests.called import Mailbox, certificate, sendmail, silence, web
from tests.course_on_disk import CONFIG, STATE, TEXT, CourseOnDisk, hubtui, make_course
from tests.release_on_disk import RELEASE, Teaching, teach
from tests.sandboxed import Machine

MORNING = datetime(2026, 11, 30, 7, 30, tzinfo=UTC)  # 08:30 in Berlin
MINUTE = timedelta(minutes=1)
DOWN = Message(kind=Kind.DOWN, subject="JupyterHub is down", text="Since 09:22: weg – 停", key="i1")
MAIL = "timezone: Europe/Berlin\nnotify:\n  mail: admin@example.org\n"


@pytest.fixture
def box(machine: Machine, tmp_path: Path) -> Iterator[Mailbox]:
    """A machine with a sendmail."""
    with sendmail(tmp_path) as found:
        yield found


def server(**called: object) -> Server:
    """The course, with these called."""
    made = make_course().server
    changed = msgspec.structs.replace(made.course, notify=Notify(**called))  # type: ignore[arg-type]
    return dataclasses.replace(made, course=changed)


# --- the ways -----------------------------------------------------------------------------------


def test_a_mail_comes_as_it_was_written(box: Mailbox) -> None:
    assert notify.call(server(mail="admin@example.org"), DOWN) == []
    [mail] = box.mails
    assert mail["Subject"] == "[Test course] JupyterHub is down"
    assert mail["To"] == "admin@example.org"
    assert mail.get_content().startswith("Since 09:22: weg – 停\n\nhubtui on ")
    assert [file.name.partition(".to.")[2] for file in box.folder.glob("*.to.*")] == [
        "admin@example.org"
    ]


def test_a_sendmail_that_refuses_is_said_in_its_own_words(box: Mailbox) -> None:
    box.refuse(75)
    [said] = notify.call(server(mail="root"), DOWN)
    assert said == (
        "Nobody was called by mail to root: /usr/sbin/sendmail failed "
        "(exit code 75: sendmail: the queue is full)."
    )


def test_without_a_sendmail_it_is_said(machine: Machine) -> None:
    if Path(ways.SENDMAIL).exists():
        pytest.skip("this machine has a sendmail of its own")
    [said] = notify.call(server(mail="root"), DOWN)
    assert "/usr/sbin/sendmail is not installed" in said


def test_a_command_gets_everything_on_its_standard_input(machine: Machine, tmp_path: Path) -> None:
    got, program = tmp_path / "got", tmp_path / "call"
    program.write_text(f'#!/bin/sh\nprintf "%s|" "$@" > {got}\ncat >> {got}\n')
    program.chmod(0o755)
    assert notify.call(server(command=[str(program), "to", "a b; rm -rf ~"]), DOWN) == []
    words, _, text = got.read_text().rpartition("|")
    assert words == "to|a b; rm -rf ~"
    assert text.startswith("[Test course] JupyterHub is down\n\nSince 09:22: weg – 停\n")


def test_a_post_has_its_title_and_its_text(machine: Machine) -> None:
    with web() as ntfy:
        assert notify.call(server(webhook=ntfy.url), DOWN) == []
        umlaut = msgspec.structs.replace(DOWN, key="i2", subject="läuft wieder")
        assert notify.call(server(webhook=ntfy.url), umlaut) == []
    first, second = ntfy.posts
    assert (first.path, first.title) == ("/course?auth=1", "[Test course] JupyterHub is down")
    assert first.text.startswith("Since 09:22: weg – 停")
    assert second.title.startswith("=?utf-8?"), "what ntfy understands, and ASCII"


def test_a_redirect_is_not_followed(machine: Machine) -> None:
    with web() as other, web(302, {"Location": other.url}) as here:
        [said] = notify.call(server(webhook=here.url), DOWN)
        assert "it answered 302, and a redirect is not followed" in said
        assert other.posts == []


def test_what_answers_with_an_error_was_not_called(machine: Machine) -> None:
    with web(403) as here:
        [said] = notify.call(server(webhook=here.url), DOWN)
    assert said.endswith("it answered 403.")
    [said] = notify.call(server(webhook=here.url), DOWN)
    assert "cannot be reached: Connection refused" in said


def test_a_certificate_that_nobody_vouches_for_gets_nothing(
    machine: Machine, tmp_path: Path
) -> None:
    with web(tls=certificate(tmp_path)) as here:
        [said] = notify.call(server(webhook=here.url), DOWN)
        assert "its certificate is not good: self-signed certificate" in said
        assert here.posts == []


def test_who_never_answers_holds_nobody_up(
    box: Mailbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ways, "LIMIT", 3.0)
    monkeypatch.setattr(ways, "_PROGRAM", 1.0)
    program = tmp_path / "call"
    program.write_text("#!/bin/sh\nsleep 600 &\nsleep 600\n")
    program.chmod(0o755)
    with silence() as nothing:
        one = server(mail="root", command=[str(program)], webhook=nothing)
        before = time.monotonic()
        said = notify.call(one, DOWN)
        assert time.monotonic() - before < 6
    assert box.subjects == ["JupyterHub is down"]
    assert ["longer than 1 s" in said[0], "3 s" in said[1] or "timed out" in said[1]] == [True] * 2
    assert len(said) == 2


def test_a_full_disk_calls_nobody_twice(box: Mailbox, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", str(small)], check=True)
    try:
        (small / "all").write_bytes(b"x" * 8192)
        one = dataclasses.replace(server(mail="root"), state=small)
        for _ in range(3):
            assert notify.call(one, DOWN) == []
        assert len(box.mails) == 1
    finally:
        subprocess.run(["umount", str(small)], check=True)


# --- the command line ---------------------------------------------------------------------------


def test_the_test_key_says_what_came_of_each_way(box: Mailbox) -> None:
    make_course()
    said = hubtui("notify")
    assert (said.returncode, said.stdout[:17]) == (0, "Nobody is called:")
    assert hubtui("notify", "--test").returncode == 1
    with web(500) as here:
        CONFIG.write_text(f"{TEXT}{MAIL}  webhook: {here.url}\n")
        done = hubtui("notify", "--test")
    assert done.returncode == 1
    assert done.stdout == "Sent by mail to admin@example.org.\n"
    assert done.stderr.startswith("Not sent by a POST to 127.0.0.1:")
    assert box.subjects == ["A test of hubtui"]
    CONFIG.write_text(TEXT + MAIL)
    rows = json.loads(hubtui("notify", "--test", "--json").stdout)["test"]
    assert rows == [{"way": "by mail to admin@example.org", "sent": True, "why": ""}]


def test_doctor_says_when_nobody_is_called_and_who_could_change_the_command(
    machine: Machine, tmp_path: Path
) -> None:
    make_course()
    program = Path("/home/call")
    program.write_text("#!/bin/sh\n")
    for text, mode, found in (
        ("", 0o755, "notify.nobody"),
        (f"notify: {{command: [{program}]}}\n", 0o777, "notify.command"),
        (f"notify: {{command: [{program}]}}\n", 0o644, "notify.command"),
        (f"notify: {{command: [{program}]}}\n", 0o755, ""),
    ):
        program.chmod(mode)
        CONFIG.write_text(TEXT + text)
        findings = json.loads(hubtui("doctor", "--json").stdout)["findings"]
        ids = [one["id"] for one in findings if one["id"].startswith("notify.")]
        assert ids == ([found] if found else []), (text, mode)


# --- what due calls people for ------------------------------------------------------------------


@dataclasses.dataclass
class Minutes:
    """A course whose clock is turned by the test."""

    server: Server
    box: Mailbox
    now: datetime = MORNING - timedelta(hours=3)

    def __post_init__(self) -> None:
        self.server = dataclasses.replace(self.server, clock=lambda: self.now)
        live.make(self.server.live)

    def pass_(self, minutes: int = 1) -> list[str]:
        """The timer fires, this many times; what was said about troubles."""
        said = []
        for _ in range(minutes):
            self.now += MINUTE
            said += reminders.remind(self.server)
        return said

    def look(self) -> None:
        """The watchdog looks."""
        now = Now(
            at=self.now,
            took=50.0,
            state=State.UP,
            verdict=Verdict.UP,
            since=self.now,
            text="up",
            next_at=self.now + MINUTE,
        )
        live.write(self.server.live, now)


@pytest.fixture
def minutes(box: Mailbox, tmp_path: Path) -> Minutes:
    """A course with a mail address."""
    make_course()
    CONFIG.write_text(TEXT + MAIL)
    found = server_of(courses.load(CONFIG))
    return Minutes(dataclasses.replace(found, live=tmp_path / "live"), box)


def test_a_watchdog_that_is_silent_is_said_once_each_time(minutes: Minutes) -> None:
    minutes.pass_(20)
    assert minutes.box.subjects == [], "there is none"
    for _ in range(2):
        minutes.look()
        assert minutes.pass_(4) == []
        minutes.look()
        minutes.pass_(6)
        before = len(minutes.box.mails)
        minutes.pass_(30)
        assert len(minutes.box.mails) == before + 1
    assert set(minutes.box.subjects) == {"The watchdog is silent"}
    assert "has not looked at the hub for 7 minutes" in minutes.box.mails[0].get_content()


def test_a_machine_that_slept_is_no_silence(minutes: Minutes) -> None:
    minutes.look()
    minutes.pass_()
    minutes.now += timedelta(hours=9)
    minutes.pass_(2)
    minutes.look()
    minutes.pass_(4)
    assert minutes.box.subjects == []


def test_a_check_that_is_at_work_for_long_is_not_silent(minutes: Minutes) -> None:
    minutes.look()
    minutes.pass_()
    with (minutes.server.live / check.LOCK).open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        minutes.pass_(20)
    assert minutes.box.subjects == []
    minutes.pass_(5)
    assert minutes.box.subjects == ["The watchdog is silent"]


def test_a_watchdog_that_does_not_come_back_after_a_reboot_is_silent(minutes: Minutes) -> None:
    minutes.look()
    minutes.pass_()
    (minutes.server.live / live.NOW).unlink()
    minutes.pass_(5)
    assert minutes.box.subjects == []
    minutes.pass_(20)
    assert minutes.box.subjects == ["The watchdog is silent"]


def test_one_that_was_uninstalled_is_not(minutes: Minutes) -> None:
    minutes.look()
    minutes.pass_()
    reminders.forget_watchdog(minutes.server)
    minutes.pass_(30)
    assert minutes.box.subjects == []


def test_sign_ups_that_wait_are_said_once_a_day_as_a_number(minutes: Minutes) -> None:
    course = CourseOnDisk(minutes.server)
    course.sign_up("anna", "bert")
    course.sign_up("carl", authorised=True)
    minutes.now = MORNING - 2 * timedelta(hours=1)
    minutes.pass_(24 * 60)
    assert minutes.box.subjects == ["2 sign-ups wait for an answer"]
    minutes.pass_(24 * 60)
    assert len(minutes.box.mails) == 2
    assert not any("anna" in mail.get_content() for mail in minutes.box.mails)


def test_who_signs_up_after_the_count_is_counted_tomorrow(minutes: Minutes) -> None:
    course = CourseOnDisk(minutes.server)
    course.sign_up("carl", authorised=True)
    minutes.now = MORNING
    minutes.pass_(3)
    course.sign_up("anna")
    minutes.pass_(3)
    assert minutes.box.mails == []
    minutes.now += timedelta(days=1)
    minutes.pass_(3)
    assert minutes.box.subjects == ["1 sign-up waits for an answer"]


@pytest.fixture
def teaching(box: Mailbox, machine: Machine) -> Teaching:
    """Anna and Bert, and a sheet."""
    teaching = teach(machine, "anna", "bert")
    CONFIG.write_text(TEXT + RELEASE + MAIL)
    teaching.server = server_of(courses.load(CONFIG))
    teaching.sheet("week01", {"sheet.ipynb": "one"})
    return teaching


def test_a_release_that_did_not_reach_everybody_is_said_once(
    teaching: Teaching, box: Mailbox
) -> None:
    Path("/home/anna/exercises").symlink_to("/etc")
    teaching.push("week01")
    for _ in range(3):
        assert reminders.remind(teaching.server) == []
    assert box.subjects == ["A release did not reach 1 student"]
    text = box.mails[0].get_content()
    assert "week01: 1 failed, of 2 students." in text
    assert "anna" not in text
    Path("/home/anna/exercises").unlink()
    teaching.push("week01", again=True)
    reminders.remind(teaching.server)
    assert len(box.mails) == 1


def test_a_change_that_a_kill_left_is_said_once_and_names_nobody(
    teaching: Teaching, box: Mailbox
) -> None:
    now = datetime.now(UTC)
    one = dataclasses.replace(teaching.server, clock=lambda: now)
    plan = push.push_plan(one, survey(one), chosen.prepare(one, ["week01"]), to=["anna"])
    plan = msgspec.structs.replace(plan, title="Release week01 to anna")
    plans.save(STATE, plan)
    record = runs.RunRecord(id=plan.id, by="test", at=plan.at)
    path = runs.record_path(STATE, plan.id)
    write_document(path, record)
    os.utime(path, (0, 0))  # it was not started a moment ago
    assert reminders.remind(one) == []
    assert box.mails == []
    now += 11 * MINUTE
    for _ in range(3):
        assert reminders.remind(one) == []
    [mail] = box.mails
    assert f"hubtui journal resume {plan.id}" in mail.get_content()
    assert "anna" not in mail.get_content() + mail["Subject"]


def test_one_trouble_stops_nothing_else(minutes: Minutes, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise StateError("The live folder is on fire.")

    monkeypatch.setattr(reminders, "_watchdog", broken)
    CourseOnDisk(minutes.server).sign_up("anna")
    minutes.now = MORNING
    assert minutes.pass_() == ["Not looked at: The live folder is on fire."]
    assert minutes.box.subjects == ["1 sign-up waits for an answer"]


def test_a_broken_record_of_a_run_keeps_no_other_back(teaching: Teaching, box: Mailbox) -> None:
    folder = STATE / "runs"
    folder.mkdir(parents=True)
    broken = folder / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-0000.json"
    broken.write_text("{")
    os.utime(broken, (0, 0))
    Path("/home/anna/exercises").symlink_to("/etc")
    teaching.push("week01")
    assert reminders.remind(teaching.server) == []
    assert box.subjects == ["A release did not reach 1 student"]


def test_the_timer_calls(minutes: Minutes) -> None:
    notify.call(dataclasses.replace(minutes.server, clock=lambda: datetime.now(UTC)), DOWN)
    assert len(minutes.box.mails) == 1
    known = json.loads((STATE / notify.FILE).read_text())
    [one] = known["called"].values()
    one |= {"left": ["mail"], "tried": "2026-01-01T00:00:00Z"}
    (STATE / notify.FILE).write_text(json.dumps(known))
    done = hubtui("due")
    assert (done.returncode, done.stderr) == (0, "")
    assert minutes.box.subjects == ["JupyterHub is down"] * 2
