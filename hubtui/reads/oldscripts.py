"""What the scripts say that ran the course before: roster, logs, source, names left out.

They are found through root's crontab and in the usual places, and read as text. Such a server has
a watchdog that appends to restarts.log, and a script that copies ``$exsource`` to each name of
accounts.txt but the admin's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from hubtui.reads import reading

CRONTABS = (Path("/var/spool/cron/crontabs/root"), Path("/etc/crontab"))
FOLDERS = tuple(
    Path(folder)
    for folder in (
        "/root",
        "/root/bin",
        "/root/scripts",
        "/root/resources",
        "/usr/local/bin",
        "/usr/local/sbin",
    )
)
_MOST = 200  # files
_PATH = r"/[^\s\"'<>|;&()$`]+"
_EXSOURCE = re.compile(rf"^\s*exsource=[\"']?({_PATH})", re.M)
_ROSTER = re.compile(rf"({_PATH}/accounts\.txt)\b")
_RESTARTS = re.compile(rf"({_PATH})/restarts\.log\b")
_URL = re.compile(r"^\s*URL=[\"']?(https?://[A-Za-z0-9.:-]+)", re.M)
_CONFIG = re.compile(rf"\bjupyterhub\b[^\n|;&]*?\s(?:-f|--config)[ =]({_PATH})")
_LEFT_OUT = re.compile(r"\$\{?\w*user\w*\}?\"?\s*!=\s*[\"']?([A-Za-z0-9_][A-Za-z0-9_.-]*)")


@dataclass(frozen=True)
class Said:
    """A value and the script that says it."""

    value: str
    by: Path


@dataclass(frozen=True)
class OldScripts:
    """What they say, each by the first script that says it."""

    source: Said | None = None
    roster: Said | None = None
    logs: Said | None = None
    url: Said | None = None
    config: Said | None = None
    left_out: tuple[Said, ...] = ()
    """Names that the script does not copy to: the course's own people."""


def read_old_scripts() -> OldScripts:
    """Look for them. What is no script, or could be somebody else's, is passed over."""
    texts = scripts()
    texts += [(path, text) for path in CRONTABS if (text := reading.text_of(path))]

    def first(pattern: re.Pattern[str]) -> Said | None:
        for path, text in texts:
            if match := pattern.search(text):
                return Said(match[1], path)
        return None

    return OldScripts(
        source=first(_EXSOURCE),
        roster=first(_ROSTER),
        logs=first(_RESTARTS),
        url=next(
            (
                Said(match[1], path)
                for path, text in texts
                if "jupyterhub" in text and (match := _URL.search(text))
            ),
            None,
        ),
        config=first(_CONFIG),
        left_out=tuple(
            Said(name, path)
            for path, text in texts
            if _EXSOURCE.search(text)
            for name in dict.fromkeys(_LEFT_OUT.findall(text))
        ),
    )


def scripts() -> list[tuple[Path, str]]:
    """The scripts that cron names or that lie in the usual places, with their texts."""
    return [(path, text) for path in _places() if (text := reading.text_of(path)).startswith("#!")]


def _places() -> Iterator[Path]:
    named = [
        Path(word)
        for crontab in CRONTABS
        for line in reading.text_of(crontab).splitlines()
        if not line.lstrip().startswith("#")
        for word in re.findall(_PATH, line)
    ]
    lying = (path for folder in FOLDERS for path in reading.files_of([folder]))
    yield from dict.fromkeys(islice((*named, *lying), _MOST))
