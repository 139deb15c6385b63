"""The hub that runs here: its process, and what is installed in its environment.

Everything is read from /proc and from the names of folders; nothing of the hub is executed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from hubtui.reads.hubconfig import HubConfig, read_config
from hubtui.server import hubprocess

USUAL_CONFIGS = (
    Path("/etc/jupyterhub", hubprocess.CONFIG),
    Path("/srv/jupyterhub", hubprocess.CONFIG),
    Path("/opt/jupyterhub/etc/jupyterhub", hubprocess.CONFIG),
)
_FIRST_PERSON = 1000
_DISTRIBUTION = re.compile(
    r"([A-Za-z][A-Za-z_.-]*?)-([0-9][^-]*)(?:-py[0-9.]+)?\.(?:dist|egg)-info"
)
_PACKAGES = (
    "lib/python3*/site-packages",
    "lib/python3*/dist-packages",
    "local/lib/python3*/dist-packages",
)


@dataclass(frozen=True)
class HubProcess:
    """One running hub. What may not be seen without root is None or empty."""

    pid: int
    uid: int
    words: tuple[str, ...]
    """Its command line."""
    cwd: Path | None
    log: Path | None
    """The file that its output goes to, if that is a file."""

    @property
    def config(self) -> Path | None:
        """The configuration file that it was started with."""
        return hubprocess.config_of(self.words, self.cwd)


def find() -> HubProcess | None:
    """The oldest process of root or a system account that is a hub by what was started.

    By its name alone a hub would be missed that was started as ``python3 …/bin/jupyterhub``, and a
    student could give that name to a set-uid program by a link (``./jupyterhub`` → sudo), with a
    command line and a folder of choice: all its uids have to agree, and it has to be a Python.
    """
    found: list[tuple[float, HubProcess]] = []
    for process in psutil.process_iter():
        try:
            is_hub = hubprocess.is_program(process.pid, hubprocess.HUB)
            if not is_hub or process.status() == psutil.STATUS_ZOMBIE:
                continue
            uids = process.uids()
            if len(set(uids)) > 1 or uids.real >= _FIRST_PERSON or not _is_ours(process):
                continue
            cwd, log = _places(process)
            words = tuple(process.cmdline())
            hub = HubProcess(pid=process.pid, uid=uids.real, words=words, cwd=cwd, log=log)
            found.append((process.create_time(), hub))
        except (psutil.Error, OSError):
            continue
    return min(found, key=lambda pair: pair[0])[1] if found else None


def config_of(process: HubProcess | None) -> HubConfig | None:
    """The configuration of that hub; without one, of the usual places. None: there is none."""
    places = [process.config] if process and process.config else []
    also = (process.uid,) if process else ()
    words = process.words if process else ()
    for path in [*places, *USUAL_CONFIGS]:
        if path.exists():
            return read_config(path, also=also, arguments=words)
    return None


def installed(process: HubProcess) -> dict[str, str]:
    """Name (with ``_``) and version of what begins with jupyterhub in the hub's environment."""
    found: dict[str, str] = {}
    for prefix in prefixes(process):
        for pattern in _PACKAGES:
            for info in prefix.glob(f"{pattern}/jupyterhub*-info"):
                if match := _DISTRIBUTION.fullmatch(info.name):
                    found.setdefault(re.sub(r"[-.]", "_", match[1]).lower(), match[2])
    return found


def prefixes(process: HubProcess) -> Iterator[Path]:
    """Where its packages may lie: beside the interpreter and the script that were started."""
    for word in process.words[:2]:
        path = Path(word)
        if path.is_absolute() and path.parent.name in ("bin", "sbin"):
            yield path.parent.parent


def number(version: str) -> tuple[int, ...]:
    """``5.5.4`` → (5, 5): enough to compare; empty where it is no version."""
    return tuple(int(part) for part in re.findall(r"[0-9]+", version)[:2])


def _is_ours(process: psutil.Process) -> bool:
    """A Python, and not in a container, whose paths are not ours. Without root: perhaps."""
    try:
        space = Path(f"/proc/{process.pid}/ns/pid").readlink()
        is_python = Path(process.exe()).name.startswith(("python", "pypy"))
    except (psutil.AccessDenied, PermissionError):
        return True
    return is_python and space == Path("/proc/self/ns/pid").readlink()


def _places(process: psutil.Process) -> tuple[Path | None, Path | None]:
    try:
        cwd = Path(process.cwd())
        out = Path(f"/proc/{process.pid}/fd/1").readlink()
    except (psutil.AccessDenied, PermissionError):
        return None, None
    return cwd, out if out.is_absolute() and out.is_file() else None
