"""Where the hub disagrees with the accounts: its sign-ups, and the users that it knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from hubtui import names
from hubtui.drift.records import Choice, Code, Drift, Mends
from hubtui.drift.words import account_of, repair, who
from hubtui.findings import Severity
from hubtui.server import accounts
from hubtui.server.accounts import Account
from hubtui.server.hubdb import SignUp
from hubtui.students import Survey


def of_the_hub(seen: Survey) -> Iterator[Drift]:
    """Everything that its two tables disagree on. Nothing where they could not be read."""
    if {"sign-ups", "accounts"} & seen.unseen:
        return
    rows: dict[str, list[SignUp]] = {}
    for sign_up in seen.sign_ups:
        rows.setdefault(sign_up.name, []).append(sign_up)
    for name, same in rows.items():
        yield from _of_sign_ups(seen, name, same)
    if "hub users" not in seen.unseen:
        yield from _users_alone(seen, rows)


def is_staff(seen: Survey, name: str) -> bool:
    """Staff, a tutor, or an admin of the hub: what they have is as they want it."""
    course, user = seen.course, seen.users.get(name)
    tutors = course.release.tutors if course.release else ()
    return name in (*course.accounts.staff, *tutors) or (user is not None and user.admin)


# --- sign-ups -----------------------------------------------------------------------------------


def _of_sign_ups(seen: Survey, name: str, rows: Sequence[SignUp]) -> Iterator[Drift]:
    if len(rows) > 1:
        yield _two(name, rows)
    if not any(row.authorised for row in rows):
        yield from _still_at_work(seen, name)
        return
    # A directory service may know an account that it does not list.
    account = seen.accounts.by_name.get(name) or accounts.find(name)
    if account is None:
        if not is_staff(seen, name):
            yield _no_account(seen, name)
    elif _is_systems(account) or not (seen.is_course_account(account) or is_staff(seen, name)):
        yield _foreign(seen, account)


def _is_systems(account: Account) -> bool:
    return account.uid < 1000 or account.uid == accounts.NOBODY


def _two(name: str, rows: Sequence[SignUp]) -> Drift:
    choices = []
    for kept in rows:
        state = "authorised" if kept.authorised else "pending"
        others = ", ".join(str(row.id) for row in rows if row is not kept)
        means = f"Sign-up {kept.id} ({state}) stays and {others} goes: whoever made that one "
        choices.append(Choice(word=f"keep-{kept.id}", means=f"{means}signs up again.", loses=True))
    return Drift(
        code=Code.TWO_SIGN_UPS,
        name=name,
        text=f"{len(rows)} sign-ups are named {who(name)}, and only one of them can log in: "
        "whose it is, only the students can say.",
        mends=Mends.CHOICE,
        choices=tuple(choices),
        do=repair(Code.TWO_SIGN_UPS, name),
        short="two sign-ups of this name",
    )


def _no_account(seen: Survey, name: str) -> Drift:
    discard = Choice(
        word="discard",
        means=f"The sign-up of {who(name)} goes; whoever made it signs up again.",
        loses=True,
    )
    means = f"{who(name)} may log in and has no account: the server cannot start"
    obstacle = _obstacle(seen, name)
    return Drift(
        code=Code.NO_ACCOUNT,
        name=name,
        text=f"{means}, and {obstacle}." if obstacle else f"{means}.",
        mends=Mends.CHOICE if obstacle else Mends.SAFELY,
        choices=(discard,) if obstacle else (),
        do=repair(Code.NO_ACCOUNT, name),
        short="no account",
    )


def _obstacle(seen: Survey, name: str) -> str:
    """Why no account of this name can be made; empty where one can."""
    if names.impossible(name):
        return "no account can have this name"
    if names.is_reserved(name) or name == seen.course.accounts.group:
        return "the name is kept for the system"
    if name in seen.accounts.groups:
        return "a group has this name"
    if name in seen.homes:
        return f"{names.shown(str(seen.course.accounts.homes / name), 60)} is there already"
    return ""


def _foreign(seen: Survey, account: Account) -> Drift:
    name, rules = account.name, seen.course.accounts
    discard = Choice(
        word="discard",
        means=f"Whoever signed up as {who(name)} can log in no more and signs up under another "
        "name; the account stays.",
        loses=True,
    )
    choices: tuple[Choice, ...] = (discard,)
    if _is_systems(account):
        whose = "an account of the system"
    else:
        whose = "no account of this course"
        if account.home.parent == rules.homes and not seen.power_of(account):
            means = f"{who(name)} joins the group {rules.group} and gets what the course releases."
            choices = (discard, Choice(word="join", means=means))
    return Drift(
        code=Code.FOREIGN_SIGN_UP,
        name=name,
        text=f"Whoever signed up as {who(name)} may log in and is then {who(name)} "
        f"({account_of(account)}), which is {whose}.",
        severity=Severity.CRITICAL,
        mends=Mends.CHOICE,
        choices=choices,
        do=repair(Code.FOREIGN_SIGN_UP, name),
        short="sign-up of a foreign account",
        uid=account.uid,
    )


def _still_at_work(seen: Survey, name: str) -> Iterator[Drift]:
    account, user = seen.students.get(name), seen.users.get(name)
    if account is not None and user is not None and user.servers:
        yield not_authorised(account)


def not_authorised(account: Account) -> Drift:
    """A server that runs though its student may not log in."""
    name = account.name
    stop = Choice(
        word="stop",
        means=f"The server of {who(name)} ends with what it computes; files stay.",
        loses=True,
    )
    discard = Choice(
        word="discard",
        means=f"Besides, {who(name)} is logged out everywhere, and the sign-up goes; files stay.",
        loses=True,
    )
    return Drift(
        code=Code.NOT_AUTHORISED,
        name=name,
        text=f"{who(name)} may not log in, but the server still runs: "
        "who is logged in works on until it is stopped.",
        mends=Mends.CHOICE,
        choices=(stop, discard),
        do=repair(Code.NOT_AUTHORISED, name),
        short="server runs, not authorised",
        uid=account.uid,
    )


# --- users of the hub ---------------------------------------------------------------------------


def _users_alone(seen: Survey, rows: Mapping[str, object]) -> Iterator[Drift]:
    for name, user in seen.users.items():
        if name in rows or is_staff(seen, name) or name == seen.course.exam.probe:
            continue
        works = bool(user.servers)
        delete = Choice(
            word="delete",
            means=f"The hub forgets {who(name)}: session and server end; files stay.",
            loses=True,
        )
        goes_on = "the server still runs" if works else "an open session goes on"
        yield Drift(
            code=Code.HUB_USER_ALONE,
            name=name,
            text=f"The hub knows {who(name)}, who has no sign-up: nobody can log in by that name, "
            f"but {goes_on}.",
            mends=Mends.CHOICE if works else Mends.SAFELY,
            choices=(delete,) if works else (),
            do=repair(Code.HUB_USER_ALONE, name),
            short="known to the hub alone",
            uid=account.uid if (account := seen.accounts.by_name.get(name)) else None,
        )
