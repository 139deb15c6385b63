"""The plan that mends drift: each drift a subject of its own, mended by the steps of its row."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from hubtui.drift.records import Code, Drift, Mends
from hubtui.enrol import not_creatable
from hubtui.errors import HubtuiError, Refused, StateError
from hubtui.names import shown
from hubtui.plan.plans import Plan, new_plan
from hubtui.plan.steps import Chain, Step
from hubtui.repair import accounts, archiving, homes, hub, lines, ownership
from hubtui.repair.notes import notes
from hubtui.repair.records import Repair
from hubtui.server import Server
from hubtui.server.lines import ETC
from hubtui.server.run import say
from hubtui.signup_steps import row_of
from hubtui.signups import Verdict
from hubtui.state import to_builtins
from hubtui.students import Survey, complete, survey
from hubtui.units import counted

__all__ = ["Repair", "repair_chain", "repair_plan"]

Steps = Callable[[Server, Repair], list[Step]]

KEEP = "keep-"
"""Before the id of the sign-up that stays."""

MENDING: dict[Code, dict[str, Steps]] = {
    Code.STALE_LOCK: {"": lines.stale_lock},
    Code.HALF_MADE: {"": accounts.half_made},
    Code.NO_ACCOUNT: {"": hub.no_account, "discard": hub.foreign_sign_up},
    Code.NO_HOME: {"": homes.no_home},
    Code.HOME_OWNER: {"chown": ownership.handed_over, "archive": archiving.home_owner},
    Code.HOME_ALONE: {"adopt": homes.adopt, "archive": archiving.home_alone},
    Code.HOME_OPEN: {"": homes.home_open},
    Code.NOT_IN_GROUP: {"": accounts.not_in_group},
    Code.POWERFUL: {"leave": accounts.powerful},
    Code.LOCKED: {"unlock": accounts.locked, "take-back": hub.locked_out},
    Code.FOREIGN_SIGN_UP: {"discard": hub.foreign_sign_up, "join": accounts.join},
    Code.TWO_SIGN_UPS: {KEEP: hub.two_sign_ups},
    Code.NOT_AUTHORISED: {"stop": hub.not_authorised, "discard": hub.not_authorised},
    Code.HUB_USER_ALONE: {"": hub.hub_user_alone, "delete": hub.hub_user_alone},
    Code.HUB_USER_LETS_IN: {"": hub.hub_user_alone, "delete": hub.hub_user_alone},
    Code.NOT_IN_ROSTER: {"": lines.not_in_roster},
    Code.ROSTER_ALONE: {"remove": lines.roster_alone, "create": lines.made_ahead},
    Code.ROSTER_TWICE: {"": lines.roster_twice},
    Code.ORPHAN_LINE: {"": lines.orphan_lines},
    Code.LEFT_OF_UID: {"archive": archiving.left_of_uid},
}
"""By code and by the word that was chosen, none where there is nothing to choose. In the order in
which they are mended: while a lock is left nobody can be added."""


def repair_plan(
    server: Server, chosen: Sequence[Drift], choices: Mapping[str, str] | None = None
) -> Plan:
    """A plan that mends these; ``choices``: by the drift's key, the word of what was chosen.

    Raises Refused for one that needs a choice that is not among ``choices``, or is done by hand.
    """
    seen, words = survey(server), choices or {}
    complete(seen)
    given = {each.key: each for each in chosen}
    order = list(MENDING)
    for each in given.values():
        _answered(each, words.get(each.key, ""))
    wanted = sorted(given.values(), key=lambda each: order.index(each.code))
    uids = seen.free_uids()
    subjects = [_subject(server, seen, one, words.get(one.key, ""), uids) for one in wanted]
    plan = new_plan("repair", _title(wanted), [], server.clock())
    with_plan = [msgspec.structs.replace(each, run=plan.id, by=plan.by) for each in subjects]
    return msgspec.structs.replace(plan, subjects=tuple(map(to_builtins, with_plan)))


def safe(server: Server, found: Sequence[Drift]) -> tuple[list[Drift], list[str]]:
    """Those that can be mended without anybody's choice, and why others that seem so cannot."""
    seen, kept, left = survey(server), list[Drift](), list[str]()
    complete(seen)
    for one in found:
        if one.mends is Mends.SAFELY:
            try:
                _subject(server, seen, one, "", seen.free_uids())
                kept.append(one)
            except HubtuiError as e:
                left.append(f"{shown(one.name, limit=40)} ({one.short}): {e}")
    return kept, left


