"""``hubtui --version``: enough for a bug report, and nothing that names a person or a host."""

from __future__ import annotations

import locale
import os
import platform
import re
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from hubtui import __version__, course
from hubtui.errors import HubtuiError
from hubtui.names import shown

LIBRARIES = ("textual", "rich", "sh", "click", "msgspec", "pyyaml", "psutil", "bcrypt")
_HOME = re.compile(r"/home/[^/\s]+")
_LOCALE = ("LC_ALL", "LC_CTYPE", "LANG")


def text(config: str | None) -> str:
    """The first line is what click's own ``--version`` says."""
    lines = [f"hubtui, version {__version__}"]
    lines += [f"  {what:<12}{_nobody(said)}" for what, said in _facts(config)]
    return "\n".join(lines)


def _facts(config: str | None) -> Iterator[tuple[str, str]]:
    yield "installed", str(Path(course.__file__).parent)
    yield "Python", f"{platform.python_version()} ({sys.executable})"
    system = os.uname()
    yield "system", f"{_distribution()}, {system.sysname} {system.release} {system.machine}"
    yield "libraries", ", ".join(f"{name} {_version(name)}" for name in LIBRARIES)
    yield "terminal", _terminal()
    said = [f"{name}={os.environ[name]}" for name in _LOCALE if os.environ.get(name)]
    yield "locale", ", ".join([*said, locale.getpreferredencoding(False)])
    yield "course.yaml", _course(config)


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return "unknown system"


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "missing"


def _terminal() -> str:
    if not sys.stdout.isatty():
        return f"none here, TERM={os.environ.get('TERM', '')}"
    columns, lines = os.get_terminal_size(sys.stdout.fileno())
    colours = os.environ.get("COLORTERM", "")
    words = [os.environ.get("TERM", "no TERM"), f"{columns}x{lines}", colours]
    words += [name for name in ("TMUX", "STY", "SSH_TTY", "NO_COLOR") if name in os.environ]
    return ", ".join(filter(None, words))


def _course(config: str | None) -> str:
    try:
        path = course.find(config, os.environ)
    except HubtuiError as e:
        return f"none: {e}"
    try:
        course.load(path)
    except HubtuiError:
        return f"{path}, which cannot be used: hubtui doctor says why"
    return str(path)


def _nobody(said: str) -> str:
    return shown(_HOME.sub("~", said), 300)
