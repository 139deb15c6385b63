"""What the release screens show: a tutor's sheets and a class, made by hand, on no machine."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from hubtui.changes import StepLine, SubjectLine
from hubtui.clock import stamp
from hubtui.course import Release
from hubtui.course_accounts import Live
from hubtui.errors import UsageError
from hubtui.events import EventLog, Outcome, What
from hubtui.plan import runs
from hubtui.plan.plans import Plan
from hubtui.release.chosen import Subject, title_of
from hubtui.release.ledger import Delivered as Given
from hubtui.release.sheets import Sheet, SheetList, SheetState
from hubtui.release.source import Entry
from hubtui.release.status import Released, Standing
from hubtui.server import Server
from hubtui.students import Missing
from hubtui.tui.access import Order, Previewed
from hubtui.tui.coming import Coming
from hubtui.tui.following import Following
from hubtui.tui.look import Look
from hubtui.when import Moment
from tests.snapshots import scenes
from tests.unit import surveys

HOSTILE = "[red]x[/]\u202eabc\x1b[2J" + "long" * 20
NAMES = [f"{a}-{b}" for a in ("blue", "green", "old", "red") for b in ("bee", "fox", "newt", "owl")]
LONGEST = "abcdefghijklmnopqrstuvwxyz-01234"
_AT = surveys.NOON


def server_with_release(tmp_path: Path) -> Server:
    """As scenes.server_on_paper(), with a tutor."""
    server = scenes.server_on_paper(tmp_path)
    release = Release(source=Path("/home/tutor/exercises"), tutors=("tutor",))
    return dataclasses.replace(
        server, course=msgspec.structs.replace(server.course, release=release)
    )


def look(tmp_path: Path, found: SheetList, coming: Mapping[str, Coming] | None = None) -> Look:
    """Nothing but sheets."""
    return Look(
        survey=surveys.survey(tmp_path),
        judged={},
        since={},
        accounts=(),
        live=Live(),
        sheets=found,
        coming=coming or {},
    )


def _saved(**ago: float) -> int:
    return int((_AT - timedelta(**ago)).timestamp())


def _sheet(
    name: str, state: SheetState, files: int, size: int, newest: int, **more: object
) -> Sheet:
    released = state is not SheetState.NEVER
    before: dict[str, object] = {"version": 1, "since": stamp(_AT - timedelta(days=7))}
    given = {**(before if released else {}), **more}
    made = Sheet(name=name, files=files, bytes=size, newest=newest, state=state)
    return msgspec.structs.replace(made, **given)


def sheets() -> SheetList:
    """Every state, a hostile name, findings, a solution, and one that is gone."""
    never, released = SheetState.NEVER, SheetState.RELEASED
    return SheetList(
        at=stamp(_AT),
        sheets=(
            _sheet("week01", released, 9, 4_200_000, _saved(days=40), version=2),
            _sheet("week01-solutions", released, 3, 310_000, _saved(days=33), solution=True),
            _sheet(
                "week04", SheetState.CHANGED, 12, 8_300_000, _saved(hours=3), version=3,
                changed=("sheet.ipynb",), new=("data/rain.csv", "hint.md"),
                findings=("1 file gone since the release, kept by students",),
            ),
            _sheet("week04-solutions", never, 4, 420_000, _saved(minutes=50), solution=True),
            _sheet("week05", never, 12, 8_100_000, _saved(minutes=5)),
            _sheet("week06", never, 6, 2_000_000, _saved(minutes=90)),
            _sheet("week02", SheetState.ADDED, 5, 900_000, _saved(days=2), new=("corrected.md",)),
            _sheet(
                HOSTILE, never, 3, 1_400_000_000, 1 << 40,
                findings=(
                    "2 files left out – a link is not handed out: grades.csv, [@click=app.quit]x",
                    "1.4 GB × 50 accounts = 70.0 GB: only 12.1 GB are free in /home",
                ),
            ),
        ),
        gone=("week03",),
        aside=(".git",),
    )  # fmt: skip


COMING = {"week06": Coming("Mon 30, 08:00", "Mon 30 Nov 2026, 08:00 (Europe/Berlin)", changed=True)}


def empty() -> SheetList:
    """A source without a sheet."""
    return SheetList(at=stamp(_AT), sheets=())


def unreadable() -> SheetList:
    """A source that is not there."""
    why = "/home/tutor/exercises (release.source in course.yaml) does not exist."
    return SheetList(at=stamp(_AT), sheets=(), missing=(Missing(what="release.source", why=why),))


def push_plan() -> Plan:
    """Two sheets to a class."""
    versions = {"week04": 4, "week05": 1}
    subjects = [
        Subject(key=f"sheet {sheet}", name=title_of({sheet: number}), sheets={sheet: number})
        for sheet, number in versions.items()
    ]
    for uid, name in enumerate([*NAMES, LONGEST], 20000):
        subjects.append(Subject(key=name, name=name, uid=uid, sheets=versions))
    return Plan(
        id="20261123-120000-abcdef",
        kind="push",
        title=f"Release 2 sheets to {len(NAMES) + 1} students",
        params={"trial": False, "again": False, "replace_open": False},
        subjects=tuple(msgspec.to_builtins(subject) for subject in subjects),
        by="eva",
        at=stamp(_AT),
    )


_COUNTS: dict[str, tuple[dict[str, int], tuple[str, ...]]] = {
    "blue-fox": ({"new": 14, "beside": 1, "kept": 1, "same": 8}, ()),
    "green-bee": (
        {"new": 2, "blocked": 12},
        (
            "week05/sheet.ipynb: a link or a file stands in the way at exercises/week05, "
            "and 11 more",
        ),
    ),
    "old-owl": ({"no_space": 24}, ("week04/data/rain.csv: no space left, and 23 more",)),
    "red-bee": ({"same": 24}, ()),
}  # fmt: skip


_DETAILS = (
    "week04/sheet.ipynb: beside the student's own (changed by the student)",
    "week04/data/[b]x[/].csv: kept as the student has it",
)


def push_lines(plan: Plan) -> list[SubjectLine]:
    """As changes.preview() makes them."""
    lines = []
    for subject in plan.subjects_as(Subject):
        if not subject.uid:
            say = f"note that {subject.name} is released from now on: who joins later gets it, too"
            step = StepLine(kind="release", say=say, done=False, counts={"release": 1})
            lines.append(SubjectLine(key=subject.key, name=subject.name, steps=(step,)))
            continue
        counts, notes = _COUNTS.get(subject.name, ({"new": 14, "replace": 1, "same": 9}, ()))
        what = ", ".join(f"{count} {state}" for state, count in counts.items())
        say = f"{what}: rsync -tO --ignore-existing → ~{subject.name}/exercises, as the student"
        step = StepLine(
            kind="deliver",
            say=say,
            done=set(counts) == {"same"},
            counts=dict(counts),
            details=_DETAILS if "beside" in counts else (),
        )
        line = SubjectLine(key=subject.key, name=subject.name, steps=(step,), notes=notes)
        lines.append(line)
    return lines


def half_way(server: Server, plan: Plan) -> None:
    """Nine students are through, one of them not, eight are at work."""
    log = EventLog(runs.events_path(server.state, plan.id), plan.id)
    log.emit(What.PLAN, at=stamp(_AT - timedelta(seconds=12)))
    for sheet in ("sheet week04", "sheet week05"):
        log.emit(What.END, subject=sheet, outcome=Outcome.DONE)
    for name in NAMES[:9]:
        _end(log, name)
    for name in NAMES[9:]:
        text = f"14 new, 1 replaced: rsync -tO --ignore-existing → ~{name}/exercises"
        log.emit(What.START, subject=name, step="deliver", text=text)


def _end(log: EventLog, name: str) -> None:
    counts, notes = _COUNTS.get(name, ({"new": 14, "replace": 1}, ()))
    if notes:
        log.emit(What.END, subject=name, outcome=Outcome.FAILED, text=f"{notes[0]}. 2 new.")
    else:
        text = ", ".join(f"{count} {state}" for state, count in counts.items())
        moved = (sum(counts.values()), 8_700_000)
        log.emit(What.END, subject=name, outcome=Outcome.DONE, text=f"{text} (9 MB)", moved=moved)


def to_the_end(server: Server, plan: Plan) -> None:
    """Two of them failed."""
    half_way(server, plan)
    log = EventLog(runs.events_path(server.state, plan.id), plan.id)
    for name in (*NAMES[9:], LONGEST):
        _end(log, name)
    log.emit(What.DONE, outcome=Outcome.FAILED, text="17 done, 2 failed")


def cancelled(server: Server, plan: Plan) -> None:
    """Somebody stopped it half way; who was at work is through, the last one was not begun."""
    half_way(server, plan)
    log = EventLog(runs.events_path(server.state, plan.id), plan.id)
    for name in NAMES[9:]:
        _end(log, name)
    text = "cancelled before: rsync -tO --ignore-existing"
    log.emit(What.END, subject=LONGEST, outcome=Outcome.CANCELLED, text=text)
    log.emit(What.DONE, outcome=Outcome.FAILED, text="16 done, 2 failed, 1 cancelled")


# --- who has what ---------------------------------------------------------------------------------

_LISTED = (("sheet.ipynb", "beside", "changed by the student"), ("data/[b]x[/].csv", "kept", ""))


def standing() -> Standing:
    """Sheets enough for no screen; every sign."""
    names = ["week10", "week09-solutions", HOSTILE, *(f"week0{n}" for n in range(8, 0, -1))]
    sheets = [
        Released(name, 1 + (name == "week08"), stamp(_AT - timedelta(days=7 * i)), name != "week10")
        for i, name in enumerate(names)
    ]
    students = {name: 20000 + i for i, name in enumerate(sorted([*NAMES, LONGEST]))}
    found: dict[tuple[int, str], Given] = {}
    states = ("new", "same", "kept", "beside", "blocked", "no_space", "failed")
    for row, (name, uid) in enumerate(students.items()):
        for place, sheet in enumerate(sheets):
            if (not sheet.released and row > 2) or (name == "red-owl" and place < 3):
                continue
            odd = row * 7 + place * 3
            state = states[odd % len(states)] if odd % 5 == 1 else "new"
            version = 1 if sheet.version == 2 and row % 4 == 0 else sheet.version
            found[uid, sheet.name] = Given(
                uid=uid, sheet=sheet.name, version=version, run="", why="",
                at=sheet.since, counts={state: 2, "same": 10},
                listed=_LISTED if state in ("beside", "kept") else (),
            )  # fmt: skip
    return Standing(_AT, sheets, students, found)


class Fixed:
    """An Access to things made by hand."""

    refusal = ""

    def plan(self, order: Order) -> Previewed:
        plan = push_plan()
        params = {**plan.params, "replace_open": order.replace_open}
        plan = msgspec.structs.replace(plan, params=params)
        return plan, push_lines(plan)

    def start(self, plan: Plan) -> Following:
        raise NotImplementedError

    def is_busy(self) -> bool:
        return False

    def sheets(self) -> SheetList:
        return sheets()

    def files(self, sheet: str) -> Sequence[Entry]:
        saved = _saved(hours=2)
        return [
            Entry("sheet.ipynb", 48_000, saved, 0o644, 1000, ""),
            Entry("data/rain.csv", 7_900_000, saved, 0o644, 1000, ""),
            Entry("hint.md", 300, saved, 0o644, 1000, ""),
            Entry("[b]x[/]\u202e.csv", 12_000, saved, 0o644, 1000, ""),
            Entry("grades.csv", 0, saved, 0o777, 1000, "a link is not handed out"),
        ]

    def standing(self) -> Standing:
        return standing()

    def coming(self) -> Mapping[str, Coming]:
        return COMING

    def meant(self, text: str) -> Moment:
        if text == "never":
            raise UsageError('\'never\' is no time: say "Mon 08:00" or "2026-11-30 08:00".')
        return Moment(at=datetime(2026, 11, 30, 7, tzinfo=_AT.tzinfo), zone="Europe/Berlin")

    def schedule(self, sheets: Sequence[str], when: Moment) -> None:
        raise NotImplementedError

    def unschedule(self, sheet: str) -> None:
        raise NotImplementedError

    def newer(self, sheet: str) -> None:
        raise NotImplementedError
