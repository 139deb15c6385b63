"""``release.source``: who may read it, and what is in it. Root never opens anything of it.

All is done by a process that is the source's owner (hubtui.workers.tutor), so a link there to a
file of root's, or of somebody else's, gives nobody anything. What that process says is judged here
like the words of a stranger.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import selectors
import stat
import subprocess
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import msgspec

from hubtui import typed
from hubtui.course import Release
from hubtui.errors import CommandFailed, Refused
from hubtui.names import shown
from hubtui.server import Server
from hubtui.server.accounts import NOBODY
from hubtui.workers import command, ending

LOOKING, PACKING = 30.0, 600.0
"""Seconds that the tutor's side has to list the source, or to read one sheet."""
_LARGEST = 32 << 20
"""Bytes of an answer."""
_LONGEST_LINE = 1 << 20
_BLOCK = 1 << 20
_PASS = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
"""To look at a folder's own inode; nothing in it can be read with such a descriptor."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads the source."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    source: Path
    owner: int
    """The uid that the source belongs to: the reader's, or 0 where that is nobody."""
    exclude: tuple[str, ...]

    def setting(self, sheet: str = "") -> str:
        """What the process has to know."""
        given = {
            "uid": self.uid,
            "gid": self.gid,
            "groups": self.groups,
            "source": str(self.source),
            "owner": self.owner,
            "exclude": self.exclude,
            "sheet": sheet,
        }
        return msgspec.json.encode(given).decode()


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """A file of a sheet."""

    path: str
    """Below the sheet; hostile text."""
    size: int
    mtime: int
    """Epoch seconds."""
    mode: int
    """Permission bits."""
    uid: int
    why: str
    """Why it cannot be handed out; empty where it can."""


class Listed(msgspec.Struct, frozen=True):
    """A folder directly below the source, or ``.``: the files directly in it."""

    name: str
    error: str
    """Why it could not be looked at."""
    entries: tuple[Entry, ...]
    excluded: int
    """How many names were left out by ``release.exclude``."""


class Listing(msgspec.Struct, frozen=True):
    """What is in the source."""

    sheets: tuple[Listed, ...]
    aside: tuple[str, ...]
    """Names directly in the source that are no part of any sheet."""


class File(msgspec.Struct, frozen=True, tag="file", tag_field="t"):
    """The head of a file in the stream of a sheet."""

    path: str
    size: int
    mtime: int
    executable: bool


class End(msgspec.Struct, frozen=True, tag="end", tag_field="t"):
    """The last line of the stream."""

    changed: tuple[str, ...]
    """Files that somebody wrote to meanwhile."""
    left_out: tuple[tuple[str, str], ...]
    """Path and reason."""
    unreadable: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]
    """Of the chosen ones."""
    excluded: int


class Failed(msgspec.Struct, frozen=True, tag="error", tag_field="t"):
    """The source, or the sheet, could not be opened."""

    error: str
    gone: bool


class _Digests(msgspec.Struct):
    digests: dict[str, str]


# --- who ----------------------------------------------------------------------------------------


def release_of(server: Server) -> Release:
    """The part ``release`` of course.yaml. Raises Refused where there is none."""
    if server.course.release is None:
        raise Refused("course.yaml has no part release: there is nothing to hand out.")
    return server.course.release


def reader(server: Server) -> Reader:
    """Who reads the source: its owner, or nobody where it is root's.

    Raises Refused, with a sentence that says what to change: no such folder, a link on the way, an
    owner who is neither in ``release.tutors`` nor in ``accounts.staff``, a folder of somebody
    else's on the way, who could put anything in the place of the source.
    """
    release, trusted = release_of(server), _trusted(server)
    owner = _owner_of(release.source, trusted, _gid(server.course.accounts.group))
    if owner == 0:
        name, uid, gid, groups = "nobody", NOBODY, NOBODY, list[int]()
    else:
        name = trusted.get(owner, "")
        if not name or owner < 1000 or owner == NOBODY:
            raise Refused(
                f"{_source(release)} belongs to {_user(owner)}, and nobody but root and those in "
                "release.tutors or accounts.staff (uid 1000 and above) may hand out: correct the "
                "list, or the folder's owner."
            )
        entry = pwd.getpwnam(name)
        uid, gid = entry.pw_uid, entry.pw_gid
        groups = [g for g in os.getgrouplist(name, gid) if g != 0]
    if os.geteuid() not in (0, uid):
        raise Refused(f"{_source(release)} is read as {name}: start hubtui with sudo.")
    return Reader(name, uid, gid, tuple(groups), release.source, owner, release.exclude)


def _trusted(server: Server) -> dict[int, str]:
    """Those who may hand out, by uid."""
    found: dict[int, str] = {}
    for name in (*release_of(server).tutors, *server.course.accounts.staff):
        with contextlib.suppress(KeyError):
            found.setdefault(pwd.getpwnam(name).pw_uid, name)
    return found


def _gid(group: str) -> int | None:
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        return None


