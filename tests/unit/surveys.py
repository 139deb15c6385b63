"""Surveys made by hand: what hubtui would have seen on a machine, without one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from hubtui.course import Accounts as Rules
from hubtui.course import Course, Hub
from hubtui.formerly import Formerly
from hubtui.leaving import Leaving
from hubtui.server.accounts import Account, Accounts
from hubtui.server.as_student import Contents
from hubtui.server.hubdb import SignUp, UserRow
from hubtui.server.ledger import Given, Ledger
from hubtui.server.roster import Roster
from hubtui.students import Survey
from hubtui.values import UidRange

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
GROUP = 20000


def course(tmp_path: Path) -> Course:
    (tmp_path / "home").mkdir(exist_ok=True)
    return Course(
        course="Test",
        hub=Hub(url="http://127.0.0.1:8000", database=f"sqlite:///{tmp_path}/hub.sqlite"),
        accounts=Rules(
            group="all_user",
            homes=tmp_path / "home",
            uids=UidRange(first=20000, last=29999),
            staff=("tutor",),
            roster=tmp_path / "accounts.txt",
        ),
        state_dir=tmp_path / "state",
    )


def sign_up(name: str, id_: int = 1, *, authorised: bool = False, digest: str = "") -> SignUp:
    return SignUp(
        id=id_,
        name=name,
        email="",
        authorised=authorised,
        digest=digest or f"digest of {name} {id_}",
        two_factor=False,
    )


def account(tmp_path: Path, name: str, uid: int, gid: int = GROUP) -> Account:
    return Account(name=name, uid=uid, gid=gid, home=tmp_path / "home" / name, shell="/bin/bash")


def survey(
    tmp_path: Path,
    *sign_ups: SignUp,
    accounts: Sequence[Account] = (),
    groups: dict[str, int] | None = None,
    members: dict[str, frozenset[str]] | None = None,
    roster: Sequence[str] = (),
    given: Sequence[Given] = (),
    users: Sequence[UserRow] = (),
    homes: dict[str, int] | None = None,
    expected: frozenset[str] | None = None,
    leaving: Sequence[Leaving] = (),
    formerly: Formerly | None = None,
) -> Survey:
    return Survey(
        at=NOON,
        course=course(tmp_path),
        accounts=Accounts(
            by_name={a.name: a for a in accounts},
            groups={"all_user": GROUP, **(groups or {})},
            members=members or {},
        ),
        roster=Roster(dict.fromkeys(roster, (1,))),
        ledger=Ledger(given),
        homes=homes or {},
        sign_ups=sign_ups,
        users={user.name: user for user in users},
        expected=expected,
        leaving={one.name: one for one in leaving},
        formerly=formerly or Formerly(),
        missing=(),
        parts={},
    )


def contents(own: int = 0) -> Contents:
    return Contents(
        missing=[], partial=[], files=own + 3, bytes=own * 4096, newest=0, own=own, examples=[]
    )
