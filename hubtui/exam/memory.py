"""Do so many students fit at once? From the servers that run, and the peaks of the last weeks."""

from __future__ import annotations

from pathlib import Path
from statistics import median

from hubtui import usage
from hubtui.exam import capacity, remedies
from hubtui.exam.capacity import ASSUMED_LARGEST, Room, Sizes
from hubtui.exam.records import Answer
from hubtui.exam.subject import Subject
from hubtui.findings import State
from hubtui.server import Server, machine, processes
from hubtui.server.processes import Process
from hubtui.units import counted, megabytes

_OWN = ("Private_Clean:", "Private_Dirty:", "Private_Hugetlb:", "SwapPss:")


def fits(subject: Subject) -> Answer:
    """The question about memory. Raises StateError, OSError."""
    sizes, found = measured(subject), room(subject)
    need = sizes.need(subject.students)
    state = capacity.judge(subject.students, sizes, found)
    wanted = state is not State.FINE and not subject.quick
    return Answer(
        key="memory",
        question=f"Do {subject.students} students fit?",
        state=state,
        text=_sentence(subject.students, need, sizes, found, state),
        remedies=remedies.of(subject, sizes, found) if wanted else (),
        pane="accounts",
    )


def measured(subject: Subject) -> Sizes:
    """What a server takes: the larger of what runs now and what the last weeks had."""
    now = [
        sum(_memory(process, exact=not subject.quick) for process in one)
        for one in subject.running.values()
        if any(process.is_kernel for process in one)
    ]
    days = usage.read(subject.server.state).days
    typical = max(int(median(now)) if now else 0, known_typical(subject.server))
    largest = max(*now, *(day.server for day in days), 0, 0)
    if not typical:
        return Sizes(largest=max(ASSUMED_LARGEST, largest), count=len(now))
    return Sizes(typical=typical, largest=max(typical, largest), measured=True, count=len(now))


def known_typical(server: Server) -> int:
    """The median of the last weeks' fullest days; 0 where none was measured. Raises StateError."""
    return max((day.typical for day in usage.read(server.state).days), default=0)


def room(subject: Subject) -> Room:
    """What the machine has for them. Raises OSError."""
    numbers = machine.numbers()
    held = sum(process.memory for one in subject.running.values() for process in one)
    return capacity.room(
        available=numbers.available, held=held, total=numbers.total, swap=numbers.swap_free
    )


def own_memory(pid: int) -> int | None:
    """Bytes that a process has for itself, in memory or in swap; None where it is not told.

    Not RSS: libraries that forty kernels share would be counted forty times.
    """
    try:
        text = Path("/proc", str(pid), "smaps_rollup").read_text("ascii", "replace")
    except OSError:
        return None
    lines = (line.split() for line in text.splitlines())
    return 1024 * sum(int(words[1]) for words in lines if words and words[0] in _OWN)


def of_uid(uid: int) -> int:
    """Bytes that all processes of an account have for themselves."""
    return sum(_memory(process, exact=True) for process in processes.of(uid))


def _memory(process: Process, *, exact: bool) -> int:
    found = own_memory(process.pid) if exact else None
    return process.memory if found is None else found


def _sentence(students: int, need: int, sizes: Sizes, found: Room, state: State) -> str:
    each = f"{megabytes(sizes.typical)} each, the largest {megabytes(sizes.largest)}"
    origin = "assumed, as no server was measured here yet"
    if sizes.measured:
        origin = f"measured, {sizes.count} now" if sizes.count else "measured in the last weeks"
    wanted = f"{megabytes(need)} are needed for {counted(students, 'server')} ({each}; {origin})"
    has = f"there are {megabytes(found.memory)}"
    if state is State.FINE:
        return f"{wanted}; {has}."
    alone = capacity.fits(sizes, found, swapping=False)
    if not found.swap:
        return f"{wanted}; {has}: {alone} fit. There is no swap."
    swapping = capacity.fits(sizes, found, swapping=True)
    beside = megabytes(found.swap)
    if state is State.WARNING:
        return f"{wanted}; {has}: {alone} fit, the others by {beside} of swap, slowly."
    return f"{wanted}; {has} and {beside} of swap: {alone} fit, slowly {swapping}."
