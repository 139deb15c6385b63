"""The server: the only rooms that touch the machine, and the record that brings them to a use case.

run          the programs of the system, through sh
systemd      what a unit says of itself
hubdb        the hub's database (SQLite, NativeAuthenticator)
hubapi       the hub's REST interface
listeners    who listens on a port
accounts     Unix accounts and groups
shadow       who is locked, who expires
lines        lines and locks of /etc that NSS does not show
strays       what somebody has outside of the home
accountfiles lines of it that are nobody's, and locks, taken out
homes        home folders, as root may look at them: from outside
as_student   what is done inside a home, by a process that is the student
archives     folders of root's into verified archives, by tar and zstd
sweeping     what an account left in everybody's folders, taken away by a process that is it
spools       crontab, at-jobs, mail, lingering, IPC
holders      who has something open below a folder
ledger       which uid was given to whom, for good
roster       the list of account names
machine      memory, load, what waits, disks
processes    what runs under an account's uid
uses         who uses how much memory: one quick pass
disks        room on filesystems, asked in a way that no dead mount holds up
timekeeping  whether somebody keeps the clock
quick        programs that only look, without sh
hubprocess   hub and proxy: who they are, how they run
filelocks    who holds locks on a file
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hubtui.clock import Clock, now

if TYPE_CHECKING:
    from hubtui.course import Course
    from hubtui.server.run import Run


LIVE = Path("/run/hubtui")


@dataclass(frozen=True, slots=True)
class Server:
    """One machine, passed in. A record without methods: rooms take from it what they need."""

    course: Course
    state: Path
    """``state_dir``."""
    run: Run
    clock: Clock = now
    lock: int | None = None
    """The descriptor of the lock that changing commands hold too; None outside of a run."""
    live: Path = LIVE
    """Where the watchdog's live state is: gone with a reboot, and writable on a full disk."""


def server_of(course: Course) -> Server:
    """The machine we are on."""
    from hubtui.server.run import run

    return Server(course=course, state=course.state_dir, run=run, live=live_of(course))


def live_of(course: Course) -> Path:
    """The live folder: one for each state_dir, so that two courses keep out of each other's way."""
    from hubtui.course import STATE_DIR

    if course.state_dir == STATE_DIR:
        return LIVE
    return LIVE / "".join(c if c.isalnum() else "-" for c in str(course.state_dir)[1:])
