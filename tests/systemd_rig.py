"""A real systemd for the stories: process 1 of namespaces of its own, inside the sandbox.

It sees the sandbox's /etc, /home, /root, /srv, /tmp and /var and shares its network, so a test
writes units and reads what came of it as before. /run, /dev and the cgroups are its own. What a
test wants to happen *on* that machine goes through ``Systemd.run``; when the rig ends, everything
that was started in it ends.

Measured on Debian 12: it is up after 0.3 s. Where the memory controller is one of cgroup v1, as on
some rented machines, no unit notices that a process of its own was killed for memory.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from hubtui.demo.hub import EmbeddedHub
from tests.sandboxed import Machine
from tests.watched import Watched, watched

SYSTEMD = Path("/usr/lib/systemd/systemd")
PATIENCE = 60.0  # seconds for all of it to be up

_MASKED = """
console-getty dev-hugepages.mount dev-mqueue.mount getty.target logrotate.timer
proc-sys-fs-binfmt_misc.automount sys-fs-fuse-connections.mount sys-kernel-config.mount
sys-kernel-debug.mount sys-kernel-tracing.mount systemd-binfmt systemd-boot-system-token
systemd-firstboot systemd-hwdb-update systemd-journal-catalog-update systemd-logind
systemd-machine-id-commit systemd-modules-load systemd-networkd systemd-pcrphase
systemd-pcrphase-sysinit systemd-random-seed systemd-remount-fs systemd-resolved systemd-sysctl
systemd-sysusers systemd-timesyncd systemd-tmpfiles-clean.timer systemd-tmpfiles-setup
systemd-tmpfiles-setup-dev systemd-udev-trigger systemd-udevd systemd-update-done
systemd-update-utmp tmp.mount
""".split()
"""Units that would change the kernel's settings, devices or accounts, or that nobody misses."""

_INSIDE = """\
set -eu
umount "$1"
shift
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock /run/rig-dev /run/systemd/system
chmod 1777 /run/lock
echo root >/run/hubtui-sandbox
dev=/run/rig-dev
mount -t tmpfs -o mode=755 tmpfs $dev
for name in null zero full random urandom tty; do
  touch $dev/$name
  mount --bind /dev/$name $dev/$name
done
touch $dev/console
mount --bind /dev/null $dev/console
mkdir $dev/pts $dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts $dev/pts
mount -t tmpfs -o mode=1777 tmpfs $dev/shm
ln -s pts/ptmx $dev/ptmx
ln -s /proc/self/fd $dev/fd
ln -s fd/0 $dev/stdin
ln -s fd/1 $dev/stdout
ln -s fd/2 $dev/stderr
mount --move $dev /dev
rmdir $dev
mount -t proc proc /proc
umount -R /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -o remount,bind,ro /sys
for unit in "$@"; do
  ln -s /dev/null /run/systemd/system/$unit
done
exec env -i container=hubtui PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  /usr/lib/systemd/systemd --system --unit=multi-user.target --log-target=journal --show-status=no
"""


class NoSystemd(Exception):
    """It does not run here; why, in a sentence."""


