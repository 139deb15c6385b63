"""The server before hubtui comes: a real hub and web server, scripts, cron, forty accounts.

Everything was made by hand, over years: a hub that a script started, as it would again after the
next failure; the script itself in root's crontab; another that copies the tutor's exercises into
every home as root; accounts.txt; logs of weeks. All of it is the sandbox's own.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import bcrypt
import psutil

from hubtui.demo.form import sign_up
from hubtui.server.hubprocess import HUB, is_program
from tests.old_files import (
    ADMIN,
    APACHE_SITE,
    CONFIG,
    COPY,
    COPY_TEXT,
    CRON_D,
    CRONTAB,
    DATABASE,
    EXERCISES,
    FOLDER,
    GROUP,
    HUB_TEXT,
    LOGS,
    NGINX_SITE,
    PASSWORD,
    PYTHON,
    ROSTER,
    STUDENTS,
    SUDOERS,
    SUDOERS_TEXT,
    TABLE,
    TUTOR,
    WAITING,
    WATCH,
    WATCH_TEXT,
)
from tests.sandboxed import Machine, usr_local_of_its_own
from tests.watched import eventually, log_in_page
from tests.webserver import (
    NGINX,
    PROGRAM,
    Apache,
    Nginx,
    Place,
    WebServer,
    free_port,
    name_leads_to,
)

CRON_ENVIRONMENT = {"HOME": "/root", "LOGNAME": "root", "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh"}

COMPLETION = Path("/etc/bash_completion.d")  # there on every Debian
_EVERY_MINUTE = re.compile(rb"\* \* \* \* \*\s+(.*)")

FRONTS = {"apache": PROGRAM.exists(), "nginx": NGINX is not None}
"""The web servers that it may have, and whether they are installed here."""


@dataclass(frozen=True)
class OldServer:
    """It, and what a test asks of it."""

    front: WebServer
    proxy_url: str
    """The proxy on its own port, behind the web server."""

    @property
    def url(self) -> str:
        """What students open."""
        return self.front.url

    @property
    def hub_pid(self) -> int | None:
        """The hub's process."""
        found = (p.pid for p in psutil.process_iter() if is_program(p.pid, HUB))
        return next(found, None)

    def is_up(self) -> bool:
        """Whether a student's browser would see the log-in page."""
        with contextlib.suppress(AssertionError, OSError):
            return log_in_page(self.url)
        return False

    def log(self) -> str:
        """What the hub that started last has said."""
        files = sorted(LOGS.glob("jupyterhub-*.log"), key=lambda file: file.stat().st_mtime)
        return files[-1].read_text("utf-8", "replace") if files else "no hub was started"

    def minute(self) -> None:
        """What cron does each minute: all that is due then, in its environment.

        The old script stays with the hub that it starts; all else is waited for.
        """
        for command in _due_each_minute():
            job = subprocess.Popen(
                ["sh", "-c", command],
                cwd="/root",
                env=CRON_ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
            until = time.monotonic() + 60
            while job.poll() is None and not (str(WATCH) in command and _starts_a_hub(job.pid)):
                assert time.monotonic() < until, f"cron's job does not end: {command}"
                time.sleep(0.05)

    def everything(self) -> dict[str, object]:
        """What must be the same before and after: /etc, and what root keeps."""
        found: dict[str, object] = {"crontab": _crontab("-l")}
        for top in (Path("/etc"), Path("/root/bin"), ROSTER.parent, FOLDER):
            for path in [top, *sorted(top.rglob("*"))]:
                found[str(path)] = _state(path)
        return found


@contextlib.contextmanager
def old_server(machine: Machine, front: str = "apache") -> Iterator[OldServer]:
    """The whole server, behind ``apache`` or ``nginx``; at the end nothing of it is left.

    It kills and starts hubs by their name, as such servers do: nobody else's may run in the same
    sandbox.
    """
    machine.restore()
    _clear()
    port, hub_port, proxy_port = (free_port() for _ in range(3))
    # A whole address of its own: as on a server, the ports are the usual ones.
    place = Place(f"127.{random.randint(2, 250)}.{os.getpid() % 250}.1", 443, 80)
    with contextlib.ExitStack() as stack:
        stack.callback(_clear)
        stack.enter_context(name_leads_to(place.address))
        stack.enter_context(usr_local_of_its_own())
        web = _web_server(front, place)
        stack.callback(web.stop)
        stack.enter_context(_trusted(web.ca_file))
        _make_hub(port, hub_port, proxy_port)
        make_program()
        _make_python()
        _make_scripts()
        stack.callback(_cron().kill)
        _make_people(machine)
        web.serve({"apache": APACHE_SITE, "nginx": NGINX_SITE}[front].format(port=port))
        made = OldServer(web, f"http://127.0.0.1:{port}")
        stack.callback(_end_hub)
        made.minute()  # the web server alone answers 503, so the script starts the hub
        try:
            eventually(made.is_up, seconds=90)
        except AssertionError:
            raise AssertionError(made.log()) from None
        _make_sign_ups(made)
        _make_past(datetime.now().astimezone())
        subprocess.run([COPY], check=True)
        for sheet, topic in (("week03", "letters"), ("week04", "loops"), ("exam", "questions")):
            write_sheet(sheet, topic)
        yield made


# --- its parts ----------------------------------------------------------------------------------


def _web_server(front: str, place: Place) -> WebServer:
    """With its site where Debian has it."""
    kind, top, name = {
        "apache": (Apache, Path("/etc/apache2"), "jupyter.conf"),
        "nginx": (Nginx, Path("/etc/nginx"), "jupyter"),
    }[front]
    for folder in ("sites-available", "sites-enabled"):
        (top / folder).mkdir(parents=True, mode=0o755)
    site = top / "sites-available" / name
    (top / "sites-enabled" / name).symlink_to(f"../sites-available/{name}")
    return kind(Path("/srv/web"), place, site)


@contextlib.contextmanager
def _trusted(authority: Path) -> Iterator[None]:
    """The tests' own authority is one that this machine believes, as if it were Let's Encrypt."""
    bundle = Path("/etc/ssl/certs/ca-certificates.crt")
    before = bundle.read_bytes()
    named = subprocess.run(
        ["openssl", "x509", "-noout", "-hash", "-in", authority],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    link = bundle.with_name(f"{named}.0")
    link.write_bytes(authority.read_bytes())
    bundle.write_bytes(before + authority.read_bytes())
    try:
        yield
    finally:
        bundle.write_bytes(before)
        link.unlink()


def _make_hub(port: int, hub_port: int, proxy_port: int) -> None:
    for folder, mode in ((CONFIG.parent, 0o755), (FOLDER, 0o700)):
        folder.mkdir(parents=True)
        folder.chmod(mode)
    CONFIG.write_text(
        HUB_TEXT.format(
            port=port,
            hub_port=hub_port,
            proxy_port=proxy_port,
            database=DATABASE,
            folder=FOLDER,
            admin=ADMIN,
        )
    )


def make_program() -> None:
    """hubtui is where everybody finds it, as its installation leaves it."""
    link = Path("/usr/local/bin/hubtui")
    link.unlink(missing_ok=True)
    link.symlink_to(Path(sysconfig.get_path("scripts"), "hubtui"))


def _make_python() -> None:
    """The hub's own Python, where hubtui is not: made of links to what the tests' own has."""
    home, packages = Path(sysconfig.get_path("scripts")), Path(sysconfig.get_path("purelib"))
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", PYTHON], check=True)
    (there,) = PYTHON.glob("lib/python3*/site-packages")
    for entry in packages.iterdir():
        if "hubtui" not in entry.name:
            (there / entry.name).symlink_to(entry)
    for name in ("share", "etc"):
        (PYTHON / name).symlink_to(home.parent / name)
    for script in (*home.glob("jupyter*"), home / "configurable-http-proxy"):
        text = script.read_text().replace(f"#!{home}/", f"#!{PYTHON}/bin/", 1)
        (PYTHON / "bin" / script.name).write_text(text)
        (PYTHON / "bin" / script.name).chmod(0o755)


def _make_scripts() -> None:
    for folder in (WATCH.parent, LOGS, ROSTER.parent, CRON_D, COMPLETION):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755 if folder.is_relative_to("/etc") else 0o700)
    for path, text in ((WATCH, WATCH_TEXT), (COPY, COPY_TEXT)):
        path.write_text(text)
        path.chmod(0o755)
    Path("/root/.bashrc").write_text(f"export PATH=/usr/local/bin:{PYTHON}/bin:$PATH\n")
    ROSTER.write_text("".join(f"{name}\n" for name in (ADMIN, *STUDENTS)))
    _crontab("-", TABLE)
    SUDOERS.write_text(SUDOERS_TEXT)
    SUDOERS.chmod(0o440)
    Path("/etc/sudoers.d").mkdir(mode=0o755)


def _cron() -> subprocess.Popen[bytes]:
    """The real cron, which stands still: a test's minute comes when the test says so."""
    daemon = subprocess.Popen(["cron", "-f"], stdin=subprocess.DEVNULL)
    daemon.send_signal(signal.SIGSTOP)
    return daemon


def _make_people(machine: Machine) -> None:
    machine.adduser(ADMIN, 1000, group="sudo")
    machine.adduser(TUTOR, 1001)
    machine.add_group(GROUP, 1100)
    for uid, name in enumerate(STUDENTS, 1002):
        machine.adduser(name, uid, group=GROUP)
    for week, topic in (("week01", "words"), ("week02", "lists")):
        write_sheet(week, topic)


def write_sheet(week: str, topic: str) -> Path:
    """What the tutor does for a week: a folder with a notebook and its data."""
    sheet = EXERCISES / week
    sheet.mkdir(parents=True)
    cell = f'{{"cell_type": "markdown", "metadata": {{}}, "source": ["# {topic}"]}}'
    notebook = f'{{"cells": [{cell}], "metadata": {{}}, "nbformat": 4, "nbformat_minor": 5}}\n'
    (sheet / f"{topic}.ipynb").write_text(notebook)
    (sheet / f"{topic}.csv").write_text(f"{topic},1\n")
    subprocess.run(["chown", "-R", f"{TUTOR}:", EXERCISES], check=True)
    return sheet


def _make_sign_ups(made: OldServer) -> None:
    """The admin's and the students', as the admin authorised them over the years; a few wait."""
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(rounds=4))
    with contextlib.closing(sqlite3.connect(DATABASE, timeout=20)) as db, db:
        db.executemany(
            "insert into users_info (username, password, is_authorized, email, has_2fa)"
            " values (?, ?, 1, ?, 0)",
            [(name, hashed, f"{name}@example.org") for name in (ADMIN, *STUDENTS)],
        )
    for name in WAITING:
        said = sign_up(made.proxy_url, name, PASSWORD, f"{name}@example.org")
        assert said.ok, said.text


