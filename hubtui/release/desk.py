"""The desk that hands out: jobs for students go in, what became of them comes out.

It is the parent's end of the process in hubtui.workers.deliver, which acts as the students.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from types import TracebackType
from typing import Literal

import msgspec

from hubtui import typed
from hubtui.errors import CommandFailed, Refused
from hubtui.names import shown
from hubtui.server import Server
from hubtui.server.accounts import Account
from hubtui.workers import command, ending

WIDTH = 8
"""Students at a time: rsync mostly waits, so more than there are processors."""
LIMIT = 120.0
"""Seconds for one student."""


Verb = Literal["look", "deliver", "look-withdraw", "withdraw"]


class SheetJob(msgspec.Struct, frozen=True, kw_only=True):
    """One sheet for one student."""

    sheet: str
    version: int
    versions: tuple[int, ...]
    """All so far: copies of any of them are as delivered."""
    has: int = 0
    """The version that was handed out to the student before, 0 for none."""
    lacking: tuple[str, ...] = ()
    again: bool = False


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One student, all sheets."""

    verb: Verb
    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str
    sheets: tuple[SheetJob, ...]
    beside: bool = False
    """The student's server runs."""
    key: str = ""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became, or will become, of one sheet in one home."""

    sheet: str
    version: int
    counts: dict[str, int]
    bytes: int = 0
    listed: tuple[tuple[str, str, str], ...] = ()
    why: str = ""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the student's side says of one job."""

    key: str
    sheets: tuple[Outcome, ...] = ()
    error: str = ""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far one job is."""

    key: str
    progress: tuple[str, int, int]
    """Sheet, bytes in their place, bytes in all."""


Told = Callable[[str, int, int], None]


def job_for(account: Account, verb: Verb, sheets: Iterable[SheetJob]) -> Job:
    """A job in the rights of one account: its own groups, never root's."""
    try:
        groups = os.getgrouplist(account.name, account.gid)
    except OSError:
        groups = [account.gid]
    return Job(
        verb=verb,
        uid=account.uid,
        gid=account.gid,
        groups=tuple(g for g in groups if g != 0),
        home=str(account.home),
        sheets=tuple(sheets),
    )


def find_rsync() -> str:
    """The program that copies. Raises Refused where it is missing."""
    rsync = shutil.which("rsync", path="/usr/local/bin:/usr/bin:/bin")
    if rsync is None:
        raise Refused("rsync is not installed: apt-get install rsync")
    return rsync


class Desk:
    """Use it in ``with``. Threads may share it."""

    def __init__(self, server: Server, store: str, *, limit: float = LIMIT) -> None:
        """Raises Refused where rsync is missing, or where we are not root."""
        release = server.course.release
        if release is None:
            raise Refused("course.yaml has no part release: there is nothing to hand out.")
        rsync = find_rsync()
        setting = {
            "store": store,
            "folder": release.folder,
            "rsync": rsync,
            "width": WIDTH,
            "limit": limit,
        }
        self._process = subprocess.Popen(
            command("deliver", msgspec.json.encode(setting).decode()),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"},
            cwd="/",
            start_new_session=True,
        )
        self._lock = threading.Lock()
        self._writing = threading.Lock()  # not the same: what comes must be read meanwhile
        self._waiting: dict[str, Future[Answer]] = {}
        self._told: dict[str, Told] = {}
        self._numbers = itertools.count(1)
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> Desk:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None
    ) -> None:
        self.close()

    def submit(self, job: Job, told: Told | None = None) -> Future[Answer]:
        """Begin; the future's answer may be an error, and raises only where the desk is gone.

        ``told`` is called from another thread, at most four times a second.
        """
        key = str(next(self._numbers))
        future: Future[Answer] = Future()
        line = msgspec.json.encode(msgspec.structs.replace(job, key=key)) + b"\n"
        with self._lock:
            self._waiting[key] = future
            if told is not None:
                self._told[key] = told
        try:
            assert self._process.stdin is not None
            with self._writing:
                self._process.stdin.write(line)
                self._process.stdin.flush()
        except OSError:
            with self._lock:
                left = self._waiting.pop(key, None)
            if left is not None:
                left.set_exception(_gone())
        return future

    def all(self, jobs: Mapping[str, Job]) -> dict[str, Answer]:
        """Do all of them; answers by the caller's own keys. Raises CommandFailed."""
        futures = {key: self.submit(job) for key, job in jobs.items()}
        return {key: future.result() for key, future in futures.items()}

    def close(self) -> None:
        """End the process; what was not answered raises CommandFailed."""
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        try:
            self._process.wait(timeout=0.5 if self._waiting else 5)
        except subprocess.TimeoutExpired:
            ending.end(self._process)  # its children are told by the kernel

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(b'{"progress"'):
                self._pass_on(line)
                continue
            with contextlib.suppress(msgspec.DecodeError):
                answer = typed.decode(line, Answer)
                with self._lock:
                    future = self._waiting.pop(answer.key, None)
                    self._told.pop(answer.key, None)
                if future is not None:
                    future.set_result(_shown(answer))
        with self._lock:
            left, self._waiting = list(self._waiting.values()), {}
        for future in left:
            future.set_exception(_gone())

    def _pass_on(self, line: bytes) -> None:
        with contextlib.suppress(msgspec.DecodeError):
            found = typed.decode(line, Progress)
            with self._lock:
                told = self._told.get(found.key)
            if told is not None:
                told(*found.progress)


def _shown(answer: Answer) -> Answer:
    """What the student's side says is text to be shown, nothing else."""
    sheets = tuple(
        msgspec.structs.replace(
            one,
            listed=tuple((path, state, shown(why, limit=300)) for path, state, why in one.listed),
            why=shown(one.why, limit=300),
        )
        for one in answer.sheets
    )
    return msgspec.structs.replace(answer, sheets=sheets, error=shown(answer.error, limit=300))


def _gone() -> CommandFailed:
    return CommandFailed("The process that hands out was ended: run it again.")
