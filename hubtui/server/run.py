"""The programs of the system, run through ``sh``: the one place that starts useradd, tar, rsync.

Arguments are a list, no shell ever sees them. Each program has a session of its own (an SSH
hang-up must not end a useradd), no terminal, a fixed environment and a fixed search path. Only
account names and our own paths may be arguments: sh would turn bytes into the text ``b'…'``.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from hubtui.errors import CommandFailed
from hubtui.names import shown

SEARCH = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"]
ENVIRONMENT = {"PATH": ":".join(SEARCH), "LC_ALL": "C.UTF-8", "HOME": "/"}
_GRACE = 5.0
"""Seconds between TERM and KILL."""


@dataclass(frozen=True, slots=True)
class Result:
    """How a program ended."""

    argv: tuple[str, ...]
    code: int
    out: str
    err: str

    def check(self) -> Result:
        """Raise CommandFailed with the program's own last words unless it exited with 0."""
        if self.code:
            raise CommandFailed(f"{self.argv[0]} failed ({self.why()}).")
        return self

    def why(self) -> str:
        """Its exit code and the last line that it said, made safe to show."""
        words = (self.err.strip() or self.out.strip()).splitlines()
        said = f": {shown(words[-1], limit=200)}" if words else ""
        return f"exit code {self.code}{said}"


class Run(Protocol):
    """What a use case needs to run a program."""

    def __call__(
        self,
        argv: Sequence[str],
        *,
        timeout: float = 60.0,
        stdin: str | None = None,
        hold: int | None = None,
    ) -> Result:
        """Run ``argv`` to its end. Never raises for an exit code; see Result.check()."""


def say(argv: Sequence[str]) -> str:
    """The command as a person would type it, for the plan."""
    return shown(shlex.join(argv))


def run(
    argv: Sequence[str],
    *,
    timeout: float = 60.0,
    stdin: str | None = None,
    hold: int | None = None,
) -> Result:
    """Run a program of the system; ``timeout`` in seconds, then TERM and KILL to its group.

    ``hold`` is a descriptor that the program inherits: the lock of the change that it is part of.
    """
    import sh  # 20 ms that most starts never need

    name, *arguments = argv
    try:
        program = sh.Command(name, search_paths=SEARCH)
    except sh.CommandNotFound:
        raise CommandFailed(f"{name} is not installed on this server.") from None
    if hold is not None:
        os.set_inheritable(hold, True)
    process: Any = program(
        *arguments,
        _bg=True,
        _bg_exc=False,
        _new_session=True,
        _tty_out=False,
        _encoding="utf-8",
        _decode_errors="replace",
        _env=ENVIRONMENT,
        _cwd="/",
        _in=stdin if stdin is not None else "",
        _ok_code=tuple(range(256)),
        _return_cmd=True,
        _pass_fds=set() if hold is None else {hold},
    )
    # Not sh's own time limits: _timeout kills the leader alone, and wait(timeout=…) looks ten times
    # a second and returns before the output has been read.
    watch = _Watch(process)
    timer = threading.Timer(timeout, watch.end)
    timer.daemon = True
    timer.start()
    try:
        process.wait()
    except sh.SignalException as e:
        if watch.late:
            raise CommandFailed(f"{name} took longer than {timeout:.0f} s: stopped.") from None
        raise CommandFailed(f"{name} was ended by a signal ({-e.exit_code}).") from None
    finally:
        timer.cancel()
    return Result(
        argv=tuple(argv),
        code=process.exit_code,
        out=process.stdout.decode(errors="replace"),
        err=process.stderr.decode(errors="replace"),
    )


class _Watch:
    """Ends a program, and all that it started, when its time is over: TERM, then KILL."""

    def __init__(self, process: Any) -> None:
        self._process = process
        self.late = False

    def end(self) -> None:
        """Called by the timer."""
        self.late = True
        with contextlib.suppress(ProcessLookupError):
            self._process.signal_group(signal.SIGTERM)
            time.sleep(_GRACE)
            self._process.signal_group(signal.SIGKILL)
