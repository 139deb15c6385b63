"""``hubtui demo`` as seen from outside: may it run here, where, in which sandbox; and the end."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
import termios
from collections.abc import Iterator, Sequence
from pathlib import Path

from hubtui.demo import sandbox
from hubtui.demo.sandbox import VARIABLE, Kind
from hubtui.errors import Refused

LIVE_PORTS = (8000, 8081)  # a hub's own defaults: the proxy's, and its own
SPACE = 10**9  # bytes
COURSE = Path("/etc/hubtui")
APP = (sys.executable, "-P", "-m", "hubtui", "--config", "{config}")

_LISTEN = "0A"
_LOCAL = ("0100007F", "00000000", "0" * 32, "0000000000000000FFFF00000100007F")
# Leave the other screen; show the cursor; no mouse, no bracketed paste.
_RESET = "\x1b[?1049l\x1b[?25h\x1b[?1000l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[0m"


def run(
    folder: Path | None,
    keep: bool,
    force: bool,
    class_size: int = 30,
    app: Sequence[str] = APP,
) -> int:
    """Play the demo in the foreground and return the app's exit code.

    ``folder`` must be new or empty; without one a fresh one is made below $TMPDIR. It is removed
    afterwards unless ``keep``. ``app`` is what runs in the sandbox; ``{config}`` in it becomes the
    path of the course.yaml there. Raises Refused beside a live hub, an existing /etc/hubtui or
    with less than 1 GB free, unless ``force``.
    """
    kind = sandbox.find_kind()
    _refuse_always(folder, kind)
    if not force:
        _refuse_unless_told(folder)
    if folder is None:
        folder = Path(tempfile.mkdtemp(prefix="hubtui-demo-"))
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    _say(f"The demo lives in {folder}{'' if keep else ' and removes it when you leave'}.")
    _say(f"It runs {kind.what}: this machine's own /etc and /home stay as they are.")
    for sentence in filter(None, (kind.cannot, _closed(kind))):
        _say(sentence)
    stage = [sys.executable, "-P", "-m", "hubtui.demo.stage", "--students", str(class_size)]
    if not kind.unshare:
        stage += ["--root", str(folder)]
    with _terminal_restored():
        code = sandbox.run(folder, [*stage, "--", *app], kind, remove=not keep)
    _say(f"Everything is stopped; {folder} is {'kept' if keep else 'removed'}.")
    return code


def _refuse_always(folder: Path | None, kind: Kind) -> None:
    if not kind.unshare and os.geteuid() == 0:
        raise Refused(
            "The demo as root needs a mount namespace, which this machine does not allow (unshare "
            "--mount fails): run it as an ordinary user, or on another machine."
        )
    if folder is not None and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Refused(f"{folder} is not an empty folder: name a new one for the demo.")


def _refuse_unless_told(folder: Path | None) -> None:
    if COURSE.exists():
        raise Refused(
            f"{COURSE} exists: this machine has a course, and the demo stays away from it; "
            "--force starts it all the same."
        )
    if where := _live_hub():
        raise Refused(f"A hub seems to run here ({where}); --force starts the demo all the same.")
    below = folder if folder is not None else Path(tempfile.gettempdir())
    while not below.exists():
        below = below.absolute().parent
    free = shutil.disk_usage(below).free
    if free < SPACE:
        raise Refused(
            f"{below} has {free / 1e9:.1f} GB free and the demo wants 1 GB: name a folder "
            "elsewhere with --folder, or start it all the same with --force."
        )


def _live_hub() -> str | None:
    """What looks like a hub that is not a demo's, in words."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            comm = (process / "comm").read_text().strip()
            ended = not (process / "cmdline").read_bytes()  # and nobody has asked how yet
            named = comm == "jupyterhub" or comm.startswith("jupyterhub-")
            if named and not ended and not _is_elsewhere(process):
                environ = b""
                with contextlib.suppress(PermissionError):
                    environ = (process / "environ").read_bytes()
                if f"{VARIABLE}=".encode() not in environ:
                    return f"process {process.name}, {comm}"
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for row in Path("/proc/net", table).read_text().splitlines()[1:]:
                _, local, _, state, *_ = row.split()
                address, port = local.split(":")
                if state == _LISTEN and address in _LOCAL and int(port, 16) in LIVE_PORTS:
                    return f"something listens on port {int(port, 16)}"
    return None


def _is_elsewhere(process: Path) -> bool:
    """Whether it has processes of its own kind around it, in a container or another sandbox."""
    with contextlib.suppress(PermissionError):
        return (process / "ns/pid").readlink() != Path("/proc/self/ns/pid").readlink()
    return False


def _closed(kind: Kind) -> str:
    """A sentence if students' uids cannot run the interpreter, whatever the sandbox does."""
    if kind.name not in ("root", "uidmap"):
        return ""
    for place in (Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable)):
        if not place.stat().st_mode & 0o001:
            return (
                f"Students' notebook servers can't start: {place} is closed to other users "
                f"(chmod o+rx -R {place} opens it)."
            )
    return ""


@contextlib.contextmanager
def _terminal_restored() -> Iterator[None]:
    """Give the terminal back as it was, even when the app was killed."""
    try:
        before = termios.tcgetattr(0)
    except termios.error:
        yield
        return
    try:
        yield
    finally:
        with contextlib.suppress(termios.error, OSError):
            if termios.tcgetattr(0) != before:
                termios.tcsetattr(0, termios.TCSADRAIN, before)
                os.write(0, _RESET.encode())


def _say(line: str) -> None:
    with contextlib.suppress(OSError):  # the terminal may be gone
        print(line, flush=True)  # noqa: T201
