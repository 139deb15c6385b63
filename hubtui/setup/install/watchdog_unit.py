"""``hubtui install watchdog``: a look at the hub each minute, and a restart where one helps."""

from __future__ import annotations

from pathlib import Path

from hubtui.server import Server
from hubtui.setup.install import minutely
from hubtui.setup.install.files import Installation
from hubtui.setup.install.minutely import Job

CHECK = Job(
    name="hubtui-watchdog",
    part="watchdog",
    verb="watchdog check",
    description="hubtui: a look at the hub, and a restart where one helps",
    service="""\
# What it starts has to go on: a hub that runs by hand, and students' servers with it.
KillMode=process
OOMPolicy=continue
# A check ends itself, at the latest 330 s after watchdog.grace; longer than this it is stuck.
TimeoutStartSec=75min
# To have its turn when everybody wants the CPU and the disk. Neither Nice nor OOMScoreAdjust:
# a hub that is started from here, and every student's server, would inherit them.
CPUWeight=1000
IOWeight=1000
# What it says is kept; that it began and ended each minute is not.
SyslogLevel=notice
LogLevelMax=notice
""",
    # In the second half of the minute: at its beginning cron and hubtui due have work to do.
    when="*:*:30",
    cron="hubtui-watchdog",
)


def watchdog(_: Server, config: Path) -> Installation:
    """What runs ``hubtui watchdog check`` each minute. Raises Refused."""
    return minutely.installation(CHECK, config)
