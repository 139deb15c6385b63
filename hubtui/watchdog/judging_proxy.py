"""What a look at the proxy means, while its hub is well: gone, silent, or astray."""

from __future__ import annotations

from hubtui.server.hubprocess import NO_ROOM
from hubtui.watchdog.judged import Judged, is_young, lasted, minutes, slow, starting
from hubtui.watchdog.patience import Patience
from hubtui.watchdog.pressure import is_pressed
from hubtui.watchdog.records import GATEWAY, Got, Layer, Memory, Probe, Scene, Seen, Verdict

_UNREAD = ("pipe without reader", "terminal gone")
"""Outputs that nobody takes any more: configurable-http-proxy 388, 434."""


def gone(scene: Scene, memory: Memory, patience: Patience) -> Judged:
    """Nobody listens on the proxy's port."""
    if is_young(scene.hub, patience.grace):
        return starting("The hub is starting: its proxy does not listen yet.")
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


def silent(scene: Scene, memory: Memory, patience: Patience) -> Judged:
    """It listens, and does not answer."""
    if is_young(scene.hub, patience.grace):
        return starting("The hub is starting: its proxy does not answer yet.")
    row, proxy = memory.proxy_silent, scene.proxy
    past = lasted(row)
    enough = len(row) >= patience.hung_looks and past >= patience.hung_proxy
    why, cause = _hanging(proxy, patience)
    idle = proxy is not None and proxy.cpu is not None and proxy.cpu < patience.idle
    if not why and idle and past >= patience.idle_proxy and not is_pressed(scene, patience):
        why = f"it has done nothing for {minutes(past)}"
    if why:
        return Judged(
            verdict=Verdict.PROXY_HUNG,
            text=f"The hub is up, but its proxy does not answer: {why}.",
            do="Restart the proxy, and the hub with an output that it can write to.",
            sure=enough,
            cause=cause,
        )
    if is_pressed(scene, patience) or (proxy is not None and (proxy.cpu or 0) >= patience.working):
        return slow(scene, "The proxy answers late.", patience)
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
    why, cause = broken_output(proxy)
    if why:
        return why, cause
    if proxy.state == "T":
        return "its process is stopped", "stopped"
    if proxy.cpu is not None and proxy.cpu >= patience.spinning:
        return f"it spins, with {proxy.cpu:.0%} of a CPU", ""
    return "", ""


def broken_output(proxy: Seen) -> tuple[str, str]:
    """What keeps it from writing its log, with the cause: it then writes errors about errors."""
    if proxy.output in _UNREAD:
        return f"its output goes to a {proxy.output}", "output-broken"
    if proxy.room is not None and proxy.room < NO_ROOM:
        return "no room is left on the disk of its log", "disk-full-log"
    return "", ""


def lost(scene: Scene, memory: Memory, chain: Probe, patience: Patience) -> Judged:
    """It answers, but does not lead to the hub."""
    if is_young(scene.hub, patience.grace) or is_young(scene.proxy, 30):
        return starting("The hub is starting: its proxy does not lead to it yet.")
    if chain.ms >= patience.brisk * 1000 and is_pressed(scene, patience):
        # One that does not know the way says so at once; this one waited for the hub in vain.
        return slow(scene, "The proxy had no answer of the hub in time.", patience)
    row = memory.lost
    sure = len(row) >= patience.hung_looks and lasted(row) >= patience.hung_proxy
    return Judged(
        verdict=Verdict.PROXY_LOST,
        text=f"Hub and proxy are up, but the proxy does not lead to the hub ({chain.status}).",
        do="Restart the hub: it tells its proxy the way anew.",
        sure=sure,
        cause="proxy-zombie" if sure else "",
    )


def is_lost(chain: Probe) -> bool:
    """Whether the proxy does not find the hub; what the hub itself says is another matter."""
    return chain.got is Got.STATUS and chain.status in GATEWAY and not chain.by_hub
