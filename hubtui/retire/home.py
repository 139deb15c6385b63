"""The home goes: what a verified archive of this very run holds, and nothing else."""

from __future__ import annotations

import errno
import os
import shlex
from collections.abc import Iterator
from pathlib import Path

from hubtui.errors import ChangedSinceShown, CommandFailed, Refused
from hubtui.names import shown
from hubtui.retire import kept
from hubtui.retire.checks import fenced, home_of
from hubtui.retire.fence import drop_fence, fence_is_empty, is_nowhere, no_mounts, removing
from hubtui.retire.kept import Keeping
from hubtui.retire.records import Archived, Leaver
from hubtui.retire.steps import LeaverStep
from hubtui.server import Server, archives, holders
from hubtui.state import sync_folder
from hubtui.units import counted, megabytes
from hubtui.workers import tree
from hubtui.workers.drop import FOLDER

_SAID_EVERY = 10_000
"""Files between two words on how far it is."""


class RemoveHome(LeaverStep):
    """Nothing of the home is left."""

    kind = "remove home"

    def __init__(self, server: Server, subject: Leaver, how: Keeping) -> None:
        super().__init__(server, subject)
        self.how = how
        self.place, self.going = fenced(server, subject.uid), removing(server, subject.uid)

    def say(self) -> str:
        return f"remove {self.place}, if its archive is whole and holds just what is there"

    def done(self) -> bool:
        return is_nowhere(self.server, self.subject) and not fence_is_empty(self.server)

    def do(self) -> Iterator[str]:
        if not is_nowhere(self.server, self.subject):
            yield from self._home()
        drop_fence(self.server)

    def verify(self) -> None:
        if not self.done():
            raise CommandFailed(f"The home of {self.name} is still there.")

    def _home(self) -> Iterator[str]:
        if os.path.lexists(self.going):
            self._is_kept()
        else:
            yield "the archive is looked at once more"
            self._doom(self._archived())
        kept.note(self.server, self.subject.uid, self.how, self.kind, "begun")
        no_mounts(self.going)
        yield from self._remove()

    def _is_kept(self) -> None:
        """What is half removed was archived as a whole before, by this run or an earlier one.

        Only the newest can hold all of it: between two archives somebody came back, and worked on.
        """
        record = kept.read(self.server.state, self.subject.uid)
        every = record.archives if record is not None else ()
        of_home = [one for one in every if one.what == "home"]
        if of_home and kept.is_whole(of_home[-1]):
            return
        raise Refused(
            f"The archive of {self.name} is gone, and {self.going} is the rest of its home: "
            "move that to a safe place, or bring the archive back."
        )

    def _archived(self) -> Archived:
        """The archive, looked at byte by byte."""
        one = kept.archive_of(self.server, self.subject.uid, self.how, "home")
        if one is None:
            raise Refused(
                f"No archive of this removal holds the home of {self.name}: it is not removed."
            )
        try:
            whole = archives.sha256_of(Path(one.path)) == one.sha256
        except OSError as e:
            raise CommandFailed(f"{shown(one.path)} cannot be read: {e.strerror}.") from e
        if not whole:
            raise Refused(
                f"{shown(one.path)} is not what was archived: the home of {self.name} stays. "
                "Move that file away; then the next try archives again."
            )
        return one

    def _doom(self, one: Archived) -> None:
        """From here on there is no way back: what is archived is what is there."""
        if home_of(self.server, self.subject) != self.place:
            raise ChangedSinceShown(f"{self.place} is not the home of {self.name} that was shown.")
        no_mounts(self.place)
        if at_work := holders.sentence(self.place):
            raise Refused(f"The home of {self.name} is not removed. {at_work}")
        if archives.look(self.place).text != one.tree:
            raise ChangedSinceShown(
                f"{self.place} changed since it was archived: the next try archives it again."
            )
        self.place.rename(self.going)
        sync_folder(self.place.parent)

    def _remove(self) -> Iterator[str]:
        folder = os.open(self.going.parent, FOLDER)
        try:
            for files, size in tree.remove(folder, self.going.name):
                self.moved = (files, size)
                if files % _SAID_EVERY == 0:
                    yield f"{files:,} files removed"
            os.fsync(folder)
        except OSError as e:
            raise self._trouble(e) from e
        finally:
            os.close(folder)
        files, size = self.moved
        self.told = f"{counted(files, 'file')}, {megabytes(size)} removed"

    def _trouble(self, error: OSError) -> CommandFailed:
        where = shown(f"{self.going.parent}/{error.filename or self.going.name}", limit=200)
        what = f"{where} cannot be removed: {error.strerror}"
        if error.errno in (errno.EPERM, errno.EACCES):
            going = shlex.quote(str(self.going))
            return CommandFailed(f"{what}: make all changeable, with: chattr -R -i -a -- {going}")
        if error.errno in (errno.EXDEV, errno.EBUSY):
            return CommandFailed(f"{what}: something is mounted there; unmount it, with umount.")
        return CommandFailed(f"{what}.")
