"""``hubtui install``: the minutely timer, and the tutors' way in. Shown first, verified after.

What is written is a few files of root's and, where systemd runs, two commands. Each file is
replaced as a whole; to install again changes nothing.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import shutil
import stat
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hubtui.errors import CommandFailed, Refused
from hubtui.names import shown
from hubtui.server import Server
from hubtui.server.run import SEARCH, Result, say
from hubtui.setup import reading
from hubtui.state import replace_file, sync_folder
from hubtui.trust import SAFE_PLACE

SYSTEMD = Path("/run/systemd/system")
"""There where systemd runs this machine: sd_booted(3)."""
UNITS = Path("/etc/systemd/system")
UNIT_NAMES = ("hubtui-due.service", "hubtui-due.timer")
CRON = Path("/etc/cron.d/hubtui")
SUDOERS = Path("/etc/sudoers.d/hubtui-tutor")
LAUNCHER = Path("/usr/local/bin/hubtui-tutor")

_LONGEST_SHEBANG = 127
"""Characters; older kernels cut what is longer."""
_CRON_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class File:
    """A file as it shall be: root's."""

    path: Path
    text: str
    mode: int = 0o644


@dataclass(frozen=True)
class Installation:
    """Files, and what is run once they are there."""

    files: tuple[File, ...]
    check: tuple[tuple[tuple[str, ...], str], ...] = ()
    """Commands before anything is put in place, each with what it reads."""
    after: tuple[tuple[str, ...], ...] = ()
    verify: tuple[tuple[str, ...], ...] = ()
    """Commands that succeed where it works."""
    notes: tuple[str, ...] = ()
    """What to know about it."""

    def lines(self) -> Iterator[str]:
        """All of it, to be read before saying yes."""
        for file in self.files:
            state = "" if _read(file.path) is None else " (is there, with another text)"
            state = " (is there)" if is_there(file) else state
            yield f"{file.path}, root:root {file.mode:04o}{state}:"
            yield from (f"    {line}" for line in file.text.splitlines())
        for argv in self.after:
            yield f"then: {say(argv)}"
        yield from self.notes


# --- the timer ----------------------------------------------------------------------------------


def timers(server: Server, config: Path) -> Installation:
    """What runs ``hubtui due`` each minute: a timer of systemd, else a line for cron.

    Raises Refused where somebody else than root could change what root would run.
    """
    _is_roots_alone("what the timer would run as root each minute")
    argv = [sys.executable, "-I", "-m", "hubtui"]
    argv += [] if config.absolute() == SAFE_PLACE else ["--config", str(config.absolute())]
    for word in argv:
        if not re.fullmatch(r"[A-Za-z0-9_./+@:,=-]+", word):
            raise Refused(f"{shown(word)} has characters that neither cron nor systemd takes.")
    command = " ".join([*argv, "due"])
    return _by_systemd(command) if SYSTEMD.is_dir() else _by_cron(command)


def _by_systemd(command: str) -> Installation:
    service = f"""\
# Written by hubtui install timers.
[Unit]
Description=hubtui: releases that are due, late joiners

[Service]
Type=oneshot
ExecStart={command}
# A release that is at work when the machine goes down is carried on after the start.
KillMode=mixed
TimeoutStartSec=infinity
"""
    timer = """\
# Written by hubtui install timers.
[Unit]
Description=hubtui due, each minute

[Timer]
OnCalendar=minutely
AccuracySec=1s

[Install]
WantedBy=timers.target
"""
    return Installation(
        files=(
            File(UNITS / UNIT_NAMES[0], service),
            File(UNITS / UNIT_NAMES[1], timer),
        ),
        after=(
            ("systemctl", "daemon-reload"),
            ("systemctl", "enable", "--now", "hubtui-due.timer"),
        ),
        verify=(
            ("systemctl", "is-enabled", "hubtui-due.timer"),
            ("systemctl", "is-active", "hubtui-due.timer"),
        ),
    )


def _by_cron(command: str) -> Installation:
    text = f"# Written by hubtui install timers.\n{_CRON_PATH}\n* * * * * root {command}\n"
    notes = () if _runs("cron", "crond") else ("cron does not run here: apt-get install cron",)
    return Installation(files=(File(CRON, text),), notes=notes)


def _runs(*names: str) -> bool:
    for comm in Path("/proc").glob("[0-9]*/comm"):
        with contextlib.suppress(OSError):
            if comm.read_text().strip() in names:
                return True
    return False


# --- the tutors ---------------------------------------------------------------------------------


def tutors(server: Server, config: Path) -> Installation:
    """One sudo line for each of ``release.tutors``, and the program that it allows.

    Raises Refused where a tutor could not start it, or could change what it runs.
    """
    names = server.course.release.tutors if server.course.release else ()
    if not names:
        raise Refused("There are no tutors yet; in course.yaml: release: tutors: [NAME]")
    if config.absolute() != SAFE_PLACE:
        raise Refused(f"hubtui-tutor reads {SAFE_PLACE} alone: put course.yaml there.")
    for program in ("sudo", "visudo"):
        if shutil.which(program, path=":".join(SEARCH)) is None:
            raise Refused(f"{program} is not installed: apt-get install sudo")
    _is_roots_alone("what tutors would run as root")
    shebang = f"#!{sys.executable} -I"
    if len(shebang) > _LONGEST_SHEBANG or " " in sys.executable:
        raise Refused(
            f"{shown(sys.executable)} is too long a path, or has a space: "
            "install hubtui in /opt/hubtui."
        )
    for name in names:
        _can_start(name)
    rule = "".join(f"{name} ALL=(root) NOPASSWD: {LAUNCHER}\n" for name in names)
    sudoers = f"# Written by hubtui install tutors: they may release sheets.\n{rule}"
    launcher = (
        f"{shebang}\n# Written by hubtui install tutors.\n"
        "from hubtui.tutor import main\n\nraise SystemExit(main())\n"
    )
    return Installation(
        files=(File(LAUNCHER, launcher, 0o755), File(SUDOERS, sudoers, 0o440)),
        check=((("visudo", "-cf", "-"), sudoers),),
        verify=tuple(("sudo", "-n", "-l", "-U", name, str(LAUNCHER)) for name in names),
    )


