"""How this course's hub runs: remembered while it does, so that it can be started so again.

Kept in ``state_dir/hub.json`` (root's, 0600: an environment may hold secrets), because a hub that
is gone can't be asked, and a reboot empties /run.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import msgspec

from hubtui import state
from hubtui.server import hubprocess
from hubtui.server.hubprocess import Launch

FILE = "hub.json"
_SESSION = frozenset(
    "_ DISPLAY INVOCATION_ID JOURNAL_STREAM LS_COLORS MAIL MAILTO MANAGERPID NOTIFY_SOCKET OLDPWD "
    "PWD SHLVL STY TERM TMUX TMUX_PANE WATCHDOG_PID WATCHDOG_USEC WINDOW".split()
)
_SESSION_BEGIN = ("DBUS_", "LISTEN_", "SSH_", "SUDO_", "SYSTEMD_", "XDG_")
"""Variables of the session that it was started from, not of the hub."""


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """The hub as it ran last."""

    format: int = 1
    at: datetime
    began: int
    pid: int
    launch: Launch
    proxy_unit: str = ""
    """Where the proxy is a service of its own, which the hub does not start."""

    @property
    def config(self) -> Path | None:
        """Its configuration file."""
        return hubprocess.config_of(self.launch.words, Path(self.launch.cwd))


def read(state_dir: Path) -> Known | None:
    """What is remembered; None where the hub was never seen. Raises StateError."""
    return state.read_document(state_dir / FILE, Known)


def remember(state_dir: Path, pid: int, at: datetime, proxy_unit: str = "") -> Known | None:
    """Note how this hub runs, unless it may not be looked at. Raises StateError."""
    known = seen(pid, at, proxy_unit)
    if known is not None:
        state.write_document(state_dir / FILE, known)
    return known


def seen(pid: int, at: datetime, proxy_unit: str = "") -> Known | None:
    """How this hub runs, without what is of the session that started it."""
    process, launch = hubprocess.process(pid), hubprocess.launch(pid)
    if process is None or launch is None:
        return None
    environment = {
        name: value for name, value in launch.environment.items() if not _of_session(name)
    }
    launch = msgspec.structs.replace(launch, environment=environment)
    return Known(at=at, began=process.began, pid=pid, launch=launch, proxy_unit=proxy_unit)


def moved(state_dir: Path, output: str) -> None:
    """Note that the hub's output goes elsewhere since it was started. Raises StateError."""
    known = read(state_dir)
    if known is not None:
        launch = msgspec.structs.replace(known.launch, output=output)
        state.write_document(state_dir / FILE, msgspec.structs.replace(known, launch=launch))


def _of_session(name: str) -> bool:
    return name in _SESSION or name.startswith(_SESSION_BEGIN)
