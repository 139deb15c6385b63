"""A hub of its own for stories of the watchdog: it may be killed, hung and started as one likes."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from hubtui import course
from hubtui.demo.form import Session, log_in, sign_up
from hubtui.demo.hub import EmbeddedHub
from hubtui.server import Server, hubprocess, server_of
from hubtui.watchdog import incidents, live
from hubtui.watchdog.check import Report, check
from hubtui.watchdog.patience import Patience
from hubtui.watchdog.records import Incident, Now
from tests.course_on_disk import CONFIG, ROSTER, STATE, TEXT
from tests.sandboxed import Machine

FOLDER = Path("/srv/watched")
LOGS = Path("/root/logs")
PASSWORD = "correct horse battery"
QUICK = Patience(
    grace=3,
    looks_again=(0.5, 0.5),
    second_look=0.5,
    hung_hub=6,
    fresh_log=2,
    gone_proxy=1,
    hung_proxy=1,
    idle_proxy=3,
    load=1000,
    stalled_cpu=101,
)
"""The same rules in a twentieth of the time, on a machine that may be busy with other tests."""


class Watched:
    """A course whose hub was started by hand, and what a test does to it."""

    def __init__(self, hub: EmbeddedHub) -> None:
        self.hub = hub
        self.more = ""

    @property
    def server(self) -> Server:
        return server_of(course.load(CONFIG))

    def configure(self, more: str = "", hub_keys: str = "") -> None:
        """Write course.yaml: ``more`` at its end, ``hub_keys`` below ``hub:``."""
        for folder, mode in ((CONFIG.parent, 0o755), (ROSTER.parent, 0o700), (LOGS, 0o700)):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(mode)
        hub = self.hub
        url = "" if "url:" in hub_keys else f"  url: {hub.url}\n"
        keys = f"{url}  api: {hub.api}\n  proxy: {hub.url}\n  token_file: {hub.token_file}\n"
        watchdog = f"watchdog:\n  logs: {LOGS}\n  probe_timeout: 2\n  grace: 30\n"
        CONFIG.write_text(
            TEXT.replace("  url: http://127.0.0.1:8000\n", keys + hub_keys).replace(
                "sqlite:////srv/hub/jupyterhub.sqlite", hub.database
            )
            + watchdog
            + more
        )
        CONFIG.chmod(0o644)

    # --- the watchdog ---------------------------------------------------------------------------

    def check(self, patience: Patience = QUICK) -> Report:
        """One check, as the timer makes it."""
        report = check(self.server, patience=patience)
        assert report is not None
        return report

    def checks_until(
        self, what: Callable[[Now], bool], seconds: float = 60, patience: Patience = QUICK
    ) -> Now:
        """Check again and again, a second apart, until the state is as wanted."""
        until = time.monotonic() + seconds
        while not what(now := self.check(patience).now):
            assert time.monotonic() < until, f"it never came: {now.state}, {now.text}"
            time.sleep(1)
        return now

    @property
    def now(self) -> Now:
        found = live.read(self.server.live)
        assert found is not None
        return found

    def incidents(self) -> list[Incident]:
        return incidents.read(STATE)

    # --- the hub --------------------------------------------------------------------------------

    @property
    def hub_pid(self) -> int:
        return self._listener(self.hub.api)

    @property
    def proxy_pid(self) -> int:
        return self._listener(self.hub.url)

    def kill(self, *pids: int, number: int = signal.SIGKILL) -> None:
        """Send a signal, and wait for the end where it is KILL."""
        for pid in pids:
            os.kill(pid, number)
        if number == signal.SIGKILL:
            eventually(lambda: not any(_runs(pid) for pid in pids))

    def is_up(self) -> bool:
        """Whether a student's browser would see the log-in page."""
        with contextlib.suppress(AssertionError, OSError):
            return bool(log_in_page(self.hub.url))
        return False

    def student(self, machine: Machine, name: str, uid: int) -> Session:
        """A student with an account who is logged in, and whose server runs."""
        machine.adduser(name, uid)
        sign_up(self.hub.url, name, PASSWORD)
        self.hub.authorise(name)
        session = log_in(self.hub.url, name, PASSWORD)
        assert session.start_server().ok
        return session

    def _listener(self, url: str) -> int:
        from hubtui.server import listeners

        place = listeners.place_of(url, "", 0)
        pids = hubprocess.listening(place.host, place.port)
        assert pids, f"nobody listens at {url}"
        return pids[0]


def log_in_page(url: str) -> bool:
    """Whether the log-in page answers 200."""
    import urllib.request

    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(f"{url}/hub/login", timeout=3) as answer:
        return bool(answer.status == 200)


def server_pids(uid: int) -> list[int]:
    """The processes of a student."""
    return [p.pid for p in psutil.process_iter(["uids"]) if p.info["uids"].real == uid]


def eventually(what: Callable[[], bool], seconds: float = 30) -> None:
    """Wait until it is so."""
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.1)


@contextlib.contextmanager
def watched(
    machine: Machine,
    start: Callable[[EmbeddedHub], None] = EmbeddedHub.start,
    make: Callable[[Path], EmbeddedHub] = EmbeddedHub,
) -> Iterator[Watched]:
    """A course with a hub that runs; at the end nothing of it is left."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    Path("/var/mail/root").unlink(missing_ok=True)  # cron's, which is history too
    for folder in (Path("/run/hubtui"), LOGS, STATE):
        shutil.rmtree(folder, ignore_errors=True)
    machine.add_group("all_user", 20000)
    found = Watched(make(FOLDER))
    found.configure()
    start(found.hub)
    try:
        eventually(found.is_up, seconds=90)
        yield found
    finally:
        _end_all(FOLDER)


def _end_all(folder: Path) -> None:
    """End whatever has this folder in its command line or works in it: it is a test's own."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            words = process.cmdline()
            ours = any(str(folder) in word for word in words) or process.cwd() == str(folder)
            student = process.uids().real >= 20000 and "singleuser" in " ".join(words)
            if (ours or student) and process.pid != os.getpid():
                process.kill()


def _runs(pid: int) -> bool:
    found = hubprocess.process(pid)
    return found is not None and found.state not in "ZX"


if __name__ == "__main__":  # one check as a process of its own, to be killed
    sys.stdout.write(f"{check(server_of(course.load(CONFIG)), patience=QUICK)}")
