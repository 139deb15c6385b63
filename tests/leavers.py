"""A course with a real hub whose students leave: how they come, how they are looked at."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pwd
import sqlite3
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import bcrypt

from hubtui import changes, course
from hubtui.demo.form import Session, log_in
from hubtui.demo.hub import EmbeddedHub
from hubtui.events import Event, Follower, Outcome, What
from hubtui.plan import plans, runs
from hubtui.plan.plans import Plan
from hubtui.retire.plan import retire_plan
from hubtui.retire.restore import restore_plan
from hubtui.server import Server, accounts, hubdb, ledger, roster, server_of
from hubtui.server.accounts import FILES
from hubtui.server.ledger import Given
from hubtui.state import write_document
from hubtui.students import Survey, survey
from tests.course_on_disk import CONFIG, DATABASE, ROSTER, TEXT, make_course

PASSWORD = "correct horse battery"
ARCHIVES = Path("/var/lib/hubtui/archives")


@dataclass
class Leavers:
    """The course, its hub, and what a test does with both."""

    hub: EmbeddedHub
    server: Server

    @classmethod
    def at(cls, hub: EmbeddedHub) -> Leavers:
        """A fresh course at a hub that runs; it has a token, and no students."""
        make_course()
        address = f"url: {hub.url}\n  api: {hub.api}\n  token_file: {hub.token_file}\n"
        text = TEXT.replace(f"sqlite:///{DATABASE}", hub.database)
        CONFIG.write_text(text.replace("url: http://127.0.0.1:8000\n", address))
        if not accounts.group_exists("all_user"):
            subprocess.run(accounts.groupadd_argv("all_user", 20000), check=True)
        return cls(hub, server_of(course.load(CONFIG)))

    @property
    def seen(self) -> Survey:
        """All as it is now."""
        return survey(self.server)

    # --- who comes ------------------------------------------------------------------------------

    def student(self, name: str, uid: int, *, at_the_hub: bool = True) -> Path:
        """An account as hubtui makes them, its sign-up authorised; returns the home, with work."""
        home = Path("/home", name)
        ledger.give(self.server.state, Given(uid=uid, name=name, made="2026-10-01T08:00:00Z"))
        subprocess.run(accounts.useradd_argv(name, uid, "all_user", home), check=True)
        roster.add(ROSTER, name)
        self.sign_up(name)
        if at_the_hub:
            self.at_the_hub(name)
        work = home / "work.ipynb"
        work.write_text(f"a year of work by {name}")
        os.chown(work, uid, 20000)
        return home

    def sign_up(self, name: str, *, authorised: bool = True) -> None:
        """A row of users_info with a password that works."""
        hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4))
        self.sql(
            "insert into users_info (username, password, is_authorized, email, has_2fa)"
            " values (?, ?, ?, '', 0)",
            name,
            hashed,
            authorised,
        )

    def at_the_hub(self, name: str) -> None:
        """Log in, and see the own page: the hub knows the name, and no server starts."""
        page = Session(self.hub.url, name).post(
            "/hub/login?next=%2Fhub%2Fhome", {"username": name, "password": PASSWORD}
        )
        assert page.status == 200, page.body

    def can_log_in(self, name: str) -> bool:
        """Whether the hub lets it in now."""
        page = Session(self.hub.url, name).post(
            "/hub/login?next=%2Fhub%2Fhome", {"username": name, "password": PASSWORD}
        )
        return "/hub/home" in page.url

    def serve(self, name: str) -> None:
        """The student's server runs."""
        assert log_in(self.hub.url, name, PASSWORD).start_server().ok

    def sql(self, statement: str, *values: object) -> None:
        """One statement on the hub's database."""
        path = self.hub.database_file
        with contextlib.closing(sqlite3.connect(path, timeout=10)) as database, database:
            database.execute(statement, values)

    # --- what is done ---------------------------------------------------------------------------

    def retire(
        self, *names: str, until: datetime | None = None, archive: Path | None = None
    ) -> Plan:
        """The plan that removes them."""
        return retire_plan(self.server, self.seen, names, until=until, archive=archive)

    def restore(self, *names: str) -> Plan:
        """The plan that brings them back."""
        return restore_plan(self.server, self.seen, names)

    def confirm(self, plan: Plan) -> str:
        """Somebody says yes; returns the run, which nobody has begun yet."""
        plans.save(self.server.state, plan)
        record = runs.RunRecord(id=plan.id, by=plan.by, at=plan.at)
        write_document(runs.record_path(self.server.state, plan.id), record)
        return plan.id

    def carry_out(self, plan: Plan) -> Outcome:
        """The whole run, in this process."""
        return changes.carry_out(self.server, self.confirm(plan))

    def done(self, plan: Plan) -> None:
        """Carry it out; it has to go well."""
        outcome = self.carry_out(plan)
        assert outcome is Outcome.DONE, self.ends(plan)

    def ends(self, plan: Plan) -> dict[str, Event]:
        """What came of each subject."""
        events = Follower(runs.events_path(self.server.state, plan.id)).new()
        return {event.subject: event for event in events if event.event is What.END}

    def killed(self, plan: Plan, prepare: Callable[[], None]) -> None:
        """Carry it out in a child that is prepared to die of kill -9 on its way."""
        child = os.fork()
        if child == 0:
            try:
                prepare()
                changes.carry_out(self.server, plan.id)
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), "the run was meant to be killed"
        os.utime(runs.record_path(self.server.state, plan.id), (1, 1))  # begun long ago

    def clock(self, at: datetime) -> None:
        """It is that late."""
        self.server = replace(self.server, clock=lambda: at)

    # --- what is left ---------------------------------------------------------------------------

    def gone(self, name: str, uid: int) -> None:
        """Nothing of it is left where it was."""
        for path in FILES:
            words = path.read_text().replace(":", " ").replace(",", " ").split()
            assert name not in words, path
        assert not Path("/home", name).exists()
        assert not Path("/home/.hubtui-retired", str(uid)).exists()
        database = self.server.course.hub.database
        assert name not in {user.name for user in hubdb.hub_users(database)}
        assert name not in {row.name for row in hubdb.sign_ups(database)}
        assert name not in ROSTER.read_text().split()
        assert name not in self.seen.leaving
        given = ledger.read_ledger(self.server.state).by_uid[uid]
        assert given.retired is not None
        assert given.name != name

    def as_ever(self, name: str, before: str) -> None:
        """Still there, with every byte of its home."""
        assert pwd.getpwnam(name)
        assert digest(Path("/home", name)) == before
        assert name in ROSTER.read_text().split()
        assert self.can_log_in(name)


def digest(folder: Path) -> str:
    """Of every name, byte, mode, owner, time and attribute below a folder, itself included."""
    found = hashlib.sha256()
    for path in (folder, *sorted(folder.rglob("*"))):
        stat = path.lstat()
        content = b""
        if path.is_symlink():
            content = os.fsencode(path.readlink())
        elif path.is_file():
            content = path.read_bytes()
        attributes = [
            (name, os.getxattr(path, name, follow_symlinks=False))
            for name in sorted(os.listxattr(path, follow_symlinks=False))
        ]
        seen = (stat.st_mode, stat.st_uid, stat.st_gid, stat.st_mtime_ns, stat.st_nlink, attributes)
        found.update(repr((path.relative_to(folder), seen)).encode("utf-8", "surrogateescape"))
        found.update(content)
    return found.hexdigest()


def unpacked(archive: Path, into: Path) -> Sequence[Path]:
    """What the documented command makes of an archive."""
    into.mkdir()
    words = ["tar", "--extract", "--zstd", "--acls", "--xattrs", "--xattrs-include=*"]
    subprocess.run([*words, "--file", str(archive), "--directory", str(into)], check=True)
    return sorted(into.rglob("*"))
