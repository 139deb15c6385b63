"""Sizes as people read them."""

from __future__ import annotations


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
