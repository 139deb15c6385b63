"""Ending a worker for good, without ever waiting for somebody else's filesystem."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess

_PATIENCE = 1.0
"""Seconds. A process that waits for a filesystem of its user's own (FUSE, a server that is gone)
ends only when that answers."""
_left: list[subprocess.Popen[bytes]] = []


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill a worker that leads a group of its own, and all that it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        _left.append(process)
    _left[:] = [each for each in _left if each.poll() is None]
