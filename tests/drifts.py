"""Every disagreement of the table, planted for real: by useradd, SQL, files, processes, the form.

``PLANTERS`` has them all; each makes an account (or whatever it needs) of the name that it is given
and spoils exactly one thing of it. What is started is ended by ``Ground.end``.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from hubtui.drift.records import Code
from hubtui.server import Server, accounts, processes, roster
from hubtui.server.hub import database_file

PASSWORD = "correct horse battery"
CONFIG = Path("/etc/jupyterhub/jupyterhub_config.py")
"""Of a hub that does not run: where one is looked for."""
CRONTABS = Path("/var/spool/cron/crontabs")
AT_JOBS = Path("/var/spool/cron/atjobs")
GONE = 20990
"""A uid of the course that nobody has."""


@dataclass
class Ground:
    """A course, and what a test did to it."""

    server: Server
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)
    made: list[Path] = field(default_factory=list)

    # --- what is as it should be --------------------------------------------------------------

    def student(self, name: str, uid: int | None = None, *, authorised: bool = True) -> Path:
        """An account as hubtui makes them, in the roster, with a sign-up; returns its home."""
        rules = self.server.course.accounts
        home = rules.homes / name
        uid = uid if uid is not None else self.free_uid()
        run(*accounts.useradd_argv(name, uid, rules.group, home))
        if rules.roster is not None:
            roster.add(rules.roster, name)
        self.sign_up(name, authorised=authorised)
        return home

    def free_uid(self) -> int:
        """The next uid of the course's range."""
        uids = self.server.course.accounts.uids
        return max((p.pw_uid for p in pwd.getpwall() if p.pw_uid in uids), default=uids.first) + 1

    def sign_up(self, name: str, *, authorised: bool) -> int:
        """A row of users_info with a password that works; returns its id."""
        import bcrypt

        hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4))
        with self._database() as database:
            row = database.execute(
                "insert into users_info (username, password, is_authorized, email, has_2fa)"
                " values (?, ?, ?, ?, 0)",
                (name, hashed, authorised, f"{name}@example.org"),
            )
        return int(row.lastrowid or 0)

    def hub_user(self, name: str) -> None:
        """Somebody whom the hub knows: logs in where it runs, else a row of its table."""
        if not self.hub_runs:
            with self._database() as database:
                database.execute("insert into users (name, admin) values (?, 0)", (name,))
            return
        from hubtui.demo.form import Session

        session = Session(self.server.course.hub.url or "", name)
        session.post("/hub/login", {"username": name, "password": PASSWORD})

    def serve(self, name: str) -> None:
        """The student's server: the hub's where one runs, else a process that is called so."""
        if self.hub_runs:
            from hubtui.demo.form import log_in

            assert log_in(self.server.course.hub.url or "", name, PASSWORD).start_server().ok
            return
        account = pwd.getpwnam(name)
        self.work(account.pw_uid, processes.SERVER)
        until = time.monotonic() + 10
        while account.pw_uid not in processes.serving():
            assert time.monotonic() < until, "it never ran"
            time.sleep(0.05)

    def work(self, uid: int, called: str) -> None:
        """A process of that uid, called so, that waits."""
        words = [called, "-S", "-c", "import time; time.sleep(600)"]
        self.started.append(
            subprocess.Popen(
                words, executable=sys.executable, user=uid, group=uid, extra_groups=[], cwd="/"
            )
        )

    @property
    def hub_runs(self) -> bool:
        """Whether the course's hub is a real one: those without have tables of a few columns."""
        with self._database() as database:
            return len(database.execute("pragma table_info(users)").fetchall()) > 4

    def sql(self, statement: str, *values: object) -> None:
        """One statement on the hub's database."""
        with self._database() as database:
            database.execute(statement, values)

    @contextlib.contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        path = database_file(self.server.course.hub.database)
        with contextlib.closing(sqlite3.connect(path, timeout=10)) as database, database:
            yield database

    def end(self) -> None:
        """End what was started, and take away what lies outside of the sandbox's emptied places."""
        for process in self.started:
            process.send_signal(signal.SIGKILL)
            process.wait()
        for path in self.made:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


# --- the table ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Planter:
    """One way to plant one disagreement."""

    code: Code
    plant: Callable[[Ground, str], str | None]
    """Is given a name; returns that of the drift's row where it is another one."""

    @property
    def called(self) -> str:
        """The function's name: several plant the same code."""
        return self.plant.__name__

    def __call__(self, ground: Ground, name: str) -> str:
        """Plant it; returns ``Drift.name`` as it has to be found."""
        return self.plant(ground, name) or name


PLANTERS: list[Planter] = []
_Plant = Callable[[Ground, str], str | None]


def plants(code: Code) -> Callable[[_Plant], _Plant]:
    """Into the table with it."""

    def note(plant: _Plant) -> _Plant:
        PLANTERS.append(Planter(code, plant))
        return plant

    return note


