"""What a look means. Nothing is asked or changed here: from a scene and a memory to a verdict.

The line that matters most runs between *slow* and *hung*. Forty students who log in at once on two
cores make a healthy hub answer after 5–10 s; a restart then would throw all of them out. So what
is at work is never called hung before three minutes without an answer and without a line in the
log, and a machine that is short of memory or CPU makes nothing hung at all.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from hubtui.watchdog.catalogue import CAUSES
from hubtui.watchdog.patience import Patience
from hubtui.watchdog.records import Got, Layer, Memory, Probe, Scene, Seen, Verdict

_GATEWAY = (502, 503, 504, 404)
"""What a proxy answers that does not find the hub, or does not know it."""

_GAP = 300.0
"""Seconds from one look to the next, on a machine that is late with everything."""
UNREAD = ("pipe without reader", "terminal gone")
"""Outputs that nobody takes any more: facts on configurable-http-proxy 388, 434."""


class Judged(Struct, frozen=True, kw_only=True):
    """What a look means, and how sure that is."""

    verdict: Verdict
    text: str
    """A sentence."""
    do: str = ""
    sure: bool = True
    """False: look again before anything is done."""
    cause: str = ""
    """Of catalogue.CAUSES, where the look itself says it."""
    taken_by: int | None = None
    """The uid of a stranger; a name is said on the screen alone."""


def judge(scene: Scene, memory: Memory, patience: Patience) -> tuple[Judged, Memory]:
    """What the scene means; with what the next look has to know of this one."""
    memory = _remembered(scene, memory)
    strangers = [probe for probe in scene.probes.values() if probe.got is Got.STRANGER]
    if strangers:
        return _taken(scene, strangers[0]), memory
    hub = scene.probes[Layer.HUB]
    if _students_get_in(scene) and not _leads_there(scene):
        return _wrong_address(scene), memory
    if hub.ok:
        return _hub_well(scene, memory, patience), memory
    if hub.got is Got.SILENT:
        return _hub_silent(scene, memory, patience), memory
    if hub.got is Got.REFUSED or scene.hub is None:
        return _hub_closed(scene, memory, patience), memory
    text = f"The hub's own port does not answer as a hub does: {hub.text}."
    return Judged(verdict=Verdict.FAILING, text=text, do="Look at its log, and at hub.api."), memory


def _students_get_in(scene: Scene) -> bool:
    """Whether what students open leads to a JupyterHub, or the proxy does; then no hub is dead,
    whatever else says.

    A wrong address in course.yaml would make the watchdog restart a healthy hub for ever.
    """
    public = scene.probes.get(Layer.PUBLIC)
    hub, chain = scene.probes[Layer.HUB], scene.probes[Layer.CHAIN]
    return (hub.got is Got.REFUSED and chain.ok) or (public is not None and public.ok)


def _leads_there(scene: Scene) -> bool:
    """Whether hub and proxy can be asked at all, be they well or not."""
    asked = (scene.probes[Layer.HUB], scene.probes[Layer.PROXY])
    return all(probe.got is not Got.REFUSED for probe in asked)


def _wrong_address(scene: Scene) -> Judged:
    layer = Layer.PROXY if scene.probes[Layer.HUB].ok else Layer.HUB
    key = "hub.proxy" if layer is Layer.PROXY else "hub.api"
    return Judged(
        verdict=Verdict.FAILING,
        text=f"Students get in, but nobody listens where {key} in course.yaml says.",
        do=f"Set {key} to the {layer}'s own address: hubtui doctor",
    )


def _remembered(scene: Scene, memory: Memory) -> Memory:
    hub, proxy, chain = (scene.probes[layer] for layer in (Layer.HUB, Layer.PROXY, Layer.CHAIN))
    silent = proxy.got in (Got.SILENT, Got.BROKEN)
    gone = proxy.got is Got.REFUSED and hub.ok
    answers = proxy.got in (Got.OK, Got.STATUS)
    lost = hub.ok and answers and chain.got is Got.STATUS and chain.status in _GATEWAY
    closed = scene.hub is not None and hub.got is Got.REFUSED
    return replace(
        memory,
        answered=scene.at if hub.ok else memory.answered,
        hub_silent=_row(memory.hub_silent, scene.at) if hub.got is Got.SILENT else (),
        proxy_silent=_row(memory.proxy_silent, scene.at) if silent else (),
        proxy_gone=(memory.proxy_gone or scene.at) if gone else None,
        proxy_seen=memory.proxy_seen or proxy.ok,
        lost=_row(memory.lost, scene.at) if lost else (),
        stuck=memory.stuck + 1 if closed else 0,
        oom_kills=scene.machine.oom_kills if hub.ok else memory.oom_kills,
    )


def _row(before: tuple[datetime, ...], at: datetime) -> tuple[datetime, ...]:
    """The looks in a row: the first and the last nine. What nobody looked at is no row: the
    machine slept, or the timer stood still."""
    if before and (at - before[-1]).total_seconds() > _GAP:
        return (at,)
    return (*before, at) if len(before) < 10 else (before[0], *before[2:], at)


def _hub_well(scene: Scene, memory: Memory, patience: Patience) -> Judged:
    proxy, chain = scene.probes[Layer.PROXY], scene.probes[Layer.CHAIN]
    if proxy.got is Got.REFUSED:
        return _proxy_gone(scene, memory, patience)
    if proxy.got in (Got.TLS, Got.DNS):
        return _proxy_by_name(scene)
    if not proxy.ok and proxy.got is not Got.STATUS:
        return _proxy_silent(scene, memory, patience)
    if chain.got is Got.STATUS and chain.status in _GATEWAY:
        return _proxy_lost(scene, memory, chain, patience)
    if not chain.ok and chain.got is not Got.SILENT:
        text = f"Hub and proxy are up, but the log-in page does not work: {chain.text}."
        return Judged(verdict=Verdict.FAILING, text=text, do="Look at the hub's log.")
    if scene.signs:
        cause = CAUSES[scene.signs[0]]
        return Judged(
            verdict=Verdict.FAILING, text=cause.sentence, do=cause.do, cause=scene.signs[0]
        )
    limit = patience.late * 1000
    late = [p for p in scene.probes.values() if p.layer is not Layer.PUBLIC and p.ms >= limit]
    if late:
        slowest = max(late, key=lambda probe: probe.ms)
        name = "log-in page" if slowest.layer is Layer.CHAIN else slowest.layer
        wait = "no answer within" if slowest.got is Got.SILENT else "an answer after"
        return _slow(scene, f"The {name}: {wait} {slowest.ms / 1000:.0f} s.", patience)
    return _public(scene)


def _public(scene: Scene) -> Judged:
    public = scene.probes.get(Layer.PUBLIC)
    if public is None or public.ok:
        return Judged(verdict=Verdict.UP, text=_well(scene, public))
    do, cause = "Look: systemctl status apache2 nginx; journalctl -u apache2 -n 50", ""
    if public.got is Got.TLS:
        do, cause = "Renew the certificate: certbot renew", "certificate-expired"
        if "expired" not in public.text:
            do, cause = "Look at the certificate and its chain: certbot certificates", ""
    elif public.got is Got.DNS:
        do = "Look at the name server and at the domain: getent hosts NAME"
    elif public.got is Got.SILENT:
        do = "If all workers of Apache are taken, raise MaxRequestWorkers: hubtui watchdog causes"
        cause = "apache-workers"
    text = f"Hub and proxy are up, but what students open is not: {public.text}."
    return Judged(verdict=Verdict.WEB, text=text, do=do, cause=cause)


def _well(scene: Scene, public: Probe | None) -> str:
    hub = scene.probes[Layer.HUB]
    text = f"All is well: the hub answers in {hub.ms:.0f} ms."
    if public is not None and public.days_left is not None and public.days_left < 20:
        text += f" The certificate ends in {max(0.0, public.days_left):.0f} days."
    return text


def _proxy_gone(scene: Scene, memory: Memory, patience: Patience) -> Judged:
    if _is_young(scene.hub, patience.grace):
        return _starting("The hub is starting: its proxy does not listen yet.")
    if scene.probes[Layer.CHAIN].got is Got.OK:
        return Judged(verdict=Verdict.PROXY_DEAD, text="The proxy comes back.", sure=False)
    if not memory.proxy_seen and Layer.PUBLIC not in scene.probes:
        # Without hub.url nothing says that there ever was a proxy at this address.
        return Judged(
            verdict=Verdict.FAILING,
            text="The hub is up, but nobody listens where hub.proxy in course.yaml says.",
            do="Is that its address? hubtui doctor; if it is: hubtui watchdog restart",
        )
    since = (scene.at - (memory.proxy_gone or scene.at)).total_seconds()
    return Judged(
        verdict=Verdict.PROXY_DEAD,
        text="The hub is up, but its proxy is gone: nobody reaches it.",
        do="The hub starts a new one by itself within seconds; else restart the hub.",
        sure=since >= patience.gone_proxy,
    )


def _proxy_by_name(scene: Scene) -> Judged:
    """A proxy with https and a name: what is wrong with those no restart cures."""
    public = scene.probes.get(Layer.PUBLIC)
    if public is not None and not public.ok:
        return _public(scene)
    return Judged(
        verdict=Verdict.FAILING,
        text=f"The proxy cannot be asked where hub.proxy says: {scene.probes[Layer.PROXY].text}.",
        do="Look at its certificate and its name, or set hub.proxy: hubtui doctor",
    )


def _proxy_silent(scene: Scene, memory: Memory, patience: Patience) -> Judged:
    row, proxy = memory.proxy_silent, scene.proxy
    lasted = _lasted(row)
    enough = len(row) >= patience.hung_looks and lasted >= patience.hung_proxy
    why, cause = _hanging(proxy, patience)
    idle = proxy is not None and proxy.cpu is not None and proxy.cpu < patience.idle
    if not why and idle and lasted >= patience.idle_proxy and not _is_pressed(scene, patience):
        why = f"it has done nothing for {_minutes(lasted)}"
    if why:
        return Judged(
            verdict=Verdict.PROXY_HUNG,
            text=f"The hub is up, but its proxy does not answer: {why}.",
            do="Restart the proxy, and the hub with an output that somebody reads.",
            sure=enough,
            cause=cause,
        )
    if _is_pressed(scene, patience) or (proxy is not None and (proxy.cpu or 0) >= patience.working):
        return _slow(scene, "The proxy answers late.", patience)
    return Judged(
        verdict=Verdict.PROXY_HUNG,
        text="The hub is up, but its proxy has not answered.",
        do="It is looked at again.",
        sure=False,
    )


def _hanging(proxy: Seen | None, patience: Patience) -> tuple[str, str]:
    """What says that a silent proxy will not answer any more; with the cause."""
    if proxy is None:
        return "", ""
    if proxy.output in UNREAD:
        return f"its output goes to a {proxy.output}", "output-broken"
    if proxy.state == "T":
        return "its process is stopped", "stopped"
    if proxy.cpu is not None and proxy.cpu >= patience.spinning:
        return f"it spins, with {proxy.cpu:.0%} of a CPU", ""
    return "", ""


def _proxy_lost(scene: Scene, memory: Memory, chain: Probe, patience: Patience) -> Judged:
    if _is_young(scene.hub, patience.grace) or _is_young(scene.proxy, 30):
        return _starting("The hub is starting: its proxy does not lead to it yet.")
    row = memory.lost
    sure = len(row) >= patience.hung_looks and _lasted(row) >= patience.hung_proxy
    return Judged(
        verdict=Verdict.PROXY_LOST,
        text=f"Hub and proxy are up, but the proxy does not lead to the hub ({chain.status}).",
        do="Restart the hub: it tells its proxy the way anew.",
        sure=sure,
        cause="proxy-zombie" if sure else "",
    )


def _hub_silent(scene: Scene, memory: Memory, patience: Patience) -> Judged:
    if _is_young(scene.hub, patience.grace):
        return _starting("The hub is starting.")
    row = memory.hub_silent
    # Not since its last answer alone: perhaps nobody asked for hours, and at night it logs nothing.
    hub = scene.hub
    # What is stopped waits for nothing, and the lines in its log are students'.
    stopped = hub is not None and hub.state == "T"
    logged = None if stopped else memory.logged
    signs_of_life = [at for at in (memory.answered, logged, row[0]) if at is not None]
    quiet = (scene.at - max(signs_of_life)).total_seconds()
    own = (hub.cpu or 0.0) if hub is not None else 0.0
    if quiet >= patience.hung_hub and len(row) >= patience.hung_looks:
        if not stopped and _is_pressed(scene, patience) and own < patience.spinning:
            return _slow(scene, f"The hub has not answered for {_minutes(quiet)}.", patience)
        why = "its process is stopped" if stopped else "no answer and no line in its log"
        return Judged(
            verdict=Verdict.HUB_HUNG,
            text=f"The hub hangs: {why} for {_minutes(quiet)}.",
            do="Restart the hub.",
            cause="stopped" if stopped else "",
        )
    fresh = scene.log_age is not None and scene.log_age < patience.fresh_log
    if not stopped and (own >= patience.working or fresh or _is_pressed(scene, patience)):
        return _slow(scene, "The hub has not answered in time.", patience)
    return Judged(
        verdict=Verdict.HUB_HUNG,
        text="The hub has not answered in time, and does nothing.",
        do="It is looked at again; after three minutes it is restarted.",
        sure=False,
    )


def _hub_closed(scene: Scene, memory: Memory, patience: Patience) -> Judged:
    if scene.hub is not None:
        if _is_young(scene.hub, patience.grace):
            return _starting("The hub is starting: its port is not open yet.")
        return Judged(
            verdict=Verdict.HUB_STUCK,
            text=f"The hub's process {scene.hub.pid} is there, but its port is closed.",
            do="Restart the hub.",
            sure=memory.stuck >= patience.stuck_looks,
        )
    if scene.machine.uptime < patience.grace:
        return _starting("The machine has just started; the hub is not there yet.")
    return Judged(
        verdict=Verdict.HUB_DEAD,
        text="The hub is gone: no process, and nobody on its port.",
        do="Restart the hub.",
    )


def _taken(scene: Scene, probe: Probe) -> Judged:
    port = "hub's" if probe.layer is Layer.HUB else "proxy's"
    return Judged(
        verdict=Verdict.PORT_TAKEN,
        text=f"The {port} port is taken: {probe.text}.",
        do=_whose(probe),
        cause="port-taken",
        taken_by=probe.uid,
    )


def _whose(probe: Probe) -> str:
    end = "End that process, then restart the hub."
    if probe.layer is Layer.HUB and probe.uid is not None and 0 < probe.uid < 1000:
        return f"If that is your hub, set hub.uid: {probe.uid} in course.yaml. Else: {end.lower()}"
    return end


def _starting(text: str) -> Judged:
    return Judged(verdict=Verdict.STARTING, text=text)


def _slow(scene: Scene, text: str, patience: Patience) -> Judged:
    """Never restarted: say what it waits for."""
    numbers = scene.machine
    short = _is_short(scene, patience)
    why = "memory is short" if short else f"load {numbers.load:.1f} on {numbers.cpus} CPUs"
    do = "Stop idle servers: hubtui accounts" if short else "Wait: it is at work."
    cause = "memory-short" if short else ""
    return Judged(verdict=Verdict.SLOW, text=f"{text} It is at work: {why}.", do=do, cause=cause)


def _is_pressed(scene: Scene, patience: Patience) -> bool:
    """Whether the machine is so busy that anything on it may be late."""
    numbers = scene.machine
    return (
        numbers.load > patience.load * numbers.cpus
        or (numbers.stalled_cpu or 0.0) >= patience.stalled_cpu
        or _is_short(scene, patience)
    )


def _is_short(scene: Scene, patience: Patience) -> bool:
    """Whether memory is what it waits for."""
    numbers = scene.machine
    stalled = (numbers.stalled_memory or 0.0) >= patience.stalled_memory
    return stalled or numbers.available < numbers.total * patience.short


def _is_young(process: Seen | None, grace: float) -> bool:
    return process is not None and process.age < grace


def _lasted(row: tuple[datetime, ...]) -> float:
    return (row[-1] - row[0]).total_seconds() if row else 0.0


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
