"""systemd, where it runs this machine: what a unit says of itself."""

from __future__ import annotations

from pathlib import Path

from hubtui.server.run import Run

BOOTED = Path("/run/systemd/system")
"""There where systemd runs this machine: sd_booted(3)."""


def is_running() -> bool:
    """Whether systemd is process 1 here."""
    return BOOTED.is_dir()


def show(run: Run, unit: str, *properties: str, timeout: float = 5.0) -> dict[str, str]:
    """Properties of a unit; empty where systemd does not run or does not answer.

    Raises CommandFailed only where systemctl takes longer than ``timeout`` seconds.
    """
    if not is_running():
        return {}
    argv = ["systemctl", "show", f"--property={','.join(properties)}", "--", unit]
    result = run(argv, timeout=timeout)
    if result.code:
        return {}
    pairs = (line.partition("=") for line in result.out.splitlines())
    return {name: value for name, _, value in pairs if name in properties}
