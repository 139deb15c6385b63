"""What is written down while the hub is not well: the incident, its evidence, calls.

A disk that is full stops none of it: what cannot be written to state_dir waits in the live folder
until it can, and every trouble is told, once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from msgspec.structs import replace

from hubtui import typed
from hubtui.errors import HubtuiError, StateError
from hubtui.names import shown
from hubtui.server import Server
from hubtui.watchdog import incidents, live
from hubtui.watchdog.judged import Judged
from hubtui.watchdog.records import (
    AWAY,
    Incident,
    Memory,
    Now,
    Outcome,
    Restart,
    Scene,
    State,
    Verdict,
)

UNSAVED = "unsaved.jsonl"
"""Incidents that could not be written to state_dir, in the live folder."""
_SERIOUS, _WORTH_IT = 2, 3
"""Looks that were not well until it is an incident: where students are out, and where not."""
_WELL = 2
"""Checks that were well until it is over."""
_HOUR = timedelta(hours=1)
# The worst that was seen names the incident.
_ORDER = [
    Verdict.SLOW,
    Verdict.FAILING,
    Verdict.WEB,
    Verdict.PROXY_LOST,
    Verdict.PROXY_DEAD,
    Verdict.PROXY_HUNG,
    Verdict.PORT_TAKEN,
    Verdict.HUB_HUNG,
    Verdict.HUB_STUCK,
    Verdict.HUB_DEAD,
]


class Keeper:
    """Writes down what one check finds and does."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.troubles: list[str] = []
        self.incident: Incident | None = None
        self._flush()

    # --- incidents ------------------------------------------------------------------------------

    def open(self, now: Now, seen: Scene, judged: Judged) -> Now:
        """The incident that is, or a new one, with its evidence; before anything is done."""
        before = incident = self._current(now)
        if incident is None:
            # One that can't be read goes on by its id: nobody is called for it once a minute.
            incident = Incident(
                id=now.incident or incidents.new_id(now.at),
                at=now.bad_since or now.at,
                last_good=now.last_good,
                verdict=now.verdict,
                text=judged.text,
                exam=now.exam,
            )
            if not now.incident:
                incident = self.investigated(incident, now.memory, seen)
        if _rank(now.verdict) > _rank(incident.verdict):
            incident = replace(incident, verdict=now.verdict, text=judged.text)
        # What the look itself shows, a stopped process or a dead certificate, is no guess.
        guessed = not incident.cause or now.verdict is not Verdict.SLOW
        if judged.cause and incident.cause != judged.cause and guessed:
            incident = replace(incident, cause=judged.cause, why=(judged.text,))
        if incident != before:
            self.save(incident)
        return replace(now, incident=incident.id)

    def settle(self, now: Now, seen: Scene, judged: Judged) -> Now:
        """At the end of a check: open, go on with, or close the incident; call whom it concerns."""
        if now.verdict in (Verdict.UP, Verdict.STARTING) or not self._is_incident(now):
            now = self._closed(now)
        elif not now.incident or now.verdict in AWAY:
            now = self.open(now, seen, judged)
        self._call(now)
        return now

    def save(self, incident: Incident) -> None:
        """Write it as it is known now."""
        self.incident = incident
        try:
            incidents.record(self.server.state, incident)
        except StateError as e:
            self.tell(str(e))
            with self.trouble(), (self.server.live / UNSAVED).open("ab") as file:
                file.write(msgspec.json.encode(incident) + b"\n")

    def last_restart(self, now: Now) -> Restart | None:
        """The last one of the open incident."""
        incident = self._current(now)
        return incident.restarts[-1] if incident is not None and incident.restarts else None

    def _is_incident(self, now: Now) -> bool:
        if now.incident:
            return True
        if now.state is State.SUSPECT:
            return False
        return now.failures >= (_SERIOUS if now.verdict in AWAY else _WORTH_IT)

    def _closed(self, now: Now) -> Now:
        incident = self._current(now)
        if now.verdict is not Verdict.UP:
            return now
        if incident is None:
            return replace(now, incident="") if now.good >= _WELL else now
        if any(restart.outcome is Outcome.BEGUN for restart in incident.restarts):
            # A check that was killed in the middle of it, or a person's restart.
            restarts = tuple(_ended(restart, now) for restart in incident.restarts)
            self.save(replace(incident, restarts=restarts))
        if now.good >= _WELL:
            self.save(replace(self.incident or incident, over=now.good_since or now.at))
            return replace(now, incident="")
        return now

    def _current(self, now: Now) -> Incident | None:
        if self.incident is not None and self.incident.id == now.incident:
            return self.incident
        if not now.incident:
            return None
        with self.trouble():
            self.incident = incidents.find(self.server.state, now.incident)
        if self.incident is None:
            self.incident = next(
                (one for one in reversed(self._unsaved()) if one.id == now.incident), None
            )
        return self.incident

    def investigated(self, incident: Incident, before: Memory, seen: Scene) -> Incident:
        """Evidence is saved before a restart takes it away; whatever fails here stops nothing."""
        try:
            from hubtui.watchdog import causes, evidence

            hour = live.samples(self.server.live, seen.at - _HOUR)
            found = evidence.collect(
                self.server,
                seen,
                incident.id,
                verdict=incident.verdict,
                before=before,
                lowest_available=min((sample.available for sample in hour), default=None),
            )
            with self.trouble():
                incidents.save_evidence(self.server.state, found)
            named = causes.name(found)
        except Exception as e:  # the restart matters more than why
            self.tell(
                f"The cause could not be looked for: {shown(f'{type(e).__name__}: {e}', 200)}"
            )
            return incident
        return replace(incident, cause=named.cause, why=named.why)

    # --- what could not be written --------------------------------------------------------------

    def _unsaved(self) -> list[Incident]:
        found = []
        with contextlib.suppress(OSError):
            for line in (self.server.live / UNSAVED).read_bytes().splitlines():
                with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
                    found.append(typed.decode(line, Incident))
        return found

    def _flush(self) -> None:
        waiting = self._unsaved()
        with contextlib.suppress(StateError):
            for incident in waiting:
                incidents.record(self.server.state, incident)
            if waiting:
                (self.server.live / UNSAVED).unlink(missing_ok=True)

    # --- people ---------------------------------------------------------------------------------

    def _call(self, now: Now) -> None:
        if self.incident is None:
            return
        from hubtui import notify
        from hubtui.watchdog import calls

        try:
            message = calls.of_incident(self.server.course, self.incident, now.state, now.at)
            if message is not None:
                for trouble in notify.call(self.server, message):
                    self.tell(trouble)
        except HubtuiError as e:
            self.tell(str(e))

    def tell(self, trouble: str) -> None:
        """Remember what went wrong with the checking itself."""
        if trouble and trouble not in self.troubles:
            self.troubles.append(trouble)

    @contextlib.contextmanager
    def trouble(self) -> Iterator[None]:
        """What fails in here is told, and stops nothing."""
        try:
            yield
        except HubtuiError as e:
            self.tell(str(e))
        except OSError as e:
            self.tell(f"{e.filename or Path(self.server.live)}: {e.strerror}.")


def _rank(verdict: Verdict) -> int:
    return _ORDER.index(verdict) if verdict in _ORDER else -1


def _ended(restart: Restart, now: Now) -> Restart:
    if restart.outcome is not Outcome.BEGUN:
        return restart
    up: datetime = now.good_since or now.at
    return replace(restart, outcome=Outcome.UP, up_at=up)
