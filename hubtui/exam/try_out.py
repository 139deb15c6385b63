"""The whole way, tried out by a probe: its server starts, answers, computes, and is stopped.

The probe (``exam.probe``) is a course account that nobody uses: it never signed up, so that nobody
can log in as it. What was started is stopped, whatever fails: by the run, or after a kill by its
resume, or by the next try.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from hubtui.clock import parse, stamp
from hubtui.errors import (
    ChangedSinceShown,
    CommandFailed,
    HubDown,
    HubError,
    HubImpostor,
    HubtuiError,
    Refused,
)
from hubtui.exam import memory, probe
from hubtui.exam.capacity import ASSUMED
from hubtui.names import shown
from hubtui.plan.plans import Plan, new_plan
from hubtui.plan.steps import Chain, Step
from hubtui.server import Server, hub, hubprocess, machine, processes
from hubtui.server.hubapi import HubApi, TokenRefused, lacking
from hubtui.server.processes import Process
from hubtui.state import read_document, write_document
from hubtui.stop import Stop, StopServer, end
from hubtui.students import Survey, survey
from hubtui.units import megabytes
from hubtui.why import why

KIND = "try"
FILE = "try.json"
_START = 120.0
"""Seconds for a start: JupyterHub itself gives up after start_timeout and http_timeout, 90."""
_TERM, _KILL = 5.0, 3.0
"""Seconds that what is left of it has after TERM, and after KILL."""
_REASONS = ("account", "home", "owner", "mode", "space", "hub's log")
"""Of why(): what keeps a server from starting. That the probe never signed up does not."""


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """The probe's account."""

    key: str
    name: str
    uid: int
    at: str
    """When it was planned: which try this is."""


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """``try.json``: the probe's server that runs was started by a try."""

    format: int = 1
    name: str
    at: str


def try_plan(server: Server, keys: Sequence[str] = ()) -> Plan:
    """Try the whole way out; ``keys`` mean nothing, there is one probe.

    Raises Refused: there is no probe, it is somebody's account, its server runs already, memory is
    short, or hubtui has no token.
    """
    name = server.course.exam.probe
    if name is None:
        raise Refused(
            "There is no probe account. Make one: hubtui accounts create probe; then in "
            f"{server.course.file}, below exam: probe: probe"
        )
    if server.course.hub.token_file is None:
        raise Refused("To start a server hubtui needs a token: set hub.token_file (hubtui doctor).")
    uid = _uid_of(survey(server), name)
    _room(server)
    if _servers(uid) and _begun(server, name) is None:
        raise Refused(
            f"The server of {name} runs already. Stop it first: hubtui accounts stop {name}"
        )
    at = server.clock()
    subject = Probe(key=name, name=name, uid=uid, at=stamp(at))
    return new_plan(KIND, f"Try it with {name}", [subject], at)


def try_chain(server: Server, subject: Probe) -> Chain:
    """Start, page, compute; and stop, whatever came of them."""
    steps = (
        _Start(server, subject),
        _Page(server, subject),
        _Compute(server, subject),
        _Stop(server, subject),
    )
    return Chain(subject=subject.key, steps=steps, uid=subject.uid)


class _Stage(Step):
    """One stage; how long it took is told, and where it fails its name is."""

    lasting = False

    def __init__(self, server: Server, subject: Probe) -> None:
        self.server, self.subject = server, subject

    def do(self) -> Iterator[str]:
        """Do it. Raises CommandFailed with the stage's name and what to do."""
        began = time.monotonic()
        try:
            yield from self._do()
        except HubtuiError as e:
            raise CommandFailed(f"{self.kind}: {e}") from e
        self.told = f"{self.kind} {time.monotonic() - began:.1f} s{self._besides()}"
        yield self.told

    def _besides(self) -> str:
        return ""

    def _do(self) -> Iterator[str]:
        raise NotImplementedError


