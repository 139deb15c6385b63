"""The state of now and the samples of the last hours: in /run, so that a full disk stops nothing.

Written by the check alone, read by everybody without a lock. A file that cannot be read counts as
none: it is made anew a minute later, and nothing in it has to survive.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from hubtui import typed
from hubtui.state import replace_file
from hubtui.watchdog.records import Now, Sample

NOW = "now.json"
SAMPLES = "samples.jsonl"
KEEP = timedelta(hours=48)
_TAIL = 1_000_000
"""Bytes: more than KEEP of samples, one a minute."""


def make(folder: Path) -> None:
    """Make the live folder, for root alone. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def read(folder: Path) -> Now | None:
    """What the last check found. None: there was none since the start, or it cannot be read."""
    with contextlib.suppress(OSError, msgspec.DecodeError, UnicodeDecodeError):
        return typed.decode((folder / NOW).read_bytes(), Now)
    return None


def write(folder: Path, now: Now) -> None:
    """Replace the state. Raises OSError."""
    replace_file(folder / NOW, msgspec.json.encode(now) + b"\n")


def add(folder: Path, sample: Sample) -> None:
    """Append one sample. Raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(folder / SAMPLES, flags, 0o600)
    try:
        os.write(fd, msgspec.json.encode(sample) + b"\n")
    finally:
        os.close(fd)


def samples(folder: Path, since: datetime | None = None) -> list[Sample]:
    """The samples that are kept, oldest first; lines that cannot be read are passed over."""
    try:
        with (folder / SAMPLES).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
            lines = file.read().split(b"\n")
    except OSError:
        return []
    found: list[Sample] = []
    for line in lines:
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
            sample = typed.decode(line, Sample)
            if since is None or sample.at >= since:
                found.append(sample)
    return found


def prune(folder: Path, at: datetime) -> None:
    """Once the file is twice as long as it has to be, keep what is younger than KEEP."""
    path = folder / SAMPLES
    with contextlib.suppress(OSError):
        if path.stat().st_size > _TAIL:
            _rewrite(path, samples(folder, at - KEEP))


def _rewrite(path: Path, kept: Sequence[Sample]) -> None:
    replace_file(path, b"".join(msgspec.json.encode(sample) + b"\n" for sample in kept))
