"""Why can this student not log in or start? Looked at in the order in which it would fail."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from hubtui import names
from hubtui.clock import parse
from hubtui.errors import HubtuiError
from hubtui.leaving import Leaving
from hubtui.server import Server, accounts, as_student, homes, hub, processes
from hubtui.server.homes import Kind
from hubtui.server.hubdb import SignUp
from hubtui.signups import judge
from hubtui.students import Survey, survey
from hubtui.when import zone_of

_TAIL = 1 << 20
"""Bytes at the end of the hub's log that are looked through."""
_TROUBLE = re.compile(r"error|exception|failed|traceback|not found|timed? ?out|denied", re.I)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One question of the list with its answer."""

    what: str
    good: bool | None
    """None: not to be known, or no matter."""
    text: str
    do: str = ""
    """What mends it."""


def why(server: Server, name: str) -> list[Answer]:
    """All questions for ``name``; the first that is not good is most likely the reason."""
    seen = survey(server)
    if (leaving := seen.leaving.get(name)) is not None:
        answers = [_leaving(seen, leaving)]
    else:
        answers = [*_sign_up(seen, name), *_formerly(seen, name), *_account(server, seen, name)]
    answers += [_space(seen, name), _server(server, seen, name), _last_error(server, name)]
    answers += [
        Answer(what=missing.what, good=None, text=missing.why)
        for missing in seen.missing
        if missing.what != "expected names"
    ]
    return answers


def _leaving(seen: Survey, one: Leaving) -> Answer:
    """What else is amiss is meant so: locked, not authorised, its home behind the fence."""
    name = names.shown(one.name, limit=60)
    if one.at_once:
        text, do = "its removal is at work, or did not end.", f"hubtui accounts retire {name}"
    else:
        zone = zone_of(seen.course)
        since, goes = (at.astimezone(zone) for at in (parse(one.since), one.goes))
        text = f"is switched off since {since:%Y-%m-%d} and goes on {goes:%Y-%m-%d}."
        do = f"hubtui accounts restore {name}"
    return Answer(what="leaving", good=False, text=text, do=do)


def _formerly(seen: Survey, name: str) -> Iterator[Answer]:
    if (gone := seen.formerly.of(name)) is not None:
        text = f"somebody of this name was here until {gone.at[:7]}, as uid {gone.uid}."
        yield Answer(what="formerly", good=None, text=text)


def _sign_up(seen: Survey, name: str) -> Iterator[Answer]:
    rows = [s for s in seen.sign_ups if s.name == name]
    if not rows and any(missing.what == "sign-ups" for missing in seen.missing):
        yield Answer(what="sign-up", good=None, text="could not be looked at; why stands below.")
        return
    if not rows:
        alike = ", ".join(names.shown(twin, limit=40) for twin in seen.twins.of(name)[:3])
        yield Answer(
            what="sign-up",
            good=False,
            text="has not signed up." + (f" Meant: {alike}?" if alike else ""),
            do=f"Ask the student to sign up at {seen.course.hub.url or ''}/hub/signup",
        )
        return
    if len(rows) > 1:
        text = f"{len(rows)} sign-ups have this name: which one logs in is chance."
        yield Answer(what="sign-up", good=False, text=text, do="Discard the wrong one.")
    else:
        yield Answer(what="sign-up", good=True, text="has signed up.")
    yield _authorised(seen, rows[0])
    if twins := seen.twins.of(name):
        listed = ", ".join(names.shown(twin, limit=40) for twin in twins[:3])
        text = f"{listed} looks alike: does the student type that one?"
        yield Answer(what="spelling", good=None, text=text)


def _authorised(seen: Survey, sign_up: SignUp) -> Answer:
    if sign_up.authorised:
        return Answer(what="authorised", good=True, text="may log in.")
    judgement = judge(seen, sign_up, as_student.look)
    do = f"hubtui signups approve {sign_up.name}" if judgement.verdict.ready else judgement.why
    text = f"waits for approval ({judgement.verdict})."
    return Answer(what="authorised", good=False, text=text, do=do)


def _account(server: Server, seen: Survey, name: str) -> Iterator[Answer]:
    account = seen.accounts.by_name.get(name)
    if account is None:
        if any(s.name == name and not s.authorised for s in seen.sign_ups):
            yield Answer(what="account", good=None, text="none yet: approving makes it.")
            return
        text = "no Unix account of that name: log-in works, then error 500."
        do = f"hubtui accounts create {name}" if not names.impossible(name) else ""
        yield Answer(what="account", good=False, text=text, do=do)
        return
    course = "" if seen.is_course_account(account) else " (not a course account)"
    yield Answer(what="account", good=True, text=f"uid {account.uid}, {account.home}{course}.")
    if os.geteuid() == 0 and not accounts.has_shadow(name):
        do = f"usermod --password '*' -- {name}"
        yield Answer(what="account", good=False, text="no line in /etc/shadow.", do=do)
    home = homes.look(account.home)
    if home.kind is Kind.MISSING:
        do = f"install -d -m 0700 -o {account.uid} -g {account.gid} -- {home.path}"
        yield Answer(what="home", good=False, text=f"{home.path} is missing.", do=do)
        return
    if home.kind is not Kind.FOLDER:
        yield Answer(what="home", good=False, text=f"{home.path} is not a folder ({home.kind}).")
        return
    yield Answer(what="home", good=True, text=f"{home.path} is there.")
    if home.uid != account.uid:
        text = f"{home.path} belongs to uid {home.uid}: the server cannot start."
        do = f"Look whose files these are; then: chown -h {name} {home.path}"
        yield Answer(what="owner", good=False, text=text, do=do)
    else:
        yield Answer(what="owner", good=True, text="belongs to the student.")
    yield _mode(home)


def _mode(home: homes.Home) -> Answer:
    if home.mode & 0o700 != 0o700:
        text = f"mode {home.mode:04o}: the student cannot use it."
        return Answer(what="mode", good=False, text=text, do=f"chmod 700 {home.path}")
    if home.open_to_others:
        text = f"mode {home.mode:04o}: classmates can read known paths (no reason not to start)."
        return Answer(what="mode", good=None, text=text, do=f"chmod 700 {home.path}")
    return Answer(what="mode", good=True, text="0700.")


def _space(seen: Survey, name: str) -> Answer:
    account = seen.accounts.by_name.get(name)
    place = account.home if account and account.home.is_dir() else seen.course.accounts.homes
    try:
        found = os.statvfs(place)
    except OSError as e:
        return Answer(what="space", good=None, text=f"{place}: {e.strerror}.")
    free, inodes = found.f_bavail * found.f_frsize, found.f_favail
    if free < 50 * 10**6 or (found.f_files and inodes < 1000):
        text = f"{free / 1e6:.0f} MB and {inodes} files are left: servers cannot start."
        return Answer(
            what="space", good=False, text=text, do="du -xh --max-depth=1 /home | sort -h"
        )
    return Answer(what="space", good=True, text=f"{free / 1e9:.1f} GB free.")


def _server(server: Server, seen: Survey, name: str) -> Answer:
    account = seen.accounts.by_name.get(name)
    running = account and any(p.is_server for p in processes.of(account.uid))
    state = ""
    if server.course.hub.token_file is not None:
        try:
            users = {user.name: user for user in hub.api(server.course).users()}
        except HubtuiError as e:
            return Answer(what="server", good=False, text=str(e), do="hubtui doctor")
        for each in users[name].servers if name in users else ():
            state = each.pending or ("running" if each.ready else "")
    if state in ("spawn", "stop"):
        text = f"the hub is busy with it ({state}): wait a minute."
        return Answer(what="server", good=None, text=text)
    if running and server.course.hub.token_file is not None and not state:
        text = "runs, but the hub has forgotten it: the student gets a second one, or none."
        return Answer(what="server", good=False, text=text, do=f"hubtui accounts stop {name}")
    text = "runs." if running or state else "does not run now (starts at the next log-in)."
    return Answer(what="server", good=True if running or state else None, text=text)


def _last_error(server: Server, name: str) -> Answer:
    path = server.course.hub.log
    if path is None:
        text = "the hub's log is not known: set hub.log in course.yaml."
        return Answer(what="hub's log", good=None, text=text)
    try:
        lines = tail(path)
    except OSError as e:
        return Answer(what="hub's log", good=None, text=f"{path}: {e.strerror}.")
    word = re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])")
    for line in reversed(lines):
        if word.search(line) and _TROUBLE.search(line):
            return Answer(what="hub's log", good=False, text=names.shown(line, limit=300))
    return Answer(what="hub's log", good=True, text="no error that names the student.")


def tail(path: Path) -> list[str]:
    """The last lines of a log, as they are: show them only through names.shown()."""
    with path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - _TAIL))
        return file.read(_TAIL).decode("utf-8", "replace").splitlines()
