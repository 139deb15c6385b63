"""Lines, locks and folders that belong to nobody: in the roster, in /etc, below the homes."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from hubtui import names
from hubtui.drift.hub import is_staff
from hubtui.drift.records import Choice, Code, Drift, Mends
from hubtui.drift.words import repair, some, who
from hubtui.findings import Severity
from hubtui.names import shown
from hubtui.server import homes
from hubtui.server.accounts import NOBODY, exists
from hubtui.server.homes import Kind
from hubtui.server.lines import runs
from hubtui.students import Survey


def of_lines(seen: Survey) -> Iterator[Drift]:
    """All of these. Nothing where the accounts could not be read."""
    if "accounts" in seen.unseen:
        return
    yield from _of_the_roster(seen)
    if not seen.lines.change:
        yield from _orphans(seen)
    yield from _locks(seen)
    yield from _homes_alone(seen)


def _of_the_roster(seen: Survey) -> Iterator[Drift]:
    path = shown(str(seen.course.accounts.roster), 60)
    for name, lines in seen.roster.lines.items():
        if len(lines) > 1:
            yield Drift(
                code=Code.ROSTER_TWICE,
                name=name,
                text=f"{who(name)} stands {len(lines)} times in the roster {path}: "
                "scripts that read it count or serve this student as often.",
                severity=Severity.NOTE,
                mends=Mends.SAFELY,
                do=repair(Code.ROSTER_TWICE, name),
                short="in the roster twice",
            )
        if name in seen.accounts.by_name or is_staff(seen, name) or exists(name):
            continue
        remove = Choice(word="remove", means=f"The line of {who(name)} goes from the roster.")
        create = Choice(word="create", means=f"An account {who(name)} is made ahead.")
        can = not names.impossible(name) and not names.is_reserved(name)
        yield Drift(
            code=Code.ROSTER_ALONE,
            name=name,
            text=f"{who(name)} stands in the roster {path} and has no account: "
            "still to come, gone, or misspelt?",
            severity=Severity.NOTE,
            mends=Mends.CHOICE,
            choices=(remove, create) if can else (remove,),
            do=repair(Code.ROSTER_ALONE, name),
            short="in the roster, no account",
        )


# --- /etc ---------------------------------------------------------------------------------------


def _orphans(seen: Survey) -> Iterator[Drift]:
    found: dict[str, list[str]] = {}
    for file, listed in seen.lines.names.items():
        for name in listed if file != "passwd" else ():
            if not _is_somebodys(seen, file, name):
                found.setdefault(name, []).append(file)
    for group in _groups_left(seen, found):
        found.setdefault(group, []).append("group")
    for name, files in sorted(found.items()):
        where = some(f"/etc/{file}" for file in files)
        yield Drift(
            code=Code.ORPHAN_LINE,
            name=name,
            text=f"{who(name)} still stands in {where} and is no account: "
            "whoever gets that name next inherits it, or cannot get it.",
            severity=Severity.NOTE,
            mends=Mends.SAFELY,
            do=repair(Code.ORPHAN_LINE, name),
            short="lines without an account",
        )


def _is_somebodys(seen: Survey, file: str, name: str) -> bool:
    if file == "gshadow":
        return name in seen.accounts.groups
    if file != "shadow" and name.isdecimal():  # subuid(5): a uid will do
        return int(name) in seen.accounts.by_uid
    return name in seen.accounts.by_name or exists(name)


def _groups_left(seen: Survey, orphans: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Empty groups that were an account's own. One that somebody made for later is no such."""
    rules, primary = seen.course.accounts, {a.gid for a in seen.accounts.by_name.values()}
    for group, gid in seen.accounts.groups.items():
        if gid < 1000 or gid == NOBODY or gid in primary or group == rules.group:
            continue
        if seen.accounts.members.get(group) or group in seen.accounts.by_name:
            continue
        was_somebodys = gid in rules.uids or gid in seen.ledger.by_uid
        if was_somebodys or group in orphans or group in seen.homes or group in seen.ledger.by_name:
            yield group


def _locks(seen: Survey) -> Iterator[Drift]:
    for path, pid in seen.lines.locks.items():
        if pid is not None and runs(pid):
            continue
        # With a number in it, the tools see for themselves that its process is gone.
        for_ever = pid is None
        yield Drift(
            code=Code.STALE_LOCK,
            name=str(path),
            text=f"{path} is held by nobody and has no number in it: no account can be made or "
            "changed until it is gone."
            if for_ever
            else f"{path} was left by a process {pid} that is gone: the next change of an account "
            "takes it away.",
            severity=Severity.CRITICAL if for_ever else Severity.NOTE,
            mends=Mends.SAFELY,
            do=repair(Code.STALE_LOCK, str(path)),
            short="lock that nobody holds",
        )


# --- homes --------------------------------------------------------------------------------------


def _homes_alone(seen: Survey) -> Iterator[Drift]:
    """Folders that were somebody's: root's own are shared on purpose, and a dot hides ours."""
    top = seen.course.accounts.homes
    below, prefix = [str(a.home) for a in seen.accounts.by_name.values()], f"{top}/"
    taken = {home[len(prefix) :].split("/")[0] for home in below if home.startswith(prefix)}
    for name, uid in sorted(seen.homes.items()):
        if name in taken or name.startswith(".") or uid < 1000 or uid == NOBODY:
            continue
        if homes.look(top / name).kind is Kind.FOLDER:
            yield _home_alone(seen, top / name, uid)


def _home_alone(seen: Survey, path: Path, uid: int) -> Drift:
    owner, name = seen.accounts.by_uid.get(uid), path.name
    whose = f"belongs to {who(owner.name)}" if owner else f"belongs to uid {uid}, which nobody has"
    archive = Choice(
        word="archive", means="It goes into an archive, which is verified first.", loses=True
    )
    choices, mends, do = [archive], Mends.CHOICE, repair(Code.HOME_ALONE, name)
    if owner is not None:  # who is here is asked first
        choices, mends, do = [], Mends.BY_HAND, f"ls -ld -- {shown(shlex.quote(str(path)), 120)}"
    elif not names.impossible(name) and uid in seen.course.accounts.uids:
        means = f"An account {who(name)} with uid {uid} is made, whose home it is."
        choices.append(Choice(word="adopt", means=means))
    return Drift(
        code=Code.HOME_ALONE,
        name=name,
        text=f"The folder {shown(str(path), 80)} is no account's home and {whose}: it holds "
        "somebody's data, and keeps that name from being approved.",
        mends=mends,
        choices=tuple(choices),
        do=do,
        short="home without an account",
        uid=uid,
    )
