"""Taking over from an old script: its line off, hubtui's watchdog on, a good check seen.

At no time are both at work: the old line goes first. Where no good check is seen the line is back
and hubtui's watchdog off.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from hubtui.errors import CommandFailed, Refused
from hubtui.reads import crontab
from hubtui.server import Server
from hubtui.server.run import say
from hubtui.setup.install import files, restarters
from hubtui.setup.install.files import Installation
from hubtui.setup.install.restarters import Restarter
from hubtui.setup.install.stages import Pause, Resume, Stage
from hubtui.setup.install.watchdog_unit import CHECK
from hubtui.trust import SAFE_PLACE
from hubtui.watchdog import live
from hubtui.watchdog.records import Now, Verdict

WHY = "hubtui takes over from an old script"
GOOD = frozenset({Verdict.UP, Verdict.SLOW})
_BETWEEN = 5.0  # seconds from one look to the next
_LOOKS = 3
"""After so many that were not good it is over, unless the hub is just starting."""


def refuse_beside(
    found: Sequence[Restarter], command: str = "hubtui install watchdog --take-over"
) -> None:
    """Raise Refused where somebody else restarts the hub; ``command`` exchanges the two."""
    if not found:
        return
    others = "; ".join(str(one) for one in found)
    if all(one.can_be_off for one in found):
        do = f"{command} switches it off, and hubtui's on, as one change"
    else:
        do = "end it first, as you once began it"
    raise Refused(f"The hub is restarted by another already: {others}. Two of them fight: {do}.")


def stages(
    server: Server, config: Path, installation: Installation, found: Sequence[Restarter]
) -> list[Stage]:
    """What taking over does, in order.

    Raises Refused where a restarter is none that a mark in root's crontab switches off.
    """
    if fixed := [one for one in found if not one.can_be_off]:
        refuse_beside(fixed)
    pause = Pause(server, WHY)
    return [
        pause,
        OldOff(server, unfinished=pause.is_ours),
        OursOn(server, installation),
        GoodCheck(server, config),
        Resume(pause),
    ]


class OldOff(Stage):
    """The old line in root's crontab, switched off by a mark."""

    kind = "old script off"

    def __init__(self, server: Server, *, unfinished: bool) -> None:
        self.server = server
        # A take-over that was killed: what is off, it switched off.
        self.switched = set(_marked(crontab.read())) if unfinished else set[bytes]()

    def say(self) -> str:
        """Which lines."""
        found = [str(one) for one in self._at_work()] or [
            f"{crontab.NAME}, line {number}" for number, _ in crontab.off(crontab.read())
        ]
        return f"switch off {', '.join(found) or 'the old line'}"

    def _at_work(self) -> list[Restarter]:
        return [one for one in restarters.in_crontab(crontab.read()) if one.can_be_off]

    def done(self) -> bool:
        """Whether none is at work."""
        return not self._at_work()

    def do(self) -> Iterator[str]:
        """Mark them, as they stand now."""
        yield from ()
        before = crontab.read()
        crontab.keep(self.server.state, before)
        after = crontab.without(before, [one.line for one in self._at_work()])
        self.switched |= set(_marked(after)) - set(_marked(before))
        crontab.write(after)

    def verify(self) -> None:
        """Raise CommandFailed where one still is at work."""
        if left := self._at_work():
            raise CommandFailed(f"{left[0]} is still at work.")

    def undo(self) -> str:
        """Take the marks away that this take-over made."""
        before = crontab.read()
        after = b"".join(
            line.removeprefix(crontab.MARK) if line in self.switched else line
            for line in before.splitlines(keepends=True)
        )
        if after == before:
            return ""
        crontab.write(after)
        return "the old line is on again"


class OursOn(Stage):
    """hubtui's watchdog, installed."""

    kind = "watchdog on"

    def __init__(self, server: Server, installation: Installation) -> None:
        self.server, self.installation = server, installation

    def say(self) -> str:
        """Its files."""
        return f"write {', '.join(str(file.path) for file in self.installation.files)}, switch on"

    def do(self) -> Iterator[str]:
        """Install it; what is as it should be stays."""
        yield from files.write(self.installation, self.server.run)

    def undo(self) -> str:
        """Remove it."""
        return off(self.server)


class GoodCheck(Stage):
    """A look at the hub that finds it well."""

    kind = "good check"
    lasting = False

    def __init__(self, server: Server, config: Path) -> None:
        self.server = server
        where = [] if config.absolute() == SAFE_PLACE else ["--config", str(config.absolute())]
        self.argv = [sys.executable, "-I", "-m", "hubtui", *where, "watchdog", "check"]

    def say(self) -> str:
        """The command."""
        return f"see a good check: {say(self.argv[3:])}"

    def do(self) -> Iterator[str]:
        """Look until it is well. Raises CommandFailed: it is not, or nothing looks."""
        ends = time.monotonic() + self.server.course.watchdog.grace
        bad = 0
        while True:
            began = self.server.clock()
            result = self.server.run(self.argv, timeout=600)
            now = live.read(self.server.live)
            if now is None or now.at < began:
                raise CommandFailed(f"hubtui watchdog check does not work ({result.why()}).")
            if now.verdict in GOOD:
                return
            yield now.text
            bad += 1
            starting = now.verdict is Verdict.STARTING and time.monotonic() < ends
            if bad >= _LOOKS and not starting:
                raise CommandFailed(_not_good(now))
            time.sleep(_BETWEEN)


def _not_good(now: Now) -> str:
    return f"No good check was seen: {now.text}"


def off(server: Server) -> str:
    """Remove the watchdog's timer or cron line; what was done. Raises CommandFailed."""
    there = [path for path in CHECK.files if path.exists()]
    return " ".join(files.remove(there, server.run)) if there else ""


def old_script_back() -> list[tuple[int, str]]:
    """Switch on again what hubtui switched off; the lines. Raises CommandFailed."""
    before = crontab.read()
    lines = crontab.off(before)
    if lines:
        crontab.write(crontab.restored(before))
    return lines


def _marked(text: bytes) -> list[bytes]:
    return [line for line in text.splitlines(keepends=True) if line.startswith(crontab.MARK)]
