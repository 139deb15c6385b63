"""The most likely cause, from all the evidence: each clue with its weight, the heaviest sum wins.

What says little alone (a reboot, an upgrade, short memory) tips the scales between others. Where
nothing weighs enough, that is said, with what was looked at in vain and what to switch on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import chain

from msgspec import Struct

from hubtui.names import shown
from hubtui.units import counted, megabytes
from hubtui.watchdog import causes, web
from hubtui.watchdog.catalogue import CAUSES
from hubtui.watchdog.cause import CERTAIN, HINT, LIKELY, Named
from hubtui.watchdog.records import Evidence, Got, Layer, Seen, Verdict

DECISIVE = 2 * CERTAIN
"""The machine itself says so; no line of a log weighs against it."""
JUST_STARTED = 900.0
"""Seconds since boot."""
FULL = 10_000_000
"""Bytes left on a disk below which it counts as full: SQLite and logs write more at once."""
_UNREAD = ("pipe without reader", "terminal gone")
_ABSENT = (Verdict.HUB_DEAD, Verdict.HUB_STUCK)
_LONGEST = 160


class Clue(Struct, frozen=True):
    """What speaks for a cause."""

    cause: str
    weight: int
    text: str


def name(evidence: Evidence) -> Named:
    """The most likely cause, with what speaks for it; or that nothing explains it. Never raises."""
    if evidence.verdict is Verdict.WEB:
        clues = list(_of_the_web(evidence))
    else:
        collectors = (_of_ports, _of_processes, _of_memory, _of_disks, _of_the_log, _of_the_unit)
        clues = list(chain.from_iterable(collect(evidence) for collect in collectors))
        clues += _of_the_machine(evidence)
    sums: defaultdict[str, int] = defaultdict(int)
    for clue in clues:
        sums[clue.cause] += clue.weight
    cause = max(sums, key=sums.__getitem__, default="")
    if sums[cause] < LIKELY:
        return _unknown(evidence, clues)
    sure = any(clue.weight >= CERTAIN for clue in clues if clue.cause == cause)
    why = [clue.text for clue in clues if clue.cause == cause]
    if not sure:
        why += [f"Also seen: {clue.text}" for clue in clues if clue.cause != cause]
    return Named(cause=cause, why=tuple(why), sure=sure, switch_on=CAUSES[cause].switch_on)


def _of_the_web(evidence: Evidence) -> Iterator[Clue]:
    for probe in evidence.probes:
        if probe.layer is not Layer.PUBLIC or probe.ok:
            continue
        cause, is_sure = web.cause(probe)
        if cause:
            said = f"The public address: {probe.text or probe.got}."
            yield Clue(cause, CERTAIN if is_sure else LIKELY, said)


def _of_ports(evidence: Evidence) -> Iterator[Clue]:
    for probe in evidence.probes:
        if probe.got is not Got.STRANGER:
            continue
        cause = "hub-port-taken" if probe.layer is Layer.HUB else "port-taken"
        who = f"uid {probe.uid}"
        for owner in evidence.owners:
            if owner.uid == probe.uid:
                who = f"{owner.program or 'a process'} (process {owner.pid}, uid {owner.uid})"
        yield Clue(cause, DECISIVE, f"On the {probe.layer}'s port listens {who}.")


def _of_processes(evidence: Evidence) -> Iterator[Clue]:
    hub, proxy = evidence.hub, evidence.proxy
    for what, seen in (("hub", hub), ("proxy", proxy)):
        if seen is None:
            continue
        if seen.state == "T":
            yield Clue("stopped", DECISIVE, f"The {what}'s process {seen.pid} is stopped.")
        share = _share_of_files(seen)
        if share is not None and share >= 0.95:
            text = f"The {what} has {seen.files} of its {seen.files_limit} files open."
            yield Clue(f"files-{what}", CERTAIN, text)
    if proxy is not None and evidence.verdict is Verdict.PROXY_HUNG:
        if proxy.output in _UNREAD:
            text = f"The proxy's output goes to a {proxy.output}."
            yield Clue("output-broken", DECISIVE, text)
        elif proxy.output.startswith("file ") and _is_full(evidence, proxy.output[5:]):
            text = f"The proxy writes to {shown(proxy.output[5:], 80)}, where no room is left."
            yield Clue("disk-full-log", DECISIVE, text)
    if hub is not None and evidence.verdict is Verdict.HUB_HUNG and (hub.cpu or 0) >= 0.9:
        text = f"The hub computes, with {hub.cpu:.0%} of a CPU, and does not answer."
        yield Clue("loop-blocked", LIKELY, text)
    if evidence.database_locked:
        who = shown(", ".join(evidence.database_holders), _LONGEST) or "Another process"
        yield Clue("database-locked", CERTAIN, f"{who} holds the hub's database locked.")
    if evidence.verdict is Verdict.PROXY_LOST:
        yield Clue("proxy-zombie", LIKELY, "The proxy does not know this hub.")


def _of_memory(evidence: Evidence) -> Iterator[Clue]:
    killed = _killed(evidence)
    if killed:
        text = f"The kernel killed {killed} {'process' if killed == 1 else 'processes'} for memory."
        yield Clue("oom-kernel", LIKELY, text)
        for line in evidence.kernel[-3:]:
            weight = CERTAIN if "(jupyterhub)" in line or "(node)" in line else HINT
            yield Clue("oom-kernel", weight, f"The kernel says: {line[:_LONGEST]}")
    total = evidence.total
    if total and evidence.available < total * 0.05:
        text = f"Of {megabytes(total)} memory {megabytes(evidence.available)} are left."
        yield Clue("memory-short", LIKELY, text)
    elif total and (evidence.lowest_available or total) < total * 0.05:
        text = f"In the hour before, {megabytes(evidence.lowest_available)} of memory were left."
        yield Clue("memory-short", HINT, text)
    stalled = evidence.stalled_memory or 0.0
    if stalled >= 10:
        text = f"Programs waited for memory {stalled:.0f} % of the time."
        yield Clue("memory-short", LIKELY, text)


def _of_disks(evidence: Evidence) -> Iterator[Clue]:
    for disk in evidence.disks:
        where = shown(disk.path, 80)
        if disk.read_only:
            yield Clue("disk-readonly", CERTAIN, f"The disk of {where} is read-only.")
        elif disk.free < min(FULL, disk.total / 100):
            left = megabytes(disk.free)
            yield Clue("disk-full", LIKELY, f"The disk of {where} is full: {left} are left.")
        elif disk.inodes_total and disk.inodes_free < 100:
            yield Clue("disk-full", LIKELY, f"The disk of {where} takes no more files (inodes).")


def _of_the_log(evidence: Evidence) -> Iterator[Clue]:
    hit = causes.best(evidence.log)
    if hit is not None and not _is_refuted(hit.cause, evidence):
        weight = HINT if hit.before_start else hit.weight
        line = hit.line.strip()[:_LONGEST]
        yield Clue(hit.cause, weight, f"The log says: {shown(line)}")
    if evidence.verdict not in _ABSENT or not evidence.log:
        return
    farewell = causes.farewell(evidence.log)
    if farewell:
        yield Clue("asked", LIKELY, f"The log says: {shown(farewell.strip()[:_LONGEST])}")
    elif hit is None and not evidence.unit:
        yield _silent_end(evidence)


def _silent_end(evidence: Evidence) -> Clue:
    """A terminal that closes ends hub and proxy; kill -9 one of them alone."""
    text = "The hub was started by hand, and its log ends without a word"
    if evidence.proxy is None:
        return Clue("session-ended", HINT, f"{text}; its proxy is gone, too.")
    if evidence.proxy.output in _UNREAD:
        where = evidence.proxy.output
        return Clue("session-ended", LIKELY, f"{text}; its proxy writes to a {where}.")
    return Clue("killed", LIKELY, f"{text}, while its proxy lives on.")


def _of_the_unit(evidence: Evidence) -> Iterator[Clue]:
    result, text = evidence.unit_result, f"systemd says: {evidence.unit_result}."
    if result == "oom-kill":
        hub_itself = any("(jupyterhub)" in line for line in evidence.kernel)
        yield Clue("oom-kernel" if hub_itself else "oom-unit", DECISIVE, text)
        policy = evidence.unit_settings.get("OOMPolicy")
        if policy == "stop" and not hub_itself:
            yield Clue("oom-unit", HINT, "The unit's OOMPolicy is stop.")
    elif result == "signal":
        yield Clue("killed", LIKELY if _killed(evidence) else CERTAIN, text)
    elif result == "core-dump":
        yield Clue("crashed", CERTAIN, text)
    elif result == "start-limit-hit":
        yield Clue("start-limit", LIKELY, text)


def _of_the_machine(evidence: Evidence) -> Iterator[Clue]:
    if 0 < evidence.uptime < JUST_STARTED:
        text = f"The machine was started {evidence.uptime / 60:.0f} min before."
        yield Clue("reboot", CERTAIN if evidence.verdict in _ABSENT else HINT, text)
    busy = evidence.load > 2 * evidence.cpus or (evidence.stalled_cpu or 0.0) >= 40
    if busy:
        text = f"The load was {evidence.load:.1f} on {counted(evidence.cpus, 'CPU')}."
        yield Clue("busy", LIKELY if evidence.verdict is Verdict.SLOW else HINT, text)
    if evidence.upgraded:
        names = ", ".join(evidence.upgraded[:5])
        yield Clue("upgrade", HINT, f"Upgraded in the day before: {shown(names, _LONGEST)}.")


def _unknown(evidence: Evidence, clues: list[Clue]) -> Named:
    why = [clue.text for clue in clues]
    if evidence.oom_kills is not None and not _killed(evidence):
        why.append("The kernel killed nothing for want of memory.")
    if evidence.disks and not any(clue.cause.startswith("disk-") for clue in clues):
        free = min(disk.free for disk in evidence.disks)
        why.append(f"The disks have room: at least {megabytes(free)}.")
    last = next((line for line in reversed(evidence.log) if " JupyterHub " in line), "")
    if last:
        why.append(f"The hub's last line: {shown(last.strip()[:_LONGEST])}")
    return Named(cause="", why=tuple(why), sure=False, switch_on=_switch_on(evidence))


def _switch_on(evidence: Evidence) -> str:
    if not evidence.log:
        return (
            "Nothing of the hub's log could be read: let it write to the journal (hubtui install "
            "hub-unit), or name its file as hub.log in course.yaml."
        )
    if evidence.verdict in _ABSENT and not evidence.unit:
        return "A unit would write down how the hub ended: hubtui install hub-unit"
    if evidence.uptime < JUST_STARTED:
        return CAUSES["reboot"].switch_on
    return (
        "c.JupyterHub.log_level = 'DEBUG' in the hub's configuration until it happens again; "
        "apt install atop records who uses memory and CPU."
    )


def _killed(evidence: Evidence) -> int:
    """How many processes the kernel ended for want of memory since the last good check."""
    if evidence.oom_kills is None:
        return 0
    if evidence.oom_kills_before is None:
        return min(evidence.oom_kills, len(evidence.kernel))
    return max(0, evidence.oom_kills - evidence.oom_kills_before)


def _share_of_files(seen: Seen) -> float | None:
    return seen.files / seen.files_limit if seen.files and seen.files_limit else None


def _is_refuted(cause: str, evidence: Evidence) -> bool:
    """A student's server writes the same line when its own files are used up."""
    seen = {"files-hub": evidence.hub, "files-proxy": evidence.proxy}.get(cause)
    share = _share_of_files(seen) if seen is not None else None
    return share is not None and share < 0.5


def _is_full(evidence: Evidence, path: str) -> bool:
    """Whether the filesystem of ``path`` is full, as far as the looks at disks tell."""
    holds = [disk for disk in evidence.disks if path.startswith(disk.path.rstrip("/") + "/")]
    return bool(holds) and max(holds, key=lambda disk: len(disk.path)).free < FULL
