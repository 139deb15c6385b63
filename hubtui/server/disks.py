"""Filesystems as ``df`` sees them: a mount that does not answer holds up a child process alone.

statvfs() of a dead network disk, or of a FUSE that hangs, cannot be broken off: a thread that waits
in it would keep even our own end waiting. So df is asked, once for each path, all at once; one that
does not answer is left behind, and not asked again before it has ended.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

_COLUMNS = "size,avail,itotal,iavail,target"
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
_stuck: dict[Path, subprocess.Popen[bytes]] = {}


class Disk(Struct, frozen=True, kw_only=True):
    """One filesystem; sizes in bytes."""

    mount: str
    """Where it begins: any text."""
    size: int
    free: int
    """For students: without what is kept back for root."""
    inodes: int
    """0 where the filesystem has no fixed number of them."""
    inodes_free: int
    read_only: bool


class Seen(Struct, frozen=True, kw_only=True):
    """What came of asking."""

    disks: tuple[Disk, ...]
    """Each filesystem once, in the order of the paths that were asked for."""
    silent: tuple[Path, ...] = ()
    """Paths for which df did not answer in time."""
    odd: tuple[tuple[Path, str], ...] = ()
    """Paths that df cannot say anything of, and its words."""


def look(paths: Iterable[Path], *, timeout: float = 2.0) -> Seen:
    """The filesystems that hold these paths; what does not exist is left out."""
    until = time.monotonic() + timeout
    asked = {path: _ask(path) for path in dict.fromkeys(paths)}
    read_only = _read_only()
    disks: dict[str, Disk] = {}
    silent, odd = [], []
    for path, process in asked.items():
        try:
            out, err = process.communicate(timeout=max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()  # it ends once the mount answers
            _stuck[path] = process
            silent.append(path)
            continue
        _stuck.pop(path, None)
        found = _parsed(out.decode("utf-8", "replace"), read_only)
        if found is not None:
            disks.setdefault(found.mount, found)
        elif b"No such file" not in err:
            odd.append((path, err.decode("utf-8", "replace").strip()))
    return Seen(disks=tuple(disks.values()), silent=tuple(silent), odd=tuple(odd))


def _ask(path: Path) -> subprocess.Popen[bytes]:
    before = _stuck.get(path)
    if before is not None and before.poll() is None:
        return before
    return subprocess.Popen(
        ["/usr/bin/df", "--block-size=1", f"--output={_COLUMNS}", "--", str(path)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_ENVIRONMENT,
        cwd="/",
        start_new_session=True,
    )


def _parsed(out: str, read_only: frozenset[str]) -> Disk | None:
    with suppress(ValueError, IndexError):
        size, free, inodes, inodes_free, mount = out.split("\n")[1].split(None, 4)
        return Disk(
            mount=mount,
            size=int(size),
            free=int(free),
            inodes=_number(inodes),
            inodes_free=_number(inodes_free),
            read_only=mount in read_only,
        )
    return None


def _number(text: str) -> int:
    return 0 if text == "-" else int(text)


def _read_only() -> frozenset[str]:
    """Where what is mounted cannot be written: by the mount's own options or its filesystem's."""
    found: dict[str, bool] = {}
    with suppress(OSError):
        for line in Path("/proc/self/mountinfo").read_text("utf-8", "replace").splitlines():
            words, _, rest = line.partition(" - ")
            *_, target, options = words.split()[:6]
            options_of_all = rest.split()[-1] if rest else ""
            name = (
                target.encode()
                .decode("unicode_escape")
                .encode("latin-1")
                .decode("utf-8", "replace")
            )
            found[name] = "ro" in [*options.split(","), *options_of_all.split(",")]
    return frozenset(name for name, is_so in found.items() if is_so)
