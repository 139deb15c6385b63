"""Where hub, account, home and roster disagree; docs/accounts.md has the list."""

from __future__ import annotations

from collections.abc import Sequence

from hubtui.server.accounts import Account
from hubtui.server.homes import Home, Kind
from hubtui.server.hubdb import SignUp
from hubtui.students import Survey


def drift(
    seen: Survey, account: Account, home: Home, sign_ups: Sequence[SignUp]
) -> tuple[str, ...]:
    """All that is not as it should be, in words."""
    found = list(grave(seen, account, home))
    if home.kind is Kind.FOLDER and home.uid == account.uid and home.open_to_others:
        found.append(f"home open to others ({home.mode:04o})")
    if seen.course.accounts.roster is not None and account.name not in seen.roster:
        found.append("not in the roster")
    if account.name not in seen.group_members:
        found.append(f"not in the group {seen.course.accounts.group}")
    if len(sign_ups) > 1:
        found.append("two sign-ups of this name")
    return tuple(found)


def grave(seen: Survey, account: Account, home: Home) -> tuple[str, ...]:
    """What keeps a student from working, or lets somebody be who they are not."""
    found = []
    if home.kind is Kind.MISSING:
        found.append("home missing")
    elif home.kind is not Kind.FOLDER:
        found.append(f"home is not a folder ({home.kind})")
    elif home.uid != account.uid:
        found.append(f"home belongs to uid {home.uid}")
    if account.uid in seen.sharers:
        found.append("shares its uid with another account")
    if group := seen.power_of(account):
        found.append(f"in the group {group}")
    return tuple(found)
