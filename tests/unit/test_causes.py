"""What logs say: each signature against the real log in which it was seen."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubtui.watchdog import causes
from hubtui.watchdog.causes import CAUSES

LOGS = Path(__file__).parents[1] / "data" / "hub-logs"
FILES = sorted(LOGS.glob("*.log"))


def lines(name: str) -> list[str]:
    """The lines of one real log."""
    (path,) = LOGS.glob(f"{name}*.log")
    return path.read_text("utf-8", "replace").splitlines()


UP = "[I 2026-11-22 21:36:56.479 JupyterHub app:3944] JupyterHub is now running at http://[::1]:80"
FULL = "    sqlalchemy.exc.OperationalError: (sqlite3.OperationalError) database or disk is full"
START = "[I 2026-11-22 21:53:17.092 JupyterHub app:3493] Running JupyterHub version 6.1.1"
REFUSED = "21:49:04.233Z [ConfigProxy] error: 503 GET / connect ECONNREFUSED 127.0.0.1:8081"


def at(clock: str, text: str) -> str:
    """A line of the hub's at that time of 22 November."""
    return f"[I 2026-11-22 {clock}.000 JupyterHub log:192] {text}"


class TestOfLog:
    def test_there_are_logs(self) -> None:
        assert len(FILES) > 25

    @pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
    def test_each_real_log_names_its_cause(self, path: Path) -> None:
        cause = path.name.partition(".")[0]
        found = causes.of_log(path.read_text("utf-8", "replace").splitlines())
        assert found == ("" if cause == "normal" else cause)

    @pytest.mark.parametrize(
        ("line", "cause"),
        [
            (
                "[mpm_event:error] [pid 9714:tid 9714] AH00484: server reached MaxRequestWorkers "
                "setting, consider raising the MaxRequestWorkers setting",
                "apache-workers",
            ),
            ("ssl.SSLCertVerificationError: certificate has expired (_ssl.c:992)", "certificate"),
            ("[ConfigProxy] error: 503 GET /user/x connect EMFILE 127.0.0.1:8081", "files-proxy"),
            ("Error: ENOSPC: no space left on device, write", "disk-full-log"),
            ("    OSError: [Errno 28] No space left on device", "disk-full"),
            ("AttributeError: 'LoginHandler' object has no attribute 'statsd'", "login-broken"),
            ("jupyterhub.service: Failed with result 'oom-kill'.", "oom-unit"),
            ("database disk image is malformed", ""),
            ("(sqlite3.DatabaseError) database disk image is malformed", "database-corrupt"),
        ],
    )
    def test_a_single_line(self, line: str, cause: str) -> None:
        assert causes.of_log([line]).removesuffix("-expired") == cause

    def test_what_every_start_has_names_nothing(self) -> None:
        assert causes.of_log([REFUSED, UP, REFUSED]) == ""

    def test_since_the_hub_came_up_counts_more_than_before(self) -> None:
        blocked = "Event loop was unresponsive for at least 20.03s!"
        assert causes.of_log([FULL, UP, blocked]) == "loop-blocked"
        assert causes.of_log([UP, FULL, blocked]) == "database-full"
        assert causes.of_log([FULL, UP]) == "database-full"

    def test_of_two_equals_the_later_counts(self) -> None:
        missing = "Failed to find proxy ['x']"
        assert causes.of_log([FULL, missing]) == "proxy-missing"
        assert causes.of_log([missing, FULL]) == "database-full"

    def test_what_was_cured_long_ago_caused_nothing_now(self) -> None:
        lately = [at("09:00:00", "200"), FULL, at("09:20:00", "200")]
        assert causes.of_log(lately) == "database-full"
        assert causes.of_log([*lately, at("12:00:00", "200")]) == ""

    def test_a_proxy_that_came_back_is_no_cause_beside_another(self) -> None:
        exited, back = "Proxy stopped with exit code -9", "New proxy back up and good to go"
        locked = "(sqlite3.OperationalError) database is locked"
        assert causes.of_log([UP, "Event loop was unresponsive for at least 20.03s!", exited]) == (
            "proxy-exited"
        )
        assert causes.of_log([UP, locked, exited, back]) == "database-locked"

    def test_a_hub_that_starts_anew_without_a_farewell_was_killed(self) -> None:
        farewell = at("21:53:16", "Received signal SIGTERM, initiating shutdown...")
        assert causes.of_log([UP, REFUSED, START]) == "killed"
        assert causes.of_log([UP, farewell, REFUSED, START]) == ""

    def test_lines_of_students_servers_are_passed_over(self) -> None:
        student = "[E 2026-11-22 22:14:12.807 ServerApp] OSError: [Errno 24] Too many open files"
        assert causes.of_log([UP, student]) == ""
        assert causes.of_log([UP, student.replace("ServerApp", "JupyterHub app:1")]) == "files-hub"

    def test_the_line_is_given_with_it(self) -> None:
        hit = causes.best(["before", FULL, "after"])
        assert hit is not None
        assert (hit.line, hit.weight) == (FULL, causes.CERTAIN)

    @given(st.lists(st.text() | st.sampled_from([UP, FULL, START, REFUSED, "[I 2026-99-99 99:99"])))
    def test_never_raises(self, found: list[str]) -> None:
        assert causes.of_log(found) in {"", *CAUSES}
        assert set(causes.signs(found)) <= set(CAUSES)

    def test_a_log_of_one_error_a_thousand_times_takes_no_long_time(self) -> None:
        many = lines("files-hub")[40:60] * 5_000
        began = time.monotonic()
        assert causes.of_log(many) == "files-hub"
        assert time.monotonic() - began < 10


class TestSigns:
    @pytest.mark.parametrize(
        "cause", ["database-full", "database-locked", "files-hub", "spawn-failures"]
    )
    def test_a_hub_that_does_not_work(self, cause: str) -> None:
        assert causes.signs(lines(cause)) == (cause,)

    def test_the_broken_log_in(self) -> None:
        line = "    AttributeError: 'LoginHandler' object has no attribute 'statsd'"
        assert causes.signs([line]) == ("login-broken",)

    def test_a_hub_that_is_well_or_gone_shows_none(self) -> None:
        for name in ("normal.start-stop", "killed", "proxy-zombie.no", "slow-start"):
            assert causes.signs(lines(name)) == ()

    def test_a_students_own_database_is_not_the_hubs(self) -> None:
        assert causes.signs(["sqlite3.OperationalError: database is locked"]) == ()


class TestTable:
    def test_ids_are_stable_words(self) -> None:
        for key, cause in CAUSES.items():
            assert key == cause.id
            assert re.fullmatch(r"[a-z]+(-[a-z]+)*", key)

    def test_each_says_what_happened_and_what_to_do(self) -> None:
        for cause in CAUSES.values():
            assert len(cause.title) <= 30
            assert cause.sentence.endswith(".")
            assert cause.do

    def test_patterns_begin_with_plain_text(self) -> None:
        for cause in CAUSES.values():
            for sign in cause.signs:
                assert re.match(r"(?:[\w ,':.-]|\\[\[(.]){4}", sign.pattern), sign.pattern

    def test_what_no_restart_cures(self) -> None:
        never = {"config-error", "database-full", "certificate-expired", "port-taken"}
        never |= {"disk-full", "import-error", "hub-port-taken", "apache-workers", "cookie-secret"}
        assert not any(CAUSES[cause].curable for cause in never)
        assert CAUSES["output-broken"].curable
        assert CAUSES["database-locked"].curable
