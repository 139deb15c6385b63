"""What a look means, from scenes that no test can wait for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from hubtui.errors import HubImpostor
from hubtui.server.machine import Numbers
from hubtui.watchdog import probes, scene
from hubtui.watchdog.hublog import Place
from hubtui.watchdog.patience import Patience
from hubtui.watchdog.records import Got, Layer, Memory, Probe, Scene, Seen, Verdict
from hubtui.watchdog.verdict import judge

AT = datetime(2026, 11, 25, 9, 22, tzinfo=UTC)
CALM = Numbers(
    available=2 << 30,
    total=4 << 30,
    swap_free=0,
    swap_total=0,
    load=0.1,
    cpus=2,
    stalled_memory=0.0,
    stalled_cpu=0.0,
    uptime=1e6,
    oom_kills=0,
)
HUB = Seen(pid=700, uid=0, program="jupyterhub", state="S", age=1e5, cpu=0.0)
PROXY = Seen(pid=800, uid=0, program="configurable-http-proxy", state="S", age=1e5, cpu=0.0)


def seen(hub: Got, proxy: Got = Got.OK, chain: Got = Got.OK, numbers: Numbers = CALM) -> Scene:
    """A look without a public address; hub and proxy are there as processes."""
    answers = {Layer.HUB: hub, Layer.PROXY: proxy, Layer.CHAIN: chain}
    found = {layer: Probe(layer=layer, got=got, ms=3.0) for layer, got in answers.items()}
    return Scene(at=AT, probes=found, hub=HUB, proxy=PROXY, machine=numbers)


def test_a_hub_that_the_proxy_leads_to_is_not_dead_though_its_port_is_another() -> None:
    judged, _ = judge(seen(Got.REFUSED), Memory(stuck=5), Patience())
    assert judged.verdict is Verdict.FAILING
    assert "hub.api" in judged.text


def test_a_hub_that_nobody_leads_to_and_whose_port_is_closed_is_stuck() -> None:
    judged, _ = judge(seen(Got.REFUSED, chain=Got.STATUS), Memory(stuck=5), Patience())
    assert judged.verdict is Verdict.HUB_STUCK


def test_a_stranger_who_left_is_not_named() -> None:
    error = HubImpostor("Port 8081 of 127.0.0.1 is held by uid 20001 (ada), not by the hub's uid 0")
    assert "ada" not in probes._failed(Layer.HUB, error).text


def test_a_line_from_the_future_is_no_sign_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        "[I 2026-11-25 09:10:00.123 JupyterHub app:1] true",
        "[I 9999-12-31 23:59:59.123 JupyterHub app:1] a student's",
        "[I 0001-01-01 00:00:00.123 JupyterHub app:1] a student's",
    ]
    monkeypatch.setattr("hubtui.watchdog.hublog.tail", lambda *_: lines)
    monkeypatch.setenv("TZ", "America/New_York")
    journal = Place(unit="jupyterhub.service")
    logged = scene._logged(journal, [], Memory(), AT, silent=True)
    assert logged is not None
    assert logged < AT


@pytest.mark.parametrize("load", [0.1, 6.0])
@pytest.mark.parametrize("logged", [None, AT])
def test_a_stopped_hub_is_not_at_work_whatever_students_do(
    load: float, logged: datetime | None
) -> None:
    looks = tuple(AT - timedelta(minutes=minutes) for minutes in (5, 4, 3, 2, 1))
    memory = Memory(hub_silent=looks, answered=AT - timedelta(minutes=6), logged=logged)
    stopped = replace(
        seen(Got.SILENT, numbers=replace(CALM, load=load)),
        hub=replace(HUB, state="T"),
        log_age=1.0 if logged else None,
    )
    judged, _ = judge(stopped, memory, Patience())
    assert (judged.verdict, judged.sure) == (Verdict.HUB_HUNG, True)


def test_time_in_which_nobody_looked_makes_nothing_hung() -> None:
    before = AT - timedelta(hours=5)
    memory = Memory(answered=before, hub_silent=(before,))
    for seconds in (0, 10, 30):
        look = replace(seen(Got.SILENT), at=AT + timedelta(seconds=seconds))
        judged, memory = judge(look, memory, Patience())
        assert not judged.sure