@dataclass
class Systemd:
    """The machine that systemd runs."""

    pid: int
    """Its process 1, as it is numbered outside."""
    session: str = ""
    """The scope in which the hub was last started by hand."""
    _sessions: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def root(self) -> Path:
        """Its files, seen from outside: those of its /run as well."""
        return Path(f"/proc/{self.pid}/root")

    def run(
        self, *argv: str, check: bool = True, timeout: float = 60, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on it, to its end; what was said on stderr is part of a failure."""
        done = subprocess.run(
            [*self._enter(), *argv],
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
        if check and done.returncode:
            words = " ".join(argv)
            raise AssertionError(f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def hubtui(
        self, *words: str, check: bool = True, timeout: float = 120, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """hubtui, as root types it there."""
        argv = (sys.executable, "-m", "hubtui", *words)
        return self.run(*argv, check=check, timeout=timeout, stdin=stdin)

    def by_hand(self, *argv: str, log: Path, cwd: Path = Path("/")) -> str:
        """Start a program as from an SSH session, its output into ``log``.

        Returns the session's scope: ``systemctl stop`` of it is what a log-out can mean.
        """
        scope = f"session-{next(self._sessions)}.scope"
        words = ["systemd-run", "--scope", "--collect", "--quiet", "--slice=user-0.slice"]
        with log.open("ab") as out:
            subprocess.Popen(
                [*self._enter(cwd), *words, f"--unit={scope}", "--", *argv],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        self.wait_for(scope)
        group = self.root / "sys/fs/cgroup/user.slice/user-0.slice" / scope / "cgroup.procs"
        while _is_named(group.read_text().split()[:1], "systemd-run"):
            time.sleep(0.02)
        return scope

    def show(self, unit: str, *names: str) -> dict[str, str]:
        """Properties of a unit."""
        said = self.run("systemctl", "show", unit, f"--property={','.join(names)}").stdout
        return dict(line.split("=", 1) for line in said.splitlines())

    def wait_for(self, unit: str, state: str = "active", patience: float = 30) -> None:
        """Wait until the unit is in this ActiveState."""
        ends = time.monotonic() + patience
        while (found := self.show(unit, "ActiveState")["ActiveState"]) != state:
            if time.monotonic() > ends:
                said = self.run("systemctl", "status", "--full", unit, check=False).stdout
                raise AssertionError(f"{unit} is {found}, not {state}:\n{said}")
            time.sleep(0.1)

    def journal(self, unit: str) -> list[str]:
        """What the unit wrote, and what systemd says of it."""
        argv = ("journalctl", "--unit", unit, "--output=json", "--quiet", "--no-pager")
        lines = self.run(*argv).stdout.splitlines()
        return [str(json.loads(line).get("MESSAGE", "")) for line in lines]

    @contextlib.contextmanager
    def watched(
        self, machine: Machine, make: Callable[[Path], EmbeddedHub] = EmbeddedHub
    ) -> Iterator[Watched]:
        """A course whose hub root started from an SSH session here; see ``session``."""
        with watched(machine, start=self._start, make=make) as found:
            yield found

    def _start(self, hub: EmbeddedHub) -> None:
        self.run("rm", "-rf", "/run/hubtui")
        self.session = self.by_hand(*hub.command, log=hub.log, cwd=hub.folder)

    def _enter(self, cwd: Path = Path("/")) -> list[str]:
        return ["nsenter", f"--target={self.pid}", "--all", f"--wdns={cwd}", "--"]


@contextlib.contextmanager
def booted() -> Iterator[Systemd]:
    """Boot it; all of it is killed at the end. Raises NoSystemd where it does not run."""
    if os.geteuid() != 0:
        raise NoSystemd("systemd needs root to be process 1 of a namespace")
    for program in (str(SYSTEMD), "unshare", "nsenter", "dbus-daemon"):
        if shutil.which(program) is None:
            raise NoSystemd(f"{program} is not installed: bin/setup dev")
    with _cgroup() as cgroup, tempfile.TemporaryFile() as said:
        outer = subprocess.Popen(
            [
                *("sh", "-c", 'echo 0 >"$0/cgroup.procs"; exec "$@"', str(cgroup)),
                *("unshare", "--fork", "--kill-child", "--pid", "--mount", "--uts", "--ipc"),
                *("--cgroup", "sh", "-c", _INSIDE, "sh", str(cgroup.parent)),
                *(_unit(name) for name in _MASKED),
            ],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
        try:
            yield _wait(outer, said.fileno())
        finally:
            outer.send_signal(signal.SIGKILL)  # takes its child along
            outer.wait()


@contextlib.contextmanager
def _cgroup() -> Iterator[Path]:
    """A group below the root of cgroup v2, wherever that is mounted here."""
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        mounted = subprocess.run(
            ["mount", "-t", "cgroup2", "cgroup2", name], capture_output=True, text=True, check=False
        )
        if mounted.returncode:
            raise NoSystemd(f"cgroup v2 cannot be mounted: {mounted.stderr.strip()}")
        group = top / f"hubtui-rig-{secrets.token_hex(4)}"
        try:
            try:
                group.mkdir()
            except OSError as e:
                raise NoSystemd(f"no cgroup can be made here: {e.strerror}") from e
            yield group
            _remove(group)
        finally:
            subprocess.run(["umount", name], check=True)


def _remove(group: Path) -> None:
    (group / "cgroup.kill").write_text("1")
    ends = time.monotonic() + 10
    while "populated 1" in (group / "cgroup.events").read_text() and time.monotonic() < ends:
        time.sleep(0.02)
    for folder, _, _ in os.walk(group, topdown=False):
        Path(folder).rmdir()


def _wait(outer: subprocess.Popen[bytes], said: int) -> Systemd:
    ends = time.monotonic() + PATIENCE
    children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children")
    state = "not started"
    while time.monotonic() < ends and outer.poll() is None:
        if found := children.read_text().split():
            machine = Systemd(int(found[0]))
            if Path(f"/proc/{machine.pid}/comm").read_text().strip() == "systemd":
                state = machine.run("systemctl", "is-system-running", check=False).stdout.strip()
                if state in ("running", "degraded"):
                    return machine
        time.sleep(0.05)
    words = os.pread(said, 2000, 0).decode(errors="replace").strip()
    raise NoSystemd(f"systemd did not come up here ({state}): {words or 'it said nothing'}")


def _is_named(pids: list[str], name: str) -> bool:
    try:
        return any(Path(f"/proc/{pid}/comm").read_text().strip() == name for pid in pids)
    except OSError:
        return False


def _unit(name: str) -> str:
    return name if "." in name else f"{name}.service"
