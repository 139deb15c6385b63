"""What cron runs as root, line by line, and the scripts behind a line: read, never run."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hubtui.names import shown
from hubtui.reads import crontab, reading

CRON_FILES = (Path("/etc/crontab"), Path("/etc/cron.d"))
_SEARCHED = tuple(map(Path, ("/root", "/root/bin", "/usr/local/sbin", "/usr/local/bin")))
"""Where a script lies that is named without its folder: cron starts root's in /root."""
_MOST = 30  # scripts behind one line
_DEEP = 3
_WHEN = re.compile(r"\s*(?:@\w+|(?:[^\s=#@][^\s=]*\s+){4}[^\s=]+)\s+(?=\S)")
_AT_HOME = re.compile(r"^(?:~|\$HOME|\$\{HOME\})/")
_WORD = re.compile(r"[^\s\"'<>|;&()`=]+")
_USER = re.compile(r"([A-Za-z_][\w.-]*)\s+(?=\S)")


@dataclass(frozen=True)
class CronLine:
    """One job of root's; hostile text."""

    place: str
    """``root's crontab``, or a file."""
    number: int
    command: str

    def __str__(self) -> str:
        return f"{shown(self.place)}, line {self.number}"


def lines() -> list[CronLine]:
    """All jobs of root's: own crontab, /etc/crontab, /etc/cron.d. Raises CommandFailed."""
    found = list(jobs(crontab.NAME, crontab.read().decode("utf-8", "replace"), with_user=False))
    for file in reading.files_of(CRON_FILES):
        found += jobs(str(file), reading.text_of(file), with_user=True)
    return found


def jobs(place: str, text: str, *, with_user: bool) -> Iterator[CronLine]:
    """Root's jobs in the text of a crontab, crontab(5); settings and comments are none.

    ``with_user``: the sixth column says as whom, as in /etc/crontab.
    """
    for number, line in enumerate(text.split("\n"), start=1):
        when = _WHEN.match(line)
        if line.lstrip().startswith("#") or when is None:
            continue
        command = line[when.end() :]
        if with_user:
            user = _USER.match(command)
            if user is None or user[1] != "root":
                continue
            command = command[user.end() :]
        yield CronLine(place, number, command.strip())


def behind(line: CronLine) -> dict[Path, str]:
    """The scripts that a job starts, directly or through another script, with their texts."""
    return {path: said for _, path, said in walk(line.command)}


def walk(command: str) -> Iterator[tuple[str, Path, str]]:
    """The scripts behind a command, each once: the text that names it, where it is, its text."""
    todo, seen = [(command, 0)], set[Path]()
    while todo and len(seen) < _MOST:
        text, depth = todo.pop(0)
        for path, said in scripts(text):
            if path not in seen:
                seen.add(path)
                yield text, path, said
                if depth < _DEEP:
                    todo.append((said, depth + 1))


def scripts(command: str) -> Iterator[tuple[Path, str]]:
    """Scripts that a command names, by a path or by a name that cron would find in /root, and
    their texts. Root runs them, wherever they lie; nothing of their texts is shown."""
    words = [_AT_HOME.sub("/root/", word) for word in _WORD.findall(command)]
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
                data = file.read(reading.LARGEST_SCRIPT)
                if data.startswith(b"#!") or path.suffix in (".sh", ".py"):
                    return data.decode("utf-8", "replace")
    return ""
