"""A machine of its own below one folder: /etc, /home, /root, /srv, /var, /run and /tmp.

Everything runs unchanged in a private mount and process namespace; the machine's own files of
those folders are neither seen nor touched, and nothing that was started in it outlives it.

    python -m hubtui.demo.sandbox FOLDER [--kind KIND] -- COMMAND…

What was measured about the kinds: root, 0.2 s; an ordinary user with newuidmap and sub-uids sees
the same; with one uid the owners of files cannot be shown; without namespaces sign-ups only.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from hubtui.demo.attend import FORWARDED, attend, hold_signals, spawn
from hubtui.errors import Refused

MARKER = Path("/run/hubtui-sandbox")  # holds the kind; a sandbox has it, a machine never
VARIABLE = "HUBTUI_SANDBOX"
_NAMESPACES = ("--mount", "--pid", "--fork", "--mount-proc")


class Kind(NamedTuple):
    """One way to make a sandbox."""

    name: str
    what: str
    cannot: str  # one sentence on what it can't show; empty where it shows everything
    unshare: tuple[str, ...]  # the arguments; empty: no namespaces at all


kinds: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("root", "as root in a private mount namespace", "", _NAMESPACES),
        Kind(
            "uidmap",
            "as an ordinary user in a user namespace with sub-uids",
            "",
            ("--map-root-user", "--map-auto", *_NAMESPACES),
        ),
        Kind(
            "one-uid",
            "as an ordinary user in a user namespace with one uid",
            "All files belong to one uid here: sign-ups, names and plans are real, but no sheets "
            "can be handed out, and approving stops where a home would get its owner (as root or "
            "with the package uidmap both go through).",
            ("--map-root-user", *_NAMESPACES),
        ),
        Kind(
            "none",
            "without namespaces, which this machine does not allow",
            "Only sign-ups can be shown: without namespaces accounts can't be made, nor sheets "
            "handed out.",
            (),
        ),
    )
}


def works(kind: Kind) -> bool:
    """Whether this machine lets us make a sandbox of this kind; found by trying."""
    if not kind.unshare:
        return True
    if kind.name == "root" and os.geteuid() != 0:
        return False
    try:
        tried = subprocess.run(
            ["unshare", *kind.unshare, "true"],  # noqa: S607 - as found by the caller's PATH
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return tried.returncode == 0


def find_kind() -> Kind:
    """The kind that shows most of those that work here."""
    return next(kind for kind in kinds.values() if works(kind))


def command(folder: Path, argv: Sequence[str], kind: Kind, *, remove: bool = False) -> list[str]:
    """What to run, so that ``argv`` runs in a sandbox below ``folder``.

    With ``remove`` the folder is emptied from inside at the end: homes belong to sub-uids that
    the caller may not touch. The sandbox ends when the process that runs this is gone.
    """
    if not kind.unshare:
        return ["setpriv", "--pdeathsig", "TERM", *argv]
    inside = [sys.executable, "-P", "-m", "hubtui.demo.inside", "--kind", kind.name]
    if remove:
        inside.append("--remove")
    for path in _needed():
        inside += ["--see", str(path)]
    ended_by_us = ["setpriv", "--pdeathsig", "KILL", "unshare", *kind.unshare, "--kill-child=TERM"]
    return [*ended_by_us, "--", *inside, str(folder.absolute()), "--", *argv]


def run(folder: Path, argv: Sequence[str], kind: Kind, *, remove: bool = False) -> int:
    """Run ``argv`` in a sandbox in the foreground and return its exit code.

    TERM, HUP and INT go to the command; when it ends, everything in the sandbox ends. Raises
    Refused where a program that is needed is missing.
    """
    env = dict(os.environ)
    if not kind.unshare:
        env[VARIABLE] = kind.name
    before = hold_signals()
    try:
        # With these blocked the outer unshare survives a hang-up, and process 1 inside loses no
        # signal that comes before it listens.
        blocked = FORWARDED if kind.unshare else frozenset()
        child = spawn(command(folder, argv, kind, remove=remove), env, blocked=blocked)
        target = _first_child(child) if kind.unshare else lambda: child
        return attend(child, target=target)
    except FileNotFoundError as missing:
        raise Refused(f"{missing.filename} is not installed here.") from None
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if remove:
            shutil.rmtree(folder, ignore_errors=True)


def _needed() -> list[Path]:
    """What must be seen inside under its own path: interpreter, packages and this source."""
    source = Path(__file__).resolve().parents[1]
    checkout = source.parent
    return [
        Path(sys.executable),
        Path(sys.prefix),
        Path(sys.base_prefix),
        checkout if (checkout / "pyproject.toml").is_file() else source,
    ]


def _first_child(unshare: int) -> Callable[[], int | None]:
    """Process 1 of the sandbox, as it is numbered outside."""

    def find() -> int | None:
        for _ in range(100):
            try:
                found = Path(f"/proc/{unshare}/task/{unshare}/children").read_text().split()
            except OSError:
                return None
            if found:
                return int(found[0])
            time.sleep(0.01)
        return None

    return find


def split_command(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words before the first ``--``, and the command behind it, whatever that holds."""
    # argparse would take a second -- out of the command, which one depends on its version.
    if "--" not in words:
        return list(words), []
    at = list(words).index("--")
    return list(words[:at]), list(words[at + 1 :])


def main() -> int:
    """``python -m hubtui.demo.sandbox FOLDER [--kind KIND] -- COMMAND…``."""
    parser = argparse.ArgumentParser(prog="python -m hubtui.demo.sandbox")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kind", choices=kinds)
    parser.add_argument("--remove", action="store_true", help="remove the folder at the end")
    words, argv = split_command(sys.argv[1:])
    options = parser.parse_args(words)
    if not argv:
        parser.error("a command is missing: FOLDER -- COMMAND…")
    kind = kinds[options.kind] if options.kind else find_kind()
    try:
        return run(options.folder, argv, kind, remove=options.remove)
    except Refused as refused:
        print(refused, file=sys.stderr)  # noqa: T201
        return refused.exit_code


if __name__ == "__main__":
    sys.exit(main())
