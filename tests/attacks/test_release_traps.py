"""Students against the release: what lies at a name moves nothing, and the others have the sheet.

Each trap has a control: what a copier with root's rights does to the same home.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.hostile_home import (
    deliver,
    desk,
    hold,
    job,
    look_at,
    own,
    while_student,
)
from tests.release_on_disk import SOURCE, Teaching, write_as
from tests.victims import (
    CLASSMATE,
    HOME,
    TOP,
    TREASURE,
    WEEK,
    anna_has,
    canaries,
    course,
    link,
)

__all__ = ["course"]


def naive() -> None:
    """What a copier with root's rights does, and what is left of its home afterwards."""
    shutil.copytree(SOURCE / "week01", WEEK, dirs_exist_ok=True)
    for top, folders, files in os.walk(TOP):
        for name in (*folders, *files):
            os.chown(Path(top, name), 20001, 20000)


# --- things at a name ---------------------------------------------------------------------------


def exercises_is_a_link() -> None:
    link(TOP, str(TREASURE))


def a_link_to_a_classmate() -> None:
    anna_has()
    link(WEEK, str(CLASSMATE / "private"))


def a_link_below() -> None:
    anna_has("week01")
    link(WEEK / "data", str(TREASURE))


def a_chain_of_links() -> None:
    link(HOME / "b", str(TREASURE))
    link(HOME / "a", "b")
    link(TOP, "a")


def a_dangling_link_at_a_file() -> None:
    anna_has("week01")
    link(WEEK / "sheet.ipynb", str(TREASURE / "new"))


def a_dangling_link_at_a_folder() -> None:
    anna_has()
    link(WEEK, str(TREASURE / "new"))


def a_link_at_a_file() -> None:
    anna_has("week01")
    link(WEEK / "sheet.ipynb", str(TREASURE / "canary"))


def a_device() -> None:
    """``/dev/zero`` itself would be changed by the control: one of its kind."""
    anna_has("week01")
    os.mknod(TREASURE / "zero", 0o600 | stat.S_IFCHR, os.makedev(1, 5))
    link(WEEK / "sheet.ipynb", str(TREASURE / "zero"))


def a_hard_link() -> None:
    """As she could make it where fs.protected_hardlinks is 0."""
    anna_has("week01")
    os.link(CLASSMATE / "private/canary", WEEK / "sheet.ipynb")


def a_folder_of_root() -> None:
    """That an admin once made in her home."""
    TOP.mkdir()
    TOP.chmod(0o755)


def a_folder_of_a_classmate() -> None:
    anna_has()
    WEEK.mkdir()
    own("bert", WEEK)


def a_home_of_another() -> None:
    own("bert", HOME)
    HOME.chmod(0o755)


def a_home_that_is_a_link() -> None:
    shutil.rmtree(HOME)
    HOME.symlink_to(CLASSMATE)


def a_pipe() -> None:
    anna_has("week01")
    os.mkfifo(WEEK / "sheet.ipynb")
    own("anna", WEEK / "sheet.ipynb")


def a_folder_at_a_file() -> None:
    anna_has("week01", "week01/sheet.ipynb")


def a_file_at_a_folder() -> None:
    anna_has("week01")
    write_as("anna", WEEK / "data", "my own")


def a_sparse_file() -> None:
    anna_has("week01")
    write_as("anna", WEEK / "sheet.ipynb", "my own")
    os.truncate(WEEK / "sheet.ipynb", 1 << 40)


def an_unreadable_file() -> None:
    anna_has("week01")
    write_as("anna", WEEK / "sheet.ipynb", "my own")
    (WEEK / "sheet.ipynb").chmod(0)


def a_closed_folder() -> None:
    anna_has("week01")
    WEEK.chmod(0)


def a_read_only_folder() -> None:
    anna_has("week01")
    WEEK.chmod(0o500)


def a_read_only_home() -> None:
    HOME.chmod(0o500)


class Trap(NamedTuple):
    """A home to fall into."""

    lay: Callable[[], None]
    said: str
    """What the answer says; ``""``: her own file is kept."""
    everything: bool = False
    """Whether nothing at all can be delivered."""


