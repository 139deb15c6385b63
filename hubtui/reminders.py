"""What ``hubtui due`` calls people for, each minute and each thing once.

The watchdog that is silent, sign-ups that wait, a release that did not reach everybody, a change
that a kill left. The watchdog's own messages are in watchdog/calls.py.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from hubtui import notify
from hubtui.clock import parse, stamp
from hubtui.errors import HubtuiError, StateError
from hubtui.events import Outcome
from hubtui.notify import Kind, Message
from hubtui.plan import plans, runs
from hubtui.plan.locks import is_held
from hubtui.plan.runs import Life
from hubtui.release import history
from hubtui.release.chosen import called
from hubtui.release.history import Ran
from hubtui.server import Server
from hubtui.state import read_document, write_document
from hubtui.students import survey
from hubtui.units import counted
from hubtui.watchdog import check, live
from hubtui.when import zone_of

FILE = "reminders.json"
SILENT = timedelta(minutes=5)
"""The watchdog looks each minute."""
_SURE = timedelta(minutes=2)
"""A machine that slept wakes up with an old look: the next ones show whether it goes on."""
_UNFINISHED = timedelta(minutes=10)
_LOOKED_AT = timedelta(days=2)
"""Older runs are nobody's news."""
_HOUR = 8
"""Of the day, on the course's clocks: when it is said that sign-ups wait."""


class Reminders(msgspec.Struct, frozen=True, kw_only=True):
    """``reminders.json``: what was seen, so that it is not looked up or said again."""

    format: int = 1
    watched: bool = False
    """A watchdog has looked at this course."""
    silent: str = ""
    """Since when it is seen to be silent, RFC 3339; empty where it is not."""
    waiting: str = ""
    """The day of which sign-ups were last counted."""
    runs: tuple[str, ...] = ()
    """Runs of the last days that need no second look."""


def remind(server: Server) -> list[str]:
    """Call people for what is new; a sentence for each thing that went wrong. Raises nothing."""
    if notify.nobody(server.course):
        return []
    troubles: list[str] = []
    try:
        before = _read(server)
    except StateError as e:
        return [str(e)]
    after = before
    looks: tuple[Callable[[Server, Reminders], tuple[Reminders, list[Message]]], ...] = (
        _watchdog,
        _sign_ups,
        _runs,
    )
    for look in looks:
        try:
            after, messages = look(server, after)
        except (HubtuiError, OSError) as e:  # one trouble stops nothing else
            troubles.append(f"Not looked at: {e}")
            continue
        for message in messages:
            troubles += notify.call(server, message)
    troubles += notify.again(server)
    if after != before:
        try:
            write_document(server.state / FILE, after)
        except StateError as e:
            troubles.append(str(e))
    return troubles


def forget_watchdog(server: Server) -> None:
    """A watchdog that was uninstalled is not silent. Raises StateError."""
    before = _read(server)
    after = msgspec.structs.replace(before, watched=False, silent="")
    if after != before:
        write_document(server.state / FILE, after)
    (server.live / live.NOW).unlink(missing_ok=True)


def _read(server: Server) -> Reminders:
    return read_document(server.state / FILE, Reminders) or Reminders()


# --- the watchdog -------------------------------------------------------------------------------


def _watchdog(server: Server, known: Reminders) -> tuple[Reminders, list[Message]]:
    """Silent: no look for SILENT, seen twice; after a reboot, none at all."""
    at, last = server.clock(), live.read(server.live)
    at_work = is_held(server.live / check.LOCK)  # a restart may take longer than SILENT
    if at_work or (last is not None and at - last.at < SILENT):
        return msgspec.structs.replace(known, watched=True, silent=""), []
    if last is None and not known.watched:
        return known, []
    if not known.silent:
        return msgspec.structs.replace(known, watched=True, silent=stamp(at)), []
    if at - parse(known.silent) < (_SURE if last is not None else SILENT):
        return known, []
    said = "has not looked at the hub"
    if last is not None:
        said += f" for {int((at - last.at).total_seconds() // 60)} minutes"
    text = (
        f"The watchdog {said}, so nobody would restart it.\n"
        "Its timer may have stopped. Look: sudo hubtui watchdog check; then: sudo hubtui doctor"
    )
    message = Message(
        kind=Kind.SILENT, subject="The watchdog is silent", text=text, key=known.silent
    )
    return known, [message]