def _can_start(name: str) -> None:
    """Raise Refused unless the tutor's own hubtui can start and read course.yaml."""
    if re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
        raise Refused(f"sudo would read {name} as an alias: rename the account.")
    try:
        account = pwd.getpwnam(name)
    except KeyError:
        raise Refused(f"There is no account {name}; see release.tutors in course.yaml.") from None
    if account.pw_uid < 1000:
        raise Refused(f"{name} (uid {account.pw_uid}) is an account of the system, no tutor.")
    if os.geteuid() != 0:
        return  # nothing is written without root
    if not _may(account, [sys.executable, "-I", "-c", "import hubtui.tutor"]):
        raise Refused(
            f"{name} cannot start {shown(sys.executable)}: install hubtui where everybody may "
            "read it, such as /opt/hubtui (python3 -m venv /opt/hubtui)."
        )
    if not _may(account, ["test", "-r", str(SAFE_PLACE)]):
        raise Refused(
            f"{name} cannot read {SAFE_PLACE}, which says what the course is: "
            f"chmod 755 {SAFE_PLACE.parent} && chmod 644 {SAFE_PLACE}"
        )


def _may(account: pwd.struct_passwd, argv: Sequence[str]) -> bool:
    """Whether the command succeeds in the rights of the account."""
    try:
        done = subprocess.run(
            argv,
            user=account.pw_uid,
            group=account.pw_gid,
            extra_groups=os.getgrouplist(account.pw_name, account.pw_gid),
            env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"},
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            start_new_session=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _is_roots_alone(what: str) -> None:
    """Raise Refused where others could exchange interpreter, libraries or hubtui itself."""
    package = Path(__file__).parents[1]
    places = [
        Path(sys.executable),
        *(Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib")),
        *sorted(package.rglob("*.py")),
        *sorted(path for path in package.rglob("*") if path.is_dir()),
    ]
    for place in places:
        if flaw := reading.flaw(place):
            raise Refused(
                f"{flaw}, and it is part of {what}: install hubtui where root alone can write, "
                "such as /opt/hubtui (python3 -m venv /opt/hubtui)."
            )


# --- to do it -----------------------------------------------------------------------------------

Run = Callable[..., Result]


def is_there(file: File) -> bool:
    """Whether the file is as it shall be: text, mode, root's own."""
    try:
        found = file.path.lstat()
    except OSError:
        return False
    as_wanted = found.st_uid == found.st_gid == 0 and found.st_mode == stat.S_IFREG | file.mode
    return as_wanted and _read(file.path) == file.text


def write(installation: Installation, run: Run) -> list[str]:
    """Put everything in its place; returns what was done, a line each.

    Raises Refused, CommandFailed: where a check fails nothing is written; what fails later is
    said, and to install again goes on from there.
    """
    for argv, text in installation.check:
        run(argv, stdin=text).check()
    done = []
    for file in installation.files:
        if is_there(file):
            done.append(f"{file.path} is as it should be.")
            continue
        if flaw := reading.flaw_of_rest(file.path.parent):
            raise Refused(f"As root hubtui does not write to {file.path}: {flaw}.")
        _put(file)
        done.append(f"{file.path} is written.")
    for argv in installation.after:
        run(argv).check()
    for file in installation.files:
        if not is_there(file):
            raise CommandFailed(f"{file.path} is not what was written: somebody else writes it.")
    for argv in installation.verify:
        result = run(argv)
        if result.code:
            raise CommandFailed(f"{say(argv)} says that it does not work ({result.why()}).")
    return done


def remove(paths: Sequence[Path], run: Run) -> list[str]:
    """Take files away that install wrote; returns what was done. Raises CommandFailed."""
    units = [path for path in paths if path.parent == UNITS]
    systemd = bool(units) and SYSTEMD.is_dir()
    if systemd:
        run(("systemctl", "disable", "--now", "hubtui-due.timer"))  # perhaps it is already
    done = []
    for path in paths:
        try:
            path.unlink(missing_ok=True)
            sync_folder(path.parent)
        except OSError as e:
            raise CommandFailed(f"{path} cannot be removed: {e.strerror}.") from e
        done.append(f"{path} is removed.")
    if systemd:
        run(("systemctl", "daemon-reload")).check()
    return done


def _put(file: File) -> None:
    try:
        if not file.path.parent.exists():
            file.path.parent.mkdir(parents=True)
            file.path.parent.chmod(0o755)
        replace_file(file.path, file.text.encode(), mode=file.mode, owner=(0, 0))
    except OSError as e:
        raise CommandFailed(f"{file.path} cannot be written: {e.strerror}.") from e


def _read(path: Path) -> str | None:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return None
