"""The students' side of a release: one process as root, and for each student a child that is her.

    jobs, one JSON line each, on stdin → answers, one JSON line each, on stdout

The first line is the setting (Setting). The parent reads the root-owned store, forks and watches
the clock; it never opens anything in a home. A child becomes the student for good, compares, lets
rsync copy, verifies, and ends. A student who stops, kills or blocks it holds up nobody.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import selectors
import signal
import time
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from hubtui.workers import drop
from hubtui.workers.compare import File, Sheet, beside_name
from hubtui.workers.one_student import Setting, serve

_LARGEST = 32 << 20
"""Bytes of an answer: a child that says more is ended."""
BYTES_A_SECOND = 4 << 20
"""What eight at a time may expect of a slow disk."""
_LOOKING = 30.0
"""Seconds for a look, which moves nothing."""
_BEAT = 0.25
"""Seconds between two words on how far a student is."""


Copy = tuple[int, str]
"""Size and sha256."""


class _Child:
    """A student at work."""

    __slots__ = ("heard", "key", "pid", "pipe", "said", "told_at", "until")

    def __init__(self, key: str, pid: int, pipe: int, until: float) -> None:
        """``until``: when it is ended, by the monotonic clock."""
        self.key, self.pid, self.pipe, self.until = key, pid, pipe, until
        self.said, self.heard = bytearray(), 0
        self.told_at = 0.0
        """When its last word on how far it is was passed on."""


class Store:
    """The versions that were asked for, read once: root's own files."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._manifests: dict[tuple[str, int], dict[str, File]] = {}
        self._files: dict[tuple[str, int], int] = {}
        self._known: dict[tuple[str, tuple[int, ...]], Mapping[str, frozenset[Copy]]] = {}

    def manifest(self, sheet: str, version: int) -> dict[str, File]:
        """The files of a version, by path."""
        if (sheet, version) not in self._manifests:
            path = f"{self.place(sheet, version)}/manifest.json"
            with os.fdopen(os.open(path, drop.FILE), encoding="utf-8") as file:
                files = json.load(file)["files"]
            self._manifests[sheet, version] = {
                one["path"]: File(one["path"], one["size"], one["sha256"], one["mtime"])
                for one in files
            }
        return self._manifests[sheet, version]

    def files(self, sheet: str, version: int) -> int:
        """An open descriptor of the version's files: the only way for a student to reach them."""
        if (sheet, version) not in self._files:
            path = f"{self.place(sheet, version)}/files"
            self._files[sheet, version] = os.open(path, drop.FOLDER)
        return self._files[sheet, version]

    def place(self, sheet: str, version: int) -> str:
        """Where a version lies."""
        return f"{self._folder}/{folder_of(sheet)}/{version}"

    def known(self, sheet: str, versions: tuple[int, ...]) -> Mapping[str, frozenset[Copy]]:
        """What copies as delivered look like, under the names that they may have."""
        if (sheet, versions) not in self._known:
            found: dict[str, set[Copy]] = {}
            for number in versions:
                for path, file in self.manifest(sheet, number).items():
                    found.setdefault(path, set()).add((file.size, file.sha256))
                    if number > 1:
                        beside = beside_name(path, number)
                        found.setdefault(beside, set()).add((file.size, file.sha256))
            self._known[sheet, versions] = {path: frozenset(each) for path, each in found.items()}
        return self._known[sheet, versions]

    def sheet(self, job: Mapping[str, Any], one: Mapping[str, Any]) -> Sheet:
        """What one student gets of one sheet, with all that is known of it."""
        name, version, has = one["sheet"], one["version"], one.get("has") or 0
        return Sheet(
            name=name,
            version=version,
            files=self.manifest(name, version),
            earlier=self.manifest(name, has) if has else {},
            known=self.known(name, tuple(one["versions"])),
            has=bool(has),
            lacking=frozenset(one.get("lacking", ())),
            again=bool(one.get("again")),
            beside=bool(job.get("beside")),
        )


def folder_of(sheet: str) -> str:
    """The folder of a sheet in the store: its name, without what has a meaning there."""
    return "%2E" if sheet == "." else sheet.replace("%", "%25").replace("/", "%2F")


