"""The words and the records of the watchdog."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec
from msgspec import Struct

from hubtui.server.machine import Filesystem, Numbers


class Layer(StrEnum):
    """Whom a check asks."""

    HUB = "hub"
    """The hub's own port: ``/hub/health``."""
    PROXY = "proxy"
    """The proxy alone: ``/_chp_healthz``."""
    CHAIN = "chain"
    """The log-in page through the proxy."""
    PUBLIC = "public"
    """What students open: name, certificate, web server, all of it."""


class Got(StrEnum):
    """What came of asking."""

    OK = "ok"
    REFUSED = "refused"
    SILENT = "silent"
    """No answer in time."""
    STATUS = "status"
    """An answer that says that it does not work: 404, 5xx, a loop of redirects."""
    BROKEN = "broken"
    """It hung up, or it does not speak HTTP."""
    STRANGER = "stranger"
    """Somebody else listens there than hub or proxy."""
    TLS = "tls"
    """The certificate is not good."""
    DNS = "dns"
    """The name is not known."""
    UNASKED = "unasked"
    """It could not be asked, for a reason of this side; or it is no address of this machine."""


GATEWAY = (502, 503, 504, 404)
"""What a proxy answers that does not find the hub, or does not know it."""


class Probe(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One answer."""

    layer: Layer
    got: Got
    ms: float = 0.0
    status: int = 0
    text: str = ""
    """What was wrong, safe to show."""
    uid: int | None = None
    """Of a stranger."""
    days_left: float | None = None
    """Of the certificate."""
    by_hub: bool = False
    """The hub itself answered so, whoever stands before it."""

    @property
    def ok(self) -> bool:
        return self.got is Got.OK


class Verdict(StrEnum):
    """What a check found."""

    UP = "up"
    STARTING = "starting"
    """The hub, or the machine, is younger than ``watchdog.grace``."""
    SLOW = "slow"
    """Late or silent, but at work: students log in, memory is short. Never restarted."""
    FAILING = "failing"
    """It answers, but its log says that something does not work; see the cause."""
    WEB = "web"
    """Hub and proxy are well, the public address is not. Never restarted."""
    PROXY_DEAD = "proxy dead"
    PROXY_HUNG = "proxy hung"
    PROXY_LOST = "proxy lost"
    """Hub and proxy are well, but the proxy does not lead to the hub."""
    HUB_DEAD = "hub dead"
    HUB_STUCK = "hub stuck"
    """Its process is there, its port is closed."""
    HUB_HUNG = "hub hung"
    PORT_TAKEN = "port taken"
    """A stranger listens on the hub's or the proxy's port. No restart would help."""
    UNKNOWN = "unknown"
    """It could not be looked at."""


AWAY = frozenset(
    {
        Verdict.WEB,
        Verdict.PROXY_DEAD,
        Verdict.PROXY_HUNG,
        Verdict.PROXY_LOST,
        Verdict.HUB_DEAD,
        Verdict.HUB_STUCK,
        Verdict.HUB_HUNG,
        Verdict.PORT_TAKEN,
    }
)
"""Students cannot get in."""


class State(StrEnum):
    """In what state the watchdog is."""

    UP = "up"
    STARTING = "starting"
    SUSPECT = "suspect"
    """Not well for the first time or two: it looks again before it acts."""
    DEGRADED = "degraded"
    """Something is wrong that no restart cures."""
    DOWN = "down"
    """Students cannot get in; it waits for its turn to restart, or is about to."""
    RESTARTING = "restarting"
    BACKOFF = "backoff"
    """It restarted, in vain; it waits before it tries again."""
    GAVE_UP = "gave up"
    """Too many restarts: a person is needed. A dead hub is still tried every half hour."""
    PAUSED = "paused"


class Trace(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A process as one look saw it."""

    pid: int
    began: int
    """Clock ticks after boot (field 22 of /proc/PID/stat): with the pid it is one process alone."""
    ticks: int = 0
    """CPU time so far, in clock ticks."""
    at: float = 0.0
    """Seconds since boot when this was seen."""
    socket: int = 0
    """The inode of what it listens with: as long as it holds that, the port is its own."""


class Memory(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the next check has to know of those before it."""

    hub: Trace | None = None
    proxy: Trace | None = None
    asked: tuple[str, ...] = ()
    """The addresses of hub and proxy that all this is about."""
    answered: datetime | None = None
    """When the hub's own port last answered."""
    logged: datetime | None = None
    """When the hub last wrote to its log."""
    hub_silent: tuple[datetime, ...] = ()
    """The looks in a row at which the hub did not answer, the first and the last few."""
    proxy_silent: tuple[datetime, ...] = ()
    """The same of the proxy."""
    proxy_seen: bool = False
    """Whether it ever answered."""
    proxy_gone: datetime | None = None
    """Since when it is not there."""
    web: int = 0
    """Looks in a row at which what students open was not well, though hub and proxy were."""
    lost: tuple[datetime, ...] = ()
    """The looks in a row at which it did not lead to the hub."""
    stuck: int = 0
    """Looks in a row at which the hub's port was closed though its process was there."""
    log_place: str = ""
    log_at: int = 0
    """How far the hub's log was read, in bytes."""
    oom_kills: int | None = None


class Now(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The live state: ``now.json`` in the live folder, written by each check."""

    format: int = 1
    at: datetime
    """When the last check ended."""
    took: float
    """Its milliseconds."""
    state: State
    verdict: Verdict
    since: datetime
    """Of this state."""
    text: str
    """The verdict as a sentence, safe to show."""
    do: str = ""
    """What a person can do about it."""
    next_at: datetime
    until: datetime | None = None
    """Of back-off or pause."""
    probes: tuple[Probe, ...] = ()
    failures: int = 0
    """Looks in a row that were not well."""
    bad_since: datetime | None = None
    """The first of them."""
    good: int = 0
    """Checks in a row that were well."""
    good_since: datetime | None = None
    last_good: datetime | None = None
    incident: str = ""
    """The id of the open one."""
    restarts: tuple[datetime, ...] = ()
    """Those that count for back-off: all since it was up for half an hour."""
    cut: int = 0
    """Checks that were ended in the middle of a restart, since it was up."""
    hopeless: str = ""
    """Why the last restart failed, where that is nothing that another restart cures: a cause."""
    exam: bool = False
    memory: Memory = Memory()


class Sample(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One check's numbers: a line of ``samples.jsonl`` in the live folder, kept for 48 hours."""

    at: datetime
    state: State
    verdict: Verdict
    hub: float | None = None
    """Milliseconds; None where there was no good answer."""
    proxy: float | None = None
    chain: float | None = None
    public: float | None = None
    available: int = 0
    """Bytes of memory that could be had."""
    swap_used: int = 0
    load: float = 0.0


class Outcome(StrEnum):
    """What came of a restart."""

    BEGUN = "begun"
    """At work; or killed, where no check runs any more."""
    UP = "up"
    FAILED = "failed"
    """It did not come up in time, or a command failed."""


class Restart(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One restart."""

    at: datetime
    by: str = "watchdog"
    """The watchdog, or who asked for it."""
    how: str = ""
    """``unit jupyterhub.service``, ``by hand``, ``command``; ``proxy alone``."""
    outcome: Outcome = Outcome.BEGUN
    up_at: datetime | None = None
    servers_before: int | None = None
    """Students' servers that ran; None where nobody counted."""
    servers_after: int | None = None
    text: str = ""
    """What failed, safe to show."""


class Incident(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """From the first bad look to the second good one: a line of ``incidents/2026-11.jsonl``.

    Each change appends the whole record again; the last line of an id holds.
    """

    id: str
    """``20261125T082207Z-1a2b``; its evidence is in ``incidents/ID.json`` for 30 days."""
    at: datetime
    """The first bad look."""
    last_good: datetime | None = None
    over: datetime | None = None
    verdict: Verdict
    """The worst."""
    text: str
    cause: str = ""
    """Of catalogue.CAUSES; empty: unknown, or nobody looked."""
    why: tuple[str, ...] = ()
    """What speaks for it, in sentences that are safe to show."""
    restarts: tuple[Restart, ...] = ()
    exam: bool = False

    @property
    def seconds(self) -> float | None:
        """How long it lasted."""
        return (self.over - self.at).total_seconds() if self.over is not None else None


class Seen(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Hub or proxy as a process."""

    pid: int
    uid: int
    program: str
    """The base name of what runs."""
    state: str
    """R, S, D, T, Z: /proc/PID/stat."""
    age: float
    """Seconds since it began."""
    cpu: float | None = None
    """Its share of one CPU, lately: 1.0 is all of it."""
    memory: int = 0
    """Resident, in bytes."""
    files: int | None = None
    files_limit: int | None = None
    output: str = ""
    """Where its output goes: ``file PATH``, ``pipe``, ``pipe without reader``, ``journal``,
    ``terminal``, ``terminal gone``, ``nowhere``."""
    room: int | None = None
    """Bytes that are left for it there, where it is a file."""
    unit: str = ""
    """The systemd service that it belongs to."""


class Scene(Struct, frozen=True, kw_only=True):
    """All that one look saw."""

    at: datetime
    probes: dict[Layer, Probe]
    hub: Seen | None
    proxy: Seen | None
    machine: Numbers
    log_place: str = ""
    log_age: float | None = None
    """Seconds since the hub's log was last written."""
    signs: tuple[str, ...] = ()
    """Causes, by their ids, that lines of the log since the last look speak of."""


class Owner(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who listens on a port."""

    address: str
    port: int
    uid: int
    user: str = ""
    pid: int | None = None
    program: str = ""


class Evidence(Struct, frozen=True, kw_only=True):
    """What was to be seen before anything was done: ``incidents/ID.json``, deleted after 30 days.

    Names, addresses and tokens are taken out of the lines; sizes are bytes.
    """

    format: int = 1
    id: str
    at: datetime
    verdict: Verdict
    probes: tuple[Probe, ...] = ()
    log_place: str = ""
    """Where the hub's log is: a file, or ``journal of UNIT``."""
    log: tuple[str, ...] = ()
    """Its last lines."""
    log_age: float | None = None
    """Seconds since it was last written."""
    kernel: tuple[str, ...] = ()
    """The kernel's lines on memory that ran out."""
    oom_kills: int | None = None
    """Since boot."""
    oom_kills_before: int | None = None
    """The same at the last good check."""
    available: int = 0
    total: int = 0
    lowest_available: int | None = None
    """In the hour before."""
    swap_free: int = 0
    swap_total: int = 0
    load: float = 0.0
    cpus: int = 1
    stalled_memory: float | None = None
    """Percent of the last ten seconds in which something waited for memory (PSI)."""
    stalled_cpu: float | None = None
    disks: tuple[Filesystem, ...] = ()
    hub: Seen | None = None
    proxy: Seen | None = None
    owners: tuple[Owner, ...] = ()
    database_locked: bool | None = None
    database_holders: tuple[str, ...] = ()
    """Who else than the hub locked it for longer than a moment."""
    certificate_days: float | None = None
    uptime: float = 0.0
    upgraded: tuple[str, ...] = ()
    """Packages that were installed or upgraded in the day before."""
    memory_by_uid: tuple[tuple[int, int], ...] = ()
    """The largest, as uid and bytes."""
    unit: str = ""
    unit_result: str = ""
    """How its last run ended, in systemd's word: ``oom-kill``, ``signal``, ``exit-code``."""
    unit_settings: dict[str, str] = msgspec.field(default_factory=dict)
    """KillMode, OOMPolicy, LimitNOFILE, Restart."""
    missing: tuple[str, ...] = ()
    """What could not be looked at, and why."""
