"""A course on the sandbox's own disk: course.yaml, the hub's database, roster. No hub runs."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hubtui import course
from hubtui.server import Server, server_of

CONFIG = Path("/etc/hubtui/course.yaml")
DATABASE = Path("/srv/hub/jupyterhub.sqlite")
ROSTER = Path("/root/resources/accounts.txt")
STATE = Path("/var/lib/hubtui")
TEXT = f"""\
course: Test course
hub:
  url: http://127.0.0.1:8000
  database: sqlite:///{DATABASE}
accounts:
  group: all_user
  homes: /home
  uids: 20000-20999
  staff: [tutor]
  roster: {ROSTER}
"""


@dataclass
class CourseOnDisk:
    """What a test does with it."""

    server: Server

    def sign_up(self, *names: str, authorised: bool = False) -> list[int]:
        """New rows of users_info, as NativeAuthenticator writes them; returns their ids."""
        ids = []
        with sqlite3.connect(DATABASE) as connection:
            for name in names:
                row = connection.execute(
                    "insert into users_info (username, password, is_authorized, email, has_2fa)"
                    " values (?, ?, ?, ?, 0)",
                    (name, f"hash of {name}".encode(), authorised, f"{name}@example.org"),
                )
                ids.append(int(row.lastrowid or 0))
        connection.close()
        return ids

    def authorised(self) -> set[str]:
        """Names of the authorised sign-ups."""
        with sqlite3.connect(DATABASE) as connection:
            rows = connection.execute("select username from users_info where is_authorized = 1")
            found = {name for (name,) in rows.fetchall()}
        connection.close()
        return found


def make_course() -> CourseOnDisk:
    """Write it all anew."""
    for folder, mode in ((CONFIG.parent, 0o755), (DATABASE.parent, 0o700), (ROSTER.parent, 0o700)):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        folder.chmod(mode)
    CONFIG.write_text(TEXT)
    CONFIG.chmod(0o644)
    ROSTER.write_text("admin\n")
    shutil.rmtree(STATE, ignore_errors=True)
    with sqlite3.connect(DATABASE) as connection:
        connection.execute(
            "create table users_info (id integer primary key, username text not null, "
            "password blob not null, is_authorized boolean, login_email_sent boolean, "
            "email text, has_2fa boolean, otp_secret text)"
        )
        connection.execute(
            "create table users (id integer primary key, name text, admin boolean, "
            "last_activity text)"
        )
    connection.close()
    return CourseOnDisk(server_of(course.load(CONFIG)))


def hubtui(*words: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run the program as an admin would."""
    return subprocess.run(
        [sys.executable, "-m", "hubtui", *words], capture_output=True, text=True, timeout=90, **more
    )


def listing(noun: str, *words: str) -> list[dict[str, Any]]:
    """``hubtui NOUN list --json``."""
    done = hubtui(noun, "list", "--json", *words)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)[noun]
    return found
