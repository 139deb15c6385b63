"""Commands to one's own clipboard, through the terminal (OSC 52)."""

from __future__ import annotations

from typing import Any

from textual.screen import Screen

from hubtui.names import shown


def command(do: str) -> str:
    """What can be pasted of what is to be done: ``sudo reboot`` of ``At night: sudo reboot``.

    Sentences, which end with a full stop, are none.
    """
    lines = (line.rpartition(": ")[2].strip() for line in do.splitlines())
    return "\n".join(line for line in lines if line and not line.endswith("."))


def copy(screen: Screen[Any], do: str) -> None:
    """Copy the commands of what is to be done, and say so."""
    said = "There is no command to copy."
    if found := command(do):
        screen.app.copy_to_clipboard(found)
        said = f"Copied: {shown(found, limit=60)}"
    screen.app.notify(said, markup=False, timeout=2)
