"""Who else restarts the hub: scripts of cron and of systemd, monit, another watchdog of hubtui.

Two that restart it kill each other's hub. A restarter both looks (asks the URL, greps for the
process) and acts (kills the hub or starts it); what only starts it at boot is none. Texts are read
and never run.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hubtui.errors import Refused
from hubtui.names import shown
from hubtui.server import systemd
from hubtui.server.run import Run
from hubtui.setup.install import files
from hubtui.setup.reads import crontab, reading

CRON_FILES = (Path("/etc/crontab"), Path("/etc/cron.d"))
MONIT = tuple(
    Path("/etc", name)
    for name in ("monitrc", "monit/monitrc", "monit/conf-enabled", "monit/conf.d")
)
_SEARCHED = tuple(map(Path, ("/root", "/root/bin", "/usr/local/sbin", "/usr/local/bin")))
"""Where a script lies that is named without its folder: cron starts root's in /root."""
_DEEP = 3
_MOST = 30  # scripts behind one line
_LARGEST = 1 << 16  # bytes of a script
_HUB = r"jupyterhub(?![-\w])"
_COMMAND = r"(?:^|[;&|(]|\b(?:nohup|setsid|exec|sudo|nice|then|else|do)\s)\s*"
_ACTS = re.compile(
    rf"\b(?:pkill|killall)\b[^\n;|&]*{_HUB}"
    rf"|\bkill\b[^\n;|&]*\$\([^)\n]*{_HUB}"
    rf"|{_HUB}[^\n]*\|\s*xargs\s[^\n]*\bkill\b"
    rf"|\bsystemctl\b[^\n;|&]*\b(?:re|try-re)?start\b[^\n;|&]*{_HUB}"
    rf"|\bservice\b[^\n;|&]*{_HUB}[^\n;|&]*\b(?:re)?start\b"
    rf"|{_COMMAND}(?:\S*/)?{_HUB}(?:\s+-|\s*(?:$|[>&|]))"
    rf"|\s-m\s+{_HUB}",
    re.M,
)
_LOOKS = re.compile(
    r"\b(?:curl|wget|pgrep|pidof|grep|nc|ncat|ss|netstat|lsof|is-active|is-failed|urlopen"
    r"|requests\.get|http\.client)\b"
)
_OURS = re.compile(r"\bhubtui\b[^\n]*\bwatchdog\s+check\b")
_COMMENT = re.compile(r"^\s*#.*$", re.M)
_STARTS_THE_HUB = re.compile(rf"^ExecStart=\S*(?:python[\d.]*\s+)?(?:\S*/)?{_HUB}\s", re.M)
_AT_HOME = re.compile(r"^(?:~|\$HOME|\$\{HOME\})/")
_WORD = re.compile(r"[^\s\"'<>|;&()`=]+")


@dataclass(frozen=True)
class Restarter:
    """One of them, and where it is started."""

    place: str
    """A file, or ``root's crontab``."""
    line: int
    text: str
    """That line; hostile text."""
    script: Path | None = None
    """What it starts, where that is a file of its own."""

    def __str__(self) -> str:
        by = f" ({shown(str(self.script))})" if self.script else ""
        return f"{shown(self.place)}, line {self.line}{by}"

    @property
    def can_be_off(self) -> bool:
        """Whether a mark in root's crontab ends it: what runs since boot goes on."""
        return self.place == crontab.NAME and not self.text.lstrip().startswith("@reboot")


def find(run: Run, *, ours: Iterable[Path] = ()) -> list[Restarter]:
    """All that can be found. ``ours``: the files of the watchdog that is meant to run.

    Raises CommandFailed where root's crontab cannot be read.
    """
    own = set(ours)
    found = list(in_crontab(crontab.read()))
    for file in files_of(CRON_FILES):
        if file not in own:
            found += _lines(str(file), text_of(file))
    if systemd.is_running():
        found += [one for unit in files_of([files.UNITS]) for one in _unit(unit, own, run)]
    for file in files_of(MONIT):
        found += _monit(file)
    return found


