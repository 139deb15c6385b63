"""A restart that a person asks for: the check's own steps, as a plan that is shown first."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec.structs import replace

from hubtui.clock import parse, stamp
from hubtui.errors import HubtuiError, LockHeld, StateError
from hubtui.plan import locks
from hubtui.plan.plans import Plan, new_plan, operator
from hubtui.plan.steps import Chain, Step
from hubtui.server import Server
from hubtui.server.hub import uid_of
from hubtui.units import counted
from hubtui.watchdog import incidents, live, patience, restart, scene, verdict, ways
from hubtui.watchdog.check import LOCK
from hubtui.watchdog.keeping import Keeper
from hubtui.watchdog.mending import count_servers, without_names
from hubtui.watchdog.records import Incident, Memory, Outcome, Restart, Verdict
from hubtui.watchdog.restart import Target

KIND = "restart"
ASKED = "asked"
"""Of catalogue.CAUSES: nothing was wrong, or nobody looked why."""
_PATIENCE = 90.0
"""Seconds to wait for a check that is at work; one that asks a silent hub takes a minute."""


def restart_plan(server: Server, keys: Sequence[str] = ()) -> Plan:
    """Restart the hub; ``keys`` mean nothing, there is one hub.

    Raises Refused where hubtui does not know how this hub is started.
    """
    at = server.clock()
    now = live.read(server.live)
    seen, _ = scene.look(
        server.course, server.state, uid_of(server.course), now.memory if now else Memory(), at
    )
    target = restart.target(
        stamp(at),
        ways.way(server, seen.hub),
        seen.hub,
        seen.proxy,
        verdict=str(now.verdict) if now is not None else "",
        servers=count_servers(),
        by=operator(),
        incident=(now.incident if now is not None else "") or incidents.new_id(at),
    )
    return new_plan(KIND, "Restart the hub", [target], at)


def restart_chain(server: Server, target: Target) -> Chain:
    """Begin to write it down, restart, write what came of it."""
    steps = [_Noted(server, target, step) for step in restart.steps(server, target)]
    begin = Begin(server, target)
    return Chain(
        subject=target.key,
        steps=(begin, *steps, Finish(server, target)),
        notes=notes(target),
    )


def notes(target: Target) -> list[str]:
    """What to know before saying yes: above all what becomes of students' servers."""
    running = counted(target.servers, "student's server")
    running = running.replace("student's servers", "students' servers")
    if not target.servers:
        said = ["No student's server runs."]
    else:
        survival = target.way.survival if target.way is not None else ""
        said = [f"{running} {'runs' if target.servers == 1 else 'run'} now. {survival}"]
    said.append("Nobody can log in, and notebooks lose their connection, for about 10 seconds.")
    return said


class Begin(Step):
    """The incident with its evidence, before anything is done; keeps the check out meanwhile."""

    kind = "note"

    def __init__(self, server: Server, target: Target) -> None:
        self.server, self.target = server, target

    def say(self) -> str:
        """What is written where."""
        return "note it in the restart history, with what is to be seen now"

    def done(self) -> bool:
        """Whether it is noted already."""
        return _made(self.server, self.target) is not None

    def do(self) -> Iterator[str]:
        """Note it. Raises LockHeld while a check is at work for too long."""
        yield from ()
        live.make(self.server.live)
        _keep_out(self.server.live / LOCK)
        server, target = self.server, self.target
        at = parse(target.at)
        incident = incidents.find(server.state, target.incident) or _new(server, target)
        made = Restart(
            at=at, by=target.by, how=str(target.way or "proxy alone"), servers_before=target.servers
        )
        incidents.record(server.state, replace(incident, restarts=(*incident.restarts, made)))
        logs = server.course.watchdog.logs
        if logs is not None and logs.is_dir():
            incidents.append_old(logs, made, f"asked for by {target.by}")

    def verify(self) -> None:
        """Raise StateError where it was not written."""
        if not self.done():
            raise StateError("The restart could not be noted.")


