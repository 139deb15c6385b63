"""Checks of what keeps memory free: swap on a small machine, somebody who stops idle servers."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from hubtui.findings import Finding
from hubtui.names import shown
from hubtui.reads import cronlines
from hubtui.reads.hubconfig import HubConfig
from hubtui.server import machine, timekeeping
from hubtui.setup.checks.subject import NotSeen, Subject, note, warning
from hubtui.units import megabytes

SWAP_FILE = Path("/swapfile")
_SMALL = 8 * 10**9  # bytes of memory; such a machine has a little less than 8 GiB
_SWAP = 2 * 2**30  # bytes: as much as fifteen idle students' servers
_KEPT_FREE = 0.15  # of the disk: limits.KNOWN["disk_free"]
_PLAIN = ("ext4", "xfs")
"""Filesystems on which a file of fallocate(1) can be swap, swapon(8)."""
_CULLERS = ("jupyterhub_idle_culler", "jupyterhub-idle-culler", "cull_idle_servers")
_CRON = Path("/etc/cron.d/hubtui-idle")


def swap(_: Subject) -> Iterator[Finding]:
    """Without swap the kernel ends a program as soon as memory is full, perhaps the hub."""
    if os.geteuid() != 0 or timekeeping.in_container():
        raise NotSeen
    numbers = machine.numbers()
    if numbers.swap_total or numbers.total >= _SMALL:
        return
    text = f"This machine has {megabytes(numbers.total)} of memory and no swap: when a class fills "
    text += "it, the kernel ends a student's work, or the hub."
    if SWAP_FILE.exists():
        yield warning("machine.no_swap", text, f"swapon {SWAP_FILE}")
        return
    disk = machine.filesystem(Path("/"))
    if disk.free - _SWAP < _KEPT_FREE * disk.total:
        text += f" The disk has no room for it: {megabytes(disk.free)} are free."
        yield warning("machine.no_swap", text, "what takes it: du -xhd1 / | sort -h")
        return
    make = f"fallocate -l {_SWAP // 2**30}G {SWAP_FILE}"
    if (kind := _kind_of_root()) not in _PLAIN:
        make = f"dd if=/dev/zero of={SWAP_FILE} bs=1M count={_SWAP // 2**20}"
    if kind == "btrfs":
        make = f"touch {SWAP_FILE} && chattr +C {SWAP_FILE} && {make} oflag=append conv=notrunc"
    yield warning(
        "machine.no_swap",
        text,
        f"{make} && chmod 600 {SWAP_FILE} && mkswap {SWAP_FILE} && swapon {SWAP_FILE} && "
        f"printf '\\n%s\\n' '{SWAP_FILE} none swap sw 0 0' >>/etc/fstab",
    )


def _kind_of_root() -> str:
    with suppress(OSError):
        for line in Path("/proc/self/mounts").read_text("utf-8", "replace").splitlines():
            words = line.split()
            if words[1:2] == ["/"]:
                return words[2]
    return ""


def idle(subject: Subject) -> Iterator[Finding]:
    """Whether anybody stops servers that nobody uses any more."""
    if os.geteuid() != 0:
        raise NotSeen
    if _process() or any(_stops_idle(job.command) for job in cronlines.lines()):
        return
    config = subject.hub.config
    if config is None or config.trouble:
        raise NotSeen
    if _in_config(config):
        return
    unread = config.elsewhere or config.line_of_unread("JupyterHub.services", "Spawner.args")
    if unread and subject.hub.process is None:
        raise NotSeen  # a service that the hub would start
    yield note(
        "hub.idle",
        "Nobody stops servers that are no longer used: each keeps 100 MB of memory or more.",
        f"echo '40 * * * * root {_hubtui()} accounts stop --idle 120 --yes >/dev/null 2>&1' "
        f">{_CRON}",
    )


def _process() -> bool:
    """A culler at work. It may be a student's by that name: then nothing is said, no more."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            words = file.read_bytes().decode("utf-8", "replace")
            if any(culler in words for culler in _CULLERS) and file.stat().st_uid < 1000:
                return True
    return False


def _stops_idle(command: str) -> bool:
    return "accounts stop --idle" in command or any(culler in command for culler in _CULLERS)


def _in_config(config: HubConfig) -> bool:
    """A service of the hub, or servers that end themselves."""
    said = repr(
        [
            config.get("JupyterHub.services"),
            config.get("Spawner.args"),
            config.get("Spawner.cmd"),
        ]
    )
    return "shutdown_no_activity_timeout" in said or any(culler in said for culler in _CULLERS)


def _hubtui() -> str:
    found = shutil.which("hubtui", path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin")
    return found or f"{shown(shlex.quote(sys.executable))} -I -m hubtui"
