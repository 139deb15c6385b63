"""Checks of the course's files and accounts: roster, group, uids, homes, staff."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path

from hubtui.course import missing_files
from hubtui.errors import HubtuiError
from hubtui.findings import Finding
from hubtui.names import shown
from hubtui.reads import reading
from hubtui.server import homes
from hubtui.server import roster as rosters
from hubtui.server.accounts import NOBODY
from hubtui.setup.checks.subject import NotSeen, Subject, critical, note, warning

SUBORDINATE = (Path("/etc/subuid"), Path("/etc/subgid"))
_FEW = 50  # uids: a course
_OWN_CHECKS = ("sign-ups", "hub users", "roster")


def files(subject: Subject) -> Iterator[Finding]:
    """What course.yaml names and is not there; hub's database and token have their own checks."""
    for sentence in missing_files(subject.course):
        if not any(f"{key} names" in sentence for key in ("hub.database", "hub.token_file")):
            yield warning("course.file", sentence)
    for missing in subject.seen.missing:
        if missing.what not in _OWN_CHECKS:
            yield warning("course.look", f"{missing.what}: {shown(missing.why)}")


def roster(subject: Subject) -> Iterator[Finding]:
    """Readable, and in a folder that hubtui may write in."""
    path = subject.course.accounts.roster
    if path is None or not path.exists():
        raise NotSeen
    if found := reading.flaw(path):
        text = f"Others than root could change the roster {shown(str(path))}: {found}."
        then = "in course.yaml below accounts: roster"
        yield critical("accounts.roster", text, found.mend(then=then))
        return
    try:
        listed = rosters.read_roster(path)
    except HubtuiError as e:
        yield critical("accounts.roster", str(e))
        return
    known = subject.seen.accounts.by_name
    if strangers := [name for name in listed.lines if name not in known]:
        text = f"In the roster, but without an account: {_some(strangers)}."
        do = f"nothing, if they are still to come; else take them out of {shown(str(path))}"
        yield note("accounts.roster.unknown", text, do)


def roster_text(subject: Subject) -> Iterator[Finding]:
    """Whether the roster says to other programs what it says to hubtui."""
    path = subject.course.accounts.roster
    if path is None or not path.exists():
        raise NotSeen
    if found := rosters.flaws(path):
        quoted = shown(shlex.quote(str(path)))
        yield warning(
            "accounts.roster.text",
            f"Scripts read other names from the roster {shown(str(path))}: {'; '.join(found)}.",
            rf"LC_ALL=C sed -i.before -e 's/[ \t\r]*$//' -e '1s/^\xEF\xBB\xBF//' -e '$a\' {quoted}",
        )


def group(subject: Subject) -> Iterator[Finding]:
    """The group is there, or will be; nobody in it who could become root."""
    seen, name = subject.seen, subject.course.accounts.group
    if name not in seen.accounts.groups:
        text = f"There is no group {name} yet: it is made with the first account."
        yield note("accounts.group", text)
    if not seen.students:
        text = f"There are no course accounts yet: nobody of the roster or the group {name}."
        do = "nothing, if nobody was approved yet; else correct group or roster in course.yaml"
        yield note("accounts.none", text, do)
    for account in seen.students.values():
        if power := seen.power_of(account):
            yield critical(
                "accounts.power",
                f"{account.name} is a course account in the group {power}: it could become root.",
                f"gpasswd --delete {shlex.quote(account.name)} {power}, or name it in "
                "accounts.staff",
                pane="accounts",
            )
    for name in subject.course.accounts.staff:
        if name not in seen.accounts.by_name:
            text = f"{name} is in accounts.staff and has no account here."
            do = "nothing, if that name is only to be kept free; else correct it in course.yaml"
            yield note("accounts.staff", text, do)


def uids(subject: Subject) -> Iterator[Finding]:
    """Enough are left, and none of them is anybody else's."""
    seen, rules = subject.seen, subject.course.accounts
    known = seen.accounts.by_name.values()
    used = {*seen.ledger.by_uid, *(a.uid for a in known), *seen.homes.values()}
    highest = max((uid for uid in used if uid in rules.uids), default=rules.uids.first - 1)
    if (left := rules.uids.last - highest) < _FEW:
        yield (warning if left else critical)(
            "accounts.uids",
            f"Of the uids {rules.uids} {left} are left: used ones are never given again.",
            "in course.yaml: accounts.uids: a free range",
        )
    others = [
        a.name
        for a in known
        if a.uid in rules.uids and a.uid != NOBODY and a.name not in seen.students
    ]
    if others := [name for name in others if name not in rules.staff]:
        text = f"Of the uids {rules.uids} some are held by no course account: {_some(others)}."
        do = "nothing: they are left out; or in course.yaml: accounts.uids: a range of its own"
        yield note("accounts.uids.others", text, do)
    for path in SUBORDINATE:
        if names := _delegated(path, rules.uids.first, rules.uids.last):
            yield warning(
                "accounts.subuids",
                f"{path} gives uids of {rules.uids} to {_some(names)}, who could act as students.",
                f"in course.yaml: accounts.uids: a range that is not in {path}",
            )


def _delegated(path: Path, first: int, last: int) -> list[str]:
    """Who was given subordinate ids of the range: ``NAME:FIRST:COUNT``, subuid(5)."""
    found = []
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
    for line in lines:
        name, _, numbers = line.partition(":")
        start, _, count = numbers.partition(":")
        if not (start.isdecimal() and count.isdecimal()):
            continue
        if int(start) <= last and int(start) + int(count) > first:
            found.append(name)
    return found


def homes_folder(subject: Subject) -> Iterator[Finding]:
    """The homes' own folder is root's, or homes could be exchanged."""
    folder = subject.course.accounts.homes
    if folder.exists() and (found := reading.flaw(folder)):
        text = f"Homes in {shown(str(folder))} could be exchanged by others than root: {found}."
        yield critical("accounts.homes", text, found.mend(then="in course.yaml: accounts.homes"))


def open_homes(subject: Subject) -> Iterator[Finding]:
    """A classmate who knows a path can read the file."""
    accounts = subject.seen.students.values()
    opened = [account.home for account in accounts if homes.look(account.home).open_to_others]
    if opened:
        yield warning(
            "accounts.open",
            f"Homes open to others: {len(opened)} of {len(accounts)} course accounts: "
            f"{_some(home.name for home in opened)}.",
            "chmod 700 -- " + " ".join(shlex.quote(str(home)) for home in opened),
            pane="accounts",
        )


def _some(names: Iterable[str]) -> str:
    """The first names, and how many there are more."""
    all_ = [shown(name, 40) for name in names]
    more = f" and {len(all_) - 5} more" if len(all_) > 5 else ""
    return ", ".join(all_[:5]) + more
