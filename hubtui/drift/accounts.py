"""Where a course account disagrees with its home, its groups, its lines in /etc."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

from hubtui.clock import moment
from hubtui.drift.records import Choice, Code, Drift, Mends
from hubtui.drift.words import repair, some, who
from hubtui.findings import Severity
from hubtui.names import shown
from hubtui.server import homes
from hubtui.server.accounts import Account
from hubtui.server.homes import Home, Kind
from hubtui.students import Survey

_FEW = 3
"""Homes: when as many are missing, and all are, a disk is."""
_DAY = 86400


def of_accounts(seen: Survey, looked: Mapping[str, Home] | None = None) -> Iterator[Drift]:
    """Everything about the course accounts; ``looked``: homes that were looked at already."""
    known = looked or {}
    found = {name: known.get(name) or homes.look(a.home) for name, a in seen.students.items()}
    gone = len(found) >= _FEW and all(home.kind is Kind.MISSING for home in found.values())
    authorised = {sign_up.name for sign_up in seen.sign_ups if sign_up.authorised}
    for name, account in seen.students.items():
        yield from _of_the_line(seen, account)
        yield from _of_the_home(seen, account, found[name], gone)
        yield from _of_groups(seen, account)
        yield from _of_the_lock(seen, account, name in authorised)
        yield from _of_the_name(seen, account)


# --- its lines ----------------------------------------------------------------------------------


def _of_the_line(seen: Survey, account: Account) -> Iterator[Drift]:
    name, lines = account.name, seen.lines
    # An account of a directory service has none; only those of /etc/passwd are half-made so.
    is_local = name in lines.names.get("passwd", ())
    if is_local and lines.shadow is not None and name not in lines.shadow and not lines.change:
        yield Drift(
            code=Code.HALF_MADE,
            name=name,
            text=f"The account {who(name)} was not finished: it has no line in /etc/shadow, "
            "and no tool for accounts can change it.",
            mends=Mends.SAFELY,
            do=repair(Code.HALF_MADE, name),
            short="half-made: not in shadow",
            uid=account.uid,
        )
    if account.uid in seen.sharers:
        others = [other for other in seen.sharers[account.uid] if other != name]
        yield Drift(
            code=Code.SHARED_UID,
            name=name,
            text=f"{who(name)} has the same uid {account.uid} as {some(others)}: "
            "each can change all that the other has, until one gets a uid of its own.",
            severity=Severity.CRITICAL,
            do=f"getent passwd {_quoted(name, *others)}",
            short="shares its uid with another account",
            uid=account.uid,
        )


def _of_the_lock(seen: Survey, account: Account, authorised: bool) -> Iterator[Drift]:
    """A lock in Unix does not bind the hub, which asks nobody but its own table."""
    name, line = account.name, (seen.lines.shadow or {}).get(account.name)
    if authorised and seen.is_leaving(account):
        yield _authorised_again(seen, account)
        return
    if not authorised or line is None:
        return
    today = int(seen.at.timestamp()) // _DAY
    expired = line.expires.isdecimal() and int(line.expires) <= today
    # A "!" with nothing behind it is what useradd writes for an account without a password.
    if not expired and (not line.locked or line.empty):
        return
    state = "expired" if expired else "locked"
    yield Drift(
        code=Code.LOCKED,
        name=name,
        text=f"{who(name)} is {state} on this server and may log in to the hub all the same: "
        "the hub does not look at that.",
        mends=Mends.CHOICE,
        choices=(
            Choice(
                word="take-back",
                means=f"{who(name)} can log in no more until somebody approves it again.",
            ),
            Choice(word="unlock", means=f"{who(name)} is an account like all others again."),
        ),
        do=repair(Code.LOCKED, name),
        short=f"{state}, but authorised",
        uid=account.uid,
    )


def _authorised_again(seen: Survey, account: Account) -> Drift:
    """Who leaves is meant to be locked and not authorised."""
    name, goes = account.name, moment(seen.leaving[account.name].goes, seen.at)
    return Drift(
        code=Code.LOCKED,
        name=name,
        text=f"{who(name)} is switched off and goes {goes}, but was authorised again: "
        "whoever logs in can work until then.",
        do=f"sudo hubtui signups take-back {_quoted(name)}",
        short="leaves, but authorised",
        uid=account.uid,
    )


def _of_the_name(seen: Survey, account: Account) -> Iterator[Drift]:
    """The hub writes every name in small letters: who is called Anna there is anna here."""
    small = account.name.lower()
    if small == account.name or small not in seen.accounts.by_name:
        return
    yield Drift(
        code=Code.CASE_TWINS,
        name=account.name,
        text=f"{who(account.name)} and {who(small)} are two accounts, and one name for the hub: "
        f"whoever logs in as either works as {who(small)}; remove the other, once it is empty.",
        do=f"getent passwd {_quoted(account.name, small)}",
        short=f"one name with {who(small)}",
        uid=account.uid,
    )


# --- its groups ---------------------------------------------------------------------------------


def _of_groups(seen: Survey, account: Account) -> Iterator[Drift]:
    name, rules = account.name, seen.course.accounts
    if group := seen.power_of(account):
        primary = account.gid == seen.accounts.groups.get(group)
        leave = Choice(
            word="leave",
            means=f"{who(name)} leaves the group {group}; if that is you, name yourself in "
            "accounts.staff of course.yaml instead.",
            loses=True,
        )
        command = f"sudo usermod --gid {shlex.quote(rules.group)} -- {_quoted(name)}"
        yield Drift(
            code=Code.POWERFUL,
            name=name,
            text=f"{who(name)} is in the group {group} and could become root, with the files of "
            "everybody: is this a student?",
            severity=Severity.CRITICAL,
            mends=Mends.BY_HAND if primary else Mends.CHOICE,
            choices=() if primary else (leave,),
            do=command if primary else repair(Code.POWERFUL, name),
            short=f"in the group {group}",
            uid=account.uid,
        )
    if name not in seen.group_members and rules.group in seen.accounts.groups:
        yield Drift(
            code=Code.NOT_IN_GROUP,
            name=name,
            text=f"{who(name)} is in the roster and not in the group {rules.group}: "
            "what is open to that group alone stays closed.",
            mends=Mends.SAFELY,
            do=repair(Code.NOT_IN_GROUP, name),
            short=f"not in the group {rules.group}",
            uid=account.uid,
        )
    if rules.roster is not None and name not in seen.roster and "roster" not in seen.unseen:
        yield Drift(
            code=Code.NOT_IN_ROSTER,
            name=name,
            text=f"{who(name)} is not in the roster {shown(str(rules.roster), 60)}: "
            "scripts that read it leave this student out.",
            severity=Severity.NOTE,
            mends=Mends.SAFELY,
            do=repair(Code.NOT_IN_ROSTER, name),
            short="not in the roster",
            uid=account.uid,
        )


# --- its home -----------------------------------------------------------------------------------


def _of_the_home(seen: Survey, account: Account, home: Home, all_are_gone: bool) -> Iterator[Drift]:
    name, where = account.name, shown(str(home.path), 80)
    if home.kind is Kind.MISSING:
        yield _no_home(account, where, all_are_gone)
    elif home.kind is not Kind.FOLDER:
        what = {Kind.LINK: "a link", Kind.OTHER: "no folder"}.get(home.kind, "not readable")
        yield Drift(
            code=Code.HOME_NOT_FOLDER,
            name=name,
            text=f"The home {where} of {who(name)} is {what}: hubtui touches nothing there until "
            "you have looked whose it is and moved it away.",
            do=f"ls -ld -- {_quoted(str(home.path))}",
            short=f"home is not a folder ({home.kind})",
            uid=account.uid,
        )
    elif home.uid == 0 and home.mode == 0:
        yield Drift(
            code=Code.HALF_MADE,
            name=name,
            text=f"The home {where} of {who(name)} was not finished (root's, mode 0000): "
            "the server cannot start.",
            mends=Mends.SAFELY,
            do=repair(Code.HALF_MADE, name),
            short="half-made: home not finished",
            uid=account.uid,
        )
    elif home.uid != account.uid:
        yield _owner(seen, account, home, where)
    elif home.open_to_others:
        yield Drift(
            code=Code.HOME_OPEN,
            name=name,
            text=f"The home {where} is open to others (mode {home.mode:04o}): "
            f"classmates can read what {who(name)} writes.",
            mends=Mends.SAFELY,
            do=repair(Code.HOME_OPEN, name),
            short=f"home open to others ({home.mode:04o})",
            uid=account.uid,
        )


def _no_home(account: Account, where: str, all_are_gone: bool) -> Drift:
    name = account.name
    text = f"The home {where} of {who(name)} is missing: the server cannot start."
    if all_are_gone:
        text = f"The home {where} of {who(name)} is missing, as all others are: is a disk missing?"
    return Drift(
        code=Code.NO_HOME,
        name=name,
        text=text,
        severity=Severity.CRITICAL if all_are_gone else Severity.WARNING,
        mends=Mends.BY_HAND if all_are_gone else Mends.SAFELY,
        do="sudo mount --all" if all_are_gone else repair(Code.NO_HOME, name),
        short="home missing",
        uid=account.uid,
    )


def _owner(seen: Survey, account: Account, home: Home, where: str) -> Drift:
    """Nothing of somebody who is here is given away; root's own may be the system's."""
    name, owner = account.name, seen.accounts.by_uid.get(home.uid)
    chown = Choice(
        word="chown",
        means=f"The folder becomes {who(name)}'s, and all in it that is uid {home.uid}'s.",
    )
    archive = Choice(
        word="archive",
        means=f"All that lies there goes into an archive; {who(name)} gets an empty home.",
        loses=True,
    )
    choices, mends, do = [chown], Mends.CHOICE, repair(Code.HOME_OWNER, name)
    if owner is None:
        choices.append(archive)
    elif owner.uid != 0:
        choices, mends, do = [], Mends.BY_HAND, f"ls -ld -- {_quoted(str(home.path))}"
    whose = f"{home.uid} ({who(owner.name)})" if owner else str(home.uid)
    return Drift(
        code=Code.HOME_OWNER,
        name=name,
        text=f"The home {where} of {who(name)} belongs to uid {whose}, not to {account.uid}: "
        "the server cannot start.",
        mends=mends,
        choices=tuple(choices),
        do=do,
        short=f"home belongs to uid {home.uid}",
        uid=account.uid,
    )


def _quoted(*words: str) -> str:
    return " ".join(shown(shlex.quote(word), 120) for word in words)
