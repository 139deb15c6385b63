"""What the glance says of a real hub and a real machine: each fault planted, seen, and mended."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from hubtui import pauses, signups, usage
from hubtui.demo.form import sign_up
from hubtui.findings import Finding, Severity, State
from hubtui.glance import machine as machine_line
from hubtui.glance import watchdog
from hubtui.plan import plans, runs
from hubtui.server import Server, machine
from hubtui.state import write_document
from hubtui.students import survey
from tests.course_on_disk import CONFIG, STATE, hubtui
from tests.glances import OF_THE_MACHINE, glance, line, look, need_somebody
from tests.hostile_home import stuck, while_student
from tests.pressure import NoPressure, killed_for_memory
from tests.sandboxed import Machine
from tests.watched import FOLDER, LOGS, PASSWORD, Watched, eventually, watched
from tests.webserver import NAME, PROGRAM, Apache, apache

pytestmark = [
    pytest.mark.hub,
    pytest.mark.skipif(not PROGRAM.exists(), reason="Apache is missing: apt install apache2-bin"),
]
HOUR = timedelta(hours=1)
TAKES = """
data = b"x" * {bytes}
print("ready", flush=True)
import time; time.sleep(600)
"""
TAKES_A_PORT = """
import socket, time
server = socket.create_server(("127.0.0.1", {port}))
print("ready", flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def pair(_machine: Machine) -> Iterator[tuple[Watched, Apache]]:
    _machine.restore()
    with watched(_machine) as course, apache(FOLDER / "apache") as web:
        FOLDER.chmod(0o711)  # Apache's workers are www-data
        web.serve(f"ProxyPass / {course.hub.url}/ upgrade=websocket")
        yield course, web


@pytest.fixture
def web(pair: tuple[Watched, Apache], monkeypatch: pytest.MonkeyPatch) -> Apache:
    monkeypatch.setenv("SSL_CERT_FILE", str(pair[1].ca_file))
    return pair[1]


@pytest.fixture
def course(pair: tuple[Watched, Apache], web: Apache) -> Watched:
    """A course in which all is well, with nothing of the test before."""
    course, _ = pair
    for folder in (Path("/run/hubtui"), STATE, *LOGS.glob("*.log")):
        shutil.rmtree(folder) if folder.is_dir() else folder.unlink(missing_ok=True)
    course.configure("notify:\n  command: [/bin/true]\n", hub_keys=f"  url: {web.url}\n")
    course.checks_until(lambda now: now.text.startswith("All is well"))
    return course


def needs(server: Server, key: str) -> dict[str, Finding]:
    """What of one line needs somebody, but for what this machine really has."""
    found = need_somebody(look(server, key).findings)
    return {id_: finding for id_, finding in found.items() if id_ not in OF_THE_MACHINE}


def grace(seconds: int) -> None:
    """How long a hub counts as starting."""
    text = re.sub(r"grace: \d+", f"grace: {seconds}", CONFIG.read_text())
    CONFIG.write_text(text)


def later(server: Server, length: timedelta) -> Server:
    """The same server, whose clock goes ahead."""
    return replace(server, clock=lambda: datetime.now().astimezone() + length)


def student(name: str, uid: int) -> Path:
    """A course account, made once."""
    try:
        pwd.getpwnam(name)
    except KeyError:
        words = ["useradd", "--uid", str(uid), "--create-home", "--key", "HOME_MODE=0700"]
        subprocess.run([*words, "--groups", "all_user", "--", name], check=True)
    return Path("/home", name)


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """A small disk of its own."""
    folder.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"mode=0711,{options}", "tmpfs", str(folder)]
    subprocess.run(command, check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


# --- all is well --------------------------------------------------------------------------------


def test_a_course_in_which_all_is_well_has_nothing_that_needs_somebody(course: Watched) -> None:
    seen = glance(course.server)
    assert need_somebody(seen.findings).keys() <= OF_THE_MACHINE
    assert seen.missing == ()
    lines = {one.key: one for one in seen.lines if one.key != "machine"}
    assert {one.state for one in lines.values()} == {State.FINE}
    assert lines["hub"].text.startswith("up since today")
    assert "log-in page in " in lines["hub"].text
    assert lines["students"].text.startswith("0 accounts, 0 servers running")
    assert lines["signups"].text == "none waits, 0 authorised"
    assert lines["release"].text == "no release in course.yaml"
    assert lines["watchdog"].text.endswith("s ago, 0 restarts in 7 days")
    assert lines["certificate"].text in (f"90 days left, {NAME}", f"89 days left, {NAME}")
    assert " memory free" in line(seen, "machine")[1]


# --- the hub ------------------------------------------------------------------------------------


def test_a_hub_that_answers_and_says_in_its_log_that_it_does_not_work(course: Watched) -> None:
    with course.hub.log.open("a") as log:
        log.write("OSError: [Errno 24] Too many open files\n")
    finding = needs(course.server, "hub")["hub.failing"]
    assert finding.text.startswith("The hub had as many files and connections open")
    assert finding.do.startswith("LimitNOFILE=65536")
    course.checks_until(lambda now: now.text.startswith("All is well"))
    assert needs(course.server, "hub") == {}


def test_a_dead_hub_is_seen_at_once_and_said_once(course: Watched) -> None:
    course.kill(course.hub_pid)
    assert course.now.text.startswith("All is well"), "the watchdog has not looked since"
    seen = glance(course.server)
    (finding,) = [each for each in seen.findings if each.severity is Severity.CRITICAL]
    assert finding.id == "hub.down"
    assert finding.text == "The hub is gone: no process, and nobody on its port."
    assert finding.do == "sudo hubtui watchdog restart"
    assert line(seen, "hub")[0] is State.CRITICAL
    port = course.hub.api.rpartition(":")[2].partition("/")[0]
    student("zoe", 20090)
    with while_student("zoe", TAKES_A_PORT.format(port=port)):
        finding = needs(course.server, "hub")["hub.port"]
        assert finding.severity is Severity.CRITICAL
        assert "uid 20090" in finding.text
    course.checks_until(lambda now: now.text.startswith("All is well"))
    assert needs(course.server, "hub") == {}


def test_a_hub_that_does_not_answer(course: Watched) -> None:
    pid = course.hub_pid
    course.kill(pid, number=signal.SIGSTOP)
    try:
        grace(3600)
        (young,) = needs(course.server, "hub").values()
        grace(0)
        began = time.monotonic()
        (old,) = needs(course.server, "hub").values()
        assert time.monotonic() - began < 10
    finally:
        course.kill(pid, number=signal.SIGCONT)
    assert (young.id, young.text) == ("hub.starting", "The hub is starting.")
    assert old.id in ("hub.down", "hub.slow")
    assert "has not answered in time" in old.text
    eventually(course.is_up)
    assert needs(course.server, "hub") == {}


def test_a_proxy_that_is_gone(course: Watched) -> None:
    grace(0)
    course.kill(course.proxy_pid)
    (finding,) = needs(course.server, "hub").values()
    assert (finding.id, finding.do) == ("hub.proxy", "sudo hubtui watchdog restart")
    assert "proxy" in finding.text
    eventually(course.is_up)  # the hub itself starts another one
    eventually(lambda: needs(course.server, "hub") == {})


def test_a_token_that_the_hub_does_not_know(course: Watched) -> None:
    token = course.hub.token_file
    before = token.read_text()
    token.write_text("0123456789abcdef")
    finding = needs(course.server, "hub")["hub.token"]
    assert "it does not know the token" in finding.text
    assert finding.do == "sudo hubtui doctor"
    token.write_text(before)
    assert needs(course.server, "hub") == {}
    token.rename(token.with_suffix(".away"))
    part = look(course.server, "hub")
    assert part.line.state is State.UNKNOWN
    assert "cannot be read: No such file" in part.missing[0].why
    token.with_suffix(".away").rename(token)


def test_a_log_in_page_that_takes_long(course: Watched) -> None:
    course.configure("limits: {latency: [0.1, 60000]}\n")
    finding = needs(course.server, "hub")["hub.slow"]
    assert finding.text.startswith("The log-in page takes 0.")
    course.configure()
    assert needs(course.server, "hub") == {}


# --- the machine --------------------------------------------------------------------------------


def test_a_disk_that_is_full(course: Watched) -> None:
    with mounted(STATE, "size=1m"):
        assert needs(course.server, "machine") == {}
        (STATE / "large").write_bytes(b"x" * 900_000)
        (finding,) = full(course.server)
        assert (finding.severity, finding.row) == (Severity.WARNING, str(STATE))
        (STATE / "larger").write_bytes(b"x" * 100_000)
        (finding,) = full(course.server)
        assert finding.severity is Severity.CRITICAL
        assert finding.text == f"{STATE} has only 45 kB of 1 MB left."
        assert finding.do == f"What takes it: sudo du -xhd1 {STATE} | sort -h | tail"
        (STATE / "large").unlink()
        assert full(course.server) == []


def full(server: Server) -> list[Finding]:
    """The findings on the disk of state_dir."""
    found = look(server, "machine").findings
    return [each for each in found if each.row == str(STATE)]


def test_a_disk_without_room_for_more_files(course: Watched) -> None:
    with mounted(STATE, "size=1m,nr_inodes=20"):
        for number in range(18):
            (STATE / f"file-{number}").touch()
        (finding,) = full(course.server)
        assert (finding.id, finding.severity) == ("machine.inodes", Severity.CRITICAL)
        assert "room for only 1 more file" in finding.text
        for number in range(18):
            (STATE / f"file-{number}").unlink()
        assert full(course.server) == []


def test_a_disk_that_cannot_be_written(course: Watched) -> None:
    with mounted(STATE, "size=1m"):
        subprocess.run(["mount", "-o", "remount,ro", str(STATE)], check=True)
        (finding,) = full(course.server)
        assert finding.id == "machine.read_only"
        subprocess.run(["mount", "-o", "remount,rw", str(STATE)], check=True)
        assert full(course.server) == []


LOOKS = """
import sys
from pathlib import Path
from hubtui import course
from hubtui.glance.sources import gatherer
from hubtui.server import server_of
seen = gatherer(server_of(course.load(Path(sys.argv[1])))).look(5)
for line in seen.lines:
    print(line.key, line.state)
for missing in seen.missing:
    print(missing.what, missing.why, sep=": ")
"""


def test_a_mount_that_never_answers_delays_its_own_lines_alone(course: Watched) -> None:
    place = Path("/srv/stuck")
    shutil.rmtree(place, ignore_errors=True)
    course.configure()
    CONFIG.write_text(CONFIG.read_text().replace("homes: /home", f"homes: {place}"))
    with stuck(place, "root"):
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-c", LOOKS, str(CONFIG)], capture_output=True, text=True, timeout=60
        )
        assert time.monotonic() - began < 20, "it waited for it at its end"
    assert "hub fine" in done.stdout
    assert "watchdog fine" in done.stdout
    assert "students unknown" in done.stdout
    assert "machine unknown" in done.stdout
    assert f"filesystem of {place}: it does not answer" in done.stdout


