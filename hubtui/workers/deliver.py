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
from collections import Counter, deque
from collections.abc import Mapping
from typing import Any, NamedTuple

from hubtui.workers import compare, drop, place
from hubtui.workers.compare import File, Folders, Found, Sheet, State

_LARGEST = 8 << 20
"""Bytes of an answer: a child that says more is ended."""
_LISTED = 500
"""Files that an answer names one by one; all are counted."""
_LACKING = (State.BLOCKED, State.NO_SPACE, State.FAILED)
_CUT_OFF = "an earlier delivery was cut off here"


class Setting(NamedTuple):
    """What is the same for all students."""

    store: str
    folder: str
    """Below each home: ``exercises``."""
    rsync: str
    width: int = 8
    limit: float = 600.0
    """Seconds for one student."""


# --- one student --------------------------------------------------------------------------------


def serve(job: Mapping[str, Any], setting: Setting, sheets: list[Sheet], files: list[int]) -> Any:
    """In the child, as the student: all sheets of one job; returns the answer."""
    home = os.open(job["home"], drop.FOLDER)
    if os.fstat(home).st_uid != job["uid"]:
        return {"error": "the home belongs to somebody else"}
    answers = []
    for sheet, version in zip(sheets, files, strict=True):
        found, why = one_sheet(home, setting, sheet, version, job["verb"])
        answers.append(_answer(sheet, found, why))
    return {"sheets": answers}


def one_sheet(
    home: int, setting: Setting, sheet: Sheet, version: int, verb: str
) -> tuple[list[Found], str]:
    """One sheet; what became of each file, and what stood in the way.

    The verbs: deliver, withdraw, and what they would do: look, look-withdraw.
    """
    only_look, withdraw = verb.startswith("look"), verb.endswith("withdraw")
    below = setting.folder if sheet.name == "." else f"{setting.folder}/{sheet.name}"
    try:
        top = _nearest(home, below)
        if top is None:  # nothing there yet: everything is new, if it can be made
            found = _all_new(home, sheet, below)
            if withdraw:
                return [Found(one.file, State.DELETED) for one in found], ""
            if verb != "deliver" or all(one.state is not State.NEW for one in found):
                return found, ""
            top = place.make_folders(home, below)
    except OSError as e:
        state = State.NO_SPACE if place.failed(e) is State.NO_SPACE else State.BLOCKED
        return [Found(f, state, compare.why(e, below)) for f in sheet.files.values()], ""
    folders = Folders(top)
    try:
        if not only_look:
            place.tidy(top, sheet, version)
        found = list(compare.compare(folders, sheet))
        if withdraw:
            found += compare.also_given(folders, sheet)
            _to_be_removed(folders, sheet, found)
        if closed := compare.not_writable(folders, ""):
            _not_begun(found, State.BLOCKED, closed)
        _check_space(top, found)
        if only_look:
            return found, _CUT_OFF if place.leftovers(top, sheet) else ""
        why = _act(top, setting, sheet, version, folders, found, verb)
        if withdraw:
            above = {f"{below}/{one.file.path}".rpartition("/")[0] for one in found}
            place.remove_empty(home, above, setting.folder)
        return found, why
    finally:
        folders.close()
        os.close(top)


def _act(
    top: int,
    setting: Setting,
    sheet: Sheet,
    version: int,
    folders: Folders,
    found: list[Found],
    verb: str,
) -> str:
    todo = [one for one in found if one.state in _TODO[verb]]
    if not todo:
        return ""
    try:
        name, staging = place.open_staging(top, sheet)
    except OSError as e:
        for one in todo:
            one.state, one.why = place.failed(e), f"{e.strerror}"
        return ""
    try:
        if verb == "withdraw":
            place.remove(folders, staging, sheet, todo)
            return ""
        why = place.copy(setting.rsync, version, staging, [one.file.path for one in todo])
        place.place(folders, top, staging, sheet, todo)
        for one in todo:
            if why and one.state is State.FAILED:  # rsync's own word on what did not arrive
                one.state = State.NO_SPACE if why == place.NO_SPACE else State.FAILED
                one.why = why
        return why
    finally:
        place.close_staging(top, name, staging, sheet, version)


_TODO = {
    "deliver": (State.NEW, State.REPLACE, State.BESIDE),
    "withdraw": (State.REMOVE,),
}


def _nearest(home: int, below: str) -> int | None:
    try:
        return drop.open_folder(home, below)
    except FileNotFoundError:
        return None


