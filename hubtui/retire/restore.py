"""Bringing back who was switched off, before the date; also where a removal failed on the way.

Possible as long as the account and its home are there. The home comes back as it was, byte for
byte, since nothing was done inside it; a sign-up that the hub has deleted does not.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from hubtui import leaving
from hubtui.errors import ChangedSinceShown, CommandFailed, Refused
from hubtui.leaving import Leaving, WasAuthorised
from hubtui.names import shown
from hubtui.plan import runs
from hubtui.plan.plans import Plan, new_plan
from hubtui.plan.runs import Life
from hubtui.plan.steps import Chain
from hubtui.retire import kept
from hubtui.retire.checks import either, home_of
from hubtui.retire.fence import Unfence, removing
from hubtui.retire.home import RemoveHome
from hubtui.retire.records import Leaver
from hubtui.retire.steps import LeaverStep, row_of
from hubtui.server import Server
from hubtui.server.run import say
from hubtui.server.shadow import read_shadow
from hubtui.signup_steps import Authorise
from hubtui.students import Survey, complete, survey

_NO_HOME = "there is no home to bring back"


def restore_plan(server: Server, seen: Survey, names: Sequence[str]) -> Plan:
    """A plan that brings these accounts back as they were. Raises Refused where one is gone."""
    wanted = list(dict.fromkeys(names))
    complete(seen)
    subjects = [_leaver(server, seen, name) for name in wanted]
    who = f"account {wanted[0]}" if len(wanted) == 1 else f"{len(wanted)} accounts"
    return new_plan("restore", f"Bring back {shown(who)}", subjects, server.clock())


def restore_chain(server: Server, subject: Leaver) -> Chain:
    """Unlocked, authorised again, no longer on the list of who leaves."""
    record = kept.of_run(server, subject.uid, subject.leaving)
    notes = [
        f"its crontab, mail and files outside of the home stay in {shown(one.path)}"
        for one in (record.archives if record is not None else ())
        if one.what == "rest"
    ]
    if not subject.inode:
        notes.append(_NO_HOME)
    return Chain(
        subject=subject.key,
        notes=notes,
        steps=[
            CheckBack(server, subject),
            Unfence(server, subject),
            Unlock(server, subject),
            *(LetIn(server, subject, one) for one in subject.authorised),
            TakeOut(server, subject),
        ],
        uid=subject.uid,
    )


def why_not(server: Server, seen: Survey, name: str) -> str:
    """Why this account cannot be brought back; empty where it can."""
    who = shown(name, limit=60)
    entry = seen.leaving.get(name)
    if entry is None:
        gone = seen.formerly.of(name)
        if gone is not None and name not in seen.students:
            return f"{who} went on {gone.at[:10]} as uid {gone.uid}: what is left is an archive."
        return f"{who} is not switched off: nothing to bring back."
    finish = f"what is left is an archive. To finish that: hubtui accounts retire {who}"
    account = seen.accounts.by_name.get(name)
    if account is None or account.uid != entry.uid:
        return f"{who} is half removed: its account is gone, and {finish}"
    if os.path.lexists(removing(server, entry.uid)) or _is_removed(server, entry):
        return f"{who} is half removed: its home is gone, and {finish}"
    if _is_unfinished(server, entry):
        return (
            f"The removal of {who} is not finished: drop it first, with: "
            f"hubtui journal drop {entry.run}"
        )
    return ""


def _is_removed(server: Server, entry: Leaving) -> bool:
    """Whether whatever switched it off has removed its home."""
    record = kept.of_run(server, entry.uid, entry.run)
    return record is not None and any(kind == RemoveHome.kind for kind, _, _ in record.steps)


def _is_unfinished(server: Server, entry: Leaving) -> bool:
    """Whether whatever switched it off is at work, or would go on when it is resumed."""
    if not runs.record_path(server.state, entry.run).exists():
        return False
    return runs.life(server.state, entry.run) is not Life.OVER


def _leaver(server: Server, seen: Survey, name: str) -> Leaver:
    if why := why_not(server, seen, name):
        raise Refused(why)
    entry, account = seen.leaving[name], seen.accounts.by_name[name]
    device, inode = either(server, account)
    return Leaver(
        key=name,
        name=name,
        uid=account.uid,
        gid=account.gid,
        home=str(account.home),
        device=device,
        inode=inode,
        authorised=entry.authorised,
        was_locked=entry.was_locked,
        expires=entry.expires,
        leaving=entry.run,
    )


class CheckBack(LeaverStep):
    """Still switched off by the same run, the account there, and its home as it was shown."""

    kind = "check"
    lasting = False

    def say(self) -> str:
        return f"check that {self.name} (uid {self.subject.uid}) can still be brought back"

    def do(self) -> Iterator[str]:
        seen = survey(self.server)
        complete(seen)
        entry = seen.leaving.get(self.subject.name)
        if entry is None and self.account() is not None:
            return  # brought back before a kill
        if why := why_not(self.server, seen, self.subject.name):
            raise ChangedSinceShown(why)
        if entry is not None and (entry.uid, entry.run) != (self.subject.uid, self.subject.leaving):
            raise ChangedSinceShown(f"{self.name} was switched off anew since this was shown.")
        if not self.subject.inode:
            self.told = _NO_HOME
        elif home_of(self.server, self.subject) is None:
            raise ChangedSinceShown(f"The home of {self.name} is not the folder that was shown.")
        yield from ()


class Unlock(LeaverStep):
    """Lock and day of expiry as they were before."""

    kind = "unlock"

    def say(self) -> str:
        return say(self._argv())

    def done(self) -> bool:
        line = read_shadow().get(self.subject.name)
        before = (self.subject.was_locked, self.subject.expires)
        return line is not None and (line.locked, line.expires) == before

    def do(self) -> Iterator[str]:
        self.server.run(self._argv(), timeout=120, hold=self.server.lock).check()
        yield from ()

    def verify(self) -> None:
        if not self.done():
            raise CommandFailed(f"usermod ended well, but {self.name} is not as before in shadow.")

    def _argv(self) -> list[str]:
        unlock = [] if self.subject.was_locked else ["--unlock"]
        return ["usermod", *unlock, "--expiredate", self.subject.expires, "--", self.subject.name]


class LetIn(Authorise):
    """The sign-up is authorised again, where the hub still has it."""

    def __init__(self, server: Server, subject: Leaver, sign_up: WasAuthorised) -> None:
        super().__init__(server, row_of(subject, sign_up))

    def do(self) -> Iterator[str]:
        if self._row() is None:
            self.told = "its sign-up is gone: it has to sign up again"
        else:
            yield from super().do()

    def verify(self) -> None:
        if self._row() is not None:
            super().verify()


class TakeOut(LeaverStep):
    """No longer on the list of who leaves."""

    kind = "note"

    def say(self) -> str:
        return f"take {self.name} from the list of who leaves"

    def done(self) -> bool:
        entry = leaving.read_leaving(self.server.state).get(self.subject.name)
        return entry is None or entry.uid != self.subject.uid

    def do(self) -> Iterator[str]:
        state, uid = self.server.state, self.subject.uid
        record = kept.read(state, uid)
        if record is not None and not record.archives:
            kept.path(state, uid).unlink(missing_ok=True)  # it never went
        leaving.take_out(state, self.subject.name, uid)
        yield from ()