TRAPS = [
    Trap(exercises_is_a_link, "stands in the way", True),
    Trap(a_link_to_a_classmate, "stands in the way", True),
    Trap(a_link_below, "stands in the way"),
    Trap(a_chain_of_links, "stands in the way", True),
    Trap(a_dangling_link_at_a_file, "a link has its name"),
    Trap(a_dangling_link_at_a_folder, "stands in the way", True),
    Trap(a_link_at_a_file, "a link has its name"),
    Trap(a_device, "a link has its name"),
    Trap(a_hard_link, ""),
    Trap(a_folder_of_root, "no permission", True),
    Trap(a_folder_of_a_classmate, "no permission", True),
    Trap(a_home_of_another, "belongs to somebody else", True),
    Trap(a_home_that_is_a_link, "Not a directory", True),
    Trap(a_pipe, "a pipe has its name"),
    Trap(a_folder_at_a_file, "a folder has its name"),
    Trap(a_file_at_a_folder, "stands in the way"),
    Trap(a_sparse_file, ""),
    Trap(an_unreadable_file, ""),
    Trap(a_closed_folder, "no permission", True),
    Trap(a_read_only_folder, "no permission", True),
    Trap(a_read_only_home, "no permission", True),
]


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.lay.__name__)
def test_a_trap_at_a_name_moves_nothing_and_the_others_have_it(
    course: Teaching, trap: Trap
) -> None:
    number = hold(course, "week01")
    trap.lay()
    before, hers = canaries(), look_at(HOME)
    answers = deliver(course, "week01", "anna", "carl")
    assert canaries() == before
    after = look_at(HOME)
    assert {path: after[path] for path in hers} == hers, "what was there is as it was"
    assert answers["carl"].sheets[0].counts == {"new": 2}
    assert number == 1
    anna = answers["anna"]
    if anna.error:
        assert trap.said in anna.error
    else:
        counts, listed = anna.sheets[0].counts, anna.sheets[0].listed
        assert counts == (
            {"blocked": 2} if trap.everything else {"blocked" if trap.said else "kept": 1, "new": 1}
        )
        assert trap.said in listed[0][2]
    new = [path for path in after if path not in hers]
    assert all(after[path][2] == 20001 for path in new)
    assert not trap.everything or not new


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.lay.__name__)
def test_control_a_copier_with_roots_rights_falls_into_the_trap(
    course: Teaching, trap: Trap
) -> None:
    trap.lay()
    before, hers = canaries(), look_at(HOME)
    gave_up = False
    try:
        naive()
    except (OSError, shutil.Error):
        gave_up = True
    after = look_at(HOME)
    moved = any(after.get(path) != hers[path] for path in hers)
    sneaked = trap.everything and after.keys() != hers.keys()
    assert canaries() != before or moved or gave_up or sneaked


# --- a race -------------------------------------------------------------------------------------

SWAP = """
    import ctypes, os, sys
    libc = ctypes.CDLL(None)
    folder, link = (os.fsencode(word) for word in sys.argv[1:])
    print("ready", flush=True)
    while True:
        libc.renameat2(-100, folder, -100, link, 2)
    """


def swapped() -> contextlib.AbstractContextManager[object]:
    anna_has("week01", "week01/data")
    link(WEEK / "trap", str(TREASURE))
    return while_student("anna", SWAP, str(WEEK / "data"), str(WEEK / "trap"))


def test_a_folder_that_is_a_link_every_other_moment_leads_nowhere(course: Teaching) -> None:
    before = canaries()
    arrived = 0
    with swapped():
        for number in range(12):
            course.sheet("week01", {f"data/{number}-{part}.txt": "x" for part in range(20)})
            version = hold(course, "week01")
            with desk(course) as at:
                asked = job(course, "anna", "week01", version=version)
                answer = at.all({"anna": asked})["anna"]
            assert not answer.error
            counts = answer.sheets[0].counts
            arrived += counts.get("new", 0)
            assert sum(counts.values()) == 2 + 20 * (number + 1)
    assert canaries() == before
    assert arrived > 0, "it was open now and then"


def test_control_a_careful_copier_with_roots_rights_loses_the_race(course: Teaching) -> None:
    before = canaries()
    with swapped():
        end = time.monotonic() + 20
        while canaries() == before and time.monotonic() < end:
            for number in range(200):
                target = WEEK / "data"
                if target.is_dir() and not target.is_symlink():
                    with contextlib.suppress(OSError):
                        (target / f"{number}.txt").write_text("x")
    assert canaries() != before
