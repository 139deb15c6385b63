"""Which findings ``hubtui doctor --fix`` mends, each with what it is about as it is now."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from hubtui.errors import HubtuiError
from hubtui.fix import Fix, Kind
from hubtui.names import shown
from hubtui.reads import reading
from hubtui.server import homes, systemd, timekeeping
from hubtui.server import hub as hubs
from hubtui.server import roster as rosters
from hubtui.setup.checks import check_jobs, check_machine
from hubtui.setup.checks.subject import NotSeen, Subject
from hubtui.setup.install import restarters
from hubtui.setup.install.watchdog_unit import CHECK


def offered(subject: Subject) -> tuple[Fix, ...]:
    """All that can be mended without harm; nothing without root. A look that fails offers none."""
    if os.geteuid() != 0:
        return ()
    found: dict[str, Fix] = {}
    for look in (_homes, _state, _token, _roster, _units, _clock):
        with suppress(HubtuiError, OSError, NotSeen):
            found |= {fix.key: fix for fix in look(subject)}
    return tuple(found.values())


def _homes(subject: Subject) -> Iterator[Fix]:
    """Those that are their account's own, in a folder where nobody could exchange them."""
    safe: dict[Path, bool] = {}
    for account in subject.seen.students.values():
        parent = account.home.parent
        if homes.look(account.home).open_to_others and parent not in safe:
            safe[parent] = reading.flaw(parent) is None
        if safe.get(parent):
            fix = _closed("home", account.home, account.name, "accounts.open")
            if fix.uid == account.uid and stat.S_IMODE(fix.mode) & 0o077:
                yield fix


def _state(subject: Subject) -> Iterator[Fix]:
    folder = subject.server.state
    if folder.is_dir() and reading.flaw(folder) is None and folder.stat().st_mode & 0o066:
        yield _closed("state", folder.resolve(), "hubtui's state", "state.folder")


def _token(subject: Subject) -> Iterator[Fix]:
    """Not where the hub would read it by its group."""
    path = subject.course.hub.token_file
    if path is None or not path.is_file() or reading.flaw(path.parent) is not None:
        return
    found, uid = path.lstat(), hubs.uid_of(subject.course)
    if stat.S_ISREG(found.st_mode) and found.st_mode & 0o077 and found.st_uid == uid:
        yield _closed("token", path, "the token", "hub.token.readable")


def _roster(subject: Subject) -> Iterator[Fix]:
    path = subject.course.accounts.roster
    if path is None or not path.exists() or reading.flaw(path) or not rosters.flaws(path):
        return
    real = path.resolve()
    stem = f"{real.name}.before-hubtui-{subject.server.clock():%Y-%m-%d}"
    names = (real.with_name(f"{stem}{more}") for more in ("", *(f".{n}" for n in range(2, 100))))
    yield Fix(
        key="roster",
        name="the roster",
        kind="roster",
        mends="accounts.roster.text",
        place=str(path),
        digest=rosters.seen(path),
        backup=str(next(name for name in names if not os.path.lexists(name))),
    )


def _units(subject: Subject) -> Iterator[Fix]:
    """Not the watchdog's where another restarts the hub: that is for a person to decide."""
    run = subject.server.run
    for job in check_jobs.JOBS:
        found = check_jobs.dead(job, subject.server)
        if found is None or not found.unit:
            continue
        if job is CHECK and restarters.find(run, ours=job.files):
            continue
        mends = check_jobs.finding_of(job)
        yield Fix(key=found.unit, name=found.unit, kind="unit", mends=mends, place=found.unit)


def _clock(subject: Subject) -> Iterator[Fix]:
    if timekeeping.service() != check_machine.TIMESYNCD:
        return
    unit = f"{check_machine.TIMESYNCD}.service"
    state = systemd.show(subject.server.run, unit, "ActiveState").get("ActiveState")
    if any(check_machine.synchronised(subject)) and state == "inactive":
        yield Fix(key="clock", name="the clock", kind="clock", mends="machine.unsynchronised")


def _closed(kind: Kind, path: Path, name: str, mends: str) -> Fix:
    found = path.lstat()
    return Fix(
        key=str(path),
        name=shown(name, 60),
        kind=kind,
        mends=mends,
        place=str(path),
        uid=found.st_uid,
        inode=found.st_ino,
        mode=stat.S_IMODE(found.st_mode),
    )
