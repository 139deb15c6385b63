"""A release: versions of sheets are handed out to all course accounts, or tried on some first.

Each student is a chain of one step; before them stands one for each sheet, from which on the
version is released: whoever joins later gets it too, and what a kill left is made up for.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from queue import SimpleQueue
from typing import Any

from hubtui.errors import ChangedSinceShown, CommandFailed, Refused
from hubtui.names import is_reserved, shown
from hubtui.plan.plans import Plan, new_plan
from hubtui.plan.steps import Chain, Step
from hubtui.release import store
from hubtui.release.chosen import Subject, are_out, called, changed_since, subject_of, title_of
from hubtui.release.desk import Answer, Outcome
from hubtui.release.handout import (
    Handout,
    account_of,
    complaint,
    counts_of,
    file_by_file,
    in_words,
)
from hubtui.release.store import Fate
from hubtui.server import Server
from hubtui.server.accounts import Account
from hubtui.students import Survey, survey
from hubtui.units import megabytes


def push_plan(
    server: Server,
    seen: Survey,
    versions: Mapping[str, int],
    *,
    to: Collection[str] | None = None,
    again: bool = False,
    replace_open: bool = False,
    files: Collection[str] = (),
) -> Plan:
    """A plan that hands out these versions. ``to``: to these students only, as a trial.

    ``files``: what was chosen of the one sheet, to be named.
    Raises Refused for a name that is no course account, and where there is nobody or nothing.
    """
    if not versions:
        raise Refused("There is nothing new to hand out.")
    names = _chosen(seen, to)
    sheets = dict(versions)
    of_sheets = [subject_of(server, sheet, number) for sheet, number in sheets.items()]
    students = [Subject(key=n, name=n, uid=seen.students[n].uid, sheets=sheets) for n in names]
    what = title_of(sheets)
    if files:
        chosen = f"{len(files)} files" if len(files) > 1 else shown(next(iter(files)), limit=60)
        what = f"{chosen} of {what}"
    tried = to is not None and not are_out(of_sheets)  # the rest of a release is no trial
    verb = "Give again" if again else "Try" if tried else "Release"
    title = f"{verb} {what} {'on' if verb == 'Try' else 'to'} "
    title += names[0] if len(names) == 1 else f"{len(names)} students"
    return new_plan(
        "push",
        title,
        [*of_sheets, *students],
        server.clock(),
        trial=to is not None,
        again=again,
        replace_open=replace_open,
    )


def _chosen(seen: Survey, to: Collection[str] | None) -> list[str]:
    if to is None:
        names = sorted(seen.attending)
    else:
        names = list(dict.fromkeys(to))
        for name in names:
            if name not in seen.attending:
                raise Refused(f"{shown(name, limit=40)} {why_not(seen, name)}")
    if not names:
        raise Refused("There are no course accounts to hand anything out to.")
    return names


def why_not(seen: Survey, name: str) -> str:
    """Why nothing can be handed out to somebody who is not among those who attend."""
    if name in seen.students:
        return f"is switched off, and goes on {seen.leaving[name].until[:10]}."
    return left_out(seen).get(name, "is no course account.")


def left_out(seen: Survey) -> dict[str, str]:
    """Names in the roster that get nothing though somebody may expect it, with the reason."""
    found = {}
    for name in seen.roster.lines:
        if name in seen.students:
            continue
        account = seen.accounts.by_name.get(name)
        if name in seen.course.accounts.staff:
            continue  # the admin's own name in the list is nothing to be told of
        if account is None:
            found[name] = "is in the roster, and there is no such account."
        elif account.uid < 1000 or is_reserved(name):
            found[name] = f"is in the roster, and belongs to the system (uid {account.uid})."
        else:
            found[name] = f"is in the roster, but its home is {account.home}."
    return found


def push_chains(server: Server, plan: Plan) -> list[Chain]:
    """The steps of all subjects; every home is looked at, eight at a time."""
    params = plan.params
    handout = Handout(server, plan.id, again=params["again"], replace_open=params["replace_open"])
    subjects = plan.subjects_as(Subject)
    students = [each for each in subjects if each.uid]
    if why := changed_since(server, plan):
        raise ChangedSinceShown(f"{why[0].upper()}{why[1:]} since this was shown.")
    seen = survey(server)
    there = {
        s.key: (seen.attending[s.name], s.sheets)
        for s in students
        if s.name in seen.attending and seen.attending[s.name].uid == s.uid
    }
    # At work each step looks for itself: a student who holds up the look holds up nobody else.
    looks = handout.look(there) if server.lock is None else {}
    chains = []
    for subject in subjects:
        if subject.uid:
            account, _ = there.get(subject.key, (None, {}))
            step = Deliver(handout, subject, account, looks.get(subject.key))
            chains.append(
                Chain(subject=subject.key, steps=[step], uid=subject.uid, notes=step.notes())
            )
        else:
            fate = Fate.TRIAL if params["trial"] else Fate.RELEASED
            steps = [Publish(server, *pair, fate) for pair in subject.sheets.items()]
            notes = _notes(seen, looks, params) if subject is subjects[0] else []
            chains.append(Chain(subject=subject.key, steps=steps, notes=notes, alone=True))
    return chains


def _notes(seen: Survey, looks: Mapping[str, Answer], params: Mapping[str, Any]) -> list[str]:
    """What to read before, of all together: a disk that is too small, names that get nothing."""
    notes = []
    need = sum(outcome.bytes for answer in looks.values() for outcome in answer.sheets)
    homes = seen.course.accounts.homes
    room = os.statvfs(homes)
    free = room.f_bavail * room.f_frsize
    if need > free:
        notes.append(
            f"all together need {megabytes(need)}, and {homes} has {megabytes(free)} left: "
            "the last ones will get nothing"
        )
    if not params["trial"]:
        notes += [f"{shown(name, limit=40)} {why}" for name, why in left_out(seen).items()]
    return notes


class Publish(Step):
    """A version is released from now on; a trial leaves one that is released already as it is."""

    kind = "release"

    def __init__(self, server: Server, sheet: str, version: int, fate: Fate) -> None:
        self.server, self.sheet, self.version, self.fate = server, sheet, version, fate

    def say(self) -> str:
        which = f"version {self.version} of {shown(self.sheet, limit=60)}"
        if self.fate is Fate.TRIAL:
            return f"note that {which} is being tried out"
        return f"note that {which} is released from now on: who joins later gets it, too"

    def done(self) -> bool:
        fate = self._version().fate
        return fate is Fate.RELEASED or fate is self.fate

    def do(self) -> Iterator[str]:
        self._version()
        store.set_fate(self.server, self.sheet, self.version, self.fate)
        yield from ()

    def verify(self) -> None:
        if not self.done():
            raise CommandFailed(
                f"{called(self.sheet)} is still {self._version().fate} in the store."
            )

    def _version(self) -> store.Version:
        found = store.version(store.record(self.server, self.sheet), self.version)
        if found is not None:
            return found
        raise Refused(f"There is no version {self.version} of {shown(self.sheet)} in the store.")


def _far(sheet: str, done: int, total: int) -> str:
    """``120 of 880 MB``, of the sheet that is being copied."""
    return f"{called(sheet)}: {megabytes(done)} of {megabytes(total)}"


_MOVED = ("new", "replace", "beside")


class Deliver(Step):
    """Everything that one student lacks, by rsync, as the student."""

    kind = "deliver"
    urgent = False

    def __init__(
        self, handout: Handout, subject: Subject, account: Account | None, look: Answer | None
    ) -> None:
        """``look``: what a delivery would do; None: nobody looked yet. No account: it is gone."""
        self.handout, self.subject = handout, subject
        self.account, self.look = account, look
        self._given: tuple[Outcome, ...] | None = None

    def say(self) -> str:
        if self.look is not None and self.look.error:
            return f"as {self.subject.name}: {self.look.error}"
        release = self.handout.server.course.release
        where = f"~{self.subject.name}/{release.folder if release else ''}"
        what = f"{in_words(self.look.sheets)}: " if self.look else ""
        return f"{what}rsync -tO --ignore-existing → {where}, as the student"

    def counts(self) -> Mapping[str, int]:
        if self.look is None or self.look.error:
            return {"not possible": 1}
        return counts_of(self.look.sheets)

    def details(self) -> Sequence[str]:
        return file_by_file(self.look.sheets) if self.look else ()

    def notes(self) -> list[str]:
        """What to read before: who will not get everything, and why."""
        if self.account is None:
            return ["there is no such account any more"]
        if self.look is None:
            return []
        return [why] if (why := self.look.error or complaint(self.look.sheets)) else []

    def done(self) -> bool:
        if self.account is None or not self.handout.has(self.subject.uid, self.subject.sheets):
            return False  # the delivery itself looks
        if self.look is None:
            self.look = self.handout.look_at(self.account, self.subject.sheets)
        return not self.look.error and not self._todo(self.look.sheets)

    def do(self) -> Iterator[str]:
        subject = self.subject
        account = account_of(self.handout.server, subject.name, subject.uid)
        if self.look and not self.look.error and not self._todo(self.look.sheets):
            self._given = self.look.sheets
            self.handout.note(account, self._given)
        else:
            said: SimpleQueue[str] = SimpleQueue()
            begun = self.handout.begin(account, subject.sheets, lambda *far: said.put(_far(*far)))
            begun.add_done_callback(lambda _: said.put(""))
            while text := said.get():
                yield text
            self._given = self.handout.given(account, begun)
            self.moved = (
                sum(each.counts.get(state, 0) for each in self._given for state in _MOVED),
                sum(each.bytes for each in self._given),
            )
        self.told = in_words(self._given)

    def verify(self) -> None:
        if self._given is None:
            raise CommandFailed("Nothing was handed out.")
        if why := complaint(self._given):
            raise CommandFailed(f"{why}. {in_words(self._given)}.")

    @staticmethod
    def _todo(outcomes: Sequence[Outcome]) -> bool:
        """Whether a delivery has something to do, if only to tidy up after one that was killed."""
        idle = ("same", "kept", "deleted")
        counted = (pair for each in outcomes for pair in each.counts.items())
        return any(each.why for each in outcomes) or any(
            count for state, count in counted if state not in idle
        )
