"""What a look means. Nothing is asked or changed here: from a scene and a memory to a verdict.

The line that matters most runs between *slow* and *hung*. Forty students who log in at once on two
cores make a healthy hub answer after 5–10 s; a restart then would throw all of them out. So what
is at work is never called hung before three minutes without an answer and without a line in the
log, and a machine that is short of memory or CPU makes nothing hung at all.
"""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from hubtui.watchdog import judging_proxy, web
from hubtui.watchdog.catalogue import CAUSES
from hubtui.watchdog.judged import Judged, is_young, minutes, slow, starting
from hubtui.watchdog.patience import Patience
from hubtui.watchdog.pressure import has_used_up_its_files, is_pressed
from hubtui.watchdog.records import AWAY, Got, Layer, Memory, Probe, Scene, Verdict

_RENEWED = 20.0
"""Days before its end by which a certificate should have been: certbot does so at 30."""
_NO_ANSWER = (Got.SILENT, Got.BROKEN)
_FINE = (Got.OK, Got.UNASKED)
_THERE = (Got.OK, Got.STATUS, Got.TLS, Got.UNASKED)
"""What is no word against the proxy."""
_IN_THE_WAY = AWAY - {Verdict.WEB, Verdict.PORT_TAKEN}
"""What cannot be while students get in."""

_GAP = 300.0
"""Seconds from one look to the next, on a machine that is late with everything."""


def judge(scene: Scene, memory: Memory, patience: Patience) -> tuple[Judged, Memory]:
    """What the scene means; with what the next look has to know of this one."""
    memory = _remembered(scene, memory)
    return _not_against(scene, _judged(scene, memory, patience)), memory


def _judged(scene: Scene, memory: Memory, patience: Patience) -> Judged:
    strangers = [probe for probe in scene.probes.values() if probe.got is Got.STRANGER]
    if strangers:
        return _taken(scene, strangers[0])
    hub = scene.probes[Layer.HUB]
    if _students_get_in(scene) and not _leads_there(scene):
        return _wrong_address(scene)
    if hub.ok:
        return _hub_well(scene, memory, patience)
    if hub.got is Got.SILENT:
        return _hub_silent(scene, memory, patience)
    if hub.got is Got.REFUSED or (hub.got is Got.BROKEN and scene.hub is None):
        return _hub_closed(scene, memory, patience)
    if hub.got is Got.UNASKED:
        text = f"The hub cannot be looked at: {hub.text}."
        return Judged(verdict=Verdict.UNKNOWN, text=text, do="See hub.api in course.yaml.")
    return _hub_odd(scene, memory, hub, patience)


def _not_against(scene: Scene, judged: Judged) -> Judged:
    """Whoever gets in is not thrown out, whatever else is silent."""
    if judged.verdict not in _IN_THE_WAY or not _students_get_in(scene):
        return judged
    text = f"{judged.text} Yet what students open works: nothing is restarted."
    return replace(judged, text=text, do="See hub.api and hub.proxy: hubtui doctor", sure=False)


