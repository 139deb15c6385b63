"""Drift that no survey shows: processes, mounts, the hub's configuration, what a gone uid left."""

from __future__ import annotations

import pwd
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from hubtui.drift.hub import not_authorised
from hubtui.drift.records import Choice, Code, Drift, Mends
from hubtui.drift.words import repair, some, who
from hubtui.findings import Severity
from hubtui.names import shown
from hubtui.server import Server, disks, strays
from hubtui.server.uses import Use
from hubtui.students import Missing, Survey
from hubtui.units import counted

if TYPE_CHECKING:
    from hubtui.reads.hubconfig import HubConfig

_OWNERS = ("NativeAuthenticator", "Authenticator")
_ALLOWED = tuple(f"{of}.allowed_users" for of in _OWNERS)
_EXISTING = tuple(f"{of}.allow_existing_users" for of in _OWNERS)

# --- the hub ------------------------------------------------------------------------------------


def let_in(found: Sequence[Drift], missing: list[Missing]) -> Iterator[Drift]:
    """The same; users that are alone become alarms where the hub lets known users in.

    JupyterHub adds every user of its table to ``allowed_users`` then, and NativeAuthenticator
    authorises a sign-up of such a name at once. Who stands there by the admin's own hand is no
    drift, but meant so.
    """
    alone = [one for one in found if one.code is Code.HUB_USER_ALONE]
    config = _config(missing) if alone else None
    if config is None:
        yield from found
        return
    meant = config.names(*_ALLOWED)
    lets_in = _lets_in(config)
    for one in found:
        if one.code is not Code.HUB_USER_ALONE:
            yield one
        elif one.name not in meant:
            yield _alarm(one) if lets_in else one


def _config(missing: list[Missing]) -> HubConfig | None:
    from hubtui.reads import hubprocess  # psutil: only where somebody is alone

    config = hubprocess.config_of(hubprocess.find())
    if config is None or config.trouble:
        why = config.trouble if config else "no configuration of a hub was found."
        missing.append(Missing(what="the hub's configuration", why=why))
        return None
    return config


def _lets_in(config: HubConfig) -> bool:
    if config.authenticator("allow_all") is True:
        return False
    existing = config.authenticator("allow_existing_users")
    if existing is not None:
        return bool(existing)
    # Not set, it follows from allowed_users; before 5.0 it was nothing but that.
    is_set = bool(config.names(*_ALLOWED))
    return is_set or config.line_of_unread(*_ALLOWED, *_EXISTING) is not None


def _alarm(alone: Drift) -> Drift:
    files = ", with all files of that account" if alone.uid is not None else ""
    name = alone.name
    return msgspec.structs.replace(
        alone,
        code=Code.HUB_USER_LETS_IN,
        severity=Severity.CRITICAL,
        text=f"The hub knows {who(name)}, who has no sign-up, and lets in whom it knows: "
        f"whoever signs up as {who(name)} is let in at once{files}.",
        do=repair(Code.HUB_USER_LETS_IN, name),
        short="the hub lets this name in",
    )


def still_at_work(
    seen: Survey, running: Mapping[int, Use], found: Collection[Drift]
) -> Iterator[Drift]:
    """Servers of those who wait for approval that the hub's own table does not show."""
    waits = {sign_up.name for sign_up in seen.sign_ups if not sign_up.authorised}
    waits -= {sign_up.name for sign_up in seen.sign_ups if sign_up.authorised}
    waits -= {one.name for one in found if one.code is Code.NOT_AUTHORISED}
    for name in sorted(waits & seen.students.keys()):
        account = seen.students[name]
        if running.get(account.uid, Use()).server:
            yield not_authorised(account)


# --- homes that are mounts ----------------------------------------------------------------------


def mounted(seen: Survey, missing: list[Missing]) -> Iterator[Drift]:
    """Homes that are filesystems of their own: nobody's mistake perhaps, but nothing to remove."""
    try:
        points = {str(path) for path in disks.mount_points()}
    except OSError as e:
        missing.append(Missing(what="mounts", why=f"{e.strerror}."))
        return
    for name, account in seen.students.items():
        where = str(account.home)
        if where in points:
            yield Drift(
                code=Code.HOME_NOT_FOLDER,
                name=name,
                text=f"The home {shown(where, 80)} of {who(name)} is a filesystem of its own: "
                "hubtui neither archives nor removes it.",
                severity=Severity.NOTE,
                do=f"findmnt --mountpoint {shown(shlex.quote(where), 120)}",
                short="home is a mount",
                uid=account.uid,
            )


# --- what a gone uid left -----------------------------------------------------------------------


def left_of_uids(server: Server, seen: Survey, running: Mapping[int, Use]) -> Iterator[Drift]:
    """Files, jobs and processes of uids that nobody has: whoever gets one next inherits them."""
    if "accounts" in seen.unseen:
        return
    left = strays.by_uid()
    for uid in sorted({*left, *running}):
        if uid in seen.accounts.by_uid or not _was_here(server, seen, uid) or _exists(uid):
            continue
        yield _left(uid, left.get(uid, []), uid in running)


def _was_here(server: Server, seen: Survey, uid: int) -> bool:
    """A uid of the course: of its range, or one that hubtui gave, or the owner of a home."""
    known = uid in server.course.accounts.uids or uid in seen.ledger.by_uid
    return known or uid in seen.homes.values()


def _exists(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except (KeyError, OverflowError):
        return False
    return True


def _left(uid: int, paths: Sequence[Path], works: bool) -> Drift:
    what = [f"{counted(len(paths), 'file')} ({some(map(str, paths))})"] if paths else []
    what += ["processes that run"] if works else []
    return Drift(
        code=Code.LEFT_OF_UID,
        name=str(uid),
        text=f"The uid {uid} has no account any more and left {' and '.join(what)}: "
        "whoever gets this uid next inherits that.",
        mends=Mends.CHOICE,
        choices=(
            Choice(
                word="archive",
                means="What runs is ended; files, crontab and at-jobs go into an archive and then "
                "away.",
                loses=True,
            ),
        ),
        do=repair(Code.LEFT_OF_UID, str(uid)),
        short="left of a gone uid",
        uid=uid,
    )
