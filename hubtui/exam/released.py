"""Has everybody the sheet: that of the exam where it has one, else the latest."""

from __future__ import annotations

import shlex
from collections.abc import Collection

from hubtui import pauses
from hubtui.exam.records import Answer
from hubtui.exam.subject import Subject
from hubtui.findings import State
from hubtui.names import shown
from hubtui.pauses import clock
from hubtui.release import ledger, schedule, status, store
from hubtui.release.chosen import called
from hubtui.release.schedule import Entry
from hubtui.release.status import BAD
from hubtui.units import counted

_LISTED = 5


def to_all(subject: Subject) -> Answer | None:
    """The question about the sheet; None where nothing is released here. Raises StateError."""
    server, exam = subject.server, subject.exam
    if server.course.release is None:
        return None
    own = exam.sheet if exam is not None else None
    out = {sheet.name: sheet for sheet in status.released(store.records(server)) if sheet.released}
    if own is not None and own not in out:
        return _to_come(subject, own)
    sheet = out[own] if own is not None else next(iter(out.values()), None)
    if sheet is None:
        question = "Has everybody the sheet?"
        return Answer(key="released", question=question, state=State.FINE, text="None is out yet.")
    given = ledger.read(server.state)
    lacking = []
    for name, account in sorted(subject.accounts.items()):
        had = given.get((account.uid, sheet.name))
        if had is None or had.version < sheet.version or had.state in BAD:
            lacking.append(name)
    return _answer(sheet.name, lacking, len(subject.accounts), is_own=own is not None)


def _answer(sheet: str, lacking: Collection[str], students: int, *, is_own: bool) -> Answer:
    question = f"Has everybody {called(sheet)}?"
    if not lacking:
        text = f"All {counted(students, 'student')} have it." if students else "Nobody is here yet."
        return Answer(key="released", question=question, state=State.FINE, text=text)
    listed = ", ".join(list(lacking)[:_LISTED])
    more = f" and {len(lacking) - _LISTED} more" if len(lacking) > _LISTED else ""
    return Answer(
        key="released",
        question=question,
        state=State.CRITICAL if is_own else State.WARNING,
        text=f"{len(lacking)} of {counted(students, 'student')} lack it: {listed}{more}.",
        remedies=(
            ("See why", "hubtui release status"),
            ("Release it again", f"hubtui release push {_quoted(sheet)}"),
        ),
        pane="release",
        row=sheet,
    )


def _to_come(subject: Subject, sheet: str) -> Answer:
    """The exam's own sheet is not out: before the exam it only has to be scheduled."""
    server, exam = subject.server, subject.exam
    assert exam is not None
    question = f"Is {called(sheet)} released in time?"
    entry = _scheduled(subject, sheet)
    do = f"hubtui release push {_quoted(sheet)}"
    if entry is None:
        state, text = State.CRITICAL, "It is neither released nor scheduled."
        helps = [("Release it now", do)]
        if subject.at < exam.from_:
            from hubtui.when import zone_of

            when = f"{exam.from_.astimezone(zone_of(server.course)):%Y-%m-%d %H:%M}"
            command = f'hubtui release schedule {_quoted(sheet)} "{when}"'
            helps.insert(0, ("Schedule it", command))
    elif not schedule.is_alive(server):
        state, text = State.CRITICAL, "It is scheduled, but nothing runs hubtui due each minute."
        helps = [("Install the timer", "hubtui install timers"), ("Release it now", do)]
    elif why := entry.why or pauses.held(server.course, server.state, entry.at, entry.sheets):
        # An exam's own sheet is let through alone, not together with others.
        state, text = State.CRITICAL, f"It is scheduled, but does not go out: {shown(why, 200)}"
        helps = [("Release it now", do), ("See what is planned", "hubtui release schedule")]
    elif entry.at >= exam.to:
        state = State.CRITICAL
        text = f"It is scheduled for {clock(server.course, entry.at, exam.from_)}: too late."
        helps = [("Release it now", do)]
    else:
        state = State.FINE
        text = f"It is scheduled for {clock(server.course, entry.at, subject.at)}."
        helps = []
    return Answer(
        key="released",
        question=question,
        state=state,
        text=text,
        remedies=tuple(helps),
        pane="release",
        row=sheet,
    )


def _scheduled(subject: Subject, sheet: str) -> Entry | None:
    waits = (schedule.State.WAITING, schedule.State.BEGUN)
    found = [e for e in schedule.entries(subject.server) if sheet in e.sheets and e.state in waits]
    return found[0] if found else None


def _quoted(sheet: str) -> str:
    return shown(shlex.quote(sheet), 60)
