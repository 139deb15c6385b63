"""A sign-up as it was when a plan opened, and the steps that change its row in the hub's table."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from hubtui import names
from hubtui.errors import ChangedSinceShown, CommandFailed
from hubtui.plan.steps import Step
from hubtui.server import Server, hubdb
from hubtui.server.hubdb import SignUp


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A sign-up as it was when the plan opened."""

    key: str
    id: int
    name: str
    digest: str


def row_of(sign_up: SignUp) -> Row:
    """The part of a sign-up that says which one it is."""
    return Row(key=str(sign_up.id), id=sign_up.id, name=sign_up.name, digest=sign_up.digest)


class RowStep(Step):
    """A step about one sign-up, exactly as it was shown."""

    def __init__(self, server: Server, subject: Row) -> None:
        self.database, self.subject = server.course.hub.database, subject
        self.who = f"sign-up {subject.id} ({names.shown(subject.name, limit=60)})"

    def _row(self) -> SignUp | None:
        row = self.subject
        return hubdb.find(self.database, row.id, row.name, row.digest)


class Discard(RowStep):
    """Delete a pending sign-up; the person may sign up again."""

    kind = "discard"

    def say(self) -> str:
        return f"delete {self.who} from the hub's database"

    def done(self) -> bool:
        return self._row() is None

    def do(self) -> Iterator[str]:
        row = self._row()
        if row is None:
            return
        if row.authorised:
            raise ChangedSinceShown(f"The {self.who} was authorised meanwhile.")
        hubdb.discard(self.database, row)
        yield from ()

    def verify(self) -> None:
        if not self.done():
            raise CommandFailed(f"The {self.who} is still there.")


class TakeBack(RowStep):
    """Make an authorised sign-up pending again: no new log-in. An open session goes on."""

    kind = "take back"

    def say(self) -> str:
        return f"make {self.who} pending again in the hub's database"

    def done(self) -> bool:
        row = self._row()
        return row is not None and not row.authorised

    def do(self) -> Iterator[str]:
        row = self._row()
        if row is None:
            raise ChangedSinceShown(f"The {self.who} is no longer there as it was shown.")
        hubdb.take_back(self.database, row)
        yield from ()

    def verify(self) -> None:
        if not self.done():
            raise CommandFailed(f"The {self.who} is still authorised.")


class Authorise(RowStep):
    """The sign-up may log in: the last step, so nobody logs in to half an account."""

    kind = "authorise"

    def say(self) -> str:
        return f"authorise {self.who} in the hub's database"

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
