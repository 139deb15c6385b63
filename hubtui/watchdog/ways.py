"""How this hub is restarted: through its unit, by hand as it was started, or by a command.

``hub.restart: auto`` finds out from the hub that runs, or ran last. A hub that an old script
started under cron lies in cron's own unit: a unit counts only if the hub is what it is for.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from hubtui.errors import CommandFailed, Refused, StateError
from hubtui.names import shown
from hubtui.server import Server, hubprocess, systemd
from hubtui.server.hubprocess import HUB, Launch
from hubtui.server.run import say
from hubtui.watchdog import known
from hubtui.watchdog.records import Seen

OWN = "hubtui-hub-"
"""Units that a start by hand makes, to be outside of every session; they are never restarted."""

_SAY_HOW = "Or say how, in course.yaml: hub: restart: [systemctl, restart, UNIT]"


class Way(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One way; it can be kept in a plan."""

    kind: Literal["unit", "hand", "command"]
    unit: str = ""
    command: tuple[str, ...] = ()
    launch: Launch | None = None
    keeps_servers: bool | None = None
    """Whether students' servers survive; None: it depends on the command."""

    def __str__(self) -> str:
        return {"unit": f"unit {self.unit}", "hand": "by hand", "command": "command"}[self.kind]

    @property
    def survival(self) -> str:
        """What becomes of students' servers, as a sentence."""
        if self.keeps_servers:
            return "Students' servers go on; notebooks connect again by themselves."
        if self.keeps_servers is None:
            return "Whether students' servers go on depends on that command."
        return (
            f"Students' servers stop with {self.unit}. They would go on with KillMode=process in "
            "the unit (hubtui install hub-unit) and c.JupyterHub.cleanup_servers = False."
        )


def way(server: Server, hub: Seen | None) -> Way:
    """The way for the hub that runs, or ran last.

    Raises Refused where nothing is known of it, StateError where what is known can't be read,
    CommandFailed where systemd does not answer.
    """
    command = server.course.hub.restart
    if command != "auto":
        return Way(kind="command", command=tuple(command))
    before = known.read(server.state)
    names = [hub.unit if hub is not None else "", before.launch.unit if before else ""]
    for unit in dict.fromkeys(names):
        if unit and not unit.startswith(OWN):
            found = _for_hub(server, unit, hub)
            if found is not None:
                return Way(kind="unit", unit=unit, keeps_servers=found == "process")
    if hub is not None and (why := why_not_by_hand(hub.pid)):
        raise Refused(f"{why}, so nobody can start it by hand. {_SAY_HOW}")
    if before is not None:
        return Way(kind="hand", launch=before.launch, keeps_servers=True)
    raise Refused(
        "hubtui has not seen this hub run yet, so it does not know how to start it: start it once "
        f"as you always did. {_SAY_HOW}"
    )


def is_startable(server: Server, hub: Seen) -> bool:
    """Whether what was seen of it says how it would be started again."""
    if not why_not_by_hand(hub.pid):
        return True
    return bool(hub.unit) and _for_hub(server, hub.unit, hub) is not None


def why_not_by_hand(pid: int) -> str:
    """What has the hub's port, where that is no hub of this machine's own; else empty."""
    if hubprocess.process(pid) is None:
        return ""  # it has ended since
    if hubprocess.in_container(pid):
        return f"The hub (process {pid}) runs in a container"
    if not hubprocess.is_program(pid, HUB):
        name = shown(hubprocess.program(pid), 40)
        return f"Not a hub but {name} (process {pid}) listens where hub.api says"
    return ""


def _for_hub(server: Server, unit: str, hub: Seen | None) -> str | None:
    """The unit's KillMode if it is there for the hub; None where it is not.

    Raises CommandFailed where systemd does not say: a second hub, by hand, would be no way.
    """
    found = systemd.show(
        server.run, unit, "LoadState", "MainPID", "ExecStart", "KillMode", timeout=10
    )
    if not found and systemd.is_running():
        raise CommandFailed(f"systemd does not say what {shown(unit, 80)} is: it is asked again.")
    if found.get("LoadState") != "loaded":
        return None
    is_main = hub is not None and found.get("MainPID") == str(hub.pid)
    starts_hub = any(
        word.strip(";").rpartition("/")[2] == HUB for word in found.get("ExecStart", "").split()
    )
    return found.get("KillMode", "") if is_main or starts_hub else None


def commands(way: Way) -> list[str]:
    """What starts the hub, as it will be run."""
    if way.kind == "command":
        return [say(way.command)]
    if way.kind == "unit":
        return [say(["systemctl", "restart", way.unit])]
    if way.launch is None:
        raise StateError("How the hub was started is not known.")
    return [say(way.launch.words)]
