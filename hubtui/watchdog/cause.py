"""The words and records of causes: what catalogue, causes and naming share."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

CERTAIN: Final = 3
"""The line names the cause itself."""
LIKELY: Final = 2
"""It may as well be what came of another."""
HINT: Final = 1
"""It counts where nothing else is written."""


class Sign(Struct, frozen=True):
    """What a log says: a regular expression, and how much it weighs.

    It begins with plain text, which makes looking for it a hundred times faster.
    """

    pattern: str
    weight: int = CERTAIN


class Cause(Struct, frozen=True, kw_only=True):
    """One reason for which a hub is away, or does not work."""

    id: str
    """Stable: it is written into incidents."""
    title: str
    sentence: str
    """What happened, as one sentence."""
    do: str
    """What cures it for good."""
    switch_on: str = ""
    """What would show more the next time."""
    curable: bool = True
    """Whether a restart can bring the hub back."""
    works_not: bool = False
    """Whether its lines mean that a hub that answers does not work all the same."""
    signs: tuple[Sign, ...] = ()


class Named(Struct, frozen=True, kw_only=True):
    """What the evidence says."""

    cause: str
    """Of CAUSES; empty: nothing that was seen explains it."""
    why: tuple[str, ...]
    """What speaks for it, or what was looked at in vain: sentences that are safe to show."""
    sure: bool
    switch_on: str = ""
    """What would show more the next time."""
