"""Can every student log in and start? Those who cannot, by name, with what mends it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from hubtui import names
from hubtui.exam.records import Answer
from hubtui.exam.subject import Subject
from hubtui.findings import State
from hubtui.names import shown
from hubtui.server import homes
from hubtui.server.accounts import Account
from hubtui.server.homes import Kind
from hubtui.units import counted

LISTED = 5


class Cannot(NamedTuple):
    """Who cannot, and why."""

    name: str
    state: State
    why: str
    do: str
    pane: str = "accounts"
    expected: bool = False
    """Waits for approval, is expected, and has no account: nothing is left to decide."""
    stranger: bool = False
    """Waits for approval, and nobody knows whether it is a student's sign-up."""


def log_in(subject: Subject) -> Answer:
    """The question about log-ins."""
    unseen = [m.why for m in subject.seen.missing if m.what in ("sign-ups", "accounts")]
    question = "Can everybody log in?"
    if unseen:
        return Answer(key="log-in", question=question, state=State.UNKNOWN, text=shown(unseen[0]))
    found = sorted(cannot(subject), key=lambda one: (list(State).index(one.state), one.name))
    authorised = {sign_up.name for sign_up in subject.seen.sign_ups if sign_up.authorised}
    can = len(authorised - {one.name for one in found} - _no_students(subject))
    if not found:
        text = f"All {counted(can, 'student')} can." if can else "Nobody has signed up yet."
        state = State.FINE if can else State.WARNING
        return Answer(key="log-in", question=question, state=state, text=text, pane="accounts")
    return Answer(
        key="log-in",
        question=question,
        state=found[0].state,
        text=_sentence(can, found),
        remedies=tuple(_remedies(found)),
        pane=found[0].pane,
        row=found[0].name,
    )


def _sentence(can: int, found: list[Cannot]) -> str:
    """Students are named; sign-ups of which nobody knows whose they are are counted apart."""
    named = [one for one in found if not one.stranger]
    listed = "; ".join(f"{shown(one.name, 40)} {one.why}" for one in named[:LISTED])
    more = f"; and {len(named) - LISTED} more" if len(named) > LISTED else ""
    said = f"{can} can, {len(named)} cannot: {listed}{more}." if named else f"{can} can."
    if strangers := len(found) - len(named):
        verb = "waits" if strangers == 1 else "wait"
        said += f" {counted(strangers, 'sign-up')} {verb} besides: students, or strangers?"
    return said


def _remedies(found: list[Cannot]) -> Iterator[tuple[str, str]]:
    """What helps the first of them; the expected who wait are approved by one command.

    Strangers, and names that have an account already, are not among those: each is a decision.
    """
    expected = [one for one in found if one.expected and one.do]
    together = expected if len(expected) > 1 else []
    if together:
        approved = " ".join(one.name for one in together)
        yield f"The {len(together)} that you expect", f"hubtui signups approve {approved}"
    alone = [one for one in found if one.do and one not in together]
    yield from ((shown(one.name, 40), one.do) for one in alone[:LISTED])


def cannot(subject: Subject) -> Iterator[Cannot]:
    """Everybody of whom one thing is missing; of several things the first that would fail.

    A student is who has a course account or is expected: without one of both, somebody who waits
    for approval may be anybody.
    """
    seen, accounts = subject.seen, subject.accounts
    others = _no_students(subject)
    expected = seen.expected or frozenset()
    rows = Counter(sign_up.name for sign_up in seen.sign_ups)
    for sign_up in seen.sign_ups:
        name = sign_up.name
        if name in others or rows[name] > 1:
            continue
        if not sign_up.authorised:
            known = name in accounts or name in expected
            state = State.CRITICAL if known else State.WARNING
            ready = name in expected and name not in seen.accounts.by_name
            why, do = "waits for approval", _approve(name)
            yield Cannot(name, state, why, do, "signups", ready, stranger=not known)
        else:
            yield from _account(subject, name, seen.accounts.by_name.get(name))
    for name, count in rows.items():
        if count > 1 and name not in others:
            why = f"has {count} sign-ups: which one logs in is chance"
            yield Cannot(name, State.CRITICAL, why, _why(name), "signups")
    for name in sorted({*accounts, *expected} - {*rows, *others}):
        yield Cannot(name, State.WARNING, "has not signed up", _why(name))


def _no_students(subject: Subject) -> set[str]:
    """The probe, staff, tutors, the hub's admins."""
    course = subject.seen.course
    admins = {user.name for user in subject.seen.users.values() if user.admin}
    tutors = course.release.tutors if course.release is not None else ()
    return {course.exam.probe or "", *course.accounts.staff, *tutors, *admins}


def _account(subject: Subject, name: str, account: Account | None) -> Iterator[Cannot]:
    """What the hub needs to start a server; shell and password of the account do not matter."""
    if account is None:
        do = f"hubtui accounts create {name}" if not names.impossible(name) else _why(name)
        yield Cannot(name, State.CRITICAL, "has no account", do)
        return
    home = homes.look(account.home)
    if home.kind is Kind.MISSING:
        why = "has no home"
    elif home.kind is not Kind.FOLDER:
        why = f"has no folder as home ({home.kind})"
    elif home.uid != account.uid:
        why = f"does not own the home (uid {home.uid} does)"
    elif home.mode & 0o700 != 0o700:
        why = f"cannot use the home (mode {home.mode:04o})"
    elif account.uid in subject.seen.sharers:
        why = "shares the uid with another account"
    elif name not in subject.accounts:
        yield Cannot(name, State.WARNING, "is not in the course's group", _why(name))
        return
    else:
        return
    yield Cannot(name, State.CRITICAL, why, _why(name))


def _why(name: str) -> str:
    return "" if names.impossible(name) else f"hubtui accounts why {name}"


def _approve(name: str) -> str:
    return "" if names.impossible(name) else f"hubtui signups approve {name}"
