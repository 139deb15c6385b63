"""Who must not go: looked at before anything of an account is touched, and again by the run.

Root alone removes here, so each sentence below stands for a way in which somebody else's files, or
the course's own, would go along.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from hubtui.errors import Refused, StateError
from hubtui.names import shown
from hubtui.retire.records import Leaver
from hubtui.server import Server, accounts, disks, homes, hub
from hubtui.server.accounts import Account
from hubtui.server.homes import Kind
from hubtui.students import Survey

FENCE = ".hubtui-retired"
"""Below ``homes``: root's own folder, into which a home is moved before root looks into it."""


def fenced(server: Server, uid: int) -> Path:
    """Where the home of this uid is once nobody can walk into it any more."""
    return server.course.accounts.homes / FENCE / str(uid)


def need_token(server: Server) -> None:
    """The hub's user is deleted by the hub itself. Raises Refused, or HubError where it is down."""
    if server.course.hub.token_file is None:
        raise Refused(
            "The hub deletes its users itself, and hubtui has no token to ask it: "
            "make one with: hubtui install token"
        )
    api = hub.api(server.course)
    version = api.version().partition(".")[0]
    if version.isdecimal() and int(version) < 2:
        api.check_token()  # an admin's, who may do everything
    elif "delete:users" in api.missing_scopes():
        raise Refused(
            "The token lacks the scope delete:users: mend it with: hubtui install token, "
            "then restart the hub."
        )


class Ground:
    """What refusals are judged by, read once for a whole class."""

    def __init__(self, server: Server, seen: Survey) -> None:
        """Raises StateError where the mounts of this machine cannot be read."""
        self.server, self.seen = server, seen
        try:
            self._mounts = disks.mount_points()
        except OSError as e:
            raise StateError(f"What is mounted here cannot be read: {e.strerror}.") from e
        self._homes = Path(os.path.realpath(seen.course.accounts.homes))
        self._owners: dict[Path, list[str]] = defaultdict(list)
        """Whose home each path is: as it stands in passwd, and where that leads."""
        self._inside: dict[Path, list[Path]] = defaultdict(list)
        """Homes, by every folder above them."""
        for account in seen.accounts.by_name.values():
            if not account.home.is_absolute():
                continue
            written = Path(os.path.normpath(account.home))
            for home in {written, Path(os.path.realpath(written))}:
                self._owners[home].append(account.name)
                for above in home.parents:
                    self._inside[above].append(home)

    def refusal(self, name: str) -> str:
        """Why this account must not, or cannot, be removed; empty where it may."""
        account = self.seen.accounts.by_name.get(name)
        if account is None:
            return f"{shown(name, limit=60)} is no account on this server."
        return next(self._reasons(account), "")

    def _reasons(self, account: Account) -> Iterator[str]:
        yield from self._as_person(account)
        yield from self._as_folder(account)

    def _as_person(self, account: Account) -> Iterator[str]:
        seen, rules = self.seen, self.seen.course.accounts
        name = shown(account.name, limit=60)
        if account.name in rules.staff:
            yield f"{name} is staff (accounts.staff in course.yaml)."
        if account.uid < 1000 or account.uid == accounts.NOBODY:
            yield f"{name} is an account of the system (uid {account.uid})."
        if account.home.parent != rules.homes:
            yield f"{name} has its home {shown(str(account.home))}, which is not in {rules.homes}."
        if not seen.is_course_account(account):
            yield f"{name} is not a course account: neither in the roster nor in {rules.group}."
        if not accounts.is_local(account.name):
            yield f"{name} does not stand in /etc/passwd: it is removed where it is kept."
        if sharers := [n for n in seen.sharers.get(account.uid, ()) if n != account.name]:
            yield f"{name} shares uid {account.uid} with {_listed(sharers)}."
        if group := seen.power_of(account):
            yield (
                f"{name} is in the group {group}, whose members can become root: "
                f"take it out first, with: gpasswd --delete {name} {group}"
            )
        user = seen.users.get(account.name)
        if user is not None and user.admin:
            yield f"{name} is an admin of the hub."
        if account.name == seen.course.exam.probe:
            yield f"{name} is the probe with which an exam is tried (exam.probe in course.yaml)."

    def _as_folder(self, account: Account) -> Iterator[str]:
        home = Path(os.path.normpath(account.home))
        where, name = shown(str(home)), shown(account.name, limit=60)
        yield from self.of_others(home, account.name)
        found = homes.look(home)
        if found.kind not in (Kind.FOLDER, Kind.MISSING):
            yield f"{where} is not a folder ({found.kind}): look at it by hand."
        if found.kind is Kind.FOLDER and found.uid != account.uid:
            yield (
                f"{where} belongs to uid {found.uid}, not to {name}: "
                f"mend that first, with: hubtui accounts repair {name}"
            )

    def of_others(self, home: Path, name: str) -> Iterator[str]:
        """What of others would go along with this folder, which is nobody's but that account's."""
        real = self._homes / home.name
        where = shown(str(home))
        for path in {home, real}:
            others = [n for n in self._owners.get(path, ()) if n != name]
            if others:
                yield f"{where} is the home of {_listed(others)} as well."
            if below := [self._owners[each][0] for each in self._inside.get(path, ())]:
                yield f"The home of {_listed(below)} lies inside {where}."
        above = {n for path in home.parents for n in self._owners.get(path, ())}
        if people := sorted(n for n in above if self._is_person(n)):
            yield f"{where} lies inside the home of {_listed(people)}."
        for mount in self._mounts:
            if mount.is_relative_to(real) or mount.is_relative_to(home):
                yield f"{shown(str(mount))} is mounted in {where}: unmount it first, with umount."
        for own in self._own_paths():
            if own.is_relative_to(real) or own.is_relative_to(home):
                yield f"{shown(str(own))}, which the course needs, lies in {where}."

    def _is_person(self, name: str) -> bool:
        uid = self.seen.accounts.by_name[name].uid
        return uid >= 1000 and uid != accounts.NOBODY

    def _own_paths(self) -> Iterable[Path]:
        course = self.seen.course
        release = course.release
        for path in (
            self.server.state,
            hub.database_file(course.hub.database),
            course.hub.token_file,
            course.accounts.roster,
            course.accounts.archive,
            release.source if release else None,
        ):
            if path is not None:
                yield path
                yield Path(os.path.realpath(path))


def identity(path: Path) -> tuple[int, int] | None:
    """Device and inode of the folder itself, by lstat; None where nothing is there."""
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino


def either(server: Server, account: Account) -> tuple[int, int]:
    """Device and inode of an account's home, in its place or fenced; zeros where it has none."""
    return identity(account.home) or identity(fenced(server, account.uid)) or (0, 0)


def home_of(server: Server, subject: Leaver) -> Path | None:
    """Where exactly this home is now, in its place or fenced; None where it is neither."""
    for path in (Path(subject.home), fenced(server, subject.uid)):
        if subject.inode and identity(path) == (subject.device, subject.inode):
            return path
    return None


def _listed(names: Iterable[str]) -> str:
    every = [shown(name, limit=40) for name in dict.fromkeys(names)]
    more = f" and {len(every) - 3} more" if len(every) > 3 else ""
    return ", ".join(every[:3]) + more