def in_crontab(text: bytes) -> Iterator[Restarter]:
    """Those in root's own crontab."""
    return _lines(crontab.NAME, text.decode("utf-8", "replace"))


def restarts(text: str) -> bool:
    """Whether a script or a command both looks at the hub and restarts it."""
    text = _COMMENT.sub("", text)
    return bool(_OURS.search(text)) or bool(_ACTS.search(text) and _LOOKS.search(text))


def _lines(place: str, text: str) -> Iterator[Restarter]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found, script = _behind(line)
        if found:
            yield Restarter(place=place, line=number, text=line.strip(), script=script)


def _behind(line: str) -> tuple[bool, Path | None]:
    """Whether a command, or a script behind it, restarts the hub; the script that does."""
    if restarts(line):
        return True, None
    todo, seen = [(line, 0)], set[Path]()
    while todo and len(seen) < _MOST:
        text, depth = todo.pop(0)
        for script, said in scripts(text):
            if script in seen:
                continue
            seen.add(script)
            # A script that looks may leave the rest to the one that called it, and the reverse.
            if restarts(said) or restarts(f"{text}\n{said}"):
                return True, script
            if depth < _DEEP:
                todo.append((said, depth + 1))
    return False, None


def scripts(command: str) -> Iterator[tuple[Path, str]]:
    """Scripts that a command names, by a path or by a name that cron would find in /root, and
    their texts. Root runs them, wherever they lie; nothing of their texts is shown."""
    words = [
        re.sub(r"^(?:~|\$HOME|\$\{HOME\})/", "/root/", word) for word in _WORD.findall(command)
    ]
    folders = [Path(word) for word in words if word.startswith("/")]
    for word in words:
        path = Path(word)
        places = [path] if path.is_absolute() else [at / path for at in (*folders, *_SEARCHED)]
        for place in places:
            if text := _script(place):
                yield place, text
                break


def _script(path: Path) -> str:
    """Its text; empty for what is no script."""
    with suppress(OSError, ValueError):
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK)
        with os.fdopen(fd, "rb") as file:
            if stat.S_ISREG(os.fstat(fd).st_mode):
                data = file.read(_LARGEST)
                if data.startswith(b"#!") or path.suffix in (".sh", ".py"):
                    return data.decode("utf-8", "replace")
    return ""


def _unit(file: Path, own: set[Path], run: Run) -> Iterator[Restarter]:
    """A service that restarts the hub, while it or its timer is at work."""
    if file.suffix not in (".service", ".timer") or file in own:
        return
    service = file.with_suffix(".service")
    text = text_of(service)
    if service in own or _STARTS_THE_HUB.search(text):
        return
    for number, line in enumerate(text.split("\n"), start=1):
        name, _, command = line.partition("=")
        if name.startswith("ExecStart") and _behind(command)[0]:
            if run(["systemctl", "is-active", file.name]).out.strip() in ("active", "activating"):
                yield Restarter(str(service), number, line.strip(), _behind(command)[1])
            return


def _monit(file: Path) -> Iterator[Restarter]:
    text = _COMMENT.sub("", text_of(file))
    if not re.search(r"^\s*check\s", text, re.M) or not re.search(r"\b(?:re)?start\b", text):
        return
    for number, line in enumerate(text.split("\n"), start=1):
        if re.search(_HUB, line):
            yield Restarter(str(file), number, line.strip())
            return


def files_of(places: Iterable[Path]) -> Iterator[Path]:
    """The places that are files, and what lies in those that are folders."""
    for place in places:
        with suppress(OSError):
            yield from sorted(place.iterdir()) if place.is_dir() else [place]


def text_of(path: Path) -> str:
    """A file of root's; empty where others could have written it, or where there is none."""
    try:
        return reading.read(path, limit=_LARGEST).decode("utf-8", "replace")
    except (OSError, Refused):
        return ""
