"""How sheets and numbers of things are called on the screen."""

from __future__ import annotations

from collections.abc import Sequence

from hubtui.release.chosen import called as title
from hubtui.units import counted as count

__all__ = ["count", "first_of", "listed", "title"]


def listed(sheets: Sequence[str], most: int) -> str:
    """The first of some sheets, and how many more there are."""
    return first_of([title(sheet) for sheet in sheets], most)


def first_of(said: Sequence[str], most: int) -> str:
    """The same of things in words that are safe to show."""
    more = f" and {len(said) - most} more" if len(said) > most else ""
    return ", ".join(said[:most]) + more
