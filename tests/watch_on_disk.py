"""What a watchdog would have written: now, samples, incidents with evidence, an old restarts.log.

For pictures and unit tests of the pane; nothing runs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from hubtui.server import Server
from hubtui.server.machine import Filesystem
from hubtui.watchdog import incidents, live
from hubtui.watchdog.records import (
    Evidence,
    Got,
    Incident,
    Layer,
    Now,
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
WELL = (
    Probe(layer=Layer.HUB, got=Got.OK, ms=4.2, status=200),
    Probe(layer=Layer.PROXY, got=Got.OK, ms=1.7, status=200),
    Probe(layer=Layer.CHAIN, got=Got.OK, ms=31.0, status=200),
    Probe(layer=Layer.PUBLIC, got=Got.OK, ms=48.4, status=200, days_left=61.3),
)
GONE = (
    Probe(layer=Layer.HUB, got=Got.REFUSED, text="connection refused"),
    Probe(layer=Layer.PROXY, got=Got.OK, ms=1.9, status=200),
    Probe(layer=Layer.CHAIN, got=Got.STATUS, status=503, text="answers 503"),
    Probe(layer=Layer.PUBLIC, got=Got.STATUS, status=503, text="answers 503"),
)


def now(server: Server, **what: object) -> Now:
    """Write the state of now: up for three hours, checked 12 s ago, but for ``what``."""
    at = server.clock() - timedelta(seconds=12)
    well = Now(
        at=at,
        took=61.0,
        state=State.UP,
        verdict=Verdict.UP,
        since=at - timedelta(hours=3, minutes=12),
        text="All is well: the hub answers in 4 ms. The certificate ends in 61 days.",
        next_at=at + MINUTE,
        probes=WELL,
        good=192,
    )
    written = msgspec.structs.replace(well, **what)
    server.live.mkdir(parents=True, exist_ok=True)
    live.write(server.live, written)
    return written


def samples(server: Server, away: Sequence[tuple[float, float]] = ((200, 208),)) -> None:
    """Two days of them; a busy hour, and gaps ``away`` in minutes before now."""
    end = server.clock() - timedelta(seconds=12)
    lines = []
    for minutes in range(47 * 60, -1, -1):
        is_away = any(begin <= minutes <= end_ for begin, end_ in away)
        busy = max(0.0, 1 - abs(minutes - 420) / 45)
        ripple = 1 + 0.4 * math.sin(minutes / 7) ** 2 + 45 * busy**2
        lines.append(
            Sample(
                at=end - minutes * MINUTE,
                state=State.DOWN if is_away else State.UP,
                verdict=Verdict.HUB_DEAD if is_away else Verdict.UP,
                hub=None if is_away else 4.0 * ripple,
                proxy=1.8,
                chain=None if is_away else 29.0 * ripple,
                public=None if is_away else 46.0 * ripple,
                available=1_900_000_000,
            )
        )
    server.live.mkdir(parents=True, exist_ok=True)
    data = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
    (server.live / live.SAMPLES).write_bytes(data)


HISTORY = (
    (0.14, Verdict.HUB_DEAD, "oom-kernel", 31, "watchdog"),
    (1.2, Verdict.HUB_DEAD, "oom-kernel", 24, "watchdog"),
    (2.9, Verdict.WEB, "apache-workers", 840, ""),
    (4.1, Verdict.PROXY_HUNG, "output-broken", 96, "watchdog"),
    (6.0, Verdict.HUB_DEAD, "", 19, "eva"),
    (9.3, Verdict.HUB_HUNG, "database-locked", 214, "watchdog"),
    (12.2, Verdict.HUB_DEAD, "oom-kernel", 27, "watchdog"),
    (15.2, Verdict.HUB_DEAD, "oom-kernel", 25, "watchdog"),
)
"""Days ago, what, why, seconds away, who restarted."""
TEXTS = {
    Verdict.HUB_DEAD: "The hub is gone: no process, and nobody on its port.",
    Verdict.HUB_HUNG: "The hub hangs: no answer and no line in its log for 3 min.",
    Verdict.PROXY_HUNG: "The hub is up, but its proxy does not answer: it spins.",
    Verdict.WEB: "Hub and proxy are up, but what students open is not: answers 503.",
}


def history(server: Server) -> list[Incident]:
    """Some weeks of incidents, and restarts of the old script before them."""
    at, found = server.clock().replace(second=0, microsecond=0), []
    for number, (days, verdict, cause, away, by) in enumerate(HISTORY):
        begin = at - timedelta(days=days)
        up = begin + timedelta(seconds=away)
        one = Restart(
            at=begin + timedelta(seconds=3),
            by=by,
            how="unit jupyterhub.service",
            outcome=Outcome.UP,
            up_at=up,
            servers_before=21,
            servers_after=21 if cause != "oom-kernel" else 20,
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
    logs = server.course.watchdog.logs
    if logs is not None:
        logs.mkdir(parents=True, exist_ok=True)
        lines = [f"{at - timedelta(days=days):%Y-%m-%dT%H:%M}+00:00: {why}\n" for days, why in _OLD]
        (logs / incidents.OLD).write_text("".join(reversed(lines)))
    return found


_OLD = (
    (21.1, "Server down"),
    (22.1, 'HTTP response code of 500 >> /root/logs/restarts.log"'),
    (24.1, "Server down"),
    (27.7, "Server down"),
)
_WHY = {
    "oom-kernel": (
        "The kernel killed a process (python3) for want of memory 40 s before.",
        "At most 212 MB were free in the hour before.",
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
        memory_by_uid=((0, 410_000_000), (20004, 1_340_000_000), (20011, 212_000_000)),
        unit="jupyterhub.service",
        unit_result="oom-kill" if short else "",
        unit_settings={"KillMode": "process", "OOMPolicy": "continue", "LimitNOFILE": "1024"},
    )


def hub_log(path: Path, lines: int = 400) -> None:
    """A hub's log, with a name in it that somebody made to break things."""
    path.parent.mkdir(parents=True, exist_ok=True)
    begin = datetime(2026, 11, 23, 9, 0)
    written = []
    for number in range(lines):
        at = begin + timedelta(seconds=17 * number)
        what = f"200 GET /user/red-panda/api/kernels (red-panda@::ffff:10.0.0.7) {number % 40}.31ms"
        level = "I"
        if number % 41 == 40:
            level, what = "W", "User blue-fox is slow to become responsive (timeout=10)"
        if number % 97 == 96:
            level, what = "E", "Unhandled error \x1b[31m[@click=app.quit]starting server[/] \u202e"
        written.append(
            f"[{level} {at:%Y-%m-%d %H:%M:%S}.{number % 1000:03} JupyterHub log:192] {what}\n"
        )
    path.write_text("".join(written))
