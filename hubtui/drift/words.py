"""How a drift is said: whose it is, and the command that mends it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from hubtui.drift.records import Code
from hubtui.names import shown
from hubtui.server.accounts import Account


def who(name: str) -> str:
    """A name in a sentence: safe to show."""
    return shown(name, 40)


def repair(code: Code, name: str) -> str:
    """Mends it, or shows the choices; by its code where the name could not be pasted."""
    if shown(name) != name or len(name) > 200 or name.startswith("-"):
        return f"sudo hubtui accounts repair {code}"
    return f"sudo hubtui accounts repair {shlex.quote(name)}"


def account_of(account: Account) -> str:
    """``uid 20001, /home/anna``."""
    return f"uid {account.uid}, {shown(str(account.home), 60)}"


def some(names: Iterable[str]) -> str:
    """The first three, and how many there are more."""
    every = [shown(name, 60) for name in names]
    more = f" and {len(every) - 3} more" if len(every) > 3 else ""
    return ", ".join(every[:3]) + more