class Finish(Step):
    """What came of it."""

    kind = "note"

    def __init__(self, server: Server, target: Target) -> None:
        self.server, self.target = server, target

    def say(self) -> str:
        """What is written."""
        return "note how long it took"

    def done(self) -> bool:
        """Whether that is noted."""
        made = _made(self.server, self.target)
        return made is not None and made.outcome is not Outcome.BEGUN

    def do(self) -> Iterator[str]:
        """Note it."""
        yield from ()
        _note(self.server, self.target, Outcome.UP)
        made = _made(self.server, self.target)
        if made is not None and made.up_at is not None:
            self.told = f"{(made.up_at - made.at).total_seconds():.0f} s from yes to log-in page"


class _Noted(Step):
    """A step of the restart whose failure is noted as the restart's."""

    def __init__(self, server: Server, target: Target, step: Step) -> None:
        self.server, self.target, self.step = server, target, step
        self.kind, self.lasting, self.urgent = step.kind, step.lasting, step.urgent
        self.say, self.done = step.say, step.done  # type: ignore[method-assign]

    def do(self) -> Iterator[str]:
        """Do it."""
        try:
            yield from self.step.do()
        except HubtuiError as e:
            _note(self.server, self.target, Outcome.FAILED, str(e))
            raise

    def verify(self) -> None:
        """Look whether it worked."""
        try:
            self.step.verify()
        except HubtuiError as e:
            _note(self.server, self.target, Outcome.FAILED, str(e))
            raise


def _new(server: Server, target: Target) -> Incident:
    """The incident of a restart before which no check found one, with its evidence.

    Where the hub was well, nothing but the asking is its cause; a person may also be quicker than
    the check.
    """
    incident = Incident(
        id=target.incident,
        at=parse(target.at),
        verdict=Verdict(target.verdict) if target.verdict else Verdict.UNKNOWN,
        text=f"A restart was asked for by {target.by}.",
        cause=ASKED,
    )
    now = live.read(server.live)
    before = now.memory if now is not None else Memory()
    try:
        seen, memory = scene.look(
            server.course, server.state, uid_of(server.course), before, server.clock()
        )
    except HubtuiError:
        return incident  # whoever asks for a restart gets it, whatever cannot be looked at
    judged, _ = verdict.judge(seen, memory, patience.of(server.course))
    if judged.verdict in (Verdict.UP, Verdict.STARTING):
        found = Keeper(server).investigated(incident, before, seen)
        return replace(found, cause=ASKED, why=())
    incident = replace(incident, verdict=judged.verdict, text=judged.text, cause="")
    found = Keeper(server).investigated(incident, before, seen)
    return replace(found, cause=judged.cause or found.cause)


def _made(server: Server, target: Target) -> Restart | None:
    incident = incidents.find(server.state, target.incident)
    at = parse(target.at)
    made = incident.restarts if incident is not None else ()
    return next((one for one in made if one.at == at), None)


def _note(server: Server, target: Target, outcome: Outcome, text: str = "") -> None:
    incident = incidents.find(server.state, target.incident)
    made = _made(server, target)
    if incident is None or made is None:
        return
    at = server.clock()
    text = without_names(server, text) if text else ""
    up = at if outcome is Outcome.UP else None
    ended = replace(
        made, outcome=outcome, up_at=up, text=text, servers_after=count_servers() if up else None
    )
    others = tuple(one for one in incident.restarts if one.at != made.at)
    # One that the watchdog opened is closed by it, after two good checks.
    over = at if incident.at == made.at else incident.over
    incidents.record(server.state, replace(incident, restarts=(*others, ended), over=over))


def _keep_out(path: Path) -> None:
    """Hold the check's lock until this process ends: two restarts at a time are one too many."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    if not locks.take(fd, _PATIENCE):
        os.close(fd)
        raise LockHeld("The watchdog has been at a check for too long; see: hubtui watchdog status")