def planters(*codes: Code) -> list[Planter]:
    """Those of these codes; all without any."""
    return [each for each in PLANTERS if not codes or each.code in codes]


# --- the hub ------------------------------------------------------------------------------------


@plants(Code.NO_ACCOUNT)
def authorised_without_an_account(ground: Ground, name: str) -> None:
    ground.sign_up(name, authorised=True)


@plants(Code.HUB_USER_ALONE)
def known_to_the_hub_alone(ground: Ground, name: str) -> None:
    ground.sign_up(name, authorised=True)
    ground.hub_user(name)
    ground.sql("delete from users_info where username = ?", name)


@plants(Code.HUB_USER_LETS_IN)
def known_to_a_hub_that_lets_them_in(ground: Ground, name: str) -> None:
    known_to_the_hub_alone(ground, name)
    let_in(ground)


def let_in(ground: Ground) -> None:
    """The hub's configuration says ``allow_existing_users``."""
    from hubtui.reads import hubprocess

    process = hubprocess.find()
    path = process.config if process and process.config else CONFIG
    if path == CONFIG:
        path.parent.mkdir(exist_ok=True)
        ground.made.append(path)
    with path.open("a") as file:
        file.write("c = get_config()\nc.Authenticator.allow_all = False\n")
        file.write("c.Authenticator.allow_existing_users = True\n")


@plants(Code.TWO_SIGN_UPS)
def signed_up_twice(ground: Ground, name: str) -> None:
    ground.student(name)
    ground.sign_up(name, authorised=False)


@plants(Code.FOREIGN_SIGN_UP)
def authorised_as_an_account_of_somebody_else(ground: Ground, name: str) -> None:
    run("useradd", "--uid", str(ground.free_uid()), "--home-dir", f"/srv/{name}", "--", name)
    ground.sign_up(name, authorised=True)


@plants(Code.FOREIGN_SIGN_UP)
def authorised_as_an_account_of_the_system(ground: Ground, _name: str) -> str:
    ground.sign_up("daemon", authorised=True)
    return "daemon"


@plants(Code.NOT_AUTHORISED)
def still_at_work_though_taken_back(ground: Ground, name: str) -> None:
    ground.student(name)
    ground.serve(name)
    ground.sql("update users_info set is_authorized = 0 where username = ?", name)


# --- the account --------------------------------------------------------------------------------


@plants(Code.HALF_MADE)
def without_a_line_in_shadow(ground: Ground, name: str) -> None:
    ground.student(name)
    drop_line("shadow", name)


@plants(Code.HALF_MADE)
def with_a_home_that_useradd_never_finished(ground: Ground, name: str) -> None:
    home = ground.student(name)
    shutil.rmtree(home)
    home.mkdir(mode=0)


@plants(Code.NOT_IN_GROUP)
def in_the_roster_and_not_in_the_group(ground: Ground, name: str) -> None:
    ground.student(name)
    run("usermod", "--gid", "nogroup", "--", name)


@plants(Code.POWERFUL)
def in_sudo(ground: Ground, name: str) -> None:
    ground.student(name)
    run("usermod", "--append", "--groups", "sudo", "--", name)


@plants(Code.SHARED_UID)
def of_the_same_uid_as_another(ground: Ground, name: str) -> None:
    ground.student(name)
    uid, other = str(pwd.getpwnam(name).pw_uid), f"{name}-too"
    run("useradd", "--non-unique", "--uid", uid, "--home-dir", f"/srv/{other}", "--", other)


@plants(Code.CASE_TWINS)
def beside_the_same_name_in_capitals(ground: Ground, name: str) -> str:
    ground.student(name)
    other = name.capitalize()
    run(*accounts.useradd_argv(other, ground.free_uid(), "all_user", Path("/home", other))[:-2],
        "--badname", "--", other)  # fmt: skip
    roster_path = ground.server.course.accounts.roster
    assert roster_path is not None
    roster.add(roster_path, other)
    return other


@plants(Code.LOCKED)
def locked_and_authorised(ground: Ground, name: str) -> None:
    ground.student(name)
    run("usermod", "--lock", "--", name)


@plants(Code.LOCKED)
def expired_and_authorised(ground: Ground, name: str) -> None:
    ground.student(name)
    run("usermod", "--expiredate", "1", "--", name)


# --- the home -----------------------------------------------------------------------------------


@plants(Code.NO_HOME)
def without_a_home(ground: Ground, name: str) -> None:
    shutil.rmtree(ground.student(name))


@plants(Code.HOME_NOT_FOLDER)
def with_a_link_as_home(ground: Ground, name: str) -> None:
    home = ground.student(name)
    shutil.rmtree(home)
    home.symlink_to("/root")


