"""Students who leave: how they are switched off, removed and brought back, and what is left."""

from __future__ import annotations

import hashlib
import os
import pwd
import subprocess
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from hubtui import changes
from hubtui.events import Event, Follower, Outcome, What
from hubtui.plan import plans, runs
from hubtui.plan.plans import Plan
from hubtui.retire.plan import retire_plan
from hubtui.retire.restore import restore_plan
from hubtui.server import hubdb, ledger
from hubtui.server.accounts import FILES
from hubtui.state import write_document
from tests.course_on_disk import ROSTER
from tests.sandboxed import Machine
from tests.yearly import Year, YearsHub


class Leavers(Year):
    """A course, and what a test does to those who leave it."""

    @classmethod
    def of(cls, years_hub: YearsHub, machine: Machine) -> Leavers:
        """A course without anybody, on a fresh machine, at a hub that knows nobody."""
        years_hub.sweep()
        machine.restore()
        begun = Year.begun(years_hub.hub)
        return cls(begun.hub, begun.server)

    # --- what is done ---------------------------------------------------------------------------

    def retire(
        self, *names: str, until: datetime | None = None, archive: Path | None = None
    ) -> Plan:
        """The plan that removes them."""
        return retire_plan(self.server, self.seen, names, until=until, archive=archive)

    def restore(self, *names: str) -> Plan:
        """The plan that brings them back."""
        return restore_plan(self.server, self.seen, names)

    def confirm(self, plan: Plan) -> str:
        """Somebody says yes; returns the run, which nobody has begun yet."""
        plans.save(self.server.state, plan)
        record = runs.RunRecord(id=plan.id, by=plan.by, at=plan.at)
        write_document(runs.record_path(self.server.state, plan.id), record)
        return plan.id

    def carry_out(self, plan: Plan) -> Outcome:
        """The whole run, in this process."""
        return changes.carry_out(self.server, self.confirm(plan))

    def done(self, plan: Plan) -> None:
        """Carry it out; it has to go well."""
        outcome = self.carry_out(plan)
        assert outcome is Outcome.DONE, self.ends(plan)

    def ends(self, plan: Plan) -> dict[str, Event]:
        """What came of each subject."""
        events = Follower(runs.events_path(self.server.state, plan.id)).new()
        return {event.subject: event for event in events if event.event is What.END}

    def killed(self, plan: Plan, prepare: Callable[[], None]) -> None:
        """Carry it out in a child that is prepared to die of kill -9 on its way."""
        child = os.fork()
        if child == 0:
            try:
                prepare()
                changes.carry_out(self.server, plan.id)
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), "the run was meant to be killed"
        os.utime(runs.record_path(self.server.state, plan.id), (1, 1))  # begun long ago

    # --- what is left ---------------------------------------------------------------------------

    def gone(self, name: str, uid: int) -> None:
        """Nothing of it is left where it was."""
        for path in FILES:
            words = path.read_text().replace(":", " ").replace(",", " ").split()
            assert name not in words, path
        assert not Path("/home", name).exists()
        assert not Path("/home/.hubtui-retired", str(uid)).exists()
        database = self.server.course.hub.database
        assert name not in {user.name for user in hubdb.hub_users(database)}
        assert name not in {row.name for row in hubdb.sign_ups(database)}
        assert name not in ROSTER.read_text().split()
        assert name not in self.seen.leaving
        given = ledger.read_ledger(self.server.state).by_uid[uid]
        assert given.retired is not None
        assert given.name != name

    def as_ever(self, name: str, before: str) -> None:
        """Still there, with every byte of its home."""
        assert pwd.getpwnam(name)
        assert digest(Path("/home", name)) == before
        assert name in ROSTER.read_text().split()
        assert self.can_log_in(name)


def digest(folder: Path) -> str:
    """Of every name, byte, mode, owner, time and attribute below a folder, itself included."""
    found = hashlib.sha256()
    for path in (folder, *sorted(folder.rglob("*"))):
        stat = path.lstat()
        content = b""
        if path.is_symlink():
            content = os.fsencode(path.readlink())
        elif path.is_file():
            content = path.read_bytes()
        attributes = [
            (name, os.getxattr(path, name, follow_symlinks=False))
            for name in sorted(os.listxattr(path, follow_symlinks=False))
        ]
        seen = (stat.st_mode, stat.st_uid, stat.st_gid, stat.st_mtime_ns, stat.st_nlink, attributes)
        found.update(repr((path.relative_to(folder), seen)).encode("utf-8", "surrogateescape"))
        found.update(content)
    return found.hexdigest()


def unpacked(archive: Path, into: Path) -> Sequence[Path]:
    """What the documented command makes of an archive."""
    into.mkdir()
    words = ["tar", "--extract", "--zstd", "--acls", "--xattrs", "--xattrs-include=*"]
    subprocess.run([*words, "--file", str(archive), "--directory", str(into)], check=True)
    return sorted(into.rglob("*"))
