"""Whether a student's notebook computes: asked of the student's own server, which alone knows.

A notebook server is given a token for itself when it is started; it lies in the environment of its
process. That token is the student's already, so asking with it needs no right on the hub and gives
nothing away. The answer is the student's word: a false one keeps an idle server from being stopped
along with others, and nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress

from hubtui.errors import HubtuiError
from hubtui.server import hubapi, processes
from hubtui.server.listeners import place_of
from hubtui.server.processes import Process

_PATIENCE = 3.0


def busy(uid: int, running: Sequence[Process]) -> int | None:
    """How many kernels compute now; None where the server does not say; 0 without a server."""
    servers = [process for process in running if process.is_server]
    if not servers:
        return 0
    total = 0
    for server in servers:
        found = _ask(uid, server)
        if found is None:
            return None
        total += found
    return total


def _ask(uid: int, server: Process) -> int | None:
    given = processes.environment(server)
    url, token = given.get("JUPYTERHUB_SERVICE_URL", ""), given.get("JUPYTERHUB_API_TOKEN", "")
    if not url.startswith("http://127.0.0.1:") or not token:
        return None
    with suppress(HubtuiError):
        place = place_of(url, "JUPYTERHUB_SERVICE_URL", uid)
        path = f"{place.path}/api/kernels?no_track_activity=1"
        return hubapi.busy_at(place, path, token, time.monotonic() + _PATIENCE)
    return None
