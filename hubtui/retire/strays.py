"""What an account left outside of its home: archived as well, then removed.

Crontab, at-jobs and mail are copied by root, files in /tmp and its like by a process that is the
account; all of it goes into one archive, ``UID-DATE.rest.tar.zst``, and only what is in it goes.
The copies lie behind the fence meanwhile:

    UID/crontab  UID/mail  UID/at/…  UID/ipc.txt  UID/tmp.tar  UID/var-tmp.tar  UID/dev-shm.tar …
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from hubtui.errors import ChangedSinceShown, CommandFailed
from hubtui.names import shown
from hubtui.retire import kept
from hubtui.retire.archive import archive
from hubtui.retire.fence import drop_fence, drop_staging, make_fence, staging
from hubtui.retire.kept import Keeping
from hubtui.retire.records import Leaver
from hubtui.retire.steps import LeaverStep
from hubtui.server import Server, accounts, archives, processes, spools, sweeping, systemd
from hubtui.server.run import say
from hubtui.server.spools import Spooled
from hubtui.server.sweeping import Found, Whose
from hubtui.units import counted
from hubtui.workers import tree
from hubtui.workers.drop import FILE


class SweepStrays(LeaverStep):
    """Nothing of the account is left outside of its home."""

    kind = "strays"

    def __init__(self, server: Server, subject: Leaver, how: Keeping) -> None:
        super().__init__(server, subject)
        self.how = how
        self.whose = Whose(subject.uid, subject.gid)
        self.staging = staging(server, subject.uid)
        self.tree = self.staging / str(subject.uid)

    def say(self) -> str:
        tops = ", ".join(str(top) for top in sweeping.tops(self.subject.uid))
        return (
            f"archive and remove what uid {self.subject.uid} has besides: crontab, at-jobs, mail, "
            f"shared memory, message queues, files in {tops}"
        )

    def done(self) -> bool:
        return kept.is_noted(self.server, self.subject.uid, self.how, self.kind)

    def do(self) -> Iterator[str]:
        self._alone()
        make_fence(self.server)
        drop_staging(self.server, self.subject.uid)
        self.tree.mkdir(parents=True, mode=0o700)
        self.staging.chmod(0o700)
        spooled = self._copy_spooled()
        ipc, queues = self._list_ipc()
        yield "looking for files"
        found = self._copy_strays()
        if any(self.tree.iterdir()):
            yield from archive(self.server, self.subject.uid, self.how, self.tree, "rest")
            if kept.archive_of(self.server, self.subject.uid, self.how, "rest") is None:
                raise CommandFailed("The archive of the strays is not where it was made.")
        removed, left = self._remove(spooled, found)
        for argv in ipc:
            self.server.run(argv).check()
        for queue in queues:
            queue.unlink(missing_ok=True)
        self._stop_lingering()
        drop_staging(self.server, self.subject.uid)
        drop_fence(self.server)
        count = removed + len(ipc) + len(queues)
        self.told = f"{counted(count, 'stray')} removed" if count else "no strays"
        if left:
            # What is told is kept: where they lie has names in it, so the command says that.
            tops = [str(top) for top in sweeping.tops(self.subject.uid)]
            see = say(["find", *tops, "-uid", str(self.subject.uid)])
            self.told += f", {len(left)} left in others' folders, or with others' files: {see}"
        kept.note(self.server, self.subject.uid, self.how, self.kind, self.told)

    def verify(self) -> None:
        if spools.find(self.subject.uid):
            raise CommandFailed(f"{self.name} still has a crontab, at-jobs or mail.")
        self._alone()

    def _alone(self) -> None:
        """What still runs could put back what is removed."""
        owner = accounts.read_accounts().by_uid.get(self.subject.uid)
        if owner is not None and owner.name != self.subject.name:
            raise ChangedSinceShown(f"uid {self.subject.uid} is somebody else's now.")
        if running := processes.of(self.subject.uid):
            raise CommandFailed(f"{len(running)} processes of {self.name} run again.")

    # --- copies ---------------------------------------------------------------------------------

    def _copy_spooled(self) -> list[tuple[Spooled, int]]:
        """Each with what a change would change."""
        copied = []
        for one in spools.find(self.subject.uid):
            with os.fdopen(os.open(one.path, os.O_RDONLY | FILE), "rb") as source:
                found = os.fstat(source.fileno())
                if not stat.S_ISREG(found.st_mode) or found.st_uid != self.subject.uid:
                    raise ChangedSinceShown(f"{shown(str(one.path))} was replaced meanwhile.")
                target = self.tree / one.called
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("xb") as copy:
                    shutil.copyfileobj(source, copy)
                os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))
            copied.append((one, tree.digest("", found)))
        return copied

    def _list_ipc(self) -> tuple[list[list[str]], list[Path]]:
        """The commands that remove System V IPC, and message queues; a line of each is kept."""
        found, queues = list(spools.ipc(self.subject.uid)), spools.queues(self.subject.uid)
        lines = [line for _, line in found] + [f"mqueue: {shown(q.name)}" for q in queues]
        if lines:
            (self.tree / "ipc.txt").write_text("\n".join(lines) + "\n")
        return [argv for argv, _ in found], queues

    def _copy_strays(self) -> dict[Path, Found]:
        every = sweeping.find(self.whose)
        for top, found in every.items():
            if found.files:
                archives.need_room(self.tree, found.files, found.bytes)
                called = "-".join(top.parts[1:])
                sweeping.archive(self.whose, top, found, self.tree / f"{called}.tar")
        return every

    # --- removing -------------------------------------------------------------------------------

    def _remove(
        self, spooled: list[tuple[Spooled, int]], found: dict[Path, Found]
    ) -> tuple[int, list[str]]:
        """How many; and what stays, for others own the folder that it is in, or what is in it."""
        removed, left = 0, list[str]()
        for one, known in spooled:
            if tree.digest("", one.path.lstat()) != known:
                raise ChangedSinceShown(f"{shown(str(one.path))} changed while it was archived.")
            one.path.unlink()
            removed += 1
        for top, entries in found.items():
            gone, stays = sweeping.remove(self.whose, top, entries)
            removed += gone
            left += stays
        return removed, left

    def _stop_lingering(self) -> None:
        """By systemd, where it runs: /run/user/UID is a filesystem of its own."""
        uid = self.subject.uid
        linger = spools.lingers(self.subject.name)
        if linger is not None and not self.is_anothers():
            linger.unlink(missing_ok=True)
        folder = sweeping.runtime_folder(uid)
        if not folder.is_dir():
            return
        if systemd.is_running():
            unit = f"user-runtime-dir@{uid}.service"
            self.server.run(["systemctl", "stop", "--", unit], timeout=30)
        if folder.is_dir() and not os.path.ismount(folder):
            folder.rmdir()
