"""How sheets and numbers of things are called on the screen."""

from __future__ import annotations

from collections.abc import Sequence

from hubtui.release.chosen import called as title
from hubtui.units import counted as count

__all__ = ["count", "listed", "title"]


def listed(names: Sequence[str], most: int) -> str:
    """The first of some names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(title(name) for name in names[:most]) + more
