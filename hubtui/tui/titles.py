"""How sheets and numbers of things are called on the screen."""

from __future__ import annotations

from collections.abc import Sequence

from hubtui.release.push import called as title

__all__ = ["count", "listed", "title"]


def count(number: int, noun: str) -> str:
    """``1 file``, ``2 files``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def listed(names: Sequence[str], most: int) -> str:
    """The first of some names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(title(name) for name in names[:most]) + more