def _make_past(now: datetime) -> None:
    """Five weeks of restarts, each with the log that began then."""
    lines = []
    for days, why in (
        (33, "Server down"),
        (26, "HTTP response code of 500"),
        (19, "Server down"),
        (12, "Server down"),
        (5, "HTTP response code of 500"),
    ):
        at = now - timedelta(days=days)
        stamp = at.isoformat(timespec="minutes")
        lines.append(f"{stamp}: {why}\n")
        log = LOGS / f"jupyterhub-{stamp}.log"
        log.write_text(
            f"[I {at:%Y-%m-%d %H:%M:%S}.101 JupyterHub app:3354] Running JupyterHub version 5.5.0\n"
            f"[I {at:%Y-%m-%d %H:%M:%S}.950 JupyterHub app:3770] JupyterHub is now running at "
            f"http://127.0.0.1:8000\n"
        )
        os.utime(log, (at.timestamp(), at.timestamp()))
    restarts = LOGS / "restarts.log"
    restarts.write_text("".join(lines) + restarts.read_text())


# --- odds and ends ------------------------------------------------------------------------------


def _due_each_minute() -> Iterator[str]:
    for line in _crontab("-l").splitlines():
        if found := _EVERY_MINUTE.match(line):
            yield found[1].decode()
    for file in sorted(CRON_D.iterdir()):
        for line in file.read_bytes().splitlines():
            if found := _EVERY_MINUTE.match(line):
                user, _, command = found[1].decode().partition(" ")
                assert user == "root"
                yield command


