"""Unix accounts and groups: what is there, and the commands that make one.

Looking goes through NSS (pwd, grp), so accounts of LDAP count as existing too. Judged is always
by the state afterwards: useradd's exit codes differ between Debian 12 and 13, and it exits 0
with a full disk.
"""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from hubtui.errors import Refused

SHADOW = Path("/etc/shadow")
PASSWD = Path("/etc/passwd")
GROUP = Path("/etc/group")
_OF_GROUPS = (GROUP, Path("/etc/gshadow"))
FILES = (PASSWD, SHADOW, *_OF_GROUPS, Path("/etc/subuid"), Path("/etc/subgid"))
"""All that useradd writes and userdel cleans."""
NOBODY = 65534


@dataclass(frozen=True, slots=True)
class Account:
    """One line of passwd."""

    name: str
    uid: int
    gid: int
    home: Path
    shell: str


@dataclass(frozen=True)
class Accounts:
    """All accounts and groups of the machine at one moment."""

    by_name: Mapping[str, Account]
    groups: Mapping[str, int]
    """Name to gid."""
    members: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Supplementary members of each group that has any."""

    @cached_property
    def by_uid(self) -> Mapping[int, Account]:
        """The first account of each uid, as getpwuid() finds it."""
        found: dict[int, Account] = {}
        for account in self.by_name.values():
            found.setdefault(account.uid, account)
        return found

    def in_group(self, group: str) -> set[str]:
        """Names of the group's members, primary and supplementary."""
        gid = self.groups.get(group)
        primary = {a.name for a in self.by_name.values() if gid is not None and a.gid == gid}
        return primary | self.members.get(group, frozenset())


def read_accounts() -> Accounts:
    """Ask NSS for all accounts and groups (5,000: 25 ms)."""
    by_name: dict[str, Account] = {}
    for entry in pwd.getpwall():
        by_name.setdefault(entry.pw_name, _account(entry))
    groups: dict[str, int] = {}
    members: dict[str, frozenset[str]] = {}
    for group in grp.getgrall():
        groups.setdefault(group.gr_name, group.gr_gid)
        if group.gr_mem:
            members[group.gr_name] = members.get(group.gr_name, frozenset()) | set(group.gr_mem)
    return Accounts(by_name=by_name, groups=groups, members=members)


def find(name: str) -> Account | None:
    """What NSS knows of this name; also finds an account that cannot be listed."""
    try:
        return _account(pwd.getpwnam(name))
    except (KeyError, ValueError):
        return None


def exists(name: str) -> bool:
    """Whether NSS knows an account of this name; also finds one that cannot be listed."""
    return find(name) is not None


def _account(entry: pwd.struct_passwd) -> Account:
    return Account(
        name=entry.pw_name,
        uid=entry.pw_uid,
        gid=entry.pw_gid,
        home=Path(entry.pw_dir),
        shell=entry.pw_shell,
    )


def group_exists(name: str) -> bool:
    """Whether NSS knows a group of this name."""
    try:
        grp.getgrnam(name)
    except (KeyError, ValueError):
        return False
    return True


def has_shadow(name: str) -> bool:
    """Whether the account has its line in /etc/shadow (a killed useradd leaves it without)."""
    start = name.encode() + b":"
    with SHADOW.open("rb") as file:
        return any(line.startswith(start) for line in file)


def is_local(name: str) -> bool:
    """Whether the account stands in /etc/passwd itself: useradd and userdel know no others."""
    start = os.fsencode(name) + b":"
    return any(line.startswith(start) for line in _lines(PASSWD))


def traces(name: str) -> list[Path]:
    """Which of the six files of accounts still have a line of this name, or name it a member.

    A group of the same name that is there is somebody's own, and counts only where it lists it.
    """
    wanted, found = os.fsencode(name), []
    has_group = group_exists(name)
    for path in FILES:
        for line in _lines(path):
            first, *rest = line.split(b":")
            of_groups = path in _OF_GROUPS
            named = first == wanted and not (of_groups and has_group)
            if named or (of_groups and rest and wanted in rest[-1].split(b",")):
                found.append(path)
                break
    return found


def _lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []


def free_uids(first: int, last: int, taken: Iterable[int]) -> Iterator[int]:
    """The uids of the range above the highest one taken. Raises Refused where they run out.

    ``taken`` is everything that ever had a uid: the ledger, passwd, the owners of homes. A gap is
    never filled: the next student would inherit the files and at-jobs of the one before.
    """
    highest = max((uid for uid in taken if first <= uid <= last), default=first - 1)
    yield from range(highest + 1, last + 1)
    raise Refused(f"The uids {first}-{last} are used up: give accounts.uids a new range.")


def groupadd_argv(group: str, gid: int) -> list[str]:
    """Make the course's group."""
    return ["groupadd", "--gid", str(gid), "--", group]


def useradd_argv(name: str, uid: int, group: str, home: Path) -> list[str]:
    """Make one account: course group as primary, home 0700, no password, no subordinate ids.

    ``*`` rather than the default ``!``: ``usermod -U`` on ``!`` does nothing. The ``--`` matters:
    ``useradd --help`` as a name exits 0.
    """
    return [
        "useradd",
        "--uid", str(uid),
        "--no-user-group",
        "--gid", group,
        "--home-dir", str(home),
        "--create-home",
        "--key", "HOME_MODE=0700",
        "--shell", "/bin/bash",
        "--comment", "",
        "--password", "*",
        "--key", "SUB_UID_COUNT=0",
        "--key", "SUB_GID_COUNT=0",
        "--", name,
    ]  # fmt: skip


def stamp_of() -> tuple[int, ...]:
    """Changes whenever passwd or group changed: cheap to ask often."""
    return tuple(p.stat().st_mtime_ns for p in (PASSWD, GROUP))
