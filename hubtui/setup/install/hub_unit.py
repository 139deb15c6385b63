"""``hubtui install hub-unit``: a service of systemd for the hub, with what was measured to matter.

A hub that runs by hand gets a unit made from how it runs now. One that has a unit keeps it, and
gets a drop-in with only the settings without which a student's crash, or a restart, takes all
students' servers along.
"""

from __future__ import annotations

import contextlib
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from hubtui import state
from hubtui.errors import HubDown, HubError, Refused
from hubtui.names import shown
from hubtui.reads import reading
from hubtui.reads.hubconfig import HubConfig, read_config
from hubtui.server import Server, hubprocess, listeners, processes, systemd
from hubtui.server import hub as hubs
from hubtui.server.hubprocess import Launch
from hubtui.setup.install.files import UNITS, File, Installation
from hubtui.watchdog import byhand, known, ways
from hubtui.watchdog.known import Known

UNIT = "jupyterhub.service"
ENVIRONMENT = Path("/etc/hubtui/hub.environment")
JOURNALD = Path("/etc/systemd/journald.conf.d/hubtui.conf")
DROP_IN = "hubtui.conf"
BY_HAND = "hub-by-hand.json"
"""In state_dir: how the hub ran before it had a unit, to go back to."""
_WRITTEN = "# Written by hubtui install hub-unit."
_SETTINGS = """\
# Students' servers go on when the hub is started anew,
KillMode=process
# and the hub goes on when the kernel ends one of theirs for want of memory.
OOMPolicy=continue
LimitNOFILE=65536
"""
IN_FORCE = {"KillMode": "process", "OOMPolicy": "continue", "LimitNOFILE": "65536"}
_RESTART = "Restart=on-failure\nRestartSec=2\n"
_FOR_THE_HUB = {"JupyterHub.cleanup_servers": False, "JupyterHub.cleanup_proxy": False}


@dataclass(frozen=True)
class Here:
    """The hub as it runs now."""

    pid: int | None
    """None: it does not run; an earlier change was killed in the middle."""
    known: Known
    unit: str
    """The service that runs it; empty: by hand, or ours."""

    @property
    def launch(self) -> Launch:
        """How it was started."""
        return self.known.launch


def here(server: Server) -> Here:
    """Find out. Raises Refused where systemd or the hub does not run, or nobody may look."""
    if not systemd.is_running():
        raise Refused("systemd does not run this machine, so the hub can have no unit here.")
    pid = listening(server)
    if pid is None:
        before = by_hand(server)
        if before is None:
            raise Refused(
                "No hub listens where course.yaml says (hub.api), so nobody knows how it is "
                "started here: start it as you always do, then install its unit."
            )
        return Here(None, before, "")
    found = known.seen(pid, server.clock())
    if found is None:
        raise Refused(f"How the hub's process {pid} was started can be seen by root alone.")
    unit = _unit_of(server, pid, found.launch.unit)
    if not unit and (why := ways.why_not_by_hand(pid)):
        raise Refused(f"{why}: that cannot become a unit of this machine.")
    return Here(pid, found, unit)


def listening(server: Server) -> int | None:
    """The hub's process, by its port and uid."""
    place = listeners.place_of(server.course.hub.api, "hub.api", 0)
    uid = hubs.uid_of(server.course)
    try:
        found = hubprocess.listening(place.host, place.port)
    except HubDown:
        return None
    return next((pid for pid in found if hubprocess.uids(pid) == {uid}), None)


def by_hand(server: Server) -> Known | None:
    """How the hub ran before it had a unit. Raises StateError."""
    return state.read_document(server.state / BY_HAND, Known)


def _unit_of(server: Server, pid: int, name: str) -> str:
    """The unit that is there for the hub, and lasts; not cron's, in which an old script ran."""
    found = systemd.show(server.run, name, "MainPID", "FragmentPath") if name else {}
    lasts = not found.get("FragmentPath", "/run/").startswith("/run/")
    return name if lasts and found.get("MainPID") == str(pid) else ""


def is_ours(path: Path) -> bool:
    """Whether hubtui wrote this unit."""
    try:
        return path.read_text(errors="replace").startswith(_WRITTEN)
    except OSError:
        return False


def installation(server: Server, hub: Here) -> Installation:
    """The unit, or the drop-in, and how long the journal is kept.

    Raises Refused where it could not be right.
    """
    if hub.unit and not (hub.unit == UNIT and is_ours(UNITS / UNIT)):
        text = f"{_WRITTEN}\n[Service]\n{_SETTINGS}"
        if systemd.show(server.run, hub.unit, "Restart").get("Restart") in ("no", ""):
            text += _RESTART
        files = [File(UNITS / f"{hub.unit}.d" / DROP_IN, text)]
    else:
        _refuse_other_unit(server)
        files = [File(UNITS / UNIT, _unit_text(hub.launch))]
        if not hub.unit:  # once it runs by the unit its environment is the file's, and systemd's
            files.append(_environment(hub.launch))
    return Installation(
        files=(*files, File(JOURNALD, _journald(server.course.watchdog.keep_days))),
        after=(
            ("systemctl", "daemon-reload"),
            ("systemctl", "restart", "systemd-journald.service"),
            ("journalctl", "--flush"),
        ),
        notes=tuple(notes(server, hub)),
    )


