"""What is to be known before sheets are handed out or taken back, besides what the plan says."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence

from hubtui.changes import SubjectLine
from hubtui.names import shown
from hubtui.plan.plans import Plan
from hubtui.release.chosen import Subject, title_of, versions_of
from hubtui.release.sheets import Sheet, is_solution
from hubtui.server import Server, processes
from hubtui.tui.access import Order
from hubtui.tui.look import Look
from hubtui.tui.plan_words import Told, sheets_of, told
from hubtui.tui.titles import count, first_of, title
from hubtui.workers.compare import SERVER_RUNS

_NAMED = 6
"""Sheets or files that are named, before the others are only counted."""
SOLUTION = "example solution"


def told_of(
    order: Order, plan: Plan, lines: Sequence[SubjectLine], server: Server, look: Look | None
) -> Told:
    """The words of the dialog. Looks at processes: call it in a thread."""
    sheets = versions_of(plan)
    patterns = server.course.release.solutions if server.course.release else ()
    solutions = {sheet for sheet in sheets if is_solution(sheet, patterns)}
    found = look.sheets.sheets if look and look.sheets else ()
    people = [line for line in lines if line.key not in sheets_of(plan)]
    warnings = [*_scheduled(order, look), *_servers(order, plan, people)]
    return told(
        plan,
        lines,
        about=list(_about(order, sheets, solutions, {sheet.name: sheet for sheet in found})),
        warnings=warnings,
        labels={f"sheet {sheet}": SOLUTION for sheet in solutions},
        trial=order.trial,
    )


def _about(
    order: Order, versions: Mapping[str, int], solutions: set[str], known: Mapping[str, Sheet]
) -> Iterator[str]:
    if order.files is not None:
        [name] = order.sheets
        sheet = known.get(name)
        of = f" of {sheet.files}" if sheet else ""
        files = first_of([shown(path, limit=60) for path in order.files], _NAMED)
        rest = "; the others stay as released" if sheet and sheet.version is not None else ""
        many = "s" if (sheet.files if sheet else len(order.files)) != 1 else ""
        yield f"{len(order.files)}{of} file{many} of {title(name)}: {files}{rest}"
    elif len(versions) > 1 or solutions:
        yield first_of(
            [
                title_of({sheet: number}) + (f" ({SOLUTION})" if sheet in solutions else "")
                for sheet, number in versions.items()
            ],
            _NAMED,
        )


def _scheduled(order: Order, look: Look | None) -> Iterator[str]:
    """A sheet that is to come later goes out now."""
    if order.withdraw or order.to is not None or look is None:
        return
    for sheet in order.sheets:
        if (coming := look.coming.get(sheet)) is not None:
            yield f"{title(sheet)} is scheduled for {coming.short}: this releases it now"


def _servers(order: Order, plan: Plan, people: Sequence[SubjectLine]) -> Iterator[str]:
    """What becomes of files that may be open in a notebook."""
    if order.replace_open:
        yield _replaced(plan, people)
        return
    open_ = sum(any(map(_says_so, _read(line))) for line in people)
    if open_:
        who = f"{count(open_, 'student')} {'has' if open_ == 1 else 'have'} their server running"
        if order.withdraw:
            yield f"{who}: what may be open stays; withdraw it once more when it does not run"
        else:
            yield f"{who}: the new version goes beside theirs; P replaces it"


def _replaced(plan: Plan, people: Sequence[SubjectLine]) -> str:
    asked = "who has one open will be asked: overwrite or revert?"
    if os.geteuid() != 0:  # whose servers run is root's to see
        return f"Files are replaced even where a student's server runs: {asked}"
    serving = processes.serving()
    uids = {one.key: one.uid for one in plan.subjects_as(Subject)}
    counts = [
        sum(step.counts.get("replace", 0) for step in line.steps)
        for line in people
        if uids.get(line.key) in serving
    ]
    students = sum(map(bool, counts))
    if not students:
        return "Nothing is replaced below a running server now: p would do the same"
    who, runs = "1 student", "the server runs"
    if students > 1:
        who, runs = f"{students} students", "their servers run"
    are = "is" if sum(counts) == 1 else "are"
    return f"{count(sum(counts), 'file')} of {who} {are} replaced although {runs}: {asked}"


def _read(line: SubjectLine) -> Iterator[str]:
    yield from line.notes
    for step in line.steps:
        yield from step.details


def _says_so(text: str) -> bool:
    return SERVER_RUNS in text
