"""Checks of who is called: that somebody is, and that what calls can be run, and is root's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from hubtui import notify
from hubtui.findings import Finding
from hubtui.names import shown
from hubtui.reads import reading
from hubtui.setup.checks.subject import Subject, critical, note, warning
from hubtui.ways import SENDMAIL


def called(subject: Subject) -> Iterator[Finding]:
    """Whether anybody is called when the hub is down, and whether that can work."""
    course = subject.course
    if notify.nobody(course):
        text = "Nobody is called when the hub is down, or when a release did not reach everybody."
        yield note("notify.nobody", text, "set notify in course.yaml; then: hubtui notify --test")
    if course.notify.mail is not None and not os.access(SENDMAIL, os.X_OK):
        yield warning(
            "notify.mail",
            f"notify.mail is set, and there is no {SENDMAIL} to send a mail with.",
            "install one, such as msmtp-mta or postfix; then: hubtui notify --test",
        )
    if course.notify.command is not None:
        yield from _command(Path(course.notify.command[0]))


def _command(program: Path) -> Iterator[Finding]:
    if not program.is_absolute():
        return  # looked for in folders of the system
    where = shown(str(program), 200)
    if not os.access(program, os.X_OK):
        yield warning(
            "notify.command",
            f"notify.command names {where}, which cannot be run.",
            "put it there, executable; then: hubtui notify --test",
        )
    elif found := reading.flaw(program):
        text = f"Whoever can change what notify.command runs can become root: {found}."
        yield critical("notify.command", text, found.mend(then="where it is called"))
