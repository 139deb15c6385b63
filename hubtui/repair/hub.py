"""Mending what the hub has: sign-ups without an account, users without a sign-up, servers."""

from __future__ import annotations

import dataclasses

import msgspec

from hubtui.account_steps import account_steps, uid_is_free
from hubtui.drift.records import Code
from hubtui.errors import ChangedSinceShown, Refused
from hubtui.names import shown
from hubtui.plan.steps import Step
from hubtui.repair.ground import Check, SameAccount, account_of
from hubtui.repair.records import Repair, leaver
from hubtui.retire.checks import need_token
from hubtui.retire.steps import DeleteHubUser
from hubtui.server import Server, as_student
from hubtui.server.hubdb import SignUp
from hubtui.signup_steps import Discard, TakeBack
from hubtui.signups import Judgement, Verdict, judge
from hubtui.stop import Stop, StopServer
from hubtui.students import Survey


def no_account(server: Server, subject: Repair) -> list[Step]:
    """All of an account, for the sign-up that may log in already."""
    steps = account_steps(server, subject.name, subject.uid or 0, subject.digest)
    return [StillWithout(server, subject), *steps]


def hub_user_alone(server: Server, subject: Repair) -> list[Step]:
    """The hub knows them no more; without a sign-up nobody could log in as them."""
    return [NoSignUp(server, subject), DeleteHubUser(server, leaver(subject))]


def foreign_sign_up(server: Server, subject: Repair) -> list[Step]:
    """No new log-in; then the session and the server end, and the sign-up goes."""
    return [MayGo(server, subject), *blocked(server, subject), *gone(server, subject)]


def not_authorised(server: Server, subject: Repair) -> list[Step]:
    """The server is stopped; ``discard``: the session ends too, and with it goes the sign-up."""
    steps: list[Step] = [StillPending(server, subject), stopped(server, subject)]
    if subject.choice == "discard":
        steps += [MayGo(server, subject), *gone(server, subject)]
    return steps


def locked_out(server: Server, subject: Repair) -> list[Step]:
    """The hub lets in no more whom Unix has locked out."""
    return [SameAccount(server, subject), *blocked(server, subject)]


def two_sign_ups(server: Server, subject: Repair) -> list[Step]:
    """The one that was chosen stays (``keep-ID``), the others go."""
    kept = subject.choice.removeprefix("keep-")
    others = [row for row in subject.sign_ups if str(row.id) != kept]
    removed = [step(server, row) for row in others for step in (Block, Discard)]
    return [StillThere(server, subject), *removed]


def blocked(server: Server, subject: Repair) -> list[Step]:
    """Nobody logs in by these sign-ups, and no server runs."""
    steps: list[Step] = [Block(server, row) for row in subject.sign_ups]
    return [*steps, stopped(server, subject)] if subject.uid is not None else steps


def gone(server: Server, subject: Repair) -> list[Step]:
    """What is left of it: the hub's user, which ends the session, and the sign-ups."""
    if server.course.hub.token_file is not None:
        return [DeleteHubUser(server, leaver(subject))]
    return [Discard(server, row) for row in subject.sign_ups]


def stopped(server: Server, subject: Repair) -> Step:
    """The server of the account."""
    whose = Stop(key=subject.key, name=subject.name, uid=subject.uid or 0)
    return StopServer(server, whose, idle=False)


def refuse(server: Server, seen: Survey, subject: Repair) -> None:
    """Raise Refused, or HubError, where the hub's user may not or cannot be deleted."""
    alone = subject.code in (Code.HUB_USER_ALONE, Code.HUB_USER_LETS_IN)
    if not (alone or subject.choice == "discard"):
        return
    user, who = seen.users.get(subject.name), shown(subject.name, limit=60)
    if user is not None and user.admin:
        raise Refused(
            f"{who} is an administrator of the hub: take that away on the hub's admin page first, "
            "or name it in accounts.staff of course.yaml."
        )
    if subject.name in seen.course.accounts.staff:
        raise Refused(f"{who} is staff (accounts.staff): hubtui changes nothing there.")
    if alone or server.course.hub.token_file is not None:
        need_token(server)


