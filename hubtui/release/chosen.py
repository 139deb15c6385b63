"""What a plan hands out: versions made, named, and still what somebody was shown.

A plan names each sheet's version by its number and remembers what that was, so that it is never
carried out for another: not by a resume a day later, nor after somebody read the sheet anew.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import msgspec

from hubtui.errors import Refused
from hubtui.names import shown
from hubtui.plan.plans import Plan
from hubtui.release import store
from hubtui.release.store import Fate, Version
from hubtui.server import Server


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """One student, or (without a uid) one sheet that is released."""

    key: str
    name: str
    uid: int = 0
    sheets: dict[str, int]
    """Sheet → version."""
    digest: str = ""
    """Of a sheet: what is in its version."""
    fate: str = ""
    since: str = ""
    """What had become of the version when the plan was made, and when."""


def called(sheet: str) -> str:
    """What a person calls a sheet: its name, safe to show; the flat one has none."""
    return "the exercises" if sheet == "." else shown(sheet, limit=60)


def title_of(sheets: Mapping[str, int]) -> str:
    """``week05 (version 2)``, ``3 sheets``."""
    if len(sheets) != 1:
        return f"{len(sheets)} sheets"
    sheet, version = next(iter(sheets.items()))
    name = called(sheet)
    return f"{name} (version {version})" if version > 1 else name


# --- choosing -----------------------------------------------------------------------------------


def prepare(
    server: Server, sheets: Collection[str], *, files: Collection[str] | None = None
) -> dict[str, int]:
    """The versions of these sheets as the tutor has them now, held in the store.

    ``files``: of the one sheet only these. Raises Refused, CommandFailed, StateError.
    """
    found = snapshots(server, sheets, files=files)
    return {sheet: version.number for sheet, version in found.items()}


def snapshots(
    server: Server, sheets: Collection[str], *, files: Collection[str] | None = None
) -> dict[str, Version]:
    """The same, with all that is known of the versions."""
    from hubtui.release.snapshot import snapshot

    return {sheet: snapshot(server, sheet, files) for sheet in sheets}


def held(server: Server, sheet: str, number: int, digest: str = "") -> int:
    """This version, as somebody has seen it in a preview, for a plan made anew.

    ``digest``: how its digest begins. Raises Refused where it is gone or another by now, or where
    students would get an older one back.
    """
    record = store.record(server, sheet)
    found = store.version(record, number)
    if record is None or found is None:
        raise Refused(f"There is no version {number} of {called(sheet)} any more: look again.")
    if not found.digest.startswith(digest):
        raise Refused(f"{called(sheet)} was read anew since it was previewed: look again.")
    if why := store.overtaken(record, number):
        raise Refused(f"Version {number} of {called(sheet)} is not handed out: {why}.")
    return number


def subject_of(server: Server, sheet: str, number: int) -> Subject:
    """The subject that stands for a sheet, with what its version is now."""
    found = store.version(store.record(server, sheet), number)
    sheets = {sheet: number}
    name = title_of(sheets)
    if found is None:
        return Subject(key=f"sheet {sheet}", name=name, sheets=sheets)
    return Subject(
        key=f"sheet {sheet}",
        name=name,
        sheets=sheets,
        digest=found.digest,
        fate=found.fate,
        since=found.since,
    )


# --- of a plan ----------------------------------------------------------------------------------


def versions_of(plan: Plan) -> dict[str, int]:
    """Sheet → version: what a plan hands out or takes back. Raises StateError."""
    return {sheet: n for one in plan.subjects_as(Subject) for sheet, n in one.sheets.items()}


def as_seen(server: Server, plan: Plan) -> list[str]:
    """The versions of a plan as ``--version`` takes them: ``week05=2:1a2b3c…``."""
    records = store.records(server)
    return [
        f"{sheet}={number}:{found.digest[:16] if found else ''}"
        for sheet, number in versions_of(plan).items()
        for found in [store.version(records.get(sheet), number)]
    ]


def are_out(subjects: Iterable[Subject]) -> bool:
    """Whether all these sheets were released already when the plan was made."""
    return all(subject.fate == Fate.RELEASED for subject in subjects)


def changed_since(server: Server, plan: Plan) -> str:
    """What became of the plan's versions since it was made, so that it must not be carried out."""
    subjects = plan.subjects_as(Subject)
    sheets = [subject for subject in subjects if not subject.uid]
    for subject in sheets or subjects:  # who is caught up gets what is released anyway
        for sheet, number in subject.sheets.items():
            record = store.record(server, sheet)
            own = store.version(record, number)
            if record is None or own is None or subject.digest not in ("", own.digest):
                return f"{called(sheet)} was read anew"
            before = (subject.fate, subject.since)
            if own.fate is Fate.WITHDRAWN and (own.fate, own.since) != before:
                return f"{called(sheet)} was withdrawn"
            if why := store.overtaken(record, number):
                return why
    return ""
