"""What systemd itself wrote of the hub's unit: when it was started anew, and what ended it before.

The students' servers write into the journal of that unit, too; so only what process 1 said counts.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from hubtui import typed
from hubtui.errors import CommandFailed
from hubtui.names import shown
from hubtui.server.run import Run

USUAL = "jupyterhub.service"
_UNIT = re.compile(r"[A-Za-z0-9:_.@\\][A-Za-z0-9:_.@\\-]*")
_MOST = 5000
"""Entries that are read."""
_PATIENCE = 10.0
# systemd's catalogue, systemd.catalog(7): the ids are the same in every version and language.
_STARTED = "39f53479d3a045ac8e11786248231fbf"
_START_FAILED = "be02cf6855d2428ba40df7e9d022f03d"
_STOPPING = "de5b426a63be47a7b6ac3eaac82e2f6f"
_STOPPED = "9d1aaa27d60140bd96365438aad20286"
_EXITED = "98e322203f7a4ed290d09fe03c09fe15"
_OOM = "fe6faa94e7774663a0da52717891d8ef"
_FAILED = "d9b373ed55a64feb8242e02dbe79a49c"
_SCHEDULED = "5eb03494b6584870a536b337290809b3"
_FIELDS = "MESSAGE,MESSAGE_ID,_BOOT_ID"
_ENDS = (_OOM, _EXITED, _FAILED, _STOPPING, _STOPPED)


class Start(Struct, frozen=True, kw_only=True):
    """The unit started anew, or an attempt at it."""

    at: datetime
    reason: str
    """What ended it before, in systemd's words, safe to show."""
    messages: tuple[str, ...]
    """All that systemd said of that."""
    ended: datetime | None
    """When it ended before; None: nothing was said of it."""
    automatic: bool
    """Whether systemd did it by itself."""
    cause: str
    """``reboot`` or ``asked``, where systemd's messages leave no doubt; else empty."""
    good: bool


class _Entry(Struct):
    written: Annotated[str, Meta(pattern=r"^[0-9]{1,17}\Z")] = msgspec.field(
        name="__REALTIME_TIMESTAMP"
    )
    """Microseconds since 1970."""
    id: str = msgspec.field(name="MESSAGE_ID")
    message: str = msgspec.field(name="MESSAGE")
    boot: str = msgspec.field(name="_BOOT_ID")

    @property
    def time(self) -> datetime:
        return datetime.fromtimestamp(int(self.written) / 1e6, UTC)


def starts(run: Run, unit: str, since: datetime | None = None) -> list[Start]:
    """The unit's starts that the journal knows, oldest first; none where there is no journal.

    The first one it knows is left out: whether something had ended before, it does not say.
    """
    if not _UNIT.fullmatch(unit):
        return []
    argv = ["journalctl", f"--unit={unit}", "--output=json", f"--output-fields={_FIELDS}"]
    argv += ["--no-pager", "--quiet", f"--lines={_MOST}"]
    if since is not None:
        argv.append(f"--since=@{int(since.timestamp())}")
    ids = (_STARTED, _START_FAILED, _STOPPING, _STOPPED, _EXITED, _OOM, _FAILED, _SCHEDULED)
    argv += ["_PID=1", *(f"MESSAGE_ID={id_}" for id_ in ids)]
    try:
        said = run(argv, timeout=_PATIENCE).check().out
    except CommandFailed:
        return []
    return list(_starts(_entries(said.splitlines()), unit))


def _entries(lines: Sequence[str]) -> Iterator[_Entry]:
    for line in lines:
        with contextlib.suppress(msgspec.DecodeError):
            yield typed.decode(line, _Entry)


def _starts(entries: Iterable[_Entry], unit: str) -> Iterator[Start]:
    said: list[_Entry] = []  # of its end, and since
    ended: datetime | None = None
    boot = ""  # of its last start
    for entry in entries:
        if entry.id not in (_STARTED, _START_FAILED):
            said.append(entry)
            ended = ended or (entry.time if entry.id in _ENDS else None)
            continue
        if boot or ended is not None:
            reason, cause = _why(said, unit, rebooted=boot not in ("", entry.boot))
            yield Start(
                at=entry.time,
                reason=reason,
                messages=tuple(each.message for each in said),
                ended=ended,
                automatic=any(each.id == _SCHEDULED for each in said),
                cause=cause,
                good=entry.id == _STARTED,
            )
        said, boot = [], entry.boot
        if entry.id == _STARTED:
            ended = None


def _why(said: Sequence[_Entry], unit: str, *, rebooted: bool) -> tuple[str, str]:
    """The reason in words, and the cause where it is certain."""
    if rebooted:
        return "the machine was started", "reboot"
    ends = [entry for entry in said if entry.id in _ENDS]
    if not ends:
        return "", ""
    if ends[0].id == _STOPPING:
        return "stopped on request", "asked"
    end = min(ends, key=lambda entry: _ENDS.index(entry.id))
    return shown(end.message.removeprefix(f"{unit}: "), 200), ""
