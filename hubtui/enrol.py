"""Enrolling: check the name → account → home → roster line → authorise the sign-up.

It can never hand over an existing account: the verdict is judged again under the lock, the uid
comes from our own ledger and is on the disk before useradd runs, and what is found afterwards must
be exactly what the plan said. Killed anywhere, the next run asks each step whether it is done.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from hubtui import names
from hubtui.clock import stamp
from hubtui.errors import ChangedSinceShown, CommandFailed, HubtuiError, Refused
from hubtui.plan.plans import Plan, new_plan
from hubtui.plan.steps import Chain, Step
from hubtui.server import Server, accounts, as_student, homes, hubdb, ledger, roster
from hubtui.server.accounts import Account
from hubtui.server.hubdb import SignUp
from hubtui.server.ledger import Given
from hubtui.server.run import say
from hubtui.signups import Judgement, Verdict, judge
from hubtui.students import Survey, survey


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
    authorise = Authorise(server, subject)
    account: list[Step] = []
    if subject.verdict.ready:
        account = _account_steps(server, subject.name, subject.uid, subject.digest, subject.verdict)
    elif subject.verdict is Verdict.EARLIER and rules.roster is not None:
        account = [RosterLine(rules.roster, subject.name)]
    notes = [subject.note] if subject.note else []
    steps = [check, *account, authorise]
    return Chain(subject=subject.key, steps=steps, uid=subject.uid, notes=notes)


def create_chain(server: Server, subject: Creation) -> Chain:
    """The steps that make one account ahead."""
    steps = _account_steps(server, subject.name, subject.uid, None, Verdict.READY)
    return Chain(subject=subject.key, steps=[CheckName(server, subject), *steps], uid=subject.uid)


def _account_steps(
    server: Server, name: str, uid: int, digest: str | None, verdict: Verdict
) -> list[Step]:
    rules = server.course.accounts
    steps: list[Step] = []
    if verdict is Verdict.READY:
        if not accounts.group_exists(rules.group):
            steps.append(MakeGroup(server))
        steps += [
            ReserveUid(server, name, uid, digest),
            MakeAccount(server, name, uid),
        ]
    steps.append(MakeHome(server, name, uid))
    if rules.roster is not None:
        steps.append(RosterLine(rules.roster, name))
    if server.course.release is not None:
        from hubtui.release.late import HandOut  # a course without releases never needs it

        steps.append(HandOut(server, name, uid))
    return steps


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
        _complete(seen)
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
            _uid_is_free(seen, subject.uid, subject.name, subject.digest)
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
        _complete(seen)
        if why := not_creatable(seen, self.subject.name):
            raise ChangedSinceShown(why)
        if self.subject.name not in seen.accounts.by_name:
            _uid_is_free(seen, self.subject.uid, self.subject.name, None)
        yield from ()


class MakeGroup(Step):
    """The course's group, made where it is missing."""

    kind = "groupadd"

    def __init__(self, server: Server) -> None:
        self.server = server
        self.group = server.course.accounts.group

    def say(self) -> str:
        return say(self._argv())

    def done(self) -> bool:
        return accounts.group_exists(self.group)

    def do(self) -> Iterator[str]:
        self.server.run(self._argv(), hold=self.server.lock).check()
        yield from ()

    def verify(self) -> None:
        if not accounts.group_exists(self.group):
            raise CommandFailed(f"groupadd ended well, but there is no group {self.group}.")

    def _argv(self) -> list[str]:
        gids = set(accounts.read_accounts().groups.values())
        uids = self.server.course.accounts.uids
        return accounts.groupadd_argv(
            self.group, next(g for g in range(uids.first, uids.last + 1) if g not in gids)
        )


class ReserveUid(Step):
    """The uid is on the disk, with whom it is for, before useradd can run."""

    kind = "reserve uid"

    def __init__(self, server: Server, name: str, uid: int, digest: str | None) -> None:
        self.server = server
        self.line = Given(uid=uid, name=name, made=stamp(server.clock()), for_=digest)

    def say(self) -> str:
        return f"note uid {self.line.uid} for {self.line.name} in the uid ledger, for good"

    def done(self) -> bool:
        given = ledger.read_ledger(self.server.state).by_uid.get(self.line.uid)
        return given is not None and (given.name, given.for_) == (self.line.name, self.line.for_)

    def do(self) -> Iterator[str]:
        ledger.give(self.server.state, self.line)
        yield from ()


