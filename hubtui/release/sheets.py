"""How the source stands to what was released: the first lines of the release screen.

Size and time decide what is the same; where only the time differs, the contents do, as the tutor's
side and the manifest have them.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from fnmatch import fnmatchcase
from itertools import accumulate

import msgspec

from hubtui.clock import stamp
from hubtui.errors import HubtuiError
from hubtui.names import shown
from hubtui.release import source, store
from hubtui.release.source import Entry, Listed, Listing, Reader
from hubtui.release.store import Manifest, SheetRecord, StoredFile, Version
from hubtui.server import Server
from hubtui.students import Missing, survey
from hubtui.units import megabytes

# What Windows keeps for itself; a student's own computer may be one.
# https://learn.microsoft.com/windows/win32/fileio/naming-a-file
_WINDOWS = re.compile(
    r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?\Z|.*[<>:\"\\|?*]", re.IGNORECASE
)
_NAMED = 3
"""Examples in a sentence."""
_REMEMBERED = 20_000


class SheetState(StrEnum):
    """How a sheet of the source stands to its latest released version."""

    NEVER = "never"
    """Never released, or withdrawn since."""
    RELEASED = "released"
    """As it was released."""
    ADDED = "added"
    """Files were added since: plain additions."""
    CHANGED = "changed"
    """Files that students have were changed since."""


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """One sheet of the source."""

    name: str
    """``.`` is the flat sheet. Hostile text."""
    files: int
    """Those that can be handed out."""
    bytes: int
    newest: int
    """The last change of a file, epoch seconds; 0 without files."""
    state: SheetState
    version: int | None = None
    """The latest released."""
    since: str | None = None
    """RFC 3339: when it was released."""
    new: tuple[str, ...] = ()
    """Files added since then; empty where nothing was released."""
    changed: tuple[str, ...] = ()
    tried: int | None = None
    """A version that some students have on trial, where it is newer than what is released."""
    withdrawn: bool = False
    """It was taken back: released again only if it is named."""
    solution: bool = False
    """A label: its name fits ``release.solutions``."""
    findings: tuple[str, ...] = ()
    """What to look at first: sentences that are safe to show."""

    @property
    def to_do(self) -> bool:
        """Whether a release of everything new would bring it."""
        return self.state is not SheetState.RELEASED and self.files > 0 and not self.withdrawn


class SheetList(msgspec.Struct, frozen=True, kw_only=True):
    """All sheets of the source."""

    at: str
    sheets: tuple[Sheet, ...]
    gone: tuple[str, ...] = ()
    """Released once, and no longer in the source: students keep what they have."""
    aside: tuple[str, ...] = ()
    """Names directly in the source that are no sheets: hidden, or impossible."""
    missing: tuple[Missing, ...] = ()


def sheets(server: Server, students: int | None = None) -> SheetList:
    """All sheets, by name; never raises for what it finds, that is in ``missing``.

    ``students``: how many course accounts there are, counted here where it is not given.
    """
    missing: list[Missing] = []
    records: dict[str, SheetRecord] = {}
    try:
        records = store.records(server)
    except HubtuiError as e:
        missing.append(Missing(what="released versions", why=str(e)))
    try:
        by = source.reader(server)
        found = source.listing(by)
    except HubtuiError as e:
        missing.append(Missing(what="release.source", why=str(e)))
        return SheetList(at=stamp(server.clock()), sheets=(), missing=tuple(missing))
    seen = []
    for listed in found.sheets:
        try:
            manifest = _released(server, records.get(listed.name))
            seen.append(_Seen(listed, records.get(listed.name), manifest))
        except HubtuiError as e:
            missing.append(Missing(what=f"released {shown(listed.name, limit=60)}", why=str(e)))
            seen.append(_Seen(listed, records.get(listed.name), None))
    try:
        _settle(by, seen)
    except HubtuiError as e:
        missing.append(Missing(what="contents of changed files", why=str(e)))
    room = _Room(server, students)
    names = {listed.name for listed in found.sheets}
    return SheetList(
        at=stamp(server.clock()),
        sheets=tuple(_sheet(server, by, each, room) for each in seen),
        gone=tuple(name for name in records if name not in names and _is_out(records[name])),
        aside=_aside(found),
        missing=tuple(missing),
    )


# --- compared to what was released ---------------------------------------------------------------


class _Seen:
    """A sheet of the source beside its released version."""

    def __init__(
        self, listed: Listed, record: SheetRecord | None, manifest: Manifest | None
    ) -> None:
        self.listed, self.record = listed, record
        self.version: Version | None = store.released(record) if record and manifest else None
        self.files = [entry for entry in listed.entries if not entry.why]
        before = {file.path: file for file in manifest.files} if manifest else {}
        there = {entry.path for entry in self.files}
        self.new = [e.path for e in self.files if before and e.path not in before]
        self.gone = [path for path in before if path not in there]
        self.changed: list[str] = []
        self.doubtful: list[tuple[Entry, StoredFile]] = []
        """Same size, other time: the contents decide."""
        for entry in self.files:
            was = before.get(entry.path)
            if was is None or (was.size, was.mtime) == (entry.size, entry.mtime):
                continue
            if was.size == entry.size:
                self.doubtful.append((entry, was))
            else:
                self.changed.append(entry.path)

    @property
    def state(self) -> SheetState:
        if self.version is None:
            return SheetState.NEVER
        if self.changed:
            return SheetState.CHANGED
        return SheetState.ADDED if self.new else SheetState.RELEASED


def _released(server: Server, record: SheetRecord | None) -> Manifest | None:
    version = store.released(record) if record else None
    return store.manifest(server, record.sheet, version.number) if record and version else None


def _is_out(record: SheetRecord) -> bool:
    return store.released(record) is not None


_known: dict[tuple[str, int, int], str] = {}
"""sha256 by path, size, mtime: a screen that looks again and again reads nothing twice."""


def _settle(by: Reader, seen: Iterable[_Seen]) -> None:
    """Decide what is doubtful by its contents. Raises CommandFailed; then it counts as changed."""
    doubtful = [(each, *pair) for each in seen for pair in each.doubtful]

    def key(each: _Seen, entry: Entry) -> tuple[str, int, int]:
        return (str(by.source / each.listed.name / entry.path), entry.size, entry.mtime)

    unknown = [
        (each.listed.name, entry.path)
        for each, entry, _ in doubtful
        if key(each, entry) not in _known
    ]
    try:
        read = source.digests(by, unknown)
        if len(_known) > _REMEMBERED:
            _known.clear()
        for each, entry, _ in doubtful:
            name = each.listed.name
            whole = entry.path if name == "." else f"{name}/{entry.path}"
            if whole in read:
                _known[key(each, entry)] = read[whole]
    finally:
        for each, entry, was in doubtful:
            if _known.get(key(each, entry)) != was.sha256:
                each.changed.append(entry.path)


def _sheet(server: Server, by: Reader, seen: _Seen, room: _Room) -> Sheet:
    name, record = seen.listed.name, seen.record
    findings = list(_findings(by, seen))
    fresh = {*seen.new, *seen.changed}
    to_move = [e.size for e in seen.files if seen.version is None or e.path in fresh]
    findings += room.finding(sum(to_move))
    given = [v for v in record.versions if v.fate is not store.Fate.HELD] if record else []
    last = given[-1] if given else None
    withdrawn = last is not None and last.fate is store.Fate.WITHDRAWN
    if last is not None and withdrawn:
        findings.append(f"Version {last.number} was withdrawn: released again only if it is named.")
    return Sheet(
        name=name,
        files=len(seen.files),
        bytes=sum(entry.size for entry in seen.files),
        newest=max((entry.mtime for entry in seen.files), default=0),
        state=seen.state,
        version=seen.version.number if seen.version else None,
        since=seen.version.since if seen.version else None,
        new=tuple(seen.new),
        changed=tuple(sorted(seen.changed)),
        tried=last.number if last is not None and last.fate is store.Fate.TRIAL else None,
        withdrawn=withdrawn,
        solution=is_solution(name, source.release_of(server).solutions),
        findings=tuple(findings),
    )


def is_solution(name: str, patterns: Sequence[str]) -> bool:
    """Whether a sheet's name is that of an example solution."""
    return any(fnmatchcase(name.casefold(), pattern.casefold()) for pattern in patterns)


