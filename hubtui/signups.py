"""Sign-ups: who waits, and what may be done with each: the verdict.

A sign-up that is approved *becomes* the Unix account of its name, with all files of it. So a name
that exists in any way is never approved by itself (docs/approving.md has the table).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from hubtui import names
from hubtui.clock import ago, stamp
from hubtui.errors import CommandFailed, HubtuiError
from hubtui.leaving import Leaving
from hubtui.server import Server, accounts, homes
from hubtui.server.accounts import Account
from hubtui.server.hubdb import SignUp
from hubtui.state import read_document, write_document
from hubtui.students import Survey
from hubtui.students import survey as look
from hubtui.units import megabytes

_DIGITS = re.compile(r"[0-9]+")

if TYPE_CHECKING:
    from hubtui.server.as_student import Contents

LookInside: TypeAlias = "Callable[[Account], Contents]"
"""Counts what a home holds, as its owner; see server.as_student."""


class Verdict(StrEnum):
    """What hubtui says of a sign-up."""

    READY = "ready"
    PREPARED = "prepared"
    """A course account of that name was made ahead and never used: ready as well."""
    EARLIER = "earlier"
    """A course account of that name is in use: only as its owner, with the name typed."""
    STAFF = "staff"
    """A member of staff: likewise."""
    REFUSED = "refused"
    AUTHORISED = "authorised"
    """Nothing to approve any more."""

    @property
    def ready(self) -> bool:
        """Whether an admin may approve it along with others."""
        return self in (Verdict.READY, Verdict.PREPARED)

    @property
    def as_owner(self) -> bool:
        """Whether it may be approved alone, as the owner of the account that is there."""
        return self in (Verdict.EARLIER, Verdict.STAFF)


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict with its reason and what to look at besides."""

    verdict: Verdict
    why: str = ""
    warnings: tuple[str, ...] = ()
    uid: int | None = None
    """Of the account that exists, or that was begun for this very sign-up."""


def judge(survey: Survey, sign_up: SignUp, look_inside: LookInside | None) -> Judgement:
    """What may be done with this sign-up. Only looks; never raises for what it finds.

    Without ``look_inside`` an account that is there counts as never used: quick, and enough to
    know what is refused.
    """
    if sign_up.authorised:
        account = survey.accounts.by_name.get(sign_up.name)
        return Judgement(verdict=Verdict.AUTHORISED, uid=account.uid if account else None)
    name = sign_up.name
    if why := names.impossible(name):
        return _refused(f"{names.shown(name, limit=40)} {why}")
    if sum(other.name == name for other in survey.sign_ups) > 1:
        return _refused(f"There are two sign-ups named {name}: discard the wrong one first.")
    if (leaving := survey.leaving.get(name)) is not None:
        return _refused(_leaves(survey, leaving))
    account = survey.accounts.by_name.get(name)
    if name in survey.course.accounts.staff:
        return _staff(survey, name, account, look_inside)
    if why := _reserved(survey, name):
        return _refused(why)
    if account is not None:
        return _existing(survey, sign_up, account, look_inside)
    if accounts.exists(name):
        return _refused(f"{name} is an account of this server's directory service. Refused.")
    if name in survey.accounts.groups or accounts.group_exists(name):
        return _refused(f"{name} is already a group on this server.")
    home = homes.look(survey.course.accounts.homes / name)
    if home.kind is not homes.Kind.MISSING:
        return _refused(
            f"{home.path} exists (owner uid {home.uid}) without an account. "
            "Archive it or move it away; then this sign-up is ready."
        )
    return Judgement(verdict=Verdict.READY, warnings=_warnings(survey, name))


def _leaves(survey: Survey, one: Leaving) -> str:
    if one.at_once:
        return f"{one.name} is being removed. To finish that: hubtui accounts retire {one.name}"
    from hubtui.when import zone_of  # zoneinfo, which hardly any sign-up needs

    goes = one.goes.astimezone(zone_of(survey.course))
    return (
        f"{one.name} is switched off and goes on {goes:%Y-%m-%d}. "
        f"To bring it back: hubtui accounts restore {one.name}"
    )


def _refused(why: str) -> Judgement:
    return Judgement(verdict=Verdict.REFUSED, why=why)


def _staff(
    survey: Survey, name: str, account: Account | None, look_inside: LookInside | None
) -> Judgement:
    if account is None:
        return _refused(f"{name} is staff (accounts.staff) but has no account: make it by hand.")
    if account.uid < 1000 or account.uid in survey.sharers:
        return _refused(f"{name} is staff with uid {account.uid}: not a person's own account.")
    used = _use_of(survey, account, homes.look(account.home), look_inside) or "never used"
    why = f"{name} is staff (uid {account.uid}: {used}). Same person?"
    return Judgement(verdict=Verdict.STAFF, why=why, uid=account.uid)


def _reserved(survey: Survey, name: str) -> str | None:
    if name == survey.course.accounts.group:
        return f"{name} is the course's group. Refused."
    if names.is_reserved(name):
        return f"{name} is reserved: it belongs to the system or to a service."
    user = survey.users.get(name)
    if user is not None and user.admin:
        return f"{name} is an administrator of the hub: whoever gets it, rules the hub. Refused."
    return None


