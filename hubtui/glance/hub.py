"""The hub: up since when, how quickly it answers; asked now, and judged as the watchdog judges.

Asked without the token, but for the question whether the hub takes it. What the watchdog is about
to do of it is taken from its last check.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from hubtui import limits
from hubtui.clock import moment
from hubtui.course import Course
from hubtui.errors import HubError
from hubtui.findings import Finding, Severity
from hubtui.glance.gather import Ground
from hubtui.glance.records import Part, part
from hubtui.server import Server
from hubtui.server import hub as hubs
from hubtui.students import Missing
from hubtui.watchdog import live, patience, scene, verdict
from hubtui.watchdog.judged import Judged
from hubtui.watchdog.records import AWAY, Layer, Memory, Now, Scene, Verdict

PANE = "watchdog"
FRESH = timedelta(minutes=2.5)
"""The watchdog looks each minute."""
_ASKED = 3.0
_IDS = {
    Verdict.PORT_TAKEN: "hub.port",
    Verdict.PROXY_DEAD: "hub.proxy",
    Verdict.PROXY_HUNG: "hub.proxy",
    Verdict.PROXY_LOST: "hub.proxy",
    Verdict.SLOW: "hub.slow",
    Verdict.FAILING: "hub.failing",
    Verdict.STARTING: "hub.starting",
}
RESTART = "sudo hubtui watchdog restart"
_RESTARTED = AWAY - {Verdict.PORT_TAKEN, Verdict.WEB}


def look(ground: Ground) -> Part:
    """Ask hub, proxy and log-in page. Raises HubtuiError, OSError."""
    server, at = ground.server, ground.at
    before = fresh(server, at)
    memory = before.memory if before is not None else Memory()
    course, uid = _briefly(server.course), hubs.uid_of(server.course)
    seen, memory = scene.look(course, server.state, uid, memory, at)
    judged, _ = verdict.judge(seen, memory, patience.of(server.course))
    if judged.verdict is Verdict.UNKNOWN:
        why = Missing(what="hub", why=judged.text)
        return part("hub", "hub", judged.text, pane=PANE, missing=(why,))
    found = [*_state(judged, before), *_latency(server.course, seen, judged)]
    missing: tuple[Missing, ...] = ()
    if seen.probes[Layer.HUB].ok and server.course.hub.token_file is not None:
        try:
            found += _token(server)
        except HubError as e:
            missing = (Missing(what="hub's API", why=str(e)),)
    return part(
        "hub", "hub", _text(seen, judged, at), pane=PANE, findings=tuple(found), missing=missing
    )


def fresh(server: Server, at: datetime) -> Now | None:
    """What the watchdog found last, where that was just now."""
    found = live.read(server.live)
    return found if found is not None and abs(at - found.at) < FRESH else None


def _briefly(course: Course) -> Course:
    """Without the public address, whose name may be slow to look up: the certificate asks it."""
    replace = msgspec.structs.replace
    timeout = min(_ASKED, course.watchdog.probe_timeout)
    return replace(
        course,
        hub=replace(course.hub, url=None),
        watchdog=replace(course.watchdog, probe_timeout=timeout),
    )


def _text(seen: Scene, judged: Judged, at: datetime) -> str:
    if not seen.probes[Layer.HUB].ok or judged.verdict in AWAY:
        return judged.text
    words = [f"up since {moment(at - timedelta(seconds=seen.hub.age), at)}" if seen.hub else "up"]
    page = seen.probes[Layer.CHAIN]
    if page.ok:
        words.append(f"log-in page in {page.ms:.0f} ms")
    return ", ".join(words)


# --- findings -----------------------------------------------------------------------------------


def _state(judged: Judged, before: Now | None) -> list[Finding]:
    if judged.verdict is Verdict.UP:
        return []
    away = judged.verdict in AWAY
    text, do = judged.text, ""
    if before is not None and before.verdict is judged.verdict:
        text, do = before.text, before.do  # with what the watchdog makes of it
    if not do:
        do = RESTART if judged.verdict in _RESTARTED else judged.do
    if judged.verdict is Verdict.STARTING:
        do = "Wait a minute."
    return [
        Finding(
            id=_IDS.get(judged.verdict, "hub.down"),
            severity=Severity.CRITICAL if away else Severity.WARNING,
            text=text,
            do=do,
            pane=PANE,
        )
    ]


def _latency(course: Course, seen: Scene, judged: Judged) -> list[Finding]:
    page = seen.probes[Layer.CHAIN]
    severity = limits.judge(course.limits, "latency", page.ms) if page.ok else None
    if severity is None or judged.verdict is not Verdict.UP:
        return []
    text = f"The log-in page takes {page.ms / 1000:.1f} s."
    do = "See who uses most: sudo hubtui accounts list"
    return [Finding(id="hub.slow", severity=severity, text=text, do=do, pane=PANE)]


def _token(server: Server) -> list[Finding]:
    """Whether the hub takes the token. Raises HubError where it could not be asked."""
    from hubtui.server import hubtoken
    from hubtui.server.hubapi import TokenRefused

    try:
        api = msgspec.structs.replace(hubs.api(server.course), timeout=1.0)
        api.check_token()
    except TokenRefused as e:
        if (waiting := hubtoken.waiting(server)) is not None:
            return [waiting]
        text = f"{e.sentence}: hubtui cannot see or stop servers."
        return [
            Finding(
                id="hub.token",
                severity=Severity.WARNING,
                text=text,
                do="sudo hubtui doctor",
                pane="",
            )
        ]
    return []