@plants(Code.HOME_NOT_FOLDER)
def with_a_file_as_home(ground: Ground, name: str) -> None:
    home = ground.student(name)
    shutil.rmtree(home)
    home.write_text("no folder\n")


@plants(Code.HOME_OWNER)
def with_a_home_of_somebody_else(ground: Ground, name: str) -> None:
    os.chown(ground.student(name), GONE, -1)


@plants(Code.HOME_OPEN)
def with_a_home_that_is_open_to_others(ground: Ground, name: str) -> None:
    ground.student(name).chmod(0o755)


@plants(Code.HOME_ALONE)
def a_home_without_an_account(ground: Ground, name: str) -> None:
    home = ground.student(name)
    uid = pwd.getpwnam(name).pw_uid
    own(uid, home, "thesis.txt")
    forget(ground, name)


# --- lines --------------------------------------------------------------------------------------


@plants(Code.NOT_IN_ROSTER)
def in_the_group_and_not_in_the_roster(ground: Ground, name: str) -> None:
    ground.student(name)
    path = roster_of(ground)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if line.strip() != name))


@plants(Code.ROSTER_ALONE)
def in_the_roster_and_nowhere_else(ground: Ground, name: str) -> None:
    roster.add(roster_of(ground), name)


@plants(Code.ROSTER_TWICE)
def in_the_roster_twice(ground: Ground, name: str) -> None:
    ground.student(name)
    with roster_of(ground).open("a") as file:
        file.write(f"{name}\n")


@plants(Code.ORPHAN_LINE)
def in_shadow_and_not_in_passwd(ground: Ground, name: str) -> None:
    home = ground.student(name)
    shutil.rmtree(home)
    drop_line("passwd", name)
    forget_lines(ground, name)


@plants(Code.ORPHAN_LINE)
def with_uids_of_its_own_and_no_account(_ground: Ground, name: str) -> None:
    for file in ("subuid", "subgid"):
        with Path("/etc", file).open("a") as lines:
            lines.write(f"{name}:200000:65536\n")


@plants(Code.ORPHAN_LINE)
def with_a_group_that_was_left(ground: Ground, name: str) -> None:
    run("groupadd", "--gid", str(ground.free_uid() + 500), "--", name)


@plants(Code.STALE_LOCK)
def a_lock_that_nobody_holds(_ground: Ground, _name: str) -> str:
    Path("/etc/passwd.lock").touch()
    return "/etc/passwd.lock"


# --- what is left of a uid ----------------------------------------------------------------------


@plants(Code.LEFT_OF_UID)
def files_in_tmp_of_nobody(ground: Ground, name: str) -> str:
    path = Path("/tmp", name)
    path.mkdir()
    ground.made.append(path)
    own(GONE + 1, path, "notes.txt")
    return str(GONE + 1)


@plants(Code.LEFT_OF_UID)
def a_crontab_of_nobody(ground: Ground, name: str) -> str:
    path = CRONTABS / name
    path.write_text("@daily true\n")
    path.chmod(0o600)
    os.chown(path, GONE + 2, -1)
    ground.made.append(path)
    return str(GONE + 2)


@plants(Code.LEFT_OF_UID)
def an_at_job_of_nobody(ground: Ground, _name: str) -> str:
    AT_JOBS.mkdir(exist_ok=True)
    path = AT_JOBS / "a0000101c2f7a4"
    path.write_text(f"#!/bin/sh\n# atrun uid={GONE + 3} gid={GONE + 3}\ntrue\n")
    path.chmod(0o700)
    os.chown(path, GONE + 3, -1)
    ground.made.append(path)
    return str(GONE + 3)


@plants(Code.LEFT_OF_UID)
def a_process_of_nobody(ground: Ground, _name: str) -> str:
    ground.work(GONE + 4, "sleeper")
    return str(GONE + 4)


# --- how it is done -----------------------------------------------------------------------------


def run(*words: str) -> None:
    """A command of the system, which has to work."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{words}: {done.stderr}"


def roster_of(ground: Ground) -> Path:
    path = ground.server.course.accounts.roster
    assert path is not None
    return path


def drop_line(file: str, name: str) -> None:
    """Out of one file of /etc, by hand."""
    path = Path("/etc", file)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith(f"{name}:")))


def own(uid: int, folder: Path, *files: str) -> None:
    """Files with words in them, and the folder, of that uid."""
    for file in files:
        (folder / file).write_text("words\n")
        os.chown(folder / file, uid, uid)
    os.chown(folder, uid, -1)


def forget(ground: Ground, name: str) -> None:
    """The account goes as by ``userdel`` without -r; roster and hub know nothing of it."""
    run("userdel", "--", name)
    forget_lines(ground, name)


def forget_lines(ground: Ground, name: str) -> None:
    path = roster_of(ground)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if line.strip() != name))
    ground.sql("delete from users_info where username = ?", name)
