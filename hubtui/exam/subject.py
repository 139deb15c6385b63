"""What the questions are asked about: one exam, one number of students, one look at the course."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from hubtui.exam.records import Settings
from hubtui.pauses import Exam
from hubtui.reads import hubprocess
from hubtui.server import Server, hub, processes
from hubtui.server.accounts import Account
from hubtui.server.processes import Process
from hubtui.students import Survey
from hubtui.watchdog import live, probes
from hubtui.watchdog.records import Layer, Now, Probe

STALE = timedelta(minutes=3)
"""How long ago the minutely check may have been; as for ``hubtui due``."""


@dataclass(frozen=True)
class Subject:
    """Passed to every question; what several need is looked at once."""

    server: Server
    at: datetime
    exam: Exam | None
    students: int
    seen: Survey
    quick: bool

    @cached_property
    def accounts(self) -> Mapping[str, Account]:
        """The course accounts of students: the probe is none."""
        return students_of(self.seen)

    @cached_property
    def running(self) -> Mapping[int, Sequence[Process]]:
        """Their processes, by uid."""
        return processes.by_uid(account.uid for account in self.accounts.values())

    @cached_property
    def settings(self) -> Settings:
        """What the hub's configuration says; None where that is no plain number, or not there."""
        config = hubprocess.config_of(hubprocess.find())

        def number(name: str) -> int | None:
            value = config.get(f"JupyterHub.{name}") if config else None
            return value if isinstance(value, int) else None

        return Settings(
            concurrent_spawn_limit=number("concurrent_spawn_limit"),
            active_server_limit=number("active_server_limit"),
        )

    @cached_property
    def watched(self) -> Now | None:
        """What the watchdog saw last."""
        return live.read(self.server.live)

    @cached_property
    def probes(self) -> Mapping[Layer, Probe]:
        """What answers: asked now; for a quick look what the watchdog saw, if not long ago."""
        if not self.quick:
            return probes.ask(self.server.course, hub.uid_of(self.server.course))
        last = self.watched
        if last is None or abs(self.at - last.at) > STALE:
            return {}
        return {probe.layer: probe for probe in last.probes}

    @property
    def end(self) -> datetime:
        """When it is over: of any day, this moment."""
        return self.exam.to if self.exam is not None else self.at


def students_of(seen: Survey) -> Mapping[str, Account]:
    """Whom an exam is for: without the probe, and without who is switched off."""
    probe = seen.course.exam.probe
    return {name: account for name, account in seen.attending.items() if name != probe}
