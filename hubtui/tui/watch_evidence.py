"""An incident in full: why, and all that was to be seen before anything was done."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from rich.text import Text

from hubtui.errors import HubtuiError
from hubtui.names import shown
from hubtui.server import Server
from hubtui.tui.colours import BAD, QUIET, WARN
from hubtui.tui.watch_rows import detail
from hubtui.tui.watch_words import answer
from hubtui.units import in_two_units, megabytes
from hubtui.watchdog import incidents
from hubtui.watchdog.history import Line
from hubtui.watchdog.records import Evidence, Got, Seen
from hubtui.watchdog.words import LAYERS

_LABEL = 11
_KEPT = incidents.KEEP_EVIDENCE.days


def whole(server: Server, line: Line, at: datetime) -> Text:
    """The row's details, and the evidence below; reads files: call it in a thread."""
    if not line.incident:
        return detail(line, None, at)
    try:
        incident = incidents.find(server.state, line.incident)
        evidence = incidents.evidence(server.state, line.incident)
    except HubtuiError as e:
        return detail(line, None, at).append(f"\n\n{shown(str(e))}", WARN)
    text = detail(line, incident, at)
    if evidence is None:
        return text.append(f"\n\nWhat was to be seen then is kept for {_KEPT} days.", QUIET)
    return text.append_text(sections(evidence, names_of(evidence)))


def names_of(evidence: Evidence) -> dict[int, str]:
    """The accounts' names by uid, of those that the evidence speaks of."""
    from hubtui.server import accounts

    known = accounts.read_accounts().by_name.values()
    wanted = {uid for uid, _ in evidence.memory_by_uid}
    return {one.uid: one.name for one in known if one.uid in wanted}


def sections(found: Evidence, names: dict[int, str]) -> Text:
    """Everything that was saved, each topic under its name; what is not known is left out."""
    text = Text()
    for name, lines in (
        ("answers", _answers(found)),
        ("machine", _machine(found)),
        ("disks", _disks(found)),
        ("hub", _process(found.hub)),
        ("proxy", _process(found.proxy)),
        ("unit", _unit(found)),
        ("ports", _ports(found)),
        ("database", _database(found)),
        ("memory by", _by_uid(found, names)),
        ("upgraded", map(_plain, found.upgraded)),
        ("not seen", map(_plain, found.missing)),
    ):
        for number, line in enumerate(lines):
            text.append("\n\n" if not text else "\n")
            text.append(f"{name if number == 0 else '':<{_LABEL}}", QUIET)
            text.append_text(line)
    text.append_text(_log("The kernel", found.kernel))
    where = f"The hub's log, {shown(found.log_place, limit=80)}" if found.log_place else "The log"
    if found.log_age is not None:
        where += f", last written {in_two_units(found.log_age)} before"
    return text.append_text(_log(where, found.log))


def _plain(text: str) -> Text:
    return Text(shown(text, limit=300))


def _answers(found: Evidence) -> Iterator[Text]:
    line = Text()
    for probe in found.probes:
        if probe.got is not Got.UNASKED:
            line.append(" · " if line else "")
            line.append(f"{LAYERS[probe.layer]} ").append_text(answer(probe))
    if line:
        yield line
    yield from (_plain(p.text) for p in found.probes if p.text and not p.ok)


def _machine(found: Evidence) -> Iterator[Text]:
    if found.total:
        line = Text("memory ").append_text(_of(found.available, found.total)).append(" free")
        if found.lowest_available is not None:
            line.append(f", at least {megabytes(found.lowest_available)} in the hour before")
        yield line
    if found.swap_total:
        yield Text("swap ").append_text(_of(found.swap_free, found.swap_total)).append(" free")
    else:
        yield Text("no swap")
    line = Text(f"load {found.load:.1f} on {found.cpus} CPUs")
    line.append(f" · up for {in_two_units(found.uptime)}" if found.uptime else "")
    yield line
    for what, percent in (("memory", found.stalled_memory), ("a CPU", found.stalled_cpu)):
        if percent:
            yield Text(f"{percent:.0f} % of the time something waited for {what}")
    if found.oom_kills:
        before = found.oom_kills_before
        new = found.oom_kills - before if before is not None else None
        since = f", {new} since the last good check" if new is not None else ""
        said = f"the kernel killed {found.oom_kills} for want of memory since boot{since}"
        yield Text(said, BAD if new else "")


def _disks(found: Evidence) -> Iterator[Text]:
    for disk in found.disks:
        line = Text(f"{shown(disk.path, limit=40)}  ").append_text(_of(disk.free, disk.total))
        line.append(" free")
        if disk.inodes_total and disk.inodes_free / disk.inodes_total < 0.1:
            line.append(f", {disk.inodes_free:,} files left", BAD)
        if disk.read_only:
            line.append(", read-only", BAD)
        yield line


def _of(free: int, total: int) -> Text:
    """``212 MB of 4.1 GB``; what is short stands out."""
    share = free / total if total else 1.0
    style = BAD if share < 0.05 else WARN if share < 0.1 else ""
    return Text.assemble((megabytes(free), style), f" of {megabytes(total)}")


def _process(seen: Seen | None) -> Iterator[Text]:
    if seen is None:
        yield Text("no process", BAD)
        return
    line = Text(f"{shown(seen.program, limit=40)} {seen.pid}, up for {in_two_units(seen.age)}")
    if seen.state in "TZ":
        line.append(", stopped" if seen.state == "T" else ", dead", BAD)
    line.append(f" · {megabytes(seen.memory)}")
    if seen.cpu is not None:
        line.append(f" · {seen.cpu:.0%} of a CPU")
    yield line
    if seen.files is not None:
        limit = seen.files_limit
        near = limit is not None and seen.files > 0.9 * limit
        of = f" of {limit:,}" if limit is not None else ""
        yield Text(f"{seen.files:,}{of} files open", BAD if near else "")
    if seen.output:
        bad = seen.output in ("pipe without reader", "terminal gone")
        yield Text(f"output to {shown(seen.output, limit=80)}", BAD if bad else "")


def _unit(found: Evidence) -> Iterator[Text]:
    if found.unit:
        ended = f", its last run ended with {found.unit_result}" if found.unit_result else ""
        yield _plain(f"{found.unit}{ended}")
        if settings := " ".join(f"{key}={value}" for key, value in found.unit_settings.items()):
            yield _plain(settings)


def _ports(found: Evidence) -> Iterator[Text]:
    for one in found.owners:
        who = one.user or f"uid {one.uid}"
        program = f", {one.program}" if one.program else ""
        pid = f" {one.pid}" if one.pid is not None else ""
        yield _plain(f"{one.address}:{one.port}  {who}{program}{pid}")


def _database(found: Evidence) -> Iterator[Text]:
    if found.database_locked is not None:
        yield Text("locked", BAD) if found.database_locked else Text("not locked")
    if found.certificate_days is not None:
        yield Text(f"the certificate had {found.certificate_days:.0f} days left")


def _by_uid(found: Evidence, names: dict[int, str]) -> Iterator[Text]:
    for uid, size in found.memory_by_uid[:8]:
        yield Text(f"{megabytes(size):>7}  {shown(names.get(uid, f'uid {uid}'), limit=40)}")


def _log(name: str, lines: tuple[str, ...]) -> Text:
    if not lines:
        return Text()
    text = Text(f"\n\n{name}", "bold")
    for line in lines:
        text.append(f"\n{shown(line, limit=400)}", QUIET)
    return text
