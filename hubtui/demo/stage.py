"""Inside the demo's sandbox: a course as found in the wild, its hub, its class, and the app.

``show`` starts this in the sandbox; it ends when the app ends, and process 1 ends all the rest.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import NamedTuple

from hubtui import course
from hubtui.demo import classroom, form, last_year, past, teaching
from hubtui.demo.attend import attend, hold_signals, spawn
from hubtui.demo.classroom import Role, Student
from hubtui.demo.hub import EmbeddedHub
from hubtui.demo.sandbox import VARIABLE, split_command
from hubtui.errors import HubtuiError
from hubtui.server import server_of

GROUP = "all_user"
STAFF = "tutor"
MINUTE = 60.0
PATIENCE = 4.0  # seconds for the app to leave after a hang-up; less than the sandbox's own

_COURSE = """\
# The course of the demo. All of it is in the sandbox, and goes when you leave.
course: Digital Humanities 1
hub:
  url: {url}
  api: {api}
  proxy: {url}
  token_file: {token_file}
  database: {database}
  log: {log}
accounts:
  group: {group}
  homes: {homes}
  uids: 20000-29999
  staff: [{staff}, admin]
  roster: {roster}
watchdog:
  logs: {logs}
"""
_RELEASE = """\
release:
  source: {source}
  tutors: [{staff}]
exam:
  probe: {probe}
"""


class Places(NamedTuple):
    """Where things lie: as on a real machine, or all below one folder where nothing is ours."""

    root: Path

    @property
    def config(self) -> Path:
        """course.yaml."""
        return self.root / "etc/hubtui/course.yaml"

    @property
    def roster(self) -> Path:
        """The list of accounts that the course's scripts have kept so far."""
        return self.root / "root/resources/accounts.txt"

    @property
    def homes(self) -> Path:
        """The folder of the homes."""
        return self.root / "home"

    @property
    def tutor(self) -> Path:
        """The tutor's home."""
        return self.homes / STAFF

    @property
    def hub(self) -> Path:
        """The hub's own folder."""
        return self.root / "srv/jupyterhub"

    @property
    def logs(self) -> Path:
        """Where the script that hubtui replaces wrote its restarts."""
        return self.root / "root/logs"

    @property
    def class_log(self) -> Path:
        """What the hub answered to each sign-up."""
        return self.root / "root/class.log"


def make_accounts(places: Places) -> None:
    """Staff and course accounts as made by hand: own groups, 0755 homes, uids from 1001 on."""
    _run("groupadd", "--gid", "20000", "--", GROUP)
    _by_hand(STAFF, 1000)
    names = (*classroom.APPROVED, *classroom.EARLIER, *classroom.PREPARED, classroom.PROBE)
    for uid, name in enumerate(names, 1001):
        _by_hand(name, uid, "--groups", GROUP)
    for name in (*classroom.APPROVED[:1], *classroom.EARLIER):
        last_year.put_work(places.homes / name)


def write_roster(places: Places) -> None:
    """accounts.txt, as the scripts of such courses keep it: one name a line."""
    places.roster.parent.mkdir(parents=True, exist_ok=True)
    places.roster.parent.chmod(0o700)
    names = (*classroom.APPROVED, *classroom.EARLIER, *classroom.PREPARED, classroom.PROBE)
    places.roster.write_text("".join(f"{name}\n" for name in names))


def write_course(places: Places, hub: EmbeddedHub, *, releases: bool) -> None:
    """course.yaml for this hub; without ``releases`` nothing can be handed out."""
    places.config.parent.mkdir(parents=True, exist_ok=True)
    places.config.parent.chmod(0o755)
    text = _COURSE.format(
        url=hub.url,
        api=hub.api,
        token_file=hub.token_file,
        database=hub.database,
        log=hub.log,
        group=GROUP,
        homes=places.homes,
        staff=STAFF,
        roster=places.roster,
        logs=places.logs,
    )
    if releases:
        source = places.tutor / teaching.FOLDER
        text += _RELEASE.format(source=source, staff=STAFF, probe=classroom.PROBE)
    if places.root != Path("/"):
        text += f"state_dir: {places.root / 'var/lib/hubtui'}\n"
    places.config.write_text(text)
    places.config.chmod(0o644)


def play(places: Places, kind: str, size: int, app: list[str]) -> int:
    """Start everything, run ``app`` in the foreground, and return its exit code.

    ``{config}`` in a word of ``app`` becomes the path of course.yaml. Raises HubtuiError when the
    hub does not come up.
    """
    alone = kind in ("one-uid", "none")
    hub = EmbeddedHub(
        places.hub,
        single_uid=alone,
        homes=places.homes,
        outlive=places.root == Path("/"),
        probe=classroom.PROBE,
    )
    try:
        _say(f"Starting a real JupyterHub at {hub.url} …")
        hub.start()
        if kind != "none":
            _say(f"Making {STAFF}, seven accounts of last year and a probe, as by hand …")
            make_accounts(places)
        write_roster(places)
        write_course(places, hub, releases=not alone)
        _remember(places)
        if not alone:
            _hand_out(places)
            _of_last_year(places)
        _say(f"Waiting for the hub; it answered after {hub.wait_until_up(120):.1f} s.")
        if not alone:
            _switch_off(places)
        # Whoever takes the admin's name first has the hub: nobody else shall.
        form.sign_up(hub.url, "admin", secrets.token_urlsafe(24))
        _say(f"A class of {size} arrives. Join in: {hub.url}/hub/signup")
        return _run_app(places, hub, size, app)
    finally:
        if places.root != Path("/"):
            hub.stop()