def test_numbers_of_the_machine_that_are_over_their_limit(course: Watched) -> None:
    course.configure("limits: {memory_free: [100, 0], load: [0, 1000]}\n")
    found = need_somebody(look(course.server, "machine").findings)
    assert "of memory are free" in found["machine.memory"].text
    assert found["machine.memory"].do == "sudo hubtui accounts stop --idle 60"
    assert "processes want each core" in found["machine.load"].text
    course.configure()
    assert needs(course.server, "machine") == {}


def test_a_process_that_the_kernel_ended_is_told_for_a_day(course: Watched) -> None:
    usage.note(course.server)
    before = usage.read(STATE).oom_kills
    try:
        killed_for_memory()
    except NoPressure as e:
        pytest.skip(str(e))
    found = need_somebody(look(course.server, "machine").findings)["machine.oom"]
    assert found.text == "The kernel ended 1 process for want of memory."
    usage.note(course.server)
    known = usage.read(STATE)
    assert known.oom_kills == (before or 0) + 1
    found = need_somebody(look(later(course.server, 23 * HOUR), "machine").findings)["machine.oom"]
    assert found.text.startswith("The kernel ended 1 process for want of memory, the last one ")
    found_later = need_somebody(look(later(course.server, 25 * HOUR), "machine").findings)
    assert "machine.oom" not in found_later


