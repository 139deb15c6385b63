"""Enrolling: check the name → account → home → roster line → authorise the sign-up.

It can never hand over an existing account: the verdict is judged again under the lock, the uid
comes from our own ledger and is on the disk before useradd runs, and what is found afterwards must
be exactly what the plan said. Killed anywhere, the next run asks each step whether it is done.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import msgspec

from hubtui import names
from hubtui.account_steps import RosterLine, account_steps, uid_is_free
from hubtui.errors import ChangedSinceShown, Refused
from hubtui.plan.plans import Plan, new_plan
from hubtui.plan.steps import Chain, Step
from hubtui.server import Server, as_student
from hubtui.server.hubdb import SignUp
from hubtui.signup_steps import Authorise, Row
from hubtui.signups import Judgement, Verdict, judge
from hubtui.students import Survey, complete, survey


class Enrolment(msgspec.Struct, frozen=True, kw_only=True):
    """A sign-up to be approved, exactly as it was when the plan opened."""

    key: str
    id: int
    name: str
    digest: str
    verdict: Verdict
    uid: int
    """Of the account that is there, or the one that it will get."""
    note: str = ""
    """What to read before an account that is there is handed to this person."""


class Creation(msgspec.Struct, frozen=True, kw_only=True):
    """An account to be made ahead."""

    key: str
    name: str
    uid: int


def approve_plan(server: Server, seen: Survey, chosen: Sequence[tuple[SignUp, Judgement]]) -> Plan:
    """A plan that approves the chosen sign-ups.

    Raises Refused where one of them may not be approved, or where one that needs its name typed
    comes with others.
    """
    subjects = []
    uids = seen.free_uids()
    for sign_up, judgement in chosen:
        if judgement.verdict is Verdict.AUTHORISED:
            raise Refused(f"{names.shown(sign_up.name, limit=40)} is authorised already.")
        if judgement.verdict is Verdict.REFUSED:
            raise Refused(judgement.why)
        if judgement.verdict.as_owner and len(chosen) > 1:
            raise Refused(f"{sign_up.name} is approved alone, as the owner of its account.")
        uid = judgement.uid
        if uid is None:
            given = seen.ledger.made_for(sign_up.name, sign_up.digest)
            uid = given.uid if given else next(uids)
        subjects.append(
            Enrolment(
                key=str(sign_up.id),
                id=sign_up.id,
                name=sign_up.name,
                digest=sign_up.digest,
                verdict=judgement.verdict,
                uid=uid,
                note=_handing_over(sign_up, judgement) if judgement.verdict.as_owner else "",
            )
        )
    many = f"{len(subjects)} sign-ups"
    title = f"Approve {many if len(subjects) != 1 else 'sign-up ' + subjects[0].name}"
    if len(subjects) == 1 and subjects[0].verdict.as_owner:
        title += " as the owner of its account"
    return new_plan("approve", title, subjects, server.clock())


def _handing_over(sign_up: SignUp, judgement: Judgement) -> str:
    return (
        f"Whoever signed up gets all files and rights of {sign_up.name}. {judgement.why} "
        "Ask in person; Esc leaves it as it is."
    )


def create_plan(server: Server, seen: Survey, wanted: Sequence[str]) -> Plan:
    """A plan that makes accounts ahead. Raises Refused for a name that cannot be one."""
    uids = seen.free_uids()
    subjects = []
    for name in dict.fromkeys(wanted):
        given = seen.ledger.made_for(name, None)
        if (why := not_creatable(seen, name)) is not None:
            raise Refused(why)
        subjects.append(Creation(key=name, name=name, uid=given.uid if given else next(uids)))
    count = f"{len(subjects)} accounts" if len(subjects) != 1 else f"account {subjects[0].name}"
    return new_plan("create", f"Create {count}", subjects, server.clock())


def not_creatable(seen: Survey, name: str) -> str | None:
    """Why no account of this name can be made ahead, or None where it can."""
    account = seen.accounts.by_name.get(name)
    given = seen.ledger.made_for(name, None)
    if account is not None and given is not None and given.uid == account.uid:
        return None  # begun and not finished, or there already: the run finds out
    if account is not None:
        return f"{name} is an existing account on this server (uid {account.uid})."
    asked = SignUp(id=0, name=name, email="", authorised=False, digest="", two_factor=False)
    alone = dataclasses.replace(seen, sign_ups=(asked,), expected=None)
    judgement = judge(alone, asked, as_student.look)
    return None if judgement.verdict is Verdict.READY else judgement.why


def approve_chain(server: Server, subject: Enrolment) -> Chain:
    """The steps that approve one sign-up."""
    rules = server.course.accounts
    check = CheckSignUp(server, subject)
    row = Row(key=subject.key, id=subject.id, name=subject.name, digest=subject.digest)
    authorise = Authorise(server, row)
    account: list[Step] = []
    if subject.verdict.ready:
        new = subject.verdict is Verdict.READY
        account = account_steps(server, subject.name, subject.uid, subject.digest, new=new)
    elif subject.verdict is Verdict.EARLIER and rules.roster is not None:
        account = [RosterLine(rules.roster, subject.name)]
    notes = [subject.note] if subject.note else []
    steps = [check, *account, authorise]
    return Chain(subject=subject.key, steps=steps, uid=subject.uid, notes=notes)


def create_chain(server: Server, subject: Creation) -> Chain:
    """The steps that make one account ahead."""
    steps = account_steps(server, subject.name, subject.uid, None)
    return Chain(subject=subject.key, steps=[CheckName(server, subject), *steps], uid=subject.uid)


# --- the steps ----------------------------------------------------------------------------------


class CheckSignUp(Step):
    """The sign-up, the name and the account are still as they were shown; judged under the lock."""

    kind = "check"
    lasting = False

    def __init__(self, server: Server, subject: Enrolment) -> None:
        self.server, self.subject = server, subject

    def say(self) -> str:
        if self.subject.verdict is Verdict.READY:
            return f"check that {self.subject.name} and uid {self.subject.uid} are still free"
        return f"check that {self.subject.name} is still as shown ({self.subject.verdict})"

    def do(self) -> Iterator[str]:
        subject = self.subject
        seen = survey(self.server)
        complete(seen)
        found = [s for s in seen.sign_ups if (s.id, s.name) == (subject.id, subject.name)]
        if not found or found[0].digest != subject.digest:
            raise ChangedSinceShown(
                f"The sign-up {subject.name} is no longer there as it was shown: look again."
            )
        if found[0].authorised:
            _is_ours(seen, subject)
            return
        judgement = judge(seen, found[0], as_student.look)
        if judgement.verdict is not subject.verdict:
            raise ChangedSinceShown(
                f"{subject.name} was {subject.verdict}, and is now {judgement.verdict}. "
                f"{judgement.why}".strip()
            )
        if judgement.uid not in (None, subject.uid):
            raise ChangedSinceShown(
                f"{subject.name} was shown with uid {subject.uid}, and has now {judgement.uid}."
            )
        if judgement.uid is None:
            uid_is_free(seen, subject.uid, subject.name, subject.digest)
        yield from ()


class CheckName(Step):
    """The same for an account that is made ahead."""

    kind = "check"
    lasting = False

    def __init__(self, server: Server, subject: Creation) -> None:
        self.server, self.subject = server, subject

    def say(self) -> str:
        return f"check that {self.subject.name} and uid {self.subject.uid} are still free"

    def do(self) -> Iterator[str]:
        seen = survey(self.server)
        complete(seen)
        if why := not_creatable(seen, self.subject.name):
            raise ChangedSinceShown(why)
        if self.subject.name not in seen.accounts.by_name:
            uid_is_free(seen, self.subject.uid, self.subject.name, None)
        yield from ()


def _is_ours(seen: Survey, subject: Enrolment) -> None:
    """An authorised sign-up is finished only for the account that was planned for it."""
    account = seen.accounts.by_name.get(subject.name)
    if account is None or account.uid != subject.uid:
        raise ChangedSinceShown(f"{subject.name} was authorised by somebody else meanwhile.")
