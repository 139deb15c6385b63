"""What might happen to the server meanwhile: restarts, upgrades, other changes, a wrong clock."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hubtui.errors import CommandFailed
from hubtui.exam.records import Answer
from hubtui.exam.subject import Subject
from hubtui.findings import State, worst
from hubtui.pauses import clock
from hubtui.plan import runs
from hubtui.release import schedule
from hubtui.server import systemd
from hubtui.server.run import SEARCH
from hubtui.units import counted

REBOOT = Path("/run/reboot-required")
"""Made by Debian's and Ubuntu's packages: update-notifier, unattended-upgrades."""
TIMER = "apt-daily-upgrade.timer"
_SPREAD = timedelta(hours=1)
"""The timer's RandomizedDelaySec, and what an upgrade takes."""
_DAY = timedelta(days=1)
_RECENT = timedelta(days=7)
_SETTING = re.compile(r'^(\S+) "(.*)";$', re.MULTILINE)

Found = tuple[State, str, str, str]
"""How bad, what, what helps, the command."""


def restart(subject: Subject) -> Answer:
    """The question about restarts and upgrades. Raises CommandFailed."""
    return _together("restart", "Will the server be left alone?", [*_restart(subject)])


def changes(subject: Subject) -> Answer:
    """The question about other changes. Raises StateError."""
    found = [*_scheduled(subject), *_unfinished(subject)]
    return _together("changes", "Is nothing else to come?", found)


def time(subject: Subject) -> Answer | None:
    """The question about the clock; None where nothing here tells."""
    if subject.quick or not systemd.is_running():
        return None
    argv = ["timedatectl", "show", "--property=NTPSynchronized", "--value"]
    said = subject.server.run(argv, timeout=5)
    if said.code:
        return None
    found: list[Found] = []
    if said.out.strip() == "no":
        text = "it is not set by the network, so it may be wrong"
        found = [(State.WARNING, text, "Set it", "timedatectl set-ntp true")]
    return _together("clock", "Is the clock right?", found)


def _together(key: str, question: str, found: list[Found]) -> Answer:
    order = list(State)
    found.sort(key=lambda one: order.index(one[0]))
    return Answer(
        key=key,
        question=question,
        state=worst(state for state, *_ in found),
        text=_sentences(text for _, text, *_ in found) if found else "Yes.",
        remedies=tuple((text, command) for *_, text, command in found),
    )


def _sentences(texts: Iterable[str]) -> str:
    return " ".join(f"{text[:1].upper()}{text[1:]}." for text in texts)


# --- restarts and upgrades ------------------------------------------------------------------------


def _restart(subject: Subject) -> Iterator[Found]:
    if REBOOT.exists():
        helps = "Restart it before the exam, not on its day"
        yield State.WARNING, "a restart of the server is due", helps, "systemctl reboot"
    if subject.exam is None or shutil.which("unattended-upgrade", path=":".join(SEARCH)) is None:
        return
    settings = _apt(subject)
    if settings.get("APT::Periodic::Unattended-Upgrade", "0") in ("", "0"):
        return
    at = _next_upgrade(subject)
    if at is not None and (hit := _within(subject, at)) is not None:
        when = clock(subject.server.course, hit, subject.at)
        text = f"upgrades install themselves about {when}, and may restart the hub"
        yield State.WARNING, text, "Put them off, until the next start", f"systemctl stop {TIMER}"
    if settings.get("Unattended-Upgrade::Automatic-Reboot", "false").lower() in ("true", "1"):
        yield from _automatic(subject, settings)


def _automatic(subject: Subject, settings: dict[str, str]) -> Iterator[Found]:
    """A restart by itself at its hour (or right after an upgrade, which was looked at)."""
    hour = settings.get("Unattended-Upgrade::Automatic-Reboot-Time", "now")
    match = re.fullmatch(r"(\d\d?):(\d\d)", hour)
    if match is None:
        return
    here = subject.at.astimezone()
    at = here.replace(hour=int(match[1]) % 24, minute=int(match[2]) % 60, second=0)
    if _within(subject, at, spread=timedelta()) is not None:
        text = f"the server may restart itself at {hour}, after an upgrade"
        line = 'Unattended-Upgrade::Automatic-Reboot "false";'
        command = f"echo '{line}' > /etc/apt/apt.conf.d/99no-automatic-reboot"
        yield State.CRITICAL, text, "Forbid that", command


def _apt(subject: Subject) -> dict[str, str]:
    argv = ["apt-config", "dump", "APT::Periodic", "Unattended-Upgrade"]
    with contextlib.suppress(CommandFailed):
        return dict(_SETTING.findall(subject.server.run(argv, timeout=5).out))
    return {}


def _next_upgrade(subject: Subject) -> datetime | None:
    """``Thu 2026-11-26 06:12:34 UTC``, on the clocks of this machine."""
    name = "NextElapseUSecRealtime"
    words = systemd.show(subject.server.run, TIMER, name).get(name, "").split()
    with contextlib.suppress(ValueError):
        if len(words) >= 3:
            at = datetime.fromisoformat(f"{words[1]}T{words[2]}")
            return at.replace(tzinfo=UTC) if words[-1] == "UTC" else at.astimezone()
    return None


def _within(subject: Subject, at: datetime, spread: timedelta = _SPREAD) -> datetime | None:
    """When what happens daily from then on falls into the exam; None where it does not."""
    assert subject.exam is not None
    begin, end = subject.exam.from_ - spread, subject.exam.to
    days = max(0, -(-(begin - at) // _DAY))
    hit = at + days * _DAY
    return hit if hit < end else None


# --- other changes --------------------------------------------------------------------------------


def _scheduled(subject: Subject) -> Iterator[Found]:
    """What would fall into the exam waits until it is over; better known before."""
    exam = subject.exam
    if exam is None:
        return
    for entry in schedule.entries(subject.server):
        own = set(entry.sheets) == {exam.sheet}
        if entry.state is schedule.State.WAITING and not own and exam.from_ <= entry.at < exam.to:
            when = clock(subject.server.course, entry.at, subject.at)
            text = f"{schedule.title(entry)} is to be released at {when}: it waits until the end"
            helps = "Take it out, and schedule it for later"
            yield State.WARNING, text, helps, f"hubtui release unschedule {entry.id}"


def _unfinished(subject: Subject) -> Iterator[Found]:
    """Changes of the last days that a kill left: older ones were said often enough."""
    state = subject.server.state
    oldest = f"{subject.at - _RECENT:%Y%m%d-%H%M%S}"
    recent = [p.stem for p in (state / "runs").glob("*.json") if p.stem >= oldest]
    left = [run for run in sorted(recent) if runs.life(state, run) is runs.Life.UNFINISHED]
    if left:
        text = f"{counted(len(left), 'change')} was left unfinished"
        text = text if len(left) == 1 else text.replace(" was ", " were ")
        yield State.WARNING, text, "Go on, or drop it", f"hubtui journal resume {left[0]}"
