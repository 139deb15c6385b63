"""The steps of one leaver that switch off, and those that end the account and all that names it.

Each finds its state without the account being there any more, so that a chain goes on after a kill
at any point: the subject says who it was. Somebody else who has the name meanwhile, with another
uid, is never touched.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from hubtui import leaving
from hubtui.errors import (
    ChangedSinceShown,
    CommandFailed,
    HubDown,
    HubError,
    HubForeign,
    HubImpostor,
)
from hubtui.leaving import Leaving, WasAuthorised
from hubtui.names import shown
from hubtui.plan.steps import Step
from hubtui.retire.checks import Ground, fenced, home_of, identity, need_token
from hubtui.retire.records import Leaver
from hubtui.server import Server, accounts, hub, hubdb, ledger, processes
from hubtui.server.accounts import Account
from hubtui.server.hubapi import TokenRefused
from hubtui.server.hubdb import SignUp
from hubtui.server.run import say
from hubtui.server.shadow import read_shadow
from hubtui.signup_steps import Row, TakeBack
from hubtui.stop import EndProcesses, Stop, StopServer, end, end_all
from hubtui.students import Survey, complete, survey

_HUB_IS_AT_IT = 240.0
"""Seconds for which a hub refuses to delete who has a server that starts (it waits 30 s for one
that never answers, and as long as it is configured) or stops."""
_ASKED = 15.0
"""Seconds that the hub has for stopping a server: a frozen one takes it a minute."""
_TERM = 8.0
"""Seconds that processes have after they were asked."""
EXPIRED = "1"
"""The day of expiry of who is switched off: 2 January 1970, as ``usermod -e 1`` writes it."""


class LeaverStep(Step):
    """A step for one leaver."""

    def __init__(self, server: Server, subject: Leaver) -> None:
        self.server, self.subject = server, subject
        self.name = shown(subject.name, limit=60)

    def account(self) -> Account | None:
        """The leaver's account; None where it is gone, whoever has the name now."""
        found = accounts.find(self.subject.name)
        return found if found is not None and found.uid == self.subject.uid else None

    def is_anothers(self) -> bool:
        """Whether somebody else has the name now: what goes by name alone is theirs."""
        found = accounts.find(self.subject.name)
        return found is not None and found.uid != self.subject.uid

    def is_over(self) -> bool:
        """Whether the uid is retired: then all that came before was done."""
        return is_retired(self.server, self.subject.uid)


def is_retired(server: Server, uid: int) -> bool:
    """Whether the uid ledger says that this uid is never given again."""
    given = ledger.read_ledger(server.state).by_uid.get(uid)
    return given is not None and given.retired is not None


class Check(LeaverStep):
    """The account, its home and its sign-ups are as they were shown, or as a kill left them."""

    kind = "check"
    lasting = False

    def __init__(self, server: Server, subject: Leaver, run: str) -> None:
        super().__init__(server, subject)
        self.run = run

    def say(self) -> str:
        return (
            f"check that {self.name} is still the account with uid {self.subject.uid}, a course "
            f"account whose home {shown(self.subject.home)} is nobody else's"
        )

    def do(self) -> Iterator[str]:
        if self.is_over():
            return
        need_token(self.server)
        self.look(survey(self.server))
        yield from ()

    def look(self, seen: Survey) -> None:
        """Raises ChangedSinceShown where it is not as it was shown, and nothing of it is begun."""
        complete(seen)
        entry = seen.leaving.get(self.subject.name)
        if self.subject.leaving and (
            entry is None or entry.run not in (self.subject.leaving, self.run)
        ):
            raise ChangedSinceShown(f"{self.name} was brought back, or switched off anew.")
        account = seen.accounts.by_name.get(self.subject.name)
        if account is not None and account.uid == self.subject.uid:
            self._account(seen, account)
            self._sign_ups(seen)
        else:
            self._gone(seen)

    def _account(self, seen: Survey, account: Account) -> None:
        subject = self.subject
        if (account.gid, str(account.home)) != (subject.gid, subject.home):
            raise ChangedSinceShown(f"{self.name} has another group or home than was shown.")
        if why := Ground(self.server, seen).refusal(subject.name):
            raise ChangedSinceShown(why)
        if home_of(self.server, subject) is None:
            for path in (account.home, fenced(self.server, subject.uid)):
                if identity(path) is not None:
                    raise ChangedSinceShown(
                        f"{shown(str(path))} is another folder than was shown: look again."
                    )

    def _gone(self, seen: Survey) -> None:
        """It may be gone only where this very removal was begun, and its uid is nobody's."""
        subject = self.subject
        if subject.uid in seen.accounts.by_uid:
            raise ChangedSinceShown(f"uid {subject.uid} is somebody else's now: look by hand.")
        begun = seen.leaving.get(subject.name)
        if begun is None or begun.uid != subject.uid:
            raise ChangedSinceShown(f"{self.name} is no longer the account with uid {subject.uid}.")

    def _sign_ups(self, seen: Survey) -> None:
        for sign_up in seen.sign_ups:
            if sign_up.name != self.subject.name:
                continue
            may = not sign_up.authorised or _which(sign_up) in self.subject.authorised
            if not (may and _was_shown(sign_up, self.subject)):
                raise ChangedSinceShown(
                    f"{self.name} signed up, was authorised or got a password since this was shown."
                )


class NoteLeaving(LeaverStep):
    """Who leaves, and how all was before, is on the disk before anything is switched off."""

    kind = "note"

    def __init__(self, server: Server, subject: Leaver, record: Leaving) -> None:
        super().__init__(server, subject)
        self.record = record

    def say(self) -> str:
        return f"note that {self.name} leaves, and how to bring it back"

    def done(self) -> bool:
        found = leaving.read_leaving(self.server.state).get(self.subject.name)
        return self.is_over() or (
            found is not None and (found.uid, found.run) == (self.record.uid, self.record.run)
        )

    def do(self) -> Iterator[str]:
        leaving.put(self.server.state, self.record)
        yield from ()