def _existing(
    survey: Survey, sign_up: SignUp, account: Account, look_inside: LookInside | None
) -> Judgement:
    """An account of that name is there: ours for this sign-up, made ahead, in use, or foreign."""
    name, uid = account.name, account.uid
    given = survey.ledger.made_for(name, sign_up.digest)
    if account.uid in survey.sharers:
        others = ", ".join(n for n in survey.sharers[uid] if n != name)
        return _refused(f"{name} has the same uid {uid} as {others}: one would be the other.")
    if given is not None and given.uid == uid:
        why = "Its account was begun and not finished: approving completes it."
        return Judgement(verdict=Verdict.READY, why=why, uid=uid)
    if not survey.is_course_account(account):
        return _refused(
            f"{name} is an existing account on this server (uid {uid}, {account.home}). "
            "Approving would give this person that account. Refused."
        )
    if group := survey.power_of(account):
        return _refused(f"{name} is in the group {group}: it could become root. Refused.")
    home = homes.look(account.home)
    if home.kind not in (homes.Kind.FOLDER, homes.Kind.MISSING):
        return _refused(f"The home {home.path} of {name} is not a folder ({home.kind}).")
    if home.kind is homes.Kind.FOLDER and home.uid != uid:
        return _refused(f"The home {home.path} belongs to uid {home.uid}, not to {name} ({uid}).")
    used = _use_of(survey, account, home, look_inside)
    if used is None:
        why = f"The account was made ahead (uid {uid}) and never used."
        warnings = _warnings(survey, name)
        return Judgement(verdict=Verdict.PREPARED, why=why, uid=uid, warnings=warnings)
    why = f"{name} had an account earlier (uid {uid}: {used}). Same person?"
    return Judgement(verdict=Verdict.EARLIER, why=why, uid=uid)


def _use_of(
    survey: Survey, account: Account, home: homes.Home, look_inside: LookInside | None
) -> str | None:
    """What shows that a course account is in use; None where nothing does, or nobody looks."""
    if look_inside is None:
        return None
    signs = []
    user = survey.users.get(account.name)
    if user is not None:
        active = f", last active {ago(user.last_activity, survey.at)}" if user.last_activity else ""
        signs.append(f"known to the hub{active}")
    given = survey.ledger.by_name.get(account.name)
    if given is not None and given.for_ is not None:
        signs.append(f"made for another sign-up on {given.made[:10]}")
    from hubtui.server import processes  # psutil: 30 ms that a class without such names never needs

    if count := len(processes.of(account.uid)):
        signs.append(f"{count} processes")
    if home.kind is homes.Kind.FOLDER:
        try:
            contents = look_inside(account)
        except CommandFailed as e:
            signs.append(f"its home cannot be looked at: {e}")
        else:
            if contents.own:
                newest = ago(datetime.fromtimestamp(contents.newest, UTC), survey.at)
                files = f"{contents.own} file{'' if contents.own == 1 else 's'}"
                signs.append(f"{files}, {megabytes(contents.bytes)}, newest {newest}")
    return ", ".join(signs) or None


def _warnings(survey: Survey, name: str) -> tuple[str, ...]:
    found = []
    # dh01, dh02, …: numbered pseudonyms are all one edit apart, and meant to be.
    stem = _DIGITS.sub("0", name)
    if alike := [twin for twin in survey.twins.of(name) if _DIGITS.sub("0", twin) != stem]:
        listed = ", ".join(names.shown(twin, limit=40) for twin in alike[:3])
        found.append(f"looks like {listed}: a twin, or a slip of the same person?")
    if (gone := survey.formerly.of(name)) is not None:
        found.append(f"somebody of this name was here until {gone.at[:7]}: the same person?")
    if survey.expected is not None and name not in survey.expected:
        found.append("not on the list of expected names")
    return tuple(found)


# --- since when a sign-up is known ----------------------------------------------------------------


class FirstSeen(msgspec.Struct, frozen=True, kw_only=True):
    """``first-seen.json``: NativeAuthenticator keeps no date of a sign-up."""

    format: int = 1
    seen: dict[str, str]
    """Digest of the sign-up → RFC 3339."""


def _first_seen_path(server: Server) -> Path:
    return server.state / "first-seen.json"


def known_since(server: Server) -> dict[str, str]:
    """Since when each sign-up is known, by digest, as far as it was noted. Raises StateError."""
    record = read_document(_first_seen_path(server), FirstSeen)
    return record.seen if record else {}


def note(server: Server) -> None:
    """Note what is new, for the minutely job: else nobody knows how long it has been waiting.

    Raises nothing: what keeps it from that is told by the glance, not each minute.
    """
    with suppress(HubtuiError, OSError):
        first_seen(server, look(server))


def first_seen(server: Server, survey: Survey) -> dict[str, str]:
    """Since when each sign-up is known, by digest; notes the new ones where we may write."""
    before = known_since(server)
    if any(missing.what == "sign-ups" for missing in survey.missing):
        return before
    seen = {s.digest: before.get(s.digest, stamp(survey.at)) for s in survey.sign_ups}
    if seen != before:
        write_document(_first_seen_path(server), FirstSeen(seen=seen))
    return seen
