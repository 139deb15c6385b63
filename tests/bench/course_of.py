"""A course of N students on the sandbox's disk, written straight into passwd: useradd is slow."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from tests.course_on_disk import DATABASE, ROSTER, make_course

FIRST_UID = 20001


def make(count: int) -> None:
    """``count`` course accounts with homes and authorised sign-ups, and five who wait."""
    make_course()
    names = [f"student-{number:04}" for number in range(count)]
    passwd, shadow = Path("/etc/passwd"), Path("/etc/shadow")
    with Path("/etc/group").open("a") as group:
        group.write("all_user:x:20000:\n")
    with passwd.open("a") as lines, shadow.open("a") as secrets:
        for uid, name in enumerate(names, FIRST_UID):
            lines.write(f"{name}:x:{uid}:20000::/home/{name}:/bin/bash\n")
            secrets.write(f"{name}:*:20000:0:99999:7:::\n")
            home = Path("/home", name)
            home.mkdir(mode=0o700)

            os.chown(home, uid, 20000)
    ROSTER.write_text("".join(f"{name}\n" for name in names))
    waiting = [f"waiting-{letter}x" for letter in "abcde"]
    with sqlite3.connect(DATABASE) as connection:
        connection.executemany(
            "insert into users_info (username, password, is_authorized, has_2fa)"
            " values (?, ?, ?, 0)",
            [(n, n.encode(), 1) for n in names] + [(n, n.encode(), 0) for n in waiting],
        )
        connection.executemany(
            "insert into users (name, admin, last_activity) values (?, 0, '2026-11-22 10:00:00')",
            [(n,) for n in names],
        )
    connection.close()
