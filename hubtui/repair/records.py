"""One drift as it was when the plan opened, with all that its steps need to know it again."""

from __future__ import annotations

import msgspec

from hubtui.drift.records import Code
from hubtui.leaving import WasAuthorised
from hubtui.retire.records import Leaver
from hubtui.server.accounts import NOBODY
from hubtui.signup_steps import Row


class Repair(msgspec.Struct, frozen=True, kw_only=True):
    """One subject of a plan of kind repair."""

    key: str
    """The drift's."""
    name: str
    code: Code
    choice: str = ""
    """The word of what was chosen; empty where there was nothing to choose."""
    uid: int | None = None
    """Of the account that is there, or the one that it will get."""
    gid: int = -1
    """Of that account."""
    place: str = ""
    """The home's path, as passwd has it or below ``homes``; of a lock the file."""
    device: int = 0
    inode: int = 0
    owner: int = -1
    mode: int = 0
    """Of the home's own folder, by lstat; ``inode`` 0 where there is none. What was left without
    a home has an ``owner`` as well."""
    sign_ups: tuple[Row, ...] = ()
    """All sign-ups of this name."""
    called: str = ""
    """Of what was left by a gone uid: the name that its crontab or mail still tells."""
    run: str = ""
    """The plan's id, and in ``by`` who made it: an archive is kept with both."""
    by: str = ""
    digest: str | None = None
    """Of the sign-up that the account is made for; None where it is for none."""


def leaver(subject: Repair) -> Leaver:
    """The account as the steps of retiring know it; -1 where there is none."""
    return Leaver(
        key=subject.key,
        name=subject.name,
        uid=-1 if subject.uid is None else subject.uid,
        gid=subject.gid,
        home=subject.place,
        device=subject.device,
        inode=subject.inode,
        sign_ups=tuple(WasAuthorised(id=row.id, digest=row.digest) for row in subject.sign_ups),
    )


def gone(subject: Repair) -> Leaver:
    """Whose the folder or the files were: nobody's account any more, so its group is unknown."""
    name = subject.called or subject.name
    return msgspec.structs.replace(leaver(subject), name=name, uid=subject.owner, gid=NOBODY)
