"""What helps where memory is short: for this machine and this hub, the best first.

Each is a sentence and a command that works when it is pasted. What is there already, or would not
work here, is not offered.
"""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from hubtui.errors import HubtuiError
from hubtui.exam import capacity
from hubtui.exam.capacity import Room, Sizes
from hubtui.exam.subject import Subject
from hubtui.names import shown
from hubtui.server import hub, hubprocess, listeners, machine
from hubtui.units import counted, megabytes

Remedy = tuple[str, str]

IDLE = 60
"""Minutes without use after which a server counts as left behind."""
_SWAP_FILE = Path("/swapfile")
_TAKES_SWAP = frozenset({"ext4", "ext3", "xfs"})
"""Filesystems on which a file made by fallocate may be swap: swapon(8)."""
_GIB = 2**30
_CULLERS = (b"jupyterhub_idle_culler", b"jupyterhub-idle-culler", b"cull_idle_servers")


def of(subject: Subject, sizes: Sizes, found: Room) -> tuple[Remedy, ...]:
    """What helps so many students with servers of these sizes."""
    short = sizes.need(subject.students) - found.memory
    most = capacity.fits(sizes, found, swapping=True)
    return (
        *_stop(subject),
        *_swap_file(short),
        *_culler(subject),
        *_limit(subject, most),
        *_more_memory(short),
    )


def _stop(subject: Subject) -> Iterator[Remedy]:
    names, size = idle(subject)
    if names:
        listed = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        text = f"Stop servers that nobody has used for {IDLE} min ({listed}): {megabytes(size)}"
        yield text, f"hubtui accounts stop --idle {IDLE}"


def idle(subject: Subject) -> tuple[Sequence[str], int]:
    """Whose server the hub has not seen in use for so long, and the bytes that they hold."""
    names, size = [], 0
    for name, account in subject.accounts.items():
        own = subject.running.get(account.uid, ())
        row = subject.seen.users.get(name)
        if row is None or row.last_activity is None or not any(one.is_server for one in own):
            continue
        if (subject.at - row.last_activity).total_seconds() > IDLE * 60:
            names.append(name)
            size += sum(process.memory for process in own)
    return names, size


def _swap_file(short: int) -> Iterator[Remedy]:
    """Only where there is no swap, the disk has room, and its filesystem takes such a file."""
    if machine.numbers().swap_total or _SWAP_FILE.exists() or _root_filesystem() not in _TAKES_SWAP:
        return
    size = max(2, -(-short // _GIB))
    disk = machine.filesystem(_SWAP_FILE.parent)
    if disk.read_only or disk.free < 2 * size * _GIB:
        return
    file = str(_SWAP_FILE)
    command = (
        f"fallocate -l {size}G {file} && chmod 600 {file} && mkswap {file} && swapon {file} && "
        f"printf '\\n%s\\n' '{file} none swap sw 0 0' >> /etc/fstab"
    )
    yield f"Add a swap file of {size} GB, for good: what lies still moves there", command


def _root_filesystem() -> str:
    with contextlib.suppress(OSError):
        for line in reversed(Path("/proc/mounts").read_text("utf-8", "replace").splitlines()):
            words = line.split()
            if len(words) > 2 and words[1] == "/":
                return words[2]
    return ""


def _culler(subject: Subject) -> Iterator[Remedy]:
    """A service of the hub that stops what is left behind; not where one runs."""
    pid = hub_pid(subject)
    if pid is None or _is_culling():
        return
    python, config = _python(pid), config_of(pid)
    if python is None or config is None:
        return
    name = '"name": "idle-culler"'
    command = f'"command": ["{python}", "-m", "jupyterhub_idle_culler", "--timeout=3600"]'
    scopes = '["list:users", "read:users:activity", "read:servers", "delete:servers"]'
    with contextlib.suppress(HubtuiError):
        before_2 = hub.api(subject.server.course).version().startswith(("0.", "1."))
        admin = ', "admin": True' if before_2 else ""
        lines = [f"c.JupyterHub.services.append({{{name}, {command}{admin}}})"]
        if not before_2:
            role = f'{{{name}, "services": ["idle-culler"], "scopes": {scopes}}}'
            lines.append(f"c.JupyterHub.load_roles.append({role})")
        text = "Have the hub stop servers after an hour without use (from its next restart on)"
        install = f"{python} -m pip install jupyterhub-idle-culler"
        yield text, f"{install} && {appending(config, *lines)}"


def _is_culling() -> bool:
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes() if entry.name.isdecimal() else b""
            if any(one in words for one in _CULLERS):
                return True
    return False


def _limit(subject: Subject, most: int) -> Iterator[Remedy]:
    """Better that the last are told to wait than that everybody's kernel is ended."""
    if subject.settings.active_server_limit or most < 1:
        return
    pid = hub_pid(subject)
    config = config_of(pid) if pid is not None else None
    if config is not None:
        text = f"Let the hub start {counted(most, 'server')} at most (from its next restart on)"
        yield text, appending(config, f"c.JupyterHub.active_server_limit = {most}")


def _more_memory(short: int) -> Iterator[Remedy]:
    if short > 0:
        yield f"Have the machine given {-(-short // _GIB)} GB more memory", ""


def appending(config: Path, *lines: str) -> str:
    """The command that adds lines to the hub's configuration, whose last may lack its newline."""
    quoted = " ".join(shlex.quote(line) for line in lines)
    return f"printf '%s\\n' '' {quoted} >> {shown(shlex.quote(str(config)))}"


def hub_pid(subject: Subject) -> int | None:
    """The hub's process: who listens at hub.api, if that has the hub's uid."""
    with contextlib.suppress(HubtuiError):
        uid = hub.uid_of(subject.server.course)
        place = listeners.place_of(subject.server.course.hub.api, "hub.api", uid)
        for pid in hubprocess.listening(place.host, place.port):
            if hubprocess.uids(pid) == {uid}:
                return pid
    return None


def _python(pid: int) -> Path | None:
    """The interpreter of the hub's environment."""
    words = hubprocess.words(pid)
    path = Path(words[0]) if words else Path()
    return path if path.is_absolute() and path.name.startswith("python") else None


def config_of(pid: int) -> Path | None:
    """The configuration file of that hub."""
    path = hubprocess.config_of(hubprocess.words(pid), hubprocess.cwd(pid))
    return path if path is not None and path.is_file() else None