def repair_chain(server: Server, subject: Repair) -> Chain:
    """The steps that mend one."""
    steps = _way(subject.code, subject.choice)(server, subject)
    whose = subject.owner if subject.choice == "archive" else subject.uid
    return Chain(subject=subject.key, steps=steps, uid=whose, notes=notes(server, subject))


def _answered(one: Drift, word: str) -> None:
    """Raise Refused where it is not for a plan, or not yet."""
    if one.mends is Mends.BY_HAND or one.code not in MENDING:
        raise Refused(f"{one.text} This is done by hand{': ' + one.do if one.do else '.'}")
    words = [choice.word for choice in one.choices]
    if word and word not in words:
        raise Refused(f"{shown(word)} is no choice for {shown(one.key)}: {_listed(words)}.")
    if one.mends is Mends.CHOICE and not word:
        command = ["sudo", "hubtui", "accounts", "repair", "--choose", f"{one.key}={words[0]}"]
        raise Refused(f"{one.text} Choose between {_listed(words)}, as in: {say(command)}")


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words) or "there is none"


def _way(code: Code, word: str) -> Steps:
    """Raises StateError for a plan of another hubtui."""
    ways = MENDING.get(code, {})
    word = KEEP if word.startswith(KEEP) else word
    if word not in ways:
        raise StateError(f"How {code} is mended by {shown(word) or 'a plan'} is not known here.")
    return ways[word]


def _title(wanted: Sequence[Drift]) -> str:
    if len(wanted) == 1:
        return f"Repair {shown(wanted[0].name, limit=40)}: {wanted[0].short or wanted[0].code}"
    return f"Repair {counted(len(wanted), 'thing')}"


def _subject(server: Server, seen: Survey, one: Drift, word: str, uids: Iterator[int]) -> Repair:
    """The drift with all that is there now. Raises Refused where it cannot be mended so."""
    account = seen.accounts.by_name.get(one.name)
    place = _place(seen, one)
    found = _lstat(place)
    subject = Repair(
        key=one.key,
        name=one.name,
        code=one.code,
        choice=word,
        uid=account.uid if account else None,
        gid=account.gid if account else -1,
        place=str(place or ""),
        device=found.st_dev if found else 0,
        inode=found.st_ino if found else 0,
        owner=found.st_uid if found else -1,
        mode=stat.S_IMODE(found.st_mode) if found else 0,
        sign_ups=tuple(row_of(each) for each in seen.sign_ups if each.name == one.name),
    )
    hub.refuse(server, seen, subject)
    match (one.code, word):
        case (Code.NO_ACCOUNT, ""):
            row, judgement = hub.judged(seen, one.name)
            if judgement.verdict is not Verdict.READY:
                raise Refused(judgement.why)
            given = seen.ledger.made_for(one.name, row.digest)
            uid = judgement.uid or (given.uid if given else next(uids))
            return msgspec.structs.replace(subject, uid=uid, digest=row.digest)
        case (Code.ROSTER_ALONE, "create"):
            if (why := not_creatable(seen, one.name)) is not None:
                raise Refused(why)
            begun = seen.ledger.made_for(one.name, None)
            return msgspec.structs.replace(subject, uid=begun.uid if begun else next(uids))
        case (Code.HOME_OWNER, "chown"):
            ownership.refuse(seen, subject)
        case (Code.HOME_OWNER | Code.HOME_ALONE, "archive"):
            archiving.refuse(server, seen, subject)
        case (Code.LEFT_OF_UID, _):
            uid = one.uid or 0
            archiving.refuse(server, seen, subject := msgspec.structs.replace(subject, owner=uid))
            return msgspec.structs.replace(subject, called=archiving.name_of(uid))
        case (Code.HOME_ALONE, "adopt"):
            return homes.adopted(seen, subject)
    return subject


def _place(seen: Survey, one: Drift) -> Path | None:
    """The home, as passwd has it or as it would be; of a lock the file itself."""
    if one.code is Code.STALE_LOCK:
        return ETC / Path(one.name).name
    account = seen.accounts.by_name.get(one.name)
    if account is not None:
        return account.home
    if one.code is Code.LEFT_OF_UID:
        return None
    plain = "/" not in one.name and "\0" not in one.name and one.name not in ("", ".", "..")
    return seen.course.accounts.homes / one.name if plain else None


def _lstat(place: Path | None) -> os.stat_result | None:
    try:
        return place.lstat() if place else None
    except OSError:
        return None