class MakeAccount(Step):
    """useradd; and what a killed useradd left is completed."""

    kind = "useradd"

    def __init__(self, server: Server, name: str, uid: int) -> None:
        rules = server.course.accounts
        self.server, self.name, self.uid = server, name, uid
        self.home, self.group = rules.homes / name, rules.group

    def say(self) -> str:
        if self._account() is not None and not self.done():
            return say(self._usermod())
        return say(self._useradd())

    def done(self) -> bool:
        account = self._account()
        return account is not None and accounts.has_shadow(self.name)

    def do(self) -> Iterator[str]:
        argv = self._useradd() if self._account() is None else self._usermod()
        result = self.server.run(argv, timeout=120, hold=self.server.lock)
        if not self.done():
            raise CommandFailed(f"No account {self.name}: {argv[0]} ended with {result.why()}.")
        yield from ()

    def verify(self) -> None:
        if not self.done():
            raise CommandFailed(f"useradd ended, but {self.name} is not whole in passwd, shadow.")

    def _account(self) -> Account | None:
        """The account, proved to be the one that was planned. Raises ChangedSinceShown."""
        account = accounts.read_accounts().by_name.get(self.name)
        if account is None:
            return None
        if (account.uid, account.home) != (self.uid, self.home):
            raise ChangedSinceShown(
                f"{self.name} is now another account (uid {account.uid}, {account.home})."
            )
        return account

    def _useradd(self) -> list[str]:
        return accounts.useradd_argv(self.name, self.uid, self.group, self.home)

    def _usermod(self) -> list[str]:
        return ["usermod", "--password", "*", "--", self.name]


class MakeHome(Step):
    """The home is there: the student's own, mode 0700, with all of /etc/skel."""

    kind = "home"

    def __init__(self, server: Server, name: str, uid: int) -> None:
        self.name, self.uid = name, uid
        self.path: Path = server.course.accounts.homes / name

    def say(self) -> str:
        return f"{self.path}: owner {self.uid}, mode 0700, /etc/skel complete (as {self.name})"

    def done(self) -> bool:
        found = homes.look(self.path)
        if (found.kind, found.uid, found.mode) != (homes.Kind.FOLDER, self.uid, 0o700):
            return False
        contents = as_student.look(self._account())
        return not contents.missing and not contents.partial

    def do(self) -> Iterator[str]:
        account = self._account()
        found = homes.look(self.path)
        if found.kind is homes.Kind.MISSING:
            homes.make(self.path, account.uid, account.gid)
        elif found.kind is not homes.Kind.FOLDER:
            raise Refused(f"{self.path} is not a folder ({found.kind}): look at it by hand.")
        else:
            homes.hand_over(self.path, account.uid, account.gid)
        as_student.fill(account)
        yield from ()

    def verify(self) -> None:
        if not self.done():
            raise CommandFailed(
                f"{self.path} is not whole: owner, mode or /etc/skel; is the disk full? (df -h)"
            )

    def _account(self) -> Account:
        account = accounts.read_accounts().by_name.get(self.name)
        if account is None or account.uid != self.uid or account.home != self.path:
            raise ChangedSinceShown(f"{self.name} is no longer the account with uid {self.uid}.")
        return account


class RosterLine(Step):
    """The name stands in the roster."""

    kind = "roster"

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name

    def say(self) -> str:
        return f"add the line {self.name} to {self.path}"

    def done(self) -> bool:
        return self.name in roster.read_roster(self.path)

    def do(self) -> Iterator[str]:
        roster.add(self.path, self.name)
        yield from ()

    def verify(self) -> None:
        if not self.done():
            raise CommandFailed(f"{self.name} is not in {self.path} after it was added.")


class Authorise(Step):
    """The sign-up may log in: the last step, so nobody logs in to half an account."""

    kind = "authorise"

    def __init__(self, server: Server, subject: Enrolment) -> None:
        self.database, self.subject = server.course.hub.database, subject

    def say(self) -> str:
        return f"authorise sign-up {self.subject.id} ({self.subject.name}) in the hub's database"

    def done(self) -> bool:
        row = self._row()
        return row is not None and row.authorised

    def do(self) -> Iterator[str]:
        row = self._row()
        if row is None:
            raise ChangedSinceShown(f"The sign-up {self.subject.name} is gone.")
        hubdb.authorise(self.database, row)
        yield from ()

    def verify(self) -> None:
        if not self.done():
            raise CommandFailed(f"{self.subject.name} is still not authorised.")

    def _row(self) -> SignUp | None:
        row = self.subject
        return hubdb.find(self.database, row.id, row.name, row.digest)


def _complete(seen: Survey) -> None:
    """Nothing is approved on a look with holes in it."""
    for missing in seen.missing:
        if missing.what != "expected names":
            raise HubtuiError(f"The {missing.what} cannot be read: {missing.why}")


def _is_ours(seen: Survey, subject: Enrolment) -> None:
    """An authorised sign-up is finished only for the account that was planned for it."""
    account = seen.accounts.by_name.get(subject.name)
    if account is None or account.uid != subject.uid:
        raise ChangedSinceShown(f"{subject.name} was authorised by somebody else meanwhile.")


def _uid_is_free(seen: Survey, uid: int, name: str, digest: str | None) -> None:
    given = seen.ledger.by_uid.get(uid)
    ours = given is not None and (given.name, given.for_) == (name, digest)
    owner = seen.accounts.by_uid.get(uid)
    taken = owner is not None or (given is not None and not ours) or uid in seen.homes.values()
    if taken or not (ours or uid >= next(seen.free_uids())):
        raise ChangedSinceShown(f"uid {uid}, shown for {name}, was given away meanwhile.")
