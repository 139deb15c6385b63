"""A command line read without click, for the verbs whose start may cost nothing."""

from __future__ import annotations

from collections.abc import Sequence


def split(argv: Sequence[str]) -> tuple[str | None, list[str]]:
    """What --config names, None without one; and the other words."""
    rest, config, said = list(argv), None, list[str]()
    while rest:
        word = rest.pop(0)
        if word == "--config" and rest:
            config = rest.pop(0)
        elif word.startswith("--config="):
            config = word.partition("=")[2]
        else:
            said.append(word)
    return config, said