def judged(seen: Survey, name: str) -> tuple[SignUp, Judgement]:
    """The authorised sign-up of this name, judged as if it still waited. Raises Refused."""
    rows = [each for each in seen.sign_ups if each.name == name]
    found = [each for each in rows if each.authorised]
    if len(rows) != 1 or not found:
        raise Refused(f"{shown(name, limit=60)} has not one authorised sign-up: look at it first.")
    asked = msgspec.structs.replace(found[0], authorised=False)
    others = tuple(asked if each is found[0] else each for each in seen.sign_ups)
    waiting = dataclasses.replace(seen, sign_ups=others)
    return found[0], judge(waiting, asked, as_student.look)


class StillWithout(Check):
    """The sign-up is still authorised, its name and uid are still free; or the account is ours."""

    def say(self) -> str:
        """For the plan."""
        return f"check that {self.who} and uid {self.subject.uid} are still free"

    def look(self, seen: Survey) -> None:
        """Raise ChangedSinceShown where one of them is not."""
        subject, digest = self.subject, self.subject.digest
        try:
            row, judgement = judged(seen, subject.name)
        except Refused as e:
            raise ChangedSinceShown(str(e)) from e
        if row.digest != digest:
            raise ChangedSinceShown(f"The sign-up {self.who} is another one by now.")
        if judgement.verdict is not Verdict.READY or judgement.uid not in (None, subject.uid):
            raise ChangedSinceShown(judgement.why or f"{self.who} has another account by now.")
        if judgement.uid is None:
            uid_is_free(seen, subject.uid or 0, subject.name, digest)


class MayGo(Check):
    """It is nobody's who rules the hub, and no other account than was shown."""

    def say(self) -> str:
        """For the plan."""
        return f"check that {self.who} is neither staff nor an administrator of the hub"

    def look(self, seen: Survey) -> None:
        """Raise ChangedSinceShown where it is, or where it is another account by now."""
        name = self.subject.name
        account, user = seen.accounts.by_name.get(name), seen.users.get(name)
        if name in seen.course.accounts.staff or (user is not None and user.admin):
            raise ChangedSinceShown(f"{self.who} is staff, or an administrator of the hub.")
        if (account.uid if account else None) != self.subject.uid:
            raise ChangedSinceShown(f"{self.who} is another account than was shown.")


class NoSignUp(MayGo):
    """And nobody signed up under this name meanwhile: the hub would delete that as well."""

    def say(self) -> str:
        """For the plan."""
        return f"check that nobody has signed up as {self.who}"

    def look(self, seen: Survey) -> None:
        """Raise ChangedSinceShown where somebody has."""
        super().look(seen)
        if any(row.name == self.subject.name for row in seen.sign_ups):
            raise ChangedSinceShown(f"Somebody has signed up as {self.who} meanwhile.")


class StillPending(Check):
    """It still is that course account, and no sign-up of it is authorised."""

    def say(self) -> str:
        """For the plan."""
        return f"check that no sign-up of {self.who} is authorised"

    def look(self, seen: Survey) -> None:
        """Raise ChangedSinceShown where one is."""
        account_of(seen, self.subject)
        if any(row.name == self.subject.name and row.authorised for row in seen.sign_ups):
            raise ChangedSinceShown(f"{self.who} was authorised meanwhile: the server stays.")


class StillThere(Check):
    """The sign-up that is to stay is there."""

    def say(self) -> str:
        """For the plan."""
        which = self.subject.choice.removeprefix("keep-")
        return f"check that sign-up {which} ({self.who}) is there: it stays"

    def look(self, seen: Survey) -> None:
        """Raise ChangedSinceShown where it is not."""
        kept = self.subject.choice.removeprefix("keep-")
        row = next((row for row in self.subject.sign_ups if str(row.id) == kept), None)
        found = [(each.id, each.name, each.digest) for each in seen.sign_ups]
        if row is None or (row.id, row.name, row.digest) not in found:
            raise ChangedSinceShown(f"The sign-up {kept} ({self.who}) that is to stay is gone.")


class Block(TakeBack):
    """As taking back; one that is gone lets nobody in either."""

    def done(self) -> bool:
        """Whether nobody logs in by it."""
        row = self._row()
        return row is None or not row.authorised