def _owner_of(source: Path, trusted: Collection[int], group: int | None) -> int:
    fd = os.open("/", _PASS)
    here = Path("/")
    try:
        for name in source.parts[1:]:
            _judge_above(here, os.fstat(fd), trusted, group)
            here /= name
            below = os.open(name, _PASS, dir_fd=fd)
            os.close(fd)
            fd = below
        return os.fstat(fd).st_uid
    except FileNotFoundError:
        raise Refused(f"{shown(str(here))} does not exist: see release.source.") from None
    except NotADirectoryError:
        raise Refused(
            f"{shown(str(here))} is a link, or no folder: release.source has to name the folder."
        ) from None
    except OSError as e:
        raise Refused(f"{shown(str(here))} cannot be looked at: {e.strerror}.") from None
    finally:
        os.close(fd)


def _judge_above(
    folder: Path, found: os.stat_result, trusted: Collection[int], group: int | None
) -> None:
    """Who owns a folder can put anything in the place of what lies in it."""
    if folder == Path("/"):
        return
    students = found.st_mode & stat.S_IWGRP and found.st_gid == group
    writable = found.st_mode & stat.S_IWOTH or students
    anybody = writable and not found.st_mode & stat.S_ISVTX
    if anybody or (found.st_uid not in trusted and found.st_uid not in (0, os.geteuid())):
        raise Refused(
            f"{shown(str(folder))} (mode {stat.S_IMODE(found.st_mode):04o}, of "
            f"{_user(found.st_uid)}) is above release.source: somebody who is no tutor could put "
            "anything in its place."
        )


def _source(release: Release) -> str:
    return shown(str(release.source))


def _user(uid: int) -> str:
    try:
        return shown(pwd.getpwuid(uid).pw_name, limit=40)
    except KeyError:
        return f"uid {uid}"


# --- what ---------------------------------------------------------------------------------------


def listing(by: Reader) -> Listing:
    """What is in the source. Raises CommandFailed."""
    return _ask(by, "list", None, Listing)


def digests(by: Reader, paths: Sequence[tuple[str, str]]) -> dict[str, str]:
    """sha256 of files, each (sheet, path), by their path below the source. Raises CommandFailed."""
    return _ask(by, "digests", paths, _Digests).digests if paths else {}


def _ask(by: Reader, verb: str, chosen: object, kind: type[T]) -> T:
    with Stream(by, verb, chosen, timeout=LOOKING) as stream:
        said = stream.line(_LARGEST)
    with contextlib.suppress(msgspec.DecodeError):
        raise failure(by, typed.decode(said, Failed))
    try:
        return typed.decode(said, kind)
    except msgspec.DecodeError as e:
        raise CommandFailed(f"What the process of {by.name} says makes no sense: {e}.") from None


def failure(by: Reader, failed: Failed) -> CommandFailed:
    """The sentence for a source that could not be read."""
    why = shown(failed.error, limit=120)
    return CommandFailed(f"As {by.name}: {shown(str(by.source))} cannot be read: {why}.")


class Stream:
    """What the process that is the tutor says, up to a time and a size. Use it in ``with``."""

    def __init__(
        self, by: Reader, verb: str, chosen: object, *, sheet: str = "", timeout: float = PACKING
    ) -> None:
        """``chosen`` goes to the process as JSON."""
        self._by, self._timeout = by, timeout
        self._until = time.monotonic() + timeout
        self._said, self._last = bytearray(), b""
        self._process = subprocess.Popen(
            command("tutor", verb, by.setting(sheet)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"},
            cwd="/",
            start_new_session=True,
        )
        self._select = selectors.DefaultSelector()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._select.register(self._process.stdout, selectors.EVENT_READ)
        self._select.register(self._process.stderr, selectors.EVENT_READ)
        # Read by the worker at once, while it is still root: nobody can keep us waiting here.
        with contextlib.suppress(BrokenPipeError), self._process.stdin as pipe:
            pipe.write(msgspec.json.encode(chosen))

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None
    ) -> None:
        ending.end(self._process)
        self._select.close()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def line(self, longest: int = _LONGEST_LINE) -> bytes:
        """One line. Raises CommandFailed where none comes."""
        searched = 0
        while (end := self._said.find(b"\n", searched)) < 0:
            searched = len(self._said)
            if searched > longest:
                raise CommandFailed(f"The process of {self._by.name} says too much: ended.")
            self._more()
        line = bytes(self._said[:end])
        del self._said[: end + 1]
        return line

    def exactly(self, size: int) -> Iterator[bytes]:
        """That many bytes, in pieces. Raises CommandFailed where they do not come."""
        while size:
            if not self._said:
                self._more()
            block = bytes(self._said[:size])
            del self._said[:size]
            size -= len(block)
            yield block

    def _more(self) -> None:
        before = len(self._said)
        while len(self._said) == before:
            left = self._until - time.monotonic()
            if left <= 0:
                raise CommandFailed(
                    f"Reading {shown(str(self._by.source))} as {self._by.name} took longer than "
                    f"{self._timeout:.0f} s."
                )
            for key, _ in self._select.select(left):
                data = os.read(key.fd, _BLOCK)
                if key.fileobj is self._process.stderr:
                    self._last = (self._last + data)[-200:]
                elif not data:
                    words = shown(self._last.decode(errors="replace").strip())
                    raise CommandFailed(
                        f"The process that reads {shown(str(self._by.source))} as {self._by.name} "
                        f"was ended. {words}".strip()
                    )
                else:
                    self._said += data
                if not data:
                    self._select.unregister(key.fileobj)
