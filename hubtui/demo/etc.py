"""The sandbox's own files: a fresh machine with system accounts only, and no secrets."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

# What programs read that make accounts, look up names, open connections or start a shell.
PUBLIC = [
    "adduser.conf",
    "alternatives",
    "bash.bashrc",
    "debian_version",
    "default",
    "deluser.conf",
    "environment",
    "gai.conf",
    "host.conf",
    "hostname",
    "hosts",
    "inputrc",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "libaudit.conf",
    "locale.alias",
    "locale.conf",
    "localtime",
    "login.defs",
    "machine-id",
    "mime.types",
    "networks",
    "os-release",
    "pam.conf",
    "pam.d",
    "profile",
    "profile.d",
    "protocols",
    "python3.11",
    "python3.12",
    "python3.13",
    "resolv.conf",
    "security",
    "services",
    "shells",
    "skel",
    "ssl",
    "terminfo",
    "timezone",
]
NSSWITCH = """\
passwd: files
group: files
shadow: files
gshadow: files
hosts: files dns
networks: files
protocols: files
services: files
"""
FIRST_PERSON = 1000  # Debian's UID_MIN: below are the system's own accounts
_NOBODY = 65534


def populate(folder: Path, owners: list[tuple[str, str]]) -> None:
    """Make the tree of a machine below ``folder``; what is there already is left as it is.

    ``owners`` are (name, home) of those whose home must stay visible inside: they are kept as
    system accounts, so that their homes are nobody's leftovers.
    """
    for name, mode in (
        ("home", 0o755),
        ("root", 0o755),
        ("srv", 0o755),
        ("tmp", 0o1777),
        ("var", 0o755),
        ("var/cache", 0o755),
        ("var/lib", 0o755),
        ("var/log", 0o755),
        ("var/mail", 0o1777),
        ("var/spool", 0o755),
        ("var/spool/cron", 0o755),
        ("var/spool/cron/crontabs", 0o700),
        ("var/tmp", 0o1777),
    ):
        _folder(folder / name, mode)
    for link, target in (("lock", "/run/lock"), ("run", "/run"), ("spool/mail", "../mail")):
        with contextlib.suppress(FileExistsError):
            (folder / "var" / link).symlink_to(target)
    if not (folder / "etc").is_dir():
        _make_etc(folder / "etc", owners)


def _folder(path: Path, mode: int) -> None:
    with contextlib.suppress(FileExistsError):
        path.mkdir()
        path.chmod(mode)


def _make_etc(etc: Path, owners: list[tuple[str, str]]) -> None:
    _folder(etc, 0o755)
    for name in PUBLIC:
        _copy(Path("/etc") / name, etc / name)
    users = [line for line in _lines("passwd") if _is_system(line)]
    users += [f"{name}:x:{FIRST_PERSON - 1}:{_NOBODY}::{home}:/bin/false" for name, home in owners]
    groups = [line for line in _lines("group") if _is_system(line)]
    kept = {line.split(":")[0] for line in users}
    _write(etc / "passwd", users)
    _write(etc / "group", [_without_strangers(line, kept) for line in groups])
    # Made anew, not copied: root's password has no business here, and it may be unreadable.
    _write(etc / "shadow", [f"{line.split(':')[0]}:*:19000:0:99999:7:::" for line in users], 0o640)
    _write(etc / "gshadow", [f"{line.split(':')[0]}:*::" for line in groups], 0o640)
    for name in ("subuid", "subgid"):
        _write(etc / name, [])
    (etc / "nsswitch.conf").write_text(NSSWITCH)
    (etc / "mtab").symlink_to("/proc/self/mounts")


def _lines(name: str) -> Iterator[str]:
    text = (Path("/etc") / name).read_text(encoding="utf-8", errors="surrogateescape")
    return (line for line in text.splitlines() if line.count(":") >= 3)


def _is_system(line: str) -> bool:
    number = line.split(":")[2]
    return number.isdigit() and (int(number) < FIRST_PERSON or int(number) == _NOBODY)


def _without_strangers(line: str, kept: set[str]) -> str:
    *start, members = line.split(":")
    return ":".join([*start, ",".join(one for one in members.split(",") if one in kept)])


def _write(path: Path, lines: list[str], mode: int = 0o644) -> None:
    text = "".join(f"{line}\n" for line in lines)
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    path.chmod(mode)


def _copy(source: Path, target: Path) -> None:
    """Copy what everyone may read. A link that leads out of /etc into /run is followed."""
    try:
        found = source.lstat()
        if stat.S_ISLNK(found.st_mode):
            if not os.path.realpath(source).startswith(("/run/", "/var/")):
                target.symlink_to(source.readlink())
                return
            found = source.stat()
        if stat.S_ISDIR(found.st_mode) and found.st_mode & 0o005 == 0o005:
            _folder(target, 0o755)
            for child in source.iterdir():
                _copy(child, target / child.name)
        elif stat.S_ISREG(found.st_mode) and found.st_mode & 0o004:
            shutil.copyfile(source, target)
            target.chmod(stat.S_IMODE(found.st_mode))
    except OSError:
        return  # a stranger's file in /etc is missed less than a demo that does not start