# --- what to look at first -----------------------------------------------------------------------


def _findings(by: Reader, seen: _Seen) -> Iterator[str]:
    listed = seen.listed
    if listed.error:
        yield f"cannot be read by {by.name}: {shown(listed.error, limit=120)}"
    reasons = Counter(entry.why for entry in listed.entries if entry.why)
    for why, count in reasons.items():
        named = _named(entry.path for entry in listed.entries if entry.why == why)
        said = shown(why, limit=120)
        stops = why.startswith("cannot be read")
        end = "cannot be released like this" if stops else "left out"
        yield f"{_files(count)} {end} – {said}: {named}"
    if listed.excluded:
        yield f"{listed.excluded} left out as release.exclude says"
    if closed := [e.path for e in seen.files if e.mode & 0o204 != 0o204]:
        yield (
            f"{_files(len(closed))} that others cannot read, or that cannot be saved: "
            f"{_named(closed)}; students get them readable and writable"
        )
    if odd := [e.path for e in seen.files if _not_everywhere(e.path)]:
        yield f"{_files(len(odd))} that Windows cannot save under the name: {_named(odd)}"
    if twins := list(_twins(entry.path for entry in seen.files)):
        yield f"names that differ in case only, one file on Windows and macOS: {_named(twins)}"
    if seen.gone:
        yield f"{_files(len(seen.gone))} gone since the release, kept by students"


