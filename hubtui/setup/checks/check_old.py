"""Checks of what ran the course before: kills by name, copies into homes, logs that only grow."""

from __future__ import annotations

import os
import re
import shlex
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from hubtui.findings import Finding, Severity
from hubtui.names import shown
from hubtui.reads import cronlines, crontab, oldscripts, reading
from hubtui.reads.cronlines import CronLine
from hubtui.reads.shelltext import Call, calls
from hubtui.server import hub as hubs
from hubtui.setup.checks.subject import NotSeen, Subject, critical, note, warning
from hubtui.units import counted, megabytes

_KILLERS = ("pkill", "killall")
_COPIERS = ("rsync", "cp")
_SIGNAL = re.compile(r"-(?:\d+|(?:SIG)?[A-Z]{3,}\d*)")
_CHOSEN = re.compile(r"-[A-Za-z]*[uUPF]|--(?:uid|euid|user|parent|pidfile)\b")
"""Options of pkill and killall by which a name is not all that decides."""
_OLD = 14  # days
_MANY, _LARGE = 200, 500 * 2**20  # files, bytes
_MOST = 20_000  # files of a folder that are looked at


def kills(subject: Subject) -> Iterator[Finding]:
    """Jobs of root's that kill by name: what has that name may be anybody's."""
    _root()
    for job in cronlines.lines():
        for call in _by_name(job.command):
            yield _kill(str(job), call, _at_line(job, _bound(subject, call)))
        for path, text in cronlines.behind(job).items():
            if flaw := reading.flaw(path):
                yield critical(
                    "cron.script",
                    f"Root runs {shown(str(path))} each time of {job}, and others could change "
                    f"it: {flaw}.",
                    flaw.mend(then=f"in {job}"),
                )
                continue
            for call in _by_name(text):
                file = shown(shlex.quote(str(path)))
                do = f"sed -i '{call.line}{_bound(subject, call)}' {file}"
                yield _kill(f"{shown(str(path))}, line {call.line}", call, do)


def _bound(subject: Subject, call: Call) -> str:
    """The change by sed that binds the call to whom the hub is, or else to root."""
    is_hub = any("jupyterhub" in word for word in call.rest)
    user = reading.owner(hubs.uid_of(subject.course)) if is_hub else "root"
    return f"s/\\b{call.program}\\b/& -u {user}/"


def _by_name(text: str) -> Iterator[Call]:
    for call in calls(text, *_KILLERS):
        options = [word for word in call.words if not _SIGNAL.fullmatch(word)]
        if "-0" not in call.words and not any(map(_CHOSEN.match, options)):
            yield call


def _kill(where: str, call: Call, do: str) -> Finding:
    name = shown(call.rest[0], 40) if call.rest else "a name"
    text = f"{where}, ends by {call.program} whatever is called {name}: students' programs as well."
    return warning("cron.pkill", text, do)


def copies(subject: Subject) -> Iterator[Finding]:
    """Scripts that copy into homes as root: what they do to the work of a student."""
    _root()
    jobs = cronlines.lines()
    for job in jobs:
        for call in _into_homes(subject, job.command):
            yield _copy(subject, str(job), call, _at_line(job, "s/^/#/"))
    started = {path: job for job in jobs for path in cronlines.behind(job)}
    for path, text in oldscripts.scripts():
        if path in started:
            off = _at_line(started[path], "s/^/#/")
        elif _is_program(path):
            off = f"chmod a-x -- {shown(shlex.quote(str(path)))}"
        else:
            continue  # switched off
        for call in _into_homes(subject, text):
            yield _copy(subject, f"{shown(str(path))}, line {call.line}", call, off)


def _is_program(path: Path) -> bool:
    with suppress(OSError):
        return bool(path.stat().st_mode & 0o111)
    return False


def _into_homes(subject: Subject, text: str) -> Iterator[Call]:
    """What copies to a student: to each home, or to that of one."""
    homes = str(subject.course.accounts.homes).rstrip("/")
    for call in calls(text, *_COPIERS):
        target = call.rest[-1] if len(call.rest) > 1 else ""
        name = target.removeprefix(f"{homes}/").partition("/")[0]
        is_students = not name or "$" in name or name in subject.seen.students
        to_home = target.startswith(f"{homes}/") and is_students
        if to_home or re.match(r"~[^/]", target):
            yield call


def _copy(subject: Subject, where: str, call: Call, off: str) -> Finding:
    """``off``: the command that keeps it from running."""
    severity, why = _harm(call)
    then = "sudo hubtui release push"
    if subject.course.release is None:
        then = "then name the tutor's folder in course.yaml (release: source:), and release with: "
        then += "sudo hubtui release push"
    text = f"{where}, copies into homes as root with {call.program}: {why}."
    return Finding(id="release.old_script", severity=severity, text=text, do=f"{off}\n{then}")


def _harm(call: Call) -> tuple[Severity, str]:
    """How bad, and why, in one phrase."""
    why = []
    keeps = (
        call.has("n", "--no-clobber") if call.program == "cp" else call.has("", "--ignore-existing")
    )
    if not keeps and call.has("u", "--update"):
        why.append("it overwrites a student's work wherever the tutor's file is newer")
    elif not keeps:
        why.append("it overwrites what a student has written into a sheet")
    if call.program == "rsync" and call.has("", "--delete", "--del"):
        why.append("it deletes what a student has added")
    if call.program == "cp" and not keeps and not call.has("", "--remove-destination"):
        why.append("it follows links, so a student can have root overwrite any file of the server")
        return Severity.CRITICAL, ", and ".join(why)
    if why:
        return Severity.WARNING, ", and ".join(why)
    return Severity.NOTE, "a corrected sheet never arrives, and what a student deleted comes back"


def _at_line(job: CronLine, change: str) -> str:
    """The command that changes one line of a crontab by sed."""
    if job.place == crontab.NAME:
        return f"crontab -l | sed '{job.number}{change}' | crontab -"
    return f"sed -i '{job.number}{change}' {shown(shlex.quote(job.place))}"


def logs(subject: Subject) -> Iterator[Finding]:
    """Whether anything ever leaves the old log folder."""
    folder = subject.course.watchdog.logs
    if folder is None or not folder.is_dir():
        raise NotSeen
    before = time.time() - _OLD * 86400
    size = number = old = 0
    with os.scandir(folder) as entries:
        for entry, _ in zip(entries, range(_MOST), strict=False):
            if entry.is_file(follow_symlinks=False):
                found = entry.stat(follow_symlinks=False)
                size, number = size + found.st_size, number + 1
                old += found.st_mtime < before and entry.name != "restarts.log"
    if old and (size > _LARGE or number > _MANY):
        quoted = shown(shlex.quote(str(folder)))
        yield note(
            "logs.growing",
            f"{shown(str(folder))} has {counted(number, 'file')} of {megabytes(size)}, and "
            f"{old:,} of them are older than {_OLD} days: nothing takes them away.",
            f"find {quoted} -maxdepth 1 -type f -mtime +{_OLD} ! -name restarts.log -delete",
        )


def _root() -> None:
    if os.geteuid() != 0:
        raise NotSeen