def _all_new(home: int, sheet: Sheet, below: str) -> list[Found]:
    """What a look finds where the sheet's folder is not there: it has to agree with a delivery."""
    folders, found = Folders(home), []
    try:
        blocked = compare.not_writable(folders, below)
    finally:
        folders.close()
    for file in sheet.files.values():
        if compare.was_given(sheet, file) and not sheet.again:
            found.append(Found(file, State.DELETED))
        else:
            found.append(Found(file, State.BLOCKED if blocked else State.NEW, blocked))
    _check_space(home, found)
    return found


def _to_be_removed(folders: Folders, sheet: Sheet, found: list[Found]) -> None:
    """Withdrawing: a copy of any version goes, all else is listed."""
    for one in found:
        if one.state in (State.SAME, State.REPLACE):
            digest = compare.digest_of(folders, one.file.path)
            known = {each for _, each in sheet.known.get(one.file.path, ())}
            if digest not in known:
                one.state = State.KEPT
            elif sheet.beside:
                one.state, one.why = State.KEPT, compare.SERVER_RUNS
            elif closed := compare.not_writable(folders, one.file.path.rpartition("/")[0]):
                one.state, one.why = State.BLOCKED, closed
            else:
                one.state = State.REMOVE
        elif one.state in (State.NEW, State.DELETED):
            one.state = State.DELETED
        elif one.state is State.BESIDE:
            one.state = State.KEPT


def _check_space(top: int, found: list[Found]) -> None:
    """What does not fit is not begun."""
    room = os.fstatvfs(top)
    free = room.f_bavail * room.f_frsize
    need = sum(one.file.size for one in found if one.state in _TODO["deliver"])
    if need > free:
        _not_begun(found, State.NO_SPACE, place.NO_SPACE)


def _not_begun(found: list[Found], state: State, why: str) -> None:
    for one in found:
        if one.state in (*_TODO["deliver"], *_TODO["withdraw"]):
            one.state, one.why = state, why


def _answer(sheet: Sheet, found: list[Found], why: str) -> dict[str, Any]:
    """Counts of everything, and by name what is neither new nor the same.

    What could not be delivered comes first, and all of it: it is given as soon as that is possible.
    """
    names = [
        [one.file.path, one.state, one.why]
        for one in found
        if one.state not in (State.SAME, State.NEW, State.REPLACE)
    ]
    lacking = [each for each in names if each[1] in _LACKING]
    rest = [each for each in names if each[1] not in _LACKING]
    moved = (State.NEW, State.REPLACE, State.BESIDE)
    return {
        "sheet": sheet.name,
        "version": sheet.version,
        "counts": dict(Counter(one.state for one in found)),
        "bytes": sum(one.file.size for one in found if one.state in moved),
        "listed": lacking + rest[: max(0, _LISTED - len(lacking))],
        "why": why,
    }


# --- the parent ---------------------------------------------------------------------------------


class _Child(NamedTuple):
    key: str
    pid: int
    pipe: int
    until: float
    said: bytearray


class Store:
    """The versions that were asked for, read once: root's own files."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._manifests: dict[tuple[str, int], dict[str, File]] = {}
        self._files: dict[tuple[str, int], int] = {}

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

    def sheet(self, job: Mapping[str, Any], one: Mapping[str, Any]) -> Sheet:
        """What one student gets of one sheet, with all that is known of it."""
        name, version, has = one["sheet"], one["version"], one.get("has") or 0
        known: dict[str, set[tuple[int, str]]] = {}
        for number in one["versions"]:
            for path, file in self.manifest(name, number).items():
                known.setdefault(path, set()).add((file.size, file.sha256))
                if number > 1:
                    beside = compare.beside_name(path, number)
                    known.setdefault(beside, set()).add((file.size, file.sha256))
        return Sheet(
            name=name,
            version=version,
            files=self.manifest(name, version),
            earlier=self.manifest(name, has) if has else {},
            known={path: frozenset(found) for path, found in known.items()},
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
        until = time.monotonic() + self.setting.limit
        child = _Child(job["key"], pid, ours, until, bytearray())
        self._children[ours] = child
        self._select.register(ours, selectors.EVENT_READ)

    def _read_child(self, child: _Child) -> None:
        data = os.read(child.pipe, 1 << 16)
        child.said.extend(data)
        if len(child.said) > _LARGEST:
            self._end(child, "said too much: ended")
        elif not data:
            self._end(child, "was ended from outside")

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
        try:
            answer = serve(job, setting, sheets, files)
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
    gc.freeze()  # what a child never touches is never copied
    Deliveries(setting).run()
    return 0