def _not_everywhere(path: str) -> bool:
    return any(_WINDOWS.match(name) or name.endswith((".", " ")) for name in path.split("/"))


def _twins(paths: Iterable[str]) -> Iterator[str]:
    """Files and folders of the sheet that another one's name would hide."""
    spelled: dict[str, set[str]] = {}
    for path in paths:
        for part in accumulate(path.split("/"), "{}/{}".format):
            spelled.setdefault(part.casefold(), set()).add(part)
    for same in spelled.values():
        if len(same) > 1:
            yield " = ".join(sorted(same))


def _aside(found: Listing) -> tuple[str, ...]:
    return tuple(shown(name, limit=80) for name in found.aside)


class _Room:
    """Whether what is to be released fits into the homes, for all."""

    def __init__(self, server: Server, students: int | None) -> None:
        self._server, self._students = server, students
        self._free: int | None = None

    def finding(self, size: int) -> list[str]:
        """``size``: bytes that each student gets."""
        if not size:
            return []
        if self._students is None:
            self._students = len(survey(self._server).attending)
        if self._free is None:
            try:
                found = os.statvfs(self._server.course.accounts.homes)
            except OSError:
                return []
            self._free = found.f_bavail * found.f_frsize
        if size * self._students <= self._free:
            return []
        need = megabytes(size * self._students)
        return [
            f"{megabytes(size)} × {self._students} accounts = {need}: "
            f"only {megabytes(self._free)} are free in {self._server.course.accounts.homes}"
        ]


def _files(count: int) -> str:
    return f"{count} file{'' if count == 1 else 's'}"


def _named(paths: Iterable[str]) -> str:
    every = list(paths)
    more = f" and {len(every) - _NAMED} more" if len(every) > _NAMED else ""
    return ", ".join(shown(path, limit=60) for path in every[:_NAMED]) + more
