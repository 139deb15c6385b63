"""``hubtui-tutor``: what a tutor may do as root, through sudo, and nothing else.

    sudo -n /usr/local/bin/hubtui-tutor list | preview | push | schedule | unschedule | status |
                                        withdraw | history

The verbs are those of ``hubtui release``. The configuration is /etc/hubtui/course.yaml, always;
sheets, files of sheets and students are looked up by name, so no word is ever a path that root
opens. Nothing of the caller's environment is used but who called.
"""

import os
import signal
import sys


def main() -> int:
    """The program; returns the exit code."""
    os.umask(0o077)
    # What the caller chose for these stays otherwise; a stopped one would hold up a release.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number in (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU):
        signal.signal(number, signal.SIG_IGN)
    if os.getuid() != 0 or os.geteuid() != 0:
        return _no("it is started by sudo: sudo -n /usr/local/bin/hubtui-tutor list")
    if not sys.flags.isolated:
        return _no("it is /usr/local/bin/hubtui-tutor that sudo may start: hubtui install tutors")
    caller = os.environ.get("SUDO_UID", "")
    if not (caller.isascii() and caller.isdecimal()):
        return _no("it is for tutors, who come through sudo; root has: hubtui release")
    name = _name_of(int(caller))
    _forget_environment(name, caller)
    os.chdir("/")

    from hubtui.errors import HubtuiError

    try:
        if name not in _tutors():
            return _no(f"{name or f'uid {caller}'} is not in release.tutors of course.yaml")
        from hubtui.cli import tutor
        from hubtui.cli.main import main as run

        return run(sys.argv[1:], tutor.program(), "hubtui-tutor")
    except HubtuiError as e:
        return _no(str(e))


def _no(why: str) -> int:
    sys.stderr.write(f"hubtui-tutor: {why}\n")
    return 2


def _name_of(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):
        return ""


def _forget_environment(name: str, uid: str) -> None:
    """sudo keeps some variables, and an admin may let it keep more."""
    term = os.environ.get("TERM", "")
    os.environ.clear()
    os.environ.update(
        PATH="/usr/sbin:/usr/bin:/sbin:/bin",
        LC_ALL="C.UTF-8",
        HOME="/root",
        TERM=term if term.replace("-", "").isalnum() and len(term) < 40 else "dumb",
        SUDO_USER=name,
        SUDO_UID=uid,
    )


def _tutors() -> "tuple[str, ...]":
    """Who may. Raises ConfigError."""
    from hubtui import course
    from hubtui.trust import SAFE_PLACE

    release = course.load(SAFE_PLACE).release
    return release.tutors if release else ()


if __name__ == "__main__":
    sys.exit(main())
