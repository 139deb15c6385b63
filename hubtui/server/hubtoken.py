"""The token that hubtui made for itself, and whether the hub has taken it yet.

A hub reads its configuration when it starts. What was added to it is in force after its next
restart, and until then the hub refuses the token.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path

import msgspec

from hubtui import state
from hubtui.errors import HubDown
from hubtui.findings import Finding, Severity
from hubtui.server import Server, hub, hubprocess, listeners

FILE = "token.json"
RESTART = "sudo hubtui watchdog restart"


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """What ``hubtui install token`` did; kept in state_dir, so that it can be taken back."""

    format: int = 1
    at: datetime
    """When the hub's configuration was changed last."""
    token: str
    sha256: str = ""
    """Of the token, where it was made with it; empty: it was there before."""
    config: str
    """The hub's configuration, with the block in it. Both are paths."""


def read(state_dir: Path) -> Made | None:
    """What was done; None: nothing of it. Raises StateError."""
    return state.read_document(state_dir / FILE, Made)


def digest(token: str) -> str:
    """By which a token is known without being kept."""
    return hashlib.sha256(token.encode()).hexdigest()


def waiting(server: Server) -> Finding | None:
    """For a hub that refuses the token: that it takes it after its next restart.

    None where it was started after its configuration got the token, where that cannot be seen
    (without root), and where hubtui did not add it. Raises StateError.
    """
    made = read(server.state)
    began = _began(server) if made is not None else None
    if made is None or began is None or began > made.at.timestamp():
        return None
    return Finding(
        id="hub.token.waiting",
        severity=Severity.WARNING,
        text="The hub takes hubtui's token after its next restart.",
        do=f"{RESTART}, when no student is in",
    )


def _began(server: Server) -> float | None:
    """When the hub that listens was started, in seconds of the clock."""
    import psutil

    place = listeners.place_of(server.course.hub.api, "hub.api", 0)
    uid = hub.uid_of(server.course)
    try:
        for pid in hubprocess.listening(place.host, place.port):
            if hubprocess.uids(pid) == {uid}:
                return psutil.Process(pid).create_time()
    except (HubDown, psutil.Error):
        return None
    return None
