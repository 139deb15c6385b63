"""A course whose tutors come through sudo, installed by hubtui: the real sudo, the real rule."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hubtui.demo.sandbox import VARIABLE
from hubtui.setup.install import timers, tutors
from tests.course_on_disk import hubtui
from tests.release_on_disk import Teaching, teach
from tests.sandboxed import Machine, checkout_of_root

PROGRAM = str(tutors.LAUNCHER)
SUDOERS = """\
Defaults env_reset
Defaults env_keep += "PYTHONPATH PYTHONSTARTUP PYTHONHOME HUBTUI_CONFIG COLUMNS"
root ALL=(ALL:ALL) ALL
@includedir /etc/sudoers.d
"""
"""An admin who keeps too much: hubtui-tutor must not trust it."""

_WRITTEN = (timers.CRON, tutors.SUDOERS, Path("/etc/sudoers"))


@contextlib.contextmanager
def way_in(machine: Machine, copy: Path, *students: str) -> Iterator[Teaching]:
    """These students and the tutor, with timers and the way in. ``copy``: an empty folder's name.

    Skips the test where sudo cannot work.
    """
    if os.environ.get(VARIABLE) != "root":
        pytest.skip("sudo is not setuid in a user namespace")
    if shutil.which("sudo") is None:
        pytest.skip("sudo is not installed: apt-get install sudo")
    with checkout_of_root(), local_bin(copy):
        made = teach(machine, *students)
        Path("/etc/sudoers").write_text(SUDOERS)
        Path("/etc/sudoers").chmod(0o440)
        try:
            for part in ("timers", "tutors"):
                done = hubtui("install", part, "--yes")
                assert done.returncode == 0, done.stderr
            assert hubtui("due").returncode == 0
            yield made
        finally:
            for path in _WRITTEN:
                path.unlink(missing_ok=True)


@contextlib.contextmanager
def local_bin(copy: Path) -> Iterator[None]:
    """/usr/local/bin is the machine's own: cover it by a copy."""
    shutil.copytree("/usr/local/bin", copy, symlinks=True)
    copy.chmod(0o755)
    subprocess.run(["mount", "--bind", str(copy), "/usr/local/bin"], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", "/usr/local/bin"], check=True)


def as_user(
    name: str, *argv: str, env: dict[str, str] | None = None, cwd: str = "/"
) -> subprocess.CompletedProcess[str]:
    """A command in a session of that person."""
    account = pwd.getpwnam(name)
    return subprocess.run(
        argv,
        user=account.pw_uid,
        group=account.pw_gid,
        extra_groups=os.getgrouplist(name, account.pw_gid),
        env={"PATH": "/usr/bin:/bin", "HOME": account.pw_dir, **(env or {})},
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def tutor(*words: str, **more: object) -> subprocess.CompletedProcess[str]:
    """A verb through sudo, as the tutor."""
    return as_user("tutor", "sudo", "-n", PROGRAM, *words, **more)  # type: ignore[arg-type]
