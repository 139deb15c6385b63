"""Looks at a hub as the watchdog sees them, made by hand: all is well unless a test says else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from hubtui.server.machine import Numbers
from hubtui.watchdog.records import Got, Layer, Probe, Scene, Seen

AT = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
MACHINE = Numbers(
    available=2_000_000_000,
    total=4_000_000_000,
    swap_free=0,
    swap_total=0,
    load=0.3,
    cpus=2,
    stalled_memory=0.0,
    stalled_cpu=0.0,
    uptime=1e6,
    oom_kills=0,
)
BUSY = replace(MACHINE, load=9.0)
HUB = Seen(pid=100, uid=0, program="jupyterhub", state="S", age=1e5, cpu=0.01)
PROXY = Seen(pid=200, uid=0, program="node", state="S", age=1e5, cpu=0.01, output="journal")


def answers(**got: Got | int | Probe) -> dict[Layer, Probe]:
    """Four good answers, but for those given: a Got, a status, or the whole probe, by layer."""
    found = {
        layer: Probe(layer=layer, got=Got.OK, ms=5.0, status=200, by_hub=layer is Layer.PUBLIC)
        for layer in Layer
    }
    for name, what in got.items():
        layer = Layer(name)
        if isinstance(what, int):
            what = Probe(layer=layer, got=Got.STATUS, status=what, text=f"it answers {what}")
        elif isinstance(what, Got):
            what = Probe(layer=layer, got=what, ms=10_000.0 if what is Got.SILENT else 1.0)
        found[layer] = what
    return found


def scene(
    *,
    after: float = 0.0,
    seen_hub: Seen | None = HUB,
    seen_proxy: Seen | None = PROXY,
    machine: Numbers = MACHINE,
    without: tuple[Layer, ...] = (),
    log_age: float | None = None,
    signs: tuple[str, ...] = (),
    **got: Any,
) -> Scene:
    """One look, ``after`` seconds from AT; whom else it asked by name, as in ``answers``."""
    probes = {layer: probe for layer, probe in answers(**got).items() if layer not in without}
    return Scene(
        at=AT + timedelta(seconds=after),
        probes=probes,
        hub=seen_hub,
        proxy=seen_proxy,
        machine=machine,
        log_age=log_age,
        signs=signs,
    )
