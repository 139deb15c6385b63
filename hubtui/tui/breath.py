"""What keeps the event loop free where there is much: the garbage collector kept away, a breath."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

MANY = 1000
"""Rows from which on something is done about it."""
BREATH = 0.03
"""Seconds between a frame and so many rows in it: keys are read meanwhile."""


@contextmanager
def uncollected() -> Iterator[None]:
    """Nothing is looked through meanwhile. It would find nothing: records are no cycles."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def keep(count: int) -> None:
    """Where so many records were made, they are not looked through again and again."""
    if count > MANY:
        gc.freeze()
