"""Evidence as a person reads it: sections of lines, the same on the screen and in the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from hubtui.names import shown
from hubtui.server.machine import Filesystem
from hubtui.units import counted, megabytes
from hubtui.watchdog.records import Evidence, Owner, Probe, Seen


class Section(Struct, frozen=True):
    """A heading and its lines, safe to show."""

    title: str
    lines: tuple[str, ...]


def sections(evidence: Evidence) -> list[Section]:
    """What was seen, what matters most first; a section of which nothing is known is left out."""
    found = {
        "Answers": (_probe(probe) for probe in evidence.probes),
        "Processes": _processes(evidence),
        "Memory": _memory(evidence),
        "Kernel": evidence.kernel,
        "Disks": (_disk(disk) for disk in evidence.disks),
        "Database": _database(evidence),
        "Ports": (_owner(owner) for owner in evidence.owners),
        "Unit": _unit(evidence),
        "Machine": _machine(evidence),
        "Not looked at": evidence.missing,
        f"Log: {shown(evidence.log_place, 120)}": evidence.log,
    }
    whole = (Section(title, tuple(shown(line) for line in lines)) for title, lines in found.items())
    return [section for section in whole if section.lines]


def _probe(probe: Probe) -> str:
    return f"{probe.layer}: {probe.text or probe.got}, after {probe.ms:.0f} ms"


def _processes(evidence: Evidence) -> Iterator[str]:
    for name, seen in (("hub", evidence.hub), ("proxy", evidence.proxy)):
        yield f"{name}: {_seen(seen)}" if seen is not None else f"{name}: none"


def _seen(seen: Seen) -> str:
    parts = [f"{seen.program} (process {seen.pid}), state {seen.state}, {_span(seen.age)} old"]
    parts.append(f"{megabytes(seen.memory)} memory")
    if seen.cpu is not None:
        parts.append(f"{seen.cpu:.0%} of a CPU")
    if seen.files is not None:
        parts.append(f"{seen.files} of {seen.files_limit or 'unlimited'} files open")
    if seen.output:
        parts.append(f"output: {seen.output}")
    return ", ".join(parts)


def _memory(evidence: Evidence) -> Iterator[str]:
    yield f"{megabytes(evidence.available)} of {megabytes(evidence.total)} available"
    if evidence.lowest_available is not None:
        yield f"in the hour before at least {megabytes(evidence.lowest_available)}"
    if evidence.swap_total:
        yield f"{megabytes(evidence.swap_free)} of {megabytes(evidence.swap_total)} swap free"
    if evidence.stalled_memory is not None:
        yield f"{evidence.stalled_memory:.0f} % of the time something waited for memory"
    if evidence.oom_kills is not None:
        before = evidence.oom_kills_before
        last = f", {before} of them before the last good check" if before else ""
        yield f"processes killed for want of memory since boot: {evidence.oom_kills}{last}"
    for uid, used in evidence.memory_by_uid:
        yield f"uid {uid}: {megabytes(used)}"


def _disk(disk: Filesystem) -> str:
    inodes = f", {disk.inodes_free:,} files more" if disk.inodes_total else ""
    read_only = ", read-only" if disk.read_only else ""
    room = f"{megabytes(disk.free)} of {megabytes(disk.total)} free"
    return f"{shown(disk.path, 80)}: {room}{inodes}{read_only}"


def _database(evidence: Evidence) -> Iterator[str]:
    if evidence.database_locked is None:
        return
    yield from (f"locked by {holder}" for holder in evidence.database_holders)
    if not evidence.database_locked:
        yield "not locked by another program"


def _owner(owner: Owner) -> str:
    user = f" ({owner.user})" if owner.user else ""
    pid = f", process {owner.pid}" if owner.pid is not None else ""
    where = f"[{owner.address}]" if ":" in owner.address else owner.address
    return f"{where}:{owner.port}: {owner.program or 'unknown'}, uid {owner.uid}{user}{pid}"


def _unit(evidence: Evidence) -> Iterator[str]:
    if evidence.unit:
        yield evidence.unit
    if evidence.unit_result:
        yield f"ended with: {evidence.unit_result}"
    yield from (f"{key}={value}" for key, value in evidence.unit_settings.items())


def _machine(evidence: Evidence) -> Iterator[str]:
    yield f"up for {_span(evidence.uptime)}"
    yield f"load {evidence.load:.1f} on {counted(evidence.cpus, 'CPU')}"
    if evidence.certificate_days is not None:
        yield f"the certificate ends in {evidence.certificate_days:.0f} days"
    if evidence.log_age is not None:
        yield f"the hub's log was last written {_span(evidence.log_age)} before"
    if evidence.upgraded:
        yield f"upgraded in the day before: {', '.join(evidence.upgraded)}"


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 172800 else f"{seconds / 86400:.0f} d"
