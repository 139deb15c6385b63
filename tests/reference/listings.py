"""docs/reference-json.md: what ``--json`` gives, command by command.

The keys are those of the code: of the record that a row is, or of the function that makes the row.
A key that neither has a sentence there nor in WORDS is an error: nothing is left unexplained.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from msgspec import Struct

from hubtui import events, why
from hubtui.cli import accounts, causes, journal, release, restarts, schedule, signups, watchdog
from hubtui.cli import glance as look
from hubtui.course_accounts import CourseAccount
from hubtui.drift.records import Choice, Drift
from hubtui.exam import records as exam
from hubtui.findings import Finding
from hubtui.glance.records import ExamLine, Line, PutOff
from hubtui.pauses import Exam
from hubtui.plan.journal import Entry
from hubtui.release import history as past
from hubtui.release import schedule as schedules
from hubtui.release import sheets, status
from hubtui.retire.records import Account, Kept, Receipt
from hubtui.students import Missing
from hubtui.watchdog import history
from tests.reference.described import fields_of, first_line, in_words, words_of

HEAD = """\
# What --json gives

Written by `bin/docs` from the code; change it there. Times are RFC 3339 in UTC. New keys may come;
what is here keeps its meaning within a `format`.

Each listing is one object:

| key | | |
|---|---|---|
| `format` | number | 1 |
| `course` | text | as in course.yaml |
| `at` | time | when it was looked at |
| the listing's name | list | its rows, below |
| `missing` | list of [Missing](#missing) | what could not be looked at: not seen is not nothing |

A change (`--json` with `approve`, `push`, `restart` …) with `--dry-run` gives its plan;
without, one [Event](#event) a line while it runs.
"""
_NONE = re.compile(r"\bNone\b")
WORDS = {
    "status.exam": "[ExamLine](#examline), null where none is near",
    "status.lines": "list of [Line](#line): one for each thing that is looked at",
    "status.findings": "list of [Finding](#finding), worst first, without those that are put off",
    "status.put_off": "list of [PutOff](#putoff)",
    "status.missing": "list of [Missing](#missing)",
    "signups list.name": "as it was signed up: any text",
    "signups list.verdict": "ready, authorised, or why it cannot be approved",
    "release list.bytes": "number: of all its files",
    "release list.changed": "list of text: files changed since then",
    "release schedule.sheets": "list of objects with sheet, and version: null is as it is when due",
    "release schedule.changed": "list of text: sheets that were changed since",
    "state": "how it is",
    "text": "in a sentence, safe to show",
    "title": "in words",
    "name": "of the account",
    "uid": "of the account",
    "id": "by which other commands know it",
    "by": "who did it",
    "at": "when",
    "why": "in a sentence, empty where all is well",
    "what": "of what this is",
    "sheet": "its name",
    "verdict": "the watchdog's word for what it found",
    "reason": "in the words of who wrote it down",
    "elsewhere": "what others look after: `machine.elsewhere`",
    "severity": "how bad",
    "authorised": "true or false: whether the student may log in",
    "first_seen": "time: when hubtui first saw it",
    "warnings": "what to look at before it is approved",
    "home": "its path",
    "mode": "the home's, in octal",
    "bytes": "number: how large",
    "bytes_at": "time: when that was measured",
    "memory": "bytes that its processes hold for themselves",
    "in_roster": "true or false",
    "signup": "`authorised`, `pending` or null",
    "idle_since": "time: of a server that runs; its last activity",
    "leaves": "time: of who is switched off; from then on `hubtui due` removes it",
    "last_activity": "time: as the hub knows it",
    "changed_at": "time: when its newest file was changed",
    "row": "the key of the row there",
    "pane": "of the app that shows it; empty: none",
    "since": "time: since when it is so",
    "outcome": "how it ended; empty where that is not known",
    "incident": "the id for `watchdog causes --incident`",
    "exam": "whether an exam ran",
    "cause": "of the catalogue; empty where it is not known",
    "times": "number: how often",
    "last": "time: of the last one",
    "do": "what mends it",
    "curable": "whether there is a cure for good",
    "last_check": "time, null: none since the machine started",
    "next_check": "time",
    "latency_ms": "for each layer, null where it did not answer",
    "paused_until": "time, null: not paused",
    "silent": "true or false: nobody watches",
    "course": "as in course.yaml",
    "format": "1",
    "run": "of which it is part, for `hubtui journal`",
    "event": "what this line tells",
    "step": "what of it",
    "subject": "whose: a uid as soon as there is one",
    "seq": "number of the line, from 1",
    "finding": "itself",
    "until": "when it comes back",
    "answers": "question by question",
    "from": "when it begins",
    "to": "when it ends",
}


@dataclass(frozen=True)
class Listing:
    """One command."""

    command: str
    noun: str
    rows: type[Struct] | Callable[..., Any]
    like: type | None = None
    """The record whose sentences explain the keys of a row that a function makes."""
    beside: Sequence[tuple[str, str]] = ()
    which: int = 0
    """Of several objects in that function, the row."""


LISTINGS = (
    Listing("status", "", look._json, Line),
    Listing(
        "status --exam",
        "",
        exam.Readiness,
        beside=(
            ("course", "as in course.yaml"),
            ("state", "the worst answer"),
            ("go", "true or false: whether nothing speaks against it"),
        ),
    ),
    Listing(
        "signups list",
        "signups",
        signups._record,
        beside=(("email", "with `--email` alone"),),
    ),
    Listing("accounts list", "accounts", accounts._record, CourseAccount),
    Listing("accounts check", "drift", Drift),
    Listing("accounts receipts", "receipts", Receipt),
    Listing("accounts why NAME", "why", why.Answer),
    Listing(
        "release list",
        "sheets",
        release._sheet_record,
        sheets.Sheet,
        beside=(
            ("gone", "released once, and no longer in the source"),
            ("aside", "names directly in the source that are no sheets"),
        ),
    ),
    Listing(
        "release schedule",
        "schedule",
        schedule._record,
        schedules.Entry,
        beside=(("alive", "whether `hubtui due` runs each minute"),),
    ),
    Listing("release status", "deliveries", status.Row),
    Listing("release history", "history", past.Past),
    Listing("watchdog status", "watchdog", watchdog._json),
    Listing(
        "watchdog history",
        "restarts",
        restarts._record,
        history.Line,
        beside=(("unreadable", "what could not be read"),),
    ),
    Listing(
        "watchdog causes",
        "causes",
        causes._record,
        beside=(("patterns", "what the restarts have in common, in sentences"),),
    ),
    Listing("watchdog exam --list", "exams", Exam),
    Listing("journal", "journal", Entry),
    Listing("journal unfinished", "unfinished", journal.unfinished.callback or journal.unfinished),
)
RECORDS = (
    Line,
    Finding,
    Choice,
    Account,
    Kept,
    PutOff,
    ExamLine,
    exam.Answer,
    Exam,
    Missing,
    events.Event,
)


def page() -> str:
    """The whole file."""
    lines = [HEAD]
    for each in LISTINGS:
        rows = f": the rows of `{each.noun}`" if each.noun else ": the whole object"
        lines += [f"## hubtui {each.command}", f"\nWith `--json`{rows}.\n", *_table(each)]
        lines += [f"| beside: `{key}` | | {text} |" for key, text in each.beside]
        lines.append("")
    lines.append("# The records in them\n")
    for record in RECORDS:
        lines += [f"## {record.__name__}", f"\n{first_line(record)}\n", *_fields(record), ""]
    return "\n".join(lines).rstrip() + "\n"


def _table(each: Listing) -> Iterator[str]:
    if isinstance(each.rows, type):
        yield from _fields(each.rows)
        return
    yield "| key | | |\n|---|---|---|"
    said = words_of(each.like) if each.like else {}
    types = {}
    if each.like and issubclass(each.like, Struct):
        types = {field.name: in_words(field.type) for field in fields_of(each.like)}
    for key in keys_of(each.rows, each.which):
        yield _line(key, types.get(key, ""), said.get(key, ""), each.command)


def _fields(record: type[Struct]) -> Iterator[str]:
    yield "| key | | |\n|---|---|---|"
    said = words_of(record)
    for field in fields_of(record):
        text = said.get(field.name, "")
        yield _line(field.encode_name, in_words(field.type), text, record.__name__)


def _line(key: str, kind: str, text: str, where: str) -> str:
    """What is said of this key of this listing comes first, then the code's own sentence."""
    if own := WORDS.get(f"{where}.{key}", ""):
        return f"| `{key}` | | {own} |"
    if not text and key not in WORDS:
        raise SystemExit(f"{where}: nothing explains {key}; add a docstring, or to WORDS")
    words = _NONE.sub("null", text) or WORDS[key]
    return f"| `{key}` | {kind} | {words} |".replace("  ", " ")


def keys_of(function: Callable[..., Any], which: int = 0) -> list[str]:
    """The keys of the object that the function writes down."""
    assert isinstance(function, FunctionType)
    tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function))))
    found = [
        [key.value for key in node.keys if isinstance(key, ast.Constant)]
        for node in ast.walk(tree)
        if isinstance(node, ast.Dict) and node.keys
    ]
    return [str(key) for key in found[which]]
