"""Who else restarts the hub: scripts of cron and of systemd, monit, another watchdog of hubtui.

Two that restart it kill each other's hub. A restarter both looks (asks the URL, greps for the
process) and acts (kills the hub or starts it); what only starts it at boot is none. Texts are read
and never run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hubtui.names import shown
from hubtui.reads import cronlines, crontab, reading
from hubtui.server import systemd
from hubtui.server.run import Run
from hubtui.setup.install import files

MONIT = tuple(
    Path("/etc", name)
    for name in ("monitrc", "monit/monitrc", "monit/conf-enabled", "monit/conf.d")
)
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
    for file in reading.files_of(cronlines.CRON_FILES):
        if file not in own:
            found += _lines(str(file), reading.text_of(file))
    if systemd.is_running():
        found += [one for unit in reading.files_of([files.UNITS]) for one in _unit(unit, own, run)]
    for file in reading.files_of(MONIT):
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
    for text, script, said in cronlines.walk(line):
        # A script that looks may leave the rest to the one that called it, and the reverse.
        if restarts(said) or restarts(f"{text}\n{said}"):
            return True, script
    return False, None


def _unit(file: Path, own: set[Path], run: Run) -> Iterator[Restarter]:
    """A service that restarts the hub, while it or its timer is at work."""
    if file.suffix not in (".service", ".timer") or file in own:
        return
    service = file.with_suffix(".service")
    text = reading.text_of(service)
    if service in own or _STARTS_THE_HUB.search(text):
        return
    for number, line in enumerate(text.split("\n"), start=1):
        name, _, command = line.partition("=")
        if name.startswith("ExecStart") and _behind(command)[0]:
            if run(["systemctl", "is-active", file.name]).out.strip() in ("active", "activating"):
                yield Restarter(str(service), number, line.strip(), _behind(command)[1])
            return


def _monit(file: Path) -> Iterator[Restarter]:
    text = _COMMENT.sub("", reading.text_of(file))
    if not re.search(r"^\s*check\s", text, re.M) or not re.search(r"\b(?:re)?start\b", text):
        return
    for number, line in enumerate(text.split("\n"), start=1):
        if re.search(_HUB, line):
            yield Restarter(str(file), number, line.strip())
            return
