"""The glance on some days: sources that answer at once what they were told to, on no machine."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from hubtui.course import Machine
from hubtui.findings import Finding, Severity
from hubtui.glance.gather import Gatherer, Ground, Source
from hubtui.glance.records import ExamLine, Part, PutOff, part
from hubtui.server import Server
from hubtui.students import Missing
from hubtui.tui.app import HubtuiApp
from hubtui.tui.glancing import Gather
from tests.snapshots import scenes
from tests.snapshots.release_scenes import server_with_release
from tests.snapshots.showing import CONFIG, Given

TITLES = {
    "hub": ("hub", "watchdog"),
    "machine": ("machine", ""),
    "students": ("students", "accounts"),
    "signups": ("sign-ups", "signups"),
    "release": ("release", "release"),
    "watchdog": ("watchdog", "watchdog"),
    "certificate": ("certificate", ""),
}
WELL = {
    "hub": "up 3 d 4 h · log-in page in 31 ms",
    "machine": "1.3 of 4.1 GB free (students 1.6 GB) · swap 12 % · load 0.4 · disk 61 % free",
    "students": "38 accounts · 12 servers run · largest blue-fox 340 MB, ruby-newt 310 MB",
    "signups": "none waits",
    "release": "week05 v2: 38 of 38 have it · next week06 Mon 30 Nov, 08:00",
    "watchdog": "checked 12 s ago · 6 restarts in 7 days",
    "certificate": "ends in 61 days (25 Jan)",
}
ILL = {
    "hub": "down for 2 min · nobody on 127.0.0.1:8081",
    "machine": "0.2 of 4.1 GB free (students 3.1 GB) · swap 94 % · 3 processes ended by the kernel",
    "students": "38 accounts · 31 servers run · largest blue-fox 1.3 GB, ruby-newt 410 MB",
    "signups": "4 wait, the oldest for 3 d",
    "release": "week05 v2: 35 of 38 have it · next week06 Mon 30 Nov, 08:00",
    "watchdog": "checked 12 s ago · 14 restarts in 7 days",
    "certificate": "ends in 9 days (4 Dec)",
}


def _found(
    id_: str, severity: Severity, text: str, do: str = "", pane: str = "", row: str = ""
) -> Finding:
    return Finding(id=id_, severity=severity, text=text, do=do, pane=pane, row=row)


FINDINGS = {
    "hub": (
        _found(
            "hub.down",
            Severity.CRITICAL,
            "The hub is gone: no process, and nobody on its port. The next try is at 12:03.",
            "hubtui watchdog restart",
            "watchdog",
        ),
    ),
    "machine": (
        _found(
            "machine.memory",
            Severity.CRITICAL,
            "5 % of the memory is free: the next notebook server may be ended by the kernel.",
            "hubtui accounts stop --idle 60\nhubtui status --exam 38",
            "accounts",
        ),
        _found(
            "machine.swap",
            Severity.WARNING,
            "94 % of the swap is in use: everything takes longer, the hub's log-in page too.",
            "hubtui accounts stop --idle 60",
            "accounts",
        ),
    ),
    "students": (
        _found(
            "students.memory",
            Severity.WARNING,
            "blue-fox uses 1.3 GB, a third of the memory, for a notebook called "
            "“final_attempt_really_final_7.ipynb”.",
            "hubtui accounts stop blue-fox",
            "accounts",
            "blue-fox",
        ),
    ),
    "signups": (
        _found(
            "signups.waiting",
            Severity.WARNING,
            "4 sign-ups wait, the oldest for 3 days.",
            "hubtui signups approve --all",
            "signups",
            "2",
        ),
    ),
    "release": (
        _found(
            "release.missing",
            Severity.WARNING,
            "3 of 38 students do not have week05: their homes have no space left.",
            "hubtui release push week05",
            "release",
            "week05",
        ),
    ),
    "watchdog": (
        _found(
            "watchdog.restarts",
            Severity.WARNING,
            "14 restarts in 7 days: twice as many as in the weeks before.",
            "hubtui watchdog causes",
            "watchdog",
        ),
    ),
    "certificate": (
        _found(
            "certificate.ends",
            Severity.WARNING,
            "The certificate of jupyter.example.org ends in 9 days: its renewal failed twice.",
            "certbot renew",
        ),
    ),
}
HOSTILE = (
    _found(
        "students.memory",
        Severity.WARNING,
        "[@click=app.quit]boss[/] \x1b[2J\x1b[31mwiped \u202egnihton\u202c",
        "echo '[red]'; \x1b]52;c;cm0=\x07",
        "accounts",
        "[@click=app.quit]boss",
    ),
)

Parts = dict[str, Part | threading.Event]


def parts(texts: dict[str, str], findings: dict[str, tuple[Finding, ...]]) -> Parts:
    """A part for each source: what it says, what it found."""
    return {
        key: part(key, title, texts[key], pane=pane, findings=findings.get(key, ()))
        for key, (title, pane) in TITLES.items()
    }


def unknown(*keys: str, why: str = "") -> Parts:
    """A good day, but for these, which could not be looked at."""
    found = parts(WELL, {})
    why = why or "The hub's database is locked by another program (/srv/hub/jupyterhub.sqlite)."
    for key in keys:
        title, pane = TITLES[key]
        missing = (Missing(what=title, why=why),)
        found[key] = part(key, title, why, pane=pane, missing=missing)
    return found


def gathers(
    found: Parts,
    *,
    exam: ExamLine | None = None,
    put_off: dict[str, timedelta] | None = None,
    limit: float = 0.5,
) -> Gather:
    """Sources that say so; an Event stands for one that answers once it is set, or never.

    ``put_off``: by their keys, for so long from now. ``limit``: seconds until a source counts as
    not answering.
    """

    def looking(key: str) -> Callable[[Ground], Part]:
        def look(_ground: Ground) -> Part:
            said = found[key]
            if isinstance(said, threading.Event):
                said.wait(60)
                title, pane = TITLES[key]
                return part(key, title, WELL[key], pane=pane)
            return said

        return look

    def parted(
        _server: Server, at: datetime, all_: Sequence[Finding]
    ) -> tuple[list[Finding], list[PutOff]]:
        later = put_off or {}
        stand = [each for each in all_ if each.key not in later]
        off = [PutOff(finding=f, until=at + later[f.key]) for f in all_ if f.key in later]
        return stand, off

    def gather(server: Server) -> Gatherer:
        sources = [
            Source(key=key, title=title, look=looking(key), pane=pane, every=0.0, limit=limit)
            for key, (title, pane) in TITLES.items()
        ]
        return Gatherer(server, sources, lambda _ground: exam, parted)

    return gather


def calm() -> Gather:
    """Nothing needs anybody."""
    return gathers(parts(WELL, {}))


def app(
    tmp_path: Path,
    gather: Gather,
    *,
    read_only: bool = False,
    elsewhere: tuple[str, ...] = (),
    pane: str = "glance",
) -> HubtuiApp:
    """On a course whose other panes have a bad day."""
    server = server_with_release(tmp_path)
    course = msgspec.structs.replace(server.course, machine=Machine(elsewhere=elsewhere))
    server = dataclasses.replace(server, course=course)
    look = scenes.class_on_a_bad_day(tmp_path)
    return HubtuiApp(
        server,
        CONFIG,
        pane=pane,
        read_only=read_only,
        looker=Given(server, look),
        gather=gather,
    )


GO = ExamLine(text="Exam in 30 min: GO", go=True)
NOT_YET = ExamLine(text="Exam in 30 min: NOT YET: 38 students do not fit", go=False)
RUNS = ExamLine(text="Exam until 11:00: GO", go=True)
ASKED = ExamLine(text="Exam in 4 h: being looked at", go=None)
LATER = {
    "certificate.ends": timedelta(days=5),
    "watchdog.restarts": timedelta(hours=20),
}