class Deliveries:
    """Forks, waits, answers."""

    def __init__(self, setting: Setting) -> None:
        self.setting, self.store = setting, Store(setting.store)
        self._jobs: deque[dict[str, Any]] = deque()
        self._children: dict[int, _Child] = {}
        self._ended: list[int] = []
        self._select = selectors.DefaultSelector()
        self._rest = b""
        self._open = True

    def run(self) -> None:
        """Until stdin is at its end and everybody is through."""
        os.set_blocking(0, False)
        self._select.register(0, selectors.EVENT_READ)
        while self._open or self._jobs or self._children:
            while self._jobs and len(self._children) < self.setting.width:
                self._start(self._jobs.popleft())
            now = time.monotonic()
            soonest = min((c.until for c in self._children.values()), default=now + 60)
            for event, _ in self._select.select(max(0.0, soonest - now)):
                if event.fd == 0:
                    self._read_jobs()
                else:
                    self._read_child(self._children[event.fd])
            for child in [c for c in self._children.values() if c.until <= time.monotonic()]:
                self._end(child, f"took longer than {self.setting.limit:.0f} s: ended")

    def _read_jobs(self) -> None:
        data = os.read(0, 1 << 16)
        if not data:
            self._open = False
            self._select.unregister(0)
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._jobs.extend(json.loads(line) for line in lines)

    def _start(self, job: dict[str, Any]) -> None:
        try:
            sheets = [self.store.sheet(job, one) for one in job["sheets"]]
            files = [self.store.files(one.name, one.version) for one in sheets]
        except (OSError, KeyError, ValueError) as e:
            self._say(job["key"], {"error": f"the store cannot be read: {e}"})
            return
        ours, theirs = os.pipe2(os.O_CLOEXEC)
        pid = os.fork()
        if pid == 0:
            _child(job, self.setting, sheets, files, theirs)
        os.close(theirs)
        until = time.monotonic() + self._limit(job, sheets)
        child = _Child(job["key"], pid, ours, until)
        self._children[ours] = child
        self._select.register(ours, selectors.EVENT_READ)

    def _limit(self, job: Mapping[str, Any], sheets: Iterable[Sheet]) -> float:
        looks = str(job["verb"]).startswith("look")
        size = sum(file.size for sheet in sheets for file in sheet.files.values())
        least = min(_LOOKING, self.setting.limit) if looks else self.setting.limit
        return least + size / BYTES_A_SECOND

    def _read_child(self, child: _Child) -> None:
        data = os.read(child.pipe, 1 << 16)
        child.said.extend(data)
        child.heard += len(data)
        if child.heard > _LARGEST:
            self._end(child, "said too much: ended")
        elif not data:
            self._end(child, "was ended from outside")
        elif (last := child.said.rfind(b"\n")) >= 0:
            self._tell(child, bytes(child.said[:last]).rpartition(b"\n")[2])
            del child.said[: last + 1]

    def _tell(self, child: _Child, line: bytes) -> None:
        """Pass on how far a student is; of what comes too often the latest."""
        now = time.monotonic()
        if now - child.told_at < _BEAT:
            return
        child.told_at = now
        with contextlib.suppress(ValueError, TypeError):
            sheet, done, total = json.loads(line)
            self._say(child.key, {"progress": [str(sheet)[:300], int(done), int(total)]})

    def _end(self, child: _Child, why: str) -> None:
        self._select.unregister(child.pipe)
        del self._children[child.pipe]
        os.close(child.pipe)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGKILL)
        self._ended.append(child.pid)  # not waited for: a filesystem of the student's may hold it
        self._ended = [pid for pid in self._ended if os.waitpid(pid, os.WNOHANG) == (0, 0)]
        try:
            answer = json.loads(child.said)
        except ValueError:
            answer = None
        self._say(child.key, answer if isinstance(answer, dict) else {"error": why})

    def _say(self, key: str, answer: dict[str, Any]) -> None:
        data = memoryview(json.dumps({**answer, "key": key}).encode() + b"\n")
        try:
            while data:
                data = data[os.write(1, data) :]
        except BrokenPipeError:  # nobody listens any more: who has begun may come to an end
            self._jobs.clear()


def _child(
    job: dict[str, Any], setting: Setting, sheets: list[Sheet], files: list[int], pipe: int
) -> None:
    """Become the student, do the job, answer; never returns."""
    code = 1
    try:
        os.setsid()
        signal.signal(signal.SIGIO, signal.SIG_IGN)  # of the leases that compare takes
        null = os.open("/dev/null", os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        drop.become(job["uid"], job["gid"], job["groups"])

        def told(*words: object) -> None:
            os.write(pipe, json.dumps(words).encode() + b"\n")

        try:
            answer = serve(job, setting, sheets, files, told)
        except OSError as e:
            answer = {"error": f"{e.filename or job['home']}: {e.strerror or e}"}
        data = memoryview(json.dumps(answer).encode())
        while data:
            data = data[os.write(pipe, data) :]
        code = 0
    finally:
        os._exit(code)


def main(arguments: list[str]) -> int:
    """``deliver SETTING``: a JSON object."""
    setting = Setting(**json.loads(arguments[0]))
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # whoever started us may have ignored it
    gc.freeze()  # what a child never touches is never copied
    Deliveries(setting).run()
    return 0
