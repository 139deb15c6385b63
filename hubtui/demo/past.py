"""The demo's past: weeks of restarts as its watchdog would have written them, and a night's checks.

Old lines as the script before left them, incidents with what was saved of each, samples of the
last two days. None of it happened.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from hubtui.server import Server
from hubtui.server.machine import Filesystem
from hubtui.watchdog import incidents, live
from hubtui.watchdog.records import (
    Evidence,
    Got,
    Incident,
    Layer,
    Outcome,
    Owner,
    Probe,
    Restart,
    Sample,
    Seen,
    State,
    Verdict,
)

MINUTE = timedelta(minutes=1)
GONE = (
    Probe(layer=Layer.HUB, got=Got.REFUSED, text="connection refused"),
    Probe(layer=Layer.PROXY, got=Got.OK, ms=1.9, status=200),
    Probe(layer=Layer.CHAIN, got=Got.STATUS, status=503, text="answers 503"),
    Probe(layer=Layer.PUBLIC, got=Got.STATUS, status=503, text="answers 503"),
)
"""What the four layers say while the hub is gone."""


def remember(server: Server, *, live_too: bool) -> None:
    """All of it; ``live_too``: what is gone with a reboot as well. Raises StateError, OSError."""
    found = history(server)
    if live_too:
        samples(server, [(one.at, one.over or one.at) for one in found])


def samples(server: Server, away: Sequence[tuple[datetime, datetime]] = ()) -> None:
    """A check each minute for two days; slower where a class begins, no answers while ``away``."""
    end = server.clock() - timedelta(seconds=12)
    lines = []
    for minutes in range(47 * 60, -1, -1):
        at = end - minutes * MINUTE
        gone = any(begin <= at <= over for begin, over in away)
        ripple = 1 + 0.4 * math.sin(minutes / 7) ** 2 + 45 * _rush(at.astimezone()) ** 2
        lines.append(
            Sample(
                at=at,
                state=State.DOWN if gone else State.UP,
                verdict=Verdict.HUB_DEAD if gone else Verdict.UP,
                hub=None if gone else 4.0 * ripple,
                proxy=1.8,
                chain=None if gone else 31.0 * ripple,
                public=None if gone else 34.0 * ripple,
                available=1_900_000_000,
            )
        )
    server.live.mkdir(mode=0o700, parents=True, exist_ok=True)
    data = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
    (server.live / live.SAMPLES).write_bytes(data)


def _rush(here: datetime) -> float:
    """How many log in at a time, from 0 to 1: a class begins at 08:15."""
    begin = here.replace(hour=8, minute=15, second=0, microsecond=0)
    return max(0.0, 1 - abs(here - begin) / timedelta(minutes=40))


_PAST = (
    (0, 0, "10:52", Verdict.HUB_DEAD, "oom-kernel", 31, "watchdog"),
    (1, 3, "14:20", Verdict.WEB, "apache-workers", 840, ""),
    (1, 0, "10:41", Verdict.HUB_DEAD, "oom-kernel", 24, "watchdog"),
    (2, 4, "16:48", Verdict.HUB_DEAD, "", 19, "eva"),
    (2, 2, "03:12", Verdict.PROXY_HUNG, "output-broken", 96, "watchdog"),
    (2, 0, "11:07", Verdict.HUB_DEAD, "oom-kernel", 27, "watchdog"),
    (3, 1, "11:30", Verdict.HUB_HUNG, "database-locked", 214, "watchdog"),
    (3, 0, "10:58", Verdict.HUB_DEAD, "oom-kernel", 25, "watchdog"),
)
"""Weeks before the last Monday, weekday, time; what, why, seconds away, who restarted."""
_OLD = (
    (4, 0, "10:44", "Server down"),
    (5, 4, "09:20", 'HTTP response code of 500 >> /root/logs/restarts.log"'),
    (5, 0, "10:39", "Server down"),
    (6, 0, "11:02", "Server down"),
)
"""The same of the script that was there before."""
TEXTS = {
    Verdict.HUB_DEAD: "The hub is gone: no process, and nobody on its port.",
    Verdict.HUB_HUNG: "The hub hangs: no answer and no line in its log for 3 min.",
    Verdict.PROXY_HUNG: "The hub is up, but its proxy does not answer: it spins.",
    Verdict.WEB: "Hub and proxy are up, but what students open is not: answers 503.",
}


def history(server: Server) -> list[Incident]:
    """Some weeks of incidents, the latest first, and restarts of the old script before them."""
    now, found = server.clock(), []
    for number, (weeks, weekday, time, verdict, cause, away, by) in enumerate(_PAST):
        begin = _moment(now, weeks, weekday, time)
        up = begin + timedelta(seconds=away)
        one = Restart(
            at=begin + timedelta(seconds=3),
            by=by,
            how="unit jupyterhub.service",
            outcome=Outcome.UP,
            up_at=up,
            servers_before=21,
            servers_after=20 if cause == "oom-kernel" else 21,
        )
        found.append(
            Incident(
                id=f"{begin:%Y%m%dT%H%M%SZ}-00{number:02}",
                at=begin,
                last_good=begin - MINUTE,
                over=up + MINUTE,
                verdict=verdict,
                text=TEXTS[verdict],
                cause=cause,
                why=_WHY.get(cause, ()),
                restarts=(one,) if by else (),
            )
        )
        incidents.record(server.state, found[-1])
        incidents.save_evidence(server.state, evidence(found[-1]))
    if (logs := server.course.watchdog.logs) is not None:
        logs.mkdir(parents=True, exist_ok=True)
        lines = []
        for weeks, weekday, time, reason in reversed(_OLD):
            at = _moment(now, weeks, weekday, time).astimezone()
            lines.append(f"{at.isoformat(timespec='minutes')}: {reason}\n")
        (logs / incidents.OLD).write_text("".join(lines))
    return found


def _moment(now: datetime, weeks: int, weekday: int, time: str) -> datetime:
    """``time`` here on that day, counted from the last Monday whose morning is over; in UTC."""
    noon = now.astimezone().replace(hour=12, minute=0, second=0, microsecond=0)
    monday = noon - timedelta(days=noon.weekday())
    if monday > now:
        monday -= timedelta(weeks=1)
    hour, minute = map(int, time.split(":"))
    day = monday + timedelta(days=weekday) - timedelta(weeks=weeks)
    return day.replace(hour=hour, minute=minute).astimezone(UTC)


_WHY = {
    "oom-kernel": (
        "The kernel killed a process (python3) for want of memory 40 s before.",
        "At most 112 MB were free in the hour before.",
    ),
    "output-broken": ("The proxy's output goes to a pipe that nobody reads.",),
    "database-locked": ("sqlite3 (pid 4711, root) held the database open for writing.",),
    "apache-workers": ("Apache's log says AH00484: all 150 workers are taken.",),
}


def evidence(of: Incident) -> Evidence:
    """What was to be seen at an incident."""
    short = of.cause == "oom-kernel"
    return Evidence(
        id=of.id,
        at=of.at,
        verdict=of.verdict,
        probes=GONE,
        log_place="/srv/jupyterhub/jupyterhub.log",
        log=(
            "[I 2026-11-23 08:46:51.203 JupyterHub log:192] 200 GET /hub/api/users (hubtui) 9.1ms",
            "[W 2026-11-23 08:47:10.442 JupyterHub base:1126] User red-panda is slow to become "
            "responsive (timeout=10)",
            "[E 2026-11-23 08:47:31.007 JupyterHub app:3297] Could not start the server",
        ),
        log_age=38.0,
        kernel=("Out of memory: Killed process 4711 (python3) total-vm:2915936kB",) * short,
        oom_kills=3 if short else 2,
        oom_kills_before=2,
        available=198_000_000 if short else 1_640_000_000,
        total=4_110_000_000,
        lowest_available=112_000_000 if short else 1_420_000_000,
        swap_free=12_000_000 if short else 1_000_000_000,
        swap_total=1_073_000_000,
        load=7.4 if short else 0.6,
        cpus=2,
        stalled_memory=61.0 if short else None,
        disks=(
            Filesystem(
                path="/",
                free=9_100_000_000,
                total=41_000_000_000,
                inodes_free=2_000_000,
                inodes_total=2_600_000,
                read_only=False,
            ),
        ),
        proxy=Seen(
            pid=812,
            uid=0,
            program="node",
            state="S",
            age=93_000.0,
            cpu=0.01,
            memory=61_000_000,
            files=88,
            files_limit=1024,
            output="pipe without reader" if of.cause == "output-broken" else "journal",
        ),
        owners=(
            Owner(address="127.0.0.1", port=8000, uid=0, user="root", pid=812, program="node"),
        ),
        database_locked=of.cause == "database-locked",
        certificate_days=61.3,
        uptime=1_211_000.0,
        memory_by_uid=((1001, 1_340_000_000), (0, 410_000_000), (1002, 212_000_000)),
        unit="jupyterhub.service",
        unit_result="oom-kill" if short else "",
        unit_settings={"KillMode": "process", "OOMPolicy": "continue", "LimitNOFILE": "1024"},
    )
