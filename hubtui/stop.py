"""Stopping students' servers, and ending what else runs under their accounts.

A student's own web server or a loose kernel outlives the notebook server, so a plan says what else
there is and offers to end it too.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import msgspec

from hubtui.course_accounts import CourseAccount
from hubtui.errors import ChangedSinceShown, CommandFailed, Refused
from hubtui.names import shown
from hubtui.plan.plans import Plan, new_plan
from hubtui.plan.steps import Chain, Step
from hubtui.server import Server, hub, kernels, processes
from hubtui.server.processes import Process
from hubtui.students import survey

_TERM, _KILL = 8.0, 4.0
"""Seconds that processes have after TERM, and after KILL."""


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """A student whose server shall be stopped."""

    key: str
    name: str
    uid: int


def stop_plan(
    server: Server, chosen: Sequence[CourseAccount], *, rest: bool = False, idle: bool = False
) -> Plan:
    """A plan that stops servers. Raises Refused where there is nothing to stop.

    ``rest`` ends the accounts' other processes too; ``idle`` looks once more, just before, that no
    kernel is computing.
    """
    wanted = [one for one in chosen if one.server or (rest and one.processes)]
    if not wanted:
        raise Refused("No server is running there: nothing to stop.")
    subjects = [Stop(key=one.name, name=one.name, uid=one.account.uid) for one in wanted]
    what = f"{len(subjects)} servers" if len(subjects) > 1 else f"the server of {wanted[0].name}"
    title = f"Stop {what}" + (" and end all other processes" if rest else "")
    return new_plan("stop", title, subjects, server.clock(), rest=rest, idle=idle)


def idle_for(
    found: Sequence[CourseAccount], minutes: int, at: datetime
) -> tuple[list[CourseAccount], list[str]]:
    """Whose server has been idle for longer, and why others that are idle were left out.

    Never one with a busy kernel, nor one of which that cannot be known.
    """
    chosen, left_out = [], []
    for one in found:
        if one.server != "running" or one.last_activity is None:
            continue
        if at - one.last_activity < timedelta(minutes=minutes):
            continue
        busy = kernels.busy(one.account.uid, one.processes)
        if busy is None:
            left_out.append(f"{one.name}: its server does not say whether a kernel is computing")
        elif busy:
            left_out.append(f"{one.name}: {busy} kernels are computing")
        else:
            chosen.append(one)
    return chosen, left_out


def stop_chain(server: Server, subject: Stop, *, rest: bool, idle: bool) -> Chain:
    """The server; then, where asked for, the rest of the account's processes."""
    steps: list[Step] = [StopServer(server, subject, idle=idle)]
    if rest:
        steps.append(EndProcesses(server, subject))
    return Chain(subject=subject.key, steps=steps, uid=subject.uid, notes=_notes(subject, rest))


def _notes(subject: Stop, rest: bool) -> list[str]:
    running = processes.of(subject.uid)
    notes = []
    if busy := kernels.busy(subject.uid, running):
        notes.append(f"{busy} kernels are computing now: what they have not saved is lost")
    others = [p for p in running if not p.is_server and not p.is_kernel]
    if others:
        listed = ", ".join(f"{shown(p.name, limit=20)} ({p.pid})" for p in others[:4])
        verb = "is ended too" if rest else "goes on"
        notes.append(f"{len(others)} other processes: {listed}: {verb}")
    return notes


class StopServer(Step):
    """Through the hub's API; without a token the server's own process is asked to end."""

    kind = "stop server"

    def __init__(self, server: Server, subject: Stop, *, idle: bool) -> None:
        self.server, self.subject, self.idle = server, subject, idle
        self.has_token = server.course.hub.token_file is not None

    def say(self) -> str:
        if self.has_token:
            return f"DELETE /users/{self.subject.name}/server (the hub stops the server)"
        pids = " ".join(str(process.pid) for process in self._processes())
        return f"kill -TERM {pids} (jupyterhub-singleuser of {self.subject.name}; no hub token)"

    def done(self) -> bool:
        return not self._processes() and not self._pending()

    def do(self) -> Iterator[str]:
        if self.idle and kernels.busy(self.subject.uid, processes.of(self.subject.uid)) != 0:
            raise ChangedSinceShown(f"A kernel of {self.subject.name} is computing again.")
        if not self.has_token:
            end(self._processes(), _TERM)
            return
        yield "the hub is asked"
        answer = hub.api(self.server.course).stop_server(self.subject.name)
        if answer == "stopping":
            raise CommandFailed("The hub is still at it after a minute: look again later.")
        if answer == "not running":
            end(self._processes(), _TERM)  # left behind by a hub that has forgotten it

    def verify(self) -> None:
        until = time.monotonic() + _TERM
        while not self.done():
            if time.monotonic() > until:
                raise CommandFailed(f"The server of {self.subject.name} still runs.")
            time.sleep(0.2)

    def _processes(self) -> list[Process]:
        return [process for process in processes.of(self.subject.uid) if process.is_server]

    def _pending(self) -> bool:
        if not self.has_token:
            return False
        return hub.api(self.server.course).server_of(self.subject.name) is not None


class EndProcesses(Step):
    """TERM, then KILL, by numeric uid: a name of digits could be read as another's uid."""

    kind = "end processes"

    def __init__(self, server: Server, subject: Stop) -> None:
        self.server, self.subject = server, subject

    def say(self) -> str:
        running = processes.of(self.subject.uid)
        return f"TERM, then KILL, to all processes of uid {self.subject.uid} ({len(running)} now)"

    def done(self) -> bool:
        return not processes.of(self.subject.uid)

    def do(self) -> Iterator[str]:
        seen = survey(self.server)
        account = seen.students.get(self.subject.name)
        if account is None or account.uid != self.subject.uid:
            raise ChangedSinceShown(f"{self.subject.name} is no longer that course account.")
        end(processes.of(self.subject.uid), _TERM)
        yield "those that stay are killed"
        end_all(self.subject.uid)

    def verify(self) -> None:
        if left := processes.of(self.subject.uid):
            raise CommandFailed(f"{len(left)} processes of {self.subject.name} still run.")


def end_all(uid: int) -> None:
    """Kill all that runs under a uid, and wait until nothing of it is seen."""
    for _ in range(5):
        processes.kill_all(uid)
        until = time.monotonic() + _KILL
        while processes.of(uid):
            if time.monotonic() > until:
                break
            time.sleep(0.1)
        else:
            return


def end(chosen: Sequence[Process], wait: float, *, kill: bool = False) -> None:
    """Signal these processes and wait for them; one that was replaced meanwhile is left alone."""
    processes.signal(chosen, kill=kill)
    until = time.monotonic() + wait
    while time.monotonic() < until and any(processes.is_alive(process) for process in chosen):
        time.sleep(0.1)