# --- sign-ups -----------------------------------------------------------------------------------


def _sign_ups(server: Server, known: Reminders) -> tuple[Reminders, list[Message]]:
    """How many wait, once a day within the hour; a number and no names."""
    here = server.clock().astimezone(zone_of(server.course))
    day = f"{here:%Y-%m-%d}"
    if here.hour != _HOUR or known.waiting == day:
        return known, []
    seen = survey(server)
    if any(missing.what == "sign-ups" for missing in seen.missing):
        return known, []  # the hub is down or busy: a minute later
    waiting = sum(not sign_up.authorised for sign_up in seen.sign_ups)
    after = msgspec.structs.replace(known, waiting=day)
    if not waiting:
        return after, []
    verb = "waits" if waiting == 1 else "wait"
    said = f"{counted(waiting, 'sign-up')} {verb} for an answer"
    text = f"{said}.\nTo see them: sudo hubtui"
    return after, [Message(kind=Kind.WAITING, subject=said, text=text, key=day)]


# --- runs ---------------------------------------------------------------------------------------


def _runs(server: Server, known: Reminders) -> tuple[Reminders, list[Message]]:
    """Releases that did not reach everybody, and changes that a kill left."""
    at, state = server.clock(), server.state
    oldest = f"{at - _LOOKED_AT:%Y%m%d-%H%M%S}"
    recent = sorted(p.stem for p in (state / "runs").glob("*.json") if p.stem >= oldest)
    done = [run for run in known.runs if run in recent]
    messages = []
    for run in recent:
        if run in done:
            continue
        with contextlib.suppress(HubtuiError):  # a broken record keeps no other back
            life = runs.life(state, run)
            if life is Life.OVER:
                messages += _incomplete(server, run)
                done.append(run)
            elif life is Life.UNFINISHED and _is_old(server, run, at):
                messages.append(_unfinished(server, run))
    return msgspec.structs.replace(known, runs=tuple(done)), messages


def _is_old(server: Server, run: str, at: datetime) -> bool:
    record = read_document(runs.record_path(server.state, run), runs.RunRecord)
    return record is not None and at - parse(record.at) > _UNFINISHED


def _unfinished(server: Server, run: str) -> Message:
    """The plan's title may name a student: its kind says enough."""
    plan = plans.load(server.state, run)
    text = (
        f"A change ({plan.kind}, {counted(len(plan.subjects), 'subject')}) was ended before it was "
        f"through.\nTo go on: sudo hubtui journal resume {run}"
    )
    return Message(kind=Kind.UNFINISHED, subject="A change is unfinished", text=text, key=run)


def _incomplete(server: Server, run: str) -> list[Message]:
    """Of whole releases and withdrawals: who is caught up or tried out is tried again anyway."""
    ran = history.of_run(server.state, run)
    if ran is None or ran.kind in (history.Kind.CAUGHT_UP, history.Kind.TRIED):
        return []
    students = {subject.key for subject in ran.subjects if subject.uid}
    bad = [ran.ends[key].outcome for key in students & ran.ends.keys() if _is_bad(ran, key)]
    if not bad:
        return []
    sheets = ", ".join(sorted({called(sheet) for one in ran.subjects for sheet in one.sheets}))
    counts = ", ".join(f"{n} {outcome}" for outcome, n in Counter(map(str, bad)).items())
    text = (
        f"{sheets}: {counts}, of {counted(len(students), 'student')}.\n"
        "To see why: sudo hubtui release status"
    )
    subject = f"A release did not reach {counted(len(bad), 'student')}"
    if ran.kind is history.Kind.WITHDRAWN:
        subject = f"A sheet was not withdrawn from {counted(len(bad), 'student')}"
    return [Message(kind=Kind.INCOMPLETE, subject=subject, text=text, key=run)]


def _is_bad(ran: Ran, key: str) -> bool:
    return ran.ends[key].outcome in (Outcome.FAILED, Outcome.CHANGED)