class _Start(_Stage):
    """The hub starts its server, as after a log-in."""

    kind = "start"
    lasting = True

    def say(self) -> str:
        """The request."""
        return f"POST /users/{self.subject.name}/server (the hub starts its server)"

    def done(self) -> bool:
        """Whether this very try has started it, before a kill."""
        begun = _begun(self.server, self.subject.name)
        return (
            begun is not None and begun.at == self.subject.at and bool(_servers(self.subject.uid))
        )

    def _do(self) -> Iterator[str]:
        server, name, uid = self.server, self.subject.name, self.subject.uid
        _room(server)
        if _uid_of(survey(server), name) != uid:
            raise ChangedSinceShown(f"{name} is another account than when this was planned.")
        api, begun = hub.api(server.course), _begun(server, name)
        runs = bool(_servers(uid)) or api.server_of(name) is not None
        if runs and begun is None:
            raise ChangedSinceShown(f"The server of {name} runs already: it is left alone.")
        if runs and begun is not None and begun.at != self.subject.at:
            yield "that of an earlier try is stopped first"
            _stop(server, self.subject)
            runs = False
        if not runs:
            self._ask(api)
        until = time.monotonic() + _START
        while (found := api.server_of(name)) is None or not found.ready:
            if found is None:
                raise CommandFailed(self._why("its server did not start."))
            if time.monotonic() > until:
                raise CommandFailed(self._why(f"it was not ready after {_START:.0f} s."))
            time.sleep(0.2)

    def _ask(self, api: HubApi) -> None:
        name = self.subject.name
        write_document(_path(self.server), Begun(name=name, at=self.subject.at))
        try:
            if not api.start_server(name):
                api.add_user(name)
                if not api.start_server(name):
                    raise lacking(f"start the server of {name}", f"servers!user={name}", name)
        except (TokenRefused, HubDown, HubImpostor):
            raise
        except HubError as e:
            raise CommandFailed(self._why(str(e))) from e

    def _why(self, said: str) -> str:
        """What keeps it from starting, as far as it can be seen."""
        for answer in why(self.server, self.subject.name):
            if answer.good is False and answer.what in _REASONS:
                return f"{said} {answer.text} {answer.do}".rstrip()
        return f"{said} See the hub's log, and: hubtui accounts why {self.subject.name}"


class _Page(_Stage):
    """Its server answers by the address that students open."""

    kind = "page"

    def say(self) -> str:
        """The request."""
        place = probe.public(self.server.course)
        where = self.server.course.hub.url if place is not None else self.server.course.hub.proxy
        return f"GET {where}/user/{self.subject.name}/api/status, as {self.subject.name}"

    def _do(self) -> Iterator[str]:
        yield from ()
        course, name, uid = self.server.course, self.subject.name, self.subject.uid
        found = probe.server_of(course, name, uid)
        try:
            found.page()
        except HubtuiError as e:
            if not found.is_public:
                raise
            raise CommandFailed(f"{e} {probe.trouble_before(course, name, uid)}") from e


class _Compute(_Stage):
    """A kernel of the usual kind adds 1 and 1, by websocket, and is removed."""

    kind = "compute"
    memory = 0
    """Bytes of the server with its kernel, once it has computed."""

    def say(self) -> str:
        """What is computed."""
        return f"1+1 in a kernel of {self.subject.name}, by websocket"

    def _do(self) -> Iterator[str]:
        yield from ()
        found = probe.server_of(self.server.course, self.subject.name, self.subject.uid)
        try:
            with found.kernel() as kernel:
                found.compute(kernel)
                self.memory = memory.of_uid(self.subject.uid)
        except CommandFailed as e:
            raise CommandFailed(f"{e} Look at its kernels: {self._listing()}") from e

    def _besides(self) -> str:
        return f" ({megabytes(self.memory)} of memory)"

    def _listing(self) -> str:
        """The command that lists the probe's kernels, with the jupyter beside its server."""
        words = next(map(hubprocess.words, _servers(self.subject.uid)), ())
        program = str(Path(words[0]).with_name("jupyter")) if words else "jupyter"
        return shown(f"runuser -u {self.subject.name} -- {shlex.quote(program)} kernelspec list")


