"""The inner half of the sandbox: mounts, then process 1. Started by ``sandbox.command`` alone."""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import pwd
import shutil
import signal
import stat
import sys
import time
from pathlib import Path
from typing import NamedTuple

from hubtui.demo.attend import attend, hold_signals, spawn
from hubtui.demo.etc import populate
from hubtui.demo.sandbox import MARKER, VARIABLE, split_command

BACKED = ("etc", "home", "root", "srv", "tmp", "var")  # each a folder below the sandbox's own
MEMORY = {"/run": 0o755, "/dev/shm": 0o1777}  # noqa: S108 - empty at each start, as on a machine
PATIENCE = 8.0  # seconds between a TERM for the command and its KILL
FOREIGN = ("TMPDIR", "DBUS_SESSION_BUS_ADDRESS", "IPYTHONDIR", "MAIL", "OLDPWD")
FOREIGN_BEGIN = ("XDG_", "JUPYTER", "SSH_")

_MS_BIND, _MS_REC, _MS_NOSUID, _MS_NODEV, _MNT_DETACH = 4096, 16384, 2, 4, 2
_libc = ctypes.CDLL(None, use_errno=True)


class View(NamedTuple):
    """A file or folder of the machine that stays visible: its path, and a handle on it."""

    path: Path
    handle: int


def enter(folder: Path, seen: list[Path], kind: str) -> list[Path]:
    """Cover the machine's folders by those below ``folder``, but keep ``seen`` visible.

    ``seen`` stays where it was and becomes reachable for every uid: folders above it that are
    closed to others are covered as well. Returns the paths that were mounted back. Raises OSError
    where the kernel refuses a mount.
    """
    links, ends = _resolve(seen)
    views = [View(path, os.open(path, os.O_PATH | os.O_CLOEXEC)) for path in ends]
    populate(folder, _owners(ends))
    own = os.open(folder, os.O_PATH | os.O_CLOEXEC)
    for path in _closed_above(ends):
        _tmpfs(path, 0o755)
    for name in BACKED:
        if Path("/", name).is_dir():
            _mount(f"/proc/self/fd/{own}/{name}", f"/{name}", flags=_MS_BIND | _MS_REC)
    for memory, mode in MEMORY.items():
        if Path(memory).is_dir():
            _tmpfs(Path(memory), mode)
    views.sort(key=lambda one: len(one.path.parts))
    shown = [view.path for view in views if _show(view)]
    for view in views:
        os.close(view.handle)
    os.close(own)
    for link, target in links.items():
        if not os.path.lexists(link):
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(target)
    with contextlib.suppress(FileExistsError):
        Path("/run/lock").mkdir()
    Path("/run/lock").chmod(0o1777)
    MARKER.write_text(f"{kind}\n")
    return shown


def _resolve(paths: list[Path]) -> tuple[dict[Path, Path], list[Path]]:
    """The symbolic links on the way to ``paths``, and where the ways end."""
    links: dict[Path, Path] = {}
    ends: set[Path] = set()
    for path in paths:
        rest, here = list(reversed(path.absolute().parts[1:])), Path("/")
        while rest:
            part = rest.pop()
            step = here.parent if part == ".." else here / part
            if step.is_symlink():
                target = links[step] = step.readlink()
                if target.is_absolute():
                    here = Path("/")
                rest += reversed([one for one in target.parts if one != "/"])
            else:
                here = step
        ends.add(here)
    covered = [Path("/", name) for name in BACKED]
    # What holds a covered folder (a prefix of "/") cannot be put back over it.
    return links, [end for end in ends if not any(one.is_relative_to(end) for one in covered)]


def _owners(paths: list[Path]) -> list[tuple[str, str]]:
    """Accounts of people whose home holds one of ``paths``."""
    return [
        (entry.pw_name, entry.pw_dir)
        for entry in pwd.getpwall()
        if entry.pw_uid >= 1000 and any(path.is_relative_to(entry.pw_dir) for path in paths)
        if Path(entry.pw_dir).parent != Path("/")
    ]


