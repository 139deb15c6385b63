"""A hub started by hand, as it was before: in a session of its own, its output to a file or the
journal, never to a pipe or a terminal. Whoever reads a pipe may go, and the proxy then writes
errors about errors for ever.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from hubtui import trust
from hubtui.errors import CommandFailed, Refused, StateError
from hubtui.server import Server, machine, systemd
from hubtui.server.hubprocess import NO_ROOM, Launch
from hubtui.server.run import SEARCH
from hubtui.state import make_dir, replace_file
from hubtui.watchdog import known, live
from hubtui.watchdog.ways import OWN

MOST_FILES = 65_536
"""Open files of the hub: under cron it would have 1,024, and die of the thousand-and-first."""


def output_of(server: Server, launch: Launch, at: datetime) -> Path | None:
    """The log that it shall write: a new one in ``watchdog.logs``, or that of before.

    None: the journal where systemd runs, else nowhere, because the disk is full: a proxy that
    cannot write its log answers nobody. Never where people could exchange the file.
    """
    logs = server.course.watchdog.logs
    before = Path(launch.output.removeprefix("file ").removesuffix(" (deleted)"))
    if logs is not None and logs.is_dir() and not trust.is_peoples(logs):
        stamp = at.astimezone().isoformat(timespec="minutes")
        file = logs / f"jupyterhub-{stamp}.log"
    elif launch.output.startswith("file ") and not trust.is_peoples(before.parent):
        file = before
    elif systemd.is_running():
        return None
    else:
        file = make_dir(server.state / "logs") / "jupyterhub.log"
    with suppress(OSError):
        disk = machine.filesystem(file.parent)
        has_room = disk.free >= NO_ROOM and (disk.inodes_free > 0 or not disk.inodes_total)
        if has_room and not disk.read_only:
            return file
    return None


def start(server: Server, launch: Launch, at: datetime) -> None:
    """Start it. Raises CommandFailed, Refused; whether it comes up is seen later."""
    argv = command(launch)
    log = output_of(server, launch, at)
    if systemd.is_running():
        _by_systemd(server, launch, argv, log, at)
    else:
        _by_fork(launch, argv, log)
    # Its log is where to look for why, should it not come up.
    with suppress(StateError):
        known.moved(server.state, f"file {log}" if log is not None else "journal")


def command(launch: Launch) -> list[str]:
    """Its words, the program with its whole path. Raises Refused where that is gone."""
    name, *rest = launch.words
    path = launch.environment.get("PATH") or ":".join(SEARCH)
    program = str(Path(launch.cwd, name)) if "/" in name else shutil.which(name, path=path)
    if program is None or not os.access(program, os.X_OK):
        raise Refused(f"{name}, which started the hub, is not there any more.")
    return [program, *rest]


def _by_systemd(
    server: Server, launch: Launch, argv: list[str], log: Path | None, at: datetime
) -> None:
    """As a unit of its own: it would end with the unit or the session that this check runs in."""
    live.make(server.live)
    file = server.live / "hub.environment"
    replace_file(file, environment_file(launch.environment).encode("utf-8", "surrogateescape"))
    settings = {
        "KillMode": "process",
        "OOMPolicy": "continue",
        "LimitNOFILE": str(MOST_FILES),
        "WorkingDirectory": launch.cwd,
        "EnvironmentFile": str(file),
    }
    if log is not None:
        settings["StandardOutput"] = settings["StandardError"] = f"append:{log}"
    words = ["systemd-run", f"--unit={OWN}{at:%Y%m%dT%H%M%S}", "--collect", "--quiet"]
    words += [f"--property={name}={value}" for name, value in settings.items()]
    if launch.uid != 0:
        words += [f"--uid={launch.uid}", f"--gid={launch.gid}"]
    # systemd reads $NAME in a command as a variable, and $$ as the sign itself.
    server.run([*words, "--", *(word.replace("$", "$$") for word in argv)], timeout=30).check()


def environment_file(environment: dict[str, str]) -> str:
    """An EnvironmentFile, in the syntax of systemd.exec(5): in double quotes, with backslashes."""
    lines = []
    for name, value in environment.items():
        if name.isidentifier():
            quoted = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
            lines.append(f'{name}="{quoted.replace("`", chr(92) + "`")}"\n')
    return "".join(lines)


def _by_fork(launch: Launch, argv: list[str], log: Path | None) -> None:
    import resource

    most = min(MOST_FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # inherited; this process ends soon
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        out = os.open(log or os.devnull, flags if log else os.O_WRONLY, 0o600)
    except OSError as e:
        raise CommandFailed(f"{log} cannot be written: {e.strerror}.") from e
    as_other = launch.uid != os.geteuid()
    try:
        subprocess.Popen(
            argv,
            cwd=launch.cwd,
            env=launch.environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            user=launch.uid if as_other else None,
            group=launch.gid if as_other else None,
            extra_groups=list(launch.groups) if as_other else None,
            umask=0o022,
        )
    except OSError as e:
        raise CommandFailed(f"{argv[0]} cannot be started: {e.strerror}.") from e
    finally:
        os.close(out)