def _refuse_other_unit(server: Server) -> None:
    found = systemd.show(server.run, UNIT, "LoadState", "FragmentPath")
    place = Path(found.get("FragmentPath") or UNITS / UNIT)
    if found.get("LoadState") == "masked":
        raise Refused(f"{UNIT} is masked: systemctl unmask {UNIT} allows a unit for the hub.")
    if found.get("LoadState") not in ("not-found", None) and not is_ours(place):
        raise Refused(
            f"There is a unit {place} already, but the hub does not run by it: start the hub by "
            f"it (systemctl start {UNIT}), or take it away; it is not replaced."
        )


def _unit_text(launch: Launch) -> str:
    program = " ".join(_quoted(word, "$%") for word in byhand.command(launch))
    path = _quoted(f"PATH={launch.environment.get('PATH', '/usr/bin:/bin')}", "%", always=True)
    if not launch.cwd.isprintable() or launch.cwd.endswith(" (deleted)"):
        raise Refused(f"The hub works in {shown(launch.cwd)}, which is gone: start it anew.")
    owner = f"User={launch.uid}\nGroup={launch.gid}\n" if launch.uid else ""
    return f"""\
{_WRITTEN}
[Unit]
Description=JupyterHub
After=network.target
# After five failures within five minutes it stays down: a person has to look.
StartLimitIntervalSec=300
StartLimitBurst=5

[Service]
ExecStart={program}
WorkingDirectory={launch.cwd.replace("%", "%%")}
Environment={path}
EnvironmentFile={ENVIRONMENT}
{owner}\
# Who reads a pipe may go, and the proxy then answers nobody any more: the journal stays.
StandardOutput=journal
StandardError=journal
SyslogIdentifier=jupyterhub
{_SETTINGS}{_RESTART}
[Install]
WantedBy=multi-user.target
"""


def _environment(launch: Launch) -> File:
    """Root's alone: an environment may hold the proxy's token, or the key of the database."""
    rest = {name: value for name, value in launch.environment.items() if name != "PATH"}
    names = ", ".join(shown(name, 60) for name in sorted(rest))
    instead = f"the hub's environment, as it is now: {names}"
    return File(ENVIRONMENT, byhand.environment_file(rest), 0o600, instead)


def _quoted(word: str, doubled: str, *, always: bool = False) -> str:
    """A word of ExecStart or Environment: systemd.syntax(7), systemd.service(5)."""
    if not word.isprintable():
        raise Refused(f"{shown(word)} has characters that a unit cannot hold.")
    for char in doubled:
        word = word.replace(char, char * 2)
    if not always and re.fullmatch(r"[A-Za-z0-9_./+@:,=$%-]+", word):
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _journald(days: int) -> str:
    return f"""\
{_WRITTEN}
[Journal]
# What was before a reboot is to be seen after it.
Storage=persistent
# watchdog.keep_days of course.yaml; whole files are deleted, so each holds one day.
MaxRetentionSec={days}day
MaxFileSec=1day
"""


# --- what to know -------------------------------------------------------------------------------


def notes(server: Server, hub: Here) -> list[str]:
    """What becomes of students' servers, and what is up to the admin."""
    count = servers(server)
    running = f"{count} students' servers run" if count != 1 else "One student's server runs"
    days = server.course.watchdog.keep_days
    if hub.unit:
        found = [f"{running}, and nothing is restarted: LimitNOFILE counts from the next start on."]
    else:
        found = [
            f"{running}: none stops, for hub and proxy alone are exchanged. Nobody gets in for "
            "some seconds; notebooks connect again by themselves."
        ]
    found.append(f"The journal of this whole machine is kept for {days} days, over reboots.")
    if server.course.hub.restart != "auto":
        found.append("Then in course.yaml: hub: restart: auto, so that the watchdog uses the unit.")
    config = configuration(hub)
    if config is not None and (lines := missing_lines(config)):
        found.append(
            f"Add to {shown(str(config.path))}, so that a stop of the hub leaves students' servers "
            "and the proxy alone:"
        )
        found += [f"    {line}" for line in lines]
    return found


def servers(server: Server) -> int:
    """How many students' servers run: as the hub says, else as their processes say."""
    if server.course.hub.token_file is not None:
        with contextlib.suppress(HubError):
            return sum(len(user.servers) for user in hubs.api(server.course).users())
    return len(processes.serving())


def configuration(hub: Here) -> HubConfig | None:
    """The hub's configuration, as text. None: it is not known where it is."""
    place = hub.known.config
    named = any(word.lstrip("-").startswith(("f", "config")) for word in hub.launch.words[1:])
    if place is None or not (named or place.exists()):
        return None
    return read_config(place, also=(hub.launch.uid,), arguments=hub.launch.words)


def missing_lines(config: HubConfig) -> list[str]:
    """The lines that it lacks; a setting that is no literal counts as there."""
    return [
        f"c.{name} = {value}"
        for name, value in _FOR_THE_HUB.items()
        if config.get(name) != value and config.line_of_unread(name) is None
    ]


def refuse_broken(hub: Here) -> None:
    """Raise Refused where the hub would not start: its configuration is gone, or no Python."""
    config = configuration(hub)
    if config is None or not config.trouble:
        return
    with contextlib.suppress(OSError):
        if reading.flaw(config.path, also=(hub.launch.uid,)):
            return  # that is why it was not read; doctor says so
    raise Refused(f"{config.trouble}: the hub would not start again. Nothing was done.")


def command_of(hub: Here) -> str:
    """What starts it by hand."""
    return shown(shlex.join(hub.launch.words))