def _remember(places: Places) -> None:
    """What the watchdog saw in the last weeks; the demo goes on without."""
    live_too = places.root == Path("/")  # else /run is this machine's own
    try:
        past.remember(server_of(course.load(places.config)), live_too=live_too)
    except (HubtuiError, OSError) as error:
        _say(f"There are fewer restarts than there should be: {error}")


def _hand_out(places: Places) -> None:
    """The releases of the last weeks; the demo goes on without."""
    _say(f"Handing out four weeks of sheets, as {STAFF} did …")
    # By sudo, as it were; and in a process of its own, for it leaves threads that take signals.
    words = ("-P", "-m", teaching.__name__, str(places.config), str(places.tutor))
    try:
        _run(sys.executable, *words, env={**os.environ, "SUDO_USER": STAFF})
    except HubtuiError as error:
        _say(f"There are fewer sheets than there should be: {error}")


def _of_last_year(places: Places) -> None:
    """Accounts that nobody uses any more; made after the releases, of which they got none."""
    for uid, name in enumerate(last_year.LEAVE, last_year.FIRST_UID):
        _by_hand(name, uid, "--groups", GROUP)
        (places.homes / name).chmod(0o700)
        last_year.put_work(places.homes / name)
    last_year.leave_behind(places.homes, places.roster)


def _switch_off(places: Places) -> None:
    """They leave: the demo goes on without that."""
    try:
        _run(sys.executable, "-P", "-m", last_year.__name__, str(places.config))
    except HubtuiError as error:
        _say(str(error))


def _run_app(places: Places, hub: EmbeddedHub, size: int, app: list[str]) -> int:
    hold_signals()  # before the thread, which would take them otherwise
    leaving = threading.Event()

    def signed_up(student: Student, answer: form.Answer) -> None:
        with places.class_log.open("a") as log:
            log.write(f"{student.name!a} {answer.ok} {answer.text}\n")
        if student.role is Role.APPROVED and answer.ok:
            with contextlib.suppress(HubtuiError):
                hub.authorise(student.name)

    arriving = threading.Thread(
        target=classroom.arrive,
        args=(hub.url, classroom.students(size)),
        kwargs={"signed_up": signed_up, "leaving": leaving},
        daemon=True,
    )
    arriving.start()
    if os.environ.get(VARIABLE) in ("root", "uidmap"):
        for verb in (("due",), ("watchdog", "check")):
            threading.Thread(target=_keep_time, args=(places, leaving, verb), daemon=True).start()
    words = [word.replace("{config}", str(places.config)) for word in app]
    child = spawn(words, {**os.environ, "HUBTUI_DEMO": hub.url}, blocked=frozenset())
    try:
        return attend(child, target=lambda: child, patience=PATIENCE)
    finally:
        leaving.set()


def _keep_time(places: Places, leaving: threading.Event, verb: tuple[str, ...]) -> None:
    """What a timer does on a server, each minute."""
    words = [sys.executable, "-P", "-m", "hubtui", "--config", str(places.config), *verb]
    while True:
        with contextlib.suppress(OSError):
            subprocess.run(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                check=False,
            )
        if leaving.wait(MINUTE):
            return


def _by_hand(name: str, uid: int, *more: str) -> None:
    words = ["--uid", str(uid), "--user-group", "--create-home", "--key", "HOME_MODE=0755"]
    _run("useradd", *words, "--shell", "/bin/bash", *more, "--", name)


def _run(*words: str, env: dict[str, str] | None = None) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=env)
    if done.returncode != 0:
        raise HubtuiError(f"{words[0]} did not work in the sandbox: {done.stderr.strip()}")


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


def main() -> int:
    """``--root FOLDER --students N -- APP…``, run by ``show`` in the sandbox."""
    parser = argparse.ArgumentParser(prog="hubtui.demo.stage")
    parser.add_argument("--root", type=Path, default=Path("/"))
    parser.add_argument("--students", type=int, default=30)
    words, app = split_command(sys.argv[1:])
    options = parser.parse_args(words)
    os.chdir(options.root)
    for signo in (signal.SIGTERM, signal.SIGHUP):  # so that a hub that is starting ends as well
        signal.signal(signo, lambda number, _: sys.exit(128 + number))
    places = Places(options.root)
    try:
        return play(places, os.environ.get(VARIABLE, "none"), options.students, app)
    except HubtuiError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return error.exit_code
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