def _starts_a_hub(pid: int) -> bool:
    with contextlib.suppress(psutil.Error):
        children = psutil.Process(pid).children(recursive=True)
        return any(is_program(child.pid, HUB) for child in children)
    return False


def _crontab(word: str, text: bytes = b"") -> bytes:
    done = subprocess.run(["crontab", word], input=text, capture_output=True, check=False)
    return done.stdout


def _state(path: Path) -> object:
    at = path.lstat()
    if path.is_symlink():
        return str(path.readlink())
    quiet = path.is_file() and path.parent != FOLDER  # the hub writes its database all the time
    return (at.st_mode, at.st_uid, at.st_gid, path.read_bytes() if quiet else b"")


def _end_hub() -> None:
    """The hub, its proxy, the servers and the script that started it."""
    ours = (str(CONFIG), str(WATCH), str(PYTHON))
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            words = " ".join(process.cmdline())
            if process.pid != os.getpid() and any(word in words for word in ours):
                process.kill()


def _clear() -> None:
    for folder in (
        *(
            "/etc/apache2",
            "/etc/nginx",
            "/srv/web",
            "/etc/cron.d",
            "/etc/sudoers.d",
            "/etc/hubtui",
            COMPLETION,
        ),
        *("/run/hubtui", "/var/lib/hubtui"),
        *(PYTHON, CONFIG.parent, FOLDER, WATCH.parent, LOGS, ROSTER.parent),
    ):
        shutil.rmtree(folder, ignore_errors=True)
    for file in (Path("/root/.bashrc"), CRONTAB, SUDOERS, Path("/run/crond.pid")):
        file.unlink(missing_ok=True)
