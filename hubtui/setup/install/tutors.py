"""``hubtui install tutors``: one sudo line for each tutor, and the program that it allows."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from hubtui.errors import Refused
from hubtui.names import shown
from hubtui.server import Server
from hubtui.server.run import SEARCH
from hubtui.setup.install import minutely
from hubtui.setup.install.files import File, Installation
from hubtui.trust import SAFE_PLACE

SUDOERS = Path("/etc/sudoers.d/hubtui-tutor")
LAUNCHER = Path("/usr/local/bin/hubtui-tutor")
_LONGEST_SHEBANG = 127
"""Characters; older kernels cut what is longer."""


def tutors(server: Server, config: Path) -> Installation:
    """One sudo line for each of ``release.tutors``, and the program that it allows.

    Raises Refused where a tutor could not start it, or could change what it runs.
    """
    names = server.course.release.tutors if server.course.release else ()
    if not names:
        raise Refused("There are no tutors yet; in course.yaml: release: tutors: [NAME]")
    if config.absolute() != SAFE_PLACE:
        raise Refused(f"hubtui-tutor reads {SAFE_PLACE} alone: put course.yaml there.")
    for program in ("sudo", "visudo"):
        if shutil.which(program, path=":".join(SEARCH)) is None:
            raise Refused(f"{program} is not installed: apt-get install sudo")
    minutely.is_roots_alone("what tutors would run as root")
    shebang = f"#!{sys.executable} -I"
    if len(shebang) > _LONGEST_SHEBANG or " " in sys.executable:
        raise Refused(
            f"{shown(sys.executable)} is too long a path, or has a space: "
            "install hubtui in /opt/hubtui."
        )
    for name in names:
        _can_start(name)
    rule = "".join(f"{name} ALL=(root) NOPASSWD: {LAUNCHER}\n" for name in names)
    sudoers = f"# Written by hubtui install tutors: they may release sheets.\n{rule}"
    launcher = (
        f"{shebang}\n# Written by hubtui install tutors.\n"
        "from hubtui.tutor import main\n\nraise SystemExit(main())\n"
    )
    return Installation(
        files=(File(LAUNCHER, launcher, 0o755), File(SUDOERS, sudoers, 0o440)),
        check=((("visudo", "-cf", "-"), sudoers),),
        verify=tuple(("sudo", "-n", "-l", "-U", name, str(LAUNCHER)) for name in names),
    )


def _can_start(name: str) -> None:
    """Raise Refused unless the tutor's own hubtui can start and read course.yaml."""
    if re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
        raise Refused(f"sudo would read {name} as an alias: rename the account.")
    try:
        account = pwd.getpwnam(name)
    except KeyError:
        raise Refused(f"There is no account {name}; see release.tutors in course.yaml.") from None
    if account.pw_uid < 1000:
        raise Refused(f"{name} (uid {account.pw_uid}) is an account of the system, no tutor.")
    if os.geteuid() != 0:
        return  # nothing is written without root
    if not _may(account, [sys.executable, "-I", "-c", "import hubtui.tutor"]):
        raise Refused(
            f"{name} cannot start {shown(sys.executable)}: install hubtui where everybody may "
            "read it, such as /opt/hubtui (its bin/install)."
        )
    if not _may(account, ["test", "-r", str(SAFE_PLACE)]):
        raise Refused(
            f"{name} cannot read {SAFE_PLACE}, which says what the course is: "
            f"chmod 755 {SAFE_PLACE.parent} && chmod 644 {SAFE_PLACE}"
        )


def _may(account: pwd.struct_passwd, argv: Sequence[str]) -> bool:
    """Whether the command succeeds in the rights of the account."""
    try:
        done = subprocess.run(
            argv,
            user=account.pw_uid,
            group=account.pw_gid,
            extra_groups=os.getgrouplist(account.pw_name, account.pw_gid),
            env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"},
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            start_new_session=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
