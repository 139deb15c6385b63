"""Sizes and lengths of time as people read them."""

from __future__ import annotations

_UNITS = (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "", 60))


def megabytes(count: int | None) -> str:
    """``12 MB``, ``1.4 GB``, ``80 B``; empty where it is not known."""
    if count is None:
        return ""
    if count >= 10**9:
        return f"{count / 1e9:.1f} GB"
    if count >= 10**6:
        return f"{count / 1e6:.0f} MB"
    return f"{count / 1e3:.0f} kB" if count >= 1000 else f"{count} B"


def counted(number: int, noun: str) -> str:
    """``1 student``, ``2 students``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def seconds(length: float) -> str:
    """``12 s``, ``4 min``, ``3 h``, ``2 d``."""
    whole = max(0, int(length))
    unit, size = next(((unit, size) for unit, size, *_ in _UNITS if whole >= size), ("s", 1))
    return f"{whole // size} {unit}"


def in_two_units(length: float) -> str:
    """Of seconds ``45 s``, ``14 min``, ``3 h 20 min``, ``2 d 3 h``: two units at most."""
    whole = max(0, int(length))
    for unit, size, smaller, width in _UNITS:
        if whole >= size:
            first, rest = whole // size, whole % size // width
            return f"{first} {unit} {rest} {smaller}" if rest else f"{first} {unit}"
    return f"{whole} s"
