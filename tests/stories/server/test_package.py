"""From the sdist to /opt/hubtui by ``bin/install``: on an /opt and a /usr/local of its own."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hubtui.setup.install.minutely import CRON
from tests.course_on_disk import make_course
from tests.sandboxed import Machine

ROOT = Path(__file__).parents[3]
OWN = "for at in /opt /usr/local; do mount -t tmpfs -o mode=755 o $at; done; echo; exec sleep 600"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SUDOERS = Path("/etc/sudoers")
AT_WORK = "/opt/hubtui/bin/python -I -m hubtui --config /etc/hubtui/course.yaml run 1"


class Elsewhere:
    """The sandbox with an empty /opt and /usr/local."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def run(self, *argv: str, clean: bool = True) -> subprocess.CompletedProcess[str]:
        """Run it there; with nothing in its environment but a PATH, as cron and sudo do."""
        env = ["env", "-i", f"PATH={PATH}", "HOME=/root"] if clean else []
        enter = ["nsenter", f"--target={self.pid}", "--mount", "--"]
        return subprocess.run(
            [*enter, *env, *argv], capture_output=True, text=True, timeout=110, check=False
        )


@pytest.fixture
def elsewhere(machine: Machine) -> Iterator[Elsewhere]:
    """A course, and what was unpacked from the sdist in /root/hubtui."""
    try:
        socket.create_connection(("pypi.org", 443), timeout=10).close()
    except OSError:
        pytest.skip("pypi.org cannot be reached from here")
    make_course()
    folder = Path("/root/unpacked")
    shutil.rmtree(folder, ignore_errors=True)
    argv = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(folder)]
    subprocess.run(argv, cwd=ROOT, check=True, capture_output=True)
    [sdist] = folder.glob("*.tar.gz")
    with tarfile.open(sdist) as tar:
        tar.extractall(folder, filter="data")
    process = subprocess.Popen(["unshare", "--mount", "sh", "-c", OWN], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()  # until then it is still the sandbox's
    try:
        yield Elsewhere(process.pid)
    finally:
        process.kill()
        process.communicate()
        shutil.rmtree(folder)


def test_one_command_installs_it_where_sudo_and_cron_find_it(elsewhere: Elsewhere) -> None:
    [script] = Path("/root/unpacked").glob("hubtui-*/bin/install")
    done = elsewhere.run(str(script), clean=False)
    assert done.returncode == 0, done.stderr
    said = elsewhere.run("hubtui", "--version")
    assert said.stdout.startswith("hubtui"), said.stderr
    version = said.stdout.partition("  terminal")[0]  # then comes what whoever asks has
    assert version in done.stdout
    if shutil.which("sudo"):
        SUDOERS.write_text(f'Defaults secure_path="{PATH}"\nroot ALL=(ALL:ALL) ALL\n')
        by_sudo = elsewhere.run("sudo", "-n", "hubtui", "--version")
        SUDOERS.unlink()
        assert by_sudo.stdout.startswith(version), by_sudo.stderr
    alone = elsewhere.run("/opt/hubtui/bin/pip", "list", "--format=freeze")
    assert not {"hatchling", "jupyterhub"} & {line.split("==")[0] for line in alone.stdout.split()}

    shown = elsewhere.run("hubtui", "install", "timers", "--print")
    assert " root /opt/hubtui/bin/python" in shown.stdout, shown.stderr
    assert elsewhere.run("hubtui", "install", "timers", "--yes").returncode == 0
    [line] = [line for line in (CRON / "hubtui").read_text().splitlines() if "root" in line]
    due = elsewhere.run("sh", "-c", line.partition(" root ")[2])
    assert due.returncode == 0, due.stderr
    (CRON / "hubtui").unlink()

    # A student's program of that name is not waited for: it would never end.
    student = subprocess.Popen(["bash", "-c", f"exec -a '{AT_WORK}' sleep 600"], user=20001)
    subprocess.Popen(["bash", "-c", f"exec -a '{AT_WORK}' sleep 3"])
    again = elsewhere.run(str(script), clean=False)
    assert again.returncode == 0, again.stderr
    assert again.stdout.splitlines()[0].startswith("A change is at work")
    assert again.stdout.endswith(done.stdout)
    student.kill()
    student.wait()
