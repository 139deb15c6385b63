"""How many students' servers fit: arithmetic alone, on numbers that others measured."""

from __future__ import annotations

from msgspec import Struct

from hubtui.findings import State

ASSUMED = 150 * 10**6
"""Bytes of a server with one kernel, where none was ever measured: JupyterLab 4 takes 100 to 150 MB
with an empty kernel; data come on top."""
ASSUMED_LARGEST = 2 * ASSUMED
_SHARE, _LEAST = 0.05, 200 * 10**6
"""The reserve: of all memory, and at least. A hub that logs forty in grew by some 50 MB; the kernel
needs the rest to read files, and is slow long before it has none."""


class Sizes(Struct, frozen=True, kw_only=True):
    """What a server with a kernel takes, all processes of its student together; bytes."""

    typical: int = ASSUMED
    largest: int = ASSUMED_LARGEST
    measured: bool = False
    count: int = 0
    """Servers with a kernel that run now."""

    def need(self, students: int) -> int:
        """Bytes for so many at once: each as the typical one, one as the largest."""
        if students <= 0:
            return 0
        return students * self.typical + max(0, self.largest - self.typical)


class Room(Struct, frozen=True, kw_only=True):
    """What there is for students' servers; bytes."""

    memory: int
    """Available, with what students' servers hold already, less the reserve."""
    swap: int

    def beside(self, need: int) -> int:
        """The swap that counts for a need: half of it at most.

        While a student works, about half of what the server takes lies still (the notebook server
        beside the kernel) and may be swapped out; what is in use comes back at the disk's pace.
        """
        return min(self.swap, need // 2)


def reserve(total: int) -> int:
    """What is left to hub, web server and kernel, of so much memory."""
    return max(_LEAST, int(total * _SHARE))


def room(*, available: int, held: int, total: int, swap: int) -> Room:
    """From the machine's numbers; ``held`` is what students' processes have for themselves."""
    return Room(memory=max(0, available + held - reserve(total)), swap=max(0, swap))


def judge(students: int, sizes: Sizes, found: Room) -> State:
    """Fine: in memory alone. Warning: with swap. Critical: not even so."""
    need = sizes.need(students)
    if need <= found.memory:
        return State.FINE
    return State.WARNING if need - found.beside(need) <= found.memory else State.CRITICAL


def fits(sizes: Sizes, found: Room, *, swapping: bool) -> int:
    """The most students for whom it is still fine, or with ``swapping`` no more than a warning."""
    over = max(0, sizes.largest - sizes.typical)
    limit = found.memory
    if swapping:
        # need - min(swap, need / 2) <= memory: both need - swap and need / 2 are within it.
        limit = min(found.memory + found.swap, 2 * found.memory)
    return max(0, (limit - over) // sizes.typical)