class _Stop(_Stage):
    """Nothing of it runs on."""

    kind = "stop"
    lasting = True
    always = True

    def say(self) -> str:
        """The request."""
        return f"DELETE /users/{self.subject.name}/server (whatever failed), TERM to what is left"

    def _do(self) -> Iterator[str]:
        yield from ()
        begun = _begun(self.server, self.subject.name)
        if begun is not None:
            _stop(self.server, self.subject)


def _stop(server: Server, subject: Probe) -> None:
    """Stop what a try has started, and forget that it did. Raises HubtuiError.

    Where the probe was removed meanwhile its uid may be a student's by now: then nothing is ended.
    """
    account = survey(server).accounts.by_name.get(subject.name)
    if account is None or account.uid != subject.uid:
        _path(server).unlink(missing_ok=True)
        raise ChangedSinceShown(
            f"{subject.name} is another account than when it was tried: what runs is left alone."
        )
    chosen = Stop(key=subject.key, name=subject.name, uid=subject.uid)
    step = StopServer(server, chosen, idle=False)
    if not step.done():
        for _ in step.do():
            pass
        step.verify()
    end(_left(server, subject), _TERM)
    end(_left(server, subject), _KILL, kill=True)
    if left := _left(server, subject):
        raise CommandFailed(
            f"{len(left)} of its processes still run: hubtui accounts stop"
            f" --processes {subject.name}"
        )
    _path(server).unlink(missing_ok=True)


def _left(server: Server, subject: Probe) -> list[Process]:
    """What a try has left behind: a kernel that had just begun outlives its server."""
    begun = _begun(server, subject.name)
    if begun is None:
        return []
    since = parse(begun.at).timestamp()
    return [process for process in processes.of(subject.uid) if process.started >= since]


def _uid_of(seen: Survey, name: str) -> int:
    """The probe's uid. Raises Refused where it is no account for this purpose alone."""
    course = seen.course
    tutors = course.release.tutors if course.release is not None else ()
    if name in (*course.accounts.staff, *tutors):
        raise Refused(f"{name} is staff: a probe is an account that nobody uses (exam.probe).")
    account = seen.accounts.by_name.get(name)
    if account is None:
        raise Refused(f"There is no account {name}. Make it: hubtui accounts create {name}")
    if not seen.is_course_account(account):
        raise Refused(f"{name} is not a course account; exam.probe needs one that nobody uses.")
    if account.uid in seen.sharers:
        raise Refused(f"{name} shares its uid with another account: a probe needs one of its own.")
    if any(one.name == name and one.authorised for one in seen.sign_ups):
        raise Refused(
            f"{name} has signed up, so somebody logs in as it: a probe is an account that nobody "
            "uses. Make another one, and name it as exam.probe."
        )
    if name in (seen.expected or ()):
        raise Refused(f"{name} is an expected student: name another account as exam.probe.")
    return account.uid


def _room(server: Server) -> None:
    """Raise Refused unless two servers fit: the probe must not be what ends a student's kernel."""
    each = memory.known_typical(server) or ASSUMED
    available = machine.numbers().available
    if available < 2 * each:
        raise Refused(
            f"Only {megabytes(available)} of memory are free, and a server takes {megabytes(each)}:"
            " not tried. See: hubtui status --exam"
        )


def _servers(uid: int) -> list[int]:
    return [process.pid for process in processes.of(uid) if process.is_server]


def _path(server: Server) -> Path:
    return server.state / FILE


def _begun(server: Server, name: str) -> Begun | None:
    """The try that has started the server of this probe. Raises StateError."""
    found = read_document(_path(server), Begun)
    return found if found is not None and found.name == name else None
