"""hubtui status [--brief | --json]: without click, which takes as long as half of the look.

Everything is said within five seconds, whatever hangs: a monitoring system asks no second time.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from hubtui.cli import plain
from hubtui.errors import HubtuiError
from hubtui.names import shown

if TYPE_CHECKING:
    from hubtui.glance.records import Glance
    from hubtui.server import Server

MOST = 5.0
"""Seconds from the start of the program to its page."""
_REST = 0.7
"""Of them for what comes after the look."""
_UNKNOWN = 3
_AT_LEAST = 0.5
"""Seconds for the look, however long the start took."""


class As(Enum):
    """How it is said."""

    PAGE = ""
    BRIEF = "--brief"
    JSON = "--json"


@dataclass(frozen=True)
class Asked:
    """What the command line wants."""

    config: str | None = None
    how: As = As.PAGE


def asked(argv: Sequence[str]) -> Asked | None:
    """``status`` with nothing but --config, --brief or --json; None: this is another command."""
    config, said = plain.split(argv)
    for how in As:
        if sorted(said) == sorted(filter(None, ("status", how.value))):
            return Asked(config, how)
    return None


def look(server: Server) -> Glance:
    """One look at everything, within the time that is left. Raises nothing."""
    from hubtui.glance.sources import gatherer

    return gatherer(server).look(max(_AT_LEAST, MOST - _REST - _age()), fresh=True)


def show(server: Server, how: As) -> int:
    """Look and say it; returns the exit code."""
    glance, course = look(server), server.course.course
    from hubtui.cli import glance_page as pages

    if how is As.JSON:
        pages.write(_json(course, glance))
    elif how is As.BRIEF:
        pages.write(pages.brief(glance))
    else:
        colours, width = pages.terminal()
        pages.write(pages.page(glance, course, colours=colours, width=width))
    return pages.EXIT[glance.state]


def main(wanted: Asked) -> int:
    """Look, say it, and return the exit code; what hangs is left behind in a child.

    A thread that waits for a dead filesystem (FUSE) keeps its whole process from ending, killed or
    not, and whoever asked waits for that.
    """
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.close(reading)
        _finish(writing, _main(wanted))
    os.close(writing)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the child was interrupted as well, and says so
    return next(iter(os.read(reading, 1)), _UNKNOWN)


def _main(wanted: Asked) -> int:
    # Looking for garbage would take a twentieth of a process that is over after a quarter second.
    gc.disable()
    from hubtui import course
    from hubtui.server import server_of

    try:
        return show(server_of(course.load(course.find(wanted.config, os.environ))), wanted.how)
    except (HubtuiError, OSError) as e:
        return unknown(str(e), wanted.how)
    except KeyboardInterrupt:
        return unknown("Stopped before everything was looked at.", wanted.how, "everything")
    except Exception as e:  # a monitoring system gets its one line, whatever it is
        sentence = f"The look broke off: {type(e).__name__}: {shown(str(e), 200)}"
        return unknown(sentence, wanted.how, "everything")


def _finish(writing: int, code: int) -> NoReturn:
    """Let go of what others read until its end, and tell the parent."""
    sys.stderr.flush()
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    os.write(writing, bytes([code]))
    os._exit(code)  # threads that hang are not waited for


def unknown(sentence: str, how: As, what: str = "course.yaml") -> int:
    """Say why nothing could be looked at; returns the exit code for that."""
    from hubtui.cli import glance_page as pages
    from hubtui.clock import now
    from hubtui.findings import State
    from hubtui.glance.records import Glance
    from hubtui.students import Missing

    if how is As.JSON:
        why = Missing(what=what, why=sentence)
        pages.write(_json("", Glance(at=now(), lines=(), findings=(), missing=(why,))))
    elif how is As.BRIEF:
        pages.write(pages.trouble(sentence))
    else:
        sys.stderr.write(f"hubtui: {sentence}\n")
    return pages.EXIT[State.UNKNOWN]


def _json(course: str, glance: Glance) -> str:
    from hubtui.clock import stamp

    document: dict[str, Any] = {
        "format": 1,
        "course": course,
        "at": stamp(glance.at),
        "state": glance.state,
        "exam": glance.exam,
        "lines": glance.lines,
        "elsewhere": glance.elsewhere,
        "findings": glance.findings,
        "put_off": glance.put_off,
        "missing": glance.missing,
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"


def _began() -> float:
    """When this process began, in seconds since boot."""
    with open("/proc/self/stat", "rb") as file:  # noqa: PTH123 - as early as this, without pathlib
        return float(file.read().rpartition(b")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")


_BEGAN = _began()


def _age() -> float:
    """For how many seconds the program runs: under swap its start alone may take some."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - _BEGAN
