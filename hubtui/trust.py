"""Reading a file that decides what root does: only one that root alone could have written.

A course.yaml names commands and folders. One that lies where a student can write would run the
student's commands as root, so the file is looked at together with everything that leads to it.
"""

from __future__ import annotations

import os
import stat
from collections import deque
from pathlib import Path

from hubtui.errors import ConfigError
from hubtui.names import shown

SAFE_PLACE = Path("/etc/hubtui/course.yaml")
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_FIRST_PERSON = 1000  # below it are the accounts of the system
_MOST_LINKS = 40  # as many as the kernel follows


def read(path: Path, *, limit: int, trusted: bool) -> bytes:
    """The bytes of the regular file `path`, at most `limit` of them.

    With `trusted` the file and every folder and link on the way to it, from / on, must belong to
    root and be writable by nobody else; a sticky folder such as /tmp does not count as safe. What
    was checked is what is read: in folders that root alone can write nobody can exchange a name,
    and of the file itself the open descriptor is judged.

    Raises ConfigError: which path, its mode and owner, and the command that mends it.
    """
    real = _walk(path) if trusted else path
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY
    flags |= os.O_NONBLOCK  # the open of a FIFO would wait for its writer
    if trusted:
        flags |= os.O_NOFOLLOW
    try:
        fd = os.open(real, flags)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError(f"{shown(str(path))} is not a file; name the course.yaml itself")
        if trusted and (flaw := _flaw(status, fd)):
            raise _untrusted(real, flaw, _take(real))
        with open(fd, "rb", closefd=False) as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise _unreadable(path, error) from None
    finally:
        os.close(fd)
    if len(data) > limit:
        raise ConfigError(
            f"{shown(str(path))} is larger than {limit:,} bytes; a course.yaml has a few hundred"
        )
    return data


def _walk(path: Path) -> Path:
    """Where `path` really lies, with every folder and link on the way judged."""
    try:
        todo = deque((Path.cwd() / path).parts[1:])
        here, links = Path("/"), 0
        _judge_folder(here, here.lstat(), path)
        while todo:
            part = todo.popleft()
            if part == "..":
                here = here.parent
                continue
            here /= part
            status = here.lstat()
            if stat.S_ISLNK(status.st_mode):
                links += 1
                if links > _MOST_LINKS:
                    raise ConfigError(f"{shown(str(path))} is a loop of links")
                if status.st_uid != 0:
                    owner = _user(status.st_uid)
                    raise _untrusted(here, f"a link of {owner}", _move(path))
                target = here.readlink()
                here = here.parent
                if target.is_absolute():
                    here, target = Path("/"), target.relative_to("/")
                todo.extendleft(reversed(target.parts))
            elif todo:
                _judge_folder(here, status, path)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    return here


def is_peoples(folder: Path) -> bool:
    """Whether a person could exchange what lies in ``folder``: by a folder on the way, or itself.

    Accounts of the system, and their groups, are nobody's. False where it does not exist.
    """
    try:
        way = [folder.resolve(), *folder.resolve().parents]
        found = [place.stat() for place in way if place != Path("/")]
    except (OSError, RuntimeError):
        return False
    return any(
        at.st_uid >= _FIRST_PERSON
        or at.st_mode & stat.S_IWOTH
        or (at.st_mode & stat.S_IWGRP and at.st_gid >= _FIRST_PERSON)
        for at in found
    )


def _judge_folder(folder: Path, status: os.stat_result, path: Path) -> None:
    if folder == Path("/") and _is_outside(status.st_uid):
        return
    if not (flaw := _flaw(status, folder)):
        return
    ours = status.st_uid == 0 and not status.st_mode & stat.S_ISVTX
    if ours or folder.is_relative_to(SAFE_PLACE.parent):
        raise _untrusted(folder, flaw, _take(folder))
    # /tmp has to stay open, and a home is its owner's: not the folder is wrong but the place.
    raise _untrusted(folder, flaw, _move(path))


def _flaw(status: os.stat_result, where: int | Path) -> str | None:
    """Mode and owner in words if anybody but root can write there, else None."""
    mode = status.st_mode
    by_group = bool(mode & stat.S_IWGRP) and (status.st_gid != 0 or _has_acl(where))
    if status.st_uid == 0 and not by_group and not mode & stat.S_IWOTH:
        return None
    return (
        f"mode {stat.S_IMODE(mode):04o}, owner {_user(status.st_uid)}, "
        f"group {_group(status.st_gid)}"
    )


def _has_acl(where: int | Path) -> bool:
    """With an ACL the group's bits stand for everybody whom it names."""
    try:
        return "system.posix_acl_access" in os.listxattr(where)
    except OSError:
        return False  # a filesystem without


def _is_outside(uid: int) -> bool:
    """Whether / belongs to nobody of this user namespace, as in a sandbox made without root.

    There the machine's own root shows as the overflow uid; whoever could exchange / needs no
    course.yaml.
    """
    try:
        overflow = int(Path("/proc/sys/kernel/overflowuid").read_text())
        inside = Path("/proc/self/uid_map").read_text().split() != ["0", "0", "4294967295"]
    except (OSError, ValueError):
        return False
    return inside and uid == overflow


def _untrusted(path: Path, flaw: str, mend: str) -> ConfigError:
    return ConfigError(
        f"{shown(str(path))} ({flaw}) could be changed by others than root, and as root hubtui "
        f"reads only a configuration that root alone can write; look at what it says, then run: "
        f"{shown(mend)}"
    )


def _take(path: Path) -> str:
    import shlex

    quoted = shlex.quote(str(path))
    return f"chown root:root {quoted} && chmod go-w {quoted}"


def _move(path: Path) -> str:
    import shlex

    return f"install -D -o root -g root -m 0644 {shlex.quote(str(path))} {SAFE_PLACE}"


def _unreadable(path: Path, error: OSError | ValueError) -> ConfigError:
    name = shown(str(path))
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return ConfigError(f"{name} does not exist; hubtui init writes a course.yaml")
    if isinstance(error, PermissionError):
        return ConfigError(f"{name} may not be read by {_user(os.geteuid())}; start it with sudo")
    why = getattr(error, "strerror", None) or str(error)
    return ConfigError(f"{name} cannot be read: {shown(why)}")


def _user(uid: int) -> str:
    import pwd

    try:
        return shown(pwd.getpwuid(uid).pw_name)
    except (KeyError, OverflowError):
        return f"uid {uid}"


def _group(gid: int) -> str:
    import grp

    try:
        return shown(grp.getgrgid(gid).gr_name)
    except (KeyError, OverflowError):
        return f"gid {gid}"
