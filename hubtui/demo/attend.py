"""Stay with a child process: hand it the signals that were meant for it, and report its end."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence

FORWARDED = frozenset({signal.SIGTERM, signal.SIGHUP, signal.SIGINT})
_WATCHED = FORWARDED | {signal.SIGCHLD}
_FROM_TERMINAL = 128  # SI_KERNEL: a key was pressed, and the child in the foreground got it too


def spawn(argv: Sequence[str], env: dict[str, str], *, blocked: frozenset[signal.Signals]) -> int:
    """Start a program that begins with these signals blocked; returns its pid.

    Raises FileNotFoundError and PermissionError as exec does.
    """
    return os.posix_spawnp(
        argv[0], list(argv), env, setsigmask=blocked, setsigdef=[signal.SIGPIPE, signal.SIGXFSZ]
    )


def hold_signals() -> set[int]:
    """Block what :func:`attend` waits for; returns the mask from before. Call before `spawn`."""
    return {int(one) for one in signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)}


def attend(
    child: int,
    *,
    target: Callable[[], int | None],
    patience: float | None = None,
    reap_all: bool = False,
) -> int:
    """Wait for ``child``, forwarding signals to ``target()``; returns an exit code as a shell does.

    A child that is still there ``patience`` seconds after it was told to end is killed.
    ``reap_all`` collects every orphan as well, the duty of a process 1.
    """
    deadline: float | None = None
    while True:
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        info = signal.sigwaitinfo(_WATCHED) if left is None else signal.sigtimedwait(_WATCHED, left)
        if info is None:
            os.kill(child, signal.SIGKILL)
            deadline = time.monotonic() + 5
        elif info.si_signo == signal.SIGCHLD:
            status = _reap(child, everyone=reap_all)
            if status is not None:
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else 128 - code
        elif not (info.si_signo == signal.SIGINT and info.si_code == _FROM_TERMINAL):
            _forward(target(), info.si_signo)
            if patience is not None and deadline is None:
                deadline = time.monotonic() + patience


def _forward(pid: int | None, signo: int) -> None:
    if pid is not None:
        try:
            os.kill(pid, signo)
        except ProcessLookupError:
            return


def _reap(child: int, *, everyone: bool) -> int | None:
    """Collect what has ended; the child's wait status once it is among them."""
    found: int | None = None
    while True:
        try:
            pid, status = os.waitpid(-1 if everyone else child, os.WNOHANG)
        except ChildProcessError:
            return found
        if pid == child:
            found = status
        if pid == 0 or (pid == child and not everyone):
            return found
