"""A tutor with a folder of sheets and a class with homes, on the sandbox's own disk."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hubtui import changes, course
from hubtui.events import Event, Follower, Outcome, What
from hubtui.plan import plans, runs
from hubtui.plan.plans import Plan
from hubtui.release import chosen, push
from hubtui.release.ledger import Delivered
from hubtui.release.ledger import read as read_ledger
from hubtui.release.withdraw import withdraw_plan
from hubtui.server import Server, server_of
from hubtui.state import write_document
from hubtui.students import survey
from tests.course_on_disk import CONFIG, ROSTER, TEXT, make_course
from tests.sandboxed import Machine

SOURCE = Path("/home/tutor/exercises")
RELEASE = f"""\
release:
  source: {SOURCE}
  tutors: [tutor]
"""


@dataclass
class Teaching:
    """What a test does with it."""

    server: Server
    machine: Machine

    def sheet(self, name: str, files: Mapping[str, str | bytes]) -> None:
        """The tutor writes (anew) these files of a sheet; ``.`` is the flat one."""
        for path, content in files.items():
            file = SOURCE / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content if isinstance(content, bytes) else content.encode())
        subprocess.run(["chown", "-R", "tutor:tutor", str(SOURCE)], check=True)

    def student(self, name: str, uid: int) -> Path:
        """A course account; returns its home."""
        home = self.machine.adduser(name, uid, mode=0o700, group="all_user")
        with ROSTER.open("a") as roster:
            roster.write(f"{name}\n")
        return home

    def plan(self, *sheets: str, **more: object) -> Plan:
        """A release of these sheets, of all where none is named."""
        names = sheets or [f.name for f in sorted(SOURCE.iterdir()) if f.is_dir()]
        versions = chosen.prepare(self.server, names)
        return push.push_plan(self.server, survey(self.server), versions, **more)  # type: ignore[arg-type]

    def carry_out(self, plan: Plan) -> Outcome:
        """Run it in this process."""
        plans.save(self.server.state, plan)
        record = runs.RunRecord(id=plan.id, by="test", at=plan.at)
        write_document(runs.record_path(self.server.state, plan.id), record)
        return changes.carry_out(self.server, plan.id)

    def push(self, *sheets: str, **more: object) -> dict[str, Event]:
        """Release, and what came of it, by student or ``sheet NAME``."""
        plan = self.plan(*sheets, **more)
        self.carry_out(plan)
        return self.ends(plan)

    def withdraw(self, sheet: str) -> dict[str, Event]:
        """Take it back, and what came of that."""
        plan = withdraw_plan(self.server, survey(self.server), sheet)
        self.carry_out(plan)
        return self.ends(plan)

    def ends(self, plan: Plan) -> dict[str, Event]:
        """The last word on each subject of a run."""
        events = Follower(runs.events_path(self.server.state, plan.id)).new()
        return {e.subject: e for e in events if e.event is What.END}

    def preview(self, plan: Plan) -> dict[str, dict[str, int]]:
        """By student: how many files are in for what."""
        lines = changes.preview(self.server, plan)
        return {
            line.key: line.steps[0].counts for line in lines if not line.key.startswith("sheet")
        }

    def given(self, name: str, sheet: str) -> Delivered | None:
        """What the ledger says."""
        return read_ledger(self.server.state).get((pwd.getpwnam(name).pw_uid, sheet))


def teach(machine: Machine, *names: str) -> Teaching:
    """A course with a tutor and these students, uid 20001 and up."""
    make_course()
    CONFIG.write_text(TEXT + RELEASE)
    subprocess.run(["groupadd", "--gid", "20000", "--", "all_user"], check=True)
    machine.adduser("tutor", 1100)
    SOURCE.mkdir()
    os.chown(SOURCE, 1100, 1100)
    teaching = Teaching(server_of(course.load(CONFIG)), machine)
    for uid, name in enumerate(names, 20001):
        teaching.student(name, uid)
    return teaching


def write_as(name: str, path: Path, content: str | bytes) -> None:
    """The student saves a file."""
    account = pwd.getpwnam(name)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    os.chown(path, account.pw_uid, account.pw_gid)


def tree(folder: Path) -> dict[str, bytes]:
    """Every regular file below a folder, hidden ones too."""
    files = (p for p in sorted(folder.rglob("*")) if p.is_file() and not p.is_symlink())
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}
