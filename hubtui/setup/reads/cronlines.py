"""What cron runs as root, line by line, and the scripts behind a line: read, never run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hubtui.names import shown
from hubtui.setup.install import restarters
from hubtui.setup.reads import crontab

_MOST = 30  # scripts behind one line
_DEEP = 3
_WHEN = re.compile(r"\s*(?:@\w+|(?:[^\s=#@][^\s=]*\s+){4}[^\s=]+)\s+(?=\S)")
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
    for file in restarters.files_of(restarters.CRON_FILES):
        found += jobs(str(file), restarters.text_of(file), with_user=True)
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
    todo, found = [(line.command, 0)], dict[Path, str]()
    while todo and len(found) < _MOST:
        text, depth = todo.pop(0)
        for path, said in restarters.scripts(text):
            if path not in found:
                found[path] = said
                if depth < _DEEP:
                    todo.append((said, depth + 1))
    return found
