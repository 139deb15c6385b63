"""Checks of the watchdog: whether it looks, who else restarts the hub, how the hub runs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from hubtui.findings import Finding
from hubtui.names import shown
from hubtui.reads import crontab
from hubtui.server import hubprocess, systemd
from hubtui.setup.checks import check_jobs
from hubtui.setup.checks.subject import NotSeen, Subject, critical, note, warning
from hubtui.setup.install import hub_unit, restarters
from hubtui.setup.install.watchdog_unit import CHECK
from hubtui.watchdog import live

_SILENT = timedelta(minutes=5)
_BAD_OUTPUT = {
    "pipe": "goes into a pipe: when its reader ends, the proxy answers nobody any more",
    "pipe without reader": "goes into a pipe that nobody reads: the proxy will soon answer nobody",
    "terminal": "goes to a terminal: when that is closed, the proxy answers nobody any more",
    "terminal gone": "went to a terminal that is gone: the proxy will soon answer nobody",
}
"""What becomes of configurable-http-proxy when it cannot write its log (388, 434)."""
_UNIT = "sudo hubtui install hub-unit"


def looks(subject: Subject) -> Iterator[Finding]:
    """Whether hubtui's watchdog looked in the last minutes, if it shall."""
    _root()
    installed = any(path.exists() for path in CHECK.files)
    now = live.read(subject.server.live)
    if check_jobs.dead(CHECK, subject.server) is not None:
        raise NotSeen  # that it is not started is said already
    if installed and (now is None or subject.server.clock() - now.at > _SILENT):
        last = "has not looked yet" if now is None else f"looked last at {now.at:%H:%M} UTC"
        if systemd.is_running():
            do = f"systemctl status {CHECK.name}.timer; journalctl -n 20 -u {CHECK.name}"
        else:
            do = "sudo hubtui watchdog check"
        yield warning(
            "watchdog.silent",
            f"hubtui's watchdog is installed, and {last}.",
            do,
            pane="watchdog",
        )
    if installed:
        return
    if off := crontab.off(crontab.read()):
        yield critical(
            "watchdog.none",
            f"Nothing restarts the hub: line {off[0][0]} of root's crontab is switched off, and "
            "hubtui's watchdog is not on.",
            "sudo hubtui install watchdog --take-over, or: sudo hubtui uninstall watchdog "
            "--old-script",
            pane="watchdog",
        )
    elif others := restarters.find(subject.server.run):
        yield note(
            "watchdog.old",
            f"The hub is restarted by {others[0]}, and nobody learns why it was needed.",
            "sudo hubtui install watchdog --take-over"
            if all(other.can_be_off for other in others)
            else "end it as you once began it; then: sudo hubtui install watchdog",
        )
    else:
        yield note(
            "watchdog.none",
            "Nothing restarts the hub when it fails: hubtui's watchdog is not installed.",
            "sudo hubtui install watchdog",
        )


def alone(subject: Subject) -> Iterator[Finding]:
    """Whether hubtui's watchdog is the only one that restarts the hub."""
    _root()
    if not any(path.exists() for path in CHECK.files):
        raise NotSeen
    for other in restarters.find(subject.server.run, ours=CHECK.files):
        yield critical(
            "watchdog.two",
            f"Two restart the hub, and each may kill the other's: hubtui's watchdog, and {other}.",
            "sudo hubtui install watchdog --take-over" if other.can_be_off else "end the other one",
            pane="watchdog",
        )


def stays(subject: Subject) -> Iterator[Finding]:
    """Whether the hub, and what it says, depends on a session or on a reader of its output."""
    pid = _hub(subject)
    do = _UNIT if systemd.is_running() else "start it with its output into a file: nohup … >>FILE"
    if bad := _BAD_OUTPUT.get(hubprocess.output(pid)):
        yield warning("hub.output", f"The output of the hub {bad}.", do)
    if session := _session(pid):
        yield warning(
            "hub.session",
            f"The hub runs in the SSH session {session}: whatever ends that session, such as a "
            "process in it that is killed for want of memory, may end the hub.",
            do,
        )


def unit(subject: Subject) -> Iterator[Finding]:
    """Whether the hub's unit keeps students' servers, and the hub, alive."""
    pid = _hub(subject)
    name = hubprocess.unit(pid)
    found = systemd.show(subject.server.run, name, "MainPID", "KillMode", "OOMPolicy")
    if not name or found.get("MainPID") != str(pid):
        raise NotSeen
    if found.get("OOMPolicy") == "stop":
        yield warning(
            "hub.unit.oom",
            f"{shown(name)} has OOMPolicy=stop: one student's kernel that takes too much memory "
            "stops the whole hub.",
            _UNIT,
        )
    if found.get("KillMode") != "process":
        yield warning(
            "hub.unit.kill",
            f"{shown(name)} has KillMode={shown(found.get('KillMode', ''))}: each restart of the "
            "hub ends all students' servers.",
            _UNIT,
        )


def _root() -> None:
    if os.geteuid() != 0:
        raise NotSeen


def _hub(subject: Subject) -> int:
    _root()
    pid = hub_unit.listening(subject.server)
    if pid is None:
        raise NotSeen
    return pid


def _session(pid: int) -> str:
    """The login session that a process belongs to."""
    with suppress(OSError):
        text = Path(f"/proc/{pid}/cgroup").read_text("utf-8", "replace")
        if found := re.search(r"/user\.slice/.*(session-\w+\.scope)", text):
            return found[1]
    return ""