class LogInOff(TakeBack):
    """The sign-up is pending again, or gone: no new log-in."""

    def __init__(self, server: Server, subject: Leaver, sign_up: WasAuthorised) -> None:
        super().__init__(server, row_of(subject, sign_up))

    def done(self) -> bool:
        row = self._row()
        return row is None or not row.authorised


class Lock(LeaverStep):
    """Locked and expired in Unix: neither ssh nor cron nor at lets it in."""

    kind = "lock"

    def say(self) -> str:
        return say(self._argv())

    def done(self) -> bool:
        if self.account() is None:
            return True
        line = read_shadow().get(self.subject.name)
        return line is not None and line.locked and line.expires == EXPIRED

    def do(self) -> Iterator[str]:
        self.server.run(self._argv(), timeout=120, hold=self.server.lock).check()
        yield from ()

    def verify(self) -> None:
        if not self.done():
            raise CommandFailed(f"usermod ended well, but /etc/shadow does not lock {self.name}.")

    def _argv(self) -> list[str]:
        return ["usermod", "--lock", "--expiredate", EXPIRED, "--", self.subject.name]


class AskToStop(StopServer):
    """Server and processes are asked first, so that they end as they like.

    Nothing hangs on it: who starts a server again at once, from a browser that is still open, is
    kept out by the fence.
    """

    def __init__(self, server: Server, subject: Leaver) -> None:
        super().__init__(server, stop_of(subject), idle=False)

    def say(self) -> str:
        return f"{super().say()}; TERM to all else of uid {self.subject.uid}"

    def done(self) -> bool:
        return not processes.of(self.subject.uid) and not self._pending()

    def do(self) -> Iterator[str]:
        yield "the hub is asked"
        with contextlib.suppress(HubError):
            hub.api(self.server.course).stop_server(self.subject.name, wait=_ASKED)
        end(processes.of(self.subject.uid), _TERM)

    def verify(self) -> None:
        """Whatever goes on is ended behind the fence."""


class EndAll(EndProcesses):
    """The same as for stopping, for an account that may be gone already."""

    def __init__(self, server: Server, subject: Leaver) -> None:
        super().__init__(server, stop_of(subject))

    def say(self) -> str:
        return f"KILL to whatever still runs under uid {self.subject.uid}"

    def do(self) -> Iterator[str]:
        owner = accounts.read_accounts().by_uid.get(self.subject.uid)
        if owner is not None and owner.name != self.subject.name:
            raise ChangedSinceShown(f"uid {self.subject.uid} is somebody else's now.")
        yield from ()
        end_all(self.subject.uid)


class DeleteHubUser(LeaverStep):
    """The hub's user, by the hub; and the rows that it leaves of who never logged in."""

    kind = "delete hub user"

    def say(self) -> str:
        rows = " ".join(str(one.id) for one in self.subject.sign_ups)
        also = f", then sign-up {rows} where it is left" if rows else ""
        return f"DELETE /users/{self.name} (the hub's user){also}"

    def done(self) -> bool:
        if self.is_over() or self.is_anothers():
            return True
        return not self._known() and not self._rows()

    def do(self) -> Iterator[str]:
        if strange := self._strange():
            raise ChangedSinceShown(
                f"{self.name} signed up again (sign-up {strange[0].id}) since this was shown: "
                "the hub would delete that as well."
            )
        until = time.monotonic() + _HUB_IS_AT_IT
        while self._known():
            yield "the hub is asked"
            try:
                hub.api(self.server.course).delete_user(self.subject.name)
            except (HubDown, HubForeign, HubImpostor, TokenRefused):
                raise
            except HubError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.5)
        for row in self._rows():
            hubdb.discard(self.server.course.hub.database, row)

    def verify(self) -> None:
        if self._known():
            raise CommandFailed(f"The hub still knows the user {self.name}.")
        if self._rows():
            raise CommandFailed(f"A sign-up of {self.name} is still in the hub's database.")

    def _known(self) -> bool:
        users = hubdb.hub_users(self.server.course.hub.database)
        return any(user.name == self.subject.name for user in users)

    def _named(self) -> list[SignUp]:
        rows = hubdb.sign_ups(self.server.course.hub.database)
        return [row for row in rows if row.name == self.subject.name]

    def _rows(self) -> list[SignUp]:
        return [row for row in self._named() if _was_shown(row, self.subject)]

    def _strange(self) -> list[SignUp]:
        return [row for row in self._named() if not _was_shown(row, self.subject)]


def row_of(subject: Leaver, sign_up: WasAuthorised) -> Row:
    """A sign-up of the leaver's as the steps on the hub's table know it."""
    return Row(key=subject.key, id=sign_up.id, name=subject.name, digest=sign_up.digest)


def stop_of(subject: Leaver) -> Stop:
    """The leaver as hubtui.stop knows it."""
    return Stop(key=subject.key, name=subject.name, uid=subject.uid)


def _which(row: SignUp) -> WasAuthorised:
    return WasAuthorised(id=row.id, digest=row.digest)


def _was_shown(row: SignUp, subject: Leaver) -> bool:
    """Whether it is a sign-up of the plan. By one that lets nobody in, the id is enough: in a
    browser that is still open its student can change the password again and again."""
    if _which(row) in subject.sign_ups:
        return True
    return not row.authorised and row.id in {one.id for one in subject.sign_ups}
