"""Checks of the machine itself: root, programs, Python, clock, state_dir."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from hubtui.findings import Finding
from hubtui.names import shown
from hubtui.reads import hubprocess, reading
from hubtui.server import systemd, timekeeping
from hubtui.server.hub import database_file
from hubtui.server.run import SEARCH
from hubtui.setup.checks.subject import HubHere, NotSeen, Subject, critical, note, warning

_NEEDED = {"useradd": "passwd", "usermod": "passwd", "groupadd": "passwd"}
_LATER = {
    "userdel": ("passwd", "removing accounts"),
    "rsync": ("rsync", "releases"),
    "tar": ("tar", "archives of homes"),
    "zstd": ("zstd", "archives of homes"),
    "du": ("coreutils", "the sizes of homes"),
    "ionice": ("util-linux", "the sizes of homes"),
}
_LITTLE = 100 * 2**20  # bytes
_SLACK = 120  # seconds
_UNKEPT = 16.0  # seconds: what timekeeping says where nobody keeps the clock
TIMESYNCD = "systemd-timesyncd"


def root(_: HubHere) -> Iterator[Finding]:
    """Without root much cannot be seen."""
    if os.geteuid() != 0:
        yield warning(
            "doctor.root",
            "hubtui runs without root: it can change nothing, and whether the token and the hub's "
            "configuration and database are right can't be seen, or only in part.",
            "sudo hubtui doctor",
        )


def programs(_: HubHere) -> Iterator[Finding]:
    """What hubtui runs."""
    path = ":".join(SEARCH)
    for program, package in _NEEDED.items():
        if shutil.which(program, path=path) is None:
            text = f"{program} is not installed: accounts cannot be made."
            yield critical("machine.program", text, f"apt-get install {package}")
    for program, (package, purpose) in _LATER.items():
        if shutil.which(program, path=path) is None:
            text = f"{program} is not installed: {purpose} will need it."
            yield note("machine.program", text, f"apt-get install {package}")


def python(hub: HubHere) -> Iterator[Finding]:
    """One of its own, never the hub's. (Older than 3.11, the package does not install.)"""
    ours = Path(sys.prefix).resolve()
    if hub.process and any(place.resolve() == ours for place in hubprocess.prefixes(hub.process)):
        yield warning(
            "machine.python",
            f"hubtui is installed in the hub's own environment {shown(str(ours))}: an upgrade of "
            "one can break the other.",
            "install hubtui in /opt/hubtui: its bin/install",
        )


def clock(subject: Subject) -> Iterator[Finding]:
    """Times are compared with those of the hub and its files."""
    database = database_file(subject.course.hub.database)
    if not database.exists():
        raise NotSeen
    if (ahead := database.stat().st_mtime - time.time()) > _SLACK:
        text = f"The clock is {ahead / 60:.0f} minutes behind the hub's last write."
        yield warning("machine.clock", text, "timedatectl set-ntp true")
    if subject.course.timezone is None and not Path("/etc/localtime").exists():
        text = "This server has no time zone, so exams and releases would be timed in UTC."
        yield note("machine.timezone", text, "timedatectl set-timezone Europe/Berlin")


def synchronised(subject: Subject) -> Iterator[Finding]:
    """Whether the time service that is meant to run keeps the clock."""
    service = timekeeping.service()
    if not service:
        raise NotSeen
    off = timekeeping.off_by()
    if off is None or off < _UNKEPT:
        return
    state = systemd.show(subject.server.run, f"{service}.service", "ActiveState")
    if state.get("ActiveState") == "active":
        text = f"{service} runs and reaches no time server: the clock may be wrong by any length."
        do = "timedatectl timesync-status" if service == TIMESYNCD else "chronyc sources"
    else:
        text = f"{service} does not run: nobody keeps the clock."
        do = "timedatectl set-ntp true" if service == TIMESYNCD else f"systemctl start {service}"
    yield warning("machine.unsynchronised", text, do)


def state(subject: Subject) -> Iterator[Finding]:
    """Where hubtui keeps what it did: root's alone, with room to write."""
    folder = subject.server.state
    if found := reading.flaw_of_rest(folder):
        text = f"The state in {shown(str(folder))} is not root's alone: {found}."
        yield critical("state.folder", text, found.mend(then="in course.yaml: state_dir"))
    there = next(place for place in (folder, *folder.parents) if place.exists())
    if there == folder and folder.stat().st_mode & 0o066:
        mode = folder.stat().st_mode & 0o777
        text = f"{shown(str(folder))} can be listed by others (mode {mode:04o})."
        yield warning("state.folder", text, f"chmod 711 {shlex.quote(str(folder))}")
    if os.geteuid() != 0:
        return
    if not os.access(there, os.W_OK | os.X_OK):
        text = f"{shown(str(there))} cannot be written, not even by root: is it mounted read-only?"
        do = f"findmnt --target {shown(shlex.quote(str(there)))}"
        yield critical("state.folder", text, do)
    space = os.statvfs(there)
    if (free := space.f_bavail * space.f_frsize) < _LITTLE:
        text = f"Only {free / 2**20:.0f} MB are free below {shown(str(there))}."
        do = f"what takes it: du -xhd1 {shown(shlex.quote(str(_mount(there))))} | sort -h"
        yield warning("state.space", text, do)


def _mount(place: Path) -> Path:
    """Where the filesystem of ``place`` begins."""
    return next(folder for folder in (place, *place.parents) if folder.is_mount())
