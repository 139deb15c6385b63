"""Checks of what hubtui does each minute: whether its timers, or cron, are at work."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from hubtui.findings import Finding
from hubtui.release import schedule
from hubtui.server import Server, systemd
from hubtui.server.run import SEARCH
from hubtui.setup.checks.subject import NotSeen, Subject, warning
from hubtui.setup.install import minutely
from hubtui.setup.install.files import UNITS
from hubtui.setup.install.minutely import CRON, Job
from hubtui.setup.install.timers import DUE
from hubtui.setup.install.watchdog_unit import CHECK
from hubtui.watchdog import live

JOBS = (CHECK, DUE)
_LATELY = timedelta(minutes=5)
_WHY = {
    CHECK.name: "nobody looks at the hub",
    DUE.name: "nothing that is scheduled is released",
}


@dataclass(frozen=True)
class Dead:
    """A job that is installed and does not run."""

    job: Job
    why: str
    do: str
    unit: str = ""
    """The unit of systemd that has to be enabled and started."""


def alive(subject: Subject) -> Iterator[Finding]:
    """Whether what is installed runs."""
    if os.geteuid() != 0 or not any(path.exists() for job in JOBS for path in job.files):
        raise NotSeen
    for job in JOBS:
        if (found := dead(job, subject.server)) is not None:
            text = f"{found.why}: {_WHY[job.name]}."
            pane = "watchdog" if job is CHECK else "release"
            yield warning(finding_of(job), text, found.do, pane=pane)


def finding_of(job: Job) -> str:
    """The id of what is said of a job that does not run."""
    return f"{job.name.removeprefix('hubtui-')}.dead"


def dead(job: Job, server: Server) -> Dead | None:
    """What keeps an installed job from running; None where it runs, or is not installed."""
    timer = f"{job.name}.timer"
    if (UNITS / timer).exists() and systemd.is_running():
        state = systemd.show(server.run, timer, "ActiveState", "UnitFileState")
        if not state:
            raise NotSeen
        if state.get("ActiveState") == "active" and state.get("UnitFileState") == "enabled":
            return None
        off = "does not run" if state.get("ActiveState") != "active" else "ends with the next boot"
        return Dead(job, f"{timer} {off}", f"systemctl enable --now {timer}", timer)
    if not (CRON / job.cron).exists() or minutely.cron_runs() or _works(job, server):
        return None
    why = f"cron does not run, and {CRON / job.cron} waits for it"
    if shutil.which("cron", path=":".join(SEARCH)) is None:
        return Dead(job, why, "apt-get install cron")
    if systemd.is_running():
        return Dead(job, why, "systemctl enable --now cron.service", "cron.service")
    return Dead(job, why, "service cron start")


def _works(job: Job, server: Server) -> bool:
    """Whether it was done lately: there are crons by other names. Raises StateError."""
    if job is DUE:
        return schedule.is_alive(server)
    now = live.read(server.live)
    return now is not None and server.clock() - now.at <= _LATELY
