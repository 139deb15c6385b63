"""Every restart that is known, from wherever it left its trace, once."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from click.testing import Result as Ended
from hypothesis import given
from hypothesis import strategies as st

from hubtui.cli.base import App
from hubtui.cli.restarts import away
from hubtui.cli.restarts import history as command
from hubtui.clock import stamp
from hubtui.errors import CommandFailed
from hubtui.names import shown
from hubtui.server import Server
from hubtui.server.hubprocess import Launch
from hubtui.server.run import Result
from hubtui.watchdog import causes, history, incidents, known, oldlog
from hubtui.watchdog.history import NOT_RESTARTED, Line, availability, merge
from hubtui.watchdog.records import Incident, Outcome, Restart, Verdict
from tests.unit.surveys import course as a_course

DATA = Path(__file__).parents[1] / "data"
NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)


class Machine:
    """A course whose journal says what it is told to."""

    def __init__(self, tmp_path: Path) -> None:
        course = a_course(tmp_path)
        self.logs = tmp_path / "logs"
        self.logs.mkdir()
        self.mail = tmp_path / "mail"
        self.journal = ""
        self.asked: list[Sequence[str]] = []
        watchdog = msgspec.structs.replace(course.watchdog, logs=self.logs)
        course = msgspec.structs.replace(course, watchdog=watchdog)
        self.server = Server(course, course.state_dir, self.run, live=tmp_path / "live")

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float = 60.0,
        stdin: str | None = None,
        hold: int | None = None,
    ) -> Result:
        self.asked.append(argv)
        if not self.journal:
            raise CommandFailed("journalctl is not installed on this server.")
        return Result(tuple(argv), 0, self.journal, "")

    def restarts_log(self, data: bytes) -> None:
        (self.logs / incidents.OLD).write_bytes(data)

    def lines(self, since: datetime | None = None) -> tuple[Line, ...]:
        return self.history(since).lines

    def history(self, since: datetime | None = None) -> history.History:
        return history.history(self.server, since, mail=self.mail)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def incident(
    at: datetime,
    *restarts: Restart,
    over: datetime | None = None,
    verdict: Verdict = Verdict.HUB_DEAD,
) -> Incident:
    return Incident(
        id=incidents.new_id(at),
        at=at,
        over=over,
        verdict=verdict,
        text="The hub is gone.",
        cause="oom-kernel",
        restarts=restarts,
    )


# --- lines of old scripts ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "count"), [("stdout.txt", 2), ("minutes.log", 4), ("seconds.log", 4), ("zones.log", 4)]
)
def test_what_the_old_script_left_is_read(name: str, count: int) -> None:
    found, unreadable = oldlog.read((DATA / "restarts" / name).read_bytes(), name)
    assert len(found) == count
    assert not unreadable
    assert {old.reason for old in found} == {"HTTP response code of 500", "Server down"}


def test_an_hour_that_is_there_twice_is_told_apart() -> None:
    found, _ = oldlog.read((DATA / "restarts" / "zones.log").read_bytes(), "")
    assert [stamp(old.at) for old in found] == [
        "2026-11-22T22:39:00Z",
        "2026-11-22T22:39:00Z",
        "2026-10-25T00:59:00Z",
        "2026-10-25T01:00:00Z",
    ]


AT = "2026-11-25T08:22:07Z"


@pytest.mark.parametrize(
    ("line", "at"),
    [
        ("2026-11-25T09:22+01:00: Server down", "2026-11-25T08:22:00Z"),
        ("2026-11-25T09:22:07+01:00: Server down", AT),
        ("2026-11-25T09:22:07,123456789+01:00: Server down", AT),
        ("2026-11-25T09:22:07.123456789+01:00: Server down", AT),
        ("2026-11-25T13:52:07+0530: Server down", AT),
        ("2026-11-25T08:22:07Z: Server down", AT),
        ("2026-11-25 09:22:07+01:00: Server down", AT),
        ("2026-11-24T20:22:07-12:00: Server down\r", AT),
        ("2026-11-25T09:22:07+01:00: Server down >> /root/logs/restarts.log", AT),
        ('2026-11-25T09:22:07+01:00: Server down >> /root/logs/restarts.log"', AT),
        ("2026-11-25T09:22:07+01:00: Server down >> /root/lo", AT),
        ("\0\0\0\0002026-11-25T09:22:07+01:00: Server down", AT),
        ("Wed Nov 25 09:22:07 CET 2026: Server down", AT),
        ("Wed Nov 25 10:22:07 CEST 2026: Server down", AT),
        ("Wed 25 Nov 2026 08:22:07 AM UTC: Server down", AT),
        ("Wed 25 Nov 08:22:07 UTC 2026: Server down", AT),
        ("Mi 25. Nov 09:22:07 CET 2026: Server down", AT),
        ("Mi 25. Nov 09:22:07 MEZ 2026: Server down", AT),
        ("Wed Nov 25 13:52:07 +0530 2026: Server down", AT),
        ("Sun Nov  1 12:00:00 AM UTC 2026: Server down", "2026-11-01T00:00:00Z"),
        ("So  1. Mär 12:00:00 UTC 2026: Server down", "2026-03-01T12:00:00Z"),
        ("Di  1. Dez 12:00:00 UTC 2026: Server down", "2026-12-01T12:00:00Z"),
    ],
)
def test_each_way_of_date_to_write_a_time_is_read(line: str, at: str) -> None:
    old = oldlog.parse(line.encode())
    assert old is not None
    assert (stamp(old.at), old.reason) == (at, "Server down")


def test_an_empty_reason_is_a_restart_all_the_same() -> None:
    for line in (b"2026-11-25T09:22+01:00: ", b"2026-11-25T09:22+01:00:", b"\n"):
        found, unreadable = oldlog.read(line, "")
        assert [old.reason for old in found] == ([""] if line.strip() else [])
        assert not unreadable
    old = oldlog.parse(b"2026-11-25T09:22+01:00:  >> /root/logs/restarts.log")
    assert old is not None
    assert old.reason == ""


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-25T08:22:07.123Z [ConfigProxy] error: 503 GET /",
        "08:22:07.123 [ConfigProxy] info: Adding route /",
        "[I 2026-11-25 08:22:07.123 JupyterHub app:1] Running: now",
        "There was something wrong!",
        "2026-11-25T09:22+01",
        "2026-11-25T09:22+01:00 Server down",
        "2026-11-31T09:22+01:00: Server down",
        "2026-11-25T24:61+01:00: Server down",
        "9999-12-31T23:59-12:00: Server down",
        "0001-01-01T00:00+12:00: Server down",
        "Wed Foo 25 09:22:07 CET 2026: Server down",
        "Wed Nov 25 13:22:07 PM CET 2026: Server down",
        "Wed Nov 25 09:22:07 CET: Server down",
        "Wed Nov 25 09:22:07 +9999 2026: Server down",
        "\0\0\0\0",
    ],
)
def test_other_lines_are_named(line: str) -> None:
    found, (bad,) = oldlog.read(b"\n\n" + line.encode(), "restarts.log")
    assert not found
    assert (bad.source, bad.line, bad.text) == ("restarts.log", 3, shown(line, 80))


@given(data=st.binary(max_size=2000))
def test_any_bytes_are_read(data: bytes) -> None:
    found, unreadable = oldlog.read(data, "x")
    assert len(found) + len(unreadable) == sum(bool(raw.strip()) for raw in data.split(b"\n"))
    assert all(shown(old.reason) == old.reason for old in found)
    assert all(shown(bad.text) == bad.text and len(bad.text) <= 80 for bad in unreadable)
    list(oldlog.in_mail(data))


LIKE_TIMES = st.from_regex(oldlog._ISO) | st.from_regex(oldlog._WORDS)


@given(line=LIKE_TIMES)
def test_whatever_looks_like_a_time_is_read_or_refused(line: str) -> None:
    old = oldlog.parse(line.encode("utf-8", "replace"))
    assert old is None or old.at.tzinfo is UTC


@given(
    at=st.datetimes(
        min_value=datetime(1, 1, 3),
        max_value=datetime(9999, 12, 29),
        timezones=st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m))),
    ),
    reason=st.text().filter(lambda text: ">>" not in text),
)
def test_what_hubtui_writes_is_read_again(at: datetime, reason: str) -> None:
    line = incidents.old_line(Restart(at=at), reason)
    (old,), unreadable = oldlog.read(line.encode(), "restarts.log")
    assert not unreadable
    assert abs(old.at - at) < MINUTE
    assert old.reason == shown(reason, 200).strip()


def test_ten_thousand_lines_with_garbage_are_read_in_no_time(machine: Machine) -> None:
    good = [f"2026-11-{n % 25 + 1:02}T{n % 24:02}:{n % 60:02}+00:00: x" for n in range(5000)]
    bad = [f"{n} \x1b[31m" + "Wed " * 40 + "2026-11-25T09:22" * (n % 9) for n in range(5000)]
    lines = [line for pair in zip(good, bad, strict=True) for line in pair]
    machine.restarts_log("\n".join(lines).encode())
    machine.mail.write_bytes(b"From root@vm\n" + "\n".join(lines).encode())
    begun = time.process_time()
    found = machine.history()
    assert time.process_time() - begun < 3  # 0.1 s; a quadratic one would take minutes
    assert len(found.lines) == len(found.unreadable) == 5000


def test_a_line_that_is_the_same_time_ten_thousand_times_is_merged_in_no_time() -> None:
    one = [Line(at=NOON, source="a") for _ in range(10_000)]
    two = [Line(at=NOON + MINUTE, source="b") for _ in range(10_000)]
    begun = time.process_time()
    assert len(merge(one, two)) == 10_000
    assert time.process_time() - begun < 3


# --- cron's mail ---------------------------------------------------------------------------------


def test_cron_s_mail_is_read_and_nobody_else_s(machine: Machine) -> None:
    line = (DATA / "restarts" / "stdout.txt").read_bytes()
    machine.mail.write_bytes(
        b"From root@vm Mon Nov 23 00:39:01 2026\nSubject: Cron <root@vm> jptrhb\n\n"
        b"There was something wrong!\n[I 2026-11-22 22:39:00.1 JupyterHub] up\n" + line + b"\n"
        b"From mallory@vm Mon Nov 23 00:40:01 2026\n\n2026-11-23T00:39+00:00: forged\n"
    )
    assert [(found.reason, found.source) for found in machine.lines()] == [
        ("HTTP response code of 500", "mail of mail"),
        ("Server down", "mail of mail"),
    ]
    assert not machine.history().unreadable


# --- our own -------------------------------------------------------------------------------------


def test_our_own_restart_counts_once_though_restarts_log_has_it_too(machine: Machine) -> None:
    restart = Restart(at=NOON + 50 * SECOND, outcome=Outcome.UP, up_at=NOON + 80 * SECOND)
    incidents.record(machine.server.state, incident(NOON, restart, over=NOON + 3 * MINUTE))
    incidents.append_old(machine.logs, restart, "The hub is gone.")
    (line,) = machine.lines()
    assert line.source == "hubtui"
    assert (line.at, line.seconds_away, line.by) == (NOON + 50 * SECOND, 80.0, "watchdog")
    assert (line.verdict, line.outcome, line.cause) == ("hub dead", "up", "oom-kernel")


def test_the_lines_of_an_incident_are_as_long_as_it_was(machine: Machine) -> None:
    first = Restart(at=NOON + MINUTE, outcome=Outcome.FAILED)
    second = Restart(at=NOON + 4 * MINUTE, outcome=Outcome.FAILED)
    third = Restart(at=NOON + 9 * MINUTE, outcome=Outcome.UP, up_at=NOON + 10 * MINUTE)
    incidents.record(machine.server.state, incident(NOON, first, second, third))
    assert [line.seconds_away for line in machine.lines()] == [240.0, 300.0, 60.0]


def test_a_restart_of_a_hub_that_is_well_is_as_long_as_it_took(machine: Machine) -> None:
    asked = Restart(at=NOON + MINUTE, by="eva", outcome=Outcome.UP, up_at=NOON + 64 * SECOND)
    found = incident(NOON, asked, verdict=Verdict.SLOW)
    incidents.record(machine.server.state, found)
    assert [(line.seconds_away, line.by) for line in machine.lines()] == [(4.0, "eva")]


def test_an_incident_without_a_restart_is_told_apart_and_merged_with_none(machine: Machine) -> None:
    incidents.record(machine.server.state, incident(NOON, over=NOON + MINUTE))
    machine.restarts_log(b"2026-11-25T12:01+00:00: by hand\n")
    assert [(line.outcome, line.restarted) for line in machine.lines()] == [
        (NOT_RESTARTED, False),
        ("", True),
    ]


def test_records_that_cannot_be_read_are_named_and_the_rest_is_told(machine: Machine) -> None:
    folder = machine.server.state / incidents.FOLDER
    folder.mkdir(parents=True)
    (folder / "2026-11.jsonl").write_bytes(b'{"format":1}\nbroken\n')
    machine.restarts_log(b"2026-11-25T12:00+00:00: Server down\n")
    found = machine.history()
    assert [line.reason for line in found.lines] == ["Server down"]
    (bad,) = found.unreadable
    assert bad.source == "incidents"
    assert "2026-11.jsonl, line 2" in bad.text


def test_only_what_was_asked_for(machine: Machine) -> None:
    machine.restarts_log(b"2026-11-24T12:00+00:00: a\n2026-11-25T12:00+00:00: b\n")
    assert [line.reason for line in machine.lines(NOON - MINUTE)] == ["b"]


def test_without_anything_there_is_nothing(tmp_path: Path, machine: Machine) -> None:
    assert machine.history() == history.History(())
    course = a_course(tmp_path)
    server = Server(course, tmp_path / "none", machine.run, live=tmp_path / "live")
    assert history.history(server, mail=machine.mail) == history.History(())


# --- merging -------------------------------------------------------------------------------------


def line_at(minutes: float, source: str, reason: str = "", cause: str = "") -> Line:
    return Line(at=NOON + minutes * MINUTE, source=source, reason=reason, cause=cause)


def test_each_line_meets_its_own() -> None:
    """A hub that is restarted each minute, in two records."""
    one = [line_at(n, "a", reason=f"reason {n}") for n in range(5)]
    two = [line_at(n + 0.5, "b", cause=f"cause {n}") for n in range(5)]
    assert [(line.reason, line.cause, line.source) for line in merge(one, two)] == [
        (f"reason {n}", f"cause {n}", "a") for n in range(5)
    ]


def test_those_of_the_same_minute_meet_first() -> None:
    one = [line_at(0, "a", "early"), line_at(1.5, "a", "late")]
    merged = merge(one, [line_at(1.6, "b", cause="of the late one")])
    assert [line.cause for line in merged] == ["", "of the late one"]


def test_what_is_further_apart_is_another_restart() -> None:
    assert len(merge([line_at(0, "a")], [line_at(2, "b")])) == 1
    assert len(merge([line_at(0, "a")], [line_at(2.1, "b")])) == 2
    assert len(merge([line_at(2.1, "a")], [line_at(0, "b")])) == 2


MINUTES = st.lists(st.integers(0, 30), max_size=30)


@given(one=MINUTES, two=MINUTES)
def test_merging_loses_nothing_and_invents_nothing(one: list[int], two: list[int]) -> None:
    first = [line_at(n, "a", reason=f"a{n}") for n in one]
    second = [line_at(n, "b", reason=f"b{n}") for n in two]
    merged = merge(first, second)
    assert merged == sorted(merged, key=lambda line: line.at)
    assert [line for line in merged if line.source == "a"] == sorted(first, key=lambda x: x.at)
    alone = sum(line.source == "b" for line in merged)
    assert max(0, len(two) - len(one)) <= alone <= len(two)
    if not any(abs(a - b) <= 2 for a in one for b in two):
        assert alone == len(two)


# --- names of logs, and their ends ---------------------------------------------------------------


def test_the_names_of_logs_tell_of_restarts_and_their_ends_of_causes(machine: Machine) -> None:
    texts = ("killed.and-started.log", "database-locked.api.log", "normal.start-stop.log")
    for hour, text in enumerate(texts):
        path = machine.logs / f"jupyterhub-2026-11-22T{hour + 10}:00+01:00.log"
        path.write_bytes((DATA / "hub-logs" / text).read_bytes())
    (machine.logs / "http.log").write_text("2026-11-22T09:00+00:00: no\n")
    machine.restarts_log(b"2026-11-22T11:01+01:00: Server down >> /root/logs/restarts.log\n")
    found = machine.lines()
    assert [(stamp(line.at), line.source) for line in found] == [
        ("2026-11-22T09:00:00Z", "jupyterhub-2026-11-22T10:00+01:00.log"),
        ("2026-11-22T10:01:00Z", "restarts.log"),
        ("2026-11-22T11:00:00Z", "jupyterhub-2026-11-22T12:00+01:00.log"),
    ]
    assert [line.cause for line in found] == ["", "killed", "database-locked"]
    assert found[1].reason == "Server down"


# --- what systemd wrote --------------------------------------------------------------------------


def test_systemd_s_own_messages_tell_of_restarts(machine: Machine) -> None:
    machine.journal = (DATA / "restarts" / "journal.jsonl").read_text()
    found = machine.lines()
    assert [(stamp(x.at), x.reason, x.by, x.cause, x.source) for x in found] == [
        (
            "2026-11-22T22:12:14Z",
            "Main process exited, code=killed, status=9/KILL",
            "systemd",
            "killed",
            "journal",
        ),
        ("2026-11-22T22:12:24Z", "stopped on request", "", "asked", "journal"),
        ("2026-11-22T22:12:28Z", "stopped on request", "", "asked", "journal"),
    ]
    assert found[0].seconds_away == pytest.approx(5.26, abs=0.01)
    (argv,) = machine.asked
    assert "--unit=jupyterhub.service" in argv
    assert "_PID=1" in argv  # what a student's server writes into the journal of the unit is none


def entry(at: datetime, id_: str, message: str, boot: str = "b") -> bytes:
    found = {
        "__REALTIME_TIMESTAMP": str(int(at.timestamp() * 1e6)),
        "MESSAGE_ID": id_,
        "MESSAGE": message,
        "_BOOT_ID": boot,
    }
    return msgspec.json.encode(found) + b"\n"


STARTED = "39f53479d3a045ac8e11786248231fbf"
START_FAILED = "be02cf6855d2428ba40df7e9d022f03d"
FAILED = "d9b373ed55a64feb8242e02dbe79a49c"
OOM = "fe6faa94e7774663a0da52717891d8ef"


def test_a_unit_that_ran_out_of_memory_says_so(machine: Machine) -> None:
    unit = "jupyterhub.service: "
    oom = f"{unit}A process of this unit has been killed by the OOM killer."
    machine.journal = b"".join(
        [
            entry(NOON, STARTED, "Started"),
            entry(NOON + MINUTE, OOM, oom),
            entry(NOON + MINUTE, FAILED, f"{unit}Failed with result 'oom-kill'."),
            entry(NOON + 2 * MINUTE, START_FAILED, "Failed to start"),
            entry(NOON + 3 * MINUTE, STARTED, "Started"),
        ]
    ).decode()
    failed, good = machine.lines()
    assert failed.outcome == "failed"
    assert failed.seconds_away is None
    assert failed.reason == "A process of this unit has been killed by the OOM killer."
    assert failed.cause == "oom-unit"
    assert good.outcome == ""
    assert good.seconds_away == 120.0


def test_a_reboot_is_one(machine: Machine) -> None:
    machine.journal = b"".join(
        entry(NOON + n * DAY, STARTED, "Started", boot) for n, boot in enumerate("aab")
    ).decode()
    lines = machine.lines()
    assert [(line.at - NOON).days for line in lines] == [1, 2]
    assert [line.cause for line in lines] == ["", "reboot"]


def test_the_unit_is_the_one_that_we_restarted(machine: Machine) -> None:
    restart = Restart(at=NOON, how="unit hub@one.service", outcome=Outcome.UP)
    incidents.record(machine.server.state, incident(NOON, restart))
    machine.journal = "\n"
    machine.lines()
    assert "--unit=hub@one.service" in machine.asked[0]


def test_else_the_one_that_the_hub_was_seen_in(machine: Machine) -> None:
    launch = Launch(words=(), cwd="/", environment={}, uid=0, gid=0, unit="seen.service")
    seen = known.Known(at=NOON, began=1, pid=1, launch=launch)
    machine.server.state.mkdir()
    (machine.server.state / known.FILE).write_bytes(msgspec.json.encode(seen))
    machine.lines()
    assert "--unit=seen.service" in machine.asked[0]


@given(out=st.text() | st.binary().map(lambda b: b.decode("utf-8", "replace")))
def test_a_journal_that_says_anything_does_no_harm(
    tmp_path_factory: pytest.TempPathFactory, out: str
) -> None:
    machine = Machine(tmp_path_factory.mktemp("machine"))
    machine.journal = out or "\n"
    assert machine.lines() == ()


# --- on the command line -------------------------------------------------------------------------


def said(machine: Machine, *words: str) -> Ended:
    app = App()
    app.__dict__["server"] = machine.server  # no course.yaml is read
    done = CliRunner().invoke(command, words, obj=app)
    assert done.exit_code == 0, done.output
    return done


def test_it_is_told_as_a_table_and_what_is_not_readable_beside_it(machine: Machine) -> None:
    up = Restart(at=NOON, by="eva", outcome=Outcome.UP, up_at=NOON + 34 * SECOND)
    incidents.record(machine.server.state, incident(NOON, up, over=NOON + MINUTE))
    incidents.record(machine.server.state, incident(NOON + DAY, over=NOON + DAY + MINUTE))
    bad = [b"\x1b[2J[red]%d" % n for n in range(30)]
    machine.restarts_log(b"2026-11-20T09:22+01:00: [bold]\x1b[2J\n" + b"\n".join(bad))
    done = said(machine)
    assert "\x1b" not in done.output
    rows = done.stdout.splitlines()
    assert rows[0].split() == ["WHEN", "REASON", "CAUSE", "AWAY", "BY", "SOURCE"]
    assert r"[bold]\x1b[2J" in rows[1]
    assert rows[1].endswith("restarts.log")
    assert "The hub is gone." in rows[2]
    assert all(word in rows[2] for word in ("34 s", "eva", causes.CAUSES["oom-kernel"].title))
    assert len(rows) == 3
    errors = done.stderr.splitlines()
    assert errors[0] == r"Not readable: restarts.log, line 2: \x1b[2J[red]0"
    assert errors[-1] == "Not readable: 10 more lines; see --json"
    assert len(errors) == 21
    assert "not restarted" in said(machine, "--all").stdout


def test_it_is_told_as_json(machine: Machine) -> None:
    machine.restarts_log(b"2026-11-20T09:22+01:00: Server down\nx\n")
    found = json.loads(said(machine, "--json").stdout)
    assert set(found) == {"format", "course", "at", "restarts", "unreadable", "missing"}
    (row,) = found["restarts"]
    assert row["at"] == "2026-11-20T08:22:00Z"
    assert {"reason", "cause", "seconds_away", "by", "source"} <= set(row)
    assert found["unreadable"] == [{"source": "restarts.log", "line": 2, "text": "x"}]


def test_nothing_is_a_sentence_too(machine: Machine) -> None:
    machine.restarts_log(b"2001-11-20T09:22+01:00: Server down\n")
    assert said(machine, "--since", "7").stdout == "No restart is known.\n"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, ""), (3.7, "3 s"), (96, "1 min"), (214, "3 min"), (7500, "2 h 5 min")],
)
def test_how_long_it_was_away(seconds: float | None, words: str) -> None:
    assert away(seconds) == words


# --- availability --------------------------------------------------------------------------------


def test_availability_is_the_time_that_students_could_get_in() -> None:
    day_ago = NOON - DAY
    found = [
        incident(day_ago, over=day_ago + timedelta(hours=12)),
        incident(NOON - 2 * MINUTE, over=NOON, verdict=Verdict.SLOW),
    ]
    assert availability(found, NOON, 1) == pytest.approx(0.5)
    assert availability(found, NOON, 2) == pytest.approx(0.75)
    assert availability(found, NOON, 30, began=day_ago) == pytest.approx(0.5)
    assert availability([], NOON, 7) == 1.0
    assert availability(found, NOON, 7, began=NOON) == 1.0


def test_an_incident_that_never_ended_lasts_until_the_next_or_until_now() -> None:
    open_ = incident(NOON - timedelta(hours=12))
    assert availability([open_], NOON, 1) == pytest.approx(0.5)
    following = incident(NOON - timedelta(hours=6), over=NOON, verdict=Verdict.SLOW)
    assert availability([following, open_], NOON, 1) == pytest.approx(0.75)


INCIDENTS = st.lists(
    st.tuples(st.integers(-5000, 500), st.none() | st.integers(-100, 3000)), max_size=8
)


@given(found=INCIDENTS, days=st.integers(1, 30))
def test_a_share_is_a_share(found: list[tuple[int, int | None]], days: int) -> None:
    made = [
        incident(NOON + a * MINUTE, over=None if b is None else NOON + (a + b) * MINUTE)
        for a, b in found
    ]
    assert 0.0 <= availability(made, NOON, days) <= 1.0


def test_every_cause_that_history_names_by_itself_is_known() -> None:
    assert {"reboot", "asked"} <= set(causes.CAUSES)
