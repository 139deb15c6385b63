"""The folder of course.yaml: what hubtui install opens, and what it never does."""

from __future__ import annotations

import stat
from pathlib import Path

import msgspec
import pytest

from hubtui.course import Course
from hubtui.errors import Refused
from hubtui.server import Server
from hubtui.server.run import run
from hubtui.setup.install.folders import Folders
from tests.unit.surveys import NOON, course


def server(folder: Path, uid: int) -> Server:
    """Whose course.yaml lies there, and whose hub runs under that uid."""
    plain: Course = course(folder)
    hub = msgspec.structs.replace(plain.hub, uid=uid)
    described = msgspec.structs.replace(plain, hub=hub, file=folder / "course.yaml")
    return Server(course=described, state=folder / "state", run=run, clock=lambda: NOON)


def test_a_folder_with_more_in_it_is_never_opened(tmp_path: Path) -> None:
    """As /root, or that of the hub: its database is readable for all who get there."""
    tmp_path.chmod(0o700)
    with pytest.raises(Refused, match=r"it is closed: move course.yaml to /etc/hubtui"):
        Folders(server(tmp_path, 990))
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_one_that_nobody_has_to_enter_stays_closed(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    assert Folders(server(tmp_path, 0)).wanted[tmp_path] == 0o700
    tmp_path.chmod(0o777)
    assert Folders(server(tmp_path, 990)).wanted[tmp_path] == 0o755
