"""The demo's tutor: weekly sheets, what was released of them so far, and what students made of it.

It happens as in a course: each writes in the own home with the own rights, and what was released
was released by hubtui itself, with a clock that is some weeks slow.

    python -m hubtui.demo.teaching CONFIG HOME
"""

from __future__ import annotations

import dataclasses
import io
import os
import subprocess
import sys
import tarfile
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from hubtui import changes, course
from hubtui.demo import classroom
from hubtui.errors import HubtuiError
from hubtui.plan import plans, runs
from hubtui.release import chosen, push
from hubtui.server import Server, server_of
from hubtui.state import write_document
from hubtui.students import survey

FOLDER = "exercises"
"""The tutor's source, and where students find what they get."""
MONDAYS = (("week01",), ("week02",), ("week03",), ("week03", "week04"))
"""What was handed out at 08:00, the last time on the last Monday; all else is new."""

Files = Mapping[str, bytes | Path]
"""Path below a home → content, or where a link leads."""

_MISTAKES = {
    "week03/letters.ipynb": (b"describes 77 letters", b"describes 70 letters"),
    "week04/edges.csv": (b"Achenlohe,Karoline Winterstieg,6,1794", b"Achenlohe,Kar. W.,6,1794"),
    "week04/networks.ipynb": (b"Fourteen people", b"Fifteen people"),
}
"""In a sheet's first version: right and wrong."""
_FORGOTTEN = "week04/network.svg"
_CHECKPOINT = f"{FOLDER}/week05/.ipynb_checkpoints/dates-checkpoint.ipynb"


def sheets() -> dict[str, bytes]:
    """All files of all sheets, by their path: ``week01/tyger.txt``."""
    return _files(resources.files(__package__) / "sheets")


def put(home: Path, files: Files, at: datetime | None = None) -> None:
    """Write files into a home as its owner, over what is there; ``at``: as of that time.

    Raises HubtuiError.
    """
    pack, when = io.BytesIO(), int((at or datetime.now()).timestamp())
    with tarfile.open(fileobj=pack, mode="w") as tar:
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            member.mtime = when
            if isinstance(content, Path):
                member.type, member.linkname = tarfile.SYMTYPE, str(content)
                tar.addfile(member)
            else:
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    _as_owner(home, pack.getvalue(), "tar", "--extract", "--no-same-owner")


def release_so_far(config: Path, tutor: Path) -> None:
    """The last Mondays, and what the students did before and since; then the tutor goes on.

    Raises HubtuiError where this machine cannot hand out.
    """
    server, every = server_of(course.load(config)), sheets()
    first, there = _first_versions(every), dict[str, bytes]()
    homes = server.course.accounts.homes
    for week, names in enumerate(MONDAYS):
        _students_work(homes, week, first)
        at = last_monday() - timedelta(weeks=len(MONDAYS) - 1 - week)
        for sheet in names:
            written = _of(sheet, every if _of(sheet, there) else first)
            put(tutor, _below(written), at - timedelta(days=2, hours=16))
            there |= written
        _release(server, names, at)
    _students_work(homes, len(MONDAYS), first)
    put(tutor, _below({path: every[path] for path in every if every[path] != there.get(path)}))
    put(tutor, {_CHECKPOINT: every["week05/dates.ipynb"]})


def last_monday() -> datetime:
    """08:00 local time of the last Monday."""
    now = datetime.now()
    at = now.replace(hour=8, minute=0, second=0, microsecond=0) - timedelta(days=now.weekday())
    return at if at < now else at - timedelta(weeks=1)


def _students_work(homes: Path, week: int, handed_out: Mapping[str, bytes]) -> None:
    """What some did before the release of a week; none of it may get lost."""
    changed, removed = (homes / name for name in classroom.APPROVED)
    linked, complete = (homes / name for name in (*classroom.EARLIER, *classroom.PREPARED))

    def own(*paths: str) -> Files:
        task, done = b"# your code here", b"print(len(lines))  # done"
        return _below({path: handed_out[path].replace(task, done, 1) for path in paths})

    if week == 0:  # last year's, and what the script handed out that was in use until now
        put(changed, own("week02/counting-words.ipynb", "week05/dates.ipynb"))
        put(linked, {f"{FOLDER}/week02/austen.txt": Path("../../notes.txt")})
        put(linked, {f"{FOLDER}/week05": Path("../texts")})
        put(complete, _below(_of("week01", handed_out)))
    elif week == 3:
        put(removed, own("week03/letters.ipynb"))
    elif week == len(MONDAYS):
        put(changed, own("week04/networks.ipynb"))
        _as_owner(removed, b"", "rm", "--", f"{FOLDER}/week04/edges.csv")


def _release(server: Server, names: Sequence[str], at: datetime) -> None:
    then = dataclasses.replace(server, clock=at.astimezone)
    plan = push.push_plan(then, survey(then), chosen.prepare(then, names))
    plans.save(server.state, plan)
    record = runs.RunRecord(id=plan.id, by=plan.by, at=plan.at)
    write_document(runs.record_path(server.state, plan.id), record)
    changes.carry_out(then, plan.id)


def _first_versions(every: Mapping[str, bytes]) -> dict[str, bytes]:
    first = {path: content for path, content in every.items() if path != _FORGOTTEN}
    for path, (right, wrong) in _MISTAKES.items():
        first[path] = first[path].replace(right, wrong)
    return first


def _of(sheet: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {path: content for path, content in files.items() if path.startswith(f"{sheet}/")}


def _below(files: Mapping[str, bytes]) -> Files:
    return {f"{FOLDER}/{path}": content for path, content in files.items()}


def _files(folder: Traversable, above: str = "") -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for entry in sorted(folder.iterdir(), key=lambda each: each.name):
        path = f"{above}{entry.name}"
        found |= _files(entry, f"{path}/") if entry.is_dir() else {path: entry.read_bytes()}
    return found


def _as_owner(home: Path, data: bytes, *words: str) -> None:
    found = home.stat()
    ours = found.st_uid == os.geteuid()  # with one uid nobody can become anybody
    done = subprocess.run(
        words,
        input=data,
        capture_output=True,
        cwd=home,
        user=None if ours else found.st_uid,
        group=None if ours else found.st_gid,
        extra_groups=None if ours else [],
        umask=0o022,
        check=False,
    )
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        raise HubtuiError(f"{words[0]} did not work in {home}: {said}")


def main() -> int:
    """``CONFIG HOME``: in a process of its own, since a run leaves threads behind."""
    config, tutor = map(Path, sys.argv[1:])
    try:
        release_so_far(config, tutor)
    except HubtuiError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
