"""Handing out: what one student gets of some sheets, looked at, given, or taken back.

Whoever gives something goes through here: a release, a late joiner's enrolment, the minutely job.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from types import TracebackType

import msgspec

from hubtui.errors import CommandFailed, Refused
from hubtui.names import shown
from hubtui.release import ledger, store
from hubtui.release.desk import Answer, Desk, Job, Outcome, SheetJob, Told, Verb, job_for
from hubtui.release.ledger import LACKING, Delivered, Ledger
from hubtui.release.store import Fate
from hubtui.server import Server
from hubtui.server.accounts import Account
from hubtui.units import megabytes
from hubtui.workers.compare import SERVER_RUNS

Sheets = Mapping[str, int]
"""Sheet → version."""


class Handout:
    """One process that hands out, one ledger, for as long as it is needed. Use it in ``with``."""

    def __init__(
        self, server: Server, run: str = "", *, again: bool = False, replace_open: bool = False
    ) -> None:
        """``again``: what was deleted, too; ``replace_open``: even while a server runs."""
        self.server, self.run = server, run
        self._again, self._replace_open = again, replace_open
        self._lock = threading.Lock()
        self._desk: Desk | None = None
        self._serving: set[int] = set()
        self._serving_at = float("-inf")
        self._ledger = Ledger(server.state)
        self._before = ledger.read(server.state)
        self._versions = {
            sheet: tuple(v.number for v in record.versions if v.fate is not Fate.HELD)
            for sheet, record in store.records(server).items()
        }

    def __enter__(self) -> Handout:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        # The steps of a run share it, and none of them knows which is the last.
        self.close()

    def close(self) -> None:
        """End the process."""
        with self._lock:
            if self._desk is not None:
                self._desk.close()
                self._desk = None
        self._ledger.close()

    def had(self, uid: int, sheet: str) -> Delivered | None:
        """What the student was given of a sheet before."""
        return self._before.get((uid, sheet))

    def has(self, uid: int, sheets: Sheets) -> bool:
        """Whether the student was given exactly these versions."""
        return all(
            (before := self.had(uid, sheet)) is not None and before.version == version
            for sheet, version in sheets.items()
        )

    def look_at(self, account: Account, sheets: Sheets) -> Answer:
        """What a delivery to one student would do now. Raises CommandFailed."""
        job = self._job("look", account, sheets, beside=self._is_open(account.uid))
        return self._at_desk().submit(job).result()

    def look(
        self, wanted: Mapping[str, tuple[Account, Sheets]], *, withdraw: bool = False
    ) -> dict[str, Answer]:
        """What a delivery would do now, by the caller's keys. Raises CommandFailed, Refused."""
        verb: Verb = "look-withdraw" if withdraw else "look"
        jobs = {
            key: self._job(verb, account, sheets, beside=self._is_open(account.uid))
            for key, (account, sheets) in wanted.items()
        }
        if not jobs:
            return {}
        with self._new_desk() as desk:
            return desk.all(jobs)

    def give(self, account: Account, sheets: Sheets) -> tuple[Outcome, ...]:
        """Deliver, and note it. Raises CommandFailed where the student's side did not answer."""
        return self.given(account, self.begin(account, sheets))

    def begin(self, account: Account, sheets: Sheets, told: Told | None = None) -> Future[Answer]:
        """Begin to deliver; ``told`` says how far it is, from another thread."""
        job = self._job("deliver", account, sheets, beside=self._is_open(account.uid))
        return self._at_desk().submit(job, told)

    def given(self, account: Account, begun: Future[Answer]) -> tuple[Outcome, ...]:
        """What came of it; waits, and notes it. Raises CommandFailed as give() does."""
        outcomes = _outcomes(begun.result())
        self.note(account, outcomes)
        return outcomes

    def take_back(self, account: Account, sheets: Sheets) -> tuple[Outcome, ...]:
        """Remove copies as delivered, and forget that they were given.

        Where something of the sheet is left, changed by the student or not to be had now, that
        stays noted: it can be withdrawn once more, and a later version goes beside it.
        """
        job = self._job("withdraw", account, sheets, beside=self._is_open(account.uid))
        outcomes = _outcomes(self._at_desk().submit(job).result())
        for outcome in outcomes:
            if outcome.counts.keys() <= {"remove", "deleted"}:
                self._ledger.forget(account.uid, outcome.sheet)
            elif self.had(account.uid, outcome.sheet) or "remove" in outcome.counts:
                self.note(account, (outcome,))
        return outcomes

    def note(self, account: Account, outcomes: tuple[Outcome, ...]) -> None:
        """Note what is in a home as handed out."""
        at = self.server.clock()
        self._ledger.note(account.uid, outcomes, self.run, at, name=account.name)

    def _is_open(self, uid: int) -> bool:
        """Whether the student's server runs, as of a second ago: all of /proc is looked through."""
        if self._replace_open:
            return False
        with self._lock:
            if time.monotonic() - self._serving_at > 1.0:
                from hubtui.server import processes  # psutil: only who hands out needs it

                self._serving, self._serving_at = processes.serving(), time.monotonic()
            return uid in self._serving

    def _job(self, verb: Verb, account: Account, sheets: Sheets, *, beside: bool) -> Job:
        job = job_for(account, verb, [self._sheet(account.uid, *pair) for pair in sheets.items()])
        return msgspec.structs.replace(job, beside=beside)

    def _sheet(self, uid: int, sheet: str, version: int) -> SheetJob:
        before = self._before.get((uid, sheet))
        known = self._versions.get(sheet, ())
        return SheetJob(
            sheet=sheet,
            version=version,
            versions=tuple(sorted({*known, version})),
            has=before.version if before else 0,
            lacking=tuple(before.lacking) if before else (),
            again=self._again,
        )

    def _at_desk(self) -> Desk:
        with self._lock:
            if self._desk is None:
                self._desk = self._new_desk()
            return self._desk

    def _new_desk(self) -> Desk:
        return Desk(self.server, str(store.root(self.server)))


