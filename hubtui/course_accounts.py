"""The course's accounts: each with its home, its sign-up, its server and what it uses now."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from hubtui import drift
from hubtui.drift.records import Drift
from hubtui.errors import HubtuiError
from hubtui.server import Server, homes, processes, sizes
from hubtui.server.accounts import Account
from hubtui.server.homes import Home
from hubtui.server.hubdb import SignUp
from hubtui.server.processes import Process
from hubtui.students import Missing, Survey

if TYPE_CHECKING:
    from hubtui.server.hubapi import HubApi, HubUser


@dataclass(frozen=True)
class Live:
    """What is true only now: processes, servers, sizes."""

    processes: Mapping[int, Sequence[Process]] = field(default_factory=dict)
    hub: Mapping[str, HubUser] = field(default_factory=dict)
    """By name, from the hub's API; empty without a token."""
    asked: bool = False
    """Whether the API answered."""
    sizes: sizes.Sizes | None = None
    missing: tuple[Missing, ...] = ()


@dataclass(frozen=True)
class CourseAccount:
    """One row of the accounts pane."""

    account: Account
    home: Home
    sign_ups: tuple[SignUp, ...]
    in_roster: bool
    size: int | None
    size_at: datetime | None
    processes: tuple[Process, ...]
    server: str
    """``running``, ``spawn``, ``stop`` (the hub is at it) or empty."""
    last_activity: datetime | None
    drift: tuple[str, ...]
    """What is not as it should be, each in a few words."""

    @property
    def name(self) -> str:
        """The account's name."""
        return self.account.name

    @property
    def memory(self) -> int:
        """Bytes that all processes of the uid hold for themselves."""
        return sum(process.memory for process in self.processes)

    @property
    def sign_up(self) -> str:
        """``authorised``, ``pending`` or empty."""
        if any(sign_up.authorised for sign_up in self.sign_ups):
            return "authorised"
        return "pending" if self.sign_ups else ""


def live(server: Server, seen: Survey, api: Callable[[], HubApi] | None) -> Live:
    """Look at processes, the hub's API (where there is a token) and the last sizes."""
    missing = list[Missing]()
    hub: dict[str, HubUser] = {}
    asked = False
    if api is not None:
        try:
            hub = {user.name: user for user in api().users()}
            asked = True
        except HubtuiError as e:
            missing.append(Missing(what="the hub's API", why=str(e)))
    known = None
    with contextlib.suppress(HubtuiError):
        known = sizes.read_sizes(server.state)
    uids = [account.uid for account in seen.students.values()]
    return Live(
        processes=processes.by_uid(uids),
        hub=hub,
        asked=asked,
        sizes=known,
        missing=tuple(missing),
    )


def course_accounts(
    seen: Survey, now: Live, found: Sequence[Drift] | None = None
) -> list[CourseAccount]:
    """All course accounts, by name; ``found``: what drifted, where that was looked for already."""
    by_name: dict[str, list[SignUp]] = {}
    for sign_up in seen.sign_ups:
        by_name.setdefault(sign_up.name, []).append(sign_up)
    looked = {name: homes.look(account.home) for name, account in seen.students.items()}
    strange: dict[str, list[str]] = {}
    for one in drift.quick(seen, looked) if found is None else found:
        strange.setdefault(one.name, []).append(one.short)
    return [
        _one(
            seen,
            now,
            account,
            looked[name],
            sign_ups=tuple(by_name.get(name, ())),
            strange=tuple(strange.get(name, ())),
        )
        for name, account in sorted(seen.students.items())
    ]


def _one(
    seen: Survey,
    now: Live,
    account: Account,
    home: Home,
    *,
    sign_ups: tuple[SignUp, ...],
    strange: tuple[str, ...],
) -> CourseAccount:
    user, row = now.hub.get(account.name), seen.users.get(account.name)
    running = tuple(now.processes.get(account.uid, ()))
    state, active = "", row.last_activity if row else None
    if user is not None:
        active = user.last_activity or active
        for each in user.servers:
            state = each.pending or "running"
            active = each.last_activity or active
    elif not now.asked and any(process.is_server for process in running):
        state = "running"
    return CourseAccount(
        account=account,
        home=home,
        sign_ups=sign_ups,
        in_roster=account.name in seen.roster,
        size=now.sizes.bytes.get(account.home.name) if now.sizes else None,
        size_at=now.sizes.taken if now.sizes else None,
        processes=running,
        server=state,
        last_activity=active,
        drift=strange,
    )
