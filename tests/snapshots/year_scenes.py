"""A course at the end of its year, on paper: what drifted, who leaves, and what is nobody's."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from pathlib import Path

import msgspec

from hubtui import drift
from hubtui.changes import StepLine, SubjectLine, title_of
from hubtui.clock import stamp
from hubtui.course_accounts import Live, course_accounts
from hubtui.drift.records import Choice, Code, Drift, Mends
from hubtui.leaving import Leaving
from hubtui.plan.plans import Plan
from hubtui.retire.plan import retire_chains
from hubtui.retire.records import Closing, Leaver
from hubtui.server import Server
from hubtui.server.accounts import Account
from hubtui.server.homes import Home, Kind
from hubtui.server.hubdb import UserRow
from hubtui.server.sizes import Sizes
from hubtui.students import Survey
from hubtui.tui.look import Look
from tests.unit import surveys
from tests.unit.surveys import NOON

STUDENTS = (
    "amber-finch", "blue-fox", "coral-seal", "green-mole", "ivory-hare", "lilac-owl", "ochre-lynx",
    "pearl-newt", "plum-puffin", "red-panda", "ruby-owl", "silver-otter", "teal-crane",
)  # fmt: skip
LEAVE = ("red-panda", "ruby-owl", "silver-otter")
HOMES = {  # of the others all is well
    "blue-fox": (Kind.FOLDER, 0o755),
    "coral-seal": (Kind.MISSING, 0),
}
OLD_HOME = Drift(
    code=Code.HOME_ALONE,
    name="old-walrus",
    text="The folder /home/old-walrus is no account's home and belongs to uid 20007, which nobody "
    "has: it holds somebody's data, and keeps that name from being approved.",
    mends=Mends.CHOICE,
    choices=(
        Choice(
            word="archive",
            means="It goes into an archive, which is verified first.",
            loses=True,
        ),
        Choice(
            word="adopt", means="An account old-walrus with uid 20007 is made, whose home it is."
        ),
    ),
    do="sudo hubtui accounts repair old-walrus",
    short="home without an account",
    uid=20007,
)
"""As it is said of a real folder; here there is none."""


def course_of(server: Server) -> Server:
    """With archives on another disk, and a time zone that no machine changes."""
    course = server.course
    rules = msgspec.structs.replace(course.accounts, archive=Path("/mnt/backup/archives"))
    course = msgspec.structs.replace(course, accounts=rules, timezone="Europe/Berlin")
    return dataclasses.replace(server, course=course)


def survey(server: Server, tmp_path: Path) -> Survey:
    """Sign-ups, accounts, roster and hub, which do not agree everywhere."""
    accounts = [
        Account(
            name=name,
            uid=20001 + number,
            gid=surveys.GROUP,
            home=Path("/home", name),
            shell="/bin/bash",
        )
        for number, name in enumerate(STUDENTS)
    ]
    sign_ups = [
        surveys.sign_up(name, at, authorised=name not in LEAVE)
        for at, name in enumerate(STUDENTS, 1)
    ]
    seen = surveys.survey(
        tmp_path,
        *sign_ups,
        surveys.sign_up("late-newt", 40, authorised=True),
        accounts=accounts,
        groups={"sudo": 27},
        members={"sudo": frozenset({"blue-fox"})},
        roster=[*(name for name in STUDENTS if name != "coral-seal"), "left-early"],
        users=[
            UserRow(name=name, admin=False, last_activity=NOON - timedelta(hours=7 * at), servers=0)
            for at, name in enumerate((*STUDENTS, "old-bot"))
        ],
    )
    since = NOON - timedelta(days=2)
    leaving = {
        account.name: Leaving(
            name=account.name,
            uid=account.uid,
            since=stamp(since),
            until=stamp(since + timedelta(days=14)),
            run="20261121-120000-abcdef",
            keep_days=90,
        )
        for account in accounts
        if account.name in LEAVE
    }
    return dataclasses.replace(seen, course=server.course, leaving=leaving)


def look(server: Server, tmp_path: Path) -> Look:
    """What the panes show of it; the sentences are the real ones."""
    seen = survey(server, tmp_path)
    looked = {
        name: Home(account.home, *_home(account)) for name, account in seen.accounts.by_name.items()
    }
    found = (*drift.quick(seen, looked), OLD_HOME)
    strange: dict[str, tuple[Drift, ...]] = {}
    for one in found:
        strange[one.name] = (*strange.get(one.name, ()), one)
    sizes = {name: 1_000_000 * (7 + 31 * at % 200) for at, name in enumerate(STUDENTS)}
    live = Live(sizes=Sizes(at=stamp(NOON - timedelta(hours=3)), bytes=sizes))
    accounts = [
        dataclasses.replace(one, home=looked[one.name])
        for one in course_accounts(seen, live, found)
    ]
    return Look(survey=seen, judged={}, since={}, accounts=accounts, live=live, strange=strange)


def _home(account: Account) -> tuple[Kind, int, int, int]:
    kind, mode = HOMES.get(account.name, (Kind.FOLDER, 0o700))
    return kind, account.uid, account.gid, mode


# --- the plan that removes them -------------------------------------------------------------------


def retire_plan(*names: str) -> Plan:
    """As retire.plan makes it, with an id, a time and a person that stay the same."""
    leavers = [
        Leaver(
            key=name,
            name=name,
            uid=20001 + STUDENTS.index(name),
            gid=surveys.GROUP,
            home=f"/home/{name}",
            device=1,
            inode=100 + at,
            hub_user=True,
            server=at == 1,
            files=214 + 61 * at,
            bytes=(7 + 31 * at) * 1_000_000,
        )
        for at, name in enumerate(names)
    ]
    return Plan(
        id="20261123-120000-abcdef",
        kind="retire",
        title=f"Remove {len(names)} accounts",
        subjects=tuple(msgspec.to_builtins(one) for one in (*leavers, Closing())),
        params={
            "course": "Digital Humanities 1, winter 2026",
            "until": "",
            "keep_days": 90,
            "archive": "/mnt/backup/archives",
        },
        by="eva",
        at="2026-11-23T12:00:00Z",
    )


def lines(server: Server, plan: Plan) -> list[SubjectLine]:
    """The real steps in their own words; whether each is done is not asked on this machine."""
    names = {str(subject["key"]): title_of(subject) for subject in plan.subjects}
    return [
        SubjectLine(
            key=chain.subject,
            name=names[chain.subject],
            steps=tuple(
                StepLine(kind=step.kind, say=step.say(), done=False) for step in chain.steps
            ),
            notes=tuple(chain.notes),
        )
        for chain in retire_chains(server, plan)
    ]