def test_a_reboot_that_is_wanted(course: Watched) -> None:
    machine_line.REBOOT.touch()
    (finding,) = [f for f in look(course.server, "machine").findings if f.id == "machine.reboot"]
    assert finding.severity is Severity.NOTE
    machine_line.REBOOT.unlink()
    assert "machine.reboot" not in {f.id for f in look(course.server, "machine").findings}


# --- students and sign-ups ----------------------------------------------------------------------


def test_a_student_whose_programs_take_most_of_the_memory(course: Watched) -> None:
    student("anna", 20001)
    total = machine.numbers().total
    share = 100 * 300e6 / total
    course.configure(f"limits: {{student_memory: [{share / 2:.4f}, 90]}}\n")
    assert needs(course.server, "students") == {}
    with while_student("anna", TAKES.format(bytes=300_000_000)):
        part = look(course.server, "students")
        assert "most memory: anna 3" in part.line.text
        (finding,) = part.findings
        assert (finding.id, finding.pane, finding.row) == ("students.memory", "accounts", "anna")
        assert finding.do == "sudo hubtui accounts stop anna"
    eventually(lambda: needs(course.server, "students") == {})


SERVER = """
import ctypes, sys, time
ctypes.CDLL(None).prctl(4, 0)  # PR_SET_DUMPABLE: from here on /proc/PID is root's
data = b"x" * 50_000_000
print("ready", flush=True)
time.sleep(600)
"""


