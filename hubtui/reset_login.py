"""Resetting a log-in: a one-time password into NativeAuthenticator's table, shown once.

The password never leaves the face that shows it: the plan carries its bcrypt hash, and is removed
once the run is over. A session that is open goes on; the student changes the password at
/hub/change-password.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import msgspec

from hubtui.errors import ChangedSinceShown, CommandFailed, Refused
from hubtui.names import shown
from hubtui.plan.plans import Plan, new_plan
from hubtui.plan.steps import Chain, Step
from hubtui.server import Server, hubdb
from hubtui.server.hubdb import SignUp, digest_of
from hubtui.students import Survey

_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that is taken for another when read out


class Reset(msgspec.Struct, frozen=True, kw_only=True):
    """A sign-up whose password shall be replaced, as it was when the plan opened."""

    key: str
    id: int
    name: str
    digest: str
    hashed: str
    two_factor: bool
    uid: int | None


def one_time_password() -> str:
    """Fifteen letters in three groups, 74 bits: to be read out or copied once."""
    groups = ("".join(secrets.choice(_LETTERS) for _ in range(5)) for _ in range(3))
    return "-".join(groups)


def reset_plan(server: Server, seen: Survey, name: str, password: str) -> Plan:
    """A plan that gives ``name`` this password. Raises Refused for staff and unknown names."""
    import bcrypt

    sign_ups = [s for s in seen.sign_ups if s.name == name]
    if len(sign_ups) != 1:
        many = "no sign-up" if not sign_ups else "two sign-ups"
        raise Refused(f"There is {many} of the name {shown(name, limit=40)}.")
    user = seen.users.get(name)
    if name in seen.course.accounts.staff or (user is not None and user.admin):
        raise Refused(
            f"{name} is staff or an admin of the hub: change that password in the browser, "
            "at /hub/change-password."
        )
    hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt()).decode()
    sign_up, account = sign_ups[0], seen.accounts.by_name.get(name)
    subject = Reset(
        key=name,
        id=sign_up.id,
        name=name,
        digest=sign_up.digest,
        hashed=hashed,
        two_factor=sign_up.two_factor,
        uid=account.uid if account else None,
    )
    return new_plan("reset-login", f"Reset the log-in of {name}", [subject], server.clock())


def reset_chain(server: Server, subject: Reset) -> Chain:
    """The one step of it."""
    notes = ["an open session goes on until its server is stopped"]
    if subject.two_factor:
        notes.append("a second factor is set, and still asked for")
    steps = [SetPassword(server, subject)]
    return Chain(subject=subject.key, steps=steps, uid=subject.uid, notes=notes)


class SetPassword(Step):
    """The new hash stands in the row that was shown."""

    kind = "reset log-in"

    def __init__(self, server: Server, subject: Reset) -> None:
        self.database, self.subject = server.course.hub.database, subject

    def say(self) -> str:
        return f"replace the password of sign-up {self.subject.id} ({self.subject.name})"

    def done(self) -> bool:
        new = digest_of(self.subject.hashed.encode())
        return hubdb.find(self.database, self.subject.id, self.subject.name, new) is not None

    def do(self) -> Iterator[str]:
        row = self._row()
        if row is None:
            raise ChangedSinceShown(f"The sign-up {self.subject.name} is no longer as shown.")
        hubdb.set_password(self.database, row, self.subject.hashed.encode())
        yield from ()

    def verify(self) -> None:
        if not self.done():
            raise CommandFailed(f"The password of {self.subject.name} was not replaced.")

    def _row(self) -> SignUp | None:
        row = self.subject
        return hubdb.find(self.database, row.id, row.name, row.digest)