def _closed_above(paths: list[Path]) -> list[Path]:
    """The outermost folders above ``paths`` that others may not pass, beyond those covered."""
    closed: set[Path] = set()
    for path in paths:
        for above in reversed(path.parents):
            if above.parts[1:2] and above.parts[1] in BACKED:
                break
            if not above.stat().st_mode & stat.S_IXOTH:
                closed.add(above)
                break
    return sorted(closed)


def _show(view: View) -> bool:
    """Mount it back, unless it is still to be seen there."""
    wanted = os.fstat(view.handle)
    with contextlib.suppress(OSError):
        if os.path.samestat(view.path.stat(), wanted):
            return False
    above = [one for one in reversed(view.path.parents) if not one.exists()]
    for folder in above:
        folder.mkdir()
        folder.chmod(0o755)
    if stat.S_ISDIR(wanted.st_mode):
        view.path.mkdir(exist_ok=True)
    else:
        view.path.touch()
    _mount(f"/proc/self/fd/{view.handle}", str(view.path), flags=_MS_BIND | _MS_REC)
    return True


def _tmpfs(path: Path, mode: int) -> None:
    _mount("tmpfs", str(path), "tmpfs", _MS_NOSUID | _MS_NODEV, f"mode={mode:o}")


def _mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    # mount(8) would not take a handle for a source; mount(2) does.
    done = _libc.mount(
        os.fsencode(source), os.fsencode(target), kind.encode(), flags, options.encode()
    )
    if done != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), target)


def environment(kind: str) -> dict[str, str]:
    """The caller's environment without what points at files that are hidden now."""
    env = {
        name: value
        for name, value in os.environ.items()
        if name not in FOREIGN and not name.startswith(FOREIGN_BEGIN)
    }
    path = env.get("PATH", "/usr/bin:/bin").split(":")
    path += [one for one in ("/usr/local/sbin", "/usr/sbin", "/sbin") if one not in path]
    env |= {"PATH": ":".join(path), "HOME": "/root", "USER": "root", "LOGNAME": "root"}
    return env | {VARIABLE: kind}


def _run(command: list[str], env: dict[str, str]) -> int:
    try:
        child = spawn(command, env, blocked=frozenset())
    except OSError as error:
        print(f"{command[0]!r} can't be started: {error.strerror}.", file=sys.stderr)  # noqa: T201
        return 127
    return attend(child, target=lambda: child, patience=PATIENCE, reap_all=True)


def _end_everyone() -> None:
    """Kill and collect all that is left in the sandbox."""
    patient_until = time.monotonic() + 10
    while time.monotonic() < patient_until:
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.01)


def _remove(name: str, parent: int, shown: list[Path]) -> None:
    """Remove the folder from inside, where nobody's files are foreign."""
    for path in reversed(shown):  # what is mounted back must neither be emptied nor in the way
        if _libc.umount2(os.fsencode(path), _MNT_DETACH) != 0:
            return
    shutil.rmtree(name, ignore_errors=True, dir_fd=parent)


def main() -> int:
    """Process 1: ``--kind KIND [--remove] [--see PATH…] FOLDER -- COMMAND…``."""
    hold_signals()
    parser = argparse.ArgumentParser(prog="hubtui.demo.inside")
    parser.add_argument("--kind", required=True)
    parser.add_argument("--remove", action="store_true")
    parser.add_argument("--see", type=Path, action="append", default=[])
    parser.add_argument("folder", type=Path)
    words, command = split_command(sys.argv[1:])
    options = parser.parse_args(words)
    here = Path.cwd()
    options.folder.mkdir(parents=True, exist_ok=True)
    parent = os.open(options.folder.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    shown: list[Path] = []
    try:
        shown += enter(options.folder, options.see, options.kind)
        os.chdir(here if here.is_dir() else "/")
        return _run(command, environment(options.kind))
    except OSError as error:
        print(f"The sandbox could not be made: {error}.", file=sys.stderr)  # noqa: T201
        return 125
    finally:
        _end_everyone()
        if options.remove:
            _remove(options.folder.name, parent, shown)


if __name__ == "__main__":
    sys.exit(main())
