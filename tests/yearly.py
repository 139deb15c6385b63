"""A course whose year ends: a real hub with a token, and students who come, work and stay away."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import bcrypt
import psutil

from hubtui import course
from hubtui.demo.form import Session, log_in
from hubtui.demo.hub import EmbeddedHub
from hubtui.server import Server, accounts, hub, ledger, roster, server_of
from hubtui.server.hubapi import HubApi
from hubtui.server.ledger import Given
from hubtui.students import Survey, survey
from tests.course_on_disk import CONFIG, DATABASE, ROSTER, TEXT, make_course

GROUP, GID = "all_user", 20000
PASSWORD = "correct horse battery"
HASHED = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4))
"""As NativeAuthenticator stores it, but quick to make and to check."""
MADE = "2026-10-01T08:00:00Z"
SPOOLS = ("cron/crontabs", "cron/atjobs", "mail")
SHARED = ("/tmp", "/var/tmp", "/dev/shm")
UIDS = range(GID, GID + 1000)


@dataclass
class Year:
    """The course and its hub, and who is in it."""

    hub: EmbeddedHub
    server: Server

    @classmethod
    def begun(cls, hub: EmbeddedHub) -> Year:
        """A course at this hub, without anybody; ``swept`` comes before it."""
        make_course()
        address = f"url: {hub.url}\n  api: {hub.api}\n  token_file: {hub.token_file}\n"
        text = TEXT.replace(f"sqlite:///{DATABASE}", hub.database)
        text = text.replace("staff: [tutor]", "staff: [tutor, admin]")
        CONFIG.write_text(text.replace("url: http://127.0.0.1:8000\n", address))
        subprocess.run(accounts.groupadd_argv(GROUP, GID), check=True)
        return cls(hub, server_of(course.load(CONFIG)))

    def configure(self, more: str) -> None:
        """More lines at the end of course.yaml, where ``accounts:`` is."""
        with CONFIG.open("a") as file:
            file.write(more)
        self.server = server_of(course.load(CONFIG))

    def clock(self, at: datetime) -> None:
        """It is that late."""
        self.server = replace(self.server, clock=lambda: at)

    @property
    def seen(self) -> Survey:
        """All as it is now."""
        return survey(self.server)

    # --- who comes ------------------------------------------------------------------------------

    def student(
        self,
        name: str,
        uid: int | None = None,
        *,
        authorised: bool = True,
        at_the_hub: bool = False,
    ) -> Path:
        """An account as hubtui makes them, with its sign-up and some work; returns the home."""
        home = self.prepared(name, uid)
        self.sign_up(name, authorised=authorised)
        if at_the_hub:
            self.at_the_hub(name)
        work = home / "work.ipynb"
        work.write_text(f"a year of work by {name}")
        os.chown(work, home.stat().st_uid, GID)
        return home

    def students(self, count: int) -> list[str]:
        """So many of them, called ``student-01`` and so on."""
        names = [f"student-{number:02}" for number in range(1, count + 1)]
        for name in names:
            self.student(name)
        return names

    def prepared(self, name: str, uid: int | None = None) -> Path:
        """An account made ahead by hubtui: in ledger and roster, and nobody has signed up."""
        uid = uid or next(self.seen.free_uids())
        home = Path("/home", name)
        ledger.give(self.server.state, Given(uid=uid, name=name, made=MADE))
        subprocess.run(accounts.useradd_argv(name, uid, GROUP, home), check=True)
        roster.add(ROSTER, name)
        return home

    def by_hand(self, name: str, uid: int) -> Path:
        """An account as admins make them: a group of its own, home 0755, no line anywhere."""
        words = ["--user-group", "--groups", GROUP, "--create-home", "--key", "HOME_MODE=0755"]
        subprocess.run(["useradd", "--uid", str(uid), *words, "--", name], check=True)
        return Path("/home", name)

    def sign_up(self, name: str, *, authorised: bool = True) -> int:
        """A row as NativeAuthenticator writes it, whose password works; returns its id."""
        with self.database() as database:
            row = database.execute(
                "insert into users_info (username, password, is_authorized, email, has_2fa)"
                " values (?, ?, ?, ?, 0)",
                (name, HASHED, authorised, f"{name}@example.org"),
            )
        return int(row.lastrowid or 0)

    # --- at the hub -----------------------------------------------------------------------------

    def at_the_hub(self, name: str) -> Session:
        """Log in and see the own page: the hub knows the name, and no server starts."""
        session = Session(self.hub.url, name)
        fields = {"username": name, "password": PASSWORD}
        page = session.post("/hub/login?next=%2Fhub%2Fhome", fields)
        assert page.url.endswith("/hub/home"), page.body
        return session

    def can_log_in(self, name: str) -> bool:
        """Whether the hub lets it in now."""
        with contextlib.suppress(AssertionError):
            return bool(self.at_the_hub(name))
        return False

    def serve(self, name: str) -> Session:
        """Log in, and the student's server runs."""
        session = log_in(self.hub.url, name, PASSWORD)
        assert session.start_server().ok
        return session

    @property
    def api(self) -> HubApi:
        """Asked with the token that hubtui has."""
        return hub.api(self.server.course)

    @contextlib.contextmanager
    def database(self) -> Iterator[sqlite3.Connection]:
        """The hub's, in one transaction, beside the hub that runs."""
        path = self.hub.database_file
        with contextlib.closing(sqlite3.connect(path, timeout=10)) as found, found:
            yield found

    def sql(self, statement: str, *values: object) -> None:
        """One statement on it."""
        with self.database() as database:
            database.execute(statement, values)


class YearsHub:
    """The hub of all these stories, started once; before each test it is as it was then."""

    def __init__(self, hub: EmbeddedHub) -> None:
        self.hub = hub
        self._config = hub.config.read_text()
        self._mounts = _mounts()

    def sweep(self) -> None:
        """End students' processes, let the hub forget its users, empty what students write into.

        What ``machine`` restores is not touched, but made ready for that: nothing below /home is
        mounted or immutable afterwards.
        """
        for process in psutil.process_iter(["uids"]):
            if process.info["uids"].real in UIDS:
                process.kill()
        for mount in sorted(_mounts() - self._mounts, reverse=True):
            subprocess.run(["umount", "--lazy", "--", mount], check=True)
        for home in Path("/home").iterdir():
            if not any(Path(mount).is_relative_to(home) for mount in self._mounts):
                subprocess.run(["chattr", "-R", "-f", "-ia", "--", home], check=False)
        for spool in SPOOLS:
            for entry in Path("/var/spool", spool).glob("*"):
                entry.unlink()
        for entry in (entry for folder in SHARED for entry in Path(folder).iterdir()):
            if entry.lstat().st_uid in UIDS:
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        self._forget()

    def _forget(self) -> None:
        hub = self.hub
        changed = hub.config.read_text() != self._config
        if changed:
            hub.config.write_text(self._config)
            hub.stop()
        if hub.pid is None:
            hub.start()
            hub.wait_until_up(90)
        asked = HubApi(url=hub.api, uid=0, token=hub.token)
        with contextlib.closing(sqlite3.connect(hub.database_file, timeout=10)) as found, found:
            found.execute("update users set admin = 0 where name != 'admin'")
            found.execute("delete from users_info")
            names = [name for (name,) in found.execute("select name from users")]
        for name in names:
            if name != "admin":
                asked.delete_user(name)


def _mounts() -> set[str]:
    return {one.mountpoint for one in psutil.disk_partitions(all=True)}
