"""The fence: a folder of root's below ``homes``; a home is moved there before root looks into it.

From then on nobody can walk into it, so that root may. The move is one rename on one filesystem,
and nothing inside the home is touched: what is moved back is what it was.

    HOMES/.hubtui-retired/UID            fenced
    HOMES/.hubtui-retired/UID.removing   in a verified archive, and on its way out
    HOMES/.hubtui-retired/UID.rest       copies of what lies outside of it, until they are archived
"""

from __future__ import annotations

import contextlib
import os
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

from hubtui.errors import ChangedSinceShown, CommandFailed, Refused
from hubtui.names import shown
from hubtui.retire import kept
from hubtui.retire.checks import FENCE, fenced, home_of
from hubtui.retire.kept import Keeping
from hubtui.retire.records import Leaver
from hubtui.retire.steps import LeaverStep
from hubtui.server import Server, disks
from hubtui.server.run import say
from hubtui.state import sync_folder
from hubtui.stop import end_all
from hubtui.workers import tree
from hubtui.workers.drop import FOLDER


def removing(server: Server, uid: int) -> Path:
    """Where a home is while it is being removed: from then on there is no way back."""
    place = fenced(server, uid)
    return place.with_name(f"{place.name}.removing")


def is_nowhere(server: Server, subject: Leaver) -> bool:
    """Whether there is nothing left of the home, or never was."""
    return home_of(server, subject) is None and not os.path.lexists(removing(server, subject.uid))


def make_fence(server: Server) -> Path:
    """Root's own folder, made where it is missing. Raises Refused where it is not root's alone."""
    homes = server.course.accounts.homes
    found = homes.stat()
    if found.st_uid != 0 or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise Refused(
            f"{homes} can be written by others than root: mend that first, with: "
            f"{say(['chown', 'root:', str(homes)])} && {say(['chmod', 'go-w', str(homes)])}"
        )
    fence = homes / FENCE
    with contextlib.suppress(FileExistsError):
        fence.mkdir(mode=0o700)
        sync_folder(homes)
    found = fence.lstat()
    if (found.st_uid, stat.S_IFMT(found.st_mode)) != (0, stat.S_IFDIR):
        raise Refused(f"{fence} is not a folder of root's: look at it, and move it away.")
    if found.st_mode & 0o077:
        raise Refused(f"{fence} is open to others: close it, with: chmod 700 {fence}")
    return fence


def drop_fence(server: Server) -> None:
    """Remove the fence where nothing is in it."""
    with contextlib.suppress(OSError):
        (server.course.accounts.homes / FENCE).rmdir()


def staging(server: Server, uid: int) -> Path:
    """Where copies of what lies outside of the home are, until they are archived."""
    place = fenced(server, uid)
    return place.with_name(f"{place.name}.rest")


def drop_staging(server: Server, uid: int) -> None:
    """Remove those copies, which a kill may have left. Raises OSError."""
    place = staging(server, uid)
    if os.path.lexists(place):
        fence = os.open(place.parent, FOLDER)
        try:
            for _ in tree.remove(fence, place.name):
                pass
        finally:
            os.close(fence)


def fence_is_empty(server: Server) -> bool:
    """Whether a kill left the fence with nothing in it."""
    try:
        return next((server.course.accounts.homes / FENCE).iterdir(), None) is None
    except OSError:
        return False


def no_mounts(place: Path) -> None:
    """Raises Refused where something is mounted at or below ``place``."""
    real = Path(os.path.realpath(place.parent), place.name)
    for mount in disks.mount_points():
        if mount.is_relative_to(real):
            where = shlex.quote(shown(str(mount)))
            raise Refused(
                f"Something is mounted on {where}: unmount it first, with: umount -- {where}"
            )


class Fence(LeaverStep):
    """The home is root's to look at."""

    kind = "put away"

    def __init__(self, server: Server, subject: Leaver, how: Keeping) -> None:
        super().__init__(server, subject)
        self.how = how
        self.home, self.place = Path(subject.home), fenced(server, subject.uid)

    def say(self) -> str:
        return say(["mv", "--no-clobber", "--", str(self.home), str(self.place)])

    def done(self) -> bool:
        if self.subject.inode == 0:
            return True
        if is_nowhere(self.server, self.subject):
            # Gone may be what this run has archived, and nothing else.
            return kept.has_archive(self.server, self.subject.uid, self.how, "home")
        return home_of(self.server, self.subject) != self.home

    def do(self) -> Iterator[str]:
        subject, homes = self.subject, self.server.course.accounts.homes
        if self.home.parent != homes or self.home.name in ("", "..", FENCE):
            raise Refused(f"{shown(subject.home)} is not a folder of {homes}.")
        if home_of(self.server, subject) != self.home:
            raise ChangedSinceShown(f"{shown(subject.home)} is not the folder that was shown.")
        no_mounts(self.home)
        fence = make_fence(self.server)
        if os.path.lexists(self.place):
            raise Refused(f"{self.place} is there already, and is another home: look at it.")
        kept.begin(self.server, subject.uid, self.how)
        end_all(subject.uid)  # also what forks and exits so fast that no look shows it
        _move(homes, self.home, fence, self.place)
        yield from ()

    def verify(self) -> None:
        if not self.done():
            raise CommandFailed(f"{shown(self.subject.home)} is not in {self.place}.")


class Unfence(LeaverStep):
    """The home is back in its place, as it was."""

    kind = "put back"

    def __init__(self, server: Server, subject: Leaver) -> None:
        super().__init__(server, subject)
        self.home, self.place = Path(subject.home), fenced(server, subject.uid)

    def say(self) -> str:
        return say(["mv", "--no-clobber", "--", str(self.place), str(self.home)])

    def done(self) -> bool:
        return home_of(self.server, self.subject) != self.place and not self._is_going()

    def do(self) -> Iterator[str]:
        if self._is_going():
            raise Refused(f"The home of {self.name} is being removed: what is left is an archive.")
        if os.path.lexists(self.home):
            raise Refused(f"{shown(str(self.home))} is there again: move it away first.")
        _move(self.place.parent, self.place, self.server.course.accounts.homes, self.home)
        drop_staging(self.server, self.subject.uid)
        drop_fence(self.server)
        yield from ()

    def verify(self) -> None:
        if not self.done():
            raise CommandFailed(f"{self.place} is not back in {shown(str(self.home))}.")

    def _is_going(self) -> bool:
        return os.path.lexists(removing(self.server, self.subject.uid))


def _move(source: Path, old: Path, target: Path, new: Path) -> None:
    """One rename between two folders of root's, on one filesystem. Raises CommandFailed."""
    try:
        old.rename(new)
    except PermissionError as e:
        where = shlex.quote(shown(str(old)))
        raise CommandFailed(
            f"{where} cannot be moved ({e.strerror}): make it changeable, with: "
            f"chattr -i -a -- {where}"
        ) from e
    except OSError as e:
        raise CommandFailed(f"{shown(str(old))} cannot be moved: {e.strerror}.") from e
    sync_folder(target)
    sync_folder(source)
