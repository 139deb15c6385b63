"""How many fit: more students never fit better, more memory never worse."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from hubtui.exam import capacity
from hubtui.exam.capacity import Room, Sizes
from hubtui.findings import State

GB = 10**9
ORDER = (State.FINE, State.WARNING, State.CRITICAL)
BYTES = st.integers(0, 64 * GB)


@st.composite
def sizes(draw: st.DrawFn) -> Sizes:
    typical = draw(st.integers(10**6, 2 * GB))
    return Sizes(typical=typical, largest=typical + draw(st.integers(0, 4 * GB)), measured=True)


@st.composite
def rooms(draw: st.DrawFn) -> Room:
    return Room(memory=draw(BYTES), swap=draw(BYTES))


def bad(students: int, found: Sizes, room: Room) -> int:
    return ORDER.index(capacity.judge(students, found, room))


@given(st.integers(0, 500), st.integers(0, 100), sizes(), rooms())
def test_more_students_never_fit_better(n: int, more: int, found: Sizes, room: Room) -> None:
    assert bad(n + more, found, room) >= bad(n, found, room)


@given(st.integers(0, 500), sizes(), rooms(), BYTES, BYTES)
def test_more_memory_or_swap_is_never_worse(
    n: int, found: Sizes, room: Room, memory: int, swap: int
) -> None:
    larger = Room(memory=room.memory + memory, swap=room.swap + swap)
    assert bad(n, found, larger) <= bad(n, found, room)


@given(sizes(), rooms())
@example(Sizes(typical=150 * 10**6, largest=150 * 10**6), Room(memory=GB, swap=0))
def test_as_many_fit_as_are_said_to_and_not_one_more(found: Sizes, room: Room) -> None:
    alone = capacity.fits(found, room, swapping=False)
    most = capacity.fits(found, room, swapping=True)
    assert most >= alone
    assert capacity.judge(alone, found, room) is State.FINE
    assert capacity.judge(alone + 1, found, room) is not State.FINE
    assert capacity.judge(most, found, room) is not State.CRITICAL
    assert capacity.judge(most + 1, found, room) is State.CRITICAL


@given(rooms(), sizes(), st.integers(1, 500))
def test_swap_carries_half_of_what_is_needed_at_most(room: Room, found: Sizes, n: int) -> None:
    if capacity.judge(n, found, room) is not State.CRITICAL:
        assert room.memory >= found.need(n) // 2 - 1


def test_forty_on_a_small_server_fit_with_swap_alone() -> None:
    """4 GB, 40 students, as the course has it."""
    found = Sizes(typical=110 * 10**6, largest=300 * 10**6, measured=True)
    without = capacity.room(available=3 * GB, held=0, total=4 * GB, swap=0)
    assert capacity.judge(40, found, without) is State.CRITICAL
    assert capacity.fits(found, without, swapping=False) == 23
    swapping = capacity.room(available=3 * GB, held=0, total=4 * GB, swap=2 * GB)
    assert capacity.judge(40, found, swapping) is State.WARNING


def test_what_students_hold_already_is_theirs_again() -> None:
    empty = capacity.room(available=3 * GB, held=0, total=4 * GB, swap=0)
    running = capacity.room(available=2 * GB, held=GB, total=4 * GB, swap=0)
    assert running == empty


def test_the_reserve_is_left_even_on_a_tiny_machine() -> None:
    assert capacity.room(available=10**8, held=0, total=5 * 10**8, swap=0).memory == 0
    assert capacity.reserve(64 * GB) == 3_200_000_000
