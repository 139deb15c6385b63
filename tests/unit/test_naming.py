"""The most likely cause from evidence: what weighs more, and what is said where nothing does."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from hubtui.server.machine import Filesystem
from hubtui.watchdog import causes
from hubtui.watchdog.causes import CAUSES
from hubtui.watchdog.records import Evidence, Got, Layer, Owner, Probe, Seen, Verdict

LOGS = Path(__file__).parents[1] / "data" / "hub-logs"
AT = datetime(2026, 11, 25, 8, 22, 7, tzinfo=UTC)
GB = 10**9
WELL = Evidence(
    id="20261125T082207Z-1a2b",
    at=AT,
    verdict=Verdict.HUB_DEAD,
    log=("[I 2026-11-25 08:21:00.000 JupyterHub log:192] 200 GET /hub/health",),
    oom_kills=2,
    oom_kills_before=2,
    available=2 * GB,
    total=4 * GB,
    lowest_available=1 * GB,
    cpus=2,
    load=0.5,
    uptime=86400.0,
    unit="jupyterhub.service",
)
"""A machine on which nothing is wrong but that the hub is gone."""


def seen(**more: object) -> Seen:
    return replace(
        Seen(pid=7, uid=0, program="configurable-http-proxy", state="S", age=9999.0), **more
    )


def disk(**more: object) -> Filesystem:
    found = Filesystem(
        path="/",
        free=9 * GB,
        total=50 * GB,
        inodes_free=10**6,
        inodes_total=10**7,
        read_only=False,
    )
    return replace(found, **more)


def public(got: Got, **more: object) -> Probe:
    return replace(Probe(layer=Layer.PUBLIC, got=got), **more)


def log(name: str) -> tuple[str, ...]:
    (path,) = LOGS.glob(f"{name}*.log")
    return tuple(path.read_text("utf-8", "replace").splitlines()[-200:])


OOM = "Out of memory: Killed process 3581 (python3) total-vm:1838128kB, UID:1006"
OOM_HUB = "Out of memory: Killed process 3094 (jupyterhub) total-vm:1838128kB, UID:0"
EXPIRED = public(Got.TLS, text="certificate has expired")
UNREAD = seen(output="pipe without reader", cpu=0.99)
STRANGER = Probe(layer=Layer.HUB, got=Got.STRANGER, uid=1006)


@pytest.mark.parametrize(
    ("cause", "sure", "what"),
    [
        ("oom-kernel", True, {"oom_kills": 3, "kernel": (OOM_HUB,)}),
        ("oom-kernel", False, {"oom_kills": 3, "kernel": (OOM,)}),
        ("oom-unit", True, {"oom_kills": 3, "kernel": (OOM,), "unit_result": "oom-kill"}),
        ("oom-kernel", True, {"oom_kills": 3, "kernel": (OOM_HUB,), "unit_result": "oom-kill"}),
        ("killed", True, {"unit_result": "signal"}),
        ("crashed", True, {"unit_result": "core-dump"}),
        ("asked", False, {"log": log("normal.journal")}),
        ("config-error", True, {"log": log("config-error.journal")}),
        ("hub-port-taken", True, {"log": log("hub-port-taken")}),
        ("spawn-failures", True, {"log": log("spawn-failures")}),
        ("reboot", True, {"uptime": 200.0}),
        ("disk-readonly", True, {"disks": (disk(read_only=True),)}),
        ("disk-full", False, {"disks": (disk(free=0),)}),
        ("disk-full", False, {"disks": (disk(inodes_free=3),)}),
        (
            "database-full",
            True,
            {
                "verdict": Verdict.FAILING,
                "log": log("database-full"),
                "disks": (disk(free=0),),
            },
        ),
        ("output-broken", True, {"verdict": Verdict.PROXY_HUNG, "proxy": UNREAD}),
        (
            "disk-full-log",
            True,
            {
                "verdict": Verdict.PROXY_HUNG,
                "proxy": seen(output="file /logs/hub.log"),
                "disks": (disk(), disk(path="/logs", free=0)),
            },
        ),
        ("stopped", True, {"verdict": Verdict.HUB_HUNG, "hub": seen(state="T")}),
        ("loop-blocked", False, {"verdict": Verdict.HUB_HUNG, "hub": seen(cpu=1.0)}),
        (
            "files-hub",
            True,
            {"verdict": Verdict.HUB_HUNG, "hub": seen(files=1020, files_limit=1024)},
        ),
        (
            "files-proxy",
            True,
            {"verdict": Verdict.PROXY_HUNG, "proxy": seen(files=1024, files_limit=1024)},
        ),
        (
            "database-locked",
            True,
            {
                "verdict": Verdict.HUB_HUNG,
                "database_locked": True,
                "database_holders": ("sqlite3",),
            },
        ),
        ("proxy-zombie", False, {"verdict": Verdict.PROXY_LOST}),
        ("proxy-zombie", True, {"verdict": Verdict.PROXY_LOST, "log": log("proxy-zombie.no")}),
        ("hub-port-taken", True, {"verdict": Verdict.PORT_TAKEN, "probes": (STRANGER,)}),
        ("memory-short", False, {"verdict": Verdict.SLOW, "available": 50_000_000}),
        ("busy", False, {"verdict": Verdict.SLOW, "load": 9.0}),
        ("certificate-expired", True, {"verdict": Verdict.WEB, "probes": (EXPIRED,)}),
        ("apache-workers", False, {"verdict": Verdict.WEB, "probes": (public(Got.SILENT),)}),
        ("web-down", True, {"verdict": Verdict.WEB, "probes": (public(Got.REFUSED),)}),
        ("name-unknown", True, {"verdict": Verdict.WEB, "probes": (public(Got.DNS),)}),
        (
            "apache-backend",
            False,
            {"verdict": Verdict.WEB, "probes": (public(Got.STATUS, status=503),)},
        ),
    ],
)
def test_what_speaks_for_a_cause(cause: str, sure: bool, what: dict[str, object]) -> None:
    named = causes.name(replace(WELL, **what))
    assert (named.cause, named.sure) == (cause, sure), named
    assert named.why


def test_of_a_web_server_that_fails_the_hubs_log_says_nothing() -> None:
    evidence = replace(
        WELL, verdict=Verdict.WEB, probes=(EXPIRED,), log=log("proxy-zombie.no"), uptime=100.0
    )
    assert causes.name(evidence).cause == "certificate-expired"


def test_an_oom_kill_before_the_last_good_check_caused_nothing_now() -> None:
    named = causes.name(replace(WELL, kernel=(OOM_HUB,)))
    assert named.cause == ""


def test_a_students_own_files_are_not_the_hubs() -> None:
    few = replace(WELL, log=log("files-hub"), hub=seen(files=40, files_limit=1024))
    assert causes.name(few).cause != "files-hub"
    assert causes.name(replace(few, hub=None)).cause == "files-hub"


def test_the_stranger_is_told_by_number_alone() -> None:
    owner = Owner(address="127.0.0.1", port=8081, uid=1006, user="", pid=77, program="nc")
    evidence = replace(WELL, verdict=Verdict.PORT_TAKEN, probes=(STRANGER,), owners=(owner,))
    assert "nc (process 77, uid 1006)" in causes.name(evidence).why[0]


def test_unsure_it_says_what_else_was_seen() -> None:
    named = causes.name(replace(WELL, log=log("normal.journal"), upgraded=("python3.11",)))
    assert named.cause == "asked"
    assert any("python3.11" in why for why in named.why)


class TestUnknown:
    def test_it_says_what_was_looked_at_in_vain(self) -> None:
        named = causes.name(replace(WELL, disks=(disk(),)))
        assert (named.cause, named.sure) == ("", False)
        text = " ".join(named.why)
        assert "killed nothing" in text
        assert "9.0 GB" in text
        assert "The hub's last line: [I 2026" in text
        assert "log_level" in named.switch_on

    def test_without_a_log_it_says_where_to_get_one(self) -> None:
        assert "hub.log in course.yaml" in causes.name(replace(WELL, log=())).switch_on

    def test_a_hub_by_hand_that_ends_without_a_word(self) -> None:
        named = causes.name(replace(WELL, unit=""))
        assert named.cause == ""
        assert "by hand" in named.why[0]
        assert "hub-unit" in named.switch_on

    @pytest.mark.parametrize(
        ("output", "cause"), [("terminal gone", "session-ended"), ("file /logs/hub.log", "killed")]
    )
    def test_a_proxy_that_is_left_tells_more(self, output: str, cause: str) -> None:
        named = causes.name(replace(WELL, unit="", proxy=seen(output=output)))
        assert (named.cause, named.sure) == (cause, False)

    def test_little_alone_names_nothing(self) -> None:
        assert causes.name(replace(WELL, upgraded=("tzdata",), load=9.0)).cause == ""


@given(
    st.builds(
        Evidence,
        verdict=st.sampled_from(Verdict),
        log=st.lists(st.text() | st.sampled_from(log("proxy-zombie.no")), max_size=9).map(tuple),
        kernel=st.lists(st.text() | st.just(OOM), max_size=3).map(tuple),
        at=st.just(AT),
        disks=st.lists(st.builds(Filesystem), max_size=3).map(tuple),
    )
)
def test_it_never_raises_and_names_what_it_knows(evidence: Evidence) -> None:
    named = causes.name(evidence)
    assert named.cause in {"", *CAUSES}
    assert all(why.isprintable() for why in named.why)
