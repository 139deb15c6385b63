"""The folders of hubtui: root's own, closed where they hold what students did."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from hubtui.errors import CommandFailed, Refused
from hubtui.names import shown
from hubtui.server import Server
from hubtui.server import hub as hubs
from hubtui.setup.install.stages import Stage
from hubtui.setup.reads import reading
from hubtui.trust import SAFE_PLACE


class Folders(Stage):
    """That of course.yaml, which tutors and a hub without root have to enter, and the state's."""

    kind = "folders"

    def __init__(self, server: Server) -> None:
        course = server.course
        tutors = course.release.tutors if course.release else ()
        folder = course.file.parent
        entered = bool(tutors) or hubs.uid_of(course) != 0
        self.wanted = {
            folder: _config_mode(folder, entered=entered),
            server.state: _state_mode(server.state),
        }
        self.before: dict[Path, tuple[int, int, int]] = {}

    def say(self) -> str:
        """Each with its mode."""
        each = (f"{path} (root, {mode:04o})" for path, mode in self.wanted.items())
        return f"folders: {', '.join(each)}"

    def done(self) -> bool:
        """Whether all are as they shall be."""
        return all(_as_wanted(path, mode) for path, mode in self.wanted.items())

    def do(self) -> Iterator[str]:
        """Make them, or change owner and mode. Raises Refused, CommandFailed."""
        for path, mode in self.wanted.items():
            if _as_wanted(path, mode):
                continue
            if flaw := reading.flaw_of_rest(path.parent):
                raise Refused(f"As root hubtui does not write to {path}: {flaw}.")
            try:
                if path.exists():
                    status = path.stat()
                    self.before[path] = (status.st_mode, status.st_uid, status.st_gid)
                else:
                    path.mkdir(parents=True)
                os.chown(path, 0, 0)
                path.chmod(mode)
            except OSError as e:
                raise CommandFailed(f"{path} cannot be made: {e.strerror}.") from e
            yield f"{path}: root, {mode:04o}"

    def verify(self) -> None:
        """Raise CommandFailed where one is not so."""
        for path, mode in self.wanted.items():
            if not _as_wanted(path, mode):
                raise CommandFailed(f"{path} is not as it was made: somebody else changes it.")

    def undo(self) -> str:
        """Modes as before; a new folder stays, for what was done is noted in it."""
        for path, (mode, uid, gid) in self.before.items():
            os.chown(path, uid, gid)
            path.chmod(stat.S_IMODE(mode))
        return f"as they were: {', '.join(map(str, self.before))}" if self.before else ""


def _config_mode(folder: Path, *, entered: bool) -> int:
    """Nobody but root writes; who has closed it more keeps it so, unless it has to be entered.

    Raises Refused where it had to be opened, and is not hubtui's own: the hub's database, which all
    could read, or root's keys may lie there.
    """
    try:
        mode = stat.S_IMODE(folder.stat().st_mode) & ~0o022
    except FileNotFoundError:
        mode = 0o755
    if entered and mode & 0o755 != 0o755 and folder != SAFE_PLACE.parent:
        quoted = shown(shlex.quote(str(folder)))
        raise Refused(
            f"Tutors and the hub have to enter {shown(str(folder))}, and it is closed: move "
            f"course.yaml to {SAFE_PLACE}, or look what else lies there, then: chmod a+rx {quoted}"
        )
    return mode | 0o755 if entered else mode


def _state_mode(folder: Path) -> int:
    """Nobody but root lists it; some of hubtui lets others pass, to what is theirs, some not."""
    with suppress(FileNotFoundError):
        mode = stat.S_IMODE(folder.stat().st_mode)
        if not mode & 0o066:
            return mode
    return 0o711


def _as_wanted(path: Path, mode: int) -> bool:
    try:
        status = path.stat()
    except FileNotFoundError:
        return False
    found = (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)
    return stat.S_ISDIR(status.st_mode) and found == (mode, 0, 0)