def test_the_minutely_job_notes_the_peaks_of_the_day_and_new_sign_ups(course: Watched) -> None:
    student("anna", 20001)
    program = FOLDER / "jupyterhub-singleuser"
    program.write_text(SERVER)
    anna = [sys.executable, str(program), "ipykernel"]
    assert sign_up(course.hub.url, "dora", PASSWORD).ok
    with subprocess.Popen(anna, user=20001, group=20001, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert hubtui("due").returncode == 0
        assert "1 server running; most memory: anna 5" in look(course.server, "students").line.text
        process.kill()
    (day,) = usage.read(STATE).days
    assert (day.servers, day.server) == (1, day.students)
    assert 50_000_000 < day.typical == day.server < 100_000_000
    assert "anna" not in (STATE / usage.FILE).read_text()
    assert "the oldest for 1 h" in look(later(course.server, HOUR), "signups").line.text
    with sqlite3.connect(course.hub.database.removeprefix("sqlite:///")) as database:
        database.execute("delete from users_info where username = 'dora'")
    database.close()


def test_without_root_what_cannot_be_seen_is_not_called_fine(course: Watched) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOOKS, str(CONFIG)],
        capture_output=True,
        text=True,
        user=65534,
        group=65534,
        extra_groups=[],
        timeout=60,
    )
    lines = done.stdout.splitlines()
    assert {"hub unknown", "signups unknown", "watchdog unknown"} <= set(lines), done.stderr
    assert "watchdog: root alone can see it: sudo hubtui status" in lines
    assert done.stderr == ""


