"""What root runs each minute: by a timer of systemd, else by a line in /etc/cron.d."""

from __future__ import annotations

import contextlib
import re
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from hubtui.errors import Refused
from hubtui.names import shown
from hubtui.reads import reading
from hubtui.server import systemd
from hubtui.setup.install.files import UNITS, File, Installation
from hubtui.trust import SAFE_PLACE

CRON = Path("/etc/cron.d")
_CRON_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Job:
    """One verb of hubtui that runs each minute."""

    name: str
    """Of its units and of its cron file: ``hubtui-due``."""
    part: str
    """What ``hubtui install`` calls it."""
    verb: str
    description: str
    service: str
    """Settings of its service, besides ExecStart."""
    when: str
    """OnCalendar: in which second of the minute."""
    cron: str
    """The name of the file in /etc/cron.d."""

    @property
    def files(self) -> tuple[Path, ...]:
        """All that install may have written."""
        units = (UNITS / f"{self.name}.{kind}" for kind in ("service", "timer"))
        return (CRON / self.cron, *units)


def installation(job: Job, config: Path) -> Installation:
    """What is written so that the job runs.

    Raises Refused where somebody else than root could change what root would run.
    """
    is_roots_alone("what the timer would run as root each minute")
    argv = [sys.executable, "-I", "-m", "hubtui"]
    argv += [] if config.absolute() == SAFE_PLACE else ["--config", str(config.absolute())]
    for word in argv:
        if not re.fullmatch(r"[A-Za-z0-9_./+@:,=-]+", word):
            raise Refused(f"{shown(word)} has characters that neither cron nor systemd takes.")
    command = " ".join([*argv, job.verb])
    return _by_systemd(job, command) if systemd.is_running() else _by_cron(job, command)


def _by_systemd(job: Job, command: str) -> Installation:
    service = f"""\
# Written by hubtui install {job.part}.
[Unit]
Description={job.description}

[Service]
Type=oneshot
ExecStart={command}
{job.service}"""
    timer = f"""\
# Written by hubtui install {job.part}.
[Unit]
Description=hubtui {job.verb}, each minute

[Timer]
OnCalendar={job.when}
AccuracySec=1s

[Install]
WantedBy=timers.target
"""
    name = f"{job.name}.timer"
    return Installation(
        files=(File(UNITS / f"{job.name}.service", service), File(UNITS / name, timer)),
        after=(("systemctl", "daemon-reload"), ("systemctl", "enable", "--now", name)),
        verify=(("systemctl", "is-enabled", name), ("systemctl", "is-active", name)),
        instead=(CRON / job.cron,),
    )


def _by_cron(job: Job, command: str) -> Installation:
    text = f"# Written by hubtui install {job.part}.\n{_CRON_PATH}\n* * * * * root {command}\n"
    notes = () if cron_runs() else ("cron does not run here: apt-get install cron",)
    return Installation(files=(File(CRON / job.cron, text),), notes=notes)


def cron_runs() -> bool:
    """Whether cron is at work."""
    for comm in Path("/proc").glob("[0-9]*/comm"):
        with contextlib.suppress(OSError):
            if comm.read_text().strip() in ("cron", "crond") and comm.stat().st_uid == 0:
                return True
    return False


def is_roots_alone(what: str) -> None:
    """Raise Refused where others could exchange interpreter, libraries or hubtui itself."""
    package = Path(__file__).parents[2]
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
                "such as /opt/hubtui (its bin/install)."
            )
