"""/etc/shadow, which root alone can read: who is locked, and who expires when."""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

from hubtui.errors import StateError
from hubtui.server.accounts import SHADOW

_EPOCH = date(1970, 1, 1)


class Shadow(NamedTuple):
    """One line of it, without its secret."""

    locked: bool
    """The password begins with ``!``: what ``usermod -L`` puts before it."""
    expires: str
    """The day of expiry (days since 1970) as it stands there; empty where there is none."""
    changed: date | None
    """When the password was last changed: the account is not younger than that."""
    empty: bool = False
    """Nothing stands behind the ``!``: an account that never had a password, not one locked."""


def read_shadow() -> dict[str, Shadow]:
    """Every line by name. Raises StateError where it cannot be read."""
    try:
        text = SHADOW.read_text("utf-8", "surrogateescape")
    except OSError as e:
        raise StateError(f"{SHADOW} cannot be read: {e.strerror}.") from e
    found: dict[str, Shadow] = {}
    for line in text.splitlines():
        name, *rest = line.split(":")
        if len(rest) >= 7:
            locked, empty = rest[0].startswith("!"), not rest[0].strip("!")
            found.setdefault(name, Shadow(locked, rest[6], _day(rest[1]), empty))
    return found


def _day(text: str) -> date | None:
    """Nothing for 0, which asks for a new password, and for what is no number of days."""
    return _EPOCH + timedelta(int(text)) if text.isdecimal() and 0 < int(text) < 10**6 else None