def test_accounts_that_are_not_as_they_should_be_are_one_finding(course: Watched) -> None:
    homes = [student("anna", 20001), student("bert", 20002)]
    assert needs(course.server, "students") == {}
    os.chown(homes[0], 0, 0)
    finding = needs(course.server, "students")["students.drift"]
    assert finding.text.startswith("The home /home/anna of anna belongs to uid 0 (root), not to")
    assert (finding.row, finding.do) == ("anna", "sudo hubtui accounts repair anna")
    homes[1].rename("/home/.away")
    finding = needs(course.server, "students")["students.drift"]
    assert finding.text.startswith(
        "2 accounts, sign-ups or homes are not as they should be: 1 × home "
    )
    Path("/home/.away").rename(homes[1])
    os.chown(homes[0], 20001, -1)
    subprocess.run(["usermod", "--append", "--groups", "sudo", "bert"], check=True)
    finding = needs(course.server, "students")["students.powerful"]
    assert "in the group sudo" in finding.text
    assert finding.severity is Severity.CRITICAL, "bert could become root"
    subprocess.run(["gpasswd", "--delete", "bert", "sudo"], check=True)
    assert needs(course.server, "students") == {}


def test_a_sign_up_that_waits_for_days_and_one_that_cannot_be_approved(course: Watched) -> None:
    for name in ("carl", "root"):
        assert sign_up(course.hub.url, name, PASSWORD).ok
    server = course.server
    signups.first_seen(server, survey(server))
    part = look(later(server, HOUR), "signups")
    assert part.line.text == "2 wait, the oldest for 1 h: 1 ready; 0 authorised"
    (refused,) = part.findings
    assert (refused.id, refused.severity) == ("signups.refused", Severity.NOTE)
    assert "root is reserved" in refused.text
    finding = needs(later(server, 49 * HOUR), "signups")["signups.waiting"]
    assert finding.text == "carl has been waiting for an answer for 2 d."
    assert finding.do == "sudo hubtui signups approve --all"
    seen = {one.name: str(one.id) for one in survey(server).sign_ups}
    assert (finding.row, refused.row) == (seen["carl"], seen["root"])
    course.hub.authorise("carl")
    with sqlite3.connect(course.hub.database.removeprefix("sqlite:///")) as database:
        database.execute("delete from users_info where username = 'root'")
    database.close()
    assert look(later(server, 49 * HOUR), "signups").findings == ()


# --- the watchdog -------------------------------------------------------------------------------


def test_a_watchdog_that_is_silent(course: Watched) -> None:
    assert needs(course.server, "watchdog") == {}
    finding = needs(later(course.server, timedelta(minutes=6)), "watchdog")["watchdog.silent"]
    assert finding.text == "The watchdog has not looked for 6 min: nobody would restart the hub."
    assert needs(later(course.server, timedelta(minutes=1)), "watchdog") == {}
    finding = needs(later(course.server, -2 * HOUR), "watchdog")["watchdog.silent"]
    assert "has not looked since the clock was set back" in finding.text


def test_a_watchdog_that_was_never_there_or_did_not_come_back(course: Watched) -> None:
    shutil.rmtree("/run/hubtui")
    (finding,) = look(course.server, "watchdog").findings
    assert (finding.id, finding.severity) == ("watchdog.none", Severity.NOTE)
    installed = watchdog.INSTALLED[1]
    installed.parent.mkdir(exist_ok=True)
    installed.touch()
    try:
        finding = needs(course.server, "watchdog")["watchdog.silent"]
        assert "has not looked since this machine started" in finding.text
        course.check()
        assert look(course.server, "watchdog").findings == ()
    finally:
        installed.unlink()


def test_a_pause_that_was_forgotten(course: Watched) -> None:
    server = course.server
    pauses.pause(STATE, None, "ada", "", server.clock() - 13 * HOUR)
    part = look(server, "watchdog")
    assert part.line.text.startswith("paused, checked ")
    finding = need_somebody(part.findings)["watchdog.paused"]
    assert "paused until somebody resumes, by ada" in finding.text
    assert finding.do == "sudo hubtui watchdog resume"
    pauses.resume(STATE, "ada", server.clock())
    assert needs(server, "watchdog") == {}


def test_a_hub_that_is_restarted_more_often_than_usual(course: Watched) -> None:
    now = course.server.clock().astimezone()
    begins = [(now - timedelta(hours=3 * n)).isoformat(timespec="minutes") for n in range(12)]
    (LOGS / "restarts.log").write_text("".join(f"{at}: Server down\n" for at in begins[::-1]))
    part = look(course.server, "watchdog")
    assert part.line.text.endswith("12 restarts in 7 days")
    assert need_somebody(part.findings).keys() == {"watchdog.restarts"}
    (LOGS / "restarts.log").unlink()
    assert needs(course.server, "watchdog") == {}


