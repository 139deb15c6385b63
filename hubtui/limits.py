"""From which value on a number needs a person: the defaults, and what course.yaml says instead.

``limits: {disk_free: [15, 5]}``: a warning from the first number on, critical from the second on.
The defaults are such that a server with 4 GB and 40 students has no finding on a normal day; where
each number is from stands beside it.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from hubtui.findings import Severity


class Limit(Struct, frozen=True, kw_only=True):
    """Two numbers, and what they are about."""

    warning: float
    critical: float
    unit: str
    what: str
    """The number itself, for the reference of course.yaml."""
    source: str
    """Why these."""

    @property
    def low(self) -> bool:
        """Whether little is bad."""
        return self.critical < self.warning


KNOWN: Mapping[str, Limit] = {
    "memory_free": Limit(
        warning=10,
        critical=5,
        unit="%",
        what="memory that a new program could have (MemAvailable), of all",
        source="a student's server with one kernel takes 100 to 150 MB: at 10 % of 4 GB three fit",
    ),
    "student_memory": Limit(
        warning=40,
        critical=70,
        unit="%",
        what="memory that the processes of one student have for themselves, of all",
        source="a notebook with a large table takes 1 GB; of two such nothing is left of 4 GB",
    ),
    "swap_used": Limit(
        warning=50,
        critical=90,
        unit="%",
        what="swap in use, of all",
        source="idle servers are swapped out on a normal day; beyond half, busy ones are",
    ),
    "load": Limit(
        warning=2,
        critical=5,
        unit="per core",
        what="processes that run or wait, on average of 5 minutes, for each core",
        source="at 2 everything takes twice as long; a class that starts is over in a minute",
    ),
    "disk_free": Limit(
        warning=15,
        critical=5,
        unit="%",
        what="space that students can still use, of all",
        source="5 % of 50 GB are 2.5 GB: one data set for a class of 40",
    ),
    "inodes_free": Limit(
        warning=15,
        critical=5,
        unit="%",
        what="files that can still be made, of all",
        source="as for space; one conda or node environment is 50,000 files",
    ),
    "latency": Limit(
        warning=2000,
        critical=8000,
        unit="ms",
        what="until the log-in page has come",
        source="it takes 20 to 50 ms on an idle server, 1 s while ten students log in (bcrypt)",
    ),
    "restarts": Limit(
        warning=10,
        critical=40,
        unit="in 7 days",
        what="restarts of the hub",
        source="such a hub crashes about once a day: more often than that is news",
    ),
    "certificate": Limit(
        warning=14,
        critical=3,
        unit="days",
        what="until the certificate of the public address ends",
        source="Let's Encrypt's are renewed 30 days before: at 14 that failed for two weeks",
    ),
    "signup_age": Limit(
        warning=48,
        critical=336,
        unit="hours",
        what="for which the oldest sign-up has been waiting",
        source="a weekend",
    ),
    "paused": Limit(
        warning=12,
        critical=72,
        unit="hours",
        what="for which the watchdog has been paused",
        source="a day's work on the server; after that it was forgotten",
    ),
    "clock_off": Limit(
        warning=2,
        critical=60,
        unit="seconds",
        what="by which the clock may be wrong, as the kernel reckons it: up to 16",
        source="a time service that works keeps it below 1.1; log-in cookies and TLS bear a minute",
    ),
}


def of(limits: Mapping[str, tuple[float, float]], name: str) -> Limit:
    """The limit of that name, as ``course.limits`` says it."""
    known = KNOWN[name]
    if name not in limits:
        return known
    warning, critical = limits[name]
    return Limit(
        warning=warning,
        critical=critical,
        unit=known.unit,
        what=known.what,
        source="course.yaml",
    )


def judge(limits: Mapping[str, tuple[float, float]], name: str, value: float) -> Severity | None:
    """How bad a value is; None where it is within its limit."""
    limit = of(limits, name)
    low = KNOWN[name].low
    for bound, severity in (
        (limit.critical, Severity.CRITICAL),
        (limit.warning, Severity.WARNING),
    ):
        if (value <= bound) if low else (value >= bound):
            return severity
    return None
