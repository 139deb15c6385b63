"""The ground of these stories: who comes is really there, and nothing is left for the next test."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from hubtui.server import processes
from tests.course_on_disk import listing
from tests.yearly import GID, Year


def test_a_student_is_known_everywhere_and_her_server_runs(year: Year) -> None:
    home = year.student("anna", 20007)
    year.serve("anna")
    (row,) = listing("accounts")
    assert (row["name"], row["uid"], row["drift"]) == ("anna", 20007, [])
    assert [user.name for user in year.api.users() if user.servers] == ["anna"]
    assert [one for one in processes.of(20007) if one.is_server]
    assert (home.stat().st_uid, home.stat().st_mode & 0o777) == (20007, 0o700)


@pytest.mark.parametrize("again", [False, True])
def test_nothing_of_a_test_is_left_for_the_next(year: Year, again: bool) -> None:
    seen = year.seen
    assert (dict(seen.homes), seen.sign_ups, set(seen.users)) == ({}, (), {"admin"})
    assert not Path("/var/spool/cron/crontabs/dora").exists()
    assert not Path("/var/tmp/dora").exists()
    if again:
        return
    home = year.student("dora", 20008, at_the_hub=True)
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], user=20008, cwd="/")
    (home / "mounted").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", home / "mounted"], check=True)
    subprocess.run(["chattr", "+i", home / "work.ipynb"], check=True)
    Path("/var/tmp/dora").mkdir()
    os.chown("/var/tmp/dora", 20008, GID)
    subprocess.run(["crontab", "-u", "dora", "-"], input=b"0 0 * * * true\n", check=True)
    year.sql("update users set admin = 1 where name = 'dora'")
    year.hub.stop()


def test_thirty_students_are_there_in_seconds(year: Year) -> None:
    names = year.students(30)
    assert set(names) <= {one.pw_name for one in pwd.getpwall()}
    assert set(names) == set(year.seen.attending) == {one.name for one in Path("/home").iterdir()}
