"""Where the hub's log is, its end, what is new in it; and which old logs go."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubtui.course import Course
from hubtui.server.hubprocess import Launch
from hubtui.server.run import Result
from hubtui.watchdog import datedlogs, hublog, logfile
from hubtui.watchdog.hublog import Follower, Place
from hubtui.watchdog.known import FILE, Known
from hubtui.watchdog.records import Seen
from tests.unit.surveys import course as a_course

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
MONDAY = "jupyterhub-2026-11-23T09:22+01:00.log"
TUESDAY = "jupyterhub-2026-11-24T09:22+01:00.log"


def log(path: Path, data: bytes = b"one\n", days_ago: float = 0.0) -> Path:
    path.write_bytes(data)
    then = (NOW - timedelta(days=days_ago)).timestamp()
    os.utime(path, (then, then))
    return path


def seen(output: str, unit: str = "") -> Seen:
    return Seen(pid=1, uid=0, program="jupyterhub", state="S", age=1.0, output=output, unit=unit)


@pytest.fixture
def course(tmp_path: Path) -> Course:
    found = a_course(tmp_path)
    logs = tmp_path / "logs"
    logs.mkdir()
    return msgspec.structs.replace(
        found, watchdog=msgspec.structs.replace(found.watchdog, logs=logs)
    )


def logs_of(course: Course) -> Path:
    assert course.watchdog.logs is not None
    return course.watchdog.logs


# --- where it is ---------------------------------------------------------------------------------


def test_what_course_yaml_says_comes_first(course: Course, tmp_path: Path) -> None:
    named = tmp_path / "named.log"
    hub = msgspec.structs.replace(course.hub, log=named)
    course = msgspec.structs.replace(course, hub=hub)
    other = log(tmp_path / "other.log")
    assert hublog.place(course, seen(f"file {other}")) == Place(file=named)


def test_then_the_file_that_its_output_goes_to(course: Course, tmp_path: Path) -> None:
    log(logs_of(course) / MONDAY)
    written = log(tmp_path / "a log of mine")
    assert hublog.place(course, seen(f"file {written}", "x.service")) == Place(file=written)


def test_then_the_journal_of_its_unit(course: Course) -> None:
    log(logs_of(course) / MONDAY)
    found = hublog.place(course, seen("journal", "jupyterhub.service"))
    assert found == Place(unit="jupyterhub.service")
    assert str(found) == "journal of jupyterhub.service"


def test_then_the_dated_log_that_was_written_last(course: Course) -> None:
    log(logs_of(course) / TUESDAY, days_ago=2)
    last = log(logs_of(course) / MONDAY, days_ago=1)
    assert hublog.place(course, seen("pipe", "cron.service")) == Place(file=last)


def test_a_log_that_was_deleted_under_the_hub_is_none(course: Course, tmp_path: Path) -> None:
    gone = tmp_path / "gone.log (deleted)"
    assert hublog.place(course, seen(f"file {gone}")) is None


def test_of_a_hub_that_is_gone_it_is_where_its_output_went(course: Course, tmp_path: Path) -> None:
    assert hublog.place(course, None) is None
    written = log(tmp_path / "hub.log")
    launch = Launch(
        words=("jupyterhub",), cwd="/", environment={}, uid=0, gid=0, output=f"file {written}"
    )
    course.state_dir.mkdir()
    known = Known(at=NOW, began=1, pid=1, launch=launch)
    (course.state_dir / FILE).write_bytes(msgspec.json.encode(known))
    assert hublog.place(course, None) == Place(file=written)


@pytest.mark.parametrize("unit", ["--output=x", "*", "a b", "jupyterhub.service\n", ""])
def test_what_is_no_name_of_a_unit_has_no_journal(course: Course, unit: str) -> None:
    assert hublog.place(course, seen("journal", unit)) is None


# --- reading it ----------------------------------------------------------------------------------


def test_its_age_is_the_time_since_it_was_written(tmp_path: Path) -> None:
    assert hublog.age(Place(file=log(tmp_path / "x", days_ago=1)), NOW) == 86400.0
    assert hublog.age(Place(file=tmp_path / "none"), NOW) is None


def test_its_end_is_read_and_long_lines_are_cut(tmp_path: Path) -> None:
    data = b"".join(b"line %d\r\n" % n for n in range(50_000)) + b"\xff\x1b[2J" + b"x" * 5000
    lines = hublog.tail(Place(file=log(tmp_path / "x", data)), lines=3)
    assert lines[:2] == ["line 49998", "line 49999"]
    assert lines[2].startswith("\\xff\x1b[2Jxxx")
    assert len(lines[2]) == logfile.LONGEST


def test_a_log_without_a_newline_is_still_bounded(tmp_path: Path) -> None:
    (line,) = hublog.tail(Place(file=log(tmp_path / "x", b"y" * 2_000_000)))
    assert len(line) == logfile.LONGEST


def test_what_is_new_is_given_once(tmp_path: Path) -> None:
    path = log(tmp_path / "x", b"old\n")
    place = Place(file=path)
    mark = hublog.end(place)
    with path.open("ab") as file:
        file.write(b"new\nhalf of a li")
    lines, mark = hublog.fresh(place, mark)
    assert lines == ["new"]
    with path.open("ab") as file:
        file.write(b"ne\n")
    lines, mark = hublog.fresh(place, mark)
    assert lines == ["half of a line"]
    assert hublog.fresh(place, mark) == ([], mark)


def test_a_log_that_was_cut_short_is_new_from_its_start(tmp_path: Path) -> None:
    path = log(tmp_path / "x", b"a\n" * 100)
    mark = hublog.end(Place(file=path))
    path.write_bytes(b"anew\n")
    assert hublog.fresh(Place(file=path), mark) == (["anew"], 5)


def test_of_a_flood_the_end_is_read(tmp_path: Path) -> None:
    data = b"".join(b"%07d\n" % n for n in range(100_000))
    lines, mark = hublog.fresh(Place(file=log(tmp_path / "x", data)), 0)
    assert lines[-1] == "0099999"
    assert 15_000 < len(lines) <= 16_000
    assert all(len(line) == 7 for line in lines)
    assert mark == len(data)


@given(data=st.lists(st.binary(max_size=60), max_size=8), most=st.integers(4, 40))
def test_nothing_is_lost_or_told_twice(
    tmp_path_factory: pytest.TempPathFactory, data: list[bytes], most: int
) -> None:
    """However the writes fall, lines come whole, in order, once; unless there are too many."""
    path = tmp_path_factory.getbasetemp() / "growing"
    path.write_bytes(b"")
    mark, found = 0, []
    for part in data:
        with path.open("ab") as file:
            file.write(part)
        lines, mark = hublog.fresh(Place(file=path), mark)
        found += lines
    whole = b"".join(data)
    assert found == logfile.split(whole[: whole.rfind(b"\n") + 1])


@pytest.mark.parametrize("kind", ["link", "fifo", "folder", "nothing", "nul"])
def test_only_a_regular_file_is_read(tmp_path: Path, kind: str) -> None:
    """Where others can write, a name may be anything; a FIFO must not hold up the check."""
    secret, path = log(tmp_path / "secret", b"root:$6$\n"), tmp_path / "hub.log"
    if kind == "link":
        path.symlink_to(secret)
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "nul":
        path = Path("/tmp/\0")
    place = Place(file=path)
    begun = time.monotonic()
    assert hublog.tail(place) == []
    assert hublog.fresh(place, 0) == ([], 0)
    assert hublog.age(place, NOW) is None
    assert hublog.end(place) == 0
    with Follower(place) as follower:
        assert follower.poll() == []
    assert logfile.last_bytes(path, 100) == (b"", 0)
    assert logfile.open_file(path) is None
    assert time.monotonic() - begun < 5


class Journal:
    """Says what journalctl would say, and remembers what it was asked."""

    def __init__(self, out: str, code: int = 0) -> None:
        self.out, self.code, self.asked = out, code, []  # type: ignore[var-annotated]

    def __call__(
        self,
        argv: Sequence[str],
        *,
        timeout: float = 60.0,
        stdin: str | None = None,
        hold: int | None = None,
    ) -> Result:
        self.asked.append((list(argv), timeout))
        return Result(tuple(argv), self.code, self.out, "")


def test_the_journal_is_asked_for_its_last_entry() -> None:
    written = NOW - timedelta(seconds=42)
    entry = {"__REALTIME_TIMESTAMP": str(int(written.timestamp() * 1e6)), "MESSAGE": [1, 255]}
    journal = Journal(json.dumps(entry) + "\n")
    assert hublog.age(Place(unit="hub.service"), NOW, journal) == pytest.approx(42.0)
    ((argv, timeout),) = journal.asked
    assert "--unit=hub.service" in argv
    assert timeout == 3.0


@pytest.mark.parametrize("out", ["", "-- No entries --\n", "{}", '{"__REALTIME_TIMESTAMP":"x"}'])
def test_a_journal_that_says_nothing_has_no_age(out: str) -> None:
    assert hublog.age(Place(unit="hub.service"), NOW, Journal(out)) is None
    assert hublog.tail(Place(unit="hub.service"), run=Journal("x", code=1)) == []


# --- following it --------------------------------------------------------------------------------


def test_a_log_is_followed(tmp_path: Path) -> None:
    path = log(tmp_path / "x", b"1\n2\n3\n")
    with Follower(Place(file=path), lines=2) as follower:
        assert follower.poll() == ["2", "3"]
        assert follower.poll() == []
        with path.open("ab") as file:
            file.write(b"4\n")
        assert follower.poll() == ["4"]
        path.write_bytes(b"5\n")
        assert follower.poll() == ["5"]
    with Follower(Place(file=path), lines=0) as follower:
        assert follower.poll() == []


def test_a_log_that_is_renamed_is_read_to_its_end(tmp_path: Path) -> None:
    path = log(tmp_path / "x", b"1\n")
    with Follower(Place(file=path)) as follower:
        follower.poll()
        with path.open("ab") as file:
            file.write(b"2\n")
            path.rename(tmp_path / "x.1")
            file.write(b"3\n")
        path.write_bytes(b"4\n")
        assert follower.poll() == ["2", "3", "4"]


def test_the_next_dated_log_is_followed(tmp_path: Path) -> None:
    path = log(tmp_path / MONDAY, b"1\n")
    with Follower(Place(file=path)) as follower:
        follower.poll()
        log(tmp_path / "jupyterhub-2026-11-22.log", b"older\n")
        log(tmp_path / TUESDAY, b"2\n", days_ago=9)
        assert follower.poll() == ["2"]


def test_a_log_that_comes_later_is_followed(tmp_path: Path) -> None:
    with Follower(Place(file=tmp_path / "x")) as follower:
        assert follower.poll() == []
        log(tmp_path / "x")
        assert follower.poll() == ["one"]


# --- logs with the time in their name ------------------------------------------------------------


@pytest.mark.parametrize(
    "date",
    [
        "2026-11-25T09:22+01:00",
        "2026-11-25T09:22:00+01:00",
        "2026-11-25T09:22:00,000000001+01:00",
        "2026-11-25T08:22Z",
        "2026-11-25T13:52+0530",
    ],
)
def test_a_name_says_when_its_log_was_begun(date: str) -> None:
    begun = datedlogs.started(f"jupyterhub-{date}.log")
    assert begun == datetime(2026, 11, 25, 8, 22, tzinfo=UTC)
    assert datedlogs.started("jupyterhub-2026-11-25T09+01:00.log") is not None
    assert datedlogs.started("jupyterhub-2026-11-25.log") is not None


NOT_OURS = [
    "restarts.log",
    "http.log",
    "jupyterhub.log",
    "jupyterhub-.log",
    "jupyterhub-2026-11-25T09:22+01:00.log.1",
    "jupyterhub-2026-11-25T09:22+01:00.log ",
    "jupyterhub-2026-11-25T09:22+01:00.log\n",
    " jupyterhub-2026-11-25T09:22+01:00.log",
    "Jupyterhub-2026-11-25T09:22+01:00.log",
    "jupyterhub-2026-13-25T09:22+01:00.log",
    "jupyterhub-2026-11-25T09:22+99:00.log",
    "jupyterhub-0001-01-01T00:00+14:00.log",
    "jupyterhub-٢٠٢٦-11-25.log",
    "jupyterhub-2026-11-25T09:22+01:00Xlog",
    "jupyterhub-notes.log",
]


@pytest.mark.parametrize("name", NOT_OURS)
def test_every_other_name_is_none(name: str) -> None:
    assert datedlogs.started(name) is None


def test_old_logs_go_and_nothing_else(tmp_path: Path) -> None:
    keep = [log(tmp_path / name, days_ago=99) for name in NOT_OURS]
    keep += [log(tmp_path / "jupyterhub-2026-11-21.log", days_ago=4.9)]
    keep += [log(tmp_path / TUESDAY, days_ago=0.1)]
    old = [log(tmp_path / f"jupyterhub-2026-11-1{n}.log", days_ago=5.1) for n in range(3)]
    assert datedlogs.prune(tmp_path, 5, NOW) == old
    assert sorted(tmp_path.iterdir()) == sorted(keep)


def test_the_newest_stays_however_old(tmp_path: Path) -> None:
    newest = log(tmp_path / MONDAY, days_ago=100)
    old = log(tmp_path / TUESDAY, days_ago=101)
    assert datedlogs.prune(tmp_path, 5, NOW) == [old]
    assert newest.exists()


def test_the_one_that_is_being_written_stays(tmp_path: Path) -> None:
    log(tmp_path / TUESDAY, days_ago=50)
    written = log(tmp_path / MONDAY, days_ago=100)
    assert datedlogs.prune(tmp_path, 5, NOW, writing=written) == []
    elsewhere = tmp_path / "current.log"
    elsewhere.hardlink_to(written)
    assert datedlogs.prune(tmp_path, 5, NOW, writing=elsewhere) == []
    assert datedlogs.prune(tmp_path, 5, NOW) == [written]


def test_what_is_no_regular_file_stays(tmp_path: Path) -> None:
    log(tmp_path / TUESDAY)
    precious = log(tmp_path / "precious", days_ago=99)
    (tmp_path / MONDAY).symlink_to(precious)
    os.mkfifo(tmp_path / "jupyterhub-2026-11-20.log")
    (tmp_path / "jupyterhub-2026-11-19.log").mkdir()
    inside = log(tmp_path / "jupyterhub-2026-11-19.log" / "jupyterhub-2026-11-01.log", days_ago=99)
    for name in ("jupyterhub-2026-11-20.log", "jupyterhub-2026-11-19.log"):
        os.utime(tmp_path / name, (0, 0))
    assert datedlogs.prune(tmp_path, 5, NOW) == []
    assert precious.exists()
    assert inside.exists()
    assert len(list(tmp_path.iterdir())) == 5


def test_nothing_goes_through_a_folder_that_is_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "logs"
    real.mkdir()
    link.symlink_to(real)
    log(real / TUESDAY)
    old = log(real / MONDAY, days_ago=99)
    assert datedlogs.prune(link, 5, NOW) == []
    assert old.exists()
    assert datedlogs.prune(tmp_path / "none", 5, NOW) == []


@pytest.mark.parametrize("by", ["a fresh log", "a link", "a folder", "another old log", "a FIFO"])
def test_what_was_exchanged_since_the_look_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    log(tmp_path / TUESDAY)
    old = log(tmp_path / MONDAY, days_ago=99)
    precious = log(tmp_path / "precious", days_ago=98)
    looked = datedlogs.dated(tmp_path)
    old.unlink()
    if by == "a fresh log":
        log(old)
    elif by == "a link":
        old.symlink_to(precious)
    elif by == "a folder":
        old.mkdir()
    elif by == "a FIFO":
        os.mkfifo(old)
        os.utime(old, (looked[0].end.timestamp(), looked[0].end.timestamp()))
    else:
        precious.rename(old)
    monkeypatch.setattr(datedlogs, "dated", lambda _logs: looked)
    assert datedlogs.prune(tmp_path, 5, NOW) == []
    assert os.path.lexists(old)


def test_a_race_costs_nothing_but_old_logs(tmp_path: Path) -> None:
    """Somebody exchanges the name all the time; what must stay does."""
    log(tmp_path / TUESDAY)
    path, precious = tmp_path / MONDAY, log(tmp_path / "precious", days_ago=99)
    spare, stop = tmp_path / "spare", threading.Event()

    def exchange() -> None:
        while not stop.is_set():
            spare.symlink_to(precious)
            spare.replace(path)
            log(spare, b"old", days_ago=50).replace(path)

    thread = threading.Thread(target=exchange)
    thread.start()
    try:
        gone = sum(len(datedlogs.prune(tmp_path, 5, NOW)) for _ in range(2000))
    finally:
        stop.set()
        thread.join()
    assert gone
    assert precious.read_bytes() == b"one\n"


def test_times_that_no_calendar_knows_do_no_harm(tmp_path: Path) -> None:
    path = log(tmp_path / MONDAY)
    try:
        os.utime(path, (0, 2**40))
    except OverflowError:
        pytest.skip("this filesystem knows no such time")
    assert datedlogs.newest(tmp_path) == path
    assert datedlogs.prune(tmp_path, 5, NOW) == []
