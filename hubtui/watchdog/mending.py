"""The restart that a check makes by itself, and what is written of it."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from hubtui.clock import stamp
from hubtui.errors import HubtuiError, Refused
from hubtui.server import Server
from hubtui.watchdog import causes, hublog, incidents, known, restart, ways
from hubtui.watchdog.catalogue import CAUSES
from hubtui.watchdog.judging_proxy import broken_output
from hubtui.watchdog.keeping import Keeper
from hubtui.watchdog.records import Layer, Now, Outcome, Restart, Scene, Verdict
from hubtui.watchdog.rules import Act
from hubtui.watchdog.ways import Way

_WITHIN = 2.0
"""Seconds for the names of all accounts: a name service may be away."""
_ALONE = "proxy alone"


class Mended(Struct, frozen=True, kw_only=True):
    """What came of it."""

    at: datetime
    counts: bool = True
    """Whether it counts for back-off: not where systemd was quicker."""
    hopeless: str = ""
    """Why it failed, where another restart would fail as well: a cause."""


def mend(server: Server, keeper: Keeper, now: Now, seen: Scene, act: Act) -> Mended:
    """Restart the hub, or its proxy alone; never raises for what fails on the way."""
    at = server.clock()
    try:
        way = _way(server, keeper, seen, act)
        if way is not None and way.kind == "unit" and restart.is_unit_starting(server, way.unit):
            return Mended(at=at, counts=False)
        target = restart.target(stamp(at), way, seen.hub, seen.proxy, incident=now.incident)
        if way is None and seen.proxy is None:
            target = replace(target, proxy_unit=_proxy_unit(server))
    except HubtuiError as e:
        text = without_names(server, str(e))
        _note(keeper, Restart(at=at, outcome=Outcome.FAILED, text=text))
        keeper.tell(str(e))
        return Mended(at=at, hopeless="start-unknown" if isinstance(e, Refused) else "")
    begun = Restart(at=at, how=str(way or _ALONE), servers_before=count_servers())
    _note(keeper, begun)
    _old_habit(server, keeper, begun, now.verdict)
    try:
        for step in restart.steps(server, target):
            if not step.done():
                for _ in step.do():
                    pass
                step.verify()
    except HubtuiError as e:
        _note(keeper, replace(begun, outcome=Outcome.FAILED, text=without_names(server, str(e))))
        return Mended(at=at, hopeless=_hopeless(server, way))
    up = replace(begun, outcome=Outcome.UP, up_at=server.clock(), servers_after=count_servers())
    _note(keeper, up)
    return Mended(at=at)


def _way(server: Server, keeper: Keeper, seen: Scene, act: Act) -> Way | None:
    """How; None: the proxy alone, since the hub starts a new one by itself within seconds.

    Not where it cannot write its log, because the new one would have the same; nor where it was
    done before, in vain.
    """
    before = keeper.incident.restarts if keeper.incident is not None else ()
    in_vain = bool(before) and before[-1].how == _ALONE
    if act is Act.PROXY and seen.proxy is not None and not in_vain:
        why, _ = broken_output(seen.proxy)
        if not why:
            return None
    if _proxy_unit(server) and seen.hub is not None and seen.probes[Layer.HUB].ok:
        return None
    return ways.way(server, seen.hub)


def _proxy_unit(server: Server) -> str:
    before = known.read(server.state)
    return before.proxy_unit if before is not None else ""


def _note(keeper: Keeper, made: Restart) -> None:
    """Put it into the incident: a restart that was begun is replaced by what came of it."""
    incident = keeper.incident
    if incident is not None:
        others = tuple(one for one in incident.restarts if one.at != made.at)
        keeper.save(replace(incident, restarts=(*others, made)))


def _old_habit(server: Server, keeper: Keeper, made: Restart, verdict: Verdict) -> None:
    """A line in restarts.log, in the old script's format."""
    logs = server.course.watchdog.logs
    if logs is not None:
        with keeper.trouble():
            incidents.append_old(logs, made, str(verdict))


def without_names(server: Server, text: str) -> str:
    """What failed, fit to be kept for long: it may end in a line of the log, which names people."""
    from hubtui.watchdog import collectors, evidence
    from hubtui.watchdog.scrub import scrub

    found, _ = evidence.gather({"names": partial(collectors.names, server.course)}, _WITHIN)
    return scrub([text], found.get("names", frozenset()))[0]


def _hopeless(server: Server, way: Way | None) -> str:
    """The cause in the last lines of the hub that did not come up, if no restart cures it."""
    place = hublog.place(server.course, None, way.unit if way is not None else "")
    found = causes.of_log(hublog.tail(place, 100)) if place is not None else ""
    return found if found and not CAUSES[found].curable else ""


def count_servers() -> int:
    """Students whose notebook servers run."""
    from hubtui.server import processes

    return len(processes.serving())
