"""``hubtui install``: a few files of root's and, where systemd runs, a few commands.

Shown first, verified after. Each file is replaced as a whole; to install again changes nothing.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hubtui.errors import CommandFailed, Refused
from hubtui.reads import reading
from hubtui.server import systemd
from hubtui.server.run import Result, say
from hubtui.state import replace_file, sync_folder

UNITS = Path("/etc/systemd/system")


@dataclass(frozen=True)
class File:
    """A file as it shall be: root's."""

    path: Path
    text: str
    mode: int = 0o644
    instead: str = ""
    """What is shown in place of a text that is not for a screen."""


@dataclass(frozen=True)
class Installation:
    """Files, and what is run once they are there."""

    files: tuple[File, ...]
    check: tuple[tuple[tuple[str, ...], str], ...] = ()
    """Commands before anything is put in place, each with what it reads."""
    after: tuple[tuple[str, ...], ...] = ()
    verify: tuple[tuple[str, ...], ...] = ()
    """Commands that succeed where it works."""
    instead: tuple[Path, ...] = ()
    """Files of an earlier install that would do the same besides; they are removed."""
    notes: tuple[str, ...] = ()
    """What to know about it."""

    def lines(self) -> Iterator[str]:
        """All of it, to be read before saying yes."""
        for file in self.files:
            state = "" if _read(file.path) is None else " (is there, with another text)"
            state = " (is there)" if is_there(file) else state
            yield f"{file.path}, root:root {file.mode:04o}{state}:"
            yield from (f"    {line}" for line in (file.instead or file.text).splitlines())
        yield from (f"{path} is removed" for path in self.instead if path.exists())
        for argv in self.after:
            yield f"then: {say(argv)}"
        yield from self.notes


Run = Callable[..., Result]


def is_there(file: File) -> bool:
    """Whether the file is as it shall be: text, mode, root's own."""
    try:
        found = file.path.lstat()
    except OSError:
        return False
    as_wanted = found.st_uid == found.st_gid == 0 and found.st_mode == stat.S_IFREG | file.mode
    return as_wanted and _read(file.path) == file.text


def write(installation: Installation, run: Run) -> list[str]:
    """Put everything in its place; returns what was done, a line each.

    Raises Refused, CommandFailed: where a check fails nothing is written; what fails later is
    said, and to install again goes on from there.
    """
    for argv, text in installation.check:
        run(argv, stdin=text).check()
    done = []
    for file in installation.files:
        if is_there(file):
            done.append(f"{file.path} is as it should be.")
            continue
        if flaw := reading.flaw_of_rest(file.path.parent):
            raise Refused(f"As root hubtui does not write to {file.path}: {flaw}.")
        _put(file)
        done.append(f"{file.path} is written.")
    done += remove([path for path in installation.instead if path.exists()], run)
    for argv in installation.after:
        run(argv).check()
    for file in installation.files:
        if not is_there(file):
            raise CommandFailed(f"{file.path} is not what was written: somebody else writes it.")
    for argv in installation.verify:
        result = run(argv)
        if result.code:
            raise CommandFailed(f"{say(argv)} says that it does not work ({result.why()}).")
    return done


def remove(paths: Sequence[Path], run: Run) -> list[str]:
    """Take files away that install wrote; returns what was done. Raises CommandFailed."""
    units = [path for path in paths if path.parent == UNITS]
    by_systemd = bool(units) and systemd.is_running()
    for path in units if by_systemd else ():
        if path.suffix == ".timer":
            run(("systemctl", "disable", "--now", path.name))  # perhaps it is already
    done = []
    for path in paths:
        try:
            path.unlink(missing_ok=True)
            sync_folder(path.parent)
        except OSError as e:
            raise CommandFailed(f"{path} cannot be removed: {e.strerror}.") from e
        done.append(f"{path} is removed.")
    if by_systemd:
        run(("systemctl", "daemon-reload")).check()
    return done


def _put(file: File) -> None:
    try:
        missing = [folder for folder in file.path.parents if not folder.exists()]
        for folder in reversed(missing):
            folder.mkdir()
            folder.chmod(0o755)
        replace_file(file.path, file.text.encode(), mode=file.mode, owner=(0, 0))
    except OSError as e:
        raise CommandFailed(f"{file.path} cannot be written: {e.strerror}.") from e


def _read(path: Path) -> str | None:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return None