def test_a_cause_that_comes_again_is_told_with_its_cure(course: Watched) -> None:
    from hubtui.watchdog import incidents
    from hubtui.watchdog.records import Incident, Outcome, Restart, Verdict

    for number in range(3):
        at = course.server.clock() - timedelta(days=number + 1)
        restart = Restart(at=at, outcome=Outcome.UP, up_at=at + timedelta(seconds=30))
        incident = Incident(
            id=incidents.new_id(at),
            at=at,
            over=restart.up_at,
            verdict=Verdict.HUB_DEAD,
            text="gone",
            cause="oom-kernel",
            restarts=(restart,),
        )
        incidents.record(STATE, incident)
    (finding,) = look(course.server, "watchdog").findings
    assert (finding.id, finding.severity) == ("watchdog.restarts", Severity.NOTE)
    assert finding.text.endswith("3 times in 7 days, 3 of them for: memory used up.")
    assert "jupyterhub-idle-culler" in finding.do


def test_nobody_is_called(course: Watched) -> None:
    assert "notify.nobody" not in {each.id for each in look(course.server, "watchdog").findings}
    course.configure()
    assert "notify.nobody" in {each.id for each in look(course.server, "watchdog").findings}


def test_a_change_that_a_kill_left(course: Watched) -> None:
    server = course.server
    plan = plans.new_plan("stop", "Stop 3 servers", [], server.clock())
    plans.save(STATE, plan)
    record = runs.record_path(STATE, plan.id)
    write_document(record, runs.RunRecord(id=plan.id, by="ada", at=plan.at))
    os.utime(record, (1e9, 1e9))
    finding = needs(server, "watchdog")["change.unfinished"]
    assert finding.text == "A change was ended before it was through: Stop 3 servers."
    assert finding.do == f"sudo hubtui journal resume {plan.id}"
    runs.drop(STATE, plan.id, server.clock())
    assert needs(server, "watchdog") == {}


# --- the public address -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "severity", "text"),
    [
        (9.5, Severity.WARNING, f"The certificate of {NAME} ends in 9 days."),
        (1, Severity.CRITICAL, f"The certificate of {NAME} ends in 24 hours."),
        (-1, Severity.CRITICAL, "its certificate is not good: certificate has expired."),
    ],
)
def test_a_certificate_that_ends(
    course: Watched, web: Apache, days: float, severity: Severity, text: str
) -> None:
    way = f"ProxyPass / {course.hub.url}/ upgrade=websocket"
    web.serve(way, certificate=web.certificate(days=days))
    assert needs(course.server, "certificate") == {}, "the watchdog looked just now"
    shutil.rmtree("/run/hubtui")  # from here on it is asked
    (finding,) = needs(course.server, "certificate").values()
    assert finding.id == ("certificate.ends" if days > 0 else "certificate.bad")
    assert finding.severity is severity
    assert text in finding.text
    assert finding.do.startswith("certbot renew")
    web.serve(way)
    assert needs(course.server, "certificate") == {}


def test_a_web_server_that_is_gone_or_leads_elsewhere(course: Watched, web: Apache) -> None:
    way = f"ProxyPass / {course.hub.url}/ upgrade=websocket"
    shutil.rmtree("/run/hubtui")
    web.stop()
    finding = needs(course.server, "certificate")["web.down"]
    assert finding.text == f"Students cannot open {NAME}: nobody listens there."
    web.serve("ProxyPass / http://127.0.0.1:9/")
    assert "it answers 503" in needs(course.server, "certificate")["web.down"].text
    web.serve(way, certificate=web.certificate("other.example.test"))
    assert "Hostname mismatch" in needs(course.server, "certificate")["certificate.bad"].text
    web.serve(way)
    assert needs(course.server, "certificate") == {}