def _students_get_in(scene: Scene) -> bool:
    """Whether the hub itself answers them, there or by the proxy though its own port is closed;
    then nothing is dead, whatever else says.

    A wrong address in course.yaml would make the watchdog restart a healthy hub for ever.
    """
    public = scene.probes.get(Layer.PUBLIC)
    hub, chain = scene.probes[Layer.HUB], scene.probes[Layer.CHAIN]
    by_proxy = hub.got is Got.REFUSED and chain.ok
    return by_proxy or (public is not None and public.by_hub)


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
    silent = proxy.got in _NO_ANSWER
    gone = proxy.got is Got.REFUSED and hub.ok
    lost = hub.ok and proxy.got in _THERE and judging_proxy.is_lost(chain)
    closed = scene.hub is not None and hub.got is Got.REFUSED
    public = scene.probes.get(Layer.PUBLIC)
    shut = hub.ok and proxy.got in _THERE and public is not None and public.got not in _FINE
    return replace(
        memory,
        answered=scene.at if hub.ok else memory.answered,
        hub_silent=_row(memory.hub_silent, scene.at) if hub.got in _NO_ANSWER else (),
        proxy_silent=_row(memory.proxy_silent, scene.at) if silent else (),
        proxy_gone=(memory.proxy_gone or scene.at) if gone else None,
        proxy_seen=memory.proxy_seen or proxy.got in (Got.OK, Got.STATUS),
        web=memory.web + 1 if shut else 0,
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
        return judging_proxy.gone(scene, memory, patience)
    if proxy.got not in _THERE:
        return judging_proxy.silent(scene, memory, patience)
    if judging_proxy.is_lost(chain):
        return judging_proxy.lost(scene, memory, chain, patience)
    if chain.got not in (Got.OK, Got.SILENT, Got.TLS, Got.UNASKED):
        text = f"Hub and proxy are up, but the log-in page does not work: {chain.text}."
        return Judged(verdict=Verdict.FAILING, text=text, do="Look at the hub's log.")
    late = _late(scene, patience)
    public = scene.probes.get(Layer.PUBLIC)
    if public is not None and public.got not in _FINE and late is None:
        return _public(public, memory, patience)
    if scene.signs:  # last among what is wrong: any student can write such a line into the log
        cause = CAUSES[scene.signs[0]]
        return Judged(
            verdict=Verdict.FAILING, text=cause.sentence, do=cause.do, cause=scene.signs[0]
        )
    if late is not None:
        return _late_answer(scene, late, patience)
    return _well(scene, public)


def _late(scene: Scene, patience: Patience) -> Probe | None:
    """The latest of the answers that are late.

    A public address that is silent comes last, after redirects, and runs out of time first: where
    all else is slow, or the machine busy, that says nothing of the web server.
    """
    own = [probe for probe in scene.probes.values() if probe.layer is not Layer.PUBLIC]
    late = [p for p in own if p.got is Got.SILENT or p.ms >= patience.late * 1000]
    brisk = all(probe.ms < patience.brisk * 1000 for probe in own)
    public = scene.probes.get(Layer.PUBLIC)
    silent = public is not None and public.got is Got.SILENT
    if public is not None and silent and (not brisk or is_pressed(scene, patience)):
        late.append(public)
    return max(late, key=lambda probe: probe.ms, default=None)


def _late_answer(scene: Scene, late: Probe, patience: Patience) -> Judged:
    own = scene.hub.cpu if scene.hub is not None else None
    # A share of the last minute: who began to work ten seconds ago has done little in it.
    idle = own is not None and own < patience.idle and not is_pressed(scene, patience)
    if late.layer is Layer.CHAIN and late.got is Got.SILENT and idle:
        text = "Hub and proxy are up, but the log-in page does not answer."
        return Judged(verdict=Verdict.FAILING, text=text, do="Look at the hub's log.")
    name = "log-in page" if late.layer is Layer.CHAIN else late.layer
    wait = "no answer within" if late.got is Got.SILENT else "an answer after"
    return slow(scene, f"The {name}: {wait} {late.ms / 1000:.0f} s.", patience)


def _public(public: Probe, memory: Memory, patience: Patience) -> Judged:
    cause, _ = web.cause(public)
    return Judged(
        verdict=Verdict.WEB,
        text=f"Hub and proxy are up, but what students open is not: {public.text}.",
        do=CAUSES[cause].do if cause else "See the web server: journalctl -u apache2 -n 50",
        sure=memory.web >= patience.web_looks,
        cause=cause,
    )


def _well(scene: Scene, public: Probe | None) -> Judged:
    hub = scene.probes[Layer.HUB]
    text = f"All is well: the hub answers in {hub.ms:.0f} ms."
    days = public.days_left if public is not None else None
    if days is None or days >= _RENEWED:
        return Judged(verdict=Verdict.UP, text=text)
    left = f"{days:.0f} days" if days >= 2 else f"{max(0.0, days) * 24:.0f} hours"
    text += f" The certificate ends in {left}."
    return Judged(verdict=Verdict.UP, text=text, do="Renew the certificate: certbot renew")


def _hub_silent(scene: Scene, memory: Memory, patience: Patience) -> Judged:
    if is_young(scene.hub, patience.grace):
        return starting("The hub is starting.")
    row = memory.hub_silent
    # Not since its last answer alone: nobody may have asked for hours, and nights are quiet.
    hub = scene.hub
    used_up = has_used_up_its_files(hub)
    # What is stopped waits for nothing, and the lines in its log are students'.
    stopped = hub is not None and hub.state == "T"
    # Without files it writes of nothing else, for ever.
    excused = (scene.at - row[0]).total_seconds() < patience.excuse
    logged = memory.logged if excused and not used_up and not stopped else None
    signs_of_life = [at for at in (memory.answered, logged, row[0]) if at is not None]
    quiet = (scene.at - max(signs_of_life)).total_seconds()
    own = (hub.cpu or 0.0) if hub is not None else 0.0
    if quiet >= patience.hung_hub and len(row) >= patience.hung_looks:
        at_work = hub is not None and (hub.state in "RD" or own > patience.idle)
        waits = excused or at_work  # a hub that does nothing for so long waits for no CPU
        if waits and not stopped and is_pressed(scene, patience) and own < patience.spinning:
            return slow(scene, f"The hub has not answered for {minutes(quiet)}.", patience)
        log = "all its files are open" if used_up else "no line in its log"
        return Judged(
            verdict=Verdict.HUB_HUNG,
            text=f"The hub hangs: no answer for {minutes(quiet)}, and {log}.",
            do="Restart the hub.",
            cause="files-hub" if used_up else "stopped" if stopped else "",
        )
    fresh = scene.log_age is not None and scene.log_age < patience.fresh_log
    if not stopped and (own >= patience.working or fresh or is_pressed(scene, patience)):
        return slow(scene, "The hub has not answered in time.", patience)
    return Judged(
        verdict=Verdict.HUB_HUNG,
        text="The hub has not answered in time, and does nothing.",
        do="It is looked at again; after three minutes it is restarted.",
        sure=False,
    )


def _hub_odd(scene: Scene, memory: Memory, hub: Probe, patience: Patience) -> Judged:
    """An answer that is none of a hub's. One that is just being killed hangs up like that."""
    if is_young(scene.hub, patience.grace):
        return starting("The hub is starting.")
    text = f"The hub's own port does not answer as a hub does: {hub.text}."
    if hub.got is Got.BROKEN and len(memory.hub_silent) < patience.hung_looks:
        do = "It is looked at again."
        return Judged(verdict=Verdict.HUB_HUNG, text=text, do=do, sure=False)
    return Judged(verdict=Verdict.FAILING, text=text, do="Look at its log, and at hub.api.")


def _hub_closed(scene: Scene, memory: Memory, patience: Patience) -> Judged:
    if scene.hub is not None:
        if is_young(scene.hub, patience.grace):
            return starting("The hub is starting: its port is not open yet.")
        return Judged(
            verdict=Verdict.HUB_STUCK,
            text=f"The hub's process {scene.hub.pid} is there, but its port is closed.",
            do="Restart the hub.",
            sure=memory.stuck >= patience.stuck_looks,
        )
    if scene.machine.uptime < patience.grace:
        return starting("The machine has just started; the hub is not there yet.")
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