def _outcomes(answer: Answer) -> tuple[Outcome, ...]:
    if answer.error:
        raise CommandFailed(answer.error)
    return answer.sheets


def is_open(outcome: Outcome) -> bool:
    """Whether copies were left alone because the student's server runs."""
    return any(why == SERVER_RUNS for _, _, why in outcome.listed)


_MOST = 40
"""Files that are named, of one student."""


# --- in words -----------------------------------------------------------------------------------

WORDS = {
    "new": "new",
    "replace": "replaced",
    "beside": "beside the student's own",
    "kept": "kept as the student has it",
    "deleted": "deleted by the student",
    "remove": "removed",
    "blocked": "blocked",
    "no_space": "without space",
    "failed": "failed",
    "same": "as it should be",
}


def counts_of(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """How many files of all sheets are in each state; only states that there are."""
    total: Counter[str] = Counter()
    for outcome in outcomes:
        total.update(outcome.counts)
    return {state: total[state] for state in WORDS if total[state]}


def in_words(outcomes: tuple[Outcome, ...]) -> str:
    """``12 new, 1 kept as the student has it (8 MB)``."""
    total = counts_of(outcomes)
    said = [f"{count} {WORDS[state]}" for state, count in total.items()]
    size = sum(outcome.bytes for outcome in outcomes)
    return ", ".join(said) + (f" ({megabytes(size)})" if size else "")


def file_by_file(outcomes: Iterable[Outcome]) -> list[str]:
    """The files that are neither new nor as they should be, each with what becomes of it."""
    lines = []
    for outcome in outcomes:
        for path, state, why in outcome.listed:
            where = path if outcome.sheet == "." else f"{outcome.sheet}/{path}"
            said = f"{WORDS.get(state, state)}{f' ({shown(why, limit=120)})' if why else ''}"
            lines.append(f"{shown(where, limit=120)}: {said}")
    return lines[:_MOST] + ([f"and {len(lines) - _MOST} more"] if len(lines) > _MOST else [])


def complaint(outcomes: tuple[Outcome, ...]) -> str:
    """Why not everything is there, with the first file as an example; empty where it is."""
    wrong = [
        (outcome, path, why or WORDS[state])
        for outcome in outcomes
        for path, state, why in outcome.listed
        if state in LACKING
    ]
    if not wrong:
        return ""
    outcome, path, why = wrong[0]
    where = shown(path if outcome.sheet == "." else f"{outcome.sheet}/{path}", limit=120)
    more = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
    said = f" ({outcome.why})" if outcome.why and outcome.why not in why else ""
    return f"{where}: {why}{said}{more}"


def account_of(server: Server, name: str, uid: int) -> Account:
    """The account as it was chosen. Raises Refused where it is another by now."""
    from hubtui.server import accounts

    account = accounts.read_accounts().by_name.get(name)
    if account is None or account.uid != uid:
        raise Refused(f"{name} is no longer the account with uid {uid}.")
    if account.home.parent != server.course.accounts.homes:
        raise Refused(f"The home {account.home} of {name} is not below accounts.homes.")
    return account
