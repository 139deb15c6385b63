"""Evidence: what is taken out of lines, what collectors read, and that none holds up the others."""

from __future__ import annotations

import os
import re
import sqlite3
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubtui.errors import CommandFailed
from hubtui.server import filelocks
from hubtui.server.run import Result
from hubtui.watchdog import causes, collectors, evidence, incidents, telling
from hubtui.watchdog.records import Evidence, Got, Layer, Probe, Verdict
from hubtui.watchdog.scrub import ADDRESS, LONGEST, MAIL, NAME, SECRET, scrub

LOGS = Path(__file__).parents[1] / "data" / "hub-logs"
AT = datetime(2026, 11, 25, 8, 22, 7, tzinfo=UTC)


def one(line: str, *names: str) -> str:
    return scrub([line], names)[0]


# --- scrub ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "clean"),
    [
        ("User anna took 22.785 seconds to start", f"User {NAME} took 22.785 seconds to start"),
        ("200 GET /hub/user/anna/lab (anna@10.1.2.3) 3ms", None),
        ("201 POST /hub/api/users/anna/server (anna@::1) 3ms", None),
        ("OSError: '/home/anna/exercises'", f"OSError: '/home/{NAME}/exercises'"),
        ("anna's server never showed up at http://127.0.0.1:35765/user/anna/ after 4", None),
        ("User logged in: anna", f"User logged in: {NAME}"),
        ("getpwnam(): name not found: 'anna'", f"getpwnam(): name not found: {NAME}"),
        ("Adding role user for User: anna", f"Adding role user for User: {NAME}"),
        ("Creating oauth client jupyterhub-user-anna", None),
        ("task_memcg=/system.slice/jupyter-anna.service,task=python3", None),
        ("Failed login for anna", f"Failed login for {NAME}"),
        ("\x1b[32manna\x1b[0m is here", None),
        ("mail to anna@uni.example.org now", f"mail to {MAIL} now"),
        ("connect from 192.168.1.20:443", f"connect from {ADDRESS}:443"),
        ("[client 2001:db8::17:2a]:33820", f"[client {ADDRESS}]:33820"),
        ("::ffff:192.0.2.7 - -", f"{ADDRESS} - -"),
        ("http://[fe80::1%eth0]:80", f"http://[{ADDRESS}%eth0]:80"),
        ("GET /hub/login?token=abcDEF123&next=%2F", f"GET /hub/login?token={SECRET}&next=%2F"),
        ('"Authorization": "token [secret]"', f'"Authorization": {SECRET}'),
        ("Cookie: jupyterhub-session-id=abc; _xsrf=x", f"Cookie: {SECRET}"),
        ("Setting new xsrf cookie for b'None:H__c=' {'path'", None),
        ("_xsrf=2|abc|def", f"_xsrf={SECRET}"),
        ("/hub/oauth_callback?code=Ab1&state=eyJ", None),
        ("key 0123456789abcdef0123 used", f"key {SECRET} used"),
        ("kernel de19fdaf-c07d-4a66-8cdc-8449d46f85d3 restarted", f"kernel {SECRET} restarted"),
        ("token A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6 is", None),
    ],
)
def test_taken_out(line: str, clean: str | None) -> None:
    found = one(line)
    assert "anna" not in found or "\x1b[32m" in line
    assert not re.search(r"abcDEF|session-id|H__c|\|abc|Ab1|eyJ|A1b2", found)
    if clean is not None:
        assert found == clean


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-22T21:49:02.870Z [ConfigProxy] error: 503 GET / connect ECONNREFUSED 127.0.0.1:80",
        "[W 2026-11-22 21:49:02.019 JupyterHub metrics:500] Event loop was unresponsive!",
        "Out of memory: Killed process 216 (python3) total-vm:595612kB, UID:0 pgtables:1204kB",
        "jupyterhub.service: Main process exited, code=killed, status=9/KILL",
        "listening on [::1]:8081 and on ::",
        "std::vector, 08:22:07",
        "    sqlalchemy.exc.OperationalError: (sqlite3.OperationalError) database is locked",
    ],
)
def test_what_nobody_is_known_by_stays(line: str) -> None:
    assert one(line, "anna") == line


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("jupyter-anna-b.service ended", "anna-b"),
        ("ANNA logs in", "anna"),
        ("/data/anna_b/x", "anna_b"),
        ("(müller)", "müller"),
        ("for dom\\anna.", "dom\\anna"),
        ("\x1b[32manna\x1b[0m", "anna"),
    ],
)
def test_known_names_go_wherever_they_stand(text: str, name: str) -> None:
    assert name.lower() not in one(text, name, "xaver").lower()
    assert NAME in one(text, name)


def test_a_word_that_only_holds_a_name_stays() -> None:
    assert one("joanna savannah", "anna") == "joanna savannah"


NAMES = st.from_regex(r"[a-z][a-z0-9_-]{1,20}[a-z0-9]", fullmatch=True)
AROUND = st.sampled_from([" ", "/", "'", "(", ")", "=", ":", "\x1b[31m", "\n", "@", ",", "-", "."])


