"""Checks of the release: the source, what is scheduled, who carries it out, the tutors' way in."""

from __future__ import annotations

import os
from collections.abc import Iterator

from hubtui.course import Release
from hubtui.errors import HubtuiError, Refused
from hubtui.findings import Finding
from hubtui.names import shown
from hubtui.release import late, schedule
from hubtui.release import source as sources
from hubtui.setup.checks.subject import NotSeen, Subject, warning
from hubtui.setup.install import files
from hubtui.setup.install import tutors as ways_in
from hubtui.trust import SAFE_PLACE


def source(subject: Subject) -> Iterator[Finding]:
    """Whether the tutor's folder can be read, as the tutor."""
    _release(subject)
    try:
        sources.listing(sources.reader(subject.server))
    except HubtuiError as e:
        yield warning("release.source", str(e), "see release.source in course.yaml", pane="release")


def scheduled(subject: Subject) -> Iterator[Finding]:
    """Whether what is scheduled will be released, and late joiners get what they lack."""
    _release(subject)
    if os.geteuid() != 0:
        raise NotSeen
    found = schedule.findings(subject.server)
    yield from found
    out = late.released(subject.server)
    if out and not schedule.is_alive(subject.server) and "release.due" not in {f.id for f in found}:
        yield warning(
            "release.due",
            "hubtui due does not run each minute: late joiners get their sheets, and who was "
            "blocked gets the rest, only when somebody releases again.",
            "hubtui install timers",
            pane="release",
        )


def tutors(subject: Subject) -> Iterator[Finding]:
    """Whether each of ``release.tutors`` has the way in that hubtui writes."""
    release = _release(subject)
    if not release.tutors or os.geteuid() != 0:
        raise NotSeen
    for name in release.tutors:
        if name in subject.seen.students:
            yield warning(
                "release.tutor_is_student",
                f"{shown(name, limit=40)} may release, and is a course account as well: gets every "
                "sheet, and counts as a student.",
                f"in course.yaml: accounts: staff: [{shown(name, limit=40)}]",
            )
    try:
        wanted = ways_in.tutors(subject.server, SAFE_PLACE)
    except Refused as e:
        yield warning("release.tutors", f"Tutors have no way in: {e}", "sudo hubtui install tutors")
        return
    if not all(map(files.is_there, wanted.files)):
        yield warning(
            "release.tutors",
            f"The way in for {', '.join(shown(name, limit=40) for name in release.tutors)} is not "
            "installed, or is another than course.yaml says.",
            "sudo hubtui install tutors",
        )


def _release(subject: Subject) -> Release:
    if subject.course.release is None:
        raise NotSeen
    return subject.course.release
