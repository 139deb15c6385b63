"""The archive of a home: made from behind the fence, read again whole, and only then noted."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from hubtui.clock import stamp
from hubtui.errors import ChangedSinceShown, CommandFailed, HubtuiError, Refused
from hubtui.names import shown
from hubtui.reads import reading
from hubtui.retire import kept
from hubtui.retire.checks import fenced, home_of
from hubtui.retire.fence import is_nowhere, no_mounts, removing
from hubtui.retire.kept import Keeping
from hubtui.retire.records import Archived, Leaver
from hubtui.retire.steps import LeaverStep
from hubtui.server import Server, archives
from hubtui.server.run import say
from hubtui.state import make_dir
from hubtui.units import megabytes


class Archive(LeaverStep):
    """A verified archive of the home is there."""

    kind = "archive"

    def __init__(self, server: Server, subject: Leaver, how: Keeping) -> None:
        super().__init__(server, subject)
        self.how = how
        self.place = fenced(server, subject.uid)

    def say(self) -> str:
        final = target(self.server, self.subject.uid, self.how)
        return say(archives.argv(self.place, archives.part_of(final)))

    def done(self) -> bool:
        uid = self.subject.uid
        if self.subject.inode == 0 or os.path.lexists(removing(self.server, uid)):
            return True  # RemoveHome looks whether that is kept
        if is_nowhere(self.server, self.subject):
            return kept.has_archive(self.server, uid, self.how, "home")
        one = kept.archive_of(self.server, uid, self.how, "home")
        if one is None or home_of(self.server, self.subject) != self.place:
            return False
        return archives.look(self.place).text == one.tree

    def do(self) -> Iterator[str]:
        if home_of(self.server, self.subject) != self.place:
            raise ChangedSinceShown(f"{self.place} is not the home of {self.name} that was shown.")
        no_mounts(self.place)
        yield from archive(self.server, self.subject.uid, self.how, self.place, "home")
        made = kept.archive_of(self.server, self.subject.uid, self.how, "home")
        if made is not None:
            self.told = f"{megabytes(made.bytes)} archived"

    def verify(self) -> None:
        if kept.archive_of(self.server, self.subject.uid, self.how, "home") is None:
            raise CommandFailed(f"The archive of uid {self.subject.uid} is not where it was made.")


def archive(server: Server, uid: int, how: Keeping, tree: Path, what: str) -> Iterator[str]:
    """Archive a tree of root's, and note it. The note comes first: no archive is ever forgotten.

    Raises Refused, CommandFailed, StateError.
    """
    folder = need_folder(server, how)
    for left in folder.glob(f"{uid}-*{archives.PART}"):
        left.unlink()
    final = target(server, uid, how, what)
    made = yield from archives.make(server.run, tree, final, hold=server.lock)
    one = Archived(
        uid=uid,
        path=str(final),
        sha256=made.sha256,
        bytes=made.size,
        files=made.tree.files,
        what=what,
        made=stamp(server.clock()),
        until=kept.until(server, how),
        run=how.run,
        tree=made.tree.text,
        mount=kept.mount_of(folder),
    )
    size = {"files": made.tree.files, "bytes": made.tree.bytes} if what == "home" else {}
    try:
        kept.note_archive(server, one, how, **size)
        archives.finish(final)
    except (HubtuiError, OSError):
        archives.part_of(final).unlink(missing_ok=True)
        raise


def target(server: Server, uid: int, how: Keeping, what: str = "home") -> Path:
    """What an archive that is made now is called: as none is yet."""
    kind = "" if what == "home" else f".{what}"
    start = f"{uid}-{server.clock():%Y%m%d-%H%M%S}"
    folder = folder_of(server, how)
    for number in count(1):
        path = folder / f"{start}{f'-{number}' if number > 1 else ''}{kind}.tar.zst"
        if not path.exists():
            return path
    raise AssertionError


def folder_of(server: Server, how: Keeping) -> Path:
    """Where archives go: as somebody said, else as course.yaml says, else below state_dir."""
    return how.folder or server.course.accounts.archive or server.state / "archives"


def need_folder(server: Server, how: Keeping) -> Path:
    """The folder for archives, which has to be root's alone. Raises Refused, StateError."""
    folder = folder_of(server, how)
    if folder == server.state / "archives":
        make_dir(server.state, 0o711)
        make_dir(folder)
    where = shlex.quote(shown(str(folder)))
    try:
        flaw = reading.flaw(folder)
        found = folder.stat()
    except FileNotFoundError as e:
        make = f"make it, with: mkdir -p -m 700 -- {where}"
        raise Refused(f"The folder for archives, {where}, is not there: {make}") from e
    except OSError as e:
        raise Refused(f"The folder for archives, {where}, cannot be used: {e.strerror}.") from e
    if flaw is not None:
        raise Refused(f"{flaw}: archives go into a folder of root's own, not to {where}.")
    if not stat.S_ISDIR(found.st_mode):
        raise Refused(f"{where}, where archives go, is not a folder.")
    if found.st_mode & 0o077:
        raise Refused(f"{where} is open to others: close it, with: chmod 700 -- {where}")
    return folder
