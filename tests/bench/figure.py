"""One line of the table of measurements."""

from __future__ import annotations

from typing import NamedTuple


class Figure(NamedTuple):
    """One line of the table."""

    name: str
    ours: float
    most: float | None
    """The budget; None where there is none."""
    theirs: float | None = None
    """The minimal app's, where it has one."""

    @property
    def kept(self) -> bool:
        """Whether it is within its budget."""
        return self.most is None or self.ours <= self.most