@given(st.text(max_size=30), AROUND, NAMES, AROUND, st.text(max_size=30))
def test_no_known_name_survives(before: str, left: str, name: str, right: str, after: str) -> None:
    found = one(f"{before}{left}{name}{right}{after}", name)
    outside = re.sub(r"<(?:name|mail|address|secret)>|\\[nrtx][0-9a-f]{0,2}", " ", found)
    assert not re.search(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", outside)


@given(st.text(max_size=20), st.ip_addresses(), st.sampled_from([" ", "/", "'", "(", "[", "="]))
def test_no_address_survives(before: str, address: object, left: str) -> None:
    text = str(address)
    own = text.startswith(("127.", "0.0.0.0", "::ffff:127.")) or text in ("::", "::1")
    found = one(f"{before}{left}{text} and more")
    assert own or text not in found


@given(st.text(max_size=20), st.emails(), st.from_regex(r"[0-9a-f]{20,64}", fullmatch=True))
def test_no_mail_address_and_no_token_survives(before: str, mail: str, token: str) -> None:
    found = one(f"{before} {token} <{mail}>")
    assert token not in found
    assert mail not in found


@given(st.lists(st.text(), max_size=5), st.lists(st.text(max_size=12), max_size=3))
def test_it_never_raises_and_what_comes_is_safe(lines: list[str], names: list[str]) -> None:
    found = scrub(lines, names)
    assert len(found) == len(lines)
    assert all(line.isprintable() and len(line) <= LONGEST for line in found)


@pytest.mark.parametrize("piece", ["a", "a@", "1:", "'", "(", "A1b-", "user ", "token=", "0", ":"])
def test_a_hostile_line_takes_no_long_time(piece: str) -> None:
    began = time.monotonic()
    scrub([piece * (1000 // len(piece))] * 200, ["anna"])
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("path", sorted(LOGS.glob("*.log")), ids=lambda path: path.name)
def test_what_a_log_says_of_the_cause_is_still_there(path: Path) -> None:
    lines = path.read_text("utf-8", "replace").splitlines()
    assert causes.of_log(scrub(lines, ["s1", "lab", "teacher"])) == causes.of_log(lines)


def test_thousands_of_names_cost_no_more_than_one() -> None:
    lines = (LOGS / "database-full.api.log").read_text().splitlines()
    began = time.monotonic()
    scrub(lines, [f"student{number}" for number in range(5000)])
    assert time.monotonic() - began < 10


# --- side by side --------------------------------------------------------------------------------


def test_a_task_that_hangs_holds_up_nobody() -> None:
    stop = threading.Event()
    began = time.monotonic()
    found, missing = evidence.gather({"hangs": stop.wait, "works": lambda: 7}, 0.3)
    took = time.monotonic() - began
    stop.set()
    assert found == {"works": 7}
    assert missing == ("hangs: no answer within 0.3 s.",)
    assert took < 5


def test_a_task_that_fails_says_why() -> None:
    def refused() -> None:
        raise CommandFailed("dmesg is not installed on this server.")

    def broken() -> None:
        raise FileNotFoundError(2, "No such file or directory", "/proc/x")

    def wrong() -> None:
        raise ValueError("a\x1b[31m")

    found, missing = evidence.gather({"a": refused, "b": broken, "c": wrong}, 5)
    assert found == {}
    assert missing == (
        "a: dmesg is not installed on this server.",
        "b: /proc/x: No such file or directory.",
        "c: ValueError: a\\x1b[31m.",
    )


# --- collectors ----------------------------------------------------------------------------------

DMESG = (LOGS / "oom-kernel.dmesg.log").read_text()


class Commands:
    """Stands in for programs that need a machine that has run out of memory."""

    def __init__(self, **said: str) -> None:
        self.said = said

    def __call__(
        self,
        argv: Sequence[str],
        *,
        timeout: float = 60.0,
        stdin: str | None = None,
        hold: int | None = None,
    ) -> Result:
        if argv[0] not in self.said:
            raise CommandFailed(f"{argv[0]} is not installed on this server.")
        return Result(tuple(argv), 0, self.said[argv[0]], "")


class TestKernel:
    def test_the_memory_lines_of_the_journal(self) -> None:
        text = (LOGS / "oom-kernel.journal.log").read_text() + "vm kernel: eth0 is up\n"
        found = collectors.kernel(Commands(journalctl=text), 5000.0, 4)
        assert len(found) > 5
        assert not any("eth0" in line for line in found)

    def test_without_a_journal_those_of_dmesg_in_the_last_hour(self) -> None:
        run = Commands(journalctl="", dmesg=DMESG)
        found = collectors.kernel(run, 4300.0, 4)
        assert [line for line in found if "Killed process 3581 (python3)" in line]
        assert not any("[ 4277" in line for line in found)
        assert collectors.kernel(run, 4277.0 + 3700, 4) == []

    def test_without_both_it_fails(self) -> None:
        with pytest.raises(CommandFailed):
            collectors.kernel(Commands(), 4300.0, 4)


class TestUpgraded:
    def log(self, monkeypatch: pytest.MonkeyPatch, folder: Path, lines: str) -> None:
        path = folder / "dpkg.log"
        path.write_text(lines)
        monkeypatch.setattr(collectors, "_DPKG", path)

    def test_names_of_the_last_day(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        def when(hours: int) -> str:
            return f"{(AT - timedelta(hours=hours)).astimezone():%Y-%m-%d %H:%M:%S}"

        self.log(
            monkeypatch,
            tmp_path,
            f"{when(30)} upgrade old:amd64 1 2\n{when(3)} upgrade libssl3:amd64 1 2\n"
            f"{when(2)} status installed libssl3:amd64 2\n{when(1)} install a\x1b:all <none> 1\n"
            "garbage\n\xff\n",
        )
        assert collectors.upgraded(AT) == ("a\\x1b", "libssl3")

    def test_none(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        self.log(monkeypatch, tmp_path, "")
        assert collectors.upgraded(AT) == ()


def test_the_units_last_run_and_its_settings() -> None:
    text = "Result=oom-kill\nKillMode=control-group\nOOMPolicy=stop\nOther=x\n"
    found = collectors.unit_state(Commands(systemctl=text), "jupyterhub.service", 4)
    assert found == {"Result": "oom-kill", "KillMode": "control-group", "OOMPolicy": "stop"}


def test_a_disk_is_called_by_its_mount_and_a_folder_that_is_not_there_by_the_one_above() -> None:
    assert collectors.disk(Path("/proc/self/nothing/there")).path == "/proc"


def test_memory_by_uid_is_that_of_the_largest() -> None:
    found = collectors.memory_by_uid()
    sizes = [size for _, size in found]
    assert 1 <= len(found) <= 8
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 1_000_000


class TestLocks:
    @pytest.fixture
    def database(self, tmp_path: Path) -> Path:
        path = tmp_path / "hub.sqlite"
        with sqlite3.connect(path) as connection:
            connection.execute("create table t (a)")
        connection.close()
        return path

    def test_who_writes_and_who_reads(self, database: Path) -> None:
        assert filelocks.holders(database) == set()
        connection = sqlite3.connect(database, isolation_level=None)
        connection.execute("begin immediate")
        held = filelocks.holders(database)
        connection.execute("rollback")
        assert filelocks.Held(os.getpid(), is_write=True) in held
        assert filelocks.holders(database) == set()
        connection.execute("begin")
        connection.execute("select * from t").fetchall()
        held = filelocks.holders(database)
        connection.close()
        assert held == {filelocks.Held(os.getpid(), is_write=False)}

    def test_another_file_of_this_number_is_not_meant(self, database: Path) -> None:
        number = database.stat().st_ino
        text = f"1: POSIX  ADVISORY  WRITE 1 00:01:{number} 1073741825 1073741825\n"
        ((held, device),) = filelocks.parse(text, number)
        assert (held, device) == (filelocks.Held(1, is_write=True), os.makedev(0, 1))
        assert device != database.stat().st_dev

    def test_those_who_wait_hold_nothing(self) -> None:
        text = "1: -> POSIX  ADVISORY  WRITE 1 00:01:5 0 EOF\n2: LEASE  ACTIVE READ 3 00:01:5 0 EOF"
        assert list(filelocks.parse(text, 5)) == []

    @given(st.text())
    def test_anything_can_be_read(self, text: str) -> None:
        list(filelocks.parse(text, 5))


# --- told ----------------------------------------------------------------------------------------


def test_sections_are_safe_and_leave_out_what_is_not_known() -> None:
    found = telling.sections(
        Evidence(
            id="x",
            at=AT,
            verdict=Verdict.HUB_DEAD,
            probes=(Probe(layer=Layer.HUB, got=Got.REFUSED, ms=3, text="nobody listens there"),),
            database_locked=True,
            database_holders=("sqlite3 (process 7)",),
            log_place="/logs/a\x1b.log",
            log=("last\x07",),
        )
    )
    text = {section.title: section.lines for section in found}
    assert text["Answers"] == ("hub: nobody listens there, after 3 ms",)
    assert text["Database"] == ("locked by sqlite3 (process 7)",)
    assert text["Log: /logs/a\\x1b.log"] == ("last\\x07",)
    assert "Kernel" not in text
    assert "Unit" not in text


def test_evidence_of_a_day_is_limited(tmp_path: Path) -> None:
    at = datetime(2026, 11, 25, 8, 0, tzinfo=UTC)
    for minute in range(60):
        then = at + timedelta(minutes=minute)
        found = Evidence(id=incidents.new_id(then), at=then, verdict=Verdict.FAILING)
        incidents.save_evidence(tmp_path, found)
    assert len(list((tmp_path / "incidents").glob("*.json"))) == incidents.MOST_A_DAY
    later = at + timedelta(days=2)
    incidents.save_evidence(
        tmp_path, Evidence(id=incidents.new_id(later), at=later, verdict=Verdict.HUB_DEAD)
    )
    assert len(list((tmp_path / "incidents").glob("*.json"))) == incidents.MOST_A_DAY + 1
