"""A folder of exercises and a store, without an account for it: root's is read as nobody."""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from hubtui.course import Release
from hubtui.server import Server
from hubtui.server.run import run
from tests.unit.surveys import NOON, course


@dataclass
class Exercises:
    """What a test does with it."""

    server: Server
    path: Path

    def write(self, path: str, text: str = "", *, mtime: int = 1_790_000_000) -> Path:
        """A file of the source, its folders made."""
        place = self.path / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text or f"text of {path}")
        os.utime(place, (mtime, mtime))
        return place

    def week(self, name: str = "week05") -> None:
        """A small sheet."""
        self.write(f"{name}/sheet.ipynb", "{}")
        self.write(f"{name}/data/table.csv", "a,b\n1,2\n")
        self.write(f"{name}/run.sh", "true").chmod(0o755)

    def with_release(self, **more: object) -> None:
        """Change the part release of course.yaml."""
        release = msgspec.structs.replace(self.server.course.release, **more)  # type: ignore[type-var]
        changed = msgspec.structs.replace(self.server.course, release=release)
        self.server = Server(
            course=changed, state=self.server.state, run=run, clock=self.server.clock
        )


@pytest.fixture
def exercises() -> Iterator[Exercises]:
    """In a folder that the reader can reach: pytest's own ones are closed."""
    top = Path(tempfile.mkdtemp())
    top.chmod(0o755)
    source = top / "exercises"
    source.mkdir(mode=0o755)
    tutors = () if os.geteuid() == 0 else (pwd.getpwuid(os.getuid()).pw_name,)
    described = msgspec.structs.replace(course(top), release=Release(source=source, tutors=tutors))
    yield Exercises(
        Server(course=described, state=top / "state", run=run, clock=lambda: NOON), source
    )
    shutil.rmtree(top)
